// SPDX-License-Identifier: MIT
// What tests of checkpoints share: a small run, which can be stopped after any of its steps.
#ifndef VKH_TESTS_RESUME_TEST_H
#define VKH_TESTS_RESUME_TEST_H

#include <string.h>

#include "api_test.h"
#include "last_line.h"

enum { N = 260, MOST_METHODS = 4 };

static int32_t ids[N];
static const struct vkh_log warnings_to_line = {keep_line, NULL, VKH_LOG_WARNING};

// Where a run is, and when it is to stop.
struct watch {
    uint32_t stop_after; // steps of its own; 0: never
    uint32_t steps;
    uint64_t done, total, resumed;
};

static inline bool step(void *user, const struct vkh_ppl_progress *at)
{
    struct watch *watch = user;
    CHECK(at->resumed <= at->done && at->done <= at->total && at->done > watch->done);
    watch->steps += at->done > at->resumed;
    watch->done = at->done;
    watch->total = at->total;
    watch->resumed = at->resumed;
    return watch->steps == 0 || watch->steps != watch->stop_after;
}

static const uint32_t two_lengths[] = {64, N};
static const char *const methods[MOST_METHODS] = {"baseline", "hybrid:cf=1.5", "hybrid:cf=2",
                                                  "dynamic-ntk:factor=2"};

// Many small chunks; hybrid's part begins in the middle.
static inline struct vkh_ppl_options usual(void)
{
    return (struct vkh_ppl_options){.ids = ids,
                                    .n_ids = N,
                                    .lengths = two_lengths,
                                    .n_lengths = 2,
                                    .methods = methods,
                                    .n_methods = MOST_METHODS,
                                    .original_max_len = 128,
                                    .chunk = 64,
                                    .keep_nll = true};
}

static inline enum vkh_status run(struct vkh_device *device, const struct vkh_model *model,
                                  struct vkh_ppl_options options, struct watch *watch,
                                  struct vkh_ppl_results **results)
{
    options.progress = step;
    options.user = watch;
    last_line[0] = '\0';
    return vkh_ppl_run(device, model, &options, &warnings_to_line, results);
}

// Sums and tokens.
static inline bool are_same_kl(const struct vkh_ppl_results *a, const struct vkh_ppl_results *b)
{
    const uint32_t n = a->n_methods * a->n_lengths;
    bool same = memcmp(a->kl, b->kl, n * sizeof(*a->kl)) == 0;
    for (uint32_t i = 0; same && i < a->n_texts * a->n_methods; i++)
        same = memcmp(a->token_kl[i], b->token_kl[i],
                      a->text_used[i / a->n_methods] * sizeof(**a->token_kl)) == 0;
    return same;
}

// Two models of one vocabulary, which the ids are then of.
struct pair {
    struct vkh_model *model, *other;
};

static inline struct pair open_pair(const char *path, const char *other_path)
{
    struct pair pair;
    if (vkh_model_open(path, &warnings_to_line, &pair.model) != VKH_OK ||
        vkh_model_open(other_path, &warnings_to_line, &pair.other) != VKH_OK)
        exit(1);
    for (uint32_t i = 0; i < N; i++)
        ids[i] %= (int32_t)vkh_model_get_info(pair.model).vocab;
    return pair;
}

static inline void close_pair(struct pair *pair)
{
    vkh_model_close(&pair->model);
    vkh_model_close(&pair->other);
}

// The same bits, times apart.
static inline bool are_same(const struct vkh_ppl_results *a, const struct vkh_ppl_results *b)
{
    bool same = a->n_methods == b->n_methods && a->n_lengths == b->n_lengths;
    for (uint32_t i = 0; same && i < a->n_methods * a->n_lengths; i++)
        same = a->cells[i].ppl == b->cells[i].ppl && a->cells[i].nll == b->cells[i].nll &&
               a->cells[i].standard_error == b->cells[i].standard_error;
    for (uint32_t i = 0; same && i < a->n_texts * a->n_methods; i++)
        same = memcmp(a->nll[i], b->nll[i], a->text_used[i / a->n_methods] * sizeof(**a->nll)) == 0;
    return same && (a->kl != NULL) == (b->kl != NULL) && (!a->kl || are_same_kl(a, b));
}

static inline void check_other(struct vkh_device *device, const struct vkh_model *model,
                               const struct vkh_ppl_options *options, const char *name)
{
    struct vkh_ppl_results *results;
    struct watch watch = {0};
    char says[64];
    snprintf(says, sizeof(says), "the checkpoint is another run's: %s is \"", name);
    CHECK_MSG(run(device, model, *options, &watch, &results) == VKH_ERR_ARGUMENT && !results,
              "another %s is taken", name);
    CHECK_MSG(strstr(last_line, says) != NULL, "'%s', not '%s'", last_line, says);
}

#endif
