// SPDX-License-Identifier: MIT
// A small run's checkpoint, whose every number follows from where it lies, for tests and fuzzing.
#ifndef VKH_TESTS_CHECKPOINT_TEST_H
#define VKH_TESTS_CHECKPOINT_TEST_H

#include <string.h>

#include "eval/checkpoint.h"

enum { MADE_WORDS = 5, MADE_PIECES = 2, MADE_PIECE_BYTES = 40, MADE_CHUNKS = 6 };

// A prefix of three chunks, a track of two, whose last needs no keys and values and whose rows
// others are compared with, and one of one.
static const struct {
    uint32_t part, index, n_words;
    uint64_t kv_at, rows_at;
    bool has_kv, has_rows;
} made_chunks[MADE_CHUNKS] = {
    {0, 0, MADE_WORDS, 0, 0, true, false}, {0, 1, MADE_WORDS, 80, 0, true, false},
    {0, 2, 2, 160, 0, true, false},        {1, 0, MADE_WORDS, 240, 320, true, true},
    {1, 1, 1, 0, 360, false, true},        {2, 0, 3, 0, 0, false, false},
};

static inline struct vkh_checkpoint_plan made_plan(const char *path)
{
    return (struct vkh_checkpoint_plan){.path = path,
                                        .identity = "model 0123\nmethods baseline hybrid:cf=2\n",
                                        .kept_bytes = 400,
                                        .most_bytes = MADE_WORDS * sizeof(float)};
}

// Memory of one chunk.
struct made {
    struct vkh_checkpoint_chunk chunk;
    float results[MADE_WORDS];
    // Keys and values, and behind them rows.
    unsigned char kept[MADE_PIECES + 1][MADE_PIECE_BYTES];
    void *pieces[MADE_PIECES + 1];
};

static inline void made_describe(struct made *made, uint32_t i, bool with_kv, bool with_rows)
{
    memset(made, 0, sizeof(*made));
    for (int p = 0; p <= MADE_PIECES; p++)
        made->pieces[p] = made->kept[p];
    made->chunk = (struct vkh_checkpoint_chunk){
        .part = made_chunks[i].part,
        .index = made_chunks[i].index,
        .n_bytes = made_chunks[i].n_words * sizeof(float),
        .results = made->results,
        .kept = {{made_chunks[i].kv_at, MADE_PIECE_BYTES,
                  with_kv && made_chunks[i].has_kv ? MADE_PIECES : 0, made->pieces},
                 {made_chunks[i].rows_at, MADE_PIECE_BYTES, with_rows && made_chunks[i].has_rows,
                  made->pieces + MADE_PIECES}},
        .settles = made_chunks[i].has_rows && made_chunks[i].index == 1,
    };
}

static inline void made_fill(struct made *made, uint32_t i)
{
    made_describe(made, i, true, true);
    for (uint32_t r = 0; r < made_chunks[i].n_words; r++)
        made->results[r] = (float)(10 * i + r) / 3;
    for (uint32_t p = 0; p <= MADE_PIECES; p++)
        for (int b = 0; b < MADE_PIECE_BYTES; b++)
            made->kept[p][b] = (unsigned char)(b + 50 * p + 7 * i);
    made->chunk.mark = i + 0.25;
    made->chunk.spent = (struct vkh_spent){i + 1.0, i + 0.5, 0.125};
}

// Whether what was read of chunk i is what made_fill wrote.
static inline bool made_same(const struct made *got, uint32_t i)
{
    struct made want;
    made_fill(&want, i);
    return memcmp(got->results, want.results, sizeof(want.results)) == 0 &&
           memcmp(got->kept, want.kept, got->chunk.kept[0].n * sizeof(want.kept[0])) == 0 &&
           memcmp(got->kept[MADE_PIECES], want.kept[MADE_PIECES],
                  got->chunk.kept[1].n * sizeof(want.kept[0])) == 0 &&
           got->chunk.mark == want.chunk.mark &&
           memcmp(&got->chunk.spent, &want.chunk.spent, sizeof(want.chunk.spent)) == 0;
}

#endif
