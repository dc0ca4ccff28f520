// SPDX-License-Identifier: MIT
// Hashes for tables in memory, and to tell texts apart: changing them changes what reports hold.
#ifndef VKH_MODEL_HASH_H
#define VKH_MODEL_HASH_H

#include <stdint.h>
#include <string.h>

static inline uint64_t vkh_hash_u64(uint64_t x)
{
    x = (x ^ x >> 32) * 0xd6e8feb86659fd93u;
    x = (x ^ x >> 32) * 0xd6e8feb86659fd93u;
    return x ^ x >> 32;
}

static inline uint64_t vkh_hash_bytes(const char *bytes, uint64_t n)
{
    uint64_t hash = n, word;
    for (; n >= 8; bytes += 8, n -= 8) {
        memcpy(&word, bytes, 8);
        hash = vkh_hash_u64(hash ^ word);
    }
    word = 0;
    memcpy(&word, bytes, n);
    return vkh_hash_u64(hash ^ word);
}

#endif
