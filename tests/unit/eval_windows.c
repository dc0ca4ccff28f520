// SPDX-License-Identifier: MIT
// Evaluations laid out in windows and over several texts: which tokens each window scores, what is
// computed once, averages and curves.
#include <math.h>
#include <string.h>

#include "base/size.h"
#include "check.h"
#include "eval/cells.h"
#include "eval/curve.h"
#include "eval/regime.h"
#include "last_line.h"

enum { N_IDS = 3000, VOCAB = 100, KNOWN = 512 };

static int32_t ids[N_IDS];
static const struct vkh_rope_setting rope = {
    .base = 10000.0, .dims = 64, .original_max_len = KNOWN};

static struct vkh_ppl_options options_of(const uint32_t *lengths, uint32_t n_lengths)
{
    static const char *const methods[] = {"baseline", "hybrid:cf=2", "dynamic-ntk:factor=2"};
    return (struct vkh_ppl_options){
        .ids = ids,
        .n_ids = N_IDS,
        .lengths = lengths,
        .n_lengths = n_lengths,
        .methods = methods,
        .n_methods = VKH_COUNTOF(methods),
    };
}

// Every window lies in the text; together they score each token that the regime says, once, with
// the context that it says.
static void check_windows(const struct vkh_ppl_regime *regime, uint32_t n)
{
    static uint32_t scored[N_IDS];
    memset(scored, 0, sizeof(scored));
    uint32_t wrong = 0;
    const uint32_t n_windows = vkh_regime_windows(regime, n);
    for (uint32_t i = 0; i < n_windows; i++) {
        const struct vkh_window window = vkh_regime_window(regime, i, n);
        wrong += window.n_tokens < 1 || window.origin + window.n_tokens > n;
        wrong += window.scored_from < 1 || window.scored_from >= window.n_tokens;
        for (uint32_t t = window.scored_from; t < window.n_tokens; t++) {
            scored[window.origin + t]++;
            wrong += vkh_ppl_regime_context(regime, window.origin + t) != t;
        }
    }
    for (uint32_t t = 0; t < n; t++)
        wrong += scored[t] != vkh_ppl_regime_scores(regime, t, n);
    CHECK_MSG(wrong == 0, "kind %d, window %u, stride %u, %u tokens: %u wrong", (int)regime->kind,
              regime->window, regime->stride, n, wrong);
    CHECK(!vkh_ppl_regime_scores(regime, n, n));
}

static void test_windows(void)
{
    static const uint32_t sizes[] = {2, 3, 4, 5, 63, 64, 65, 100, 101, 199, 200, 201, 999};
    for (size_t i = 0; i < VKH_COUNTOF(sizes); i++) {
        check_windows(&(struct vkh_ppl_regime){.kind = VKH_REGIME_PREFIX}, sizes[i]);
        for (size_t w = 0; w < 8; w++) {
            struct vkh_ppl_regime regime = {VKH_REGIME_WINDOW, sizes[w], 1, false, 0};
            for (; regime.stride < regime.window; regime.stride += 1 + regime.window / 7)
                check_windows(&regime, sizes[i]);
            regime.kind = VKH_REGIME_CHUNKED;
            if (regime.window >= 4)
                check_windows(&regime, sizes[i]);
        }
    }
    const struct vkh_ppl_regime llama = {VKH_REGIME_CHUNKED, 512, 0, false, 0};
    uint32_t n = 0;
    for (uint32_t t = 0; t < 1100; t++)
        n += vkh_ppl_regime_scores(&llama, t, 1100);
    CHECK(n == 2 * (512 - 1 - 256)); // as llama-perplexity counts
}

// Lengths whose schedules are the same share a pass.
static void test_passes(void)
{
    static const uint32_t lengths[] = {100, 512, 600, 3000};
    struct vkh_ppl_options options = options_of(lengths, 4);
    struct vkh_arena arena = {0};
    struct vkh_eval eval;
    CHECK(vkh_eval_init(&options, &rope, NULL, VOCAB, &arena, NULL, &eval) == VKH_OK);
    CHECK(eval.n_readings == 5 && eval.n_tracks == 5);
    const struct vkh_reading *shortest = vkh_eval_reading(&eval, 0, 2, 0);
    CHECK(shortest == vkh_eval_reading(&eval, 0, 2, 1) && shortest->n_tokens == 512);
    CHECK(vkh_eval_reading(&eval, 0, 2, 2)->n_tokens == 600);
    CHECK(vkh_eval_longest_reading(&eval, 0, 2)->n_tokens == 3000);
    CHECK(!eval.lanes[0].why && !eval.lanes[1].why && strstr(eval.lanes[2].why, "dynamic-ntk: "));
    // Up to 512 tokens dynamic NTK is the baseline: that pass is shared whole.
    CHECK(eval.n_groups == 3 && eval.device_tokens == 512 + 2 * 2488 + 600 + 3000);

    // LongRoPE, as the model's own: two lists, two passes.
    static const float list[32] = {[0 ... 31] = 2.0f}, other[32] = {[0 ... 31] = 3.0f};
    struct vkh_method own;
    CHECK(vkh_method_parse("longrope:factor=4,original=512", NULL, &own) == VKH_OK);
    struct vkh_rope_setting setting = rope;
    setting.short_factors = list;
    setting.long_factors = other;
    setting.own = &own;
    options.n_methods = 2;
    CHECK(vkh_eval_init(&options, &setting, NULL, VOCAB, &arena, NULL, &eval) == VKH_OK);
    CHECK(eval.n_readings == 4 && eval.n_groups == 2);
    CHECK(strcmp(eval.lanes[1].applied, "longrope:factor=4,original=512+hybrid:cf=2") == 0);
    CHECK(eval.tracks[2].plain_tokens != 0);
    vkh_arena_fini(&arena);
}

static void test_layout(void)
{
    static const uint32_t lengths[] = {1000, 2900};
    struct vkh_ppl_options options = options_of(lengths, 2);
    options.regime = (struct vkh_ppl_regime){VKH_REGIME_WINDOW, 700, 200, false, 0};
    struct vkh_arena arena = {0};
    struct vkh_eval eval;
    CHECK(vkh_eval_init(&options, &rope, NULL, VOCAB, &arena, NULL, &eval) == VKH_OK);
    // 12 windows, all of 700 tokens; those of 1000 tokens end with one of 600, for dynamic NTK.
    CHECK(vkh_regime_windows(&options.regime, 2900) == 12);
    CHECK(eval.n_readings == 4 && eval.n_tracks == 3 * 12 + 3);
    uint32_t wrong = 0;
    uint64_t tokens = 0;
    for (uint32_t i = 0; i < eval.n_groups; i++) {
        const struct vkh_group *group = &eval.groups[i];
        tokens += group->prefix_tokens;
        wrong += group->first_track + group->n_tracks > eval.n_tracks;
    }
    for (uint32_t i = 0; i < eval.n_tracks; i++) {
        const struct vkh_track *track = &eval.tracks[i];
        const struct vkh_group *group = &eval.groups[track->group];
        const uint32_t lane = eval.readings[track->reading].lane;
        wrong += i < group->first_track || i >= group->first_track + group->n_tracks;
        wrong += eval.tracks[group->first_track].origin != track->origin;
        // Dynamic NTK's two readings share the windows of 700 tokens that both have.
        const uint32_t shared = lane < 2 ? 512 : track->origin < 400 ? 700 : 0;
        wrong += group->prefix_tokens != shared;
        wrong += track->plain_tokens != (lane == 0 ? 700u : lane == 1 ? 513u : 0u);
        tokens += track->n_tokens - group->prefix_tokens;
    }
    CHECK_MSG(wrong == 0, "%u wrong", wrong);
    CHECK(tokens == eval.device_tokens);
    CHECK(eval.tracks[0].scored_from == 1 && eval.tracks[eval.n_tracks - 1].scored_from == 500);
    vkh_arena_fini(&arena);
}

static void check_refused(const struct vkh_ppl_options *options, const char *part)
{
    struct vkh_arena arena = {0};
    struct vkh_eval eval;
    last_line[0] = '\0';
    CHECK(vkh_eval_init(options, &rope, NULL, VOCAB, &arena, &log_to_line, &eval) ==
          VKH_ERR_ARGUMENT);
    CHECK_MSG(strstr(last_line, part), "'%s', not '%s'", last_line, part);
    vkh_arena_fini(&arena);
}

static void test_refusals(void)
{
    static const uint32_t lengths[] = {1000};
    struct vkh_ppl_options options = options_of(lengths, 1);
    const struct {
        struct vkh_ppl_regime regime;
        const char *part;
    } cases[] = {
        {{VKH_REGIME_WINDOW, 1, 1, false, 0}, "window 1: 2 to 16777216 tokens"},
        {{VKH_REGIME_WINDOW, 10, 0, false, 0}, "stride 0: 1 token or more"},
        {{VKH_REGIME_WINDOW, 10, 10, false, 0}, "stride 10: "},
        {{VKH_REGIME_CHUNKED, 3, 0, false, 0}, "window 3: 4 to"},
        {{VKH_REGIME_CHUNKED, 1001, 0, false, 0}, "length 1000: less than a window of 1001"},
        {{VKH_REGIME_CHUNKED, 10, 0, true, 100}, "BOS 100 is outside the model's vocabulary"},
        {{VKH_REGIME_CHUNKED, 10, 0, true, -1}, "BOS -1 is outside"},
        {{VKH_REGIME_PREFIX, 0, 0, true, 1}, "has_bos: "},
        {{VKH_REGIME_PREFIX, 0, 0, true, 100}, "has_bos: "},
        {{VKH_REGIME_WINDOW, 10, 5, true, 1}, "has_bos: "},
    };
    for (size_t i = 0; i < VKH_COUNTOF(cases); i++) {
        options.regime = cases[i].regime;
        check_refused(&options, cases[i].part);
    }
    const struct vkh_ppl_text texts[] = {{"a", ids, 1000}, {"b", ids, 8}};
    options.texts = texts;
    options.n_texts = 2;
    options.regime = (struct vkh_ppl_regime){VKH_REGIME_CHUNKED, 10, 0, false, 0};
    check_refused(&options, "text 1 (b): 8 tokens; the regime needs 10");
    ids[7] = VOCAB;
    options.regime = (struct vkh_ppl_regime){0};
    check_refused(&options, "text 0 (a): token 7: id 100 is outside");
    ids[7] = 7;
    options.lengths = (const uint32_t[]){1001};
    check_refused(&options, "length 1001: the longest text has only 1000 tokens");
}

// NLL that no two tokens, lanes or texts share.
static float made_up(uint32_t text, uint32_t lane, uint32_t t)
{
    return (float)(2.0 + 0.3 * text + 0.1 * lane + sin(0.7 * t + lane));
}

static void prepare(const struct vkh_ppl_options *options, struct vkh_arena *arena,
                    struct vkh_eval *eval)
{
    CHECK(vkh_eval_init(options, &rope, NULL, VOCAB, arena, NULL, eval) == VKH_OK);
    CHECK(vkh_eval_prepare(eval, (uint32_t[]){512, 512}, arena, NULL) == VKH_OK);
    for (uint32_t i = 0; i < eval->n_readings; i++) {
        const struct vkh_reading *r = &eval->readings[i];
        for (uint32_t t = 1; t < r->n_tokens; t++)
            r->nll[t] = made_up(r->text, r->lane, t);
    }
}

static void test_averages(void)
{
    static const uint32_t lengths[] = {100, 400};
    const struct vkh_ppl_text texts[] = {{"a", ids, 150}, {"b", ids, 400}, {"c", ids, 300}};
    struct vkh_ppl_options options = options_of(lengths, 2);
    options.ids = NULL;
    options.n_ids = 0;
    options.texts = texts;
    options.n_texts = 3;
    options.regime = (struct vkh_ppl_regime){VKH_REGIME_WINDOW, 90, 30, false, 0};
    struct vkh_arena arena = {0};
    struct vkh_eval eval;
    struct vkh_ppl_cell cells[6];
    struct vkh_ppl_text_cell parts[18];
    prepare(&options, &arena, &eval);
    CHECK(vkh_eval_cells(&eval, NULL, cells, parts) == VKH_OK);
    const double n[] = {149, 399, 299}, total = 149 + 399 + 299;
    double means[3], pooled = 0, macro = 0, weighted = 0, plain = 0;
    for (uint32_t text = 0; text < 3; text++) {
        double sum = 0;
        for (uint32_t t = 1; t <= n[text]; t++)
            sum += (double)made_up(text, 1, t);
        means[text] = sum / n[text];
        pooled += sum / total;
        macro += means[text] / 3;
        const struct vkh_ppl_text_cell *part = &parts[(text * 3 + 1) * 2 + 1];
        CHECK(part->tokens_scored == n[text] && fabs(part->nll - means[text]) < 1e-12);
    }
    for (uint32_t text = 0; text < 3; text++) {
        weighted += pow(n[text] / total * (means[text] - pooled), 2) * 3 / 2;
        plain += pow(means[text] - macro, 2) / 2 / 3;
    }
    const struct vkh_ppl_cell *cell = &cells[3];
    CHECK(cell->texts == 3 && cell->tokens_scored == total);
    CHECK(fabs(cell->nll - pooled) < 1e-12 && fabs(cell->macro_nll - macro) < 1e-12);
    CHECK(fabs(cell->text_error - exp(pooled) * sqrt(weighted)) < 1e-9);
    CHECK(fabs(cell->macro_error - exp(macro) * sqrt(plain)) < 1e-9);
    CHECK(!cell->compression_active); // no window is beyond the original length

    // In one pass a text that is too short has no part.
    options.regime = (struct vkh_ppl_regime){0};
    prepare(&options, &arena, &eval);
    CHECK(vkh_eval_cells(&eval, NULL, cells, parts) == VKH_OK);
    CHECK(cells[3].texts == 1 && cells[3].tokens_scored == 399 && isnan(cells[3].text_error));
    CHECK(cells[2].texts == 3 && cells[2].tokens_scored == 3 * 99 && cells[2].macro_error > 0);
    CHECK(parts[1].tokens_scored == 0 && isnan(parts[1].ppl));
    vkh_arena_fini(&arena);
}

static void test_best(void)
{
    static const char *const sweeps[] = {"hybrid:cf=1..3:1"};
    static const uint32_t lengths[] = {512, 1000};
    struct vkh_ppl_options options = options_of(lengths, 2);
    options.n_methods = 1;
    options.sweeps = sweeps;
    options.n_sweeps = 1;
    struct vkh_arena arena = {0};
    struct vkh_eval eval;
    struct vkh_ppl_cell cells[8];
    struct vkh_ppl_text_cell parts[8];
    prepare(&options, &arena, &eval);
    CHECK(eval.n_lanes == 4 && eval.n_sweeps == 1 && eval.sweeps[0].n == 3);
    CHECK(vkh_eval_cells(&eval, NULL, cells, parts) == VKH_OK);
    // The first of those that move anything: made_up grows with the lane.
    CHECK(eval.sweeps[0].best[0] == UINT32_MAX && eval.sweeps[0].best[1] == 1);
    CHECK(eval.sweeps[0].methods[1] == 2 && eval.sweeps[0].values[1] == 2);
    vkh_arena_fini(&arena);
}

static void test_curves(void)
{
    static const uint32_t lengths[] = {300};
    struct vkh_ppl_options options = options_of(lengths, 1);
    options.regime = (struct vkh_ppl_regime){VKH_REGIME_CHUNKED, 64, 0, false, 0};
    struct vkh_arena arena = {0};
    struct vkh_eval eval;
    struct vkh_ppl_curve curves[VKH_CURVES];
    prepare(&options, &arena, &eval);
    CHECK(vkh_eval_curves(&eval, &arena, NULL, curves) == VKH_OK);
    const struct vkh_ppl_curve *linear = &curves[VKH_CURVE_LINEAR],
                               *octaves = &curves[VKH_CURVE_LOG];
    CHECK(linear->n_buckets == 31 && linear->buckets[0].first == 33 &&
          linear->buckets[0].end == 34);
    CHECK(octaves->n_buckets == 1 && octaves->buckets[0].first == 32 &&
          octaves->buckets[0].end == 64);
    CHECK(linear->buckets[0].tokens == 4 && octaves->buckets[0].tokens == 4 * 31);
    double sum = 0, squares = 0;
    for (uint32_t w = 0; w < 4; w++)
        sum += (double)made_up(0, 1, w * 64 + 34) / 4;
    for (uint32_t w = 0; w < 4; w++)
        squares += pow((double)made_up(0, 1, w * 64 + 34) - sum, 2);
    CHECK(fabs(linear->nll[31 + 1] - sum) < 1e-12);
    CHECK(fabs(linear->standard_error[31 + 1] - sqrt(squares / 3 / 4)) < 1e-9);
    vkh_arena_fini(&arena);
}

int main(void)
{
    for (int i = 0; i < N_IDS; i++)
        ids[i] = i % VOCAB;
    test_windows();
    test_passes();
    test_layout();
    test_refusals();
    test_averages();
    test_best();
    test_curves();
    return check_result();
}
