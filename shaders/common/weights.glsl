// SPDX-License-Identifier: MIT
// Reading a weight matrix in its device layout (src/kernels/weight.h). The includer declares
// `uint weight_words[]`. Defines exactly one of WEIGHT_F32, WEIGHT_F16, WEIGHT_BF16, WEIGHT_Q8_0.

// Elements k … k+3 of the row that starts at word `row`; cols is the row's length and k a multiple
// of 4.
vec4 weight4(uint row, uint k, uint cols)
{
#if defined(WEIGHT_F32)
    const uint w = row + k;
    return uintBitsToFloat(uvec4(weight_words[w], weight_words[w + 1], weight_words[w + 2],
                                 weight_words[w + 3]));
#elif defined(WEIGHT_F16)
    const uint w = row + (k >> 1);
    return vec4(unpackHalf2x16(weight_words[w]), unpackHalf2x16(weight_words[w + 1]));
#elif defined(WEIGHT_BF16)
    const uint w = row + (k >> 1);
    const uint a = weight_words[w], b = weight_words[w + 1];
    return uintBitsToFloat(uvec4(a << 16, a & 0xffff0000u, b << 16, b & 0xffff0000u));
#elif defined(WEIGHT_Q8_0)
    const int q = int(weight_words[row + (k >> 2)]);
    const vec2 scales = unpackHalf2x16(weight_words[row + (cols >> 2) + (k >> 6)]);
    const float scale = (k & 32u) != 0 ? scales.y : scales.x;
    return scale * vec4(bitfieldExtract(q, 0, 8), bitfieldExtract(q, 8, 8),
                        bitfieldExtract(q, 16, 8), bitfieldExtract(q, 24, 8));
#endif
}
