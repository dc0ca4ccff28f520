// SPDX-License-Identifier: MIT
#include "rope/method.h"

#include <math.h>
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

// As snprintf at text + at, which need not fit; returns the bytes it has.
static size_t append(char *text, size_t size, size_t at, const char *piece)
{
    if (at < size)
        snprintf(text + at, size - at, "%s", piece);
    return at + strlen(piece);
}

static bool has_param(const struct vkh_method_kind *kind, int i)
{
    return i < VKH_TERM_PARAMS && kind->params[i].name;
}

size_t vkh_method_usage(const struct vkh_method_kind *kind, char *text, size_t size)
{
    size_t at = append(text, size, 0, kind->name);
    for (int i = 0; has_param(kind, i); i++) {
        const struct vkh_method_param *param = &kind->params[i];
        at = append(text, size, at, param->required ? "" : "[");
        at = append(text, size, at, i ? "," : ":");
        at = append(text, size, at, param->name);
        at = append(text, size, at, param->is_path ? "=FILE" : "=NUMBER");
        at = append(text, size, at, param->required ? "" : "]");
    }
    return at;
}

// Fails with "method 'SPEC', term 'TERM': MESSAGE (accepted: USAGE)"; kind NULL: the names of all.
static enum vkh_status refuse(const struct parser *parser, struct piece term,
                              const struct vkh_method_kind *kind, const char *message)
{
    enum { SHOWN = 120 };
    char usage[512] = "";
    size_t n, at = 0;
    const struct vkh_method_kind *kinds = vkh_method_kinds(&n);
    if (kind)
        vkh_method_usage(kind, usage, sizeof(usage));
    for (size_t i = 0; i < n && !kind; i++) {
        at = append(usage, sizeof(usage), at, i ? ", " : "");
        at = append(usage, sizeof(usage), at, kinds[i].name);
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

static bool in_range(const struct vkh_method_param *param, double value)
{
    return (param->above ? value > param->least : value >= param->least) &&
           (param->most == 0 || value <= param->most);
}

static enum vkh_status parse_value(const struct parser *parser, struct piece term,
                                   struct piece text, int index, struct vkh_method_term *out)
{
    const struct vkh_method_param *param = &out->kind->params[index];
    char message[128], most[48] = "";
    if (param->is_path) {
        out->path = (struct vkh_term_path){text.text, text.length};
        return text.length ? VKH_OK : refuse(parser, term, out->kind, "an empty file name");
    }
    if (vkh_number_parse(text.text, text.length, &out->values[index]) &&
        in_range(param, out->values[index]))
        return VKH_OK;
    if (param->most != 0)
        snprintf(most, sizeof(most), " and at most %g", param->most);
    snprintf(message, sizeof(message), "%s must be a number %s %g%s", param->name,
             param->above ? "above" : "of at least", param->least, most);
    return refuse(parser, term, out->kind, message);
}

// One "key=value"; `given` holds the params that were.
static enum vkh_status parse_param(const struct parser *parser, struct piece term,
                                   struct piece param, struct vkh_method_term *out, uint32_t *given)
{
    const struct vkh_method_kind *kind = out->kind;
    const char *rest = param.text;
    const struct piece key = cut(&rest, param.text + param.length, '=');
    int i = 0;
    while (has_param(kind, i) && !same(key, kind->params[i].name))
        i++;
    if (!has_param(kind, i) || !rest)
        return refuse(parser, term, kind, rest ? "unknown key" : "a key without a value");
    if (*given >> i & 1)
        return refuse(parser, term, kind, "a key given twice");
    *given |= 1u << i;
    const struct piece value = {rest, (size_t)(param.text + param.length - rest)};
    return parse_value(parser, term, value, i, out);
}

static enum vkh_status parse_params(const struct parser *parser, struct piece term,
                                    const char *rest, struct vkh_method_term *out)
{
    const struct vkh_method_kind *kind = out->kind;
    uint32_t given = 0;
    for (int i = 0; has_param(kind, i); i++)
        out->values[i] = kind->params[i].usual;
    while (rest) {
        const struct piece param = cut(&rest, term.text + term.length, ',');
        const enum vkh_status status = parse_param(parser, term, param, out, &given);
        if (status != VKH_OK)
            return status;
    }
    for (int i = 0; has_param(kind, i); i++)
        if (kind->params[i].required && !(given >> i & 1))
            return refuse(parser, term, kind, "a key is missing");
    const char *wrong = kind->check ? kind->check(out) : NULL;
    return wrong ? refuse(parser, term, kind, wrong) : VKH_OK;
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
    struct vkh_method_term out = {.kind = kind};
    const enum vkh_status status = parse_params(parser, term, rest, &out);
    if (status == VKH_OK && (kind->position || kind->frequencies || kind->is_own))
        parser->method->terms[parser->method->n_terms++] = out;
    return status;
}

bool vkh_method_has_schedule(const struct vkh_method *method)
{
    bool has = false;
    for (uint32_t t = 0; t < method->n_terms; t++)
        has |= method->terms[t].kind->frequencies != NULL;
    return has;
}

static void drop_own(struct vkh_method *method)
{
    uint32_t n = 0;
    for (uint32_t t = 0; t < method->n_terms; t++)
        if (!method->terms[t].kind->is_own)
            method->terms[n++] = method->terms[t];
    method->n_terms = n;
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
    if (!vkh_method_has_schedule(method))
        drop_own(method); // it is implied
    return status;
}

static void add_terms(struct vkh_method *to, const struct vkh_method *from)
{
    for (uint32_t t = 0; from && t < from->n_terms && to->n_terms < VKH_METHOD_TERMS; t++)
        to->terms[to->n_terms++] = from->terms[t];
}

void vkh_method_resolve(const struct vkh_method *method, const struct vkh_method *own,
                        struct vkh_method *resolved)
{
    *resolved = (struct vkh_method){0};
    if (!vkh_method_has_schedule(method))
        add_terms(resolved, own);
    for (uint32_t t = 0; t < method->n_terms; t++) {
        const struct vkh_method one = {.terms = {method->terms[t]}, .n_terms = 1};
        add_terms(resolved, one.terms[0].kind->is_own ? own : &one);
    }
}

// Writes ":key=value,key=value" of what differs from the usual.
static size_t spell_params(const struct vkh_method_term *term, char *text, size_t size, size_t at)
{
    const char *separator = ":";
    for (int i = 0; has_param(term->kind, i); i++) {
        const struct vkh_method_param *param = &term->kind->params[i];
        const double value = term->values[i];
        char number[VKH_NUMBER_TEXT] = "";
        if (param->is_path ? !term->path.text
                           : !param->required && (isnan(value) || value == param->usual))
            continue;
        at = append(text, size, at, separator);
        at = append(text, size, at, param->name);
        at = append(text, size, at, "=");
        if (!param->is_path)
            vkh_number_format(value, number);
        at = append(text, size, at, number);
        for (size_t c = 0; param->is_path && c < term->path.length; c++)
            at = append(text, size, at, (const char[]){term->path.text[c], '\0'});
        separator = ",";
    }
    return at;
}

size_t vkh_method_spell(const struct vkh_method *method, char *text, size_t size)
{
    if (method->n_terms == 0)
        return append(text, size, 0, "baseline");
    size_t at = 0;
    for (uint32_t t = 0; t < method->n_terms; t++) {
        at = append(text, size, at, t ? "+" : "");
        at = append(text, size, at, method->terms[t].kind->name);
        at = spell_params(&method->terms[t], text, size, at);
    }
    return at;
}

bool vkh_method_varies(const struct vkh_method *resolved, const char **name, const char **why)
{
    for (uint32_t t = 0; t < resolved->n_terms; t++) {
        *name = resolved->terms[t].kind->name;
        *why = resolved->terms[t].kind->varies;
        if (*why)
            return true;
    }
    return false;
}
