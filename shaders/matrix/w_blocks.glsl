// SPDX-License-Identifier: MIT
// w in blocks (blocks.glsl): a step of an invocation travels packed, in 4 to 10 registers instead of
// the 16 that its operands take, and becomes those when it is stored. They are what the elements of
// common/weights.glsl are when rounded to fp16, to the last bit.
#include "blocks.glsl"

layout(binding = 1) readonly buffer WPairs { uvec2 w_pairs[]; };
layout(binding = 1) readonly buffer WUints { uint w_uints[]; };

uint w_at;                               // 32-bit words before the block's step at hand
uint records_at;                         // from a step's first, of this invocation
uvec4 low_fetched[2];                    // of the step after next, as are the next two
uvec2 high_fetched;
uvec4 records_fetched[ROWS_OF_WORD / 2]; // two rows each

void fetch_w(uint ahead)
{
    const uint at = w_at + ahead * STEP_WORDS, own = gl_LocalInvocationIndex;
    if (LOW_BITS == 2u)
        low_fetched[0].xy = w_pairs[at / 2 + own];
    else
        low_fetched[0] = w_words[at / 4 + own];
    if (LOW_BITS == 8u)
        low_fetched[1] = w_words[at / 4 + INVOCATIONS + own];
    if (HIGH_BITS == 1u)
        high_fetched.x = w_uints[at + HIGH_FIRST + own];
    if (HIGH_BITS == 2u)
        high_fetched = w_pairs[(at + HIGH_FIRST) / 2 + own];
    [[unroll]] for (uint i = 0; i < ROWS_OF_WORD / 2; i++) {
        if (RECORD_WORDS == 1u)
            records_fetched[i].xy = w_pairs[(at + records_at) / 2 + i];
        else
            records_fetched[i] = w_words[(at + records_at) / 4 + i];
    }
}

// What the format decides is chosen among values, not by branches: the driver knows the format when
// it compiles, and makes only what is chosen.

// The levels of elements 2 * pair and the next of word i, in the halves of a word.
uint levels_of(uint i, uint pair)
{
    const uint quad = 2 * i + pair / 2, odd = 8 * (pair % 2);
    const uint two = low_fetched[0][i / 2], four = low_fetched[0][i];
    const uint eight = low_fetched[quad / 4][quad % 4];
    const uint low = LOW_BITS == 8u ? eight : LOW_BITS == 4u ? four : two;
    const uint one_high = high_fetched.x, two_high = high_fetched[i / 2];
    const uint high = HIGH_BITS == 2u ? two_high : HIGH_BITS == 1u ? one_high : 0u;
    const uint low_mask = ((1u << LOW_BITS) - 1u) * 0x10001u;
    const uint high_mask = ((1u << HIGH_BITS) - 1u) * 0x10001u;
    return low >> LOW_BITS * quad % 8u + odd & low_mask |
           (high >> HIGH_BITS * quad % 8u + odd & high_mask) << LOW_BITS;
}

// What codes stand for, which count from -8 here: IQ4's values are within 0.26 of a polynomial, and
// 1536 leaves a half no room for fractions.
f16vec2 decoded(f16vec2 code)
{
    const float c[7] = {14.492, 6.783, -12.246, 36.346, 4.9585, 92.076, 1.253};
    const f16vec2 x = code * float16_t(0.125);
    f16vec2 value = f16vec2(c[0]);
    [[unroll]] for (uint i = 1; i < 7; i++)
        value = fma(value, x, f16vec2(c[i]));
    precise const f16vec2 whole = value + float16_t(1536.0) - float16_t(1536.0);
    return whole;
}

// The quants of two levels: 1024 as a half, with a level for its last bits, is 1024 + level.
f16vec2 quants_of(uint levels)
{
    const f16vec2 raised = unpackFloat2x16(levels | 0x64006400u);
    const f16vec2 quants = raised - unpackFloat2x16(0x64006400u + BIAS * 0x10001u);
    const f16vec2 values = decoded(quants);
    return HAS_CODES ? values : quants;
}

// Row r of those of the invocation's words.
uvec2 record_of(uint r)
{
    const uvec4 two = records_fetched[r / 2];
    const uvec2 small = uvec2(two[r % 2], 0), large = uvec2(two[2 * (r % 2)], two[2 * (r % 2) + 1]);
    return RECORD_WORDS == 1u ? small : large;
}

// A small integer without a conversion.
float float_of(uint small)
{
    return uintBitsToFloat(0x4b000000u | small) - 8388608.0;
}

// Scale and offset of a row's group g in the step, where the block has units of them.
vec2 group_in_units(uvec2 record, uint g)
{
    const vec2 units = vec2(unpackFloat2x16(record.x));
    const uint beside = record.x >> 16, behind = record.y;
    const uint bytes = (RECORD_WORDS == 1u ? beside : behind) >> 8 * g;
    const uint mask = HAS_OFFSETS && GROUP == 16u ? 15u : 255u;
    const uint minimum_at = GROUP == 16u ? 4u : 16u;
    const float scale = float_of(bytes & mask), minimum = float_of(bytes >> minimum_at & mask);
    const vec2 both = vec2(units.x * scale, -(units.y * minimum));
    const vec2 one = vec2(units.x * (scale - 128.0), 0.0);
    return HAS_OFFSETS ? both : one;
}

// Half g of those in a word.
float16_t half_of(uint halves, uint g)
{
    return unpackFloat2x16(halves >> 16 * g).x;
}

vec2 group_of(uvec2 record, uint g)
{
    const vec2 in_units = group_in_units(record, g);
    const vec2 plain = vec2(half_of(record.x, g), half_of(record.y, g));
    return HAS_UNITS ? in_units : plain;
}

// Two neighbours of word i. Where fp16 scales are all there is, a product of halves has the one
// rounding that fp32's, which is exact, gets on its way to fp16.
uint operands_of(uint i, uint pair)
{
    const f16vec2 quants = quants_of(levels_of(i, pair));
    const uint g = i * SIDE / GROUP;
    const uvec2 a = record_of(2 * pair * ROWS_OF_WORD / 8);
    const uvec2 b = record_of((2 * pair + 1) * ROWS_OF_WORD / 8);
    const vec2 of_a = group_of(a, g), of_b = group_of(b, g);
    const f16vec2 halves = quants * f16vec2(half_of(a.x, g), half_of(b.x, g));
    const f16vec2 floats = f16vec2(vec2(of_a.x, of_b.x) * vec2(quants) + vec2(of_a.y, of_b.y));
    return packFloat2x16(HAS_UNITS || HAS_OFFSETS ? floats : halves);
}

// Words are a tile of k each: a block is a panel wide, and invocations are as many as its words.
void store_w(uint turn, uint i)
{
    w_shared[turn][i * INVOCATIONS + gl_LocalInvocationIndex] =
        uvec4(operands_of(i, 0), operands_of(i, 1), operands_of(i, 2), operands_of(i, 3));
}

void place_w()
{
    w_at = w_block * (k_tiles / STEP_TILES) * STEP_WORDS;
    records_at = records_of(gl_LocalInvocationIndex / LANES, gl_LocalInvocationIndex % LANES);
}

void begin_w()
{
    fetch_w(0);
    [[unroll]] for (uint i = 0; i < TILES; i++)
        store_w(0, i);
    fetch_w(1);
}

// Two words a tile of k, as two share their groups' scales; what is fetched then has most of a step
// to arrive in.
void bring_w(uint turn, uint k)
{
    if (k < TILES / 2) {
        store_w(1 - turn, 2 * k);
        store_w(1 - turn, 2 * k + 1);
    }
    if (k + 1 == TILES / 2)
        fetch_w(turn + W_AHEAD);
}

void advance_w()
{
    w_at += 2 * STEP_WORDS;
}
