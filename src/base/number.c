// SPDX-License-Identifier: MIT
#include "base/number.h"

#include <locale.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_TEXT = 63 };

// What this thread's locale takes for the point.
static const char *decimal_point(void)
{
    return localeconv()->decimal_point;
}

// Copies with every '.' as the locale has it; false when the text is too long or holds a byte that
// decimal numbers do not.
static bool localise(const char *text, size_t length, char *out, size_t size)
{
    const char *point = decimal_point();
    size_t at = 0;
    for (size_t i = 0; i < length; i++) {
        const char one[] = {text[i], '\0'};
        const char *piece = text[i] == '.' ? point : one;
        const size_t n = strlen(piece);
        if (!text[i] || !strchr("0123456789+-.eE", text[i]) || at + n >= size)
            return false;
        memcpy(out + at, piece, n);
        at += n;
    }
    out[at] = '\0';
    return at > 0;
}

bool vkh_number_parse(const char *text, size_t length, double *number)
{
    char local[MAX_TEXT + 1], *end;
    if (!localise(text, length, local, sizeof(local)))
        return false;
    *number = strtod(local, &end);
    return *end == '\0' && isfinite(*number);
}

void vkh_number_format(double number, char text[VKH_NUMBER_TEXT])
{
    for (int digits = 1; digits <= 17; digits++) {
        snprintf(text, VKH_NUMBER_TEXT, "%.*g", digits, number);
        if (strtod(text, NULL) == number)
            break;
    }
    const char *point = decimal_point();
    const size_t n = strlen(point);
    char *at = strstr(text, point);
    if (at && n > 0) {
        *at = '.';
        memmove(at + 1, at + n, strlen(at + n) + 1);
    }
    // An exponent's plus would end a term of a method.
    at = strchr(text, '+');
    if (at)
        memmove(at, at + 1, strlen(at));
}
