// SPDX-License-Identifier: MIT
// One operation of the forward pass, recorded into the caller's command buffer on the caller's
// buffer: the rotary embedding with any of the methods. For devices that vkh_device_import took.
#ifndef VKHROPE_RECORD_H
#define VKHROPE_RECORD_H

#include <stdbool.h>
#include <stdint.h>

#include "vulkan.h"

#ifdef __cplusplus
extern "C" {
#endif

// A method applied to one shape: its pipeline, its frequencies, its positions. Belongs to one
// thread at a time.
struct vkh_rope_op;

struct vkh_rope_op_options {
    const char *method;        // as in vkh_ppl_options; NULL: "baseline"
    double base;               // b in theta_i = b^(-2i/rotary_dim), as 10000 or 500000; above 1
    uint32_t original_max_len; // L of the method, at least 1
    uint32_t max_tokens; // positions 0 … max_tokens - 1 can be recorded; methods whose angles
                         // depend on the length take this one
    uint32_t n_heads;    // of a token, queries and keys alike
    uint32_t head_dim;   // a multiple of 4
    uint32_t rotary_dim; // a multiple of 4, at most head_dim; the rest of a head stays
    bool interleaved;    // pairs (2i, 2i+1); else (i, i + rotary_dim/2)
};

// Allocates 8 bytes a token of host-visible device memory and writes them; submits nothing, waits
// for nothing. The device must outlive it.
//   VKH_ERR_ARGUMENT  an option out of its range, a method unknown, malformed or beyond what the
//                     kernels compute with up to max_tokens
VKH_API enum vkh_status vkh_rope_op_create(struct vkh_device *device,
                                           const struct vkh_rope_op_options *options,
                                           struct vkh_rope_op **op);
// No command buffer that it was recorded into is still to be executed.
VKH_API void vkh_rope_op_destroy(struct vkh_rope_op **op);

struct vkh_rope_recording {
    // Being recorded, outside a render pass, of a queue family that computes.
    VkCommandBuffer commands;
    // fp32 [n_tokens][n_heads][head_dim], rotated in place; made with
    // VK_BUFFER_USAGE_STORAGE_BUFFER_BIT. `offset` in bytes, a multiple of caps.storage_alignment.
    VkBuffer buffer;
    VkDeviceSize offset;
    uint32_t first_token, n_tokens; // the tokens' places in the text; within max_tokens
    // A timeline semaphore and the value that it has once the commands were executed: the operation
    // reuses, without waiting, what recordings before it needed whose value has been reached.
    // VK_NULL_HANDLE: keeps that until vkh_rope_op_destroy.
    VkSemaphore done;
    uint64_t done_value;
};

// Appends vkCmdBindPipeline, vkCmdBindDescriptorSets, vkCmdPushConstants and vkCmdDispatch at the
// compute bind point, and no barrier: before it the caller makes writes to the buffer visible to
// VK_ACCESS_SHADER_READ_BIT | VK_ACCESS_SHADER_WRITE_BIT at
// VK_PIPELINE_STAGE_COMPUTE_SHADER_BIT, after it the shader's writes to whoever reads them. The
// caller submits, once. Angles are within 1e-6 of the exact ones at every position.
//   VKH_ERR_ARGUMENT  a field out of its range; nothing was recorded
VKH_API enum vkh_status vkh_rope_record(struct vkh_rope_op *op,
                                        const struct vkh_rope_recording *recording);

#ifdef __cplusplus
}
#endif
#endif
