// SPDX-License-Identifier: MIT
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/size.h"
#include "report/assemble.h"
#include "report/merge.h"
#include "report/names.h"
#include "report/owned.h"

static enum vkh_status out_of_memory(const struct vkh_log *log)
{
    return vkh_fail(log, VKH_ERR_MEMORY, "merge: out of memory");
}

static int compare_lengths(const void *a, const void *b)
{
    const uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

// All lengths of the places' pieces, and where each piece's are among them.
static bool place_lengths(const struct vkh_assembly *assembly, struct vkh_arena *arena,
                          struct vkh_ppl_results *results)
{
    uint64_t most = 0;
    for (uint32_t p = 0; p < assembly->n_places; p++)
        most += assembly->places[p].piece.results->n_lengths;
    uint32_t *lengths = vkh_arena_alloc(arena, most, sizeof(*lengths)), n = 0;
    for (uint32_t p = 0; p < assembly->n_places && lengths; p++) {
        const struct vkh_ppl_results *piece = assembly->places[p].piece.results;
        memcpy(lengths + n, piece->lengths, piece->n_lengths * sizeof(*lengths));
        n += piece->n_lengths;
    }
    if (!lengths)
        return false;
    qsort(lengths, n, sizeof(*lengths), compare_lengths);
    for (uint32_t i = 0; i < n; i++)
        if (results->n_lengths == 0 || lengths[i] != lengths[results->n_lengths - 1])
            lengths[results->n_lengths++] = lengths[i];
    results->lengths = lengths;
    for (uint32_t p = 0; p < assembly->n_places; p++) {
        struct vkh_place *place = &assembly->places[p];
        const struct vkh_ppl_results *piece = place->piece.results;
        place->lengths = vkh_arena_alloc(arena, piece->n_lengths, sizeof(*place->lengths));
        for (uint32_t l = 0; l < piece->n_lengths && place->lengths; l++) {
            const uint32_t *at = bsearch(&piece->lengths[l], lengths, results->n_lengths,
                                         sizeof(*lengths), compare_lengths);
            place->lengths[l] = (uint32_t)(at - lengths);
        }
        if (!place->lengths)
            return false;
    }
    return true;
}

// All methods of the places' pieces, in the order of their first appearance, and where each piece's
// are among them.
static bool place_methods(const struct vkh_assembly *assembly, struct vkh_arena *arena,
                          struct vkh_ppl_results *results)
{
    uint64_t most = 0;
    for (uint32_t p = 0; p < assembly->n_places; p++)
        most += assembly->places[p].piece.results->n_methods;
    const char **all = vkh_arena_alloc(arena, most, sizeof(*all));
    uint32_t *places = vkh_arena_alloc(arena, most, sizeof(*places)), n = 0;
    results->methods = vkh_arena_alloc(arena, most, sizeof(*results->methods));
    if (most > UINT32_MAX || !all || !places || !results->methods)
        return false;
    for (uint32_t p = 0; p < assembly->n_places; p++) {
        const struct vkh_ppl_results *piece = assembly->places[p].piece.results;
        assembly->places[p].methods = places + n;
        memcpy(all + n, piece->methods, piece->n_methods * sizeof(*all));
        n += piece->n_methods;
    }
    struct vkh_names names;
    bool good = vkh_names_sort(all, n, arena, &names);
    for (uint32_t i = 0; i < n && good; i++) {
        const uint32_t first = vkh_names_find(&names, all[i]);
        places[i] = first < i ? places[first] : results->n_methods;
        if (first == i)
            good = (results->methods[results->n_methods++] =
                        vkh_arena_strndup(arena, all[i], strlen(all[i]))) != NULL;
    }
    return good;
}

enum vkh_status vkh_results_put_together(const struct vkh_piece *pieces, uint32_t n,
                                         struct vkh_arena *arena, const struct vkh_log *log,
                                         struct vkh_ppl_results *results)
{
    struct vkh_assembly assembly = {vkh_arena_alloc(arena, n, sizeof(*assembly.places)), n};
    if (!assembly.places)
        return out_of_memory(log);
    for (uint32_t p = 0; p < n; p++)
        assembly.places[p] = (struct vkh_place){
            .piece = pieces[p],
            .first_text = pieces[p].results->block.first_text - results->block.first_text,
        };
    if (!place_lengths(&assembly, arena, results) || !place_methods(&assembly, arena, results))
        return out_of_memory(log);
    return vkh_assemble(&assembly, arena, log, results);
}

// Where the pieces' blocks fill the smallest one around them, without overlap.
static bool block_around(const struct vkh_piece *pieces, uint32_t n, struct vkh_ppl_block *block,
                         uint32_t *n_texts, uint32_t *n_methods)
{
    const struct vkh_ppl_block *first = &pieces[0].results->block;
    uint32_t end_text = 0, end_method = 0;
    uint64_t filled = 0;
    *block = *first;
    for (uint32_t p = 0; p < n; p++) {
        const struct vkh_ppl_results *r = pieces[p].results;
        const struct vkh_ppl_block *own = &r->block;
        block->first_text = (uint32_t)vkh_min_size(block->first_text, own->first_text);
        block->first_method = (uint32_t)vkh_min_size(block->first_method, own->first_method);
        end_text = (uint32_t)vkh_max_size(end_text, (uint64_t)own->first_text + r->n_texts);
        end_method = (uint32_t)vkh_max_size(end_method, (uint64_t)own->first_method + r->n_methods);
        filled += (uint64_t)r->n_texts * r->n_methods;
        for (uint32_t q = 0; q < p; q++) {
            const struct vkh_ppl_results *other = pieces[q].results;
            const struct vkh_ppl_block *theirs = &other->block;
            if (own->first_text < (uint64_t)theirs->first_text + other->n_texts &&
                theirs->first_text < (uint64_t)own->first_text + r->n_texts &&
                own->first_method < (uint64_t)theirs->first_method + other->n_methods &&
                theirs->first_method < (uint64_t)own->first_method + r->n_methods)
                return false;
        }
    }
    *n_texts = end_text - block->first_text;
    *n_methods = end_method - block->first_method;
    return filled == (uint64_t)*n_texts * *n_methods;
}

enum vkh_status vkh_results_join(const struct vkh_piece *pieces, uint32_t n,
                                 const struct vkh_log *log, struct vkh_ppl_results **joined)
{
    *joined = NULL;
    struct vkh_owned_results *owned = calloc(1, sizeof(*owned));
    if (!owned)
        return out_of_memory(log);
    struct vkh_ppl_results *r = &owned->results;
    uint32_t n_methods = 0;
    enum vkh_status status = VKH_OK;
    if (!block_around(pieces, n, &r->block, &r->n_texts, &n_methods))
        status = vkh_fail(log, VKH_ERR_ARGUMENT,
                          "%s: its texts and methods and those of the other parts of the run leave "
                          "a gap or overlap",
                          pieces[0].name);
    if (status == VKH_OK)
        status = vkh_results_put_together(pieces, n, &owned->arena, log, r);
    if (status == VKH_OK && r->n_methods != n_methods)
        status = vkh_fail(log, VKH_ERR_ARGUMENT,
                          "%s: its methods are %u, and with the other parts' %u are there",
                          pieces[0].name, n_methods, r->n_methods);
    if (status == VKH_OK) {
        *joined = r;
        return VKH_OK;
    }
    vkh_ppl_results_destroy(&r);
    return status;
}
