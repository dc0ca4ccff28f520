// SPDX-License-Identifier: MIT
#include <math.h>
#include <string.h>

#include "base/size.h"
#include "report/format.h"
#include "report/label.h"
#include "report/regime.h"

// RFC 4180: quoted where it must be, quotes doubled.
static void write_field(FILE *stream, const char *text)
{
    if (!strpbrk(text, "\",\r\n")) {
        fputs(text, stream);
        return;
    }
    fputc('"', stream);
    for (; *text; text++) {
        if (*text == '"')
            fputc('"', stream);
        fputc(*text, stream);
    }
    fputc('"', stream);
}

// Empty where there is none.
static void write_number(FILE *stream, double number)
{
    if (!isnan(number))
        fprintf(stream, "%.17g", number);
}

// The divergence of a cell, and what from; all empty without a comparison.
static void write_divergence(FILE *stream, const struct vkh_ppl_results *results, uint64_t cell)
{
    if (!results->kl_method) {
        fputs(",,,,,,,,,,", stream);
        return;
    }
    const struct vkh_ppl_kl *kl = &results->kl[cell];
    fprintf(stream, ",%.17g,%.17g,%.17g,%.17g,%.17g,%.17g,%.17g,%.17g,", kl->mean,
            kl->standard_error, kl->median, kl->p90, kl->p95, kl->p99, kl->maximum, kl->same_top);
    write_field(stream, results->kl_method);
    fputc(',', stream);
    write_field(stream, results->kl_model ? results->kl_model : "");
}

// What tells its rows from those of other runs.
static void write_origin(FILE *stream, const struct vkh_ppl_results *results, const char *device,
                         const char *label)
{
    const char *const fields[] = {results->model, results->weight_type, results->memory.kv_type,
                                  device, label};
    fprintf(stream, ",%u", results->original_max_len);
    for (size_t i = 0; i < VKH_COUNTOF(fields); i++) {
        fputc(',', stream);
        write_field(stream, fields[i]);
    }
    fputs("\r\n", stream);
}

static enum vkh_status write_rows(const struct vkh_ppl_results *results, const char *label,
                                  struct vkh_arena *arena, FILE *stream)
{
    const char *regime = vkh_regime_name(&results->regime, arena);
    if (!regime || !label)
        return VKH_ERR_MEMORY;
    for (uint32_t m = 0; m < results->n_methods; m++) {
        for (uint32_t l = 0; l < results->n_lengths; l++) {
            const struct vkh_ppl_cell *cell = vkh_results_cell(results, m, l);
            write_field(stream, results->methods[m]);
            fprintf(stream, ",%u,%llu,%.17g,%.17g,%.17g,%s,", cell->length,
                    (unsigned long long)cell->tokens_scored, cell->nll, cell->ppl,
                    cell->standard_error, cell->compression_active ? "true" : "false");
            write_number(stream, cell->vs_baseline_percent);
            fprintf(stream, ",%.17g,%.17g,%u,", cell->seconds, cell->tokens_per_second,
                    cell->texts);
            write_number(stream, cell->text_error);
            fprintf(stream, ",%.17g,", cell->macro_ppl);
            write_number(stream, cell->macro_error);
            write_divergence(stream, results, (uint64_t)m * results->n_lengths + l);
            fprintf(stream, ",%s", regime);
            write_origin(stream, results, results->method_details[m].device, label);
        }
    }
    return VKH_OK;
}

enum vkh_status vkh_write_csv(const struct vkh_ppl_results *results, struct vkh_arena *arena,
                              FILE *stream)
{
    fputs("method,length,tokens_scored,nll,ppl,stderr,compression_active,vs_baseline_percent,"
          "seconds,tokens_per_second,texts,text_stderr,macro_ppl,macro_stderr,kl_mean,kl_stderr,"
          "kl_median,kl_p90,kl_p95,kl_p99,kl_max,same_top,kl_method,kl_model,regime,"
          "original_max_len,model,weight_type,kv_type,device,table\r\n",
          stream);
    enum vkh_status status = VKH_OK;
    for (const struct vkh_ppl_results *r = results; r && status == VKH_OK; r = r->next)
        status = write_rows(r, vkh_label_make(results, r, arena), arena, stream);
    return status;
}
