// SPDX-License-Identifier: MIT
#version 450
#extension GL_GOOGLE_include_directive : require
#extension GL_EXT_control_flow_attributes : require
// Keys and values in 8 bits to what attention reads; an invocation makes four elements.
layout(local_size_x = 128) in;
layout(binding = 0) readonly buffer Packed { uint packed_words[]; };
layout(binding = 1) writeonly buffer Rows { vec4 rows[]; };
layout(binding = 1) writeonly buffer Halves { uvec2 halves[]; };

#include "common/half.glsl"
#include "common/kv_packed.glsl"

float scale_at(uint tile, uvec2 place)
{
    const uint at = place.y / BLOCK * KEYS + place.x;
    return half_value(packed_words[tile * WORDS + QUADS + at / 2] >> 16 * (at & 1u) & 0xffffu);
}

void main()
{
    const uint quad = gl_GlobalInvocationID.y * 128 + gl_LocalInvocationIndex;
    const uint plane = gl_WorkGroupID.z;
    const uint tile = plane * capacity_tiles + first_tile + gl_WorkGroupID.x;
    if (quad >= QUADS)
        return;
    const int word = int(packed_words[tile * WORDS + quad]);
    vec4 values;
    [[unroll]] for (int e = 0; e < 4; e++)
        values[e] = float(bitfieldExtract(word, 8 * e, 8)) *
                    scale_at(tile, place_of(quad * QUAD + e, plane % 2u != 0u));
    if (SIDE == 0) {
        rows[tile * QUADS + quad] = values;
        return;
    }
    // The largest half would come back larger. What is no number stays so.
    values = mix(values, sign(values) * 65504.0, greaterThan(abs(values), vec4(65504.0)));
    halves[tile * QUADS + quad] = uvec2(half2_bits(values.xy), half2_bits(values.zw));
}
