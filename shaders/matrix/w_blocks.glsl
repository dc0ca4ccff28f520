// SPDX-License-Identifier: MIT
// w in blocks (blocks.glsl): a step of those of an invocation travels packed, in 4 to 10 registers
// instead of the 16 that its operands take, and becomes these when it is stored, in one step of the
// product or in several. They are what the elements of common/weights.glsl are when rounded to fp16,
// to the last bit.
#include "blocks.glsl"

layout(binding = 1) readonly buffer WPairs { uvec2 w_pairs[]; };
layout(binding = 1) readonly buffer WUints { uint w_uints[]; };

const uint RUN_ROWS = ROWS_OF_WORD == 1 ? 1 : 2; // whose records are loaded at once
const uint SHARE = STEP == 1 ? 1 : 2;            // words that are stored at once

uint low_at, high_at, records_at; // of this invocation's packed step at hand, in its loads
uint halves_of_1024;              // two
uvec4 low_fetched[2];             // of the packed step to be stored, as are the next two
uvec2 high_fetched;
uvec4 records_fetched[ROWS_OF_WORD / RUN_ROWS];

// Words of 32 bits that one load of each brings.
const uint LOW_RUN = LOW_BITS == 2u ? 2u : 4u;
const uint HIGH_RUN = HIGH_BITS == 2u ? 2u : 1u;
const uint RECORDS_RUN = RUN_ROWS * RECORD_WORDS;

void fetch_w(uint ahead)
{
    const uint low = low_at + ahead * STEP_WORDS / LOW_RUN;
    const uint high = high_at + ahead * STEP_WORDS / HIGH_RUN;
    const uint records = records_at + ahead * STEP_WORDS / RECORDS_RUN;
    if (LOW_BITS == 2u)
        low_fetched[0].xy = w_pairs[low];
    else
        low_fetched[0] = w_words[low];
    if (LOW_BITS == 8u)
        low_fetched[1] = w_words[low + INVOCATIONS];
    if (HIGH_BITS == 1u)
        high_fetched.x = w_uints[high];
    if (HIGH_BITS == 2u)
        high_fetched = w_pairs[high];
    [[unroll]] for (uint i = 0; i < ROWS_OF_WORD / RUN_ROWS; i++) {
        if (RECORDS_RUN == 1u)
            records_fetched[i].x = w_uints[records + i];
        else if (RECORDS_RUN == 2u)
            records_fetched[i].xy = w_pairs[records + i];
        else
            records_fetched[i] = w_words[records + i];
    }
}

// What the format decides is chosen among values, not by branches: the driver knows the format when
// it compiles, and makes only what is chosen.

// Bits that lie from bit `from` of each half on, so that they lie from bit `to` on.
uint moved(uint halves, uint from, uint to)
{
    return from < to ? halves << to - from : halves >> from - to;
}

// Where a quad's levels stay in the halves of a word.
uint level_bit(uint quad)
{
    return LOW_BITS * quad % 8u;
}

// By how much the exponents of 1024 in both halves, whose last bits are ones, are lowered for
// levels from this bit on to be counted in ones there, or codes in eighths.
uint lowered(uint bit)
{
    return (bit + (HAS_CODES ? 3u : 0u) << 10) * 0x10001u;
}

// The levels of elements 2 * pair and the next of word i, as the last bits of halves: what is above
// them is that power of two.
uint levels_of(uint i, uint pair)
{
    const uint quad = 2 * i + pair / 2, odd = 8 * (pair % 2), bit = level_bit(quad);
    const uint two = low_fetched[0][i / 2], four = low_fetched[0][i];
    const uint eight = low_fetched[quad / 4][quad % 4];
    const uint low = LOW_BITS == 8u ? eight : LOW_BITS == 4u ? four : two;
    const uint one_high = high_fetched.x, two_high = high_fetched[i / 2];
    const uint high = HIGH_BITS == 2u ? two_high : HIGH_BITS == 1u ? one_high : 0u;
    const uint low_mask = ((1u << LOW_BITS) - 1u << bit) * 0x10001u;
    const uint high_mask = ((1u << HIGH_BITS) - 1u << bit + LOW_BITS) * 0x10001u;
    const uint power = halves_of_1024 - lowered(bit);
    const uint shifted = moved(high, high_bit(quad) + odd, bit + LOW_BITS);
    const uint above = HIGH_BITS == 0u ? power : shifted & high_mask | power;
    return low >> odd & low_mask | above;
}

// What codes stand for: IQ4's values are within 0.44 of a polynomial in halves, fused or not, and
// 1536 leaves a half no room for fractions.
f16vec2 decoded(f16vec2 eighths)
{
    const float c[5] = {6.53, 42.12, -1.0957, 91.44, 1.434};
    f16vec2 value = f16vec2(c[0]);
    [[unroll]] for (uint i = 1; i < 5; i++)
        value = fma(value, eighths, f16vec2(c[i]));
    precise const f16vec2 whole = value + float16_t(1536.0) - float16_t(1536.0);
    return whole;
}

// The quants of such levels.
f16vec2 quants_of(uint levels, uint bit)
{
    const uint zero = 0x64006400u - lowered(bit) + (BIAS << bit) * 0x10001u;
    const f16vec2 quants = unpackFloat2x16(levels) - unpackFloat2x16(zero);
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

// Scale and offset of a row's group g in the step, where the block has units of them.
vec2 group_in_units(uvec2 record, uint g)
{
    const vec2 units = vec2(unpackFloat2x16(record.x));
    const uint beside = record.x >> 16, behind = record.y;
    const uint integers = RECORD_WORDS == 1u ? beside : behind;
    const uint at = integer_bit(g), mask = ((1u << INTEGER_BITS) - 1u) * 0x10001u;
    const uint zero = HAS_OFFSETS ? 0x64006400u : 0x64806480u; // scales alone count from -128
    const f16vec2 two =
        unpackFloat2x16(integers >> at % 16u & mask | halves_of_1024) - unpackFloat2x16(zero);
    const float first = float(two.x), second = float(two.y);
    const vec2 both = vec2(units.x * first, -(units.y * second));
    const vec2 one = vec2(units.x * (at < 16u ? first : second), 0.0);
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

// Two neighbours of word i. fp32's products of scale and quant are exact, fused with the offset or
// not; where fp16 scales are all there is, a product of halves has the one rounding that they get
// on their way to fp16.
uint operands_of(uint i, uint pair)
{
    const f16vec2 quants = quants_of(levels_of(i, pair), level_bit(2 * i + pair / 2));
    const uint g = i * SIDE / GROUP;
    const uvec2 a = record_of(2 * pair * ROWS_OF_WORD / 8);
    const uvec2 b = record_of((2 * pair + 1) * ROWS_OF_WORD / 8);
    const vec2 of_a = group_of(a, g), of_b = group_of(b, g);
    const f16vec2 halves = quants * f16vec2(half_of(a.x, g), half_of(b.x, g));
    const f16vec2 floats =
        f16vec2(fma(vec2(of_a.x, of_b.x), vec2(quants), vec2(of_a.y, of_b.y)));
    return packFloat2x16(HAS_UNITS || HAS_OFFSETS ? floats : halves);
}

// The word of a tile of k, counted from the first one of the turn of the loop: a block is a panel
// wide, and invocations are as many as its words.
void store_w(uint tile)
{
    const uint i = tile % STEP_TILES, own = gl_LocalInvocationIndex;
    w_shared[tile / STEP % 2][tile % STEP * INVOCATIONS + own] =
        uvec4(operands_of(i, 0), operands_of(i, 1), operands_of(i, 2), operands_of(i, 3));
}

void place_w()
{
    const uint first = w_block * (k_tiles / STEP_TILES) * STEP_WORDS, own = gl_LocalInvocationIndex;
    low_at = first / LOW_RUN + own;
    high_at = (first + HIGH_FIRST) / HIGH_RUN + own;
    records_at = (first + records_of(own / LANES, own % LANES)) / RECORDS_RUN;
    // k_tiles is even, which no compiler knows: NVIDIA's makes one instruction of an "and" with a
    // literal and an "or" with a register, but two of two literals.
    halves_of_1024 = 0x64006400u | k_tiles & 1u;
}

void begin_w()
{
    fetch_w(0);
    [[unroll]] for (uint tile = 0; tile < STEP; tile++)
        store_w(tile);
    if (STEP == STEP_TILES)
        fetch_w(1);
}

// Two words a share, as two share their groups' scales; what is fetched after the last of a packed
// step has most of one of the product's to arrive in.
void bring_w(uint turn, uint k)
{
    const uint first = (turn + 1) * STEP + SHARE * k, end = first + SHARE;
    if (SHARE * k < STEP) {
        [[unroll]] for (uint i = 0; i < SHARE; i++)
            store_w(first + i);
        if (end % STEP_TILES == 0)
            fetch_w(end / STEP_TILES);
    }
}

void advance_w()
{
    low_at += TURN_TILES / STEP_TILES * STEP_WORDS / LOW_RUN;
    high_at += TURN_TILES / STEP_TILES * STEP_WORDS / HIGH_RUN;
    records_at += TURN_TILES / STEP_TILES * STEP_WORDS / RECORDS_RUN;
}
