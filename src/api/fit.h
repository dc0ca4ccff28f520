// SPDX-License-Identifier: MIT
// How a run is done within the memory that it may take.
#ifndef VKH_API_FIT_H
#define VKH_API_FIT_H

#include "eval/memory.h"

// What is chosen.
struct vkh_fit {
    struct vkh_eval_resident models[VKH_N_MODELS];
    struct vkh_ppl_memory memory;
    uint64_t room; // by layers: for the batches (eval/legs.h)
    bool binds;    // the device allocates and binds each of its buffers
};

// The first that fits of: a walk by chunks; one by layers; the same with the weights streamed, in
// the fewest batches; these with halves for keys and values, where their type is not chosen; then
// with ever smaller chunks. Where nothing fits memory.fits is false, and the rest is of what takes
// least. VKH_ERR_DEVICE_MEMORY where memory would do, and a buffer is too large for the device.
enum vkh_status vkh_fit(struct vkh_device *device, const struct vkh_eval *eval,
                        const struct vkh_model *const models[VKH_N_MODELS], struct vkh_fit *fit);

#endif
