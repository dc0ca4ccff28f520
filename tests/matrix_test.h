// SPDX-License-Identifier: MIT
// Operands of cooperative matrices on the host, for tests of the kernels that read and write them.
#ifndef VKH_TESTS_MATRIX_TEST_H
#define VKH_TESTS_MATRIX_TEST_H

#include "base/half.h"
#include "kernels/panel.h"
#include "weight_test.h"

// The device's layout; exits 77 where it has none.
static inline struct vkh_matrix_layout matrix_test_layout(struct gpu_test *test)
{
    struct vkh_matrix_layout layout;
    if (vkh_matrix_layout(test->device, &layout) != VKH_OK)
        exit(1);
    if (!layout.side)
        exit(CHECK_SKIPPED);
    return layout;
}

static inline uint32_t matrix_test_element(uint32_t order, uint32_t place)
{
    uint32_t element = 0;
    for (uint32_t bit = 0; bit < 8; bit++)
        element |= (place >> bit & 1) << (order >> 4 * bit & 15);
    return element;
}

// Where the half of (token, k) lies in a left operand.
static inline uint64_t matrix_test_left(const struct vkh_matrix_layout *layout, uint64_t cols,
                                        uint64_t token, uint64_t k)
{
    const uint32_t side = layout->side, n = side * side;
    const uint64_t tile = token / side, k_tile = k / side;
    const uint32_t element = (uint32_t)(token % side * side + k % side);
    uint32_t place = 0;
    while (matrix_test_element(layout->a, place) != element)
        place++;
    return ((tile / VKH_PANEL_TILES * (cols / side) + k_tile) * VKH_PANEL_TILES +
            tile % VKH_PANEL_TILES) *
               n +
           place;
}

// x as a left operand on the device, NaN in the padding; x itself is rounded to halves.
static inline struct vkh_buffer *matrix_test_pack(struct gpu_test *test,
                                                  const struct vkh_matrix_layout *layout, float *x,
                                                  uint64_t n_tokens, uint64_t cols)
{
    const uint64_t bytes = vkh_left_bytes(layout, n_tokens, cols);
    uint16_t *halves = malloc(bytes);
    memset(halves, 0xff, bytes);
    for (uint64_t i = 0; i < n_tokens * cols; i++) {
        const uint16_t half = vkh_to_half(x[i]);
        halves[matrix_test_left(layout, cols, i / cols, i % cols)] = half;
        x[i] = vkh_from_half(half);
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
        x[i] = vkh_from_half(halves[matrix_test_left(layout, cols, i / cols, i % cols)]);
    free(halves);
    return x;
}

#endif
