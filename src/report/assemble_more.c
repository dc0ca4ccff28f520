// SPDX-License-Identifier: MIT
// Curves and sweeps of an assembly.
#include <stdlib.h>
#include <string.h>

#include "base/average.h"
#include "base/log.h"
#include "report/assemble.h"
#include "report/format.h"

static enum vkh_status out_of_memory(const struct vkh_log *log)
{
    return vkh_fail(log, VKH_ERR_MEMORY, "merge: out of memory");
}

struct value {
    double value;
    uint32_t method;
};

static int compare_values(const void *a, const void *b)
{
    const struct value *x = a, *y = b;
    const int order = (x->value > y->value) - (x->value < y->value);
    return order ? order : (x->method > y->method) - (x->method < y->method);
}

// What all the pieces have of the sweep `spec`, in ascending order, each method once; `seen` is of
// all methods.
static uint32_t find_values(const struct vkh_assembly *assembly, const char *spec,
                            struct value *values, bool *seen)
{
    uint32_t n = 0;
    for (uint32_t p = 0; p < assembly->n_places; p++) {
        const struct vkh_place *place = &assembly->places[p];
        for (uint32_t s = 0; s < place->piece.results->n_sweeps; s++) {
            const struct vkh_ppl_sweep *from = &place->piece.results->sweeps[s];
            for (uint32_t i = 0; i < from->n && strcmp(from->spec, spec) == 0; i++) {
                const uint32_t method = place->methods[from->methods[i]];
                if (!seen[method])
                    values[n++] = (struct value){from->values[i], method};
                seen[method] = true;
            }
        }
    }
    qsort(values, n, sizeof(*values), compare_values);
    for (uint32_t i = 0; i < n; i++)
        seen[values[i].method] = false;
    return n;
}

// `found` and `seen` have room for all methods; the latter are false, and are so again.
static bool make_sweep(const struct vkh_assembly *assembly, const struct vkh_ppl_sweep *like,
                       struct value *found, bool *seen, struct vkh_arena *arena,
                       const struct vkh_ppl_results *results, struct vkh_ppl_sweep *sweep)
{
    const uint32_t n = find_values(assembly, like->spec, found, seen);
    uint32_t *methods = vkh_arena_alloc(arena, n, sizeof(*methods));
    double *values = vkh_arena_alloc(arena, n, sizeof(*values));
    *sweep = (struct vkh_ppl_sweep){
        .spec = vkh_arena_strndup(arena, like->spec, strlen(like->spec)),
        .parameter = vkh_arena_strndup(arena, like->parameter, strlen(like->parameter)),
        .n = n,
        .methods = methods,
        .values = values,
        .best = vkh_arena_alloc(arena, results->n_lengths, sizeof(*sweep->best)),
    };
    if (!methods || !values || !sweep->spec || !sweep->parameter || !sweep->best)
        return false;
    for (uint32_t i = 0; i < n; i++) {
        methods[i] = found[i].method;
        values[i] = found[i].value;
    }
    vkh_average_best(sweep, results->cells, results->n_lengths);
    return true;
}

static bool has_sweep(const struct vkh_ppl_results *results, const char *spec)
{
    for (uint32_t i = 0; i < results->n_sweeps; i++)
        if (strcmp(results->sweeps[i].spec, spec) == 0)
            return true;
    return false;
}

enum vkh_status vkh_assemble_sweeps(const struct vkh_assembly *assembly, struct vkh_arena *arena,
                                    const struct vkh_log *log, struct vkh_ppl_results *results)
{
    size_t most = 0;
    for (uint32_t p = 0; p < assembly->n_places; p++)
        most += assembly->places[p].piece.results->n_sweeps;
    struct value *values = vkh_arena_alloc(arena, results->n_methods, sizeof(*values));
    bool *seen = vkh_arena_alloc(arena, results->n_methods, sizeof(*seen));
    results->sweeps = vkh_arena_alloc(arena, most, sizeof(*results->sweeps));
    bool good = values && seen && results->sweeps;
    for (uint32_t p = 0; p < assembly->n_places; p++) {
        const struct vkh_ppl_results *piece = assembly->places[p].piece.results;
        for (uint32_t s = 0; s < piece->n_sweeps && good; s++) {
            if (has_sweep(results, piece->sweeps[s].spec))
                continue;
            good = make_sweep(assembly, &piece->sweeps[s], values, seen, arena, results,
                              &results->sweeps[results->n_sweeps]);
            results->n_sweeps += good;
        }
    }
    return good ? VKH_OK : out_of_memory(log);
}

// A scale being put together. Linear buckets of a piece with shorter sequences are narrower by a
// power of two, and go into the wider ones.
struct scale {
    int which;
    uint32_t width; // 0: in octaves
    struct vkh_ppl_bucket *buckets;
    uint32_t n;
};

static const struct vkh_ppl_curve *curve_of(const struct vkh_place *place, int which)
{
    return &place->piece.results->curves[which];
}

static struct vkh_ppl_bucket bucket_of(const struct scale *scale,
                                       const struct vkh_ppl_bucket *bucket)
{
    if (scale->width == 0)
        return *bucket;
    const uint32_t first = bucket->first / scale->width * scale->width;
    return (struct vkh_ppl_bucket){first, first + scale->width, 0};
}

static int compare_buckets(const void *a, const void *b)
{
    const struct vkh_ppl_bucket *x = a, *y = b;
    return (x->first > y->first) - (x->first < y->first);
}

static bool find_buckets(const struct vkh_assembly *assembly, int which, struct vkh_arena *arena,
                         struct scale *scale)
{
    size_t most = 0;
    *scale = (struct scale){.which = which};
    for (uint32_t p = 0; p < assembly->n_places; p++) {
        const struct vkh_ppl_curve *curve = curve_of(&assembly->places[p], which);
        most += curve->n_buckets;
        for (uint32_t i = 0; i < curve->n_buckets && which == VKH_CURVE_LINEAR; i++)
            if (curve->buckets[i].end - curve->buckets[i].first > scale->width)
                scale->width = curve->buckets[i].end - curve->buckets[i].first;
    }
    struct vkh_ppl_bucket *all = vkh_arena_alloc(arena, most, sizeof(*all));
    size_t n = 0;
    for (uint32_t p = 0; p < assembly->n_places && all; p++) {
        const struct vkh_ppl_curve *curve = curve_of(&assembly->places[p], which);
        for (uint32_t i = 0; i < curve->n_buckets; i++)
            all[n++] = bucket_of(scale, &curve->buckets[i]);
    }
    if (n > 1)
        qsort(all, n, sizeof(*all), compare_buckets);
    for (size_t i = 0; i < n; i++)
        if (scale->n == 0 || all[i].first != all[scale->n - 1].first)
            all[scale->n++] = all[i];
    scale->buckets = all;
    return all != NULL;
}

// Joins one text's parts in a piece's buckets into those of the scale.
static void add_parts(const struct scale *scale, const struct vkh_ppl_curve *curve,
                      const struct vkh_ppl_text_cell *from, struct vkh_ppl_text_cell *to)
{
    for (uint32_t i = 0; i < scale->n; i++)
        to[i] = vkh_moments_part((struct vkh_moments){0});
    for (uint32_t i = 0; i < curve->n_buckets; i++) {
        const struct vkh_ppl_bucket key = bucket_of(scale, &curve->buckets[i]);
        const struct vkh_ppl_bucket *into =
            bsearch(&key, scale->buckets, scale->n, sizeof(key), compare_buckets);
        struct vkh_ppl_text_cell *part = &to[into - scale->buckets];
        *part = vkh_moments_part(vkh_moments_join(vkh_moments_of(part), vkh_moments_of(&from[i])));
    }
}

// Each text is shown at the longest length that it reaches in any piece; those that have a method
// at that length agree.
static void take_parts(const struct vkh_place *place, const struct scale *scale,
                       const struct vkh_ppl_results *results, struct vkh_ppl_text_cell *parts)
{
    const struct vkh_ppl_results *piece = place->piece.results;
    const struct vkh_ppl_curve *curve = curve_of(place, scale->which);
    for (uint32_t t = 0; t < piece->n_texts; t++) {
        const uint64_t text = (uint64_t)place->first_text + t;
        if (piece->text_used[t] != results->text_used[text])
            continue;
        for (uint32_t m = 0; m < piece->n_methods; m++) {
            const uint64_t from = (uint64_t)t * piece->n_methods + m;
            const uint64_t to = text * results->n_methods + place->methods[m];
            add_parts(scale, curve, &curve->texts[from * curve->n_buckets], &parts[to * scale->n]);
        }
    }
}

static enum vkh_status make_curve(const struct vkh_assembly *assembly, const struct scale *scale,
                                  struct vkh_arena *arena, const struct vkh_log *log,
                                  struct vkh_ppl_results *results)
{
    const size_t row = (size_t)results->n_methods * scale->n;
    double *nll = vkh_arena_alloc(arena, row, sizeof(*nll));
    double *error = vkh_arena_alloc(arena, row, sizeof(*error));
    struct vkh_ppl_text_cell *parts =
        vkh_arena_alloc(arena, results->n_texts, row * sizeof(*parts));
    if (!nll || !error || !parts)
        return out_of_memory(log);
    for (uint32_t p = assembly->n_places; p-- > 0;)
        take_parts(&assembly->places[p], scale, results, parts);
    if (!vkh_average_curve(parts, results->n_texts, results->n_methods, scale->buckets, scale->n,
                           nll, error))
        return vkh_fail(log, VKH_ERR_ARGUMENT,
                        "merge: the curves of %s are not of the same tokens for every method",
                        results->model);
    results->curves[scale->which] =
        (struct vkh_ppl_curve){scale->n, scale->buckets, nll, error, parts};
    return VKH_OK;
}

enum vkh_status vkh_assemble_curves(const struct vkh_assembly *assembly, struct vkh_arena *arena,
                                    const struct vkh_log *log, struct vkh_ppl_results *results)
{
    enum vkh_status status = VKH_OK;
    for (int which = 0; which < VKH_CURVES && status == VKH_OK; which++) {
        struct scale scale;
        status = find_buckets(assembly, which, arena, &scale)
                     ? make_curve(assembly, &scale, arena, log, results)
                     : out_of_memory(log);
    }
    return status;
}
