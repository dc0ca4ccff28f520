// SPDX-License-Identifier: MIT
// Operands of cooperative matrices on the host, for tests of the kernels that read and write them.
#ifndef VKH_TESTS_MATRIX_TEST_H
#define VKH_TESTS_MATRIX_TEST_H

#include "kernels/panel.h"
#ifdef MATRIX_MACHINE
#include "gpu/internal.h"
#include "matrix_machines.h"
#endif
#include "weight_test.h"

// The device's layout; exits 77 where it has none. With MATRIX_MACHINE, that of a machine whose
// matrices the shaders emulate, whatever the size of the device's subgroups.
static inline struct vkh_matrix_layout matrix_test_layout(struct gpu_test *test)
{
    struct vkh_matrix_layout layout;
    if (vkh_matrix_layout(test->device, &layout) != VKH_OK)
        exit(1);
    if (!layout.side)
        exit(CHECK_SKIPPED);
#ifdef MATRIX_MACHINE
    layout = matrix_machine_layout(&matrix_machines[MATRIX_MACHINE]);
    test->device->caps.bits &= ~(uint32_t)VKH_CAP_SUBGROUP_SIZE;
#endif
    return layout;
}

// x as a left operand on the device, NaN in the padding; x itself is rounded to what operands hold.
static inline struct vkh_buffer *matrix_test_pack(struct gpu_test *test,
                                                  const struct vkh_matrix_layout *layout, float *x,
                                                  uint64_t n_tokens, uint64_t cols)
{
    const uint64_t bytes = vkh_left_bytes(layout, n_tokens, cols);
    uint16_t *halves = malloc(bytes);
    memset(halves, 0xff, bytes);
    for (uint64_t i = 0; i < n_tokens * cols; i++) {
        const uint16_t half = vkh_operand(layout, x[i]);
        halves[vkh_left_place(layout, cols, i / cols, i % cols)] = half;
        x[i] = vkh_operand_float(layout, half);
    }
    struct vkh_buffer *buffer = gpu_test_buffer(test, halves, bytes);
    free(halves);
    return buffer;
}

// The rows of a left operand; the caller frees them.
static inline float *matrix_test_unpack(struct gpu_test *test,
                                        const struct vkh_matrix_layout *layout,
                                        const struct vkh_buffer *buffer, uint64_t n_tokens,
                                        uint64_t cols)
{
    uint16_t *halves = gpu_test_read(test, buffer);
    float *x = malloc(n_tokens * cols * sizeof(*x));
    for (uint64_t i = 0; i < n_tokens * cols; i++)
        x[i] = vkh_operand_float(layout, halves[vkh_left_place(layout, cols, i / cols, i % cols)]);
    free(halves);
    return x;
}

#endif
