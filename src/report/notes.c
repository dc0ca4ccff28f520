// SPDX-License-Identifier: MIT
// The lines below the table: what its numbers do not say by themselves.
#include "report/notes.h"

#include <math.h>
#include <string.h>

#include "report/format.h"
#include "report/names.h"
#include "report/text.h"

// False when out of memory, which `text` NULL means.
static bool add(struct vkh_notes *notes, const char *text)
{
    notes->lines[notes->n] = text;
    notes->n += text != NULL;
    return text != NULL;
}

// The methods other than the baseline that moved no position at any length, joined by ", ";
// *all says that there are no others. NULL when out of memory.
static const char *never_active(const struct vkh_ppl_results *results, struct vkh_arena *arena,
                                bool *all)
{
    struct vkh_line names = vkh_line_start(arena);
    *all = true;
    for (uint32_t m = 0; m < results->n_methods; m++) {
        const bool baseline = vkh_results_is_baseline(results, m);
        bool active = baseline;
        for (uint32_t l = 0; l < results->n_lengths; l++)
            active |= vkh_results_cell(results, m, l)->compression_active;
        if (!active)
            vkh_line_add(&names, "%s%s", names.length ? ", " : "", results->methods[m]);
        else if (!baseline)
            *all = false;
    }
    return names.text;
}

// The most tokens that one sequence has.
static uint32_t longest(const struct vkh_ppl_results *results)
{
    const uint32_t length = results->n_lengths ? results->lengths[results->n_lengths - 1] : 0;
    return results->regime.kind != VKH_REGIME_PREFIX && results->regime.window < length
               ? results->regime.window
               : length;
}

static bool add_unmoved(const struct vkh_ppl_results *results, struct vkh_arena *arena,
                        struct vkh_notes *notes)
{
    bool all;
    const char *names = never_active(results, arena, &all);
    if (!names || !*names)
        return names != NULL;
    const char *who = all ? "every method" : names;
    if (longest(results) > results->original_max_len)
        return add(notes,
                   vkh_text_printf(arena, "no position is moved: %s equals the baseline", who));
    return add(notes,
               vkh_text_printf(arena,
                               "no %s exceeds original_max_len %u: %s equals the "
                               "baseline",
                               results->regime.kind == VKH_REGIME_PREFIX ? "length" : "window",
                               results->original_max_len, who));
}

// A method without the model's own scaling in it, on a model that has one.
static bool replaces_own(const struct vkh_ppl_results *results, uint32_t method)
{
    return *results->own_scaling &&
           !strstr(results->method_details[method].applied, results->own_scaling);
}

static bool add_methods(const struct vkh_ppl_results *results, struct vkh_arena *arena,
                        struct vkh_notes *notes)
{
    bool good = true;
    for (uint32_t m = 0; m < results->n_methods && good; m++) {
        const struct vkh_ppl_method *details = &results->method_details[m];
        if (replaces_own(results, m))
            good = add(notes, vkh_text_printf(arena, "%s takes the place of the model's own %s",
                                              results->methods[m], results->own_scaling));
        if (details->why && good)
            good = add(notes, vkh_text_printf(arena, "%s took %u passes (%s)", results->methods[m],
                                              details->passes, details->why));
    }
    return good;
}

// "best cf of hybrid:cf=1.2..3:0.1: 1.5 at 1024 (58.10), 2 at 2048 (71.30)".
static bool add_sweep(const struct vkh_ppl_results *results, const struct vkh_ppl_sweep *sweep,
                      struct vkh_arena *arena, struct vkh_notes *notes)
{
    struct vkh_line line = vkh_line_start(arena);
    vkh_line_add(&line, "best %s of %s", sweep->parameter, sweep->spec);
    for (uint32_t l = 0; l < results->n_lengths; l++) {
        const char *separator = l ? ", " : ": ";
        const uint32_t best = sweep->best[l], length = results->lengths[l];
        if (best == UINT32_MAX) {
            vkh_line_add(&line, "%snone at %u (no position is moved)", separator, length);
            continue;
        }
        const double ppl = vkh_results_cell(results, sweep->methods[best], l)->ppl;
        const char *number = vkh_text_ppl(arena, ppl);
        if (!number)
            return false;
        vkh_line_add(&line, "%s%g at %u (%s)", separator, sweep->values[best], length, number);
    }
    return add(notes, line.text);
}

// "1024, each of 3 texts alike: baseline 51.40 ± 0.31, hybrid:cf=2 71.00 ± 0.52".
static bool add_macro(const struct vkh_ppl_results *results, uint32_t length,
                      struct vkh_arena *arena, struct vkh_notes *notes)
{
    const uint32_t texts = vkh_results_cell(results, 0, length)->texts;
    struct vkh_line line = vkh_line_start(arena);
    vkh_line_add(&line, "%u, each of %u text%s alike", results->lengths[length], texts,
                 texts == 1 ? "" : "s");
    for (uint32_t m = 0; m < results->n_methods; m++) {
        const struct vkh_ppl_cell *cell = vkh_results_cell(results, m, length);
        const char *ppl = vkh_text_ppl(arena, cell->macro_ppl);
        const char *error =
            isnan(cell->macro_error) ? "" : vkh_text_printf(arena, " ± %.2g", cell->macro_error);
        if (!ppl || !error)
            return false;
        vkh_line_add(&line, "%s%s %s%s", m ? ", " : ": ", results->methods[m], ppl, error);
    }
    return add(notes, line.text);
}

// "shard 2 of 4: texts 3 to 4 of 8, methods 1 to 3 of 3; …".
static bool add_shard(const struct vkh_ppl_results *results, struct vkh_arena *arena,
                      struct vkh_notes *notes)
{
    const struct vkh_ppl_block *block = &results->block;
    return block->shard.count == 0 ||
           add(notes,
               vkh_text_printf(arena,
                               "shard %u of %u: texts %u to %u of %u, methods %u to %u of "
                               "%u; vkhrope-ppl merge makes the table of all shards",
                               block->shard.index, block->shard.count, block->first_text + 1,
                               block->first_text + results->n_texts, block->all_texts,
                               block->first_method + 1, block->first_method + results->n_methods,
                               block->all_methods));
}

// Which device computed which method, where they are not all alike.
static bool add_devices(const struct vkh_ppl_results *results, struct vkh_arena *arena,
                        struct vkh_notes *notes)
{
    const uint32_t n = results->n_methods;
    const char **devices = vkh_arena_alloc(arena, n, sizeof(*devices));
    struct vkh_line *lines =
        vkh_arena_alloc(arena, n, sizeof(*lines)); // at a device's first method
    struct vkh_line line = vkh_line_start(arena);
    struct vkh_names names;
    for (uint32_t m = 0; m < n && devices; m++)
        devices[m] = results->method_details[m].device;
    if (!devices || !lines || !vkh_names_sort(devices, n, arena, &names))
        return false;
    for (uint32_t m = 0; m < n; m++) {
        const uint32_t first = vkh_names_find(&names, devices[m]);
        if (first == m)
            lines[m] = vkh_line_start(arena);
        vkh_line_add(&lines[first], "%s%s", first == m ? "" : ", ", results->methods[m]);
    }
    for (uint32_t m = 0; m < n; m++) {
        if (vkh_names_find(&names, devices[m]) != m || strcmp(devices[m], results->device) == 0)
            continue;
        if (!lines[m].text)
            return false;
        vkh_line_add(&line, "%s%s on %s", line.length ? "; " : "", lines[m].text, devices[m]);
    }
    return line.text && (!line.length || add(notes, line.text));
}

bool vkh_notes_make(const struct vkh_ppl_results *results, struct vkh_arena *arena,
                    struct vkh_notes *notes)
{
    const size_t most = 4 + 2 * (size_t)results->n_methods + results->n_sweeps + results->n_lengths;
    *notes = (struct vkh_notes){.lines = vkh_arena_alloc(arena, most, sizeof(*notes->lines))};
    bool good = notes->lines && add_unmoved(results, arena, notes);
    if (good && results->n_methods > 0 && !vkh_results_has_baseline(results))
        good = add(notes, "baseline is not among the methods: nothing to compare with");
    good = good && add_shard(results, arena, notes) && add_devices(results, arena, notes) &&
           add_methods(results, arena, notes);
    for (uint32_t s = 0; s < results->n_sweeps && good; s++)
        good = results->sweeps[s].n == 0 || // a shard without any of it
               add_sweep(results, &results->sweeps[s], arena, notes);
    for (uint32_t l = 0; l < results->n_lengths && good && results->n_texts > 1; l++)
        good = add_macro(results, l, arena, notes);
    return good;
}
