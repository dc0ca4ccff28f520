// SPDX-License-Identifier: MIT
#include <math.h>
#include <string.h>

#include "base/size.h"
#include "check.h"
#include "eval/cells.h"
#include "eval/memory.h"
#include "last_line.h"

enum { N_IDS = 3000, VOCAB = 100, KNOWN = 512 };

static int32_t ids[N_IDS];
static const struct vkh_rope_setting rope = {
    .base = 10000.0, .dims = 64, .original_max_len = KNOWN};
static const uint32_t lengths[] = {1024, 512, 3000, 512, 2};
static const char *const methods[] = {"baseline", "hybrid:cf=1.50", "linear:factor=4",
                                      "hybrid:cf=2"};

static struct vkh_ppl_options options_of(void)
{
    return (struct vkh_ppl_options){
        .ids = ids,
        .n_ids = N_IDS,
        .lengths = lengths,
        .n_lengths = VKH_COUNTOF(lengths),
        .methods = methods,
        .n_methods = VKH_COUNTOF(methods),
    };
}

static void check_refused(const struct vkh_ppl_options *options, enum vkh_status want,
                          const char *line)
{
    struct vkh_arena arena = {0};
    struct vkh_eval eval;
    last_line[0] = '\0';
    CHECK(vkh_eval_init(options, &rope, NULL, VOCAB, &arena, &log_to_line, &eval) == want);
    CHECK_MSG(strcmp(last_line, line) == 0, "'%s', not '%s'", last_line, line);
    vkh_arena_fini(&arena);
}

static void test_refusals(void)
{
    struct vkh_ppl_options options = options_of();
    options.n_ids = 2999;
    check_refused(&options, VKH_ERR_ARGUMENT, "length 3000: the text has only 2999 tokens");
    options = options_of();
    options.n_lengths = 0;
    check_refused(&options, VKH_ERR_ARGUMENT, "lengths: none given");
    options.lengths = (const uint32_t[]){1};
    options.n_lengths = 1;
    check_refused(&options, VKH_ERR_ARGUMENT, "length 1: a perplexity needs 2 tokens or more");
    options = options_of();
    options.n_methods = 0;
    check_refused(&options, VKH_ERR_ARGUMENT, "methods: none given");
    options.methods = (const char *const[]){"hybrid:cf=2", "baseline", "hybrid:cf=2.0"};
    options.n_methods = 3;
    check_refused(&options, VKH_ERR_ARGUMENT, "method hybrid:cf=2 is given twice");
    options.methods = (const char *const[]){"yarm"};
    options.n_methods = 1;
    check_refused(&options, VKH_ERR_ARGUMENT,
                  "method 'yarm', term 'yarm': unknown method (accepted: baseline, own, plain, "
                  "rope-freqs, hybrid, grouped, linear, ntk, dynamic-ntk, yarn, longrope, llama3, "
                  "proportional)");
    options = options_of();
    ids[2998] = VOCAB;
    check_refused(&options, VKH_ERR_ARGUMENT,
                  "token 2998: id 100 is outside the model's vocabulary of 100");
    ids[2998] = -1;
    check_refused(&options, VKH_ERR_ARGUMENT,
                  "token 2998: id -1 is outside the model's vocabulary of 100");
    ids[2998] = VOCAB - 1;
    check_refused(&options, VKH_OK, "");
}

static void test_layout(void)
{
    struct vkh_arena arena = {0};
    struct vkh_eval eval;
    struct vkh_ppl_options options = options_of();
    CHECK(vkh_eval_init(&options, &rope, NULL, VOCAB, &arena, NULL, &eval) == VKH_OK);
    CHECK(eval.n_lengths == 4 && eval.lengths[0] == 2 && eval.lengths[1] == 512 &&
          eval.lengths[2] == 1024 && eval.lengths[3] == 3000);
    CHECK(eval.n_lanes == 4 && strcmp(eval.lanes[1].name, "hybrid:cf=1.5") == 0);
    CHECK(eval.n_tracks == 4 && eval.n_groups == 2);
    // Positions 0 … 512 are alike: 513 tokens, cut at a tile.
    CHECK(eval.groups[0].prefix_tokens == 512 && eval.groups[1].prefix_tokens == 0);
    CHECK(eval.tracks[0].group == 0 && eval.tracks[1].group == 0 && eval.tracks[2].group == 1 &&
          eval.tracks[3].group == 0);
    CHECK(eval.tracks[0].plain_tokens == 3000 && eval.tracks[1].plain_tokens == 513 &&
          eval.tracks[2].plain_tokens == 0);
    CHECK(eval.device_tokens == 512 + 3 * (3000 - 512) + 3000);
    CHECK(vkh_eval_reading(&eval, 0, 2, 0) == &eval.readings[2]);

    options.original_max_len = 1000; // not a multiple of a tile
    CHECK(vkh_eval_init(&options, &rope, NULL, VOCAB, &arena, NULL, &eval) == VKH_OK);
    CHECK(eval.groups[0].prefix_tokens == 960);
    options.original_max_len = 2999; // nothing moves: all is shared
    CHECK(vkh_eval_init(&options, &rope, NULL, VOCAB, &arena, NULL, &eval) == VKH_OK);
    CHECK(eval.groups[0].prefix_tokens == 3000 && eval.device_tokens == 6000);
    options.original_max_len = 63; // 64 tokens alike
    CHECK(vkh_eval_init(&options, &rope, NULL, VOCAB, &arena, NULL, &eval) == VKH_OK);
    CHECK(eval.n_groups == 2 && eval.groups[0].prefix_tokens == 64);
    options.original_max_len = 62;
    CHECK(vkh_eval_init(&options, &rope, NULL, VOCAB, &arena, NULL, &eval) == VKH_OK);
    CHECK(eval.n_groups == 4 && eval.groups[0].prefix_tokens == 0);

    options = options_of();
    options.separate = true;
    CHECK(vkh_eval_init(&options, &rope, NULL, VOCAB, &arena, NULL, &eval) == VKH_OK);
    CHECK(eval.n_tracks == 16 && eval.n_groups == 16);
    for (uint32_t lane = 0; lane < 4; lane++)
        for (uint32_t i = 0; i < 4; i++) {
            const struct vkh_reading *reading = vkh_eval_reading(&eval, 0, lane, i);
            CHECK(reading->lane == lane && reading->n_tokens == eval.lengths[i]);
        }
    CHECK(eval.device_tokens == 4 * (2 + 512 + 1024 + 3000));
    vkh_arena_fini(&arena);
}

static void test_memory(void)
{
    struct vkh_arena arena = {0};
    struct vkh_eval eval;
    struct vkh_ppl_options options = options_of();
    CHECK(vkh_eval_init(&options, &rope, NULL, VOCAB, &arena, NULL, &eval) == VKH_OK);
    const struct vkh_eval_resident models[VKH_N_MODELS] = {
        {{.weights = 1000, .activations = 500, .chunk = 512, .kv = {2, 64, 0, true}}, 3, 128}};
    struct vkh_ppl_memory memory = vkh_eval_memory(&eval, models, 0, 1u << 30);
    // The hybrid group: 512 + 2496 slots; as many as linear's 3008, which is one pass.
    CHECK(memory.kv == 3ull * 2 * 2 * 64 * 2 * 3008);
    CHECK(memory.weights == 1000 && memory.activations > 500 + 3000 * 16);
    CHECK(memory.peak == memory.weights + memory.activations + memory.kv && memory.fits);
    const uint64_t peak = memory.peak;
    CHECK(vkh_eval_memory(&eval, models, 0, peak).fits);
    CHECK(!vkh_eval_memory(&eval, models, 0, peak - 1).fits);
    vkh_arena_fini(&arena);
}

static void check_buffers(const struct vkh_eval *eval, const struct vkh_eval_resident *models,
                          uint64_t bound, uint64_t allocated, const char *says)
{
    const struct vkh_caps caps = {.max_storage_range = bound, .max_allocation = allocated};
    last_line[0] = '\0';
    const enum vkh_status status = vkh_eval_check_buffers(eval, models, &caps, &log_to_line);
    CHECK_MSG(status == (says ? VKH_ERR_DEVICE_MEMORY : VKH_OK) &&
                  strstr(last_line, says ? says : ""),
              "status %d, '%s'", (int)status, last_line);
}

// What is the largest that the device must bind, and allocate, to the byte.
static void test_buffers(void)
{
    struct vkh_arena arena = {0};
    struct vkh_eval eval;
    struct vkh_ppl_options options = options_of();
    options.kl = "linear:factor=4"; // one part of 3000 tokens
    CHECK(vkh_eval_init(&options, &rope, NULL, VOCAB, &arena, NULL, &eval) == VKH_OK);
    struct vkh_eval_resident models[VKH_N_MODELS] = {{{.chunk = 512, .kv = {2, 64}}, 3, 128}};
    const uint64_t head = 2 * 3008 * 64 * 4, plenty = 1u << 30;
    check_buffers(&eval, models, head, 2 * head, NULL);
    check_buffers(&eval, models, head - 1, plenty,
                  "3000 tokens: one head's keys and values in F32");
    check_buffers(&eval, models, plenty, 2 * head - 1, "one layer's keys and values in F32");
    models[VKH_OWN].plan.kv.half = true;
    check_buffers(&eval, models, head / 2, head, NULL);
    check_buffers(&eval, models, head / 2 - 1, plenty,
                  "3000 tokens: one head's keys and values in F16");
    models[VKH_OWN].plan.kv.packed = true; // it is unpacked to be read
    check_buffers(&eval, models, head / 2, head, NULL);
    check_buffers(&eval, models, head / 2 - 1, plenty,
                  "3000 tokens: one head's keys and values in F16");
    models[VKH_OWN].hidden = 1024;
    check_buffers(&eval, models, plenty, 3000 * 1024 * 4, NULL);
    check_buffers(&eval, models, plenty, 3000 * 1024 * 4 - 1, "3000 tokens: the rows of what");
    vkh_arena_fini(&arena);
}

// NLL that no two tokens or lanes share.
static float made_up(uint32_t lane, uint32_t t)
{
    return (float)(2.0 + 0.1 * lane + sin(0.7 * t + lane));
}

static void fill(struct vkh_eval *eval)
{
    for (uint32_t i = 0; i < eval->n_readings; i++) {
        struct vkh_reading *reading = &eval->readings[i];
        for (uint32_t t = 1; t < reading->n_tokens; t++)
            reading->nll[t] = made_up(reading->lane, t);
    }
}

static void check_cell(const struct vkh_eval *eval, const struct vkh_ppl_cell *cells, uint32_t lane,
                       uint32_t i)
{
    const struct vkh_ppl_cell *cell = &cells[lane * eval->n_lengths + i];
    const uint32_t n = eval->lengths[i];
    long double sum = 0, squares = 0;
    for (uint32_t t = n - 1; t > 0; t--) {
        sum += made_up(lane, t);
        squares += (long double)made_up(lane, t) * made_up(lane, t);
    }
    const long double mean = sum / (n - 1);
    const long double variance = n > 2 ? (squares - (n - 1) * mean * mean) / (n - 2) : 0;
    const long double ppl = expl(mean);
    CHECK(strcmp(cell->method, eval->lanes[lane].name) == 0);
    CHECK(cell->length == n && cell->tokens_scored == n - 1);
    CHECK(fabsl(cell->nll - mean) < 1e-12L);
    CHECK(fabsl(cell->ppl - ppl) < 1e-11L);
    CHECK(fabsl(cell->standard_error - ppl * sqrtl(variance / (n - 1))) < 1e-9L);
    const bool active[] = {false, n > KNOWN + 1, true, n > KNOWN + 1};
    CHECK(cell->compression_active == active[lane]);
    const double baseline = cells[i].ppl;
    CHECK(fabs(cell->vs_baseline_percent - (1 - cell->ppl / baseline) * 100) < 1e-9);
}

static void test_cells(bool separate)
{
    struct vkh_arena arena = {0};
    struct vkh_eval eval;
    struct vkh_ppl_cell cells[16];
    struct vkh_ppl_text_cell text_cells[16];
    struct vkh_ppl_options options = options_of();
    options.separate = separate;
    CHECK(vkh_eval_init(&options, &rope, NULL, VOCAB, &arena, NULL, &eval) == VKH_OK);
    CHECK(vkh_eval_prepare(&eval, (uint32_t[]){512, 512}, &arena, NULL) == VKH_OK);
    fill(&eval);
    CHECK(vkh_eval_cells(&eval, NULL, cells, text_cells) == VKH_OK);
    for (uint32_t lane = 0; lane < 4; lane++)
        for (uint32_t i = 0; i < 4; i++)
            check_cell(&eval, cells, lane, i);

    struct vkh_reading *reading =
        (struct vkh_reading *)vkh_eval_reading(&eval, 0, 3, eval.n_lengths - 1);
    CHECK(vkh_eval_is_finite(&eval));
    eval.models[VKH_OWN] = "small";
    reading->nll[2999] = NAN;
    CHECK(!vkh_eval_is_finite(&eval));
    CHECK(vkh_eval_cells(&eval, &log_to_line, cells, text_cells) == VKH_ERR_INTERNAL);
    CHECK_MSG(
        strncmp(last_line, "small, text 0, method hybrid:cf=2: the NLL of token 2999 is", 59) == 0,
        "%s", last_line);
    CHECK(!strchr(last_line, ';'));
    eval.remedy = "try it another way";
    CHECK(vkh_eval_cells(&eval, &log_to_line, cells, text_cells) == VKH_ERR_INTERNAL);
    CHECK(strstr(last_line, "; try it another way"));
    reading->nll[2999] = 1e9f;
    CHECK(vkh_eval_cells(&eval, &log_to_line, cells, text_cells) == VKH_ERR_INTERNAL);
    CHECK(strstr(last_line, "small, method hybrid:cf=2: the mean NLL of length 3000 is"));
    vkh_arena_fini(&arena);
}

static void test_without_baseline(void)
{
    struct vkh_arena arena = {0};
    struct vkh_eval eval;
    struct vkh_ppl_cell cells[8];
    struct vkh_ppl_text_cell text_cells[8];
    struct vkh_ppl_options options = options_of();
    options.methods++;
    options.n_methods = 2;
    CHECK(vkh_eval_init(&options, &rope, NULL, VOCAB, &arena, NULL, &eval) == VKH_OK);
    CHECK(vkh_eval_prepare(&eval, (uint32_t[]){64, 64}, &arena, NULL) == VKH_OK);
    fill(&eval);
    CHECK(vkh_eval_cells(&eval, NULL, cells, text_cells) == VKH_OK);
    for (int i = 0; i < 8; i++)
        CHECK(isnan(cells[i].vs_baseline_percent));
    vkh_arena_fini(&arena);
}

static void test_times(void)
{
    double seconds[] = {2.0, 3.0, 3.5};
    const struct vkh_marks marks = {100, 250, seconds};
    CHECK(vkh_marks_until(&marks, 0) == 0.0);
    CHECK(vkh_marks_until(&marks, 50) == 1.0);
    CHECK(vkh_marks_until(&marks, 100) == 2.0);
    CHECK(vkh_marks_until(&marks, 150) == 2.5);
    CHECK(vkh_marks_until(&marks, 225) == 3.25);
    CHECK(vkh_marks_until(&marks, 250) == 3.5);

    struct vkh_arena arena = {0};
    struct vkh_eval eval;
    struct vkh_ppl_cell cells[16];
    struct vkh_ppl_text_cell text_cells[16];
    const struct vkh_ppl_options options = options_of();
    CHECK(vkh_eval_init(&options, &rope, NULL, VOCAB, &arena, NULL, &eval) == VKH_OK);
    CHECK(vkh_eval_prepare(&eval, (uint32_t[]){512, 512}, &arena, NULL) == VKH_OK);
    fill(&eval);
    eval.groups[0].marks.seconds[0] = 4.0;
    for (int i = 0; i < 5; i++)
        eval.tracks[3].marks.seconds[i] = 1.0 + i;
    CHECK(vkh_eval_cells(&eval, NULL, cells, text_cells) == VKH_OK);
    const struct vkh_ppl_cell *row = &cells[12];
    CHECK(row[0].seconds == 4.0 * 2 / 512 && row[1].seconds == 4.0);
    CHECK(row[2].seconds == 5.0 && row[2].tokens_per_second == 1024 / 5.0);
    CHECK(row[3].seconds == 9.0);
    vkh_arena_fini(&arena);
}

int main(void)
{
    for (int i = 0; i < N_IDS; i++)
        ids[i] = i % VOCAB;
    test_refusals();
    test_layout();
    test_memory();
    test_buffers();
    test_cells(false);
    test_cells(true);
    test_without_baseline();
    test_times();
    return check_result();
}
