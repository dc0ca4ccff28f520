// SPDX-License-Identifier: MIT
#include "rope/method.h"

#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "base/number.h"

// What every message names.
struct parser {
    const char *spec;
    const struct vkh_log *log;
    struct vkh_method *method;
    uint64_t seen;         // kinds, by index
    const char *positions; // the term that has the position map
};

struct piece {
    const char *text;
    size_t length;
};

// Cuts the text before the first `separator` off *rest, which is left at NULL past the last piece.
static struct piece cut(const char **rest, const char *end, char separator)
{
    const char *begin = *rest;
    const char *at = memchr(begin, separator, (size_t)(end - begin));
    *rest = at ? at + 1 : NULL;
    return (struct piece){begin, (size_t)((at ? at : end) - begin)};
}

static bool same(struct piece piece, const char *name)
{
    return strlen(name) == piece.length && memcmp(name, piece.text, piece.length) == 0;
}

// "hybrid:cf=NUMBER"
static void append_usage(char *text, size_t size, const struct vkh_method_kind *kind)
{
    size_t at = strlen(text);
    at += (size_t)snprintf(text + at, size - at, "%s", kind->name);
    for (int i = 0; i < VKH_TERM_PARAMS && kind->params[i].name && at < size; i++)
        at += (size_t)snprintf(text + at, size - at, "%c%s=NUMBER", i ? ',' : ':',
                               kind->params[i].name);
}

// Fails with "method 'SPEC', term 'TERM': MESSAGE (USAGE)"; kind NULL: the usage of all.
static enum vkh_status refuse(const struct parser *parser, struct piece term,
                              const struct vkh_method_kind *kind, const char *message)
{
    enum { SHOWN = 120 };
    char usage[512] = "";
    size_t n = 1;
    const struct vkh_method_kind *kinds = kind ? kind : vkh_method_kinds(&n);
    for (size_t i = 0; i < n; i++) {
        if (i)
            strncat(usage, ", ", sizeof(usage) - strlen(usage) - 1);
        append_usage(usage, sizeof(usage), &kinds[i]);
    }
    const int length = (int)(term.length < SHOWN ? term.length : SHOWN);
    return vkh_fail(parser->log, VKH_ERR_ARGUMENT, "method '%.*s', term '%.*s': %s (accepted: %s)",
                    SHOWN, parser->spec, length, term.text, message, usage);
}

static const struct vkh_method_kind *find_kind(struct piece name, size_t *index)
{
    size_t n;
    const struct vkh_method_kind *kinds = vkh_method_kinds(&n);
    for (*index = 0; *index < n; ++*index)
        if (same(name, kinds[*index].name))
            return &kinds[*index];
    return NULL;
}

// One "key=value"; `given` holds the params that were.
static enum vkh_status parse_param(const struct parser *parser, struct piece term,
                                   struct piece param, const struct vkh_method_kind *kind,
                                   double *values, uint32_t *given)
{
    char message[128];
    const char *rest = param.text;
    const struct piece key = cut(&rest, param.text + param.length, '=');
    int i = 0;
    while (i < VKH_TERM_PARAMS && kind->params[i].name && !same(key, kind->params[i].name))
        i++;
    if (i == VKH_TERM_PARAMS || !kind->params[i].name || !rest)
        return refuse(parser, term, kind, rest ? "unknown key" : "a key without a value");
    if (*given >> i & 1)
        return refuse(parser, term, kind, "a key given twice");
    *given |= 1u << i;
    const size_t length = (size_t)(param.text + param.length - rest);
    if (vkh_number_parse(rest, length, &values[i]) && values[i] >= kind->params[i].least)
        return VKH_OK;
    snprintf(message, sizeof(message), "%s must be a number of at least %g", kind->params[i].name,
             kind->params[i].least);
    return refuse(parser, term, kind, message);
}

static enum vkh_status parse_params(const struct parser *parser, struct piece term,
                                    const char *rest, const struct vkh_method_kind *kind,
                                    double *values)
{
    uint32_t given = 0, wanted = 0;
    while (rest) {
        const struct piece param = cut(&rest, term.text + term.length, ',');
        const enum vkh_status status = parse_param(parser, term, param, kind, values, &given);
        if (status != VKH_OK)
            return status;
    }
    for (int i = 0; i < VKH_TERM_PARAMS && kind->params[i].name; i++)
        wanted |= 1u << i;
    return given == wanted ? VKH_OK : refuse(parser, term, kind, "a key is missing");
}

static enum vkh_status parse_term(struct parser *parser, struct piece term)
{
    const char *rest = term.text;
    size_t index;
    const struct piece name = cut(&rest, term.text + term.length, ':');
    const struct vkh_method_kind *kind = find_kind(name, &index);
    if (!kind)
        return refuse(parser, term, NULL, term.length ? "unknown method" : "an empty term");
    if (parser->seen >> index & 1)
        return refuse(parser, term, kind, "the same method twice");
    parser->seen |= (uint64_t)1 << index;
    if (kind->position && parser->positions) {
        char message[128];
        snprintf(message, sizeof(message), "a second position map beside that of %s",
                 parser->positions);
        return refuse(parser, term, kind, message);
    }
    if (kind->position)
        parser->positions = kind->name;
    struct vkh_method *method = parser->method;
    double *values = method->terms[method->n_terms].values;
    const enum vkh_status status = parse_params(parser, term, rest, kind, values);
    if (status == VKH_OK && (kind->position || kind->frequencies))
        method->terms[method->n_terms++].kind = kind;
    return status;
}

enum vkh_status vkh_method_parse(const char *spec, const struct vkh_log *log,
                                 struct vkh_method *method)
{
    *method = (struct vkh_method){0};
    struct parser parser = {.spec = spec, .log = log, .method = method};
    const char *rest = spec, *end = spec + strlen(spec);
    enum vkh_status status = VKH_OK;
    while (rest && status == VKH_OK)
        status = parse_term(&parser, cut(&rest, end, '+'));
    return status;
}

static size_t append(char *text, size_t size, size_t at, const char *piece)
{
    if (at < size)
        snprintf(text + at, size - at, "%s", piece);
    return at + strlen(piece);
}

size_t vkh_method_spell(const struct vkh_method *method, char *text, size_t size)
{
    if (method->n_terms == 0)
        return append(text, size, 0, "baseline");
    size_t at = 0;
    for (uint32_t t = 0; t < method->n_terms; t++) {
        const struct vkh_method_kind *kind = method->terms[t].kind;
        at = append(text, size, at, t ? "+" : "");
        at = append(text, size, at, kind->name);
        for (int i = 0; i < VKH_TERM_PARAMS && kind->params[i].name; i++) {
            char number[VKH_NUMBER_TEXT];
            vkh_number_format(method->terms[t].values[i], number);
            at = append(text, size, at, i ? "," : ":");
            at = append(text, size, at, kind->params[i].name);
            at = append(text, size, at, "=");
            at = append(text, size, at, number);
        }
    }
    return at;
}

bool vkh_method_length_dependent(const struct vkh_method *method)
{
    bool dependent = false;
    for (uint32_t t = 0; t < method->n_terms; t++)
        dependent |= method->terms[t].kind->length_dependent;
    return dependent;
}
