// SPDX-License-Identifier: MIT
// What a workgroup fetches of the weights' block of a step, and how it becomes words of halves.
//   WEIGHT_WORD                                  what is fetched for one word
//   WEIGHT_WORD fetch_weight(block, k, place)    for the word at `place` of the block, from tile k on
//   uvec4 weight_word(WEIGHT_WORD)

#if defined(WEIGHT_PACKED)
// fp16 in panels; kernels/matrix_weight.c packs them.
layout(binding = 1) readonly buffer W { uvec4 w_words[]; };
#define WEIGHT_WORD uvec4

WEIGHT_WORD fetch_weight(uint block, uint k, uint place)
{
    const uint panel = block * (W_TILES / PANEL) + place / (STEP * PANEL * LANES);
    return w_words[(panel * k_tiles + k) * PANEL * LANES + place % (STEP * PANEL * LANES)];
}

uvec4 weight_word(WEIGHT_WORD word)
{
    return word;
}
#else
// Rows in the layout of src/kernels/weight.h, decoded on the way into the tile.
layout(binding = 1) readonly buffer W { uint weight_words[]; };
#define WEIGHT_WORD uvec4
#include "common/weights.glsl"

// The row that a row of the tiles is; those past the last one read the last.
uint row_of(uint tile, uint in_tile)
{
    const uint row = glu_rows == 0u ? tile * SIDE + in_tile
                                    : tile % 2u * glu_rows + tile / 2u * SIDE + in_tile;
    return min(row, n_rows - 1u);
}

WEIGHT_WORD fetch_weight(uint block, uint k, uint place)
{
    const uint tile = block * W_TILES + place / (STEP * PANEL * LANES) * PANEL + place / LANES % PANEL;
    const uint k0 = (k + place / (PANEL * LANES) % STEP) * SIDE, first = place % LANES * 8;
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

uvec4 weight_word(WEIGHT_WORD word)
{
    return word;
}
#endif
