// SPDX-License-Identifier: MIT
// A tile of x[t]·w[r], 128 tokens x 128 rows, by 16 x 16 invocations of 8 tokens x 8 rows. The next
// slab travels from global memory to registers while the present one is multiplied. Each sum runs
// over the columns in order. The includer declares vec4 x4[], uint weight_words[] and the sizes
// n_tokens, n_rows, cols, row_words.

layout(local_size_x = 256) in; // rows of 16 invocations

uint lane_x()
{
    return gl_LocalInvocationIndex % 16;
}

uint lane_y()
{
    return gl_LocalInvocationIndex / 16;
}

#include "common/weights.glsl"

const uint TILE = 128, SLAB = 16;
// One vec4 of padding a line, so that the transposing stores spread over the banks.
shared vec4 x_slab[SLAB][TILE / 4 + 1];
shared vec4 w_slab[SLAB][TILE / 4 + 1];

// The slab's share of one invocation: columns 4 * (i % 4) … of lines i / 4 and 64 + i / 4.
struct Share {
    vec4 x[2], w[2];
};

Share fetch(uint token0, uint row0, uint k0)
{
    Share share;
    const uint k = k0 + 4 * (gl_LocalInvocationIndex % 4), line = gl_LocalInvocationIndex / 4;
    for (uint i = 0; i < 2; i++) {
        const uint token = token0 + line + 64 * i, row = row0 + line + 64 * i;
        share.x[i] = k < cols && token < n_tokens ? x4[(token * cols + k) / 4] : vec4(0);
        share.w[i] = k < cols && row < n_rows ? weight4(row * row_words, k, cols) : vec4(0);
    }
    return share;
}

void store(Share share)
{
    const uint at = 4 * (gl_LocalInvocationIndex % 4), line = gl_LocalInvocationIndex / 4;
    for (uint i = 0; i < 2; i++) {
        const uint quad = line / 4 + 16 * i;
        for (uint j = 0; j < 4; j++) {
            x_slab[at + j][quad][line % 4] = share.x[i][j];
            w_slab[at + j][quad][line % 4] = share.w[i][j];
        }
    }
}

// The token of sums[i], and the row of sums[i][j][c], of the tile that starts at token0, row0.
uint token_of(uint token0, uint i)
{
    return token0 + 8 * lane_y() + i;
}

uint row_of(uint row0, uint j, uint c)
{
    return row0 + 64 * j + 4 * lane_x() + c;
}

void multiply_tile(uint token0, uint row0, out vec4 sums[8][2])
{
    for (uint i = 0; i < 8; i++)
        sums[i][0] = sums[i][1] = vec4(0);
    Share share = fetch(token0, row0, 0);
    for (uint k0 = 0; k0 < cols; k0 += SLAB) {
        store(share);
        barrier();
        if (k0 + SLAB < cols)
            share = fetch(token0, row0, k0 + SLAB);
        for (uint k = 0; k < SLAB; k++) {
            const vec4 a = x_slab[k][2 * lane_y()];
            const vec4 b = x_slab[k][2 * lane_y() + 1];
            for (uint j = 0; j < 2; j++) {
                const vec4 w = w_slab[k][lane_x() + 16 * j];
                for (uint i = 0; i < 4; i++) {
                    sums[i][j] += a[i] * w;
                    sums[4 + i][j] += b[i] * w;
                }
            }
        }
        barrier();
    }
}
