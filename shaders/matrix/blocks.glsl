// SPDX-License-Identifier: MIT
// Weights in blocks as products decode them (src/kernels/matrix_blocks.h), one order for all types.
// Of each panel and step of STEP_TILES tiles of k, one after another:
//   low bits   [n][8][LANES] words of a level's low LOW_BITS bits, as the loads take them: of 64 bits
//              for two, of 128 for four, and n = 2 of these for eight
//   high bits  [8][LANES][HIGH_BITS] words of 32 bits, of what a level has beyond the low ones
//   records    [8][sets][rows of a word][RECORD_WORDS] words of 32 bits: of each row of a tile its
//              scales in this step, those of the rows that an invocation's words have side by side
// A level is a quant plus BIAS, or a code. An invocation has the eight of its word in each of the
// tiles of k, in quads: of b bits, quad q is in 32-bit word q * b / 8 from bit q * b % 8 of each byte
// on, its elements 0, 2, 1, 3 in bytes 0, 1, 2, 3, so that two come out in the halves of a word.
// High bits lie from high_bit(q) on of each byte instead.
//
// Records have what the type has, exactly:
//   scales alone     fp16, of two groups; then as many offsets, where there are any
//   scales in units  fp16 units of scales and minima, then integers of INTEGER_BITS. Without
//                    minima, signed scales plus 128, those of neighbours in the halves of the word;
//                    where groups of 32 make two of them, in the second unit's place. With minima,
//                    scales in the low half and minima in the high one.
//
// The includer declares SIDE, LANES, PANEL, LAYOUT_B, the rows that a word is of, ROWS_OF_WORD, and
// the constant BLOCK_FORMAT.

const uint STEP_TILES = 4;

// Fields of the format.
const uint LOW_BITS = BLOCK_FORMAT & 15u;
const uint HIGH_BITS = BLOCK_FORMAT >> 4 & 15u;
const uint BIAS = BLOCK_FORMAT >> 8 & 255u;
const uint GROUP = BLOCK_FORMAT >> 16 & 63u; // elements
const uint RECORD_WORDS = BLOCK_FORMAT >> 22 & 3u;
const bool HAS_UNITS = (BLOCK_FORMAT >> 24 & 1u) != 0u;
const bool HAS_OFFSETS = (BLOCK_FORMAT >> 25 & 1u) != 0u;
const bool HAS_CODES = (BLOCK_FORMAT >> 26 & 1u) != 0u;

// In words of 32 bits, from a step's first.
const uint HIGH_FIRST = PANEL * LANES * LOW_BITS;
const uint RECORDS_FIRST = HIGH_FIRST + PANEL * LANES * HIGH_BITS;
const uint STEP_WORDS = RECORDS_FIRST + PANEL * SIDE * RECORD_WORDS;

// Those of the two quads of a word of operands are as far apart as their low bits, so that one
// shift brings both behind these.
uint high_bit(uint quad)
{
    const uint bit = quad / 2 * HIGH_BITS;
    return (bit % LOW_BITS + bit / LOW_BITS * 2 * LOW_BITS + quad % 2 * LOW_BITS) % 8;
}

// Where a group's scale lies in the word of integers; its minimum is 16 bits further.
const uint INTEGER_BITS = HAS_OFFSETS && GROUP == 16u ? 4u : 8u;
uint integer_bit(uint g)
{
    return HAS_OFFSETS || RECORD_WORDS == 1u ? g * INTEGER_BITS : g / 2 * INTEGER_BITS + g % 2 * 16;
}

// The set of rows that the lane's words have, counted in the tile: the bits of the row in the lane.
uint set_of(uint lane)
{
    uint set = 0, n = 0;
    [[unroll]] for (uint bit = 0; (8u << bit) < SIDE * SIDE; bit++) {
        if ((LAYOUT_B >> 4 * (bit + 3) & 15u) < (SIDE == 16 ? 4u : 3u)) {
            set |= (lane >> bit & 1u) << n;
            n++;
        }
    }
    return set;
}

// Where the records of those rows begin.
uint records_of(uint tile, uint lane)
{
    const uint set = tile * (SIDE / ROWS_OF_WORD) + set_of(lane);
    return RECORDS_FIRST + set * ROWS_OF_WORD * RECORD_WORDS;
}
