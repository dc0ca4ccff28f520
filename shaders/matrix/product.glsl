// SPDX-License-Identifier: MIT
// A block's sums. x comes straight from the cache, where subgroups beside each other meet; w, which
// all need, through shared memory, a step of STEP tiles of k at a time. While a step is multiplied,
// the next one is stored tile by tile and the one after it travels to registers, so that one barrier
// a step is enough. The fragments of w are read while the tile of k before is multiplied.
//
// How w is brought depends on how it lies (w_panels.glsl, w_blocks.glsl):
//   place_w()         goes to the block's first step
//   begin_w()         stores it, and fetches the second
//   bring_w(turn, k)  of step `turn` of a turn of the loop, while its tile k is multiplied, of the
//                     first W_SHARES: a share of storing the next step, and of fetching what
//                     comes after that
//   advance_w()       by a turn of the loop, TURN_TILES tiles of k
// An invocation has W_WORDS words of a step, ROWS_OF_WORD rows in each.
//
// A turn of the loop is two steps. For an odd number there are pipelines of their own: the way out
// in mid-turn costs registers (NVIDIA: 346 instead of 357 TFLOP/s).
layout(constant_id = 8) const uint ENDS_ODD = 0;
const uint STEP = X_SUBGROUPS, TURN_TILES = 2 * STEP;
const uint W_WORDS = W_EACH, W_SHARES = STEP - 1, ROWS_OF_WORD = SIDE == 16 ? 2 : 8;
#define W_AHEAD 2 // steps
#define X_AHEAD 2 // tiles of k

#include "common/words.glsl"
#include "matrix/ahead.h"
#if W_AHEAD * X_SUBGROUPS > VKH_PANEL_AHEAD_TILES || X_AHEAD > VKH_PANEL_AHEAD_TILES
#error operands end with fewer tiles than are read ahead
#endif

shared uvec4 w_shared[2][STEP * PANEL * LANES]; // a block is as wide as a panel
shared uvec2 parked_block;

Words x_at;                   // from this invocation's first word of the step at hand
uvec4 x_ring[X_AHEAD][X_SUMS]; // of the tiles of k that come next
uvec4 w_next[W_EACH];          // of the next tile of k

#ifdef MATRIX_BLOCKS
#include "w_blocks.glsl"
#else
#include "w_panels.glsl"
#endif

// Word i of x, so many tiles of k after the step's first. What lies past the last is fetched like the
// rest, and never multiplied (matrix/ahead.h).
void fetch_x(uint i, uint ahead)
{
    x_ring[ahead % X_AHEAD][i] = x_at.at[(ahead * PANEL + i) * LANES];
}

void read_w(uint turn, uint k)
{
    [[unroll]] for (uint i = 0; i < W_EACH; i++)
        w_next[i] = w_shared[turn][(k * PANEL + w_first + i) * LANES + LANE];
}

// Multiplies a tile of k, reading the fragments of (turn, k) meanwhile and, as soon as a row of tiles
// is done, x so many tiles after the step's first.
void multiply(uint ahead, uint turn, uint k)
{
    MATRIX_A x[X_SUMS];
    MATRIX_B w[W_EACH];
    [[unroll]] for (uint i = 0; i < X_SUMS; i++)
        LEFT_TILE(x[i], x_ring[ahead % X_AHEAD][i])
    [[unroll]] for (uint i = 0; i < W_EACH; i++)
        RIGHT_TILE(w[i], w_next[i])
    read_w(turn, k);
    [[unroll]] for (uint i = 0; i < X_SUMS; i++) {
        [[unroll]] for (uint j = 0; j < W_EACH; j++)
            sums[i][j] = MULTIPLY(x[i], w[j], sums[i][j]);
        fetch_x(i, ahead);
    }
}

void multiply_step(uint turn)
{
    [[unroll]] for (uint k = 0; k < STEP; k++) {
        const bool is_last = k + 1 == STEP;
        if (is_last)
            barrier();
        else
            bring_w(turn, k);
        multiply(turn * STEP + k + X_AHEAD, is_last ? 1 - turn : turn, is_last ? 0 : k + 1);
    }
}

void begin_block()
{
    [[unroll]] for (uint i = 0; i < X_SUMS; i++)
        [[unroll]] for (uint j = 0; j < W_EACH; j++)
            sums[i][j] = MATRIX_ZERO;
    const uint x_tile = (x_block * X_TILES + x_first) / PANEL * k_tiles * PANEL + x_first % PANEL;
    x_at = words_from(x_address, x_tile * LANES + LANE);
    place_w();
    [[unroll]] for (uint k = 0; k < X_AHEAD; k++)
        [[unroll]] for (uint i = 0; i < X_SUMS; i++)
            fetch_x(i, k);
    begin_w();
}

// The block's place waits in shared memory for the epilogue: the compiler would else compute its
// addresses before the loop and have no registers left in it (NVIDIA: 335 instead of 358 TFLOP/s).
void multiply_block()
{
    if (gl_LocalInvocationIndex == 0)
        parked_block = uvec2(x_block, w_block);
    begin_block();
    barrier();
    read_w(0, 0);
    uint k = 0;
    [[dont_unroll]] for (; k + STEP < k_tiles; k += TURN_TILES) {
        [[unroll]] for (uint turn = 0; turn < 2; turn++)
            multiply_step(turn);
        x_at = moved_on(x_at, TURN_TILES * PANEL * LANES);
        advance_w();
    }
    if (ENDS_ODD != 0u && k < k_tiles)
        multiply_step(0);
    x_block = parked_block.x;
    w_block = parked_block.y;
}
