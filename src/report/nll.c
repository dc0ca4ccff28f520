// SPDX-License-Identifier: MIT
#include <math.h>
#include <vkhrope/report.h>

#include "base/file.h"
#include "base/log.h"
#include "report/format.h"
#include "report/text.h"

// One text in one pass needs no columns for which text and how far into its window.
static bool is_simple(const struct vkh_ppl_results *results)
{
    return results->n_texts == 1 && results->regime.kind == VKH_REGIME_PREFIX;
}

// Nine significant digits give a float back exactly.
static enum vkh_status write_text(const struct vkh_ppl_results *results, uint32_t method,
                                  uint32_t text, const int32_t *ids, const struct vkh_log *log,
                                  FILE *stream)
{
    const uint64_t at = (uint64_t)text * results->n_methods + method;
    const float *nll = results->nll[at];
    const struct vkh_ppl_token_kl *kl = results->token_kl ? results->token_kl[at] : NULL;
    const uint32_t n = results->text_used[text];
    const char *name = results->methods[method];
    for (uint32_t t = 1; t < n; t++) {
        if (!vkh_ppl_regime_scores(&results->regime, t, n))
            continue;
        if (!isfinite(nll[t]) || (kl && !isfinite(kl[t].kl)))
            return vkh_fail(log, VKH_ERR_INTERNAL,
                            "report: a number of %s at position %u is not finite", name, t);
        fprintf(stream, "%s\t%u\t%d\t%.9g", name, t, ids[t], (double)nll[t]);
        if (!is_simple(results))
            fprintf(stream, "\t%s\t%u", results->text_names[text],
                    vkh_ppl_regime_context(&results->regime, t));
        if (kl)
            fprintf(stream, "\t%.9g\t%d", (double)kl[t].kl, !kl[t].top_differs);
        fputc('\n', stream);
    }
    return VKH_OK;
}

static enum vkh_status write_all(const struct vkh_ppl_results *results,
                                 const struct vkh_ppl_text *texts, const struct vkh_log *log,
                                 FILE *stream)
{
    struct vkh_writing writing;
    enum vkh_status status = vkh_writing_begin(results, log, &writing);
    if (status != VKH_OK)
        return status;
    const struct vkh_ppl_results *clean = &writing.results;
    fprintf(stream, "method\tposition\tid\tnll%s%s\n", is_simple(results) ? "" : "\ttext\tcontext",
            results->token_kl ? "\tkl\tsame_top" : "");
    for (uint32_t m = 0; status == VKH_OK && m < clean->n_methods; m++)
        for (uint32_t i = 0; status == VKH_OK && i < clean->n_texts; i++)
            status = write_text(clean, m, i, texts[clean->block.first_text + i].ids, log, stream);
    vkh_writing_end(&writing);
    return status;
}

enum vkh_status vkh_report_nll(const struct vkh_ppl_results *results,
                               const struct vkh_ppl_text *texts, const char *path,
                               const struct vkh_log *log)
{
    if (!results->nll)
        return vkh_fail(log, VKH_ERR_ARGUMENT, "%s: the run did not keep the NLL of its tokens",
                        path);
    struct vkh_output output;
    const enum vkh_status status = vkh_output_open(path, log, &output);
    if (status != VKH_OK)
        return status;
    return vkh_output_end(&output, write_all(results, texts, log, output.stream), log);
}
