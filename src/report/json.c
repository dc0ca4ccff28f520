// SPDX-License-Identifier: MIT
#include <jansson.h>

#include "report/format.h"
#include "report/json_parts.h"
#include "report/regime.h"

static json_t *cell_object(const char *method, const struct vkh_ppl_cell *cell)
{
    return json_pack("{s:s, s:I, s:I, s:f, s:f, s:f, s:b, s:o, s:f, s:f, s:I, s:o, s:f, s:f, s:o}",
                     "method", method,                                                //
                     "length", (json_int_t)cell->length,                              //
                     "tokens_scored", (json_int_t)cell->tokens_scored,                //
                     "nll", cell->nll,                                                //
                     "ppl", cell->ppl,                                                //
                     "stderr", cell->standard_error,                                  //
                     "compression_active", (int)cell->compression_active,             //
                     "vs_baseline_percent", vkh_json_real(cell->vs_baseline_percent), //
                     "seconds", cell->seconds,                                        //
                     "tokens_per_second", cell->tokens_per_second,                    //
                     "texts", (json_int_t)cell->texts,                                //
                     "text_stderr", vkh_json_real(cell->text_error),                  //
                     "macro_nll", cell->macro_nll,                                    //
                     "macro_ppl", cell->macro_ppl,                                    //
                     "macro_stderr", vkh_json_real(cell->macro_error));
}

static json_t *cell_array(const struct vkh_ppl_results *results)
{
    json_t *array = json_array();
    for (uint32_t m = 0; m < results->n_methods; m++) {
        for (uint32_t l = 0; l < results->n_lengths; l++) {
            // append_new releases the array's new element also when it fails
            if (json_array_append_new(
                    array, cell_object(results->methods[m], vkh_results_cell(results, m, l)))) {
                json_decref(array);
                return NULL;
            }
        }
    }
    return array;
}

static json_t *memory_object(const struct vkh_ppl_memory *memory)
{
    return json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:b, s:s, s:I}", // one value a key
                     "weights", (json_int_t)memory->weights,          //
                     "kv", (json_int_t)memory->kv,                    //
                     "activations", (json_int_t)memory->activations,  //
                     "peak", (json_int_t)memory->peak,                //
                     "device", (json_int_t)memory->device,            //
                     "limit", (json_int_t)memory->limit,              //
                     "fits", (int)memory->fits,                       //
                     "walk", vkh_ppl_walk_name(memory->walk),         //
                     "batches", (json_int_t)memory->batches);
}

static json_t *results_object(const struct vkh_ppl_results *results, const char *regime)
{
    return json_pack(
        "{s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:o, s:o, s:o, s:I, s:b, s:s, s:I, s:I, "
        "s:f, s:f, s:f, s:I, s:I, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o}",
        "version", VKH_VERSION,                                                   //
        "model", results->model,                                                  //
        "architecture", results->architecture,                                    //
        "weight_type", results->weight_type,                                      //
        "kv_type", results->memory.kv_type,                                       //
        "device", results->device,                                                //
        "driver", results->driver,                                                //
        "variants", results->variants,                                            //
        "regime", regime,                                                         //
        "window", vkh_json_window(&results->regime),                              //
        "stride", vkh_json_stride(&results->regime),                              //
        "bos", vkh_json_bos(&results->regime),                                    //
        "original_max_len", (json_int_t)results->original_max_len,                //
        "original_max_len_from_model", (int)results->original_max_len_from_model, //
        "own_scaling", results->own_scaling,                                      //
        "tokens_available", (json_int_t)results->tokens_available,                //
        "chunk", (json_int_t)results->chunk,                                      //
        "seconds", results->seconds,                                              //
        "device_seconds", results->device_seconds,                                //
        "longest_submit_seconds", results->longest_submit,                        //
        "device_tokens", (json_int_t)results->device_tokens,                      //
        "devices", (json_int_t)results->n_devices,                                //
        "shard", vkh_json_shard(&results->block),                                 //
        "methods", vkh_json_methods(results),                                     //
        "texts", vkh_json_texts(results),                                         //
        "results", cell_array(results),                                           //
        "text_results", vkh_json_text_results(results),                           //
        "sweeps", vkh_json_sweeps(results),                                       //
        "kl", vkh_json_kl(results),                                               //
        "curves", vkh_json_curves(results),                                       //
        "memory", memory_object(&results->memory));
}

// An object, or an array of them.
static json_t *report_value(const struct vkh_ppl_results *results, struct vkh_arena *arena)
{
    json_t *array = results->next ? json_array() : NULL;
    for (const struct vkh_ppl_results *r = results; r; r = r->next) {
        const char *regime = vkh_regime_text(&r->regime, arena);
        json_t *object = regime ? results_object(r, regime) : NULL;
        if (!results->next)
            return object;
        if (json_array_append_new(array, object) != 0) {
            json_decref(array);
            return NULL;
        }
    }
    return array;
}

enum vkh_status vkh_write_json(const struct vkh_ppl_results *results, struct vkh_arena *arena,
                               FILE *stream)
{
    json_t *value = report_value(results, arena);
    if (!value)
        return VKH_ERR_MEMORY;
    const int failed = json_dumpf(value, stream, JSON_INDENT(2) | JSON_REAL_PRECISION(17));
    json_decref(value);
    fputc('\n', stream);
    return failed && !ferror(stream) ? VKH_ERR_MEMORY : VKH_OK;
}
