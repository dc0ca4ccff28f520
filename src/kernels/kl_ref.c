// SPDX-License-Identifier: MIT
#include <math.h>

#include "kernels/kl.h"

static double capped(float logit, float cap)
{
    return cap > 0 ? (double)cap * tanh((double)logit / (double)cap) : (double)logit;
}

static double log_sum_exp(const float *logits, uint64_t n, float cap, uint64_t *top)
{
    double highest = -INFINITY, sum = 0.0;
    for (uint64_t i = 0; i < n; i++) {
        const double logit = capped(logits[i], cap);
        if (logit > highest) {
            highest = logit;
            *top = i;
        }
    }
    for (uint64_t i = 0; i < n; i++)
        sum += exp(capped(logits[i], cap) - highest);
    return highest + log(sum);
}

struct vkh_ppl_token_kl vkh_kl_ref(const float *p, const float *q, uint64_t vocab, float p_cap,
                                   float q_cap)
{
    uint64_t p_top = 0, q_top = 0;
    const double p_lse = log_sum_exp(p, vocab, p_cap, &p_top);
    const double q_lse = log_sum_exp(q, vocab, q_cap, &q_top);
    double sum = 0.0;
    for (uint64_t i = 0; i < vocab; i++) {
        const double log_p = capped(p[i], p_cap) - p_lse, log_q = capped(q[i], q_cap) - q_lse;
        sum += exp(log_p) * (log_p - log_q);
    }
    return (struct vkh_ppl_token_kl){(float)sum, p_top != q_top};
}
