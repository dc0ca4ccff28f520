// SPDX-License-Identifier: MIT
// Writing small GGUF files by hand, good ones and others.
#ifndef VKH_TESTS_GGUF_TEST_H
#define VKH_TESTS_GGUF_TEST_H

#include <string.h>

#include "check.h"
#include "model/gguf.h"

struct writer {
    uint8_t data[1 << 16];
    size_t size;
    uint64_t n_pairs;
};

static inline void put(struct writer *w, const void *bytes, size_t n)
{
    CHECK(n <= sizeof(w->data) - w->size);
    memcpy(w->data + w->size, bytes, n);
    w->size += n;
}

// Little-endian.
static inline void put_number(struct writer *w, uint64_t value, size_t n)
{
    for (size_t i = 0; i < n; i++)
        put(w, &(uint8_t){(uint8_t)(value >> 8 * i)}, 1);
}

static inline void put_string(struct writer *w, const char *text, size_t n)
{
    put_number(w, n, 8);
    put(w, text, n);
}

static inline void put_key(struct writer *w, const char *key, enum vkh_gguf_type type)
{
    put_string(w, key, strlen(key));
    put_number(w, type, 4);
    w->n_pairs++;
}

// Version 3 of no tensors and no pairs; what is written follows.
static inline void put_header(struct writer *w)
{
    *w = (struct writer){.size = 0};
    put(w, "GGUF\3\0\0", 8);
    put_number(w, 0, 8);
    put_number(w, 0, 8);
}

static inline void put_counts(struct writer *w, uint64_t n_tensors, uint64_t n_pairs)
{
    const size_t size = w->size;
    w->size = 8;
    put_number(w, n_tensors, 8);
    put_number(w, n_pairs, 8);
    w->size = size;
}

static inline void put_pair_text(struct writer *w, const char *key, const char *value)
{
    put_key(w, key, VKH_GGUF_STRING);
    put_string(w, value, strlen(value));
}

static inline void put_pair_u32(struct writer *w, const char *key, uint32_t value)
{
    put_key(w, key, VKH_GGUF_U32);
    put_number(w, value, 4);
}

// A matrix's line in the tensor table; the innermost dimension first.
static inline void put_tensor(struct writer *w, const char *name, uint64_t cols, uint64_t rows,
                              uint32_t type, uint64_t offset)
{
    put_string(w, name, strlen(name));
    put_number(w, 2, 4);
    put_number(w, cols, 8);
    put_number(w, rows, 8);
    put_number(w, type, 4);
    put_number(w, offset, 8);
}

#endif
