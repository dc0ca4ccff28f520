// SPDX-License-Identifier: MIT
// How a device's cooperative matrices lie in the invocations of a subgroup. Vulkan leaves it to the
// driver, so it is measured, once a device. Kernels that know it keep operands in buffers as the
// invocations hold them: an invocation then reads its halves as words of eight.
#ifndef VKH_GPU_MATRIX_H
#define VKH_GPU_MATRIX_H

#include <stdbool.h>
#include <stdint.h>
#include <vkhrope/status.h>

struct vkh_device;

// An order has four bits for each bit of an element's place, word * 8 + index: the bit of
// row * side + column that it is. The index of the sum is counted anew, so that four of a word
// are neighbours, and columns of right operands and accumulators are counted alike: a product's
// result is the next one's left operand. `a` and `b` say where an element of a matrix in memory
// belongs, and `c` where an accumulator's is.
//
// Accumulators must become left operands without moving. Where they lie like right ones instead
// (AMD's), the device is given the transposed product: what is said here of left and right holds
// for the product as its users see it. RDNA 3 holds an operand in both halves of a subgroup.
//
// A tile is always square. Where the device's accumulators are smaller (Intel's), it is made of
// several, each of a word an invocation, and of as many operands as they have rows or columns of.
struct vkh_matrix_layout {
    uint32_t side;          // of a tile, 8 or 16, which is what products sum at once; 0: the device
                            // has no matrices of use
    uint32_t rows, columns; // of an accumulator: a tile's, or half of them
    uint32_t lanes;         // words of a tile: side * side / 8
    uint32_t subgroup;      // invocations that hold a matrix: rows * columns / 8
    bool transposed;
    uint32_t copies; // of an operand in a subgroup: 1, or 2 where each half holds all of it
    uint32_t a, b, c;
    uint32_t column_lanes; // bits of the word that are bits of the column
    bool has_bf16;         // matrices of bf16 are there and lie alike
    // For who uses the layout to choose:
    bool bf16;    // operands are bf16, else fp16
    bool decodes; // products decode weights in blocks, which are else unpacked before them
};

// Which shaders: of side 8, of side 16; of side 16 and transposed, with accumulators of 16x16, 16x8
// and 8x8.
enum { VKH_MATRIX_KINDS = 5 };
static inline uint32_t vkh_matrix_kind(const struct vkh_matrix_layout *layout)
{
    if (!layout->transposed)
        return layout->side == 16;
    return layout->columns == 16 ? 2 : layout->rows == 16 ? 3 : 4;
}

// The same with operands of fp16.
static inline struct vkh_matrix_layout vkh_matrix_layout_f16(const struct vkh_matrix_layout *layout)
{
    struct vkh_matrix_layout f16 = *layout;
    f16.bf16 = false;
    return f16;
}

enum { VKH_MATRIX_CONSTANTS = 4 };

// Measured at the first call. `side` is 0 without VKH_CAP_MATRIX16, and where matrices do not lie
// as the kernels want them (gpu/matrix_order.c). Waits for the device.
enum vkh_status vkh_matrix_layout(struct vkh_device *device, struct vkh_matrix_layout *layout);

// The specialisation constants that shaders/common/matrix.glsl declares.
void vkh_matrix_constants(const struct vkh_matrix_layout *layout,
                          uint32_t constants[VKH_MATRIX_CONSTANTS]);

#endif
