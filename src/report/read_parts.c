// SPDX-License-Identifier: MIT
// The numbers of a report: what texts have is read, what follows from them is computed again.
#include <math.h>
#include <string.h>

#include "base/average.h"
#include "report/format.h"
#include "report/read.h"

enum { MOST_NLL = 700, MOST_DEVIATION = 1000000, MOST_SECONDS = 1000000000 };

static void check_name(struct vkh_fields *fields, const struct vkh_object *from, const char *key,
                       const char *want)
{
    if (strcmp(vkh_fields_string(fields, from, key, false), want) != 0)
        vkh_fields_fail(fields, from, key, "out of order");
}

static void check_length(struct vkh_fields *fields, const struct vkh_object *from, uint32_t want)
{
    if (vkh_fields_size(fields, from, "length", 2, VKH_READ_MOST_TOKENS) != want)
        vkh_fields_fail(fields, from, "length", "out of order");
}

static void read_lengths(struct vkh_fields *fields, const struct vkh_object *run,
                         const json_t *array, struct vkh_ppl_results *r)
{
    const size_t n = json_array_size(array) / r->n_methods;
    uint32_t *lengths = vkh_read_alloc(fields, n, sizeof(*lengths));
    if (array && (n == 0 || json_array_size(array) % r->n_methods))
        vkh_fields_fail(fields, run, "results", "not as many for each method");
    for (size_t i = 0; i < n && fields->status == VKH_OK; i++) {
        const struct vkh_object from = vkh_fields_element(fields, run, "results", array, i);
        lengths[i] = (uint32_t)vkh_fields_size(fields, &from, "length", 2, VKH_READ_MOST_TOKENS);
        if (i > 0 && lengths[i] <= lengths[i - 1])
            vkh_fields_fail(fields, &from, "length", "not above the one before");
    }
    r->lengths = lengths;
    r->n_lengths = (uint32_t)n;
}

static void read_text_cell(struct vkh_fields *fields, const struct vkh_object *from,
                           struct vkh_ppl_text_cell *cell)
{
    cell->tokens_scored =
        (uint32_t)vkh_fields_size(fields, from, "tokens_scored", 0, VKH_READ_MOST_TOKENS);
    const bool none = fields->status == VKH_OK && cell->tokens_scored == 0;
    cell->nll = vkh_fields_real(fields, from, "nll", -MOST_NLL, MOST_NLL, none);
    cell->deviation = vkh_fields_real(fields, from, "deviation", 0, MOST_DEVIATION, none);
    cell->ppl = exp(cell->nll);
    if (none && (!isnan(cell->nll) || !isnan(cell->deviation)))
        vkh_fields_fail(fields, from, "nll", "a number, where no token is scored");
}

static void read_text_cells(struct vkh_fields *fields, const struct vkh_object *run,
                            struct vkh_ppl_results *r)
{
    const uint64_t row = (uint64_t)r->n_methods * r->n_lengths; // below 2^49
    const uint64_t n = r->n_texts * row;
    const bool good = n / r->n_texts == row;
    const json_t *array = vkh_fields_array(fields, run, "text_results", good ? n : SIZE_MAX - 1);
    if (!array)
        return;
    r->text_cells = vkh_read_alloc(fields, n, sizeof(*r->text_cells));
    for (uint64_t i = 0; i < n && fields->status == VKH_OK; i++) {
        const struct vkh_object from = vkh_fields_element(fields, run, "text_results", array, i);
        check_name(fields, &from, "text", r->text_names[i / row]);
        check_name(fields, &from, "method", r->methods[i % row / r->n_lengths]);
        check_length(fields, &from, r->lengths[i % r->n_lengths]);
        read_text_cell(fields, &from, &r->text_cells[i]);
    }
}

// What a cell has beside its texts' numbers.
static void read_cell(struct vkh_fields *fields, const struct vkh_object *from,
                      struct vkh_ppl_cell *cell)
{
    const double nll = vkh_fields_real(fields, from, "nll", -MOST_NLL, MOST_NLL, false);
    cell->compression_active = vkh_fields_bool(fields, from, "compression_active");
    cell->seconds = vkh_fields_real(fields, from, "seconds", 1e-12, MOST_SECONDS, false);
    cell->tokens_per_second = vkh_fields_real(fields, from, "tokens_per_second", 0, 1e18, false);
    if (!(fabs(cell->nll - nll) <= 1e-9 * (1 + fabs(nll))))
        vkh_fields_fail(fields, from, "nll", "does not follow from text_results");
    if (!isfinite(cell->ppl) || !isfinite(cell->standard_error) || !isfinite(cell->macro_ppl) ||
        isinf(cell->text_error) || isinf(cell->macro_error))
        vkh_fields_fail(fields, from, "ppl", "its errors are too large");
}

void vkh_read_cells(struct vkh_fields *fields, const struct vkh_object *run,
                    struct vkh_ppl_results *r)
{
    const json_t *array = vkh_fields_array(fields, run, "results", SIZE_MAX);
    read_lengths(fields, run, array, r);
    if (fields->status == VKH_OK)
        read_text_cells(fields, run, r);
    const uint64_t n = (uint64_t)r->n_methods * r->n_lengths;
    if (fields->status == VKH_OK)
        r->cells = vkh_read_alloc(fields, n, sizeof(*r->cells));
    for (uint64_t i = 0; i < n && fields->status == VKH_OK; i++) {
        const struct vkh_object from = vkh_fields_element(fields, run, "results", array, i);
        struct vkh_ppl_cell *cell = &r->cells[i];
        cell->method = r->methods[i / r->n_lengths];
        cell->length = r->lengths[i % r->n_lengths];
        check_name(fields, &from, "method", cell->method);
        check_length(fields, &from, cell->length);
        vkh_average_texts(&r->text_cells[i], n, r->n_texts, cell);
        if (cell->texts == 0)
            vkh_fields_fail(fields, &from, "tokens_scored", "no text has a token scored there");
        read_cell(fields, &from, cell);
    }
    if (fields->status != VKH_OK)
        return;
    vkh_average_compare(r->cells, r->n_methods, r->n_lengths);
    for (uint64_t i = 0; i < n; i++)
        if (isinf(r->cells[i].vs_baseline_percent))
            vkh_fields_fail(fields, run, "results", "too far from the baseline for a percentage");
}

static void read_divergence(struct vkh_fields *fields, const struct vkh_object *from,
                            struct vkh_ppl_kl *kl)
{
    enum { MOST = 1000000 };
    *kl = (struct vkh_ppl_kl){
        .mean = vkh_fields_real(fields, from, "mean", -MOST, MOST, false),
        .standard_error = vkh_fields_real(fields, from, "stderr", 0, MOST, false),
        .median = vkh_fields_real(fields, from, "median", -MOST, MOST, false),
        .p90 = vkh_fields_real(fields, from, "p90", -MOST, MOST, false),
        .p95 = vkh_fields_real(fields, from, "p95", -MOST, MOST, false),
        .p99 = vkh_fields_real(fields, from, "p99", -MOST, MOST, false),
        .maximum = vkh_fields_real(fields, from, "max", -MOST, MOST, false),
        .same_top = vkh_fields_real(fields, from, "same_top", 0, 1, false),
    };
}

void vkh_read_divergences(struct vkh_fields *fields, const struct vkh_object *run,
                          const struct vkh_names *methods, struct vkh_ppl_results *r)
{
    if (vkh_fields_is_null(run, "kl"))
        return;
    const uint64_t n = (uint64_t)r->n_methods * r->n_lengths;
    const struct vkh_object from = vkh_fields_object(fields, run, "kl");
    const json_t *array = vkh_fields_array(fields, &from, "results", n);
    r->kl_method = vkh_fields_string(fields, &from, "method", false);
    r->kl_model = vkh_fields_string(fields, &from, "model", true);
    r->kl_weight_type = vkh_fields_string(fields, &from, "weight_type", true);
    if ((r->kl_model != NULL) != (r->kl_weight_type != NULL))
        vkh_fields_fail(fields, &from, "weight_type", "not there where the model is");
    if (!r->kl_model && !r->block.shard.count &&
        vkh_names_find(methods, r->kl_method) == r->n_methods)
        vkh_fields_fail(fields, &from, "method", "not among the methods");
    if (r->n_texts != r->block.all_texts)
        vkh_fields_fail(fields, run, "kl", "of a part of the texts, which no run gives");
    if (fields->status == VKH_OK)
        r->kl = vkh_read_alloc(fields, n, sizeof(*r->kl));
    for (uint64_t i = 0; i < n && fields->status == VKH_OK; i++) {
        const struct vkh_object cell = vkh_fields_element(fields, &from, "results", array, i);
        check_name(fields, &cell, "method", r->methods[i / r->n_lengths]);
        check_length(fields, &cell, r->lengths[i % r->n_lengths]);
        read_divergence(fields, &cell, &r->kl[i]);
    }
}

static void read_sweep(struct vkh_fields *fields, const struct vkh_object *from,
                       const struct vkh_names *all, const struct vkh_ppl_results *r,
                       struct vkh_ppl_sweep *sweep)
{
    const json_t *names = vkh_fields_array(fields, from, "methods", SIZE_MAX);
    const size_t n = json_array_size(names);
    const json_t *numbers = vkh_fields_array(fields, from, "values", n);
    uint32_t *methods = vkh_read_alloc(fields, n, sizeof(*methods));
    double *values = vkh_read_alloc(fields, n, sizeof(*values));
    if (n > r->n_methods)
        vkh_fields_fail(fields, from, "methods", "more than there are");
    for (size_t i = 0; i < n && fields->status == VKH_OK; i++) {
        methods[i] = vkh_names_find(all, json_string_value(json_array_get(names, i)));
        values[i] = vkh_fields_number(fields, from, "values", numbers, i, -1e15, 1e15);
        if (methods[i] == r->n_methods)
            vkh_fields_fail(fields, from, "methods", "one is not among the methods");
    }
    *sweep = (struct vkh_ppl_sweep){
        .spec = vkh_fields_string(fields, from, "sweep", false),
        .parameter = vkh_fields_string(fields, from, "parameter", false),
        .n = (uint32_t)n,
        .methods = methods,
        .values = values,
        .best = vkh_read_alloc(fields, r->n_lengths, sizeof(*sweep->best)),
    };
    if (fields->status == VKH_OK)
        vkh_average_best(sweep, r->cells, r->n_lengths);
}

void vkh_read_sweeps(struct vkh_fields *fields, const struct vkh_object *run,
                     const struct vkh_names *methods, struct vkh_ppl_results *r)
{
    enum { MOST_SWEEPS = 1024 };
    const json_t *array = vkh_fields_array(fields, run, "sweeps", SIZE_MAX);
    const size_t n = json_array_size(array);
    if (n > MOST_SWEEPS)
        vkh_fields_fail(fields, run, "sweeps", "more than 1024");
    r->sweeps = vkh_read_alloc(fields, n, sizeof(*r->sweeps));
    for (size_t i = 0; i < n && fields->status == VKH_OK; i++) {
        const struct vkh_object from = vkh_fields_element(fields, run, "sweeps", array, i);
        read_sweep(fields, &from, methods, r, &r->sweeps[i]);
    }
    r->n_sweeps = (uint32_t)n;
}

// Their bounds.
static struct vkh_ppl_bucket *read_buckets(struct vkh_fields *fields, const struct vkh_object *from,
                                           uint32_t *n_buckets)
{
    enum { MOST_BUCKETS = 1 << 12, END = 2 * VKH_READ_MOST_TOKENS };
    const json_t *first = vkh_fields_array(fields, from, "first", SIZE_MAX);
    const size_t n = json_array_size(first);
    const json_t *end = vkh_fields_array(fields, from, "end", n);
    struct vkh_ppl_bucket *buckets = vkh_read_alloc(fields, n, sizeof(*buckets));
    if (n > MOST_BUCKETS)
        vkh_fields_fail(fields, from, "first", "too many buckets");
    for (size_t i = 0; i < n && fields->status == VKH_OK; i++) {
        const double least = i ? buckets[i - 1].end : 0;
        buckets[i].first =
            (uint32_t)vkh_fields_number(fields, from, "first", first, i, least, END - 1);
        buckets[i].end =
            (uint32_t)vkh_fields_number(fields, from, "end", end, i, buckets[i].first + 1.0, END);
    }
    *n_buckets = (uint32_t)n;
    return buckets;
}

// A text's parts in n buckets, of `most` tokens in all.
static void read_text_curve(struct vkh_fields *fields, const struct vkh_object *from, uint32_t n,
                            uint64_t most, struct vkh_ppl_text_cell *parts)
{
    const json_t *tokens = vkh_fields_array(fields, from, "tokens", n);
    const json_t *nll = vkh_fields_array(fields, from, "nll", n);
    const json_t *deviation = vkh_fields_array(fields, from, "deviation", n);
    uint64_t sum = 0;
    for (uint32_t i = 0; i < n && fields->status == VKH_OK; i++) {
        struct vkh_moments own = {0, 0.0, 0.0};
        own.n =
            (uint64_t)vkh_fields_number(fields, from, "tokens", tokens, i, 0, VKH_READ_MOST_TOKENS);
        if (own.n > 0) {
            own.mean = vkh_fields_number(fields, from, "nll", nll, i, -1e9, 1e9);
            own.deviation = vkh_fields_number(fields, from, "deviation", deviation, i, 0, 1e9);
        } else if (!json_is_null(json_array_get(nll, i)) ||
                   !json_is_null(json_array_get(deviation, i))) {
            vkh_fields_fail(fields, from, "nll", "a number, where no token is scored");
        }
        parts[i] = vkh_moments_part(own);
        sum += own.n;
    }
    if (sum > most)
        vkh_fields_fail(fields, from, "tokens", "more than are used of the text");
}

static struct vkh_ppl_text_cell *read_text_curves(struct vkh_fields *fields,
                                                  const struct vkh_object *from,
                                                  const struct vkh_ppl_results *r, uint32_t n)
{
    const uint64_t rows = (uint64_t)r->n_texts * r->n_methods; // of elements that were read
    const json_t *texts = vkh_fields_array(fields, from, "texts", rows);
    struct vkh_ppl_text_cell *parts =
        texts ? vkh_read_alloc(fields, rows, n * sizeof(*parts)) : NULL;
    for (uint64_t i = 0; i < rows && fields->status == VKH_OK; i++) {
        const struct vkh_object row = vkh_fields_element(fields, from, "texts", texts, i);
        check_name(fields, &row, "text", r->text_names[i / r->n_methods]);
        check_name(fields, &row, "method", r->methods[i % r->n_methods]);
        read_text_curve(fields, &row, n, r->text_used[i / r->n_methods], &parts[i * n]);
    }
    return parts;
}

static void check_follow(struct vkh_fields *fields, const struct vkh_object *row, const char *key,
                         const double *want, uint32_t n)
{
    const json_t *array = vkh_fields_array(fields, row, key, n);
    for (uint32_t i = 0; i < n && fields->status == VKH_OK; i++) {
        const double number = vkh_fields_number(fields, row, key, array, i, -1e9, 1e9);
        if (!(fabs(want[i] - number) <= 1e-9 * (1 + fabs(number))))
            vkh_fields_fail(fields, row, key, "does not follow from texts");
    }
}

// That a method's curve, and the tokens of all, are those that follow from the texts.
static void check_curve(struct vkh_fields *fields, const struct vkh_object *from,
                        const struct vkh_ppl_results *r, const struct vkh_ppl_curve *curve)
{
    const uint32_t n = curve->n_buckets;
    const json_t *tokens = vkh_fields_array(fields, from, "tokens", n);
    const json_t *methods = vkh_fields_array(fields, from, "methods", r->n_methods);
    for (uint32_t i = 0; i < n && fields->status == VKH_OK; i++)
        if ((uint64_t)vkh_fields_number(fields, from, "tokens", tokens, i, 1, VKH_READ_MOST) !=
            curve->buckets[i].tokens)
            vkh_fields_fail(fields, from, "tokens", "not the sum of the texts' tokens");
    for (uint32_t m = 0; m < r->n_methods && fields->status == VKH_OK; m++) {
        const struct vkh_object row = vkh_fields_element(fields, from, "methods", methods, m);
        check_name(fields, &row, "method", r->methods[m]);
        check_follow(fields, &row, "nll", &curve->nll[(uint64_t)m * n], n);
        check_follow(fields, &row, "stderr", &curve->standard_error[(uint64_t)m * n], n);
    }
}

static void read_curve(struct vkh_fields *fields, const struct vkh_object *from,
                       const struct vkh_ppl_results *r, struct vkh_ppl_curve *curve)
{
    uint32_t n;
    struct vkh_ppl_bucket *buckets = read_buckets(fields, from, &n);
    const struct vkh_ppl_text_cell *texts = read_text_curves(fields, from, r, n);
    double *nll = vkh_read_alloc(fields, r->n_methods, n * sizeof(*nll));
    double *error = vkh_read_alloc(fields, r->n_methods, n * sizeof(*error));
    if (fields->status != VKH_OK)
        return;
    if (!vkh_average_curve(texts, r->n_texts, r->n_methods, buckets, n, nll, error))
        vkh_fields_fail(fields, from, "texts", "not as many tokens for each method, or none");
    *curve = (struct vkh_ppl_curve){n, buckets, nll, error, texts};
    check_curve(fields, from, r, curve);
}

void vkh_read_curves(struct vkh_fields *fields, const struct vkh_object *run,
                     struct vkh_ppl_results *r)
{
    const json_t *array = vkh_fields_array(fields, run, "curves", VKH_CURVES);
    for (int i = 0; i < VKH_CURVES && fields->status == VKH_OK; i++) {
        const struct vkh_object from = vkh_fields_element(fields, run, "curves", array, (size_t)i);
        check_name(fields, &from, "scale", vkh_curve_scale_name(i));
        read_curve(fields, &from, r, &r->curves[i]);
    }
}
