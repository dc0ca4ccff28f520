// SPDX-License-Identifier: MIT
// A block's sums where the device is given the transposed product, and fragments may be twice as large
// as they lie: both operands go through shared memory. A step is STEP tiles of k; while it is
// multiplied, the step after next travels to registers. The next one is stored in the middle of the
// step, so that one barrier is enough. Fragments are read when they are multiplied.
#ifndef MATRIX_STEP
#define MATRIX_STEP 2
#endif
#define AHEAD 2 // steps

#include "matrix/ahead.h"
#if AHEAD * MATRIX_STEP > VKH_PANEL_AHEAD_TILES
#error operands end with fewer tiles than are read ahead
#endif

const uint STEP = MATRIX_STEP;
const uint X_WORDS = TILES * STEP / W_SUBGROUPS; // of an invocation, of a step
const uint W_WORDS = TILES * STEP / X_SUBGROUPS;
const uint PANEL_WORDS = STEP * PANEL * LANES / INVOCATIONS; // of a panel's step

shared uvec4 x_shared[2][X_TILES * STEP * LANES];
shared uvec4 w_shared[2][W_TILES * STEP * LANES];

uint x_at, w_at;          // of this invocation's first words of the step at hand
uvec4 x_fetched[X_WORDS]; // of the step that was fetched last
uvec4 w_fetched[W_WORDS];

// Where word i of this invocation belongs in a step: panel by panel, tile of k by tile of k.
uint place_of(uint i)
{
    return i * INVOCATIONS + gl_LocalInvocationIndex;
}

// Where word i lies in its operand, from the step's first.
uint distance_of(uint i)
{
    return i / PANEL_WORDS * k_tiles * PANEL * LANES + i % PANEL_WORDS * INVOCATIONS;
}

// The step `ahead` tiles of k after the present one. What lies past the last is fetched like the rest,
// and never multiplied (matrix/ahead.h).
void fetch(uint ahead)
{
    [[unroll]] for (uint i = 0; i < X_WORDS; i++)
        x_fetched[i] = x_words[x_at + ahead * PANEL * LANES + distance_of(i)];
    [[unroll]] for (uint i = 0; i < W_WORDS; i++)
        w_fetched[i] = w_words[w_at + ahead * PANEL * LANES + distance_of(i)];
}

void store(uint turn)
{
    [[unroll]] for (uint i = 0; i < X_WORDS; i++)
        x_shared[turn][place_of(i)] = x_fetched[i];
    [[unroll]] for (uint i = 0; i < W_WORDS; i++)
        w_shared[turn][place_of(i)] = w_fetched[i];
}

uint shared_place(uint tile, uint k)
{
    return ((tile / PANEL * STEP + k) * PANEL + tile % PANEL) * LANES;
}

void multiply(uint turn, uint k)
{
    const uint lane = LANE;
    MATRIX_B w[TILES];
    [[unroll]] for (uint j = 0; j < TILES; j++)
        LOAD_RIGHT(w[j], w_shared[turn], shared_place(w_first + j, k))
    [[unroll]] for (uint i = 0; i < TILES; i++) {
        MATRIX_A x;
        LOAD_LEFT(x, x_shared[turn], shared_place(x_first + i, k))
        [[unroll]] for (uint j = 0; j < TILES; j++)
            sums[i][j] = MULTIPLY(x, w[j], sums[i][j]);
    }
}

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
    [[dont_unroll]] for (uint k = 0; k < k_tiles; k += 2 * STEP) {
        [[unroll]] for (uint turn = 0; turn < 2; turn++) {
            multiply(turn, 0);
            store(1 - turn);
            fetch((turn + AHEAD) * STEP);
            if (STEP == 2)
                multiply(turn, 1);
            barrier();
        }
        x_at += 2 * STEP * PANEL * LANES;
        w_at += 2 * STEP * PANEL * LANES;
    }
}
