// SPDX-License-Identifier: MIT
// Weights in blocks as products on cooperative matrices decode them on their way to the
// multipliers: panels of rows, each in steps of VKH_PANEL_K_TILES tiles of k, in which quants and
// scales lie as invocations read them (shaders/matrix/blocks.glsl). Instead of the unpacking of
// matrix_unpack.h, where the layout says so.
#ifndef VKH_KERNELS_MATRIX_BLOCKS_H
#define VKH_KERNELS_MATRIX_BLOCKS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/dtype.h"
#include "kernels/panel.h"

struct vkh_shader;

// Whether weights of the type lie so.
bool vkh_matrix_decodes(const struct vkh_matrix_layout *layout, enum vkh_dtype type);

// For such a type: the constant BLOCK_FORMAT of the shaders, and the one that packs rows in blocks.
uint32_t vkh_blocks_format(enum vkh_dtype type);
const struct vkh_shader *vkh_blocks_packing(const struct vkh_matrix_layout *layout,
                                            enum vkh_dtype type);
// The rows that eight elements of a right operand are of, which lie in an invocation as a word.
uint32_t vkh_blocks_rows_of_word(const struct vkh_matrix_layout *layout);

// Bytes of so many rows, padded to whole panels, with what a product reads ahead.
uint64_t vkh_blocks_bytes(const struct vkh_matrix_layout *layout, enum vkh_dtype type,
                          uint64_t rows, uint64_t cols);

#endif
