// SPDX-License-Identifier: MIT
#include <math.h>

#include "base/half.h"
#include "kernels/rope.h"

// The fraction of a turn of position * frequency, exact.
static long double turn_of(uint64_t position, uint64_t frequency)
{
    const unsigned __int128 product = (unsigned __int128)position * frequency;
    // In units of 2^-96 turns: the lowest 96 bits are the fraction.
    const unsigned __int128 fraction = product & (((unsigned __int128)1 << 96) - 1);
    return ldexpl((long double)(uint64_t)(fraction >> 32), -64);
}

static void rotate(const struct vkh_rope_shape *shape, float *head, uint64_t position,
                   const uint64_t *frequencies, float attention_scale)
{
    for (uint32_t i = 0; i < shape->rotary_dim / 2; i++) {
        const long double angle =
            2.0L * 3.14159265358979323846264338327950288L * turn_of(position, frequencies[i]);
        const long double c = attention_scale * cosl(angle), s = attention_scale * sinl(angle);
        float *x = head + (shape->interleaved ? 2 * i : i);
        float *y = shape->interleaved ? x + 1 : x + shape->rotary_dim / 2;
        const long double a = *x, b = *y;
        *x = (float)(a * c - b * s);
        *y = (float)(a * s + b * c);
    }
}

void vkh_rope_ref(const struct vkh_rope_shape *shape, float *qkv, const uint64_t *positions,
                  const uint64_t *frequencies, float *kv, uint32_t capacity, uint32_t first_slot,
                  uint32_t n_tokens, float attention_scale)
{
    const uint32_t dim = shape->head_dim, n_rotated = shape->n_heads + shape->n_kv_heads;
    for (uint32_t t = 0; t < n_tokens; t++) {
        float *row = qkv + (uint64_t)t * (shape->n_heads + 2 * shape->n_kv_heads) * dim;
        for (uint32_t h = 0; h < shape->n_heads; h++)
            rotate(shape, row + h * dim, positions[t], frequencies, attention_scale);
        for (uint32_t h = shape->n_heads; h < shape->n_heads + 2 * shape->n_kv_heads; h++) {
            const bool value = h >= n_rotated;
            const uint64_t plane = 2 * (uint64_t)(h - (value ? n_rotated : shape->n_heads)) + value;
            float *to = kv + (plane * capacity + first_slot + t) * dim;
            for (uint32_t i = 0; i < dim; i++)
                to[i] = row[h * dim + i];
            if (!value)
                rotate(shape, to, positions[t], frequencies, attention_scale);
            for (uint32_t i = 0; i < dim && shape->half_kv; i++)
                to[i] = vkh_from_half(vkh_to_half(to[i]));
        }
    }
}
