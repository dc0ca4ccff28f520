// SPDX-License-Identifier: MIT
#version 450
#pragma use_vulkan_memory_model
#extension GL_GOOGLE_include_directive : require
#extension GL_EXT_control_flow_attributes : require
#extension GL_EXT_shader_explicit_arithmetic_types_float16 : require
#extension GL_EXT_shader_16bit_storage : require
#extension GL_KHR_cooperative_matrix : require
#extension GL_KHR_memory_scope_semantics : require
#extension GL_KHR_shader_subgroup_basic : require
#extension GL_KHR_shader_subgroup_shuffle : require
// x[t]·w[r] on cooperative matrices, a workgroup a block of X_TILES x W_TILES tiles, and what follows
// of it (matrix/epilogue.glsl). Both operands lie in panels, [panel][k tile][8][LANES] words.
//
// A step is STEP tiles of k. While it is multiplied out of shared memory, the step after next travels
// to registers; the next one is stored in the middle of the step, so that one barrier is enough. The
// fragments of a tile of k are read while the one before is multiplied; transposed, where they may be
// twice as large, when they are.
layout(local_size_x_id = 4) in;
#ifdef MATRIX_TRANSPOSED
layout(constant_id = 8) const uint OPERAND_WORDS = 1;
#endif

#include "common/matrix.glsl"

#ifndef MATRIX_STEP
#define MATRIX_STEP 2
#endif

// Subgroups down (tokens) and across (rows), tiles of each; define X_SUBGROUPS and W_SUBGROUPS.
const uint TILES = 4, STEP = MATRIX_STEP;
const uint X_TILES = X_SUBGROUPS * TILES, W_TILES = W_SUBGROUPS * TILES;
const uint INVOCATIONS = X_SUBGROUPS * W_SUBGROUPS * LANES;
const uint X_WORDS = TILES * STEP / W_SUBGROUPS; // of an invocation, of a step
const uint W_WORDS = TILES * STEP / X_SUBGROUPS;

layout(binding = 0) readonly buffer X { uvec4 x_words[]; };
layout(binding = 1) readonly buffer W { uvec4 w_words[]; };
layout(push_constant) uniform Push {
    uint n_tokens, n_rows; // of this dispatch; rows count from the bound matrix's first
    uint k_tiles;          // a multiple of 2 STEP
    uint x_blocks, w_blocks;
    uint first_row;  // of the bound matrix, in the output
    uint out_stride; // rows; of a GLU: its k tiles
    uint accumulate;
    uint strips; // of the whole vocabulary
    float cap;   // of the logits; 0: none
};

shared uvec4 x_shared[2][X_TILES * STEP * LANES];
shared uvec4 w_shared[2][W_TILES * STEP * LANES];

const uint PANEL_WORDS = STEP * PANEL * LANES / INVOCATIONS; // of an invocation, of a panel's step

uint x_block, w_block;    // of the workgroup
uint x_at, w_at;          // of this invocation's first words of the step at hand
uint x_first, w_first;    // tiles of the subgroup in the block
uvec4 x_fetched[X_WORDS]; // of the step that was fetched last
uvec4 w_fetched[W_WORDS];
#ifndef MATRIX_TRANSPOSED
uvec4 x_next[TILES], w_next[TILES]; // of the next tile of k
#endif
MATRIX_C sums[TILES][TILES];        // [tokens][rows]

// Neighbouring workgroups share rows of x and columns of blocks, so that the cache holds both.
void place_workgroup()
{
    const uint GROUP = 8;
    const uint id = gl_WorkGroupID.x, group = id / (GROUP * w_blocks), rest = id % (GROUP * w_blocks);
    const uint width = min(GROUP, x_blocks - group * GROUP);
    x_block = group * GROUP + rest % width;
    w_block = rest / width;
    x_first = SUBGROUP / W_SUBGROUPS * TILES;
    w_first = SUBGROUP % W_SUBGROUPS * TILES;
}

// Where word i of this invocation belongs in a step: panel by panel, tile of k by tile of k.
uint place_of(uint i)
{
    return i * INVOCATIONS + gl_LocalInvocationIndex;
}

// The step `ahead` tiles of k after the present one. What lies past the last is fetched like the rest,
// and never multiplied: operands end with as many spare words (kernels/panel.h).
void fetch(uint ahead)
{
    [[unroll]] for (uint i = 0; i < X_WORDS; i++)
        x_fetched[i] = x_words[x_at + ahead * PANEL * LANES +
                               i / PANEL_WORDS * k_tiles * PANEL * LANES + i % PANEL_WORDS * INVOCATIONS];
    [[unroll]] for (uint i = 0; i < W_WORDS; i++)
        w_fetched[i] = w_words[w_at + ahead * PANEL * LANES +
                               i / PANEL_WORDS * k_tiles * PANEL * LANES + i % PANEL_WORDS * INVOCATIONS];
}

void advance(uint tiles)
{
    x_at += tiles * PANEL * LANES;
    w_at += tiles * PANEL * LANES;
}

void store(uint buffer_index)
{
    [[unroll]] for (uint i = 0; i < X_WORDS; i++)
        x_shared[buffer_index][place_of(i)] = x_fetched[i];
    [[unroll]] for (uint i = 0; i < W_WORDS; i++)
        w_shared[buffer_index][place_of(i)] = w_fetched[i];
}

#ifdef MATRIX_TRANSPOSED
uint shared_place(uint tile, uint k)
{
    return ((tile / PANEL * STEP + k) * PANEL + tile % PANEL) * LANES;
}

void multiply(uint buffer_index, uint k)
{
    const uint lane = LANE;
    MATRIX_B w[TILES];
    [[unroll]] for (uint j = 0; j < TILES; j++)
        LOAD_RIGHT(w[j], w_shared[buffer_index], shared_place(w_first + j, k))
    [[unroll]] for (uint i = 0; i < TILES; i++) {
        MATRIX_A x;
        LOAD_LEFT(x, x_shared[buffer_index], shared_place(x_first + i, k))
        [[unroll]] for (uint j = 0; j < TILES; j++)
            sums[i][j] = MULTIPLY(x, w[j], sums[i][j]);
    }
}
#else
uint shared_place(uint tile, uint k)
{
    return ((tile / PANEL * STEP + k) * PANEL + tile % PANEL) * LANES + LANE;
}

void read_fragments(uint buffer_index, uint k)
{
    [[unroll]] for (uint i = 0; i < TILES; i++)
        x_next[i] = x_shared[buffer_index][shared_place(x_first + i, k)];
    [[unroll]] for (uint i = 0; i < TILES; i++)
        w_next[i] = w_shared[buffer_index][shared_place(w_first + i, k)];
}

// Multiplies the fragments that were read, reading those of (buffer_index, k) meanwhile.
void multiply(uint buffer_index, uint k)
{
    MATRIX_A x[TILES];
    MATRIX_B w[TILES];
    [[unroll]] for (uint i = 0; i < TILES; i++)
        LEFT_TILE(x[i], x_next[i])
    [[unroll]] for (uint i = 0; i < TILES; i++)
        RIGHT_TILE(w[i], w_next[i])
    read_fragments(buffer_index, k);
    [[unroll]] for (uint i = 0; i < TILES; i++)
        [[unroll]] for (uint j = 0; j < TILES; j++)
            sums[i][j] = MULTIPLY(x[i], w[j], sums[i][j]);
}
#endif

void multiply_block()
{
    [[unroll]] for (uint i = 0; i < TILES; i++)
        [[unroll]] for (uint j = 0; j < TILES; j++)
            sums[i][j] = MATRIX_ZERO;
    x_at = x_block * (X_TILES / PANEL) * k_tiles * PANEL * LANES + gl_LocalInvocationIndex;
    w_at = w_block * (W_TILES / PANEL) * k_tiles * PANEL * LANES + gl_LocalInvocationIndex;
    fetch(0);
    store(0);
    fetch(STEP);
    barrier();
#ifndef MATRIX_TRANSPOSED
    read_fragments(0, 0);
#endif
    [[dont_unroll]] for (uint k = 0; k < k_tiles; k += 2 * STEP) {
        [[unroll]] for (uint half_step = 0; half_step < 2; half_step++) {
#ifdef MATRIX_TRANSPOSED
            multiply(half_step, 0);
            store(1 - half_step);
            fetch((half_step + 2) * STEP);
            if (STEP == 2)
                multiply(half_step, 1);
            barrier();
#else
            multiply(half_step, 1);
            store(1 - half_step);
            fetch((half_step + 2) * STEP);
            barrier();
            multiply(1 - half_step, 0);
#endif
        }
        advance(2 * STEP);
    }
}

#include "matrix/epilogue.glsl"

void main()
{
    place_workgroup();
    multiply_block();
    finish_block();
}
