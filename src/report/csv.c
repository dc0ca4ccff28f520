// SPDX-License-Identifier: MIT
#include <math.h>
#include <string.h>

#include "report/format.h"

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

enum vkh_status vkh_write_csv(const struct vkh_ppl_results *results, struct vkh_arena *arena,
                              FILE *stream)
{
    (void)arena;
    fputs("method,length,tokens_scored,nll,ppl,stderr,compression_active,vs_baseline_percent,"
          "seconds,tokens_per_second\r\n",
          stream);
    for (uint32_t m = 0; m < results->n_methods; m++) {
        for (uint32_t l = 0; l < results->n_lengths; l++) {
            const struct vkh_ppl_cell *cell = vkh_results_cell(results, m, l);
            write_field(stream, results->methods[m]);
            fprintf(stream, ",%u,%llu,%.17g,%.17g,%.17g,%s,", cell->length,
                    (unsigned long long)cell->tokens_scored,
                    cell->nll, cell->ppl, cell->standard_error,
                    cell->compression_active ? "true" : "false");
            if (!isnan(cell->vs_baseline_percent))
                fprintf(stream, "%.17g", cell->vs_baseline_percent);
            fprintf(stream, ",%.17g,%.17g\r\n", cell->seconds, cell->tokens_per_second);
        }
    }
    return VKH_OK;
}
