// SPDX-License-Identifier: MIT
// out[t][r] (+)= sum_k x[t][k] * w[r][k], accumulated in fp32 in an order that depends on k alone.
#ifndef VKH_KERNELS_MATMUL_H
#define VKH_KERNELS_MATMUL_H

#include <stdbool.h>
#include <stdint.h>
#include <vkhrope/status.h>

#include "base/dtype.h"
#include "kernels/variant.h"
#include "kernels/weight.h"

struct vkh_cmd;
struct vkh_device;
struct vkh_pipeline;

struct vkh_matmul {
    struct vkh_device *device;
    const struct vkh_variant *variant;
    const struct vkh_pipeline *pipeline;
    uint32_t tile_rows;
};

// The variants for one weight type, floor tier first.
const struct vkh_variant *vkh_matmul_variants(enum vkh_dtype type, uint32_t *n);

// variant NULL: the best one.
enum vkh_status vkh_matmul_create(struct vkh_device *device, enum vkh_dtype type,
                                  const struct vkh_variant *variant, struct vkh_matmul *matmul);

struct vkh_matmul_args {
    struct vkh_range x; // fp32 [n_tokens][weight->cols]
    const struct vkh_weight *weight;
    struct vkh_range out; // fp32 [n_tokens][out_stride], written at columns out_first …
    uint32_t out_stride, out_first;
    uint32_t n_tokens;
    bool accumulate; // adds to out: the residual connection
};

void vkh_matmul_record(const struct vkh_matmul *matmul, struct vkh_cmd *cmd,
                       const struct vkh_matmul_args *args);

// Sums in double. `w` as in the file.
void vkh_matmul_ref(const float *x, enum vkh_dtype type, const void *w, float *out,
                    uint64_t n_tokens, uint64_t rows, uint64_t cols, bool accumulate);

#endif
