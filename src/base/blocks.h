// SPDX-License-Identifier: MIT
// GGUF's block formats on the host: each turns n elements, whole blocks, into floats, exactly as
// ggml defines them. blocks.c has those of 32 elements, blocks_k.c those of 256.
#ifndef VKH_BASE_BLOCKS_H
#define VKH_BASE_BLOCKS_H

#include <stdint.h>

static inline uint16_t vkh_load16(const uint8_t *bytes)
{
    return (uint16_t)(bytes[0] | bytes[1] << 8);
}

// What the 4-bit quants of IQ4_NL and IQ4_XS stand for.
extern const int8_t vkh_iq4_values[16];

void vkh_q4_0_to_float(const void *src, float *dst, uint64_t n);
void vkh_q4_1_to_float(const void *src, float *dst, uint64_t n);
void vkh_q5_0_to_float(const void *src, float *dst, uint64_t n);
void vkh_q5_1_to_float(const void *src, float *dst, uint64_t n);
void vkh_q8_0_to_float(const void *src, float *dst, uint64_t n);
void vkh_iq4_nl_to_float(const void *src, float *dst, uint64_t n);

void vkh_q2_k_to_float(const void *src, float *dst, uint64_t n);
void vkh_q3_k_to_float(const void *src, float *dst, uint64_t n);
void vkh_q4_k_to_float(const void *src, float *dst, uint64_t n);
void vkh_q5_k_to_float(const void *src, float *dst, uint64_t n);
void vkh_q6_k_to_float(const void *src, float *dst, uint64_t n);
void vkh_iq4_xs_to_float(const void *src, float *dst, uint64_t n);

#endif
