// SPDX-License-Identifier: MIT
// A tile of x[t]·w[r] by one subgroup, 16 tokens x 8 rows an invocation, for processors that run an
// invocation per SIMD lane: loads are dear there and registers cheap. Each lane loads the tokens of
// its own and broadcasts them. Each sum runs over the columns in order. The includer declares
// vec4 x4[], uint weight_words[] and the sizes n_tokens, n_rows, cols, row_words.

layout(local_size_x_id = 0) in;
layout(constant_id = 0) const uint LANES = 8; // the subgroup's size, a power of two

#include "common/weights.glsl"

const uint TOKENS = 16, ROWS = 8;
const uint OWN = LANES < TOKENS ? TOKENS / LANES : 1; // tokens that a lane loads

// The row of a lane's sum r, of the tile that starts at row0.
uint lane_row(uint row0, uint r)
{
    return row0 + r * LANES + gl_SubgroupInvocationID;
}

// sums[t][r / 4][r % 4]: token token0 + t, row lane_row(row0, r); of the last token or row instead
// of those beyond it. Four are a vector, so that the driver has less to compile.
void multiply_tile(uint token0, uint row0, out vec4 sums[TOKENS][ROWS / 4])
{
    uint rows[ROWS], tokens[4];
    [[unroll]] for (uint r = 0; r < ROWS; r++)
        rows[r] = min(lane_row(row0, r), n_rows - 1) * row_words;
    [[unroll]] for (uint i = 0; i < 4; i++) {
        const uint own = (i * LANES + gl_SubgroupInvocationID) % TOKENS;
        tokens[i] = min(token0 + own, n_tokens - 1) * cols;
    }
    [[unroll]] for (uint t = 0; t < TOKENS; t++)
        [[unroll]] for (uint j = 0; j < ROWS / 4; j++)
            sums[t][j] = vec4(0);
    for (uint k = 0; k < cols; k += 4) {
        vec4 x[4];
        mat4 w[ROWS / 4]; // w[j][c][r]: element k + c of row 4 * j + r
        [[unroll]] for (uint i = 0; i < 4; i++)
            x[i] = i < OWN ? x4[(tokens[i] + k) >> 2] : vec4(0);
        [[unroll]] for (uint j = 0; j < ROWS / 4; j++)
            w[j] = transpose(mat4(weight4(rows[4 * j], k, cols), weight4(rows[4 * j + 1], k, cols),
                                  weight4(rows[4 * j + 2], k, cols),
                                  weight4(rows[4 * j + 3], k, cols)));
        [[unroll]] for (uint t = 0; t < TOKENS; t++) {
            const vec4 a = subgroupBroadcast(x[min(t / LANES, 3)], t % LANES);
            [[unroll]] for (uint j = 0; j < ROWS / 4; j++) {
                sums[t][j] += a.x * w[j][0];
                sums[t][j] += a.y * w[j][1];
                sums[t][j] += a.z * w[j][2];
                sums[t][j] += a.w * w[j][3];
            }
        }
    }
}
