// SPDX-License-Identifier: MIT
// First shards become the run that they are of, then runs become tables.
#include "report/merge.h"

#include <stdlib.h>
#include <string.h>
#include <vkhrope/report.h>

#include "base/log.h"
#include "report/names.h"
#include "report/owned.h"

// One table, and the runs that it is put together from.
struct table {
    struct vkh_piece *runs;
    uint32_t n;
};

struct merge {
    const struct vkh_log *log;
    struct vkh_arena arena;          // of the lists
    struct vkh_piece *pieces;        // as given
    struct vkh_piece *runs;          // whole ones
    struct vkh_ppl_results **joined; // those of them that were shards, to be destroyed
    struct table *tables;
    uint32_t n_pieces, n_runs, n_joined, n_tables;
};

static enum vkh_status out_of_memory(const struct vkh_log *log)
{
    return vkh_fail(log, VKH_ERR_MEMORY, "merge: out of memory");
}

static bool is_same_regime(const struct vkh_ppl_regime *a, const struct vkh_ppl_regime *b)
{
    return a->kind == b->kind && (a->kind == VKH_REGIME_PREFIX || a->window == b->window) &&
           (a->kind != VKH_REGIME_WINDOW || a->stride == b->stride) && a->has_bos == b->has_bos &&
           (!a->has_bos || a->bos == b->bos);
}

static bool is_same_text(const char *a, const char *b)
{
    return a == b || (a && b && strcmp(a, b) == 0);
}

// Whether numbers of both may stand in one table, were their texts the same.
static bool is_same_kind(const struct vkh_ppl_results *a, const struct vkh_ppl_results *b)
{
    return strcmp(a->model, b->model) == 0 && strcmp(a->architecture, b->architecture) == 0 &&
           strcmp(a->weight_type, b->weight_type) == 0 &&
           strcmp(a->memory.kv_type, b->memory.kv_type) == 0 &&
           strcmp(a->own_scaling, b->own_scaling) == 0 &&
           is_same_text(a->kl_method, b->kl_method) && is_same_text(a->kl_model, b->kl_model) &&
           is_same_text(a->kl_weight_type, b->kl_weight_type) &&
           a->original_max_len == b->original_max_len && is_same_regime(&a->regime, &b->regime);
}

static const char *last_component(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

// A text is told by its ids and its file's name, not by the folder that it lies in somewhere.
static bool has_same_texts(const struct vkh_ppl_results *a, const struct vkh_ppl_results *b)
{
    bool same = a->n_texts == b->n_texts;
    for (uint32_t i = 0; i < a->n_texts && same; i++)
        same = a->text_digests[i] == b->text_digests[i] && a->text_tokens[i] == b->text_tokens[i] &&
               strcmp(last_component(a->text_names[i]), last_component(b->text_names[i])) == 0;
    return same;
}

static bool is_same_divergence(const struct vkh_ppl_kl *a, const struct vkh_ppl_kl *b)
{
    return a->mean == b->mean && a->standard_error == b->standard_error && a->median == b->median &&
           a->p90 == b->p90 && a->p95 == b->p95 && a->p99 == b->p99 && a->maximum == b->maximum &&
           a->same_top == b->same_top;
}

// Both have it as the same numbers; both have divergences, or none has.
static bool is_same_cell(const struct vkh_ppl_results *a, uint64_t at_a,
                         const struct vkh_ppl_results *b, uint64_t at_b)
{
    const uint64_t stride_a = (uint64_t)a->n_methods * a->n_lengths;
    const uint64_t stride_b = (uint64_t)b->n_methods * b->n_lengths;
    for (uint32_t t = 0; t < a->n_texts; t++) {
        const struct vkh_ppl_text_cell *x = &a->text_cells[t * stride_a + at_a];
        const struct vkh_ppl_text_cell *y = &b->text_cells[t * stride_b + at_b];
        if (x->tokens_scored != y->tokens_scored ||
            (x->tokens_scored && (x->nll != y->nll || x->deviation != y->deviation)))
            return false;
    }
    return !a->kl || is_same_divergence(&a->kl[at_a], &b->kl[at_b]);
}

// Whether some cell of a method is in both with other numbers; *cell says which, in a.
static bool differ_in(const struct vkh_ppl_results *a, uint32_t method_a,
                      const struct vkh_ppl_results *b, uint32_t method_b,
                      const struct vkh_ppl_cell **cell)
{
    uint32_t l = 0;
    for (uint32_t k = 0; k < a->n_lengths; k++) {
        const uint64_t at = (uint64_t)method_a * a->n_lengths + k;
        while (l < b->n_lengths && b->lengths[l] < a->lengths[k])
            l++;
        *cell = &a->cells[at];
        if (l < b->n_lengths && b->lengths[l] == a->lengths[k] &&
            !is_same_cell(a, at, b, (uint64_t)method_b * b->n_lengths + l))
            return true;
    }
    return false;
}

// The same of any method; `methods` are b's.
static bool differ(const struct vkh_ppl_results *a, const struct vkh_ppl_results *b,
                   const struct vkh_names *methods, const struct vkh_ppl_cell **cell)
{
    for (uint32_t m = 0; m < a->n_methods; m++) {
        const uint32_t theirs = vkh_names_find(methods, a->methods[m]);
        if (theirs < b->n_methods && differ_in(a, m, b, theirs, cell))
            return true;
    }
    return false;
}

// A name that stands for other ids here than there; `texts` are b's.
static enum vkh_status check_texts(const struct vkh_piece *a, const struct vkh_piece *b,
                                   const struct vkh_names *texts, const struct vkh_log *log)
{
    const struct vkh_ppl_results *x = a->results, *y = b->results;
    for (uint32_t i = 0; i < x->n_texts; i++) {
        const uint32_t j = vkh_names_find(texts, x->text_names[i]);
        if (*x->text_names[i] && j < y->n_texts && x->text_digests[i] != y->text_digests[j])
            return vkh_fail(log, VKH_ERR_ARGUMENT, "%s: text %s has other tokens than in %s",
                            b->name, y->text_names[j], a->name);
    }
    return VKH_OK;
}

// The names in a run, to be looked up for each of the others.
struct run_names {
    struct vkh_names methods, texts;
};

// Whether a run can stand in a table with another; an error when they contradict each other.
static enum vkh_status fits(const struct vkh_piece *there, const struct vkh_piece *run,
                            const struct run_names *names, const struct vkh_log *log, bool *good)
{
    const struct vkh_ppl_results *a = there->results, *b = run->results;
    const struct vkh_ppl_cell *cell;
    *good = false;
    if (!is_same_kind(a, b))
        return VKH_OK;
    const enum vkh_status status = check_texts(there, run, &names->texts, log);
    if (status != VKH_OK || !has_same_texts(a, b))
        return status;
    *good = !differ(a, b, &names->methods, &cell);
    if (!*good && strcmp(a->device, b->device) == 0 && strcmp(a->driver, b->driver) == 0 &&
        strcmp(a->variants, b->variants) == 0)
        return vkh_fail(log, VKH_ERR_ARGUMENT,
                        "%s: %s at length %u is another number than in %s, on the same device",
                        run->name, cell->method, cell->length, there->name);
    return VKH_OK;
}

static enum vkh_status add_run(struct merge *merge, const struct vkh_piece *run)
{
    const struct vkh_ppl_results *results = run->results;
    struct run_names names;
    if (!vkh_names_sort(results->methods, results->n_methods, &merge->arena, &names.methods) ||
        !vkh_names_sort(results->text_names, results->n_texts, &merge->arena, &names.texts))
        return out_of_memory(merge->log);
    for (uint32_t i = 0; i < merge->n_tables; i++) {
        struct table *table = &merge->tables[i];
        bool good = true;
        for (uint32_t r = 0; r < table->n && good; r++) {
            const enum vkh_status status = fits(&table->runs[r], run, &names, merge->log, &good);
            if (status != VKH_OK)
                return status;
        }
        if (good) {
            table->runs[table->n++] = *run;
            return VKH_OK;
        }
    }
    struct table *table = &merge->tables[merge->n_tables++];
    table->runs = vkh_arena_alloc(&merge->arena, merge->n_runs, sizeof(*table->runs));
    if (!table->runs)
        return out_of_memory(merge->log);
    table->runs[table->n++] = *run;
    return VKH_OK;
}

static bool is_of_same_run(const struct vkh_ppl_results *a, const struct vkh_ppl_results *b)
{
    const struct vkh_ppl_block *x = &a->block, *y = &b->block;
    return x->shard.count == y->shard.count && x->all_texts == y->all_texts &&
           x->all_methods == y->all_methods && is_same_kind(a, b);
}

static int compare_shards(const void *a, const void *b)
{
    const uint32_t x = ((const struct vkh_piece *)a)->results->block.shard.index;
    const uint32_t y = ((const struct vkh_piece *)b)->results->block.shard.index;
    return (x > y) - (x < y);
}

// That shards, in their order, are all of a run's, each once.
static enum vkh_status check_shards(const struct vkh_piece *shards, uint32_t n,
                                    const struct vkh_log *log)
{
    const uint32_t count = shards[0].results->block.shard.count;
    for (uint32_t i = 0; i <= n; i++) {
        const uint32_t index = i < n ? shards[i].results->block.shard.index : count + 1;
        if (i > 0 && i < n && index == shards[i - 1].results->block.shard.index)
            return vkh_fail(log, VKH_ERR_ARGUMENT, "%s and %s are both shard %u of %u",
                            shards[i - 1].name, shards[i].name, index, count);
        if (index != i + 1 && i < count)
            return vkh_fail(log, VKH_ERR_ARGUMENT,
                            "merge: shard %u of %u is missing, which belongs with %s", i + 1, count,
                            shards[0].name);
    }
    return VKH_OK;
}

// What all are compared with is one of the methods, or on another model.
static bool has_reference(const struct vkh_ppl_results *run)
{
    bool has = !run->kl_method || run->kl_model;
    for (uint32_t m = 0; m < run->n_methods && !has; m++)
        has = strcmp(run->methods[m], run->kl_method) == 0;
    return has;
}

// Makes the run of all the shards that belong with pieces[first].
static enum vkh_status join_shards(struct merge *merge, uint32_t first, bool *taken)
{
    struct vkh_piece *shards = vkh_arena_alloc(&merge->arena, merge->n_pieces, sizeof(*shards));
    uint32_t n = 0;
    if (!shards)
        return out_of_memory(merge->log);
    for (uint32_t i = first; i < merge->n_pieces; i++) {
        if (taken[i] || !is_of_same_run(merge->pieces[first].results, merge->pieces[i].results))
            continue;
        taken[i] = true;
        shards[n++] = merge->pieces[i];
    }
    qsort(shards, n, sizeof(*shards), compare_shards);
    struct vkh_ppl_results *run;
    enum vkh_status status = check_shards(shards, n, merge->log);
    if (status == VKH_OK)
        status = vkh_results_join(shards, n, merge->log, &run);
    if (status != VKH_OK)
        return status;
    merge->joined[merge->n_joined++] = run;
    if (run->n_texts != run->block.all_texts || run->n_methods != run->block.all_methods)
        return vkh_fail(merge->log, VKH_ERR_ARGUMENT,
                        "%s: all shards together have %u of %u texts and %u of %u methods",
                        shards[0].name, run->n_texts, run->block.all_texts, run->n_methods,
                        run->block.all_methods);
    if (!has_reference(run))
        return vkh_fail(merge->log, VKH_ERR_ARGUMENT,
                        "%s: its divergences are from %s, which no shard has as a method",
                        shards[0].name, run->kl_method);
    merge->runs[merge->n_runs++] = (struct vkh_piece){run, shards[0].name};
    return VKH_OK;
}

static enum vkh_status find_runs(struct merge *merge)
{
    bool *taken = vkh_arena_alloc(&merge->arena, merge->n_pieces, sizeof(*taken));
    enum vkh_status status = taken ? VKH_OK : out_of_memory(merge->log);
    for (uint32_t i = 0; i < merge->n_pieces && status == VKH_OK; i++) {
        if (taken[i])
            continue;
        if (merge->pieces[i].results->block.shard.count)
            status = join_shards(merge, i, taken);
        else
            merge->runs[merge->n_runs++] = merge->pieces[i];
    }
    return status;
}

static enum vkh_status list_pieces(struct merge *merge, const struct vkh_ppl_results *const *runs,
                                   const char *const *names, uint32_t n)
{
    uint32_t most = 0;
    for (uint32_t i = 0; i < n; i++)
        for (const struct vkh_ppl_results *r = runs[i]; r; r = r->next)
            most++;
    merge->pieces = vkh_arena_alloc(&merge->arena, most, sizeof(*merge->pieces));
    merge->runs = vkh_arena_alloc(&merge->arena, most, sizeof(*merge->runs));
    merge->joined = vkh_arena_alloc(&merge->arena, most, sizeof(struct vkh_ppl_results *));
    merge->tables = vkh_arena_alloc(&merge->arena, most, sizeof(*merge->tables));
    if (!merge->pieces || !merge->runs || !merge->joined || !merge->tables)
        return out_of_memory(merge->log);
    for (uint32_t i = 0; i < n; i++)
        for (const struct vkh_ppl_results *r = runs[i]; r; r = r->next)
            merge->pieces[merge->n_pieces++] = (struct vkh_piece){r, names[i]};
    return n > 0 ? VKH_OK : vkh_fail(merge->log, VKH_ERR_ARGUMENT, "merge: no runs given");
}

static enum vkh_status make_table(const struct table *table, struct vkh_arena *arena,
                                  const struct vkh_log *log, struct vkh_ppl_results *results)
{
    results->n_texts = table->runs[0].results->n_texts;
    const enum vkh_status status =
        vkh_results_put_together(table->runs, table->n, arena, log, results);
    results->block = (struct vkh_ppl_block){
        .all_texts = results->n_texts,
        .all_methods = results->n_methods,
    };
    return status;
}

static enum vkh_status make_tables(const struct merge *merge, struct vkh_owned_results *owned)
{
    struct vkh_ppl_results *at = &owned->results;
    enum vkh_status status = VKH_OK;
    for (uint32_t i = 0; i < merge->n_tables && status == VKH_OK; i++) {
        if (i > 0) {
            struct vkh_ppl_results *next = vkh_arena_alloc(&owned->arena, 1, sizeof(*next));
            if (!next)
                return out_of_memory(merge->log);
            at->next = next;
            at = next;
        }
        status = make_table(&merge->tables[i], &owned->arena, merge->log, at);
    }
    return status;
}

enum vkh_status vkh_report_merge(const struct vkh_ppl_results *const *runs,
                                 const char *const *names, uint32_t n, const struct vkh_log *log,
                                 struct vkh_ppl_results **merged)
{
    struct merge merge = {.log = log};
    struct vkh_owned_results *owned = calloc(1, sizeof(*owned));
    struct vkh_ppl_results *results = owned ? &owned->results : NULL;
    enum vkh_status status = owned ? list_pieces(&merge, runs, names, n) : out_of_memory(log);
    *merged = NULL;
    if (status == VKH_OK)
        status = find_runs(&merge);
    for (uint32_t i = 0; i < merge.n_runs && status == VKH_OK; i++)
        status = add_run(&merge, &merge.runs[i]);
    if (status == VKH_OK)
        status = make_tables(&merge, owned);
    for (uint32_t i = 0; i < merge.n_joined; i++)
        vkh_ppl_results_destroy(&merge.joined[i]);
    vkh_arena_fini(&merge.arena);
    if (status != VKH_OK)
        vkh_ppl_results_destroy(&results);
    *merged = results;
    return status;
}
