// SPDX-License-Identifier: MIT
// The GGUF container, versions 2 and 3, little-endian: metadata pairs and a tensor table.
#ifndef VKH_MODEL_GGUF_H
#define VKH_MODEL_GGUF_H

#include <stdbool.h>
#include <stdint.h>
#include <vkhrope/status.h>

#include "base/file.h"
#include "model/tensor.h"

struct vkh_arena;

// Numbers of the format.
enum vkh_gguf_type {
    VKH_GGUF_U8,
    VKH_GGUF_I8,
    VKH_GGUF_U16,
    VKH_GGUF_I16,
    VKH_GGUF_U32,
    VKH_GGUF_I32,
    VKH_GGUF_F32,
    VKH_GGUF_BOOL,
    VKH_GGUF_STRING,
    VKH_GGUF_ARRAY,
    VKH_GGUF_U64,
    VKH_GGUF_I64,
    VKH_GGUF_F64,
};

// Bytes in the mapping, not terminated.
struct vkh_gguf_string {
    const char *text;
    uint64_t length;
};

struct vkh_gguf_pair {
    struct vkh_gguf_string key; // 1 to 65535 printable ASCII characters
    enum vkh_gguf_type type;
    const uint8_t *value; // checked: whole, inside the file
};

struct vkh_gguf {
    const char *path;
    const struct vkh_log *log;
    const uint8_t *data;
    uint64_t size;
    struct vkh_file file;        // zeroed when the bytes are the caller's
    struct vkh_gguf_pair *pairs; // sorted by key
    uint64_t n_pairs;
    uint64_t n_tensors;
    uint64_t tensors_at; // the tensor table's offset
    uint64_t alignment;
};

// Maps the file and checks all metadata; `path` and `log` must outlive it. Version 1 and big-endian
// files are VKH_ERR_UNSUPPORTED. On failure *gguf is zeroed.
enum vkh_status vkh_gguf_open(const char *path, const struct vkh_log *log, struct vkh_gguf *gguf);

// The same on bytes of the caller's; close leaves them alone. `path` is for messages.
enum vkh_status vkh_gguf_parse(const uint8_t *data, uint64_t size, const char *path,
                               const struct vkh_log *log, struct vkh_gguf *gguf);

void vkh_gguf_close(struct vkh_gguf *gguf);

// Releases everything but the mapping, which becomes the caller's.
struct vkh_file vkh_gguf_take_file(struct vkh_gguf *gguf);

// Reads the tensor table into `arena`, sorted by name. Offsets beyond the file, misaligned or
// overlapping, and sizes that contradict are VKH_ERR_FORMAT; element types unknown here are
// VKH_ERR_UNSUPPORTED.
enum vkh_status vkh_gguf_tensors(const struct vkh_gguf *gguf, struct vkh_arena *arena,
                                 struct vkh_tensor_table *table);

// NULL when the key is absent.
const struct vkh_gguf_pair *vkh_gguf_find(const struct vkh_gguf *gguf, const char *key);

// The value of a key, *out left as it was when the key is absent. Another type, or a number that
// does not fit, is VKH_ERR_FORMAT. Integers of any width convert, and so do both float widths.
enum vkh_status vkh_gguf_u32(const struct vkh_gguf *gguf, const char *key, uint32_t *out);
enum vkh_status vkh_gguf_f64(const struct vkh_gguf *gguf, const char *key, double *out);
enum vkh_status vkh_gguf_bool(const struct vkh_gguf *gguf, const char *key, bool *out);
enum vkh_status vkh_gguf_string(const struct vkh_gguf *gguf, const char *key,
                                struct vkh_gguf_string *out);

bool vkh_gguf_string_is(struct vkh_gguf_string string, const char *text);

// A walk over an array's elements; zeroed when the key is absent.
struct vkh_gguf_array {
    uint64_t count;
    const uint8_t *next;
};

// An array whose elements have the given type; anything else is VKH_ERR_FORMAT.
enum vkh_status vkh_gguf_array(const struct vkh_gguf *gguf, const char *key,
                               enum vkh_gguf_type element, struct vkh_gguf_array *out);

// The next element; to be called at most `count` times, on an array of that type.
struct vkh_gguf_string vkh_gguf_next_string(struct vkh_gguf_array *array);
int32_t vkh_gguf_next_i32(struct vkh_gguf_array *array);
float vkh_gguf_next_f32(struct vkh_gguf_array *array);

#endif
