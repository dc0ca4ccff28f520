// SPDX-License-Identifier: MIT
#include "report/json_parts.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>

#include "report/format.h"

json_t *vkh_json_real(double number)
{
    return isnan(number) ? json_null() : json_real(number);
}

json_t *vkh_json_window(const struct vkh_ppl_regime *regime)
{
    return regime->kind == VKH_REGIME_PREFIX ? json_null() : json_integer(regime->window);
}

json_t *vkh_json_stride(const struct vkh_ppl_regime *regime)
{
    return regime->kind == VKH_REGIME_WINDOW ? json_integer(regime->stride) : json_null();
}

json_t *vkh_json_bos(const struct vkh_ppl_regime *regime)
{
    return regime->has_bos ? json_integer(regime->bos) : json_null();
}

json_t *vkh_json_shard(const struct vkh_ppl_block *block)
{
    if (!block->shard.count)
        return json_null();
    return json_pack("{s:I, s:I, s:I, s:I, s:I, s:I}",                //
                     "index", (json_int_t)block->shard.index,         //
                     "count", (json_int_t)block->shard.count,         //
                     "first_text", (json_int_t)block->first_text,     //
                     "all_texts", (json_int_t)block->all_texts,       //
                     "first_method", (json_int_t)block->first_method, //
                     "all_methods", (json_int_t)block->all_methods);
}

// Appends and releases; what could not be made or appended leaves the array at NULL.
static void push(json_t **array, json_t *item)
{
    if (!*array || !item || json_array_append_new(*array, item) != 0) {
        if (!*array)
            json_decref(item);
        json_decref(*array);
        *array = NULL;
    }
}

json_t *vkh_json_methods(const struct vkh_ppl_results *results)
{
    json_t *array = json_array();
    for (uint32_t m = 0; m < results->n_methods; m++) {
        const struct vkh_ppl_method *details = &results->method_details[m];
        push(&array, json_pack("{s:s, s:s, s:I, s:s?, s:s}",          // one value a key
                               "method", results->methods[m],         //
                               "applied", details->applied,           //
                               "passes", (json_int_t)details->passes, //
                               "why", details->why,                   //
                               "device", details->device));
    }
    return array;
}

json_t *vkh_json_texts(const struct vkh_ppl_results *results)
{
    json_t *array = json_array();
    for (uint32_t i = 0; i < results->n_texts; i++) {
        char digest[VKH_DIGEST_TEXT];
        snprintf(digest, sizeof(digest), "%016" PRIx64, results->text_digests[i]);
        push(&array, json_pack("{s:s, s:I, s:I, s:s}",                        // one value a key
                               "name", results->text_names[i],                //
                               "tokens", (json_int_t)results->text_tokens[i], //
                               "used", (json_int_t)results->text_used[i],     //
                               "digest", digest));
    }
    return array;
}

static json_t *text_result(const struct vkh_ppl_results *results, uint32_t text, uint32_t method,
                           uint32_t length)
{
    const uint64_t row = (uint64_t)text * results->n_methods + method;
    const struct vkh_ppl_text_cell *cell = &results->text_cells[row * results->n_lengths + length];
    return json_pack("{s:s, s:s, s:I, s:I, s:o, s:o, s:o}",            // one value a key
                     "text", results->text_names[text],                //
                     "method", results->methods[method],               //
                     "length", (json_int_t)results->lengths[length],   //
                     "tokens_scored", (json_int_t)cell->tokens_scored, //
                     "nll", vkh_json_real(cell->nll),                  //
                     "ppl", vkh_json_real(cell->ppl),                  //
                     "deviation", vkh_json_real(cell->deviation));
}

json_t *vkh_json_text_results(const struct vkh_ppl_results *results)
{
    json_t *array = json_array();
    for (uint32_t i = 0; i < results->n_texts; i++)
        for (uint32_t m = 0; m < results->n_methods; m++)
            for (uint32_t l = 0; l < results->n_lengths; l++)
                push(&array, text_result(results, i, m, l));
    return array;
}

static json_t *best_object(const struct vkh_ppl_results *results, const struct vkh_ppl_sweep *sweep,
                           uint32_t length)
{
    const json_int_t n = results->lengths[length];
    const uint32_t best = sweep->best[length];
    if (best == UINT32_MAX)
        return json_pack("{s:I, s:n, s:n, s:n}", "length", n, "value", "method", "ppl");
    const uint32_t method = sweep->methods[best];
    return json_pack("{s:I, s:f, s:s, s:f}",             // one value a key
                     "length", n,                        //
                     "value", sweep->values[best],       //
                     "method", results->methods[method], //
                     "ppl", vkh_results_cell(results, method, length)->ppl);
}

json_t *vkh_json_sweeps(const struct vkh_ppl_results *results)
{
    json_t *array = json_array();
    for (uint32_t s = 0; s < results->n_sweeps; s++) {
        const struct vkh_ppl_sweep *sweep = &results->sweeps[s];
        json_t *methods = json_array(), *values = json_array(), *best = json_array();
        for (uint32_t i = 0; i < sweep->n; i++) {
            push(&methods, json_string(results->methods[sweep->methods[i]]));
            push(&values, json_real(sweep->values[i]));
        }
        for (uint32_t l = 0; l < results->n_lengths; l++)
            push(&best, best_object(results, sweep, l));
        push(&array, json_pack("{s:s, s:s, s:o, s:o, s:o}",   // one value a key
                               "sweep", sweep->spec,          //
                               "parameter", sweep->parameter, //
                               "methods", methods,            //
                               "values", values,              //
                               "best", best));
    }
    return array;
}

static json_t *kl_object(const char *method, uint32_t length, const struct vkh_ppl_kl *kl)
{
    return json_pack("{s:s, s:I, s:f, s:f, s:f, s:f, s:f, s:f, s:f, s:f}", // one value a key
                     "method", method,                                     //
                     "length", (json_int_t)length,                         //
                     "mean", kl->mean,                                     //
                     "stderr", kl->standard_error,                         //
                     "median", kl->median,                                 //
                     "p90", kl->p90,                                       //
                     "p95", kl->p95,                                       //
                     "p99", kl->p99,                                       //
                     "max", kl->maximum,                                   //
                     "same_top", kl->same_top);
}

json_t *vkh_json_kl(const struct vkh_ppl_results *results)
{
    if (!results->kl_method)
        return json_null();
    json_t *array = json_array();
    for (uint32_t m = 0; m < results->n_methods; m++)
        for (uint32_t l = 0; l < results->n_lengths; l++)
            push(&array, kl_object(results->methods[m], results->lengths[l],
                                   &results->kl[(uint64_t)m * results->n_lengths + l]));
    return json_pack("{s:s, s:s, s:s?, s:s?, s:o}", // one value a key
                     "definition",
                     "KL(P||Q) = sum P ln(P/Q) of the next token in nats a scored "
                     "token, P of the method named here, Q of each result's",
                     "method", results->kl_method,           //
                     "model", results->kl_model,             //
                     "weight_type", results->kl_weight_type, //
                     "results", array);
}

static json_t *numbers(const double *values, uint32_t n)
{
    json_t *array = json_array();
    for (uint32_t i = 0; i < n; i++)
        push(&array, json_real(values[i]));
    return array;
}

// A text's parts in the buckets of a method, which are a row of curve->texts.
static json_t *text_curve(const char *text, const char *method, const struct vkh_ppl_curve *curve,
                          uint64_t row)
{
    json_t *tokens = json_array(), *nll = json_array(), *deviation = json_array();
    for (uint32_t b = 0; b < curve->n_buckets; b++) {
        const struct vkh_ppl_text_cell *part = &curve->texts[row * curve->n_buckets + b];
        push(&tokens, json_integer(part->tokens_scored));
        push(&nll, vkh_json_real(part->nll));
        push(&deviation, vkh_json_real(part->deviation));
    }
    return json_pack("{s:s, s:s, s:o, s:o, s:o}", // one value a key
                     "text", text,                //
                     "method", method,            //
                     "tokens", tokens,            //
                     "nll", nll,                  //
                     "deviation", deviation);
}

static json_t *curve_object(const struct vkh_ppl_results *results, const char *scale,
                            const struct vkh_ppl_curve *curve)
{
    const uint32_t n = curve->n_buckets;
    json_t *first = json_array(), *end = json_array(), *tokens = json_array();
    json_t *methods = json_array(), *texts = json_array();
    for (uint32_t b = 0; b < n; b++) {
        push(&first, json_integer(curve->buckets[b].first));
        push(&end, json_integer(curve->buckets[b].end));
        push(&tokens, json_integer((json_int_t)curve->buckets[b].tokens));
    }
    for (uint32_t m = 0; m < results->n_methods; m++) {
        const uint64_t row = (uint64_t)m * n;
        push(&methods, json_pack("{s:s, s:o, s:o}",                   // one value a key
                                 "method", results->methods[m],       //
                                 "nll", numbers(curve->nll + row, n), //
                                 "stderr", numbers(curve->standard_error + row, n)));
    }
    for (uint32_t t = 0; t < results->n_texts; t++)
        for (uint32_t m = 0; m < results->n_methods; m++)
            push(&texts, text_curve(results->text_names[t], results->methods[m], curve,
                                    (uint64_t)t * results->n_methods + m));
    return json_pack("{s:s, s:o, s:o, s:o, s:o, s:o}", // one value a key
                     "scale", scale,                   //
                     "first", first,                   //
                     "end", end,                       //
                     "tokens", tokens,                 //
                     "methods", methods,               //
                     "texts", texts);
}

json_t *vkh_json_curves(const struct vkh_ppl_results *results)
{
    json_t *array = json_array();
    for (int i = 0; i < VKH_CURVES; i++)
        push(&array, curve_object(results, vkh_curve_scale_name(i), &results->curves[i]));
    return array;
}
