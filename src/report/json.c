// SPDX-License-Identifier: MIT
#include <jansson.h>
#include <math.h>

#include "report/format.h"

static json_t *cell_object(const char *method, const struct vkh_ppl_cell *cell)
{
    json_t *gain =
        isnan(cell->vs_baseline_percent) ? json_null() : json_real(cell->vs_baseline_percent);
    return json_pack("{s:s, s:I, s:I, s:f, s:f, s:f, s:b, s:o, s:f, s:f}", // one value a key
                     "method", method,                                     //
                     "length", (json_int_t)cell->length,                   //
                     "tokens_scored", (json_int_t)cell->tokens_scored,     //
                     "nll", cell->nll,                                     //
                     "ppl", cell->ppl,                                     //
                     "stderr", cell->standard_error,                       //
                     "compression_active", (int)cell->compression_active,  //
                     "vs_baseline_percent", gain,                          //
                     "seconds", cell->seconds,                             //
                     "tokens_per_second", cell->tokens_per_second);
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
    return json_pack("{s:I, s:I, s:I, s:I, s:I, s:b}",               // one value a key
                     "weights", (json_int_t)memory->weights,         //
                     "kv", (json_int_t)memory->kv,                   //
                     "activations", (json_int_t)memory->activations, //
                     "peak", (json_int_t)memory->peak,               //
                     "device", (json_int_t)memory->device,           //
                     "fits", (int)memory->fits);
}

static json_t *results_object(const struct vkh_ppl_results *results)
{
    return json_pack(
        "{s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:I, s:b, s:I, s:I, s:f, s:f, s:f, "
        "s:I, s:o, s:o}",
        "version", VKH_VERSION,                                                   //
        "model", results->model,                                                  //
        "architecture", results->architecture,                                    //
        "weight_type", results->weight_type,                                      //
        "kv_type", results->memory.kv_type,                                       //
        "device", results->device,                                                //
        "driver", results->driver,                                                //
        "variants", results->variants,                                            //
        "regime", VKH_REPORT_REGIME,                                              //
        "original_max_len", (json_int_t)results->original_max_len,                //
        "original_max_len_from_model", (int)results->original_max_len_from_model, //
        "tokens_available", (json_int_t)results->tokens_available,                //
        "chunk", (json_int_t)results->chunk,                                      //
        "seconds", results->seconds,                                              //
        "device_seconds", results->device_seconds,                                //
        "longest_submit_seconds", results->longest_submit,                        //
        "device_tokens", (json_int_t)results->device_tokens,                      //
        "results", cell_array(results),                                           //
        "memory", memory_object(&results->memory));
}

enum vkh_status vkh_write_json(const struct vkh_ppl_results *results, struct vkh_arena *arena,
                               FILE *stream)
{
    (void)arena;
    json_t *object = results_object(results);
    if (!object)
        return VKH_ERR_MEMORY;
    const int failed = json_dumpf(object, stream, JSON_INDENT(2) | JSON_REAL_PRECISION(17));
    json_decref(object);
    fputc('\n', stream);
    return failed && !ferror(stream) ? VKH_ERR_MEMORY : VKH_OK;
}
