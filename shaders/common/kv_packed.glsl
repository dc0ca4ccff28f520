// SPDX-License-Identifier: MIT
// Keys and values in 8 bits (src/kernels/kv_pack.h), and how the same elements lie where attention
// reads them: rows of fp32, or tiles of halves as cooperative matrices have them, those of keys with
// dims as rows, those of values with tokens as rows. In a key tile the bytes lie like those.
layout(constant_id = 0) const uint HEAD_DIM = 64;
layout(constant_id = 1) const uint SIDE = 0; // of matrices; 0: rows
layout(constant_id = 2) const uint ORDER = 0; // of right operands
layout(push_constant) uniform Push {
    uint capacity_tiles; // of a plane: of a head's keys, or its values
    uint first_tile;
    uint n_tokens; // from there on
};

#include "common/order.glsl"

const uint KEYS = 64, BLOCK = 32, QUAD = 4;
const uint BLOCKS = (HEAD_DIM + BLOCK - 1) / BLOCK;
const uint QUADS = KEYS * HEAD_DIM / QUAD; // of a tile: words of bytes
const uint WORDS = QUADS + BLOCKS * KEYS / 2;
const uint EDGE = SIDE == 0 ? 8 : SIDE;
const uint DIM_TILES = HEAD_DIM / EDGE;

// Token and dim of an element of a tile of keys or values.
uvec2 place_of(uint element, bool is_value)
{
    if (SIDE == 0)
        return uvec2(element / HEAD_DIM, element % HEAD_DIM);
    const uint tile = element / (EDGE * EDGE);
    const uint at = element_at(ORDER, element % (EDGE * EDGE));
    const uvec2 inside = uvec2(at / EDGE, at % EDGE);
    return EDGE * uvec2(tile / DIM_TILES, tile % DIM_TILES) + (is_value ? inside : inside.yx);
}

// The first of the four elements that quad `index` of a block of KEYS tokens has. In rows it lies
// beyond the head, in its dim, where the block is the last and shorter.
uint quad_of_block(uint block, uint index)
{
    if (SIDE == 0)
        return index / (BLOCK / QUAD) * HEAD_DIM + block * BLOCK + index % (BLOCK / QUAD) * QUAD;
    const uint quads = EDGE * EDGE / QUAD, across = BLOCK / EDGE, tile = index / quads;
    return (tile / across * DIM_TILES + block * across + tile % across) * EDGE * EDGE +
           index % quads * QUAD;
}
