// SPDX-License-Identifier: MIT
#include <vkhrope/report.h>

#include <errno.h>
#include <math.h>
#include <string.h>

#include "base/file.h"
#include "base/log.h"
#include "base/size.h"
#include "report/format.h"
#include "report/text.h"

static const struct {
    const char *name;
    enum vkh_status (*write)(const struct vkh_ppl_results *, struct vkh_arena *, FILE *);
} formats[] = {
    [VKH_REPORT_TABLE] = {"table", vkh_write_table},
    [VKH_REPORT_MARKDOWN] = {"markdown", vkh_write_markdown},
    [VKH_REPORT_CSV] = {"csv", vkh_write_csv},
    [VKH_REPORT_JSON] = {"json", vkh_write_json},
    [VKH_REPORT_HTML] = {"html", vkh_write_html},
};

bool vkh_report_format_from_name(const char *name, enum vkh_report_format *format)
{
    for (size_t i = 0; i < VKH_COUNTOF(formats); i++) {
        if (strcmp(name, formats[i].name) == 0) {
            *format = (enum vkh_report_format)i;
            return true;
        }
    }
    return false;
}

enum vkh_status vkh_c_locale_enter(struct vkh_c_locale *scope, const struct vkh_log *log)
{
    *scope = (struct vkh_c_locale){.c = newlocale(LC_ALL_MASK, "C", (locale_t)0)};
    if (!scope->c)
        return vkh_fail(log, VKH_ERR_MEMORY, "report: cannot make the C locale");
    scope->before = uselocale(scope->c);
    return VKH_OK;
}

void vkh_c_locale_leave(struct vkh_c_locale *scope)
{
    uselocale(scope->before);
    freelocale(scope->c);
}

bool vkh_results_is_baseline(const struct vkh_ppl_results *results, uint32_t method)
{
    return strcmp(results->methods[method], "baseline") == 0;
}

bool vkh_results_has_baseline(const struct vkh_ppl_results *results)
{
    bool has = false;
    for (uint32_t m = 0; m < results->n_methods; m++)
        has |= vkh_results_is_baseline(results, m);
    return has;
}

static bool cell_is_finite(const struct vkh_ppl_cell *cell)
{
    return isfinite(cell->nll) && isfinite(cell->ppl) && cell->ppl > 0 &&
           isfinite(cell->standard_error) && !isinf(cell->vs_baseline_percent) &&
           isfinite(cell->macro_ppl) && !isinf(cell->macro_error) && !isinf(cell->text_error) &&
           isfinite(cell->seconds) && isfinite(cell->tokens_per_second);
}

static bool kl_is_finite(const struct vkh_ppl_kl *kl)
{
    return isfinite(kl->mean) && isfinite(kl->standard_error) && isfinite(kl->median) &&
           isfinite(kl->p90) && isfinite(kl->p95) && isfinite(kl->p99) && isfinite(kl->maximum) &&
           isfinite(kl->same_top);
}

static enum vkh_status check(const struct vkh_ppl_results *results, const struct vkh_log *log)
{
    for (uint32_t m = 0; m < results->n_methods; m++)
        for (uint32_t l = 0; l < results->n_lengths; l++)
            if (!cell_is_finite(vkh_results_cell(results, m, l)))
                return vkh_fail(log, VKH_ERR_INTERNAL,
                                "report: the result of %s at length %u is not a finite number",
                                results->methods[m], results->lengths[l]);
    for (uint64_t i = 0;
         results->kl_method && i < (uint64_t)results->n_methods * results->n_lengths; i++)
        if (!kl_is_finite(&results->kl[i]))
            return vkh_fail(log, VKH_ERR_INTERNAL,
                            "report: the KL divergence of %s at length %u is not a finite number",
                            results->methods[i / results->n_lengths],
                            results->lengths[i % results->n_lengths]);
    const struct vkh_ppl_memory *memory = &results->memory;
    const uint64_t sizes[] = {memory->weights,       memory->kv,     memory->activations,
                              memory->peak,          memory->device, results->tokens_available,
                              results->device_tokens};
    for (size_t i = 0; i < VKH_COUNTOF(sizes); i++)
        if (sizes[i] > INT64_MAX)
            return vkh_fail(log, VKH_ERR_INTERNAL, "report: a size of %llu is not possible",
                            (unsigned long long)sizes[i]);
    if (!isfinite(results->seconds) || !isfinite(results->device_seconds) ||
        !isfinite(results->longest_submit))
        return vkh_fail(log, VKH_ERR_INTERNAL, "report: a time is not a finite number");
    return VKH_OK;
}

// Copies of `n` strings, each safe to print; NULL when out of memory.
static const char **clean_all(struct vkh_arena *arena, const char *const *strings, uint32_t n)
{
    const char **clean = vkh_arena_alloc(arena, n, sizeof(*clean));
    for (uint32_t i = 0; i < n && clean; i++)
        if (!(clean[i] = vkh_text_clean(arena, strings[i])))
            return NULL;
    return clean;
}

static bool clean_sweeps(struct vkh_ppl_results *clean, struct vkh_arena *arena)
{
    struct vkh_ppl_sweep *sweeps = vkh_arena_alloc(arena, clean->n_sweeps, sizeof(*sweeps));
    bool good = sweeps != NULL;
    for (uint32_t i = 0; i < clean->n_sweeps && good; i++) {
        sweeps[i] = clean->sweeps[i];
        sweeps[i].spec = vkh_text_clean(arena, clean->sweeps[i].spec);
        sweeps[i].parameter = vkh_text_clean(arena, clean->sweeps[i].parameter);
        good = sweeps[i].spec && sweeps[i].parameter;
    }
    clean->sweeps = sweeps;
    return good;
}

static bool clean_details(struct vkh_ppl_results *clean, struct vkh_arena *arena)
{
    struct vkh_ppl_method *details = vkh_arena_alloc(arena, clean->n_methods, sizeof(*details));
    bool good = details != NULL;
    for (uint32_t i = 0; i < clean->n_methods && good; i++) {
        details[i] = clean->method_details[i];
        details[i].applied = vkh_text_clean(arena, details[i].applied);
        details[i].device = vkh_text_clean(arena, details[i].device);
        if (details[i].why)
            details[i].why = vkh_text_clean(arena, details[i].why);
        good = details[i].applied && details[i].device &&
               (details[i].why != NULL) == (clean->method_details[i].why != NULL);
    }
    clean->method_details = details;
    return good;
}

static enum vkh_status prepare_one(const struct vkh_ppl_results *results, struct vkh_arena *arena,
                                   const struct vkh_log *log, struct vkh_ppl_results *clean)
{
    const enum vkh_status status = check(results, log);
    if (status != VKH_OK)
        return status;
    *clean = *results;
    const char **strings[] = {&clean->model,       &clean->architecture,  &clean->weight_type,
                              &clean->device,      &clean->driver,        &clean->variants,
                              &clean->own_scaling, &clean->memory.kv_type};
    const char **maybe[] = {&clean->kl_method, &clean->kl_model, &clean->kl_weight_type};
    bool good = true;
    for (size_t i = 0; i < VKH_COUNTOF(strings); i++)
        good &= (*strings[i] = vkh_text_clean(arena, *strings[i])) != NULL;
    for (size_t i = 0; i < VKH_COUNTOF(maybe); i++)
        good &= !*maybe[i] || (*maybe[i] = vkh_text_clean(arena, *maybe[i])) != NULL;
    clean->methods = clean_all(arena, results->methods, results->n_methods);
    clean->text_names = clean_all(arena, results->text_names, results->n_texts);
    good = good && clean->methods && clean->text_names && clean_sweeps(clean, arena) &&
           clean_details(clean, arena);
    return good ? VKH_OK : vkh_fail(log, VKH_ERR_MEMORY, "report: out of memory");
}

static enum vkh_status prepare(const struct vkh_ppl_results *results, struct vkh_arena *arena,
                               const struct vkh_log *log, struct vkh_ppl_results *clean)
{
    enum vkh_status status = prepare_one(results, arena, log, clean);
    while (status == VKH_OK && clean->next) {
        struct vkh_ppl_results *next = vkh_arena_alloc(arena, 1, sizeof(*next));
        if (!next)
            return vkh_fail(log, VKH_ERR_MEMORY, "report: out of memory");
        status = prepare_one(clean->next, arena, log, next);
        clean->next = next;
        clean = next;
    }
    return status;
}

enum vkh_status vkh_writing_begin(const struct vkh_ppl_results *results, const struct vkh_log *log,
                                  struct vkh_writing *writing)
{
    *writing = (struct vkh_writing){0};
    enum vkh_status status = vkh_c_locale_enter(&writing->locale, log);
    if (status != VKH_OK)
        return status;
    status = prepare(results, &writing->arena, log, &writing->results);
    if (status != VKH_OK)
        vkh_writing_end(writing);
    return status;
}

void vkh_writing_end(struct vkh_writing *writing)
{
    vkh_arena_fini(&writing->arena);
    vkh_c_locale_leave(&writing->locale);
}

// Leaves the check of the stream to the caller, who knows its name.
static enum vkh_status write_unchecked(const struct vkh_ppl_results *results,
                                       enum vkh_report_format format, const struct vkh_log *log,
                                       FILE *stream)
{
    if ((size_t)format >= VKH_COUNTOF(formats))
        return vkh_fail(log, VKH_ERR_ARGUMENT, "report: no format has number %d", (int)format);
    struct vkh_writing writing;
    enum vkh_status status = vkh_writing_begin(results, log, &writing);
    if (status != VKH_OK)
        return status;
    status = formats[format].write(&writing.results, &writing.arena, stream);
    if (status != VKH_OK)
        vkh_fail(log, status, "report: out of memory");
    vkh_writing_end(&writing);
    return status;
}

enum vkh_status vkh_report_write(const struct vkh_ppl_results *results,
                                 enum vkh_report_format format, const struct vkh_log *log,
                                 FILE *stream)
{
    errno = 0;
    const enum vkh_status status = write_unchecked(results, format, log, stream);
    if (status == VKH_OK && (fflush(stream) != 0 || ferror(stream)))
        return vkh_fail(log, VKH_ERR_IO, "cannot write the %s: %s", formats[format].name,
                        strerror(errno));
    return status;
}

enum vkh_status vkh_report_save(const struct vkh_ppl_results *results,
                                enum vkh_report_format format, const char *path,
                                const struct vkh_log *log)
{
    struct vkh_output output;
    const enum vkh_status status = vkh_output_open(path, log, &output);
    if (status != VKH_OK)
        return status;
    return vkh_output_end(&output, write_unchecked(results, format, log, output.stream), log);
}
