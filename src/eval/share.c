// SPDX-License-Identifier: MIT
#include "eval/share.h"

#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "base/size.h"

// The texts of one of n_runs runs of neighbours, of about as many tokens as the others and with a
// text of use each.
struct run {
    uint32_t first, end;
};

static struct run run_of(const struct vkh_eval *eval, uint32_t n_useful, uint32_t index,
                         uint32_t n_runs)
{
    double total = 0.0, before = 0.0;
    struct run run = {0, 0};
    for (uint32_t i = 0; i < eval->n_texts; i++)
        total += vkh_eval_tokens_used(eval, i);
    for (uint32_t at = 0; at <= index; at++) {
        const uint32_t others = n_runs - 1 - at; // which need a text each
        const double share = total * (at + 1) / n_runs;
        bool has_text = false;
        for (run.first = run.end; run.end < eval->n_texts; run.end++) {
            const uint32_t used = vkh_eval_tokens_used(eval, run.end);
            if (used && has_text && others > 0 &&
                (n_useful == others || before + used / 2.0 > share))
                break;
            has_text |= used > 0;
            n_useful -= used > 0;
            before += used;
        }
    }
    return run;
}

// Of a sweep's methods those of the lanes that stay.
static enum vkh_status narrow_sweep(struct vkh_ppl_sweep *sweep, uint32_t first, uint32_t end,
                                    struct vkh_arena *arena, const struct vkh_log *log)
{
    uint32_t *methods = vkh_arena_alloc(arena, sweep->n, sizeof(*methods));
    double *values = vkh_arena_alloc(arena, sweep->n, sizeof(*values));
    uint32_t n = 0;
    if (!methods || !values)
        return vkh_fail(log, VKH_ERR_MEMORY, "shard: out of host memory");
    for (uint32_t i = 0; i < sweep->n; i++) {
        if (sweep->methods[i] < first || sweep->methods[i] >= end)
            continue;
        methods[n] = sweep->methods[i] - first;
        values[n++] = sweep->values[i];
    }
    sweep->methods = methods;
    sweep->values = values;
    sweep->n = n;
    return VKH_OK;
}

// The lane that all are compared with goes along unseen where it is in another part.
static enum vkh_status narrow_lanes(struct vkh_eval *eval, uint32_t first, uint32_t end,
                                    struct vkh_arena *arena, const struct vkh_log *log)
{
    enum vkh_status status = VKH_OK;
    const uint32_t n = end - first, reference = eval->reference;
    struct vkh_lane *lanes = vkh_arena_alloc(arena, (size_t)n + 1, sizeof(*lanes));
    if (!lanes)
        return vkh_fail(log, VKH_ERR_MEMORY, "shard: out of host memory");
    memcpy(lanes, eval->lanes + first, n * sizeof(*lanes));
    if (reference != VKH_NONE) {
        const bool among = first <= reference && reference < end;
        eval->reference = among ? reference - first : n;
        lanes[eval->reference] = eval->lanes[reference];
    }
    eval->lanes = lanes;
    eval->n_lanes = n;
    eval->block.first_method += first;
    for (uint32_t i = 0; i < eval->n_sweeps && status == VKH_OK; i++)
        status = narrow_sweep(&eval->sweeps[i], first, end, arena, log);
    return status;
}

static void narrow_texts(struct vkh_eval *eval, const struct run *run)
{
    eval->texts += run->first;
    eval->n_texts = run->end - run->first;
    eval->block.first_text += run->first;
}

static enum vkh_status check_share(const struct vkh_ppl_share *share, const char *name,
                                   const struct vkh_log *log)
{
    if ((share->count || share->index) && (share->index < 1 || share->index > share->count))
        return vkh_fail(log, VKH_ERR_ARGUMENT, "%s %u of %u: from 1 to %u", name, share->index,
                        share->count, share->count);
    return VKH_OK;
}

// By texts, then by methods. A method's percentiles of divergences need its tokens of every text in
// one place, so that with a reference all texts are one run of neighbours. `asked` begins messages.
static enum vkh_status narrow(struct vkh_eval *eval, const struct vkh_ppl_share *share,
                              const char *asked, struct vkh_arena *arena, const struct vkh_log *log)
{
    uint32_t n_useful = 0;
    if (share->count == 0)
        return VKH_OK;
    for (uint32_t i = 0; i < eval->n_texts; i++)
        n_useful += vkh_eval_tokens_used(eval, i) > 0;
    if (eval->reference != VKH_NONE && share->count > eval->n_lanes)
        return vkh_fail(log, VKH_ERR_ARGUMENT,
                        "%s with kl, %u methods make %u at the most: texts are not cut", asked,
                        eval->n_lanes, eval->n_lanes);
    if (eval->reference != VKH_NONE)
        n_useful = 1;
    const uint64_t most = (uint64_t)n_useful * eval->n_lanes;
    if (share->count > most)
        return vkh_fail(log, VKH_ERR_ARGUMENT, "%s %u methods on %u texts make %llu at the most",
                        asked, eval->n_lanes, n_useful, (unsigned long long)most);
    const uint32_t n_runs = (uint32_t)vkh_min_size(share->count, n_useful);
    uint32_t run_index = 0, at = share->index - 1, n_parts;
    for (;; run_index++) { // the first runs are of one part more where they are not all alike
        n_parts = share->count / n_runs + (run_index < share->count % n_runs);
        if (at < n_parts)
            break;
        at -= n_parts;
    }
    const struct run run = run_of(eval, n_useful, run_index, n_runs);
    const uint64_t n_lanes = eval->n_lanes;
    narrow_texts(eval, &run);
    return narrow_lanes(eval, (uint32_t)(n_lanes * at / n_parts),
                        (uint32_t)(n_lanes * (at + 1) / n_parts), arena, log);
}

enum vkh_status vkh_eval_share(struct vkh_eval *eval, struct vkh_arena *arena,
                               const struct vkh_log *log)
{
    eval->block = (struct vkh_ppl_block){
        .shard = eval->options->shard,
        .all_texts = eval->n_texts,
        .all_methods = eval->n_lanes,
    };
    const struct vkh_ppl_share *shard = &eval->options->shard, *part = &eval->options->part;
    char of_shard[48], of_part[32]; // a part is a device's
    snprintf(of_shard, sizeof(of_shard), "shard %u of %u:", shard->index, shard->count);
    snprintf(of_part, sizeof(of_part), "devices: %u, but", part->count);
    enum vkh_status status = check_share(shard, "shard", log);
    if (status == VKH_OK)
        status = check_share(part, "part", log);
    if (status == VKH_OK)
        status = narrow(eval, shard, of_shard, arena, log);
    if (status == VKH_OK)
        status = narrow(eval, part, of_part, arena, log);
    if (status != VKH_OK)
        return status;
    bool reached = false;
    while (!reached) { // a length that none of the texts has
        for (uint32_t i = 0; i < eval->n_texts; i++)
            reached |= vkh_eval_tokens(eval, i, eval->n_lengths - 1) > 0;
        eval->n_lengths -= !reached;
    }
    return VKH_OK;
}
