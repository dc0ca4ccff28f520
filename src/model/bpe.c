// SPDX-License-Identifier: MIT
#include "model/bpe.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/log.h"
#include "base/size.h"
#include "model/hash.h"

// A list in one array: symbols keep their places, links skip those that merged into their left
// neighbour (id -1).
struct bpe_symbol {
    int32_t id;
    int32_t previous, next; // -1: none
};

// What merging the symbol at `position` with its next one gave when it was queued.
struct bpe_candidate {
    uint64_t order; // rank << 32 | position: the lowest rank first, the leftmost of equals
    int32_t result;
};

enum vkh_status vkh_ids_reserve(struct vkh_ids *ids, uint64_t more)
{
    uint64_t wanted, bytes;
    if (more <= ids->capacity - ids->count)
        return VKH_OK;
    if (!vkh_add_size(ids->count, more, &wanted))
        return VKH_ERR_MEMORY;
    wanted = vkh_max_size(wanted, ids->capacity + ids->capacity / 2 + 64);
    if (!vkh_mul_size(wanted, sizeof(*ids->data), &bytes) || bytes > SIZE_MAX)
        return VKH_ERR_MEMORY;
    int32_t *data = realloc(ids->data, bytes);
    if (!data)
        return VKH_ERR_MEMORY;
    ids->data = data;
    ids->capacity = wanted;
    return VKH_OK;
}

static struct vkh_merge *find_merge(const struct vkh_bpe *bpe, int32_t left, int32_t right)
{
    const uint64_t pair = (uint64_t)left << 32 | (uint32_t)right;
    uint64_t at = vkh_hash_u64(pair) & bpe->mask;
    while (bpe->merges[at].result >= 0 && bpe->merges[at].pair != pair)
        at = (at + 1) & bpe->mask;
    return &bpe->merges[at];
}

enum vkh_status vkh_bpe_init(const struct vkh_place *place, struct vkh_arena *arena,
                             const struct vkh_vocab *vocab, uint64_t n_merges, struct vkh_bpe *bpe)
{
    *bpe = (struct vkh_bpe){.unknown = -1};
    if (n_merges > INT32_MAX / 2)
        return vkh_fail(place->log, VKH_ERR_FORMAT, "%s: %s: %" PRIu64 " merges are too many",
                        place->path, place->field, n_merges);
    uint64_t slots = 2;
    while (slots < 2 * n_merges)
        slots *= 2;
    bpe->merges = vkh_arena_alloc(arena, slots, sizeof(*bpe->merges));
    if (!bpe->merges)
        return vkh_place_memory(place);
    for (uint64_t i = 0; i < slots; i++)
        bpe->merges[i].result = -1;
    bpe->mask = slots - 1;
    for (unsigned byte = 0; byte < 256; byte++) {
        char text[2];
        const uint32_t length = vkh_byte_spell((uint8_t)byte, text);
        bpe->byte_ids[byte] = vkh_vocab_find(vocab, text, length);
    }
    return VKH_OK;
}

enum vkh_status vkh_bpe_add(const struct vkh_place *place, const struct vkh_vocab *vocab,
                            struct vkh_bpe *bpe, const char *left, uint64_t left_length,
                            const char *right, uint64_t right_length)
{
    char whole[2 * VKH_TOKEN_MAX_BYTES];
    const int32_t left_id = vkh_vocab_find(vocab, left, left_length);
    const int32_t right_id = vkh_vocab_find(vocab, right, right_length);
    int32_t result = -1;
    if (left_id >= 0 && right_id >= 0) {
        memcpy(whole, left, left_length);
        memcpy(whole + left_length, right, right_length);
        result = vkh_vocab_find(vocab, whole, left_length + right_length);
    }
    if (result < 0)
        return vkh_fail(place->log, VKH_ERR_FORMAT,
                        "%s: %s[%" PRIu32 "]: %s is not in the vocabulary", place->path,
                        place->field, bpe->n_merges,
                        left_id < 0    ? "the left token"
                        : right_id < 0 ? "the right token"
                                       : "the merged token");
    struct vkh_merge *merge = find_merge(bpe, left_id, right_id);
    if (merge->result >= 0)
        return vkh_fail(place->log, VKH_ERR_FORMAT,
                        "%s: %s[%" PRIu32 "]: the same pair as in [%" PRIu32 "]", place->path,
                        place->field, bpe->n_merges, merge->rank);
    *merge =
        (struct vkh_merge){(uint64_t)left_id << 32 | (uint32_t)right_id, bpe->n_merges++, result};
    return VKH_OK;
}

void vkh_bpe_scratch_fini(struct vkh_bpe_scratch *scratch)
{
    free(scratch->symbols);
    free(scratch->heap);
    *scratch = (struct vkh_bpe_scratch){0};
}

// A merge takes one candidate out and puts two in, so twice as many candidates as symbols suffice.
static enum vkh_status reserve(struct vkh_bpe_scratch *scratch, uint64_t symbols)
{
    if (symbols <= scratch->capacity)
        return VKH_OK;
    const uint64_t wanted = vkh_max_size(2 * symbols, 256);
    vkh_bpe_scratch_fini(scratch);
    scratch->symbols = calloc(wanted, sizeof(*scratch->symbols));
    scratch->heap = calloc(2 * wanted, sizeof(*scratch->heap));
    if (!scratch->symbols || !scratch->heap)
        return VKH_ERR_MEMORY;
    scratch->capacity = wanted;
    return VKH_OK;
}

struct queue {
    struct bpe_candidate *heap;
    uint64_t count;
};

static void push(struct queue *queue, struct bpe_candidate candidate)
{
    uint64_t at = queue->count++;
    while (at > 0 && candidate.order < queue->heap[(at - 1) / 2].order) {
        queue->heap[at] = queue->heap[(at - 1) / 2];
        at = (at - 1) / 2;
    }
    queue->heap[at] = candidate;
}

static struct bpe_candidate pop(struct queue *queue)
{
    const struct bpe_candidate top = queue->heap[0], last = queue->heap[--queue->count];
    uint64_t at = 0;
    for (;;) {
        uint64_t child = 2 * at + 1;
        if (child >= queue->count)
            break;
        if (child + 1 < queue->count && queue->heap[child + 1].order < queue->heap[child].order)
            child++;
        if (last.order <= queue->heap[child].order)
            break;
        queue->heap[at] = queue->heap[child];
        at = child;
    }
    queue->heap[at] = last;
    return top;
}

static void push_pair(const struct vkh_bpe *bpe, const struct bpe_symbol *symbols, int32_t left,
                      struct queue *queue)
{
    const int32_t right = left < 0 ? -1 : symbols[left].next;
    if (right < 0)
        return;
    const struct vkh_merge *merge = find_merge(bpe, symbols[left].id, symbols[right].id);
    if (merge->result >= 0)
        push(queue,
             (struct bpe_candidate){(uint64_t)merge->rank << 32 | (uint32_t)left, merge->result});
}

// A candidate counts as long as its place still holds a pair that merges to the same token.
static void merge_all(const struct vkh_bpe *bpe, struct bpe_symbol *symbols, struct queue *queue)
{
    while (queue->count > 0) {
        const struct bpe_candidate top = pop(queue);
        struct bpe_symbol *left = &symbols[(uint32_t)top.order];
        if (left->id < 0 || left->next < 0)
            continue;
        struct bpe_symbol *right = &symbols[left->next];
        if (find_merge(bpe, left->id, right->id)->result != top.result)
            continue;
        left->id = top.result;
        right->id = -1;
        left->next = right->next;
        if (right->next >= 0)
            symbols[right->next].previous = (int32_t)(left - symbols);
        push_pair(bpe, symbols, left->previous, queue);
        push_pair(bpe, symbols, (int32_t)(left - symbols), queue);
    }
}

// One symbol a byte; returns their number.
static int32_t begin(const struct vkh_bpe *bpe, const char *word, uint64_t bytes,
                     struct bpe_symbol *symbols, uint64_t *n_missing)
{
    int32_t n = 0;
    bool after_missing = false;
    for (uint64_t i = 0; i < bytes; i++) {
        int32_t id = bpe->byte_ids[(uint8_t)word[i]];
        const bool missing = id < 0;
        if (missing) {
            id = after_missing && bpe->fuse_unknown ? -1 : bpe->unknown;
            *n_missing += bpe->unknown < 0;
        }
        after_missing = missing;
        if (id >= 0) {
            symbols[n] = (struct bpe_symbol){id, n - 1, n + 1};
            n++;
        }
    }
    if (n > 0)
        symbols[n - 1].next = -1;
    return n;
}

enum vkh_status vkh_bpe_encode(const struct vkh_bpe *bpe, struct vkh_bpe_scratch *scratch,
                               const char *word, uint64_t bytes, struct vkh_ids *ids,
                               uint64_t *n_missing)
{
    if (reserve(scratch, bytes) != VKH_OK || vkh_ids_reserve(ids, bytes) != VKH_OK)
        return VKH_ERR_MEMORY;
    struct bpe_symbol *symbols = scratch->symbols;
    const int32_t n = begin(bpe, word, bytes, symbols, n_missing);
    if (n == 0)
        return VKH_OK;
    struct queue queue = {scratch->heap, 0};
    for (int32_t i = 0; i < n; i++)
        push_pair(bpe, symbols, i, &queue);
    merge_all(bpe, symbols, &queue);
    for (int32_t i = 0; i >= 0; i = symbols[i].next)
        ids->data[ids->count++] = symbols[i].id;
    return VKH_OK;
}
