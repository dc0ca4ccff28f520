// SPDX-License-Identifier: MIT
// Decimal numbers as text, the same in every locale.
#ifndef VKH_BASE_NUMBER_H
#define VKH_BASE_NUMBER_H

#include <stdbool.h>
#include <stddef.h>

enum { VKH_NUMBER_TEXT = 32 };

// Reads all `length` bytes as one finite decimal number ("2", "-1.5", "1e-3"); false when they are
// anything else.
bool vkh_number_parse(const char *text, size_t length, double *number);

// Writes the shortest of %.1g … %.17g that reads back as the same finite number, without a plus.
void vkh_number_format(double number, char text[VKH_NUMBER_TEXT]);

#endif
