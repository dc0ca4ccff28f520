// SPDX-License-Identifier: MIT
#include "graph/compare.h"

#include "base/log.h"
#include "base/size.h"
#include "gpu/device.h"
#include "gpu/stream.h"
#include "graph/layer.h"

enum { MOST_BYTES = 1 << 28, MOST_TOKENS = 1 << 13 }; // of one lane's logits

// As many tokens as amortise reading the head, within what the device binds; a multiple of
// VKH_KEY_TILE. 0 when not even one tile fits.
static uint32_t tokens_at_once(const struct vkh_caps *caps, uint64_t stride, uint32_t chunk)
{
    const uint64_t limit = vkh_min_size(caps->max_storage_range, caps->max_allocation);
    const uint64_t tile = VKH_KEY_TILE * stride * 4;
    const uint64_t tiles = vkh_max_size(vkh_min_size(limit, MOST_BYTES) / tile, tile <= limit);
    return (uint32_t)vkh_min_size(tiles * VKH_KEY_TILE, vkh_min_size(chunk, MOST_TOKENS));
}

static enum vkh_status size_up(struct vkh_device *device, uint64_t stride, uint32_t chunk,
                               uint32_t *n_tokens)
{
    *n_tokens = tokens_at_once(vkh_device_caps(device), stride, chunk);
    if (*n_tokens)
        return VKH_OK;
    return vkh_fail(vkh_device_log(device), VKH_ERR_UNSUPPORTED,
                    "KL divergence: the logits of %d tokens over a vocabulary of %llu exceed what "
                    "the device binds at once",
                    VKH_KEY_TILE, (unsigned long long)stride);
}

enum vkh_status vkh_comparison_plan(struct vkh_device *device, uint32_t vocab, uint32_t chunk,
                                    uint64_t *bytes)
{
    const uint64_t stride = vkh_round_up(vocab, 4);
    uint32_t n_tokens;
    const enum vkh_status status = size_up(device, stride, chunk, &n_tokens);
    *bytes = 2 * n_tokens * stride * 4;
    return status;
}

enum vkh_status vkh_comparison_create(struct vkh_device *device, const struct vkh_graph *p,
                                      const struct vkh_graph *q, struct vkh_comparison *comparison)
{
    const uint64_t stride = vkh_round_up(q->config.vocab, 4);
    *comparison = (struct vkh_comparison){.p = p, .q = q};
    enum vkh_status status =
        size_up(device, stride, (uint32_t)vkh_min_size(p->plan.chunk, q->plan.chunk),
                &comparison->n_tokens);
    const uint64_t bytes = comparison->n_tokens * stride * 4;
    if (status == VKH_OK)
        status = vkh_kl_create(device, &comparison->kl);
    if (status == VKH_OK)
        status = vkh_buffer_create(device, "the reference's logits", bytes, VKH_MEMORY_DEVICE,
                                   &comparison->p_logits);
    if (status == VKH_OK)
        status =
            vkh_buffer_create(device, "logits", bytes, VKH_MEMORY_DEVICE, &comparison->q_logits);
    if (status != VKH_OK)
        vkh_comparison_destroy(comparison);
    return status;
}

void vkh_comparison_destroy(struct vkh_comparison *comparison)
{
    vkh_buffer_destroy(&comparison->p_logits);
    vkh_buffer_destroy(&comparison->q_logits);
}

// Elements [from, from + n) of a range of so many bytes each.
static struct vkh_range part(struct vkh_range range, uint64_t bytes, uint64_t from, uint64_t n)
{
    return vkh_range(range.buffer, range.offset + from * bytes, n * bytes);
}

void vkh_comparison_record(const struct vkh_comparison *comparison, struct vkh_stream *stream,
                           const struct vkh_comparison_args *args)
{
    const struct vkh_config *p = &comparison->p->config, *q = &comparison->q->config;
    for (uint32_t from = 0; from < args->n; from += comparison->n_tokens) {
        const uint32_t n = (uint32_t)vkh_min_size(comparison->n_tokens, args->n - from);
        vkh_graph_logits(comparison->p, stream, part(args->p, (uint64_t)p->hidden * 4, from, n),
                         comparison->p_logits, n);
        vkh_graph_logits(comparison->q, stream, part(args->q, (uint64_t)q->hidden * 4, from, n),
                         comparison->q_logits, n);
        vkh_kl_record(
            &comparison->kl, vkh_stream_cmd(stream),
            &(struct vkh_kl_args){
                .p = vkh_range_all(comparison->p_logits),
                .q = vkh_range_all(comparison->q_logits),
                .targets = part(args->targets, sizeof(int32_t), from, n),
                .out = part(args->out, sizeof(struct vkh_ppl_token_kl), from, n),
                .n_tokens = n,
                .vocab = q->vocab,
                .stride = vkh_stack_stride(vkh_weights_head_stack(&comparison->q->window.weights)),
                .p_cap = (float)p->final_soft_cap,
                .q_cap = (float)q->final_soft_cap,
            });
    }
}
