// SPDX-License-Identifier: MIT
#include "model/pattern.h"

#include <stdbool.h>
#include <string.h>

#define WHITE_SPACE "\\p{Z}\\x{9}-\\x{d}\\x{85}"

enum { MAX_DEPTH = 64 };

_Static_assert(sizeof("[^" WHITE_SPACE "]") <= VKH_PATTERN_ROOM(1), "the longest rewrite fits");

struct translation {
    const char *at, *end;
    char *out;
    bool in_class;
    bool caseless[MAX_DEPTH + 1]; // by depth of groups
    unsigned depth;
};

static const char out_of_scope[] = "a construct that may mean another thing in PCRE2";

static void emit(struct translation *t, const char *text, size_t length)
{
    memcpy(t->out, text, length);
    t->out += length;
}

static void emit_text(struct translation *t, const char *text)
{
    emit(t, text, strlen(text));
}

static bool is_next(const struct translation *t, const char *text)
{
    const size_t length = strlen(text);
    return (size_t)(t->end - t->at) >= length && memcmp(t->at, text, length) == 0;
}

// Behind \p or \P: a general category of one or two letters in braces.
static const char *category(struct translation *t, char letter)
{
    const char *close = memchr(t->at, '}', (size_t)(t->end - t->at));
    const size_t length = close ? (size_t)(close - t->at) : 0;
    if (t->at == t->end || *t->at != '{' || length < 2 || length > 3 ||
        !memchr("LMNPSZC", t->at[1], 7) || (length == 3 && (t->at[2] < 'a' || t->at[2] > 'z')))
        return "a property that is not a general category such as \\p{L}";
    if (t->caseless[t->depth])
        return "a property inside (?i:";
    emit(t, (const char[]){'\\', letter}, 2);
    emit(t, t->at, length + 1);
    t->at = close + 1;
    return NULL;
}

static const char *escape(struct translation *t)
{
    if (t->at == t->end)
        return "a backslash at its end";
    const char letter = *t->at++;
    switch (letter) {
    case 's':
        emit_text(t, t->in_class ? WHITE_SPACE : "[" WHITE_SPACE "]");
        return NULL;
    case 'S':
        if (t->in_class)
            return "\\S inside a class";
        emit_text(t, "[^" WHITE_SPACE "]");
        return NULL;
    case 'd':
        emit_text(t, "\\p{Nd}");
        return NULL;
    case 'D':
        emit_text(t, "\\P{Nd}");
        return NULL;
    case 'p':
    case 'P':
        return category(t, letter);
    case 'r':
    case 'n':
    case 't':
        emit(t, (const char[]){'\\', letter}, 2);
        return NULL;
    default:
        if (!memchr("!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~", letter, 32))
            return out_of_scope;
        emit(t, (const char[]){'\\', letter}, 2);
        return NULL;
    }
}

static const char *class_body(struct translation *t)
{
    emit_text(t, "[");
    if (is_next(t, "^")) {
        emit_text(t, "^");
        t->at++;
    }
    if (is_next(t, "]"))
        return "an empty class";
    t->in_class = true;
    while (t->at < t->end && *t->at != ']') {
        const char *problem = NULL;
        if (*t->at == '[' || is_next(t, "&&"))
            problem = "a class inside a class";
        else if (*t->at == '\\')
            t->at++, problem = escape(t);
        else
            emit(t, t->at++, 1);
        if (problem)
            return problem;
    }
    t->in_class = false;
    if (t->at == t->end)
        return "a class without its end";
    emit(t, t->at++, 1);
    return NULL;
}

static const char *open_group(struct translation *t)
{
    static const char *const kinds[] = {"?:", "?i:", "?=", "?!", "?<=", "?<!", "?>"};
    const char *kind = "?:";
    if (t->depth == MAX_DEPTH)
        return "groups that nest too deeply";
    if (is_next(t, "?")) {
        size_t i = 0;
        while (i < sizeof(kinds) / sizeof(*kinds) && !is_next(t, kinds[i]))
            i++;
        if (i == sizeof(kinds) / sizeof(*kinds))
            return out_of_scope;
        kind = kinds[i];
        t->at += strlen(kind);
    } else if (is_next(t, "*")) {
        return out_of_scope;
    }
    t->caseless[t->depth + 1] = t->caseless[t->depth] || strcmp(kind, "?i:") == 0;
    t->depth++;
    emit_text(t, "(");
    emit_text(t, kind);
    return NULL;
}

// {n}, {n,} or {n,m}. What a + or ? behind one means differs between the two languages.
static const char *interval(struct translation *t)
{
    const char *c = t->at;
    const char *digits = c;
    while (c < t->end && *c >= '0' && *c <= '9')
        c++;
    bool good = c > digits;
    if (c < t->end && *c == ',')
        for (c++; c < t->end && *c >= '0' && *c <= '9';)
            c++;
    good = good && c < t->end && *c == '}';
    if (!good || (c + 1 < t->end && (c[1] == '+' || c[1] == '?')))
        return out_of_scope;
    emit_text(t, "{");
    emit(t, t->at, (size_t)(c + 1 - t->at));
    t->at = c + 1;
    return NULL;
}

static const char *step(struct translation *t)
{
    const char c = *t->at++;
    switch (c) {
    case '\\':
        return escape(t);
    case '[':
        return class_body(t);
    case '(':
        return open_group(t);
    case ')':
        if (t->depth == 0)
            return "a ) without its (";
        t->depth--;
        break;
    case '{':
        return interval(t);
    case '.':
        emit_text(t, "[^\\n]");
        return NULL;
    case '^':
    case '$':
    case '\0':
        return out_of_scope;
    default:
        break;
    }
    emit(t, &c, 1);
    return NULL;
}

const char *vkh_pattern_translate(const char *pattern, uint64_t length, char *out)
{
    if (length > VKH_PATTERN_MAX)
        return "more than 16384 bytes";
    struct translation t = {.at = pattern, .end = pattern + length, .out = out};
    while (t.at < t.end) {
        const char *problem = step(&t);
        if (problem)
            return problem;
    }
    if (t.depth > 0)
        return "a ( without its )";
    *t.out = '\0';
    return NULL;
}
