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
    const uint k0 = (k + place / (PANEL * LANES) % STEP) * SIDE;
    uint halves[4];
    [[unroll]] for (uint i = 0; i < 4; i++) {
        const uint even = element_at(LAYOUT_B, place % LANES * 8 + 2 * i);
        const uint odd = element_at(LAYOUT_B, place % LANES * 8 + 2 * i + 1);
        const uint k_even = k0 + even / SIDE, k_odd = k0 + odd / SIDE;
        const float a = weight4(row_of(tile, even % SIDE) * row_words, k_even & ~3u, cols)[k_even & 3u];
        const float b = weight4(row_of(tile, odd % SIDE) * row_words, k_odd & ~3u, cols)[k_odd & 3u];
        halves[i] = half_pair(a, b);
    }
    return uvec4(halves[0], halves[1], halves[2], halves[3]);
}

uvec4 weight_word(WEIGHT_WORD word)
{
    return word;
}
#endif
