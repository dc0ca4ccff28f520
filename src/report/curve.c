// SPDX-License-Identifier: MIT
#include <vkhrope/report.h>

#include "base/file.h"
#include "base/log.h"
#include "report/format.h"
#include "report/label.h"
#include "report/regime.h"

const char *vkh_curve_scale_name(int scale)
{
    static const char *const names[VKH_CURVES] = {
        [VKH_CURVE_LINEAR] = "linear", [VKH_CURVE_LOG] = "log"};
    return names[scale];
}

static void write_curve(FILE *stream, const struct vkh_ppl_results *results, int scale,
                        const char *regime, const char *label)
{
    const struct vkh_ppl_curve *curve = &results->curves[scale];
    for (uint32_t m = 0; m < results->n_methods; m++) {
        for (uint32_t b = 0; b < curve->n_buckets; b++) {
            const struct vkh_ppl_bucket *bucket = &curve->buckets[b];
            const uint64_t at = (uint64_t)m * curve->n_buckets + b;
            fprintf(stream, "%s\t%s\t%u\t%u\t%llu\t%.9g\t%.9g\t%s\t%s\n", results->methods[m],
                    vkh_curve_scale_name(scale), bucket->first, bucket->end,
                    (unsigned long long)bucket->tokens, curve->nll[at], curve->standard_error[at],
                    regime, label);
        }
    }
}

static enum vkh_status write_all(const struct vkh_ppl_results *results, const struct vkh_log *log,
                                 FILE *stream)
{
    struct vkh_writing writing;
    enum vkh_status status = vkh_writing_begin(results, log, &writing);
    if (status != VKH_OK)
        return status;
    const struct vkh_ppl_results *clean = &writing.results;
    fputs("method\tscale\tfirst\tend\ttokens\tnll\tstderr\tregime\ttable\n", stream);
    for (const struct vkh_ppl_results *r = clean; r && status == VKH_OK; r = r->next) {
        const char *regime = vkh_regime_name(&r->regime, &writing.arena);
        const char *label = vkh_label_make(clean, r, &writing.arena);
        if (!regime || !label)
            status = vkh_fail(log, VKH_ERR_MEMORY, "report: out of memory");
        for (int scale = 0; scale < VKH_CURVES && status == VKH_OK; scale++)
            write_curve(stream, r, scale, regime, label);
    }
    vkh_writing_end(&writing);
    return status;
}

enum vkh_status vkh_report_curve(const struct vkh_ppl_results *results, const char *path,
                                 const struct vkh_log *log)
{
    struct vkh_output output;
    const enum vkh_status status = vkh_output_open(path, log, &output);
    if (status != VKH_OK)
        return status;
    return vkh_output_end(&output, write_all(results, log, output.stream), log);
}
