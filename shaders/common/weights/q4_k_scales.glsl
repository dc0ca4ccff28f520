// SPDX-License-Identifier: MIT
#define WEIGHT_SCALED

// Scale and minimum of Q4_K and Q5_K. `scales`: 3 words a block, 8 scales and 8 minima of six bits.
ivec2 scale_and_minimum(uint scales, uint k)
{
    const uint at = scales + 3u * (k >> 8), g = k >> 5 & 7u, shift = 8u * (g & 3u);
    const uint a = weight_words[at] >> shift, b = weight_words[at + 1] >> shift;
    const uint c = weight_words[at + 2] >> shift;
    const uint scale = g < 4u ? a & 63u : c & 15u | (a >> 2 & 48u);
    const uint minimum = g < 4u ? b & 63u : c >> 4 & 15u | (b >> 2 & 48u);
    return ivec2(scale, minimum);
}
