// SPDX-License-Identifier: MIT
// A tile of x[t]·w[r], 64 tokens x 64 rows, by 16 x 8 invocations: operands pass through shared
// memory in slabs of 16 columns, an invocation keeps 8 tokens x 4 rows. Each sum runs over the
// columns in order. The includer declares vec4 x4[], uint weight_words[] and the sizes
// n_tokens, n_rows, cols, row_words.

#include "common/weights.glsl"

const uint TILE = 64, SLAB = 16;
shared vec4 x_slab[SLAB][TILE / 4];
shared vec4 w_slab[SLAB][TILE / 4];

void load_slabs(uint token0, uint row0, uint k0)
{
    for (uint i = gl_LocalInvocationIndex; i < TILE * SLAB / 4; i += 128) {
        const uint line = i / 4, at = 4 * (i % 4), k = k0 + at;
        const uint token = token0 + line, row = row0 + line;
        const vec4 x = k < cols && token < n_tokens ? x4[(token * cols + k) / 4] : vec4(0);
        const vec4 w = k < cols && row < n_rows ? weight4(row * row_words, k, cols) : vec4(0);
        for (uint j = 0; j < 4; j++) {
            x_slab[at + j][line / 4][line % 4] = x[j];
            w_slab[at + j][line / 4][line % 4] = w[j];
        }
    }
}

// sums[i][j]: token token0 + 8 * y + i, row row0 + 4 * x + j, with (x, y) the invocation.
void multiply_tile(uint token0, uint row0, out vec4 sums[8])
{
    for (uint i = 0; i < 8; i++)
        sums[i] = vec4(0);
    for (uint k0 = 0; k0 < cols; k0 += SLAB) {
        load_slabs(token0, row0, k0);
        barrier();
        for (uint k = 0; k < SLAB; k++) {
            const vec4 a = x_slab[k][2 * gl_LocalInvocationID.y];
            const vec4 b = x_slab[k][2 * gl_LocalInvocationID.y + 1];
            const vec4 w = w_slab[k][gl_LocalInvocationID.x];
            for (uint i = 0; i < 4; i++) {
                sums[i] += a[i] * w;
                sums[4 + i] += b[i] * w;
            }
        }
        barrier();
    }
}
