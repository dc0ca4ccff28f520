// SPDX-License-Identifier: MIT
// How texts and methods are dealt out, and that what is joined is what the whole gives.
#include <math.h>
#include <string.h>

#include "base/average.h"
#include "base/size.h"
#include "check.h"
#include "eval/eval.h"
#include "last_line.h"

enum { N_IDS = 3000, MOST = 16 };

static int32_t ids[N_IDS];
static const struct vkh_rope_setting rope = {.base = 10000.0, .dims = 64, .original_max_len = 512};
static const char *const methods[] = {"baseline", "hybrid:cf=1.5", "linear:factor=4"};
static const char *const sweeps[] = {"hybrid:cf=2..3:0.5"};
static const uint32_t lengths[] = {100, 600, 3000};

static struct vkh_ppl_options options_of(const struct vkh_ppl_text *texts, uint32_t n_texts)
{
    return (struct vkh_ppl_options){.texts = texts,
                                    .n_texts = n_texts,
                                    .lengths = lengths,
                                    .n_lengths = VKH_COUNTOF(lengths),
                                    .methods = methods,
                                    .n_methods = VKH_COUNTOF(methods),
                                    .sweeps = sweeps,
                                    .n_sweeps = 1};
}

// What a share computes, into `seen`; its tokens.
static uint64_t take(const struct vkh_ppl_options *options, int seen[MOST][MOST])
{
    struct vkh_arena arena = {0};
    struct vkh_eval eval;
    CHECK_MSG(vkh_eval_init(options, &rope, NULL, 100, &arena, &log_to_line, &eval) == VKH_OK, "%s",
              last_line);
    const struct vkh_ppl_block *block = &eval.block;
    CHECK(eval.texts == options->texts + block->first_text && block->all_texts == options->n_texts);
    CHECK(block->all_methods == 6 && eval.n_texts > 0 && eval.n_lanes > 0 && eval.n_lengths > 0);
    uint64_t tokens = 0;
    for (uint32_t r = 0; r < eval.n_readings; r++)
        tokens += eval.readings[r].n_tokens;
    CHECK(tokens > 0);
    for (uint32_t t = 0; t < eval.n_texts; t++)
        for (uint32_t m = 0; m < eval.n_lanes; m++)
            seen[block->first_text + t][block->first_method + m]++;
    CHECK(eval.n_sweeps == 1);
    for (uint32_t i = 0; i < eval.sweeps[0].n; i++) {
        char name[32];
        snprintf(name, sizeof(name), "hybrid:cf=%g", eval.sweeps[0].values[i]);
        CHECK(strcmp(eval.lanes[eval.sweeps[0].methods[i]].name, name) == 0);
    }
    vkh_arena_fini(&arena);
    return tokens;
}

static void check_once(int seen[MOST][MOST], uint32_t n_texts, uint32_t count)
{
    for (uint32_t t = 0; t < n_texts; t++)
        for (uint32_t m = 0; m < 6; m++)
            CHECK_MSG(seen[t][m] == 1, "%u shares: text %u, method %u: %d times", count, t, m,
                      seen[t][m]);
}

// Every text and method in one share exactly, for any number of them, and of parts of them.
static void check_cover(const uint32_t *sizes, uint32_t n_texts)
{
    struct vkh_ppl_text texts[MOST];
    uint32_t n_useful = 0;
    for (uint32_t t = 0; t < n_texts; t++) {
        texts[t] = (struct vkh_ppl_text){"", ids, sizes[t]};
        n_useful += sizes[t] >= 100;
    }
    struct vkh_ppl_options options = options_of(texts, n_texts);
    for (uint32_t count = 1; count <= 6 * n_useful; count++) {
        int seen[MOST][MOST] = {0}, in_parts[MOST][MOST] = {0};
        for (uint32_t i = 1; i <= count; i++) {
            options.shard = (struct vkh_ppl_share){i, count};
            options.part = (struct vkh_ppl_share){0};
            take(&options, seen);
            for (uint32_t part = 1; part <= 2 && count * 2 <= n_useful; part++) {
                options.part = (struct vkh_ppl_share){part, 2};
                if (count == 1)
                    take(&options, in_parts);
            }
        }
        check_once(seen, n_texts, count);
        if (count == 1 && n_useful >= 2)
            check_once(in_parts, n_texts, count);
    }
    options.part = (struct vkh_ppl_share){0};
    options.shard = (struct vkh_ppl_share){1, 6 * n_useful + 1};
    struct vkh_arena arena = {0};
    struct vkh_eval eval;
    CHECK(vkh_eval_init(&options, &rope, NULL, 100, &arena, &log_to_line, &eval) ==
          VKH_ERR_ARGUMENT);
    CHECK(strstr(last_line, "shard 1 of "));
    vkh_arena_fini(&arena);
}

static void test_cover(void)
{
    check_cover((const uint32_t[]){3000}, 1);
    check_cover((const uint32_t[]){3000, 3000, 3000, 3000}, 4);
    check_cover((const uint32_t[]){50, 3000, 10, 100, 700, 3000, 99}, 7);
    check_cover((const uint32_t[]){100, 100, 100, 100, 100, 100, 3000}, 7);
    check_cover((const uint32_t[]){3000, 2, 2, 2}, 4);
}

// No share of texts alone is larger than the mean by more than a text.
static void test_balance(void)
{
    static const uint32_t sizes[] = {600, 700, 3000, 100, 650, 2999, 610, 3000, 120, 800};
    struct vkh_ppl_text texts[VKH_COUNTOF(sizes)];
    uint64_t total = 0;
    int seen[MOST][MOST] = {0};
    for (size_t t = 0; t < VKH_COUNTOF(sizes); t++)
        texts[t] = (struct vkh_ppl_text){"", ids, sizes[t]};
    struct vkh_ppl_options options = options_of(texts, VKH_COUNTOF(sizes));
    total = take(&options, seen);
    for (uint32_t count = 2; count <= 5; count++) {
        uint64_t sum = 0;
        for (uint32_t i = 1; i <= count; i++) {
            options.shard = (struct vkh_ppl_share){i, count};
            const uint64_t tokens = take(&options, seen);
            CHECK_MSG(tokens <= total / count + 6 * 3000, "%u of %u: %llu of %llu tokens", i, count,
                      (unsigned long long)tokens, (unsigned long long)total);
            sum += tokens;
        }
        CHECK(sum == total);
    }
}

// With divergences methods alone are shared out; what they are compared with is in every part, in
// the table of one.
static void test_reference(void)
{
    struct vkh_ppl_text texts[2] = {{"", ids, N_IDS}, {"", ids, 700}};
    struct vkh_ppl_options options = options_of(texts, 2);
    struct vkh_arena arena = {0};
    struct vkh_eval eval;
    options.kl = "hybrid:cf=2.5";
    for (uint32_t count = 1; count <= 6; count++) {
        int seen[MOST][MOST] = {0}, shown = 0;
        for (uint32_t i = 1; i <= count; i++) {
            options.shard = (struct vkh_ppl_share){i, count};
            take(&options, seen);
            CHECK(vkh_eval_init(&options, &rope, NULL, 100, &arena, &log_to_line, &eval) == VKH_OK);
            CHECK(eval.n_texts == 2 && eval.reference <= eval.n_lanes);
            CHECK(strcmp(eval.lanes[eval.reference].name, "hybrid:cf=2.5") == 0);
            CHECK(vkh_eval_model(&eval, eval.reference) == VKH_OWN);
            shown += eval.reference < eval.n_lanes;
            for (uint32_t r = 0; r < eval.n_readings; r++)
                CHECK(eval.readings[eval.readings[r].reference].lane == eval.reference);
        }
        check_once(seen, 2, count);
        CHECK_MSG(shown == 1, "%u shares: %d show the reference", count, shown);
    }
    options.shard = (struct vkh_ppl_share){1, 7};
    CHECK(vkh_eval_init(&options, &rope, NULL, 100, &arena, &log_to_line, &eval) ==
          VKH_ERR_ARGUMENT);
    CHECK(strstr(last_line, "with kl, 6 methods"));
    vkh_arena_fini(&arena);
}

static void test_refusals(void)
{
    const struct vkh_ppl_text text = {"", ids, N_IDS};
    static const struct vkh_ppl_share bad[] = {{0, 1}, {2, 1}, {1, 0}, {7, 7}, {UINT32_MAX, 0}};
    for (size_t i = 0; i < VKH_COUNTOF(bad); i++) {
        struct vkh_ppl_options options = options_of(&text, 1);
        struct vkh_arena arena = {0};
        struct vkh_eval eval;
        options.shard = bad[i];
        CHECK(vkh_eval_init(&options, &rope, NULL, 100, &arena, &log_to_line, &eval) ==
              VKH_ERR_ARGUMENT);
        options.shard = (struct vkh_ppl_share){0};
        options.part = bad[i];
        CHECK(vkh_eval_init(&options, &rope, NULL, 100, &arena, &log_to_line, &eval) ==
              VKH_ERR_ARGUMENT);
        vkh_arena_fini(&arena);
    }
}

static struct vkh_moments moments_of(const double *values, uint32_t n)
{
    struct vkh_moments m = {n, 0.0, 0.0};
    double squares = 0.0;
    for (uint32_t i = 0; i < n; i++)
        m.mean += values[i] / n;
    for (uint32_t i = 0; i < n; i++)
        squares += (values[i] - m.mean) * (values[i] - m.mean);
    m.deviation = n > 1 ? sqrt(squares / (n - 1)) : 0.0;
    return m;
}

static void test_moments(void)
{
    double values[100];
    for (int i = 0; i < 100; i++)
        values[i] = sin(i * i) * 3 + 5;
    const struct vkh_moments all = moments_of(values, 100);
    for (uint32_t cut = 0; cut <= 100; cut++) {
        const struct vkh_moments a = moments_of(values, cut),
                                 b = moments_of(values + cut, 100 - cut),
                                 both = vkh_moments_join(a, b);
        CHECK(both.n == 100 && fabs(both.mean - all.mean) < 1e-13 &&
              fabs(both.deviation - all.deviation) < 1e-13);
    }
    const struct vkh_moments same = vkh_moments_join((struct vkh_moments){0}, all);
    CHECK(same.n == all.n && same.mean == all.mean && same.deviation == all.deviation);
}

int main(void)
{
    test_cover();
    test_balance();
    test_reference();
    test_refusals();
    test_moments();
    return check_result();
}
