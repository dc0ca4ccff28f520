// SPDX-License-Identifier: MIT
#version 450
#extension GL_GOOGLE_include_directive : require
#extension GL_EXT_control_flow_attributes : require
// Keys and values to 8 bits: a workgroup takes one block of each token of a tile. The bits are those
// of kv_pack_ref.c on every driver. Slots past the last token become zeros.
layout(local_size_x = 128) in;
layout(binding = 0) writeonly buffer Packed { uint packed_words[]; };
layout(binding = 1) readonly buffer Rows { vec4 rows[]; };
layout(binding = 1) readonly buffer Halves { uvec2 halves[]; };

#include "common/half.glsl"
#include "common/kv_packed.glsl"

const uint OWN = KEYS * BLOCK / QUAD / 128; // quads of an invocation

shared uint magnitudes[KEYS][BLOCK + 1]; // their bits, which are in the same order
shared uint scales[KEYS];                // halves

vec4 elements_at(uint quad)
{
    if (SIDE == 0)
        return rows[quad];
    return vec4(unpackHalf2x16(halves[quad].x), unpackHalf2x16(halves[quad].y));
}

// What is too large for a scale makes the block NaN, and so does what is no finite number.
uint scale_of(uint magnitude)
{
    const uint scale = half_bits(uintBitsToFloat(magnitude) * 0.00787401574803149606); // 1 / 127
    return scale < 0x7c00u ? scale : 0x7e00u;
}

// The nearest multiple of the scale, away from zero at a tie. The quotient may be off, what is left
// beside it is exact.
uint byte_of(float x, uint half_scale)
{
    const float scale = half_value(half_scale), magnitude = abs(x);
    if (half_scale == 0u || half_scale >= 0x7c00u)
        return 0u;
    const float below = floor(magnitude / scale);
    const float nearest = magnitude - below * scale >= 0.5 * scale ? below + 1.0 : below;
    const int quant = int(min(nearest, 127.0));
    return uint(x < 0.0 ? -quant : quant) & 0xffu;
}

void main()
{
    const uint lane = gl_LocalInvocationIndex, block = gl_WorkGroupID.y, plane = gl_WorkGroupID.z;
    const uint tile = plane * capacity_tiles + first_tile + gl_WorkGroupID.x;
    const bool is_value = plane % 2u != 0u;
    vec4 values[OWN];
    [[unroll]] for (uint i = 0; i < OWN; i++) {
        const uint index = i * 128 + lane, element = quad_of_block(block, index);
        values[i] = vec4(0);
        if (SIDE == 0 && block * BLOCK + index % (BLOCK / QUAD) * QUAD >= HEAD_DIM)
            continue;
        values[i] = elements_at(tile * QUADS + element / QUAD);
        [[unroll]] for (uint e = 0; e < QUAD; e++) {
            const uvec2 place = place_of(element + e, is_value);
            if (gl_WorkGroupID.x * KEYS + place.x >= n_tokens)
                values[i][e] = 0.0;
            magnitudes[place.x][place.y % BLOCK] = floatBitsToUint(values[i][e]) & 0x7fffffffu;
        }
    }
    barrier();
    if (lane < KEYS) {
        uint greatest = 0u;
        for (uint i = 0; i < min(BLOCK, HEAD_DIM - block * BLOCK); i++)
            greatest = max(greatest, magnitudes[lane][i]);
        scales[lane] = scale_of(greatest);
    }
    barrier();
    if (lane < KEYS / 2)
        packed_words[tile * WORDS + QUADS + block * KEYS / 2 + lane] =
            scales[2 * lane] | scales[2 * lane + 1] << 16;
    [[unroll]] for (uint i = 0; i < OWN; i++) {
        const uint index = i * 128 + lane, element = quad_of_block(block, index);
        if (SIDE == 0 && block * BLOCK + index % (BLOCK / QUAD) * QUAD >= HEAD_DIM)
            continue;
        uint word = 0u;
        [[unroll]] for (uint e = 0; e < QUAD; e++)
            word |= byte_of(values[i][e], scales[place_of(element + e, is_value).x]) << 8 * e;
        packed_words[tile * WORDS + element / QUAD] = word;
    }
}
