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
// What rmsnorm.comp computes, as a left operand. A workgroup takes the rows of a tile that lie in one
// part of the invocations, and all of their columns: it reads them once, keeping KEPT words an
// invocation; what is more is read again.
layout(local_size_x_id = 4) in;
layout(constant_id = 5) const uint BFLOAT = 0; // what the operand is made of, else halves
// Parts are told apart by bits of the invocation that are bits of the row, from this one on.
layout(constant_id = 6) const uint PART_SHIFT = 0;
layout(constant_id = 7) const uint PARTS = 1;
layout(constant_id = 8) const uint KEPT = 8; // words of an invocation
layout(binding = 0) readonly buffer X { float x[]; };
layout(binding = 0) readonly buffer XQuads { vec4 x_quads[]; };
layout(binding = 1) readonly buffer Weight { float weight[]; };
layout(binding = 1) readonly buffer WeightQuads { vec4 weight_quads[]; };
layout(binding = 2) writeonly buffer Out { uvec4 out_words[]; };
layout(push_constant) uniform Push {
    uint n_tokens, width;
    float eps;
};

#include "common/bfloat.glsl"
#include "common/matrix.glsl"

// Halves 4i to 4i + 3 of a tile are neighbours of a row.
const bool HAS_QUADS = (LAYOUT_A & 0xffu) == 0x10u;
const uint PART_LANES = PARTS - 1u << PART_SHIFT;
const uint SUBGROUPS = gl_WorkGroupSize.x / LANES;
const uint TILES = SUBGROUPS * PARTS; // at once: each subgroup has as many as there are parts

shared float subgroup_sums[1024]; // [subgroup][row]

uint lane; // of the words
uint row_tile, token0;
uint first_tile;     // of this invocation's words
float row_scales[8]; // of a word's halves

void place_invocation()
{
    row_tile = gl_WorkGroupID.x / PARTS;
    token0 = row_tile * SIDE;
    lane = (LANE & ~PART_LANES) | gl_WorkGroupID.x % PARTS << PART_SHIFT;
    first_tile = SUBGROUP * PARTS + (LANE >> PART_SHIFT) % PARTS;
}

// Whether a bit of a half's place in its word is of its column.
bool is_column_bit(uint bit)
{
    return 1u << (LAYOUT_A >> 4 * bit & 15u) < SIDE;
}

// Whether no half before it in a word is of the same row.
bool leads_row(uint place)
{
    bool leads = true;
    [[unroll]] for (uint bit = 0; bit < 3; bit++)
        leads = leads && !(is_column_bit(bit) && (place >> bit & 1u) != 0u);
    return leads;
}

uint tile_of(uint i)
{
    return first_tile + i * TILES;
}

// Halves `place` to place + 3 of word i, before the norm; of tiles past the last, of the last.
vec4 read_quad(uint i, uint place)
{
    const uint k0 = min(tile_of(i), width / SIDE - 1) * SIDE;
    uint at[4];
    [[unroll]] for (uint n = 0; n < 4; n++) {
        const uint element = element_at(LAYOUT_A, lane * 8 + place + n);
        at[n] = min(token0 + element / SIDE, n_tokens - 1) * width + k0 + element % SIDE;
    }
    return HAS_QUADS ? x_quads[at[0] / 4] : vec4(x[at[0]], x[at[1]], x[at[2]], x[at[3]]);
}

vec4 weight_quad(uint i, uint place)
{
    const uint k0 = tile_of(i) * SIDE;
    uint at[4];
    [[unroll]] for (uint n = 0; n < 4; n++)
        at[n] = k0 + element_at(LAYOUT_A, lane * 8 + place + n) % SIDE;
    return HAS_QUADS ? weight_quads[at[0] / 4]
                     : vec4(weight[at[0]], weight[at[1]], weight[at[2]], weight[at[3]]);
}

void add_squares(uint i, vec4 quads[2], inout float sums[8])
{
    if (tile_of(i) < width / SIDE)
        [[unroll]] for (uint n = 0; n < 8; n++)
            sums[n] += quads[n / 4][n % 4] * quads[n / 4][n % 4];
}

uint row_of(uint place)
{
    return element_at(LAYOUT_A, lane * 8 + place) / SIDE;
}

// Sums of a word's halves become the subgroup's of their rows.
void share_sums(float sums[8])
{
    [[unroll]] for (uint bit = 0; bit < 3; bit++)
        if (is_column_bit(bit))
            [[unroll]] for (uint n = 0; n < 8; n++)
                if ((n >> bit & 1u) == 0u)
                    sums[n] += sums[n + (1u << bit)];
    [[unroll]] for (uint n = 0; n < 8; n++) {
        if (leads_row(n)) {
            float sum = row_sum(sums[n]);
            [[unroll]] for (uint tiles = 1; tiles < PARTS; tiles *= 2)
                sum += SHUFFLE_XOR(sum, tiles << PART_SHIFT);
            if ((LANE & (COLUMN_LANES | PART_LANES)) == 0u)
                subgroup_sums[SUBGROUP * SIDE + row_of(n)] = sum;
        }
    }
}

void make_scales()
{
    [[unroll]] for (uint n = 0; n < 8; n++) {
        if (leads_row(n)) {
            float sum = 0.0;
            for (uint i = 0; i < SUBGROUPS; i++)
                sum += subgroup_sums[i * SIDE + row_of(n)];
            row_scales[n] = 1.0 / sqrt(sum / float(width) + eps);
        }
    }
    [[unroll]] for (uint bit = 0; bit < 3; bit++)
        if (is_column_bit(bit))
            [[unroll]] for (uint n = 0; n < 8; n++)
                if ((n >> bit & 1u) != 0u)
                    row_scales[n] = row_scales[n - (1u << bit)];
}

uvec2 operands(vec4 v)
{
    return BFLOAT != 0u ? uvec2(bfloat_pair(v.x, v.y), bfloat_pair(v.z, v.w))
                        : uvec2(half_pair(v.x, v.y), half_pair(v.z, v.w));
}

void write_word(uint i, vec4 quads[2])
{
    const uint k_tiles = width / SIDE, k = tile_of(i);
    if (k >= k_tiles)
        return;
    uvec2 words[2];
    [[unroll]] for (uint n = 0; n < 2; n++) {
        const vec4 scales = vec4(row_scales[4 * n], row_scales[4 * n + 1], row_scales[4 * n + 2],
                                 row_scales[4 * n + 3]);
        words[n] = operands(quads[n] * scales * weight_quad(i, 4 * n));
    }
    const uint tile = (row_tile / PANEL * k_tiles + k) * PANEL + row_tile % PANEL;
    out_words[tile * LANES + lane] = uvec4(words[0], words[1]);
}

void main()
{
    place_invocation();
    const uint n_words = (width / SIDE + TILES - 1) / TILES;
    vec4 kept[KEPT][2];
    float sums[8];
    [[unroll]] for (uint n = 0; n < 8; n++)
        sums[n] = 0.0;
    [[unroll]] for (uint i = 0; i < KEPT; i++)
        [[unroll]] for (uint n = 0; n < 2; n++)
            kept[i][n] = read_quad(i, 4 * n);
    [[unroll]] for (uint i = 0; i < KEPT; i++)
        add_squares(i, kept[i], sums);
    for (uint i = KEPT; i < n_words; i++) {
        const vec4 more[2] = {read_quad(i, 0), read_quad(i, 4)};
        add_squares(i, more, sums);
    }
    share_sums(sums);
    barrier();
    make_scales();
    [[unroll]] for (uint i = 0; i < KEPT; i++)
        write_word(i, kept[i]);
    for (uint i = KEPT; i < n_words; i++) {
        const vec4 more[2] = {read_quad(i, 0), read_quad(i, 4)};
        write_word(i, more);
    }
}
