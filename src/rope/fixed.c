// SPDX-License-Identifier: MIT
#include "rope/fixed.h"

#include <math.h>

bool vkh_fixed_position(double position, uint64_t *fixed)
{
    if (!(position >= 0.0 && position < 0x1p32))
        return false;
    const double scaled = position * 0x1p32, whole = floor(scaled), rest = scaled - whole;
    *fixed = (uint64_t)whole;
    if (rest > 0.5 || (rest == 0.5 && *fixed & 1))
        ++*fixed;
    return true;
}

bool vkh_fixed_frequency(double radians, uint64_t *fixed)
{
    // 2^128 / (2 pi), high and low half.
    static const uint64_t TURN_HIGH = 0x28be60db9391054a, TURN_LOW = 0x7f09d5f47d4d3770;
    if (!(radians >= 0.0 && radians < 0x1p11))
        return false;
    int exponent;
    const uint64_t mantissa = (uint64_t)(frexp(radians, &exponent) * 0x1p53);
    const int drop = 53 - exponent; // radians = mantissa * 2^-drop, drop >= 42
    const unsigned __int128 units =
        (unsigned __int128)mantissa * TURN_HIGH + ((unsigned __int128)mantissa * TURN_LOW >> 64);
    *fixed = drop < 128 ? (uint64_t)(((units >> (drop - 1)) + 1) >> 1) : 0;
    return true;
}
