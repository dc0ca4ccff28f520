// SPDX-License-Identifier: MIT
#include "report/assemble.h"

#include <math.h>
#include <string.h>

#include "base/average.h"
#include "base/log.h"
#include "base/size.h"
#include "report/format.h"
#include "report/text.h"

struct builder {
    const struct vkh_assembly *assembly;
    struct vkh_arena *arena;
    const struct vkh_log *log;
    struct vkh_ppl_results *results;
};

static enum vkh_status out_of_memory(const struct vkh_log *log)
{
    return vkh_fail(log, VKH_ERR_MEMORY, "merge: out of memory");
}

static const char *copy(struct vkh_arena *arena, const char *text)
{
    return text ? vkh_arena_strndup(arena, text, strlen(text)) : NULL;
}

// Whether `item` is one of those that ", " joins in `list`.
static bool is_among(const char *list, const char *item)
{
    const size_t length = strlen(item);
    for (const char *at = list; (at = strstr(at, item)); at++) {
        const bool begins = at == list || (at - list >= 2 && strncmp(at - 2, ", ", 2) == 0);
        if (begins && (at[length] == '\0' || strncmp(at + length, ", ", 2) == 0))
            return true;
    }
    return false;
}

// Appends to a list that starts at NULL; false when out of memory.
static bool add_item(struct vkh_arena *arena, const char *item, const char **list)
{
    if (*list && (*item == '\0' || is_among(*list, item)))
        return true;
    *list = *list && **list ? vkh_text_printf(arena, "%s, %s", *list, item) : copy(arena, item);
    return *list != NULL;
}

static enum vkh_status describe(const struct builder *b)
{
    const struct vkh_ppl_results *first = b->assembly->places[0].piece.results;
    struct vkh_ppl_results *r = b->results;
    r->model = copy(b->arena, first->model);
    r->architecture = copy(b->arena, first->architecture);
    r->weight_type = copy(b->arena, first->weight_type);
    r->own_scaling = copy(b->arena, first->own_scaling);
    r->original_max_len = first->original_max_len;
    r->original_max_len_from_model = first->original_max_len_from_model;
    r->regime = first->regime;
    r->n_devices = 1;
    r->memory = first->memory;
    bool good = r->model && r->architecture && r->weight_type && r->own_scaling;
    for (uint32_t i = 0; i < b->assembly->n_places && good; i++) {
        const struct vkh_ppl_results *piece = b->assembly->places[i].piece.results;
        good = add_item(b->arena, piece->device, &r->device) &&
               add_item(b->arena, piece->driver, &r->driver) &&
               add_item(b->arena, piece->variants, &r->variants);
        if (piece->memory.peak > r->memory.peak)
            r->memory = piece->memory;
        r->chunk = piece->chunk > r->chunk ? piece->chunk : r->chunk;
        r->seconds += piece->seconds;
        r->device_seconds += piece->device_seconds;
        r->longest_submit = fmax(r->longest_submit, piece->longest_submit);
        r->device_tokens += piece->device_tokens;
        r->n_devices = piece->n_devices > r->n_devices ? piece->n_devices : r->n_devices;
    }
    r->memory.kv_type = copy(b->arena, first->memory.kv_type);
    return good && r->memory.kv_type ? VKH_OK : out_of_memory(b->log);
}

static enum vkh_status describe_texts(const struct builder *b)
{
    struct vkh_ppl_results *r = b->results;
    uint64_t *tokens = vkh_arena_alloc(b->arena, r->n_texts, sizeof(*tokens));
    uint32_t *used = vkh_arena_alloc(b->arena, r->n_texts, sizeof(*used));
    uint64_t *digests = vkh_arena_alloc(b->arena, r->n_texts, sizeof(*digests));
    r->text_names = vkh_arena_alloc(b->arena, r->n_texts, sizeof(*r->text_names));
    bool good = tokens && used && digests && r->text_names;
    for (uint32_t p = b->assembly->n_places; p-- > 0 && good;) { // names are the first's
        const struct vkh_place *place = &b->assembly->places[p];
        const struct vkh_ppl_results *piece = place->piece.results;
        for (uint32_t i = 0; i < piece->n_texts && good; i++) {
            const uint32_t at = place->first_text + i;
            tokens[at] = piece->text_tokens[i];
            digests[at] = piece->text_digests[i];
            used[at] = piece->text_used[i] > used[at] ? piece->text_used[i] : used[at];
            good = (r->text_names[at] = copy(b->arena, piece->text_names[i])) != NULL;
        }
    }
    for (uint32_t i = 0; i < r->n_texts && good; i++)
        r->tokens_available += tokens[i];
    r->text_tokens = tokens;
    r->text_used = used;
    r->text_digests = digests;
    return good ? VKH_OK : out_of_memory(b->log);
}

static enum vkh_status describe_methods(const struct builder *b)
{
    struct vkh_ppl_results *r = b->results;
    bool good = (r->method_details =
                     vkh_arena_alloc(b->arena, r->n_methods, sizeof(*r->method_details))) != NULL;
    for (uint32_t p = 0; p < b->assembly->n_places && good; p++) {
        const struct vkh_place *place = &b->assembly->places[p];
        const struct vkh_ppl_results *piece = place->piece.results;
        for (uint32_t m = 0; m < piece->n_methods && good; m++) {
            const struct vkh_ppl_method *from = &piece->method_details[m];
            struct vkh_ppl_method *to = &r->method_details[place->methods[m]];
            if (to->applied && strcmp(to->applied, from->applied) != 0)
                return vkh_fail(b->log, VKH_ERR_ARGUMENT,
                                "%s: %s comes to %s there, and to %s elsewhere", place->piece.name,
                                piece->methods[m], from->applied, to->applied);
            good = (to->applied = copy(b->arena, from->applied)) != NULL &&
                   add_item(b->arena, from->device, &to->device);
            if (from->passes > to->passes) {
                to->passes = from->passes;
                to->why = copy(b->arena, from->why);
                good = good && (to->why != NULL) == (from->why != NULL);
            }
        }
    }
    return good ? VKH_OK : out_of_memory(b->log);
}

// Index in text_cells.
static uint64_t index_of(const struct vkh_ppl_results *r, uint32_t text, uint32_t method,
                         uint32_t length)
{
    return ((uint64_t)text * r->n_methods + method) * r->n_lengths + length;
}

static void take_text_cells(const struct vkh_place *place, struct vkh_ppl_results *r, bool *filled)
{
    const struct vkh_ppl_results *piece = place->piece.results;
    for (uint32_t t = 0; t < piece->n_texts; t++) {
        for (uint32_t m = 0; m < piece->n_methods; m++) {
            for (uint32_t l = 0; l < piece->n_lengths; l++) {
                const uint64_t at =
                    index_of(r, place->first_text + t, place->methods[m], place->lengths[l]);
                r->text_cells[at] = piece->text_cells[index_of(piece, t, m, l)];
                filled[at] = true;
            }
        }
    }
}

// A text has no part in a length that it does not reach; every other cell is in some piece.
static enum vkh_status check_filled(const struct builder *b, const bool *filled)
{
    const struct vkh_ppl_results *r = b->results;
    static const struct vkh_ppl_text_cell none = {0, NAN, NAN, NAN};
    for (uint32_t t = 0; t < r->n_texts; t++) {
        for (uint32_t m = 0; m < r->n_methods; m++) {
            for (uint32_t l = 0; l < r->n_lengths; l++) {
                const uint64_t at = index_of(r, t, m, l);
                const bool out_of_reach =
                    r->regime.kind == VKH_REGIME_PREFIX && r->text_tokens[t] < r->lengths[l];
                if (!filled[at] && !out_of_reach)
                    return vkh_fail(b->log, VKH_ERR_ARGUMENT,
                                    "merge: none of the runs has %s at length %u%s%s, which the "
                                    "table of %s needs",
                                    r->methods[m], r->lengths[l], r->n_texts > 1 ? " of text " : "",
                                    r->n_texts > 1 ? r->text_names[t] : "", r->model);
                if (!filled[at])
                    r->text_cells[at] = none;
            }
        }
    }
    return VKH_OK;
}

// Times add up over pieces; what another piece has already given counts once.
static void take_cells(const struct builder *b, uint32_t index)
{
    const struct vkh_place *place = &b->assembly->places[index];
    const struct vkh_ppl_results *piece = place->piece.results;
    struct vkh_ppl_results *r = b->results;
    for (uint32_t m = 0; m < piece->n_methods; m++) {
        for (uint32_t l = 0; l < piece->n_lengths; l++) {
            const struct vkh_ppl_cell *from = vkh_results_cell(piece, m, l);
            struct vkh_ppl_cell *to =
                &r->cells[(uint64_t)place->methods[m] * r->n_lengths + place->lengths[l]];
            const bool again = to->seconds > 0 && r->n_texts == piece->n_texts;
            to->method = r->methods[place->methods[m]];
            to->length = r->lengths[place->lengths[l]];
            to->compression_active |= from->compression_active;
            if (again)
                continue;
            const double tokens =
                to->seconds * to->tokens_per_second + from->seconds * from->tokens_per_second;
            to->seconds += from->seconds;
            to->tokens_per_second = tokens / to->seconds;
        }
    }
}

static enum vkh_status fill_cells(const struct builder *b)
{
    struct vkh_ppl_results *r = b->results;
    const uint64_t n = (uint64_t)r->n_methods * r->n_lengths;
    uint64_t n_text_cells;
    if (!vkh_mul_size(n, r->n_texts, &n_text_cells))
        return out_of_memory(b->log);
    bool *filled = vkh_arena_alloc(b->arena, n_text_cells, sizeof(*filled));
    r->cells = vkh_arena_alloc(b->arena, n, sizeof(*r->cells));
    r->text_cells = vkh_arena_alloc(b->arena, n_text_cells, sizeof(*r->text_cells));
    if (!filled || !r->cells || !r->text_cells)
        return out_of_memory(b->log);
    for (uint32_t p = 0; p < b->assembly->n_places; p++) {
        take_text_cells(&b->assembly->places[p], r, filled);
        take_cells(b, p);
    }
    const enum vkh_status status = check_filled(b, filled);
    for (uint64_t i = 0; i < n && status == VKH_OK; i++)
        vkh_average_texts(&r->text_cells[i], n, r->n_texts, &r->cells[i]);
    vkh_average_compare(r->cells, r->n_methods, r->n_lengths);
    return status;
}

// All pieces have them from one reference, or none has.
static enum vkh_status take_divergences(const struct builder *b)
{
    const struct vkh_ppl_results *first = b->assembly->places[0].piece.results;
    struct vkh_ppl_results *r = b->results;
    if (!first->kl_method)
        return VKH_OK;
    r->kl_method = copy(b->arena, first->kl_method);
    r->kl_model = copy(b->arena, first->kl_model);
    r->kl_weight_type = copy(b->arena, first->kl_weight_type);
    r->kl = vkh_arena_alloc(b->arena, r->n_methods, r->n_lengths * sizeof(*r->kl));
    if (!r->kl_method || !r->kl || (first->kl_model && (!r->kl_model || !r->kl_weight_type)))
        return out_of_memory(b->log);
    for (uint32_t p = b->assembly->n_places; p-- > 0;) {
        const struct vkh_place *place = &b->assembly->places[p];
        const struct vkh_ppl_results *piece = place->piece.results;
        for (uint32_t m = 0; m < piece->n_methods; m++)
            for (uint32_t l = 0; l < piece->n_lengths; l++)
                r->kl[(uint64_t)place->methods[m] * r->n_lengths + place->lengths[l]] =
                    piece->kl[(uint64_t)m * piece->n_lengths + l];
    }
    return VKH_OK;
}

static void *copy_array(struct vkh_arena *arena, const void *from, uint32_t n, size_t size)
{
    void *to = vkh_arena_alloc(arena, n, size);
    return to ? memcpy(to, from, n * size) : NULL;
}

// NLL and divergences of tokens, kept where every piece has them.
static enum vkh_status take_tokens(const struct builder *b)
{
    struct vkh_ppl_results *r = b->results;
    for (uint32_t p = 0; p < b->assembly->n_places; p++)
        if (!b->assembly->places[p].piece.results->nll)
            return VKH_OK;
    r->nll = vkh_arena_alloc(b->arena, r->n_texts, r->n_methods * sizeof(*r->nll));
    if (r->kl_method)
        r->token_kl = vkh_arena_alloc(b->arena, r->n_texts, r->n_methods * sizeof(*r->token_kl));
    if (!r->nll || (r->kl_method && !r->token_kl))
        return out_of_memory(b->log);
    for (uint32_t p = 0; p < b->assembly->n_places; p++) {
        const struct vkh_place *place = &b->assembly->places[p];
        const struct vkh_ppl_results *piece = place->piece.results;
        for (uint64_t i = 0; i < (uint64_t)piece->n_texts * piece->n_methods; i++) {
            const uint32_t text = place->first_text + (uint32_t)(i / piece->n_methods);
            const uint32_t method = place->methods[i % piece->n_methods];
            const uint32_t n = piece->text_used[i / piece->n_methods];
            if (n == 0 || n < r->text_used[text])
                continue;
            const uint64_t at = (uint64_t)text * r->n_methods + method;
            r->nll[at] = copy_array(b->arena, piece->nll[i], n, sizeof(**r->nll));
            if (r->token_kl)
                r->token_kl[at] =
                    copy_array(b->arena, piece->token_kl[i], n, sizeof(**r->token_kl));
            if (!r->nll[at] || (r->token_kl && !r->token_kl[at]))
                return out_of_memory(b->log);
        }
    }
    return VKH_OK;
}

enum vkh_status vkh_assemble(const struct vkh_assembly *assembly, struct vkh_arena *arena,
                             const struct vkh_log *log, struct vkh_ppl_results *results)
{
    const struct builder b = {assembly, arena, log, results};
    enum vkh_status status = describe(&b);
    if (status == VKH_OK)
        status = describe_texts(&b);
    if (status == VKH_OK)
        status = describe_methods(&b);
    if (status == VKH_OK)
        status = fill_cells(&b);
    if (status == VKH_OK)
        status = take_divergences(&b);
    if (status == VKH_OK)
        status = take_tokens(&b);
    if (status == VKH_OK)
        status = vkh_assemble_sweeps(assembly, arena, log, results);
    return status == VKH_OK ? vkh_assemble_curves(assembly, arena, log, results) : status;
}
