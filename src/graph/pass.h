// SPDX-License-Identifier: MIT
// One walk of one method over a text: its inputs, its keys and values, its results, all on the
// device.
#ifndef VKH_GRAPH_PASS_H
#define VKH_GRAPH_PASS_H

#include <stdbool.h>
#include <stdint.h>
#include <vkhrope/status.h>

#include "kernels/kv.h"

struct vkh_caps;
struct vkh_device;
struct vkh_log;
struct vkh_stream;

// The tokens a pass covers, and how they are placed.
struct vkh_pass_inputs {
    // Covers tokens [first_token, first_token + n_tokens) of the text. first_token is a multiple of
    // VKH_KEY_TILE; the keys before it are those of a shared prefix pass.
    uint32_t first_token, n_tokens;
    const int32_t *ids;                // [n_tokens]
    const int32_t *targets;            // [n_tokens]: the token after; -1: not scored
    const uint64_t *positions;         // [n_tokens], in units of 2^-32 tokens
    const uint64_t *frequencies;       // [n_frequencies], in 2^-64 turns per token
    const uint64_t *local_frequencies; // of windowed layers, whose scale is 1; NULL: as the others
    uint32_t n_frequencies;
    float attention_scale;
};

struct vkh_pass {
    uint32_t first_token, n_tokens;
    float attention_scale;
    struct vkh_buffer *ids, *targets, *positions, *frequencies;
    struct vkh_buffer *local_frequencies; // NULL: none
    struct vkh_buffer *nll;               // fp32 [n_tokens]
    struct vkh_kv_shape kv_shape;
    uint32_t n_layers;
    struct vkh_buffer **kv;         // [n_layers]
    struct vkh_buffer *room;        // for a layer's, unpacked; NULL where they are not packed
    const struct vkh_layer_kv *one; // instead of both: of one layer at a time, another's
};

// Device bytes of a pass, keys and values apart; with the room to unpack them.
struct vkh_pass_plan {
    uint64_t kv, other;
};
struct vkh_pass_plan vkh_pass_plan(const struct vkh_kv_shape *shape, uint32_t n_layers,
                                   uint32_t n_tokens);

// Whether the device allocates one layer's keys and values of so many tokens at once, as attention
// reads them, and binds those of a head. VKH_ERR_DEVICE_MEMORY if not.
enum vkh_status vkh_pass_check_kv(const struct vkh_caps *caps, const struct vkh_kv_shape *shape,
                                  uint32_t n_tokens, const struct vkh_log *log);

// One layer's keys and values of up to so many tokens.
struct vkh_layer_kv {
    struct vkh_buffer *kept;
    struct vkh_buffer *room; // as in a pass
};

// What follows on the stream sees them. *kv can be given to destroy whatever the status.
enum vkh_status vkh_layer_kv_create(struct vkh_device *device, struct vkh_stream *stream,
                                    const struct vkh_kv_shape *shape, uint32_t n_tokens,
                                    struct vkh_layer_kv *kv);
void vkh_layer_kv_destroy(struct vkh_layer_kv *kv);

// Where keys and values are kept: in a buffer a layer, which the pass makes, or with n_layers 0 in
// what every layer uses in turn. The shape's capacity is set from n_tokens.
struct vkh_pass_kv {
    struct vkh_kv_shape shape;
    uint32_t n_layers;
    const struct vkh_layer_kv *one; // of as many tokens or more
};

// The stream is finished when it returns.
enum vkh_status vkh_pass_create(struct vkh_device *device, struct vkh_stream *stream,
                                const struct vkh_pass_kv *kv, const struct vkh_pass_inputs *inputs,
                                struct vkh_pass *pass);
void vkh_pass_destroy(struct vkh_pass *pass);

// The NLL of each of the pass's tokens, 0 where not scored. Finishes the stream.
enum vkh_status vkh_pass_read(const struct vkh_pass *pass, struct vkh_stream *stream, float *nll);

// The segment of one layer, as it is kept.
static inline struct vkh_kv_segment vkh_pass_segment(const struct vkh_pass *pass, uint32_t layer)
{
    return (struct vkh_kv_segment){pass->one ? pass->one->kept : pass->kv[layer], pass->kv_shape};
}

// As rope writes and attention reads it: the same, or where that is packed, the room, which has
// what was unpacked last.
static inline struct vkh_kv_segment vkh_pass_unpacked(const struct vkh_pass *pass, uint32_t layer)
{
    if (!pass->kv_shape.packed)
        return vkh_pass_segment(pass, layer);
    return (struct vkh_kv_segment){pass->one ? pass->one->room : pass->room,
                                   vkh_kv_unpacked(&pass->kv_shape)};
}

#endif
