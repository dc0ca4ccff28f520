// SPDX-License-Identifier: MIT
#include "report/summary.h"

#include <math.h>
#include <string.h>

#include "report/format.h"
#include "report/regime.h"
#include "report/text.h"

static uint32_t longest(const struct vkh_ppl_results *results)
{
    return results->n_lengths > 0 ? results->lengths[results->n_lengths - 1] : 0;
}

static const char *text_line(const struct vkh_ppl_results *results, struct vkh_arena *arena)
{
    const unsigned long long tokens = results->tokens_available;
    if (results->n_texts == 1)
        return vkh_text_printf(arena, "%llu tokens available, the first %u of them used", tokens,
                               longest(results));
    return vkh_text_printf(arena,
                           "%u texts, %llu tokens available, at most the first %u of each used",
                           results->n_texts, tokens, longest(results));
}

static bool make_head(const struct vkh_ppl_results *results, struct vkh_arena *arena,
                      struct vkh_summary *summary)
{
    const char *model =
        vkh_text_printf(arena, "%s (%s), %s weights, %s keys and values", results->model,
                        results->architecture, results->weight_type, results->memory.kv_type);
    const char *original =
        vkh_text_printf(arena, "%u, %s", results->original_max_len,
                        results->original_max_len_from_model ? "the model's own training length"
                                                             : "given by the user");
    const struct vkh_fact facts[VKH_SUMMARY_HEAD] = {
        {"model", model},
        {"device", results->device},
        {"driver", results->driver},
        {"original", original},
        {"own scaling", results->own_scaling},
        {"text", text_line(results, arena)},
        {"regime", vkh_regime_text(&results->regime, arena)},
    };
    bool good = true;
    for (int i = 0; i < VKH_SUMMARY_HEAD && good; i++) {
        good = facts[i].text != NULL;
        if (good && *facts[i].text) // most models have no scaling of their own
            summary->head[summary->n_head++] = facts[i];
    }
    return good;
}

// Of the methods that moved positions; "-" when none did.
static const char *best_improvement(const struct vkh_ppl_results *results, uint32_t length,
                                    struct vkh_arena *arena)
{
    const struct vkh_ppl_cell *best = NULL;
    uint32_t best_method = 0;
    for (uint32_t m = 0; m < results->n_methods; m++) {
        const struct vkh_ppl_cell *cell = vkh_results_cell(results, m, length);
        if (!cell->compression_active || isnan(cell->vs_baseline_percent))
            continue;
        if (!best || cell->vs_baseline_percent > best->vs_baseline_percent) {
            best = cell;
            best_method = m;
        }
    }
    return best ? vkh_text_printf(arena, "%+.2f %%  %s", best->vs_baseline_percent,
                                  results->methods[best_method])
                : "-";
}

static bool make_row(const struct vkh_ppl_results *results, uint32_t length,
                     struct vkh_arena *arena, struct vkh_summary *summary)
{
    struct vkh_grid_cell *row = &summary->grid[(uint64_t)(length + 1) * summary->n_columns];
    bool good = (row[0].text = vkh_text_printf(arena, "%u", results->lengths[length])) != NULL;
    for (uint32_t m = 0; m < results->n_methods; m++) {
        const struct vkh_ppl_cell *cell = vkh_results_cell(results, m, length);
        good &= (row[m + 1].text = vkh_text_ppl(arena, cell->ppl)) != NULL;
        row[m + 1].unmoved = !cell->compression_active && !vkh_results_is_baseline(results, m);
        summary->has_unmoved |= row[m + 1].unmoved;
    }
    if (summary->has_best)
        good &=
            (row[results->n_methods + 1].text = best_improvement(results, length, arena)) != NULL;
    return good;
}

static bool make_grid(const struct vkh_ppl_results *results, struct vkh_arena *arena,
                      struct vkh_summary *summary)
{
    summary->has_best = vkh_results_has_baseline(results) && results->n_methods > 1;
    summary->n_columns = 1 + results->n_methods + summary->has_best;
    summary->n_rows = 1 + results->n_lengths;
    summary->grid = vkh_arena_alloc(arena, (size_t)summary->n_columns * summary->n_rows,
                                    sizeof(*summary->grid));
    if (!summary->grid)
        return false;
    summary->grid[0].text = "length";
    for (uint32_t m = 0; m < results->n_methods; m++)
        summary->grid[m + 1].text = results->methods[m];
    if (summary->has_best)
        summary->grid[results->n_methods + 1].text = "best improvement";
    for (uint32_t l = 0; l < results->n_lengths; l++)
        if (!make_row(results, l, arena, summary))
            return false;
    return true;
}

// The standard error as a share of the PPL, from the smallest to the largest of all cells; between
// texts as well where there are several.
static const char *error_range(const struct vkh_ppl_results *results, struct vkh_arena *arena)
{
    double low = INFINITY, high = 0, text_low = INFINITY, text_high = 0;
    for (uint32_t m = 0; m < results->n_methods; m++) {
        for (uint32_t l = 0; l < results->n_lengths; l++) {
            const struct vkh_ppl_cell *cell = vkh_results_cell(results, m, l);
            low = fmin(low, cell->standard_error / cell->ppl * 100);
            high = fmax(high, cell->standard_error / cell->ppl * 100);
            text_low = fmin(text_low, cell->text_error / cell->ppl * 100); // skips NaN
            text_high = fmax(text_high, cell->text_error / cell->ppl * 100);
        }
    }
    if (!isfinite(low))
        return "-";
    if (!isfinite(text_low))
        return vkh_text_printf(arena, "%.2f %% to %.2f %% of the PPL", low, high);
    return vkh_text_printf(arena,
                           "%.2f %% to %.2f %% of the PPL, tokens being independent; %.2f %% to "
                           "%.2f %% between texts",
                           low, high, text_low, text_high);
}

// What a walk by layers does instead of having everything there.
static const char *walk_clause(const struct vkh_ppl_memory *memory, struct vkh_arena *arena)
{
    if (memory->walk == VKH_WALK_CHUNKS)
        return "";
    return vkh_text_printf(arena, "; layer by layer%s, in %u %s",
                           memory->walk == VKH_WALK_STREAMED ? ", weights streamed" : "",
                           memory->batches, memory->batches == 1 ? "batch" : "batches");
}

static const char *memory_line(const struct vkh_ppl_memory *memory, struct vkh_arena *arena)
{
    const char *weights = vkh_text_bytes(arena, memory->weights);
    const char *kv = vkh_text_bytes(arena, memory->kv);
    const char *activations = vkh_text_bytes(arena, memory->activations);
    const char *peak = vkh_text_bytes(arena, memory->peak);
    const char *limit = vkh_text_bytes(arena, memory->limit);
    const char *walk = walk_clause(memory, arena);
    if (!weights || !kv || !activations || !peak || !limit || !walk)
        return NULL;
    return vkh_text_printf(arena, "weights %s, KV cache %s, activations %s, peak %s of %s%s",
                           weights, kv, activations, peak, limit, walk);
}

// What the device's clock says, where it has one.
static const char *work_clause(const struct vkh_ppl_results *results, struct vkh_arena *arena)
{
    const char *devices = "the device";
    if (results->n_devices > 1)
        devices = vkh_text_printf(arena, "%u devices side by side", results->n_devices);
    if (!devices)
        return NULL;
    if (!(results->device_seconds > 0))
        return results->n_devices > 1 ? vkh_text_printf(arena, ", %s", devices) : "";
    return vkh_text_printf(arena, ", %s at work %.0f %% of it, longest submit %.3f s", devices,
                           results->device_seconds / results->seconds / results->n_devices * 100,
                           results->longest_submit);
}

static const char *rate_line(const struct vkh_ppl_results *results, struct vkh_arena *arena)
{
    if (!(results->seconds > 0))
        return "-";
    const char *work = work_clause(results, arena);
    if (!work)
        return NULL;
    return vkh_text_printf(arena, "%.0f tokens/s: %llu tokens through the layers in %.2f s%s",
                           (double)results->device_tokens / results->seconds,
                           (unsigned long long)results->device_tokens, results->seconds, work);
}

static bool make_tail(const struct vkh_ppl_results *results, struct vkh_arena *arena,
                      struct vkh_fact tail[VKH_SUMMARY_TAIL])
{
    const struct vkh_fact facts[VKH_SUMMARY_TAIL] = {
        {"standard error", error_range(results, arena)},
        {"variants", results->variants},
        {"chunk", vkh_text_printf(arena, "%u tokens", results->chunk)},
        {"memory", memory_line(&results->memory, arena)},
        {"rate", rate_line(results, arena)},
    };
    memcpy(tail, facts, sizeof(facts));
    for (int i = 0; i < VKH_SUMMARY_TAIL; i++)
        if (!facts[i].text)
            return false;
    return true;
}

enum vkh_status vkh_summary_make(const struct vkh_ppl_results *results, struct vkh_arena *arena,
                                 struct vkh_summary *summary)
{
    *summary = (struct vkh_summary){0};
    summary->unmoved_legend = vkh_results_has_baseline(results)
                                  ? "= no position is moved at this length: the baseline's number"
                                  : "= no position is moved at this length";
    const bool good = make_head(results, arena, summary) && make_grid(results, arena, summary) &&
                      vkh_notes_make(results, arena, &summary->notes) &&
                      vkh_divergence_make(results, arena, &summary->divergence) &&
                      make_tail(results, arena, summary->tail);
    return good ? VKH_OK : VKH_ERR_MEMORY;
}
