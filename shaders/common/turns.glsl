// SPDX-License-Identifier: MIT
// Cosine and sine of position * frequency, the same on every device: the product is reduced to a
// fraction of a turn in integers, where it is exact, and only the last quarter of a turn meets
// floating point.

// The fraction of a turn in units of 2^-32. position: 2^-32 tokens; frequency: 2^-64 turns a token;
// low words first. Off by at most 3 units.
uint turn_of(uvec2 position, uvec2 frequency)
{
    // whole * frequency, modulo one turn
    uint high, low, carry;
    umulExtended(position.y, frequency.x, high, low);
    high += position.y * frequency.y;
    // fraction * frequency, its last 32 bits dropped
    uint part_high, part_low, unused, dropped_high;
    umulExtended(position.x, frequency.y, part_high, part_low);
    umulExtended(position.x, frequency.x, dropped_high, unused);
    low = uaddCarry(low, part_low, carry);
    high += part_high + carry;
    low = uaddCarry(low, dropped_high, carry);
    return high + carry;
}

// (cos, sin) of a turn in units of 2^-32. On the eighth of a turn left of the reduction the Taylor
// polynomials of degree 9 and 8 are off by less than 3e-8.
vec2 cos_sin(uint turn)
{
    const uint quarter = turn + 0x20000000u >> 30;
    const float x = float(int(turn - (quarter << 30))) * 1.4629180792671596e-9; // 2 pi / 2^32
    const float y = x * x;
    const float s =
        x + x * y * (-1.0 / 6.0 + y * (1.0 / 120.0 + y * (-1.0 / 5040.0 + y * (1.0 / 362880.0))));
    const float c =
        1.0 + y * (-0.5 + y * (1.0 / 24.0 + y * (-1.0 / 720.0 + y * (1.0 / 40320.0))));
    const vec2 turned = (quarter & 1u) != 0u ? vec2(-s, c) : vec2(c, s);
    return (quarter & 2u) != 0u ? -turned : turned;
}
