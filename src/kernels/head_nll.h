// SPDX-License-Identifier: MIT
// nll[t] = log(sum_v exp(l[t][v])) - l[t][targets[t]] with l[t][v] = x[t]·w[v], or where there is a
// soft cap, cap * tanh(x[t]·w[v] / cap); without storing the logits.
#ifndef VKH_KERNELS_HEAD_NLL_H
#define VKH_KERNELS_HEAD_NLL_H

#include <stdint.h>
#include <vkhrope/status.h>

#include "kernels/nll_reduce.h"
#include "kernels/variant.h"
#include "kernels/weight.h"

struct vkh_cmd;
struct vkh_pipeline;

struct vkh_head_nll {
    struct vkh_device *device;
    const struct vkh_variant *variant;
    const struct vkh_pipeline *partial; // per token and slice of the vocabulary: maximum, sum
    struct vkh_nll_reduce reduce;
};

const struct vkh_variant *vkh_head_nll_variants(enum vkh_dtype type, uint32_t *n);

enum vkh_status vkh_head_nll_create(struct vkh_device *device, enum vkh_dtype type,
                                    const struct vkh_variant *variant, struct vkh_head_nll *head);

// Bytes of scratch for n_tokens over a vocabulary.
uint64_t vkh_head_nll_scratch_bytes(uint64_t vocab, uint32_t n_tokens);

struct vkh_head_nll_args {
    struct vkh_range x;              // fp32 [n_tokens][weight->cols]
    const struct vkh_weight *weight; // [vocab][hidden]
    struct vkh_range targets;        // int32 [n_tokens]; -1: not scored, nll 0
    struct vkh_range scratch;        // vkh_head_nll_scratch_bytes
    struct vkh_range nll;            // fp32 [n_tokens]
    uint32_t n_tokens;
    float soft_cap; // 0: none
};

void vkh_head_nll_record(const struct vkh_head_nll *head, struct vkh_cmd *cmd,
                         const struct vkh_head_nll_args *args);

// Sums in double. `w` as in the file.
void vkh_head_nll_ref(const float *x, enum vkh_dtype type, const void *w, const int32_t *targets,
                      float *nll, uint64_t n_tokens, uint64_t vocab, uint64_t cols, float soft_cap);

#endif
