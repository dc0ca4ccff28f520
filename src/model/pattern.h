// SPDX-License-Identifier: MIT
// Regular expressions of tokenizer.json, which are Oniguruma's, in PCRE2's language.
#ifndef VKH_MODEL_PATTERN_H
#define VKH_MODEL_PATTERN_H

#include <stdint.h>

// Rewrites what both languages can say and mean alike: literals, classes, \s \S \d \D, general
// categories (\p{L}), groups (plain, (?: (?i: (?> and lookaround), and the quantifiers. \s becomes
// Unicode's White_Space, where PCRE2's own also takes U+180E.
//
// Returns NULL with *out terminated, or a phrase, static, that says what cannot be said. `out`
// holds VKH_PATTERN_ROOM(length) bytes; more than VKH_PATTERN_MAX bytes of pattern are refused.
enum { VKH_PATTERN_MAX = 16 * 1024 };
#define VKH_PATTERN_ROOM(length) (32 * (length) + 1)
const char *vkh_pattern_translate(const char *pattern, uint64_t length, char *out);

#endif
