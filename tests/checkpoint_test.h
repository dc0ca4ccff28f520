// SPDX-License-Identifier: MIT
// A small run's checkpoint, whose every number follows from where it lies, for tests and fuzzing.
#ifndef VKH_TESTS_CHECKPOINT_TEST_H
#define VKH_TESTS_CHECKPOINT_TEST_H

#include <string.h>

#include "eval/checkpoint.h"

enum { MADE_ROWS = 5, MADE_PIECES = 2, MADE_PIECE_BYTES = 40, MADE_CHUNKS = 6 };

// A prefix of three chunks, a track of two, whose last needs no keys and values, and one of one.
static const struct {
    uint32_t part, index, n_rows;
    uint64_t kv_at;
    bool has_kv;
} made_chunks[MADE_CHUNKS] = {
    {0, 0, MADE_ROWS, 0, true},   {0, 1, MADE_ROWS, 80, true}, {0, 2, 2, 160, true},
    {1, 0, MADE_ROWS, 240, true}, {1, 1, 1, 0, false},         {2, 0, 3, 0, false},
};

static inline struct vkh_checkpoint_plan made_plan(const char *path)
{
    return (struct vkh_checkpoint_plan){.path = path,
                                        .identity = "model 0123\nmethods baseline hybrid:cf=2\n",
                                        .kv_bytes = 320,
                                        .most_rows = MADE_ROWS};
}

// Memory of one chunk.
struct made {
    struct vkh_checkpoint_chunk chunk;
    float rows[MADE_ROWS];
    unsigned char kv[MADE_PIECES][MADE_PIECE_BYTES];
    void *pieces[MADE_PIECES];
};

static inline void made_describe(struct made *made, uint32_t i, bool with_kv)
{
    memset(made, 0, sizeof(*made));
    for (int p = 0; p < MADE_PIECES; p++)
        made->pieces[p] = made->kv[p];
    made->chunk = (struct vkh_checkpoint_chunk){
        .part = made_chunks[i].part,
        .index = made_chunks[i].index,
        .n_rows = made_chunks[i].n_rows,
        .rows = made->rows,
        .kv_at = made_chunks[i].kv_at,
        .kv_bytes = MADE_PIECE_BYTES,
        .n_kv = with_kv && made_chunks[i].has_kv ? MADE_PIECES : 0,
        .kv = made->pieces,
    };
}

static inline void made_fill(struct made *made, uint32_t i)
{
    made_describe(made, i, true);
    for (uint32_t r = 0; r < made->chunk.n_rows; r++)
        made->rows[r] = (float)(10 * i + r) / 3;
    for (uint32_t p = 0; p < made->chunk.n_kv; p++)
        for (int b = 0; b < MADE_PIECE_BYTES; b++)
            made->kv[p][b] = (unsigned char)(b + 50 * p + 7 * i);
    made->chunk.mark = i + 0.25;
    made->chunk.spent = (struct vkh_spent){i + 1.0, i + 0.5, 0.125};
}

// Whether what was read of chunk i is what made_fill wrote.
static inline bool made_same(const struct made *got, uint32_t i)
{
    struct made want;
    made_fill(&want, i);
    return memcmp(got->rows, want.rows, sizeof(want.rows)) == 0 &&
           (got->chunk.n_kv == 0 || memcmp(got->kv, want.kv, sizeof(want.kv)) == 0) &&
           got->chunk.mark == want.chunk.mark &&
           memcmp(&got->chunk.spent, &want.chunk.spent, sizeof(want.chunk.spent)) == 0;
}

#endif
