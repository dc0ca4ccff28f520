// SPDX-License-Identifier: MIT
// One Vulkan device with one compute queue, and what it can do. Threads may share a device; each of
// the things made from it belongs to one thread at a time.
#ifndef VKHROPE_DEVICE_H
#define VKHROPE_DEVICE_H

#include <stdbool.h>
#include <stdint.h>

#include "status.h"

#ifdef __cplusplus
extern "C" {
#endif

// What a kernel variant may require; the floor tier requires none of them.
enum vkh_cap {
    VKH_CAP_STORAGE16 = 1 << 0,     // 16-bit types in storage buffers
    VKH_CAP_FLOAT16 = 1 << 1,       // float16 arithmetic
    VKH_CAP_STORAGE8 = 1 << 2,      // 8-bit types in storage buffers
    VKH_CAP_INT8 = 1 << 3,          // int8 arithmetic
    VKH_CAP_SUBGROUP = 1 << 4,      // basic, arithmetic, ballot and shuffle operations in compute
    VKH_CAP_SUBGROUP_SIZE = 1 << 5, // required and full subgroup sizes in compute shaders
    VKH_CAP_SHARED_32K = 1 << 6,    // 32 KiB of shared memory a workgroup
    VKH_CAP_GROUP_256 = 1 << 7,     // 256 invocations a workgroup
    VKH_CAP_SUBGROUP_16 = 1 << 8,   // full subgroups of at least 16 invocations can be required
    VKH_CAP_CPU = 1 << 9,           // a software driver: no shared memory worth the name
    VKH_CAP_MATRIX16 = 1 << 10,     // cooperative matrices, fp16 products summed in fp32
    VKH_CAP_MATRIX_BF16 = 1 << 11,  // the same shape with bf16 operands
};

// A cooperative matrix product of one subgroup: [m][k] times [k][n].
struct vkh_matrix_shape {
    uint32_t m, n, k;
};

// The name of one capability bit as --caps-mask takes it, NULL past the last.
VKH_API const char *vkh_cap_name(unsigned bit);

// Fixed when the device is created. Sizes in bytes.
struct vkh_caps {
    char device_name[256];
    char driver_name[256];
    char driver_info[256];
    uint32_t api_version;
    uint32_t vendor_id, device_id;
    bool is_cpu;   // a software driver
    uint32_t bits; // of enum vkh_cap
    uint64_t max_storage_range;
    uint64_t max_allocation;
    uint64_t storage_alignment;
    uint64_t heap_bytes; // the largest device-local heap
    uint32_t max_shared;
    uint32_t max_invocations;
    uint32_t max_group_count[3];
    uint32_t subgroup_size;                        // the default one
    uint32_t min_subgroup_size, max_subgroup_size; // what VKH_CAP_SUBGROUP_SIZE may require
    uint32_t max_subgroups;                        // of a workgroup, where it requires their size
    struct vkh_matrix_shape matrix;                // of VKH_CAP_MATRIX16, else zeros
    double timestamp_ns;                           // nanoseconds a tick; 0 without timestamps
};

struct vkh_device_options {
    const char *select;   // index ("0") or part of the name; NULL: the best one
    const char *variants; // "op=name,op=name": kernel variants chosen by hand; NULL: none
    uint32_t caps_mask;   // bits to leave unused
    // A folder for what the device keeps between runs, made when there is something: pipelines as
    // the driver compiled them, and which kernel variants were measured as the fastest. Those of a
    // forward pass are measured at a model's first use of a GPU, without `variants`. What cannot be
    // read or written is done without. NULL or "": nothing is kept or measured.
    const char *cache;
    bool minimum_limits;       // behave as if the device offered only what Vulkan 1.2 requires
    bool validation;           // Khronos validation with synchronisation checks; for tests
    bool statistics;           // pipelines keep what their compiler says of them; for tests
    const struct vkh_log *log; // copied; may be NULL
};

struct vkh_device;

// VKH_ERR_DEVICE when there is no Vulkan loader, no driver, or no device that `select` names.
VKH_API enum vkh_status vkh_device_create(const struct vkh_device_options *options,
                                          struct vkh_device **device);
// All buffers and streams of the device must be gone. NULL and pointer to NULL are fine.
VKH_API void vkh_device_destroy(struct vkh_device **device);

// The devices of this machine in the order of their indices, capabilities without masks. Calls
// `visit` for each.
VKH_API enum vkh_status
vkh_device_list(const struct vkh_log *log,
                void (*visit)(void *user, uint32_t index, const struct vkh_caps *caps), void *user);

VKH_API const struct vkh_caps *vkh_device_caps(const struct vkh_device *device);

struct vkh_memory_use {
    uint64_t device_now, device_peak; // bytes of VKH_MEMORY_DEVICE
    uint64_t host_now, host_peak;     // bytes of the other kinds
};
VKH_API struct vkh_memory_use vkh_device_memory_use(const struct vkh_device *device);

#ifdef __cplusplus
}
#endif
#endif
