// SPDX-License-Identifier: MIT
// F32, F16 and BF16.
#define WEIGHT_PLAIN

vec4 weight_quants(uint row, uint k, uint cols)
{
#if defined(WEIGHT_F32)
    const uint w = row + k;
    return uintBitsToFloat(uvec4(weight_words[w], weight_words[w + 1], weight_words[w + 2],
                                 weight_words[w + 3]));
#elif defined(WEIGHT_F16)
    const uint w = row + (k >> 1);
    return vec4(unpackHalf2x16(weight_words[w]), unpackHalf2x16(weight_words[w + 1]));
#else
    const uint w = row + (k >> 1);
    const uint a = weight_words[w], b = weight_words[w + 1];
    return uintBitsToFloat(uvec4(a << 16, a & 0xffff0000u, b << 16, b & 0xffff0000u));
#endif
}
