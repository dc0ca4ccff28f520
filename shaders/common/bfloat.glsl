// SPDX-License-Identifier: MIT
// fp32 to bf16, to nearest, ties to even: conversions leave the rounding to the driver.

// Two at once; a NaN stays one.
uint bfloat_pair(float low, float high)
{
    const uvec2 bits = floatBitsToUint(vec2(low, high));
    const uvec2 rounded = bits + 0x7fffu + (bits >> 16 & 1u);
    const bvec2 is_nan = greaterThan(bits & 0x7fffffffu, uvec2(0x7f800000u));
    const uvec2 kept = mix(rounded, bits | 0x400000u, is_nan);
    return kept.x >> 16 | kept.y & 0xffff0000u;
}
