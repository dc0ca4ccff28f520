// SPDX-License-Identifier: MIT
// Folders of safetensors whose header, index or config lies.
#include <sys/stat.h>

#include "base/size.h"
#include "hostile.h"

static char folder[] = "/tmp/vkhrope-hostile-XXXXXX";

static const char *in_folder(const char *name)
{
    static char path[128];
    snprintf(path, sizeof(path), "%s/%s", folder, name);
    return path;
}

static void write_text(const char *name, const char *text)
{
    write_file(in_folder(name), text, strlen(text));
}

static const char good_config[] =
    "{\"model_type\": \"llama\", \"hidden_size\": 8, \"num_hidden_layers\": 1, \"vocab_size\": 4,"
    "\"num_attention_heads\": 2, \"intermediate_size\": 8, \"max_position_embeddings\": 64,"
    "\"rms_norm_eps\": 1e-5}";

// A header of that length with that text, in a file of 1 KB.
static void write_header(uint64_t length, const char *text)
{
    uint8_t data[1024] = {0};
    for (unsigned i = 0; i < 8; i++)
        data[i] = (uint8_t)(length >> 8 * i);
    memcpy(data + 8, text, vkh_min_size(strlen(text), sizeof(data) - 8));
    write_file(in_folder("model.safetensors"), data, sizeof(data));
}

static void test_lengths(void)
{
    static const uint64_t lengths[] = {1017, 1u << 31, 100000001, 1ull << 63, UINT64_MAX};
    for (size_t i = 0; i < VKH_COUNTOF(lengths); i++) {
        write_header(lengths[i], "{}");
        check_refused(folder, VKH_ERR_FORMAT, "model.safetensors: a header of ");
    }
    write_text("model.safetensors", "short");
    check_refused(folder, VKH_ERR_FORMAT, "model.safetensors: too short");
}

static void test_headers(void)
{
#define TENSOR(name, type, shape, from, to)                                                        \
    "\"" name "\":{\"dtype\":\"" type "\",\"shape\":" shape ",\"data_offsets\":[" from "," to "]}"
    static const struct {
        const char *header;
        enum vkh_status status;
        const char *message;
    } cases[] = {
        {"{" TENSOR("a", "F32", "[32768,32768]", "0", "4294967296") "}", VKH_ERR_FORMAT,
         "tensor a: the data runs past the end"},
        {"{" TENSOR("a", "F32", "[4611686018427387904,2]", "0", "64") "}", VKH_ERR_FORMAT,
         "tensor a: more than 2^64 bytes"},
        {"{" TENSOR("a", "F32", "[9223372036854775807,3]", "0", "64") "}", VKH_ERR_FORMAT,
         "tensor a: more than 2^64 elements"},
        {"{" TENSOR("a", "F32", "[-4]", "0", "16") "}", VKH_ERR_FORMAT, "tensor a: a dimension"},
        {"{" TENSOR("a", "F32", "[1e3]", "0", "16") "}", VKH_ERR_FORMAT, "tensor a: a dimension"},
        {"{" TENSOR("a", "F32", "[99999999999999999999]", "0", "16") "}", VKH_ERR_FORMAT, "JSON"},
        {"{" TENSOR("a", "F32", "[4]", "16", "0") "}", VKH_ERR_FORMAT, "tensor a: data_offsets"},
        {"{" TENSOR("a", "F32", "[4]", "0", "32") "}", VKH_ERR_FORMAT, "span 32 bytes"},
        {"{" TENSOR("a", "F32", "[4]", "9223372036854775791", "9223372036854775807") "}",
         VKH_ERR_FORMAT, "tensor a: the data runs past"},
        {"{" TENSOR("a", "Q9", "[4]", "0", "16") "}", VKH_ERR_UNSUPPORTED, "tensor a: dtype Q9"},
        {"{" TENSOR("a", "F32", "[4]", "0", "16") "," TENSOR("b", "F32", "[4]", "8", "24") "}",
         VKH_ERR_FORMAT, "tensors a and b overlap"},
        {"{" TENSOR("a", "F32", "[4]", "0", "16") "," TENSOR("a", "F32", "[4]", "16", "32") "}",
         VKH_ERR_FORMAT, "JSON"},
        {"{" TENSOR("a", "F32", "[1,1,1,1,4]", "0", "16") "}", VKH_ERR_FORMAT, "tensor a: shape"},
        {"[1]", VKH_ERR_FORMAT, "not a JSON object"},
    };
    for (size_t i = 0; i < VKH_COUNTOF(cases); i++) {
        write_header(strlen(cases[i].header), cases[i].header);
        check_refused(folder, cases[i].status, cases[i].message);
    }
    char deep[1017];
    memset(deep, '[', sizeof(deep) - 1);
    deep[sizeof(deep) - 1] = '\0';
    write_header(1016, deep);
    check_refused(folder, VKH_ERR_FORMAT, "not a JSON object");
}

static void test_indices(void)
{
    static const struct {
        const char *map;
        enum vkh_status status;
        const char *message;
    } cases[] = {
        {"{}", VKH_ERR_FORMAT, "weight_map names no tensors"},
        {"{\"a\": \"../x\"}", VKH_ERR_FORMAT, "weight_map.a is not the name of a file beside it"},
        {"{\"a\": \"/etc/passwd\"}", VKH_ERR_FORMAT, "weight_map.a is not the name"},
        {"{\"a\": \"..\"}", VKH_ERR_FORMAT, "weight_map.a is not the name"},
        {"{\"a\": 7}", VKH_ERR_FORMAT, "weight_map.a is not the name"},
        {"{\"a\": \"nowhere\"}", VKH_ERR_IO, "nowhere: cannot open"},
        {"{\"a\": \".\"}", VKH_ERR_IO, "not a regular file"},
        {"{\"a\": \"model.safetensors.index.json\"}", VKH_ERR_FORMAT, "index.json: a header of "},
        {"{\"a\": \"x\", \"a\": \"y\"}", VKH_ERR_FORMAT, "model.safetensors.index.json: line 1"},
    };
    for (size_t i = 0; i < VKH_COUNTOF(cases); i++) {
        char text[256];
        snprintf(text, sizeof(text), "{\"weight_map\": %s}", cases[i].map);
        write_text("model.safetensors.index.json", text);
        check_refused(folder, cases[i].status, cases[i].message);
    }
    write_text("model.safetensors.index.json", "");
    check_refused(folder, VKH_ERR_FORMAT, "index.json: line 1: '[' or '{' expected");
    CHECK(unlink(in_folder("model.safetensors.index.json")) == 0);
}

static void test_configs(void)
{
    static const struct {
        const char *config;
        enum vkh_status status;
        const char *message;
    } cases[] = {
        {"", VKH_ERR_FORMAT, "config.json: line 1: '[' or '{' expected"},
        {"[]", VKH_ERR_FORMAT, "config.json: not a JSON object"},
        {"{\"model_type\": \"llama\", \"model_type\": \"llama\"}", VKH_ERR_FORMAT, "line 1"},
        {"{\"model_type\": \"llama\", \"hidden_size\": 1e400}", VKH_ERR_FORMAT, "line 1"},
        {"{\"model_type\": \"llama\", \"hidden_size\": -1}", VKH_ERR_FORMAT, "hidden_size"},
        {"{\"model_type\": \"llama\", \"hidden_size\": 4294967296}", VKH_ERR_FORMAT, "hidden_size"},
        {"{\"model_type\": \"llama\", \"hidden_size\": 9223372036854775808}", VKH_ERR_FORMAT,
         "line 1"},
        {"{\"model_type\": \"lama\"}", VKH_ERR_UNSUPPORTED, "model_type"},
    };
    for (size_t i = 0; i < VKH_COUNTOF(cases); i++) {
        write_text("config.json", cases[i].config);
        check_refused(folder, cases[i].status, cases[i].message);
    }
}

int main(void)
{
    CHECK(mkdtemp(folder) != NULL);
    limit_memory();
    write_text("config.json", good_config);
    test_lengths();
    test_headers();
    test_indices();
    test_configs();
    CHECK(unlink(in_folder("config.json")) == 0 && unlink(in_folder("model.safetensors")) == 0);
    CHECK(rmdir(folder) == 0);
    return check_result();
}
