// SPDX-License-Identifier: MIT
// Positions and frequencies as the integers that kernels multiply exactly: position * frequency in
// 2^-96 turns, of which the low 96 bits are the fraction of a turn.
#ifndef VKH_ROPE_FIXED_H
#define VKH_ROPE_FIXED_H

#include <stdbool.h>
#include <stdint.h>

// Tokens to units of 2^-32 tokens, to nearest, ties to even. False outside [0, 2^32).
bool vkh_fixed_position(double position, uint64_t *fixed);

// Radians a token to units of 2^-64 turns a token, whole turns dropped, within one unit. False
// outside [0, 2^11).
bool vkh_fixed_frequency(double radians, uint64_t *fixed);

#endif
