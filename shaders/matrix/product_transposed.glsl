// SPDX-License-Identifier: MIT
// A block's sums where the device is given the transposed product, and fragments may be twice as large
// as they lie: both operands go through shared memory. A step is STEP tiles of k; while it is
// multiplied, the step after next travels to registers. The next one is stored in the middle of the
// step, so that one barrier is enough. Fragments are read when they are multiplied, those of w one by
// one. How w is brought depends on how it lies, as in product.glsl.
#ifndef MATRIX_STEP
#define MATRIX_STEP 2
#endif
#define W_AHEAD 2 // steps; of x as well

#include "common/words.glsl"
#include "matrix/ahead.h"
#if W_AHEAD * MATRIX_STEP > VKH_PANEL_AHEAD_TILES
#error operands end with fewer tiles than are read ahead
#endif

const uint STEP = MATRIX_STEP, TURN_TILES = 4;
const uint X_WORDS = X_TILES * STEP * LANES / INVOCATIONS; // of an invocation, of a step
const uint W_WORDS = W_TILES * STEP * LANES / INVOCATIONS, W_SHARES = 1, ROWS_OF_WORD = 1;
const uint PANEL_WORDS = STEP * PANEL * LANES / INVOCATIONS; // of a panel's step

shared uvec4 x_shared[2][X_TILES * STEP * LANES];
shared uvec4 w_shared[2][STEP * PANEL * LANES]; // a block is as wide as a panel

Words x_at;               // from this invocation's first word of the step at hand
uvec4 x_fetched[X_WORDS]; // of the step that was fetched last

#ifdef MATRIX_BLOCKS
#include "w_blocks.glsl"
#else
#include "w_panels.glsl"
#endif

// The step `ahead` tiles of k after the present one, panel by panel, in each tile of k by tile of k.
// What lies past the last is fetched like the rest, and never multiplied (matrix/ahead.h).
void fetch_x(uint ahead)
{
    [[unroll]] for (uint i = 0; i < X_WORDS; i++)
        x_fetched[i] = x_at.at[(i / PANEL_WORDS * k_tiles + ahead) * PANEL * LANES +
                               i % PANEL_WORDS * INVOCATIONS];
}

void store_x(uint turn)
{
    [[unroll]] for (uint i = 0; i < X_WORDS; i++)
        x_shared[turn][i * INVOCATIONS + gl_LocalInvocationIndex] = x_fetched[i];
}

uint shared_place(uint tile, uint k)
{
    return ((tile / PANEL * STEP + k) * PANEL + tile % PANEL) * LANES;
}

void multiply(uint turn, uint k)
{
    const uint lane = LANE;
    MATRIX_A x[X_SUMS];
    [[unroll]] for (uint i = 0; i < X_SUMS; i++)
        LOAD_LEFT(x[i], x_shared[turn],
                  shared_place((x_first + i) / ROW_PARTS, k) + (x_first + i) % ROW_PARTS * LEFT_WORDS)
    [[unroll]] for (uint j = 0; j < W_SUMS; j++) {
        MATRIX_B w;
        LOAD_RIGHT(w, w_shared[turn],
                   shared_place(w_first + j / COLUMN_PARTS, k) + j % COLUMN_PARTS * RIGHT_WORDS)
        [[unroll]] for (uint i = 0; i < X_SUMS; i++)
            sums[i][j] = MULTIPLY(x[i], w, sums[i][j]);
    }
}

void multiply_block()
{
    [[unroll]] for (uint i = 0; i < X_SUMS; i++)
        [[unroll]] for (uint j = 0; j < W_SUMS; j++)
            sums[i][j] = MATRIX_ZERO;
    x_at = words_from(x_address, x_block * (X_TILES / PANEL) * k_tiles * PANEL * LANES + gl_LocalInvocationIndex);
    place_w();
    fetch_x(0);
    begin_w();
    store_x(0);
    fetch_x(STEP);
    barrier();
    [[dont_unroll]] for (uint k = 0; k < k_tiles; k += TURN_TILES) {
        [[unroll]] for (uint turn = 0; turn < TURN_TILES / STEP; turn++) {
            multiply(turn % 2, 0);
            store_x((turn + 1) % 2);
            fetch_x((turn + W_AHEAD) * STEP);
            bring_w(turn, 0);
            if (STEP == 2)
                multiply(turn % 2, 1);
            barrier();
        }
        x_at = moved_on(x_at, TURN_TILES * PANEL * LANES);
        advance_w();
    }
}
