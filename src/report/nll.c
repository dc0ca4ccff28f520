// SPDX-License-Identifier: MIT
#include <math.h>
#include <vkhrope/report.h>

#include "base/file.h"
#include "base/log.h"
#include "report/format.h"
#include "report/text.h"

// Nine significant digits give a float back exactly.
static enum vkh_status write_method(const char *method, const float *nll, uint32_t n,
                                    const int32_t *ids, const struct vkh_log *log, FILE *stream)
{
    for (uint32_t t = 1; t < n; t++) {
        if (!isfinite(nll[t]))
            return vkh_fail(log, VKH_ERR_INTERNAL,
                            "report: the NLL of %s at position %u is not a finite number", method,
                            t);
        fprintf(stream, "%s\t%u\t%d\t%.9g\n", method, t, ids[t], (double)nll[t]);
    }
    return VKH_OK;
}

static enum vkh_status write_all(const struct vkh_ppl_results *results, const int32_t *ids,
                                 const struct vkh_log *log, FILE *stream)
{
    struct vkh_c_locale locale;
    enum vkh_status status = vkh_c_locale_enter(&locale, log);
    if (status != VKH_OK)
        return status;
    struct vkh_arena arena = {0};
    struct vkh_ppl_results clean;
    status = vkh_results_prepare(results, &arena, log, &clean);
    const uint32_t n = results->n_lengths > 0 ? results->lengths[results->n_lengths - 1] : 0;
    fputs("method\tposition\tid\tnll\n", stream);
    for (uint32_t m = 0; status == VKH_OK && m < clean.n_methods; m++)
        status = write_method(clean.methods[m], clean.nll[m], n, ids, log, stream);
    vkh_arena_fini(&arena);
    vkh_c_locale_leave(&locale);
    return status;
}

enum vkh_status vkh_report_nll(const struct vkh_ppl_results *results, const int32_t *ids,
                               const char *path, const struct vkh_log *log)
{
    if (!results->nll)
        return vkh_fail(log, VKH_ERR_ARGUMENT, "%s: the run did not keep the NLL of its tokens",
                        path);
    struct vkh_output output;
    enum vkh_status status = vkh_output_open(path, log, &output);
    if (status != VKH_OK)
        return status;
    status = write_all(results, ids, log, output.stream);
    if (status == VKH_OK)
        return vkh_output_commit(&output, log);
    vkh_output_discard(&output);
    return status;
}
