// SPDX-License-Identifier: MIT
// Typed access to GGUF metadata.
#include "model/gguf.h"

#include <stdlib.h>
#include <string.h>

#include "base/half.h"
#include "base/log.h"
#include "model/gguf_bytes.h"

bool vkh_gguf_string_is(struct vkh_gguf_string string, const char *text)
{
    return string.length == strlen(text) && memcmp(string.text, text, string.length) == 0;
}

static int compare_key(const void *key, const void *element)
{
    const struct vkh_gguf_string *wanted = key;
    const struct vkh_gguf_pair *pair = element;
    return compare_strings(*wanted, pair->key);
}

const struct vkh_gguf_pair *vkh_gguf_find(const struct vkh_gguf *gguf, const char *key)
{
    const struct vkh_gguf_string wanted = {key, strlen(key)};
    return bsearch(&wanted, gguf->pairs, gguf->n_pairs, sizeof(*gguf->pairs), compare_key);
}

static enum vkh_status wrong_type(const struct vkh_gguf *gguf, const char *key, const char *wanted)
{
    return vkh_fail(gguf->log, VKH_ERR_FORMAT, "%s: %s: not %s", gguf->path, key, wanted);
}

enum vkh_status vkh_gguf_u32(const struct vkh_gguf *gguf, const char *key, uint32_t *out)
{
    // Bytes of an integer type; a signed one is one whose top bit must be clear.
    static const struct {
        uint8_t bytes;
        bool is_signed;
    } types[] = {
        [VKH_GGUF_U8] = {1, false},  [VKH_GGUF_I8] = {1, true},   [VKH_GGUF_U16] = {2, false},
        [VKH_GGUF_I16] = {2, true},  [VKH_GGUF_U32] = {4, false}, [VKH_GGUF_I32] = {4, true},
        [VKH_GGUF_U64] = {8, false}, [VKH_GGUF_I64] = {8, true},  [VKH_GGUF_F64] = {0, false},
    };
    const struct vkh_gguf_pair *pair = vkh_gguf_find(gguf, key);
    if (!pair)
        return VKH_OK;
    const unsigned bytes = types[pair->type].bytes;
    if (bytes == 0)
        return wrong_type(gguf, key, "an integer");
    const uint64_t value = load_le(pair->value, bytes);
    if (value > UINT32_MAX || (types[pair->type].is_signed && value >> (8 * bytes - 1) != 0))
        return wrong_type(gguf, key, "a number from 0 to 2^32 - 1");
    *out = (uint32_t)value;
    return VKH_OK;
}

enum vkh_status vkh_gguf_f64(const struct vkh_gguf *gguf, const char *key, double *out)
{
    const struct vkh_gguf_pair *pair = vkh_gguf_find(gguf, key);
    if (!pair)
        return VKH_OK;
    if (pair->type == VKH_GGUF_F32) {
        *out = (double)vkh_float_from_bits((uint32_t)load_le(pair->value, 4));
    } else if (pair->type == VKH_GGUF_F64) {
        const uint64_t bits = load_le(pair->value, 8);
        memcpy(out, &bits, sizeof(bits));
    } else {
        return wrong_type(gguf, key, "a floating-point number");
    }
    return VKH_OK;
}

enum vkh_status vkh_gguf_bool(const struct vkh_gguf *gguf, const char *key, bool *out)
{
    const struct vkh_gguf_pair *pair = vkh_gguf_find(gguf, key);
    if (!pair)
        return VKH_OK;
    if (pair->type != VKH_GGUF_BOOL || pair->value[0] > 1)
        return wrong_type(gguf, key, "a boolean");
    *out = pair->value[0] == 1;
    return VKH_OK;
}

static struct vkh_gguf_string load_string(const uint8_t *bytes)
{
    return (struct vkh_gguf_string){(const char *)bytes + 8, load_le(bytes, 8)};
}

enum vkh_status vkh_gguf_string(const struct vkh_gguf *gguf, const char *key,
                                struct vkh_gguf_string *out)
{
    const struct vkh_gguf_pair *pair = vkh_gguf_find(gguf, key);
    if (!pair)
        return VKH_OK;
    if (pair->type != VKH_GGUF_STRING)
        return wrong_type(gguf, key, "a string");
    *out = load_string(pair->value);
    return VKH_OK;
}

enum vkh_status vkh_gguf_array(const struct vkh_gguf *gguf, const char *key,
                               enum vkh_gguf_type element, struct vkh_gguf_array *out)
{
    *out = (struct vkh_gguf_array){0};
    const struct vkh_gguf_pair *pair = vkh_gguf_find(gguf, key);
    if (!pair)
        return VKH_OK;
    if (pair->type != VKH_GGUF_ARRAY)
        return wrong_type(gguf, key, "an array");
    if (load_le(pair->value, 4) != element)
        return wrong_type(gguf, key, "an array of the expected type");
    *out = (struct vkh_gguf_array){load_le(pair->value + 4, 8), pair->value + 12};
    return VKH_OK;
}

struct vkh_gguf_string vkh_gguf_next_string(struct vkh_gguf_array *array)
{
    const struct vkh_gguf_string string = load_string(array->next);
    array->next += 8 + string.length;
    return string;
}

int32_t vkh_gguf_next_i32(struct vkh_gguf_array *array)
{
    const uint32_t bits = (uint32_t)load_le(array->next, 4);
    array->next += 4;
    int32_t value;
    memcpy(&value, &bits, sizeof(value));
    return value;
}

float vkh_gguf_next_f32(struct vkh_gguf_array *array)
{
    const float value = vkh_float_from_bits((uint32_t)load_le(array->next, 4));
    array->next += 4;
    return value;
}
