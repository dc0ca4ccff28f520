// SPDX-License-Identifier: MIT
#version 450
#pragma use_vulkan_memory_model
#extension GL_GOOGLE_include_directive : require
#extension GL_EXT_control_flow_attributes : require
#extension GL_EXT_shader_explicit_arithmetic_types_float16 : require
#extension GL_EXT_shader_explicit_arithmetic_types_int64 : require
#extension GL_EXT_shader_16bit_storage : require
#extension GL_EXT_buffer_reference : require
#extension GL_KHR_cooperative_matrix : require
#extension GL_KHR_memory_scope_semantics : require
#extension GL_KHR_shader_subgroup_basic : require
#extension GL_KHR_shader_subgroup_shuffle : require
// x[t]·w[r] on cooperative matrices, a workgroup a block of X_TILES x W_TILES tiles, and what follows
// of it (matrix/epilogue.glsl). Both operands lie in panels, [panel][k tile][8][LANES] words, or
// with MATRIX_BLOCKS w as matrix/blocks.glsl has it.
layout(local_size_x_id = 4) in;
#ifdef MATRIX_TRANSPOSED
layout(constant_id = 8) const uint OPERAND_COPIES = 1;
#endif
#ifdef MATRIX_BLOCKS
layout(constant_id = 9) const uint BLOCK_FORMAT = 0;
#endif

#include "common/matrix.glsl"

// Subgroups down (tokens) and across (rows): define X_SUBGROUPS and W_SUBGROUPS. Each has W_EACH tiles
// across, and accumulators X_SUMS down and W_SUMS across. Where accumulators are less than a tile,
// registers hold fewer: a block is then a panel of tokens.
#ifdef MATRIX_ROWS
const uint X_SUMS = PANEL * ROW_PARTS / X_SUBGROUPS, W_EACH = 2;
#else
const uint X_SUMS = 4, W_EACH = 4;
#endif
const uint W_SUMS = W_EACH * COLUMN_PARTS;
const uint X_TILES = X_SUBGROUPS * X_SUMS / ROW_PARTS, W_TILES = W_SUBGROUPS * W_EACH;
const uint INVOCATIONS = X_SUBGROUPS * W_SUBGROUPS * SUBGROUP_LANES;

#ifdef MATRIX_BLOCKS
layout(binding = 1) readonly buffer W { uvec4 w_words[]; };
#endif
layout(push_constant) uniform Push {
    uint n_tokens, n_rows; // of this dispatch; rows count from the bound matrix's first
    uint k_tiles;          // a multiple of four
    uint x_blocks, w_blocks;
    uint first_row;  // of the bound matrix, in the output
    uint out_stride; // rows; of a GLU: its k tiles
    uint accumulate;
    uint strips; // of the whole vocabulary
    float cap;   // of the logits; 0: none
    uint64_t x_address;
#ifndef MATRIX_BLOCKS
    uint64_t w_address;
#endif
    uint64_t out_address;
};

uint x_block, w_block; // of the workgroup
uint x_first, w_first; // accumulators down, and tiles across, of the subgroup in the block
MATRIX_C sums[X_SUMS][W_SUMS]; // [tokens][rows]

// Neighbouring workgroups share rows of x and columns of blocks, so that the cache holds both.
void place_workgroup()
{
    const uint GROUP = 8;
    const uint id = gl_WorkGroupID.x, group = id / (GROUP * w_blocks), rest = id % (GROUP * w_blocks);
    const uint width = min(GROUP, x_blocks - group * GROUP);
    x_block = group * GROUP + rest % width;
    w_block = rest / width;
    x_first = SUBGROUP / W_SUBGROUPS * X_SUMS;
    w_first = SUBGROUP % W_SUBGROUPS * W_EACH;
}

#ifdef MATRIX_TRANSPOSED
#include "matrix/product_transposed.glsl"
#else
#include "matrix/product.glsl"
#endif
#include "matrix/epilogue.glsl"

void main()
{
    place_workgroup();
    multiply_block();
    finish_block();
}
