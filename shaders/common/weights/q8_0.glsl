// SPDX-License-Identifier: MIT
vec2 weight_group(uint row, uint k, uint cols)
{
    return vec2(weight_half(row + (cols >> 2), k >> 5), 0);
}

vec4 weight_quants(uint row, uint k, uint cols)
{
    const int q = int(weight_words[row + (k >> 2)]);
    return vec4(bitfieldExtract(q, 0, 8), bitfieldExtract(q, 8, 8), bitfieldExtract(q, 16, 8),
                bitfieldExtract(q, 24, 8));
}
