// SPDX-License-Identifier: MIT
#include "model/pattern.h"

#include <string.h>

#include "base/size.h"
#include "check.h"

#define SPACE "\\p{Z}\\x{9}-\\x{d}\\x{85}"

int main(void)
{
    // NULL: refused.
    static const struct {
        const char *pattern, *want;
    } cases[] = {
        {"", ""},
        {"'s| ?\\p{L}+", "'s| ?\\p{L}+"},
        {"\\s+(?!\\S)", "[" SPACE "]+(?![^" SPACE "])"},
        {"[^\\s\\p{L}\\p{Nd}]", "[^" SPACE "\\p{L}\\p{Nd}]"},
        {"(a|b)(?i:'s)(?<=x)", "(?:a|b)(?i:'s)(?<=x)"},
        {"\\d{1,3}\\D.", "\\p{Nd}{1,3}\\P{Nd}[^\\n]"},
        {"[\\r\\n/\\-]*+", "[\\r\\n/\\-]*+"},
        {"\\p{Han}", NULL},
        {"\\p{^L}", NULL},
        {"\\pL", NULL},
        {"\\p{L", NULL},
        {"(?i:\\p{Lu})", NULL},
        {"(?i:(?:\\p{Lu}))", NULL},
        {"(?:(?i:a)\\p{Lu})", "(?:(?i:a)\\p{Lu})"},
        {"^a", NULL},
        {"a$", NULL},
        {"\\bx", NULL},
        {"\\w", NULL},
        {"\\1", NULL},
        {"\\", NULL},
        {"a{,3}", NULL},
        {"a{2}+", NULL},
        {"a{2}?", NULL},
        {"a{2", NULL},
        {"[a", NULL},
        {"[]a]", NULL},
        {"[^]a]", NULL},
        {"[a[b]]", NULL},
        {"[a&&b]", NULL},
        {"[\\S]", NULL},
        {"(a", NULL},
        {"a)", NULL},
        {"(?m:a)", NULL},
        {"(?<n>a)", NULL},
        {"(*UTF)a", NULL},
    };
    char out[VKH_PATTERN_ROOM(64)];
    for (size_t i = 0; i < VKH_COUNTOF(cases); i++) {
        const char *problem =
            vkh_pattern_translate(cases[i].pattern, strlen(cases[i].pattern), out);
        if (!cases[i].want)
            CHECK_MSG(problem, "%s was not refused", cases[i].pattern);
        else
            CHECK_MSG(!problem && strcmp(out, cases[i].want) == 0, "%s: %s", cases[i].pattern,
                      problem ? problem : out);
    }
    char nested[256];
    memset(nested, '(', 128);
    memset(nested + 128, ')', 128);
    static char long_out[VKH_PATTERN_ROOM(256)];
    CHECK(vkh_pattern_translate(nested, 256, long_out));
    CHECK(vkh_pattern_translate(nested, VKH_PATTERN_MAX + 1, long_out));
    return check_result();
}
