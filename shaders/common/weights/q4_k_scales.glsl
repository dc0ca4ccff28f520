// SPDX-License-Identifier: MIT
// Scale and offset of Q4_K and Q5_K. `scales`: 3 words a block, 8 scales and 8 minima of six bits;
// `halves`: a word a block, d and dmin.
vec2 scale_and_minimum(uint scales, uint halves, uint k)
{
    const uint at = scales + 3u * (k >> 8), g = k >> 5 & 7u, shift = 8u * (g & 3u);
    const uint a = weight_words[at] >> shift, b = weight_words[at + 1] >> shift;
    const uint c = weight_words[at + 2] >> shift;
    const uint scale = g < 4u ? a & 63u : c & 15u | (a >> 2 & 48u);
    const uint minimum = g < 4u ? b & 63u : c >> 4 & 15u | (b >> 2 & 48u);
    const vec2 d = unpackHalf2x16(weight_words[halves + (k >> 8)]);
    return vec2(d.x * float(scale), -(d.y * float(minimum)));
}
