// SPDX-License-Identifier: MIT
// Compute pipelines, made once and kept by the device.
#ifndef VKH_GPU_PIPELINE_H
#define VKH_GPU_PIPELINE_H

#include <stddef.h>
#include <stdint.h>
#include <vkhrope/status.h>

struct vkh_device;
struct vkh_pipeline;

enum { VKH_MAX_BINDINGS = 8, VKH_MAX_CONSTANTS = 16, VKH_MAX_PUSH_BYTES = 128 };

// SPIR-V that the build embedded; shaders/table.h declares them all. Entry point "main".
struct vkh_shader {
    const char *name;
    const uint32_t *words;
    size_t bytes;
};

struct vkh_pipeline_desc {
    const struct vkh_shader *shader;
    uint32_t n_bindings; // storage buffers at set 0, bindings 0 … n-1; the floor tier has 4
    uint32_t push_bytes;
    uint32_t addressed; // bit i: binding i, device memory, also by address (vkh_pipeline_addresses)
    uint32_t n_constants;
    uint32_t constants[VKH_MAX_CONSTANTS]; // specialisation constants with ids 0 … n-1
    uint32_t subgroup_size;                // full subgroups of this size; 0: the driver's choice
};

// Where the addresses are behind the push constants: 8 bytes each, in the order of the bindings.
static inline uint32_t vkh_pipeline_addresses(const struct vkh_pipeline_desc *desc)
{
    return (desc->push_bytes + 7) / 8 * 8;
}

// The device owns the pipeline; the same description gives the same pipeline. Any thread may ask.
enum vkh_status vkh_pipeline_get(struct vkh_device *device, const struct vkh_pipeline_desc *desc,
                                 const struct vkh_pipeline **pipeline);

// What the driver's compiler says of a pipeline: calls `visit` with each statistic's name and
// value. Nothing without vkh_device_options.statistics, or where the driver has none.
enum vkh_status vkh_pipeline_statistics(const struct vkh_device *device,
                                        const struct vkh_pipeline *pipeline,
                                        void (*visit)(void *user, const char *name, double value),
                                        void *user);

#endif
