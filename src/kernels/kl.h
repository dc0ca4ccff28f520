// SPDX-License-Identifier: MIT
// How far one distribution of the next token is from another, both by their logits: KL(P||Q) =
// sum_v P(v) log(P(v) / Q(v)) in nats, 0 or more, exactly 0 where the logits are the same; and
// whether their most probable tokens differ, of equals the first.
#ifndef VKH_KERNELS_KL_H
#define VKH_KERNELS_KL_H

#include <stdint.h>
#include <vkhrope/perplexity.h>

#include "gpu/buffer.h"

struct vkh_cmd;
struct vkh_pipeline;

struct vkh_kl {
    const struct vkh_pipeline *pipeline;
};

enum vkh_status vkh_kl_create(struct vkh_device *device, struct vkh_kl *kl);

struct vkh_kl_args {
    struct vkh_range p, q;    // fp32 [n_tokens][stride], the first vocab of each row
    struct vkh_range targets; // int32 [n_tokens]; -1: not scored, 0 and the same
    struct vkh_range out;     // struct vkh_ppl_token_kl [n_tokens]
    uint32_t n_tokens;        // within caps.max_group_count
    uint32_t vocab, stride;   // the latter a multiple of 4
    float p_cap, q_cap;       // soft caps of the logits; 0: none
};

void vkh_kl_record(const struct vkh_kl *kl, struct vkh_cmd *cmd, const struct vkh_kl_args *args);

// In double, of one token.
struct vkh_ppl_token_kl vkh_kl_ref(const float *p, const float *q, uint64_t vocab, float p_cap,
                                   float q_cap);

#endif
