// SPDX-License-Identifier: MIT
// Operands of cooperative matrices in memory: tiles of side x side halves, or bf16 where the layout
// says so, as a subgroup holds them, eight tiles of rows side by side in a panel:
// [panel][k tile][8][lanes][8 halves].
#ifndef VKH_KERNELS_PANEL_H
#define VKH_KERNELS_PANEL_H

#include <stdint.h>

#include "base/half.h"
#include "base/size.h"
#include "gpu/matrix.h"
#include "shaders/matrix/ahead.h"

// Tokens are padded to whole blocks of panels; what the padding holds is nobody's result.
enum { VKH_PANEL_TILES = 8, VKH_BLOCK_PANELS = 2 };

// Columns come in multiples of so many tiles.
enum { VKH_PANEL_K_TILES = 4 };

static inline uint32_t vkh_panel_rows(const struct vkh_matrix_layout *layout)
{
    return VKH_PANEL_TILES * layout->side;
}

// Tokens of a block.
static inline uint32_t vkh_block_rows(const struct vkh_matrix_layout *layout)
{
    return VKH_BLOCK_PANELS * vkh_panel_rows(layout);
}

// What lies behind an operand, so that reading ahead stays inside.
static inline uint64_t vkh_panel_spare_bytes(const struct vkh_matrix_layout *layout)
{
    return (uint64_t)VKH_PANEL_AHEAD_TILES * VKH_PANEL_TILES * layout->side * layout->side * 2;
}

// Bytes of a left operand of n_tokens, padded.
static inline uint64_t vkh_left_bytes(const struct vkh_matrix_layout *layout, uint64_t n_tokens,
                                      uint64_t cols)
{
    return vkh_round_up(n_tokens, vkh_block_rows(layout)) * cols * 2 +
           vkh_panel_spare_bytes(layout);
}

// Bytes of a right operand, a weight of so many rows.
static inline uint64_t vkh_right_bytes(const struct vkh_matrix_layout *layout, uint64_t rows,
                                       uint64_t cols)
{
    return vkh_round_up(rows, vkh_panel_rows(layout)) * cols * 2 + vkh_panel_spare_bytes(layout);
}

// Rows, whole panels, of the largest right operand within so many bytes.
static inline uint64_t vkh_right_rows(const struct vkh_matrix_layout *layout, uint64_t cols,
                                      uint64_t bytes)
{
    const uint64_t panel = vkh_panel_rows(layout), spare = vkh_panel_spare_bytes(layout);
    return bytes < spare ? 0 : (bytes - spare) / (panel * cols * 2) * panel;
}

// row * side + column of what lies at `place` of a tile, by one of the layout's orders.
static inline uint32_t vkh_tile_element(uint32_t order, uint32_t place)
{
    uint32_t element = 0;
    for (uint32_t bit = 0; bit < 8; bit++)
        element |= (place >> bit & 1) << (order >> 4 * bit & 15);
    return element;
}

// Where the half of (token, k) lies in a left operand. For samples: it searches a tile.
static inline uint64_t vkh_left_place(const struct vkh_matrix_layout *layout, uint64_t cols,
                                      uint64_t token, uint64_t k)
{
    const uint32_t side = layout->side, n = side * side;
    const uint64_t tile = token / side, k_tile = k / side;
    const uint32_t element = (uint32_t)(token % side * side + k % side);
    uint32_t place = 0;
    while (vkh_tile_element(layout->a, place) != element)
        place++;
    return ((tile / VKH_PANEL_TILES * (cols / side) + k_tile) * VKH_PANEL_TILES +
            tile % VKH_PANEL_TILES) *
               n +
           place;
}

// An element as an operand has it, and back; for samples as well.
static inline uint16_t vkh_operand(const struct vkh_matrix_layout *layout, float value)
{
    return layout->bf16 ? vkh_to_bf16(value) : vkh_to_half(value);
}

static inline float vkh_operand_float(const struct vkh_matrix_layout *layout, uint16_t bits)
{
    return layout->bf16 ? vkh_from_bf16(bits) : vkh_from_half(bits);
}

// Whether columns end after an odd number of steps of a product.
static inline bool vkh_panel_ends_odd(const struct vkh_matrix_layout *layout, uint64_t cols)
{
    return cols / layout->side % (2 * VKH_PANEL_K_TILES) != 0;
}

static inline int vkh_panel_takes(const struct vkh_matrix_layout *layout, uint64_t cols)
{
    return layout->side && cols % (VKH_PANEL_K_TILES * layout->side) == 0;
}

#endif
