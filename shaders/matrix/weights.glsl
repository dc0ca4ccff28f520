// SPDX-License-Identifier: MIT
// How a workgroup fetches the weights' block of a step:
//   start_weights(), advance_weights(tiles)    as x_at in the includer
//   uvec4 fetch_weight(i, ahead)               word i of this invocation, `ahead` tiles of k from k_now

#if defined(WEIGHT_PACKED)
// fp16 in panels; kernels/matrix_weight.c packs them.
layout(binding = 1) readonly buffer W { uvec4 w_words[]; };

uint w_at;

void start_weights()
{
    w_at = w_block * (W_TILES / PANEL) * k_tiles * PANEL * LANES + gl_LocalInvocationIndex;
}

void advance_weights(uint tiles)
{
    w_at += tiles * PANEL * LANES;
}

uvec4 fetch_weight(uint i, uint ahead)
{
    return w_words[w_at + ahead * PANEL * LANES + i / PANEL_WORDS * k_tiles * PANEL * LANES +
                   i % PANEL_WORDS * INVOCATIONS];
}
#else
// Rows in the layout of src/kernels/weight.h, decoded on the way into the tile.
layout(binding = 1) readonly buffer W { uint weight_words[]; };
#include "common/weights.glsl"

// The row that a row of the tiles is; those past the last one read the last.
uint row_of(uint tile, uint in_tile)
{
    const uint row = glu_rows == 0u ? tile * SIDE + in_tile
                                    : tile % 2u * glu_rows + tile / 2u * SIDE + in_tile;
    return min(row, n_rows - 1u);
}

void start_weights()
{
}

void advance_weights(uint tiles)
{
}

uvec4 fetch_weight(uint i, uint ahead)
{
    const uint place = place_of(i), first = place % LANES * 8;
    const uint tile = w_block * W_TILES + place / (STEP * PANEL * LANES) * PANEL + place / LANES % PANEL;
    const uint k = min(k_now + ahead, k_tiles - STEP) + place / (PANEL * LANES) % STEP, k0 = k * SIDE;
#if MATRIX_SIDE == 16
    // Four neighbours in each of two rows (src/gpu/matrix.c holds the device to it).
    const uint low = element_at(LAYOUT_B, first), high = element_at(LAYOUT_B, first + 4);
    const vec4 a = weight4(row_of(tile, low % SIDE) * row_words, k0 + low / SIDE, cols);
    const vec4 b = weight4(row_of(tile, high % SIDE) * row_words, k0 + high / SIDE, cols);
    return uvec4(half_pair(a.x, a.y), half_pair(a.z, a.w), half_pair(b.x, b.y), half_pair(b.z, b.w));
#else
    // One element in each of eight rows.
    uint halves[8];
    [[unroll]] for (uint i = 0; i < 8; i++) {
        const uint element = element_at(LAYOUT_B, first + i), at = k0 + element / SIDE;
        const uint row = row_of(tile, element % SIDE) * row_words;
        halves[i] = half_pair(weight4(row, at & ~3u, cols)[at & 3u], 0.0);
    }
    return uvec4(halves[0] | halves[1] << 16, halves[2] | halves[3] << 16,
                 halves[4] | halves[5] << 16, halves[6] | halves[7] << 16);
#endif
}
#endif
