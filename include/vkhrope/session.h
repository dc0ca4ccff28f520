// SPDX-License-Identifier: MIT
// A model at work, step by step: lanes of tokens, each placed by one method, fed piece by piece,
// forked where texts or methods part, read wherever one likes.
#ifndef VKHROPE_SESSION_H
#define VKHROPE_SESSION_H

#include <stdint.h>

#include "perplexity.h"

#ifdef __cplusplus
extern "C" {
#endif

// Weights and activations on a device. A session and its lanes belong to one thread at a time;
// sessions of one device may work on several.
struct vkh_session;

// Tokens seen so far by one method, their keys and values on the device.
struct vkh_lane;

struct vkh_session_options {
    uint32_t chunk; // tokens at once, rounded to what the kernels take; 0: for the device
    // VKH_KV_AUTO is VKH_KV_F16 where the device is found to be faster on cooperative matrices,
    // which then multiply halves with fp32 sums: NLL within 0.01 of VKH_KV_F32 by root mean square.
    // Else it is VKH_KV_F32, which keeps everything in fp32. VKH_KV_Q8_0 is on either, with room to
    // unpack one layer's in each lane.
    enum vkh_kv_type kv_type;
    // A session of the same device and model whose weights this one uses; it must outlive this one.
    // NULL: uploads them.
    const struct vkh_session *weights_of;
};

// The device and the model must outlive the session. `options` and `log` may be NULL; the log is
// copied.
//   VKH_ERR_ARGUMENT       weights_of is a session of another device or model, or one on
//                          cooperative matrices beside VKH_KV_F32
//   VKH_ERR_DEVICE_MEMORY  the weights or one chunk's activations do not fit
VKH_API enum vkh_status vkh_session_create(struct vkh_device *device, const struct vkh_model *model,
                                           const struct vkh_session_options *options,
                                           const struct vkh_log *log, struct vkh_session **session);
// Its lanes must be gone. NULL and pointer to NULL are fine.
VKH_API void vkh_session_destroy(struct vkh_session **session);

struct vkh_lane_options {
    const char *method;        // as in vkh_ppl_options; NULL: "baseline"
    uint32_t original_max_len; // L of the method; 0: the model's context length
    uint32_t max_tokens; // that it can hold: what its keys and values take on the device. Methods
                         // whose angles depend on the length take this one.
};

//   VKH_ERR_ARGUMENT       a method unknown, malformed or beyond what the kernels compute with
//                          within max_tokens; max_tokens 0
//   VKH_ERR_UNSUPPORTED    the model's own scaling is beyond it
//   VKH_ERR_DEVICE_MEMORY  the keys and values do not fit
VKH_API enum vkh_status vkh_lane_create(struct vkh_session *session,
                                        const struct vkh_lane_options *options,
                                        struct vkh_lane **lane);

// A lane that begins with the first `at` tokens of another, 1 to as many as that one was fed, and
// goes on by itself. The tokens that both place alike are shared on the device, the rest is
// computed anew at the first feed; so is all that the parent computed since it was itself forked.
// Parent and fork may be fed and destroyed in any order.
VKH_API enum vkh_status vkh_lane_fork(const struct vkh_lane *parent, uint32_t at,
                                      const struct vkh_lane_options *options,
                                      struct vkh_lane **lane);
VKH_API void vkh_lane_destroy(struct vkh_lane **lane);

VKH_API uint32_t vkh_lane_tokens(const struct vkh_lane *lane);

// One piece of text and what to read of it. Memory is the caller's; what is NULL is not read.
struct vkh_feed {
    const int32_t *ids; // each in [0, vocab)
    uint32_t n_ids;     // at least 1
    // [n_ids]: -log p of each token given all before it in the lane, in nats; 0 for the lane's
    // first
    float *nll;
    const uint32_t *rows; // [n_rows], ascending: indices in ids to read the next two of
    uint32_t n_rows;
    float *hidden; // [n_rows][hidden]: the last hidden state, after the final norm
    float *logits; // [n_rows][vocab]: of the token after each row
};

// Runs the tokens through the model and waits for what it reads. The numbers do not depend on how a
// text is cut into pieces; a piece costs up to 64 tokens more than it has.
//   VKH_ERR_ARGUMENT  an id outside the vocabulary, a row outside the piece or not ascending, more
//                     tokens than max_tokens; nothing was fed
//   VKH_ERR_INTERNAL  an NLL, hidden state or logit that was to be read is not finite
//   VKH_ERR_FORMAT    the same, and a weight is not finite either
// After any other failure the session cannot be used but to be destroyed.
VKH_API enum vkh_status vkh_lane_feed(struct vkh_lane *lane, const struct vkh_feed *feed);

#ifdef __cplusplus
}
#endif
#endif
