// SPDX-License-Identifier: MIT
#version 450
#extension GL_GOOGLE_include_directive : require
#extension GL_EXT_control_flow_attributes : require
// Rows in blocks (src/kernels/weight.h) to what products decode (matrix/blocks.glsl); an invocation
// makes a step of one lane of a tile. Rows past the last become zeros. Define MATRIX_SIDE and the
// type.
layout(local_size_x = 64) in;
layout(constant_id = 0) const uint LAYOUT_B = 0;
layout(constant_id = 1) const uint BLOCK_FORMAT = 0;
layout(constant_id = 2) const uint ROWS_OF_WORD = 1;
layout(binding = 0) readonly buffer Rows { uint weight_words[]; };
layout(binding = 1) writeonly buffer Blocks { uint words[]; };
layout(push_constant) uniform Push {
    uint n_rows, cols;          // of this dispatch
    uint first_tile, tile_step; // in the panels: of its first row, and of each SIDE rows more
    uint row_words;
};

const uint SIDE = MATRIX_SIDE, LANES = SIDE * SIDE / 8, PANEL = 8;

#include "common/half.glsl"
#include "common/order.glsl"
#include "common/weights.glsl"
#include "matrix/blocks.glsl"

uint level_of(uint row, uint k)
{
    const uint quad = k & ~3u, at = k & 3u;
#ifdef WEIGHT_CODED
    return bits4(row * row_words, quad) >> 8 * at & 15u;
#else
    return uint(weight_quants(row * row_words, quad, cols)[at] + float(BIAS));
#endif
}

void pack_levels(uint to, uint in_panel, uint row0, uint k0, uint lane)
{
    uint low[8], high[2];
    for (uint i = 0; i < 8; i++)
        low[i] = high[i % 2] = 0;
    for (uint n = 0; n < 8 * STEP_TILES; n++) {
        const uint i = n / 8, e = n % 8, element = element_at(LAYOUT_B, lane * 8 + e);
        const uint row = row0 + element % SIDE, k = k0 + i * SIDE + element / SIDE;
        if (row >= n_rows)
            continue;
        const uint level = level_of(row, k), quad = n / 4, at = 8 * (e / 2 % 2) + 16 * (e % 2);
        low[quad * LOW_BITS / 8] |= (level & (1u << LOW_BITS) - 1u) << at + quad * LOW_BITS % 8u;
        high[quad * HIGH_BITS / 8] |= level >> LOW_BITS << at + high_bit(quad);
    }
    const uint word = in_panel * LANES + lane, run = min(LOW_BITS, 4u);
    for (uint i = 0; i < LOW_BITS; i++)
        words[to + (i / run * PANEL * LANES + word) * run + i % run] = low[i];
    for (uint i = 0; i < HIGH_BITS; i++)
        words[to + HIGH_FIRST + word * HIGH_BITS + i] = high[i];
}

uvec2 record_of(uint row, uint k0)
{
    uvec2 record = uvec2(0);
#ifdef WEIGHT_SCALED
    const uint n = STEP_TILES * SIDE / GROUP;
    uint integers = 0;
    for (uint g = 0; g < n; g++) {
        const ivec2 scales = weight_scales(row * row_words, k0 + g * GROUP, cols);
        const int both = HAS_OFFSETS ? scales.x | scales.y << 16 : scales.x + 128;
        integers |= uint(both) << integer_bit(g);
    }
    record.x = half2_bits(weight_units(row * row_words, k0, cols));
    if (RECORD_WORDS == 1u)
        record.x |= integers << 16;
    else
        record.y = integers;
#else
    for (uint g = 0; g * GROUP < STEP_TILES * SIDE; g++) {
        const vec2 group = weight_group(row * row_words, k0 + g * GROUP, cols);
        record |= uvec2(half_bits(group.x), half_bits(group.y)) << 16 * g;
    }
#endif
    return record;
}

// The first of the lanes that have the same rows writes for them.
void pack_records(uint to, uint in_panel, uint row0, uint k0, uint lane)
{
    if (element_at(LAYOUT_B, lane * 8) / SIDE != 0)
        return;
    for (uint r = 0; r < ROWS_OF_WORD; r++) {
        const uint place = lane * 8 + r * 8 / ROWS_OF_WORD;
        const uint row = row0 + element_at(LAYOUT_B, place) % SIDE;
        const uvec2 record = row < n_rows ? record_of(row, k0) : uvec2(0);
        const uint at = to + records_of(in_panel, lane) + r * RECORD_WORDS;
        for (uint i = 0; i < RECORD_WORDS; i++)
            words[at + i] = record[i];
    }
}

void main()
{
    const uint steps = cols / (STEP_TILES * SIDE), tiles = (n_rows + SIDE - 1) / SIDE;
    const uint lane = gl_GlobalInvocationID.x % LANES, step_ = gl_GlobalInvocationID.x / LANES;
    if (step_ >= steps)
        return;
    for (uint t = gl_WorkGroupID.y; t < tiles; t += gl_NumWorkGroups.y) {
        const uint tile = first_tile + t * tile_step, k0 = step_ * STEP_TILES * SIDE;
        const uint to = (tile / PANEL * steps + step_) * STEP_WORDS;
        pack_levels(to, tile % PANEL, t * SIDE, k0, lane);
        pack_records(to, tile % PANEL, t * SIDE, k0, lane);
    }
}
