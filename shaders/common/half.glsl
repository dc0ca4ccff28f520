// SPDX-License-Identifier: MIT
// fp32 to fp16, to nearest, ties to even: packHalf2x16 leaves the rounding to the driver.

uint half_bits(float value)
{
    const uint bits = floatBitsToUint(value);
    const uint sign = bits >> 16 & 0x8000u, magnitude = bits & 0x7fffffffu;
    if (magnitude > 0x7f800000u)
        return sign | 0x7e00u;
    if (magnitude >= 0x477ff000u)
        return sign | 0x7c00u;
    if (magnitude < 0x38800000u) {
        // A subnormal: shift the mantissa with its leading one into place.
        const uint shift = 126u - (magnitude >> 23);
        if (shift > 24u)
            return sign;
        const uint mantissa = magnitude & 0x7fffffu | 0x800000u;
        const uint kept = mantissa >> shift, lost = mantissa & (1u << shift) - 1u;
        const uint middle = 1u << shift - 1u;
        return sign | kept + (lost > middle || lost == middle && (kept & 1u) != 0u ? 1u : 0u);
    }
    return sign | (magnitude + 0xfffu + (magnitude >> 13 & 1u) - 0x38000000u) >> 13;
}

// A half that is not negative; unpackHalf2x16 may take a subnormal for zero.
float half_value(uint bits)
{
    return bits < 0x400u ? float(bits) * 5.9604644775390625e-8 : unpackHalf2x16(bits).x;
}

uint half2_bits(vec2 value)
{
    return half_bits(value.x) | half_bits(value.y) << 16;
}
