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

static uint32_t find_method(const struct vkh_ppl_results *r, const char *name)
{
    uint32_t at = 0;
    while (at < r->n_methods && (!name || strcmp(r->methods[at], name) != 0))
        at++;
    return at;
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
                          struct vkh_ppl_results *r)
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
    if (!r->kl_model && !r->block.shard.count && find_method(r, r->kl_method) == r->n_methods)
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
                       const struct vkh_ppl_results *r, struct vkh_ppl_sweep *sweep)
{
    const json_t *names = vkh_fields_array(fields, from, "methods", SIZE_MAX);
    const size_t n = json_array_size(names);
    const json_t *numbers = vkh_fields_array(fields, from, "values", n);
    uint32_t *methods = vkh_read_alloc(fields, n, sizeof(*methods));
    double *values = vkh_read_alloc(fields, n, sizeof(*values));
    if (n > r->n_methods)
        vkh_fields_fail(fields, from, "methods", "more than there are");
    for (size_t i = 0; i < n && fields->status == VKH_OK; i++) {
        methods[i] = find_method(r, json_string_value(json_array_get(names, i)));
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
                     struct vkh_ppl_results *r)
{
    const json_t *array = vkh_fields_array(fields, run, "sweeps", SIZE_MAX);
    const size_t n = json_array_size(array);
    r->sweeps = vkh_read_alloc(fields, n, sizeof(*r->sweeps));
    for (size_t i = 0; i < n && fields->status == VKH_OK; i++) {
        const struct vkh_object from = vkh_fields_element(fields, run, "sweeps", array, i);
        read_sweep(fields, &from, r, &r->sweeps[i]);
    }
    r->n_sweeps = (uint32_t)n;
}

static void read_buckets(struct vkh_fields *fields, const struct vkh_object *from,
                         struct vkh_ppl_curve *curve)
{
    enum { MOST_BUCKETS = 1 << 12, END = 2 * VKH_READ_MOST_TOKENS };
    const json_t *first = vkh_fields_array(fields, from, "first", SIZE_MAX);
    const size_t n = json_array_size(first);
    const json_t *end = vkh_fields_array(fields, from, "end", n);
    const json_t *tokens = vkh_fields_array(fields, from, "tokens", n);
    struct vkh_ppl_bucket *buckets = vkh_read_alloc(fields, n, sizeof(*buckets));
    if (n > MOST_BUCKETS)
        vkh_fields_fail(fields, from, "first", "too many buckets");
    for (size_t i = 0; i < n && fields->status == VKH_OK; i++) {
        const double least = i ? buckets[i - 1].end : 0;
        buckets[i].first =
            (uint32_t)vkh_fields_number(fields, from, "first", first, i, least, END - 1);
        buckets[i].end =
            (uint32_t)vkh_fields_number(fields, from, "end", end, i, buckets[i].first + 1.0, END);
        buckets[i].tokens =
            (uint64_t)vkh_fields_number(fields, from, "tokens", tokens, i, 1, VKH_READ_MOST);
    }
    curve->buckets = buckets;
    curve->n_buckets = (uint32_t)n;
}

static void read_curve(struct vkh_fields *fields, const struct vkh_object *from,
                       const struct vkh_ppl_results *r, struct vkh_ppl_curve *curve)
{
    const json_t *methods = vkh_fields_array(fields, from, "methods", r->n_methods);
    read_buckets(fields, from, curve);
    const uint32_t n = curve->n_buckets;
    double *nll = vkh_read_alloc(fields, r->n_methods, n * sizeof(*nll));
    double *error = vkh_read_alloc(fields, r->n_methods, n * sizeof(*error));
    for (uint32_t m = 0; m < r->n_methods && fields->status == VKH_OK; m++) {
        const struct vkh_object row = vkh_fields_element(fields, from, "methods", methods, m);
        const json_t *means = vkh_fields_array(fields, &row, "nll", n);
        const json_t *errors = vkh_fields_array(fields, &row, "stderr", n);
        check_name(fields, &row, "method", r->methods[m]);
        for (uint32_t i = 0; i < n && fields->status == VKH_OK; i++) {
            const uint64_t at = (uint64_t)m * n + i;
            nll[at] = vkh_fields_number(fields, &row, "nll", means, i, -1e9, 1e9);
            error[at] = vkh_fields_number(fields, &row, "stderr", errors, i, 0, 1e9);
        }
    }
    curve->nll = nll;
    curve->standard_error = error;
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
