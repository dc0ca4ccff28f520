// SPDX-License-Identifier: MIT
#include <math.h>

#include "base/half.h"
#include "kernels/kv_pack.h"

// The greatest magnitude of n elements; NaN if there is one.
static float greatest_of(const float *x, uint32_t n)
{
    float greatest = 0.0f;
    for (uint32_t i = 0; i < n; i++)
        if (!(fabsf(x[i]) <= greatest) && !isnan(greatest))
            greatest = fabsf(x[i]);
    return greatest;
}

static uint32_t block_elements(uint32_t head_dim, uint32_t first)
{
    return (uint32_t)vkh_min_size(head_dim - first, VKH_KV_BLOCK);
}

void vkh_kv_pack_ref(const float *head, uint32_t head_dim, int8_t *bytes, uint16_t *scales)
{
    for (uint32_t first = 0; first < head_dim; first += VKH_KV_BLOCK) {
        const uint32_t n = block_elements(head_dim, first);
        const uint16_t half = vkh_to_half(greatest_of(head + first, n) * (1.0f / 127.0f));
        const bool counts = half > 0 && half < 0x7c00;
        const double scale = (double)vkh_from_half(half);
        scales[first / VKH_KV_BLOCK] = half < 0x7c00 ? half : 0x7e00;
        for (uint32_t i = first; i < first + n; i++)
            bytes[i] =
                (int8_t)(counts ? fmax(fmin(round((double)head[i] / scale), 127.0), -127.0) : 0.0);
    }
}

void vkh_kv_unpack_ref(const int8_t *bytes, const uint16_t *scales, uint32_t head_dim, float *head)
{
    for (uint32_t i = 0; i < head_dim; i++)
        head[i] = (float)bytes[i] * vkh_from_half(scales[i / VKH_KV_BLOCK]);
}

void vkh_kv_round_ref(float *head, uint32_t head_dim)
{
    int8_t bytes[VKH_KV_BLOCK];
    uint16_t scale;
    for (uint32_t first = 0; first < head_dim; first += VKH_KV_BLOCK) {
        const uint32_t n = block_elements(head_dim, first);
        vkh_kv_pack_ref(head + first, n, bytes, &scale);
        vkh_kv_unpack_ref(bytes, &scale, n, head + first);
    }
}
