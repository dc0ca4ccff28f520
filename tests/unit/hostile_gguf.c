// SPDX-License-Identifier: MIT
// GGUF files that lie about sizes, offsets, counts, names, types and parts.
#include <sys/stat.h>

#include "base/size.h"
#include "gguf_test.h"
#include "hostile.h"

static char folder[] = "/tmp/vkhrope-hostile-XXXXXX";
static struct writer w;

static const char *in_folder(const char *name)
{
    static char path[128];
    snprintf(path, sizeof(path), "%s/%s", folder, name);
    return path;
}

// Writes what `w` holds, padded to 1 KB, and opens it.
static void refuse(enum vkh_status status, const char *message)
{
    if (w.size < 1024)
        w.size = 1024;
    write_file(in_folder("x.gguf"), w.data, w.size);
    check_refused(in_folder("x.gguf"), status, message);
    CHECK_MSG(strstr(last_line, in_folder("x.gguf")), "the file is not named: %s", last_line);
}

struct tensor {
    const char *name;
    uint64_t cols, rows;
    uint32_t type;
    uint64_t offset;
};

static void refuse_tensors(struct tensor a, struct tensor b, enum vkh_status status,
                           const char *message)
{
    put_header(&w);
    put_tensor(&w, a.name, a.cols, a.rows, a.type, a.offset);
    if (b.name)
        put_tensor(&w, b.name, b.cols, b.rows, b.type, b.offset);
    put_counts(&w, b.name ? 2 : 1, 0);
    refuse(status, message);
}

static void test_tensors(void)
{
    static const struct {
        struct tensor a, b;
        enum vkh_status status;
        const char *message;
    } cases[] = {
        {{"big", 32768, 32768, 0, 0}, {0}, VKH_ERR_FORMAT, "tensor big: 4294967296 bytes"},
        {{"big", 1ull << 62, 2, 0, 0}, {0}, VKH_ERR_FORMAT, "tensor big: more than 2^64 bytes"},
        {{"big", 1ull << 63, 1, 2, 0}, {0}, VKH_ERR_FORMAT, "tensor big: 5188146770730811392 byte"},
        {{"big", 1ull << 63, 2, 2, 0}, {0}, VKH_ERR_FORMAT, "tensor big: more than 2^64 elem"},
        {{"big", UINT64_MAX, UINT64_MAX, 0, 0}, {0}, VKH_ERR_FORMAT, "tensor big: more than 2^64"},
        {{"none", 0, 4, 0, 0}, {0}, VKH_ERR_FORMAT, "tensor none: a dimension is 0"},
        {{"odd", 33, 4, 2, 0}, {0}, VKH_ERR_FORMAT, "tensor odd: rows of 33 elements"},
        {{"odd", 32, 4, 12, 0}, {0}, VKH_ERR_FORMAT, "tensor odd: rows of 32 elements"},
        {{"far", 4, 4, 0, 1ull << 40}, {0}, VKH_ERR_FORMAT, "tensor far: 64 bytes at offset"},
        {{"far", 4, 4, 0, UINT64_MAX - 31}, {0}, VKH_ERR_FORMAT, "tensor far: 64 bytes at offset"},
        {{"askew", 4, 4, 0, 8}, {0}, VKH_ERR_FORMAT, "tensor askew: offset 8"},
        {{"odd", 4, 4, 77, 0}, {0}, VKH_ERR_UNSUPPORTED, "tensor odd: unknown element type 77"},
        {{"odd", 4, 4, UINT32_MAX, 0}, {0}, VKH_ERR_UNSUPPORTED, "tensor odd: unknown element"},
        {{"odd", 256, 4, 16, 0}, {0}, VKH_ERR_UNSUPPORTED, "element type IQ2_XXS is not supported"},
        {{"", 4, 4, 0, 0}, {0}, VKH_ERR_FORMAT, "the name of tensor 0"},
        {{"a\nb", 4, 4, 0, 0}, {0}, VKH_ERR_FORMAT, "the name of tensor 0"},
        {{"a", 4, 4, 0, 0}, {"b", 4, 4, 0, 32}, VKH_ERR_FORMAT, "tensors a and b overlap"},
        {{"a", 4, 4, 0, 0}, {"b", 4, 4, 0, 0}, VKH_ERR_FORMAT, "overlap"},
        {{"a", 4, 4, 0, 0}, {"a", 4, 4, 0, 64}, VKH_ERR_FORMAT, "two tensors are named a"},
    };
    for (size_t i = 0; i < VKH_COUNTOF(cases); i++)
        refuse_tensors(cases[i].a, cases[i].b, cases[i].status, cases[i].message);
}

static void test_counts(void)
{
    static const uint64_t counts[] = {30, 1000, 1ull << 32, 1ull << 63, UINT64_MAX};
    for (size_t i = 0; i < VKH_COUNTOF(counts); i++) {
        put_header(&w);
        put_counts(&w, counts[i], 0);
        refuse(VKH_ERR_FORMAT, i == 0 ? "tensor" : "tensors are more than the file can hold");
        put_header(&w);
        put_counts(&w, 0, counts[i]);
        refuse(VKH_ERR_FORMAT, "metadata pair");
    }
    for (uint32_t dims = 0; dims < 6; dims += 5) {
        put_header(&w);
        put_string(&w, "a", 1);
        put_number(&w, dims, 4);
        put_counts(&w, 1, 0);
        refuse(VKH_ERR_FORMAT, "tensor a: ");
    }
}

// A pair whose value is an array of `count` elements of a type.
static void put_array(uint32_t type, uint64_t count)
{
    put_header(&w);
    put_key(&w, "a", VKH_GGUF_ARRAY);
    put_number(&w, type, 4);
    put_number(&w, count, 8);
    put_counts(&w, 0, 1);
}

static void test_metadata(void)
{
    static const uint64_t counts[] = {1100, 1ull << 61, 1ull << 63, UINT64_MAX};
    static const uint32_t types[] = {VKH_GGUF_U8, VKH_GGUF_F64, VKH_GGUF_STRING, VKH_GGUF_ARRAY,
                                     99};
    for (size_t i = 0; i < VKH_COUNTOF(counts); i++) {
        for (size_t k = 0; k < VKH_COUNTOF(types); k++) {
            put_array(types[k], counts[i]);
            refuse(VKH_ERR_FORMAT, "a: the value runs past the end");
        }
        put_header(&w);
        put_key(&w, "a", VKH_GGUF_STRING);
        put_number(&w, counts[i], 8);
        put_counts(&w, 0, 1);
        refuse(VKH_ERR_FORMAT, "a: the value runs past the end");
        put_header(&w);
        put_number(&w, counts[i], 8);
        put_counts(&w, 0, 1);
        refuse(VKH_ERR_FORMAT, "the key of metadata pair 0");
    }
    put_array(VKH_GGUF_ARRAY, 1);
    for (int depth = 0; depth < 60; depth++) {
        put_number(&w, VKH_GGUF_ARRAY, 4);
        put_number(&w, 1, 8);
    }
    refuse(VKH_ERR_FORMAT, "nests too deeply");
    put_header(&w);
    put_pair_u32(&w, "twice", 1);
    put_pair_u32(&w, "twice", 1);
    put_counts(&w, 0, 2);
    refuse(VKH_ERR_FORMAT, "twice: the key appears twice");
    static const uint32_t alignments[] = {0, 3, 1u << 31};
    for (size_t i = 0; i < VKH_COUNTOF(alignments); i++) {
        put_header(&w);
        put_pair_u32(&w, "general.alignment", alignments[i]);
        put_counts(&w, 0, 1);
        refuse(VKH_ERR_FORMAT, "general.alignment: ");
    }
}

// A config of two billion layers over a file without tensors.
static void test_config(void)
{
    static const char *const sizes[] = {"llama.block_count",
                                        "llama.embedding_length",
                                        "llama.feed_forward_length",
                                        "llama.attention.head_count",
                                        "llama.attention.key_length",
                                        "llama.context_length",
                                        "llama.vocab_size"};
    put_header(&w);
    put_pair_text(&w, "general.architecture", "llama");
    for (size_t i = 0; i < VKH_COUNTOF(sizes); i++)
        put_pair_u32(&w, sizes[i], 1u << 31);
    put_key(&w, "llama.attention.layer_norm_rms_epsilon", VKH_GGUF_F32);
    put_number(&w, 0x3727c5ac, 4); // 1e-5
    put_counts(&w, 0, w.n_pairs);
    refuse(VKH_ERR_FORMAT, "0 tensors cannot make 2147483648 layers");
}

static void write_part(const char *name, uint32_t number, uint32_t count, bool named)
{
    put_header(&w);
    if (named)
        put_pair_text(&w, "general.architecture", "llama");
    put_pair_u32(&w, "split.no", number);
    put_pair_u32(&w, "split.count", count);
    put_pair_u32(&w, "split.tensors.count", 2);
    put_tensor(&w, "a", 4, 4, 0, 0);
    put_counts(&w, 1, w.n_pairs);
    w.size = 1024;
    write_file(in_folder(name), w.data, w.size);
}

static void test_parts(void)
{
    write_part("m.gguf", 0, 2, true);
    check_refused(in_folder("m.gguf"), VKH_ERR_FORMAT, "must end in -00001-of-00002.gguf");
    write_part("m-00002-of-00002.gguf", 0, 2, true);
    check_refused(in_folder("m-00002-of-00002.gguf"), VKH_ERR_FORMAT, "-00001-of-00002.gguf");
    write_part("m-00001-of-00002.gguf", 0, 2, true);
    check_refused(in_folder("m-00001-of-00002.gguf"), VKH_ERR_FORMAT, "split.no 0 of 2, but");
    write_part("m-00002-of-00002.gguf", 1, 3, false);
    check_refused(in_folder("m-00001-of-00002.gguf"), VKH_ERR_FORMAT, "split.no 1 of 3, but");
    write_part("m-00002-of-00002.gguf", 1, 2, false);
    check_refused(in_folder("m-00002-of-00002.gguf"), VKH_ERR_FORMAT, "two tensors are named a");
    CHECK(unlink(in_folder("m-00002-of-00002.gguf")) == 0);
    check_refused(in_folder("m-00001-of-00002.gguf"), VKH_ERR_IO, "m-00002-of-00002.gguf");
    // A part that is a link to the first: no cycle to go round in.
    CHECK(symlink("m-00001-of-00002.gguf", in_folder("m-00002-of-00002.gguf")) == 0);
    check_refused(in_folder("m-00001-of-00002.gguf"), VKH_ERR_FORMAT, "split.no 0 of 2, but");
    write_part("n-4000000000-of-4000000001.gguf", 3999999999u, 4000000001u, false);
    check_refused(in_folder("n-4000000000-of-4000000001.gguf"), VKH_ERR_FORMAT, "split.count");
}

int main(void)
{
    CHECK(mkdtemp(folder) != NULL);
    limit_memory();
    test_tensors();
    test_counts();
    test_metadata();
    test_config();
    test_parts();
    static const char *const names[] = {"x.gguf", "m.gguf", "m-00001-of-00002.gguf",
                                        "m-00002-of-00002.gguf", "n-4000000000-of-4000000001.gguf"};
    for (size_t i = 0; i < VKH_COUNTOF(names); i++)
        CHECK(unlink(in_folder(names[i])) == 0);
    CHECK(rmdir(folder) == 0);
    return check_result();
}
