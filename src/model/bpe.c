// SPDX-License-Identifier: MIT
#include "model/bpe.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/log.h"
#include "base/size.h"
#include "model/hash.h"

// What a symbol's id may be but a token's.
enum {
    SPELLED = -1, // no token of its own: its bytes', or the unknown one
    MERGED = -2,  // into its left neighbour
};

// A list in one array: symbols keep their places, links skip those that merged.
struct bpe_symbol {
    int32_t id;
    int32_t previous, next; // -1: none
    uint32_t start, bytes;  // in the word
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

static void find_bytes(const struct vkh_vocab *vocab, int32_t byte_ids[256])
{
    for (unsigned byte = 0; byte < 256; byte++) {
        char text[2];
        const uint32_t length = vkh_byte_spell((uint8_t)byte, text);
        byte_ids[byte] =
            vocab->spelling == VKH_SPELL_GPT2 ? vkh_vocab_find(vocab, text, length) : -1;
    }
}

enum vkh_status vkh_bpe_init(const struct vkh_place *place, struct vkh_arena *arena,
                             const struct vkh_vocab *vocab, uint64_t n_merges, struct vkh_bpe *bpe)
{
    *bpe = (struct vkh_bpe){
        .vocab = vocab, .characters = vocab->spelling != VKH_SPELL_GPT2, .unknown = -1};
    if (n_merges > INT32_MAX / 2)
        return vkh_fail(place->log, VKH_ERR_FORMAT, "%s: %s: %" PRIu64 " merges are too many",
                        place->path, place->field, n_merges);
    uint64_t slots = 2;
    while (slots < 2 * n_merges)
        slots *= 2;
    bpe->merges = vkh_arena_alloc(arena, slots, sizeof(*bpe->merges));
    if (!bpe->merges || (bpe->characters && !vkh_joins_init(arena, &bpe->joins)))
        return vkh_place_memory(place);
    for (uint64_t i = 0; i < slots; i++)
        bpe->merges[i].result = -1;
    bpe->mask = slots - 1;
    find_bytes(vocab, bpe->byte_ids);
    return VKH_OK;
}

// Whether a symbol can be given as the tokens of its bytes.
static bool can_spell(const struct vkh_bpe *bpe, const char *text, uint64_t bytes)
{
    for (uint64_t i = 0; i < bytes; i++)
        if (bpe->byte_ids[(uint8_t)text[i]] < 0)
            return false;
    return true;
}

uint64_t vkh_bpe_cut(const struct vkh_bpe *bpe, const char *text, uint64_t bytes)
{
    uint64_t left = vkh_joins_step(text, bytes), right;
    for (uint64_t at = 0; at + left < bytes; at += left, left = right) {
        const char *behind = text + at + left;
        right = vkh_joins_step(behind, bytes - at - left);
        // A run of unknown characters stays together: it may be one token.
        if (!vkh_joins_has(&bpe->joins, text + at, left, right) &&
            (vkh_vocab_find(bpe->vocab, behind, right) >= 0 || can_spell(bpe, behind, right)))
            return at + left;
    }
    return bytes;
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
    if (bpe->characters)
        vkh_joins_add(&bpe->joins, whole, left_length + right_length);
    return VKH_OK;
}

struct scored {
    float score;
    int32_t id;
};

static int compare_scores(const void *a, const void *b)
{
    const struct scored *x = a, *y = b;
    return (x->score < y->score) - (x->score > y->score);
}

enum vkh_status vkh_bpe_rank(const struct vkh_place *place, struct vkh_arena *arena,
                             const float *scores, struct vkh_bpe *bpe)
{
    const uint32_t count = bpe->vocab->count;
    bpe->ranks = vkh_arena_alloc(arena, count, sizeof(*bpe->ranks));
    struct scored *order = calloc(count, sizeof(*order));
    if (!bpe->ranks || !order) {
        free(order);
        return vkh_place_memory(place);
    }
    for (uint32_t i = 0; i < count; i++)
        order[i] = (struct scored){scores[i], (int32_t)i};
    qsort(order, count, sizeof(*order), compare_scores);
    uint32_t rank = 0;
    for (uint32_t i = 0; i < count; i++) {
        rank += i > 0 && order[i].score < order[i - 1].score;
        bpe->ranks[order[i].id] = rank;
        const struct vkh_token *token = &bpe->vocab->tokens[order[i].id];
        if (vkh_vocab_find(bpe->vocab, token->text, token->length) == order[i].id)
            vkh_joins_add(&bpe->joins, token->text, token->length);
    }
    free(order);
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

// The token that a symbol makes with its next one, or -1.
static int32_t merge_of(const struct vkh_bpe *bpe, const char *word, const struct bpe_symbol *left,
                        const struct bpe_symbol *right, uint32_t *rank)
{
    if (!bpe->ranks) {
        if (left->id < 0 || right->id < 0)
            return -1;
        const struct vkh_merge *merge = find_merge(bpe, left->id, right->id);
        *rank = merge->rank;
        return merge->result;
    }
    const uint64_t bytes = (uint64_t)left->bytes + right->bytes;
    const int32_t id =
        bytes <= bpe->vocab->longest ? vkh_vocab_find(bpe->vocab, word + left->start, bytes) : -1;
    *rank = id < 0 ? 0 : bpe->ranks[id];
    return id;
}

struct merging {
    const struct vkh_bpe *bpe;
    const char *word;
    struct bpe_symbol *symbols;
    struct queue queue;
};

static void push_pair(struct merging *m, int32_t left)
{
    const int32_t right = left < 0 ? -1 : m->symbols[left].next;
    uint32_t rank;
    if (right < 0)
        return;
    const int32_t result = merge_of(m->bpe, m->word, &m->symbols[left], &m->symbols[right], &rank);
    if (result >= 0)
        push(&m->queue, (struct bpe_candidate){(uint64_t)rank << 32 | (uint32_t)left, result});
}

// A candidate counts as long as its place still holds a pair that merges to the same token.
static void merge_all(struct merging *m)
{
    uint32_t rank;
    while (m->queue.count > 0) {
        const struct bpe_candidate top = pop(&m->queue);
        const int32_t at = (int32_t)(uint32_t)top.order;
        struct bpe_symbol *left = &m->symbols[at];
        if (left->id == MERGED || left->next < 0)
            continue;
        struct bpe_symbol *right = &m->symbols[left->next];
        if (merge_of(m->bpe, m->word, left, right, &rank) != top.result)
            continue;
        left->id = top.result;
        left->bytes += right->bytes;
        left->next = right->next;
        right->id = MERGED;
        if (right->next >= 0)
            m->symbols[right->next].previous = at;
        push_pair(m, left->previous);
        push_pair(m, at);
    }
}

// The token that a symbol begins as, or SPELLED; *missing when it has none, and its bytes neither.
static int32_t begin_symbol(const struct vkh_bpe *bpe, const char *text, uint64_t bytes,
                            bool *missing)
{
    *missing = false;
    const int32_t id =
        bpe->characters ? vkh_vocab_find(bpe->vocab, text, bytes) : bpe->byte_ids[(uint8_t)text[0]];
    if (id >= 0)
        return id;
    *missing = !bpe->ranks && !can_spell(bpe, text, bytes);
    return *missing ? bpe->unknown : SPELLED;
}

// One symbol a byte or character; returns their number.
static int32_t begin(const struct vkh_bpe *bpe, const char *word, uint64_t bytes,
                     struct bpe_symbol *symbols, uint64_t *n_missing)
{
    int32_t n = 0;
    bool missing = false;
    for (uint64_t i = 0, length; i < bytes; i += length) {
        length = bpe->characters ? vkh_joins_step(word + i, bytes - i) : 1;
        const bool fuse = missing && bpe->fuse_unknown;
        const int32_t id = begin_symbol(bpe, word + i, length, &missing);
        if (missing && bpe->unknown < 0)
            *n_missing += length;
        else if (!missing || !fuse)
            symbols[n] = (struct bpe_symbol){id, n - 1, n + 1, (uint32_t)i, (uint32_t)length}, n++;
    }
    if (n > 0)
        symbols[n - 1].next = -1;
    return n;
}

// Appends a symbol without token; *unknown says whether the unknown token stands there already.
static void spell(const struct vkh_bpe *bpe, const char *text, uint64_t bytes, struct vkh_ids *ids,
                  bool *unknown, uint64_t *n_missing)
{
    if (can_spell(bpe, text, bytes)) {
        for (uint64_t i = 0; i < bytes; i++)
            ids->data[ids->count++] = bpe->byte_ids[(uint8_t)text[i]];
        *unknown = false;
        return;
    }
    if (bpe->unknown < 0)
        *n_missing += bytes;
    else if (!*unknown || !bpe->fuse_unknown)
        ids->data[ids->count++] = bpe->unknown;
    *unknown = bpe->unknown >= 0;
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
    struct merging m = {bpe, word, symbols, {scratch->heap, 0}};
    for (int32_t i = 0; i < n; i++)
        push_pair(&m, i);
    merge_all(&m);
    bool unknown = false;
    for (int32_t i = 0; i >= 0; i = symbols[i].next) {
        if (symbols[i].id == SPELLED) {
            spell(bpe, word + symbols[i].start, symbols[i].bytes, ids, &unknown, n_missing);
        } else {
            ids->data[ids->count++] = symbols[i].id;
            unknown = false;
        }
    }
    return VKH_OK;
}
