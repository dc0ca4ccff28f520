// SPDX-License-Identifier: MIT
// What lanes are compared with: which readings and tracks, in which order, and what comes of it.
#include <math.h>
#include <string.h>

#include "base/size.h"
#include "check.h"
#include "eval/divergence.h"
#include "eval/memory.h"
#include "last_line.h"

enum { N_IDS = 3000, VOCAB = 100, KNOWN = 512 };

static int32_t ids[N_IDS];
static const struct vkh_rope_setting rope = {
    .base = 10000.0, .dims = 64, .original_max_len = KNOWN};
static const uint32_t lengths[] = {256, 600, 1500, 3000};
static const char *const methods[] = {"baseline", "hybrid:cf=2", "linear:factor=4"};
// Only whether there is one matters to the layout.
static const struct vkh_model *const some_model = (const struct vkh_model *)&rope;

static struct vkh_ppl_options options_of(const char *kl)
{
    return (struct vkh_ppl_options){
        .ids = ids,
        .n_ids = N_IDS,
        .lengths = lengths,
        .n_lengths = VKH_COUNTOF(lengths),
        .methods = methods,
        .n_methods = VKH_COUNTOF(methods),
        .kl = kl,
    };
}

// Every track's reference is the same window of the reference lane, at least as long, walked before
// it or with it; groups are of one model.
static void check_order(const struct vkh_eval *eval)
{
    uint32_t wrong = 0;
    for (uint32_t i = 0; i < eval->n_tracks; i++) {
        const struct vkh_track *track = &eval->tracks[i];
        const struct vkh_track *other = &eval->tracks[track->reference];
        const struct vkh_reading *reading = &eval->readings[track->reading];
        const bool itself = reading->lane == eval->reference;
        const struct vkh_group *group = &eval->groups[track->group];
        wrong += other->reading != reading->reference || other->reference != track->reference;
        wrong += eval->readings[other->reading].lane != eval->reference;
        wrong += itself != (track == other) || track->reference > i;
        wrong += other->origin != track->origin || other->n_tokens < track->n_tokens ||
                 other->scored_from != track->scored_from;
        wrong += eval->readings[other->reading].text != reading->text;
        wrong += other->group > track->group;
        for (uint32_t j = group->first_track; j < group->first_track + group->n_tracks; j++)
            wrong += eval->tracks[j].group == track->group &&
                     vkh_eval_model_of(eval, &eval->tracks[j]) != vkh_eval_model_of(eval, track);
    }
    CHECK_MSG(wrong == 0, "%u wrong", wrong);
    // At every length both sides are those of that length.
    for (uint32_t text = 0; text < eval->n_texts; text++)
        for (uint32_t lane = 0; lane < vkh_eval_all_lanes(eval); lane++)
            for (uint32_t l = 0; l < eval->n_lengths; l++) {
                const struct vkh_reading *r = vkh_eval_reading(eval, text, lane, l);
                CHECK(!r || &eval->readings[r->reference] ==
                                vkh_eval_reading(eval, text, eval->reference, l));
            }
}

static void test_one_model(void)
{
    struct vkh_arena arena = {0};
    struct vkh_eval eval;
    struct vkh_ppl_options options = options_of("hybrid:cf=2.0");
    CHECK(vkh_eval_init(&options, &rope, NULL, VOCAB, &arena, NULL, &eval) == VKH_OK);
    CHECK(eval.n_lanes == 3 && eval.reference == 1 && vkh_eval_all_lanes(&eval) == 3);
    CHECK(eval.readings[0].lane == 1 && eval.n_readings == 3 && eval.n_groups == 2);
    CHECK(eval.groups[0].prefix_tokens == 512); // as without a comparison
    check_order(&eval);
    options.kl = "yarn:factor=2"; // becomes a method
    CHECK(vkh_eval_init(&options, &rope, NULL, VOCAB, &arena, NULL, &eval) == VKH_OK);
    CHECK(eval.n_lanes == 4 && eval.reference == 3 && eval.readings[0].lane == 3);
    check_order(&eval);
    options.kl = NULL;
    CHECK(vkh_eval_init(&options, &rope, NULL, VOCAB, &arena, NULL, &eval) == VKH_OK);
    CHECK(eval.reference == VKH_NONE && eval.readings[0].reference == VKH_NONE &&
          eval.tracks[2].reference == VKH_NONE);
    vkh_arena_fini(&arena);
}

// A reference that is another one at each length splits the readings of all.
static void test_varying(void)
{
    struct vkh_arena arena = {0};
    struct vkh_eval eval;
    struct vkh_ppl_options options = options_of("dynamic-ntk:factor=2");
    CHECK(vkh_eval_init(&options, &rope, NULL, VOCAB, &arena, NULL, &eval) == VKH_OK);
    CHECK(eval.n_readings == 4 * 4);
    check_order(&eval);
    // With 768 tokens this method turns as the reference does with 1024: it shares nothing with
    // that track, which is walked before the reference at 768.
    static const uint32_t two[] = {768, 1024};
    options.methods = (const char *const[]){"baseline", "dynamic-ntk:factor=4"};
    options.n_methods = 2;
    options.lengths = two;
    options.n_lengths = 2;
    CHECK(vkh_eval_init(&options, &rope, NULL, VOCAB, &arena, NULL, &eval) == VKH_OK);
    const struct vkh_track *longer = &eval.tracks[0], *same = &eval.tracks[eval.n_tracks - 1];
    CHECK(longer->n_tokens == 1024 && same->n_tokens == 768 && same->group > longer->group &&
          vkh_schedule_same_turns(longer->schedule, same->schedule));
    check_order(&eval);
    options = options_of("dynamic-ntk:factor=2");
    static const struct vkh_ppl_regime regimes[] = {{VKH_REGIME_WINDOW, 700, 200, false, 0},
                                                    {VKH_REGIME_WINDOW, 2000, 1999, false, 0},
                                                    {VKH_REGIME_CHUNKED, 250, 0, false, 0}};
    static const struct vkh_ppl_text texts[] = {{"a", ids, 3000}, {"b", ids, 700}, {"c", ids, 900}};
    for (size_t i = 0; i < VKH_COUNTOF(regimes); i++) {
        options.regime = regimes[i];
        options.texts = texts;
        options.n_texts = VKH_COUNTOF(texts);
        CHECK(vkh_eval_init(&options, &rope, NULL, VOCAB, &arena, NULL, &eval) == VKH_OK);
        check_order(&eval);
        options.separate = true;
        CHECK(vkh_eval_init(&options, &rope, NULL, VOCAB, &arena, NULL, &eval) == VKH_OK);
        check_order(&eval);
        options.separate = false;
    }
    vkh_arena_fini(&arena);
}

static void test_other_model(void)
{
    struct vkh_arena arena = {0};
    struct vkh_eval eval;
    struct vkh_rope_setting other = rope;
    struct vkh_ppl_options options = options_of("baseline");
    options.kl_model = some_model;
    CHECK(vkh_eval_init(&options, &rope, &other, VOCAB, &arena, NULL, &eval) == VKH_OK);
    CHECK(eval.n_lanes == 3 && eval.reference == 3 && vkh_eval_all_lanes(&eval) == 4);
    CHECK(eval.n_readings == 4 && vkh_eval_model(&eval, 3) == VKH_OTHER);
    // The other model's baseline shares nothing with this one's.
    CHECK(eval.n_groups == 3 && eval.groups[0].prefix_tokens == 0);
    CHECK(eval.device_tokens == 3000 + 512 + 2 * 2488 + 3000);
    check_order(&eval);
    // Rows and weights of both count.
    const struct vkh_eval_resident models[VKH_N_MODELS] = {
        {{.weights = 1000, .activations = 500, .chunk = 512, .kv = {2, 64, 0, true}}, 3, 128},
        {{.weights = 70, .activations = 30, .chunk = 512, .kv = {2, 64, 0, true}}, 1, 256}};
    const struct vkh_ppl_memory memory = vkh_eval_memory(&eval, models, 10000, 1u << 30);
    CHECK(memory.weights == 1070 && memory.kv == 3ull * 2 * 2 * 64 * 2 * 3008);
    CHECK(memory.activations > 530 + 10000 + 3000ull * 256 * 4 && memory.fits &&
          memory.activations < 530 + 10000 + 3000ull * (256 * 4 + 64));
    other.base = 20000;
    options.original_max_len = 100;
    CHECK(vkh_eval_init(&options, &rope, &other, VOCAB, &arena, NULL, &eval) == VKH_OK);
    CHECK(eval.tracks[0].schedule->setting.base == 20000 &&
          eval.tracks[1].schedule->setting.base == 10000);
    CHECK(eval.ropes[VKH_OTHER].original_max_len == 100);
    vkh_arena_fini(&arena);
}

static void check_refused(const struct vkh_ppl_options *options, const char *line)
{
    struct vkh_arena arena = {0};
    struct vkh_eval eval;
    CHECK(vkh_eval_init(options, &rope, NULL, VOCAB, &arena, &log_to_line, &eval) ==
          VKH_ERR_ARGUMENT);
    CHECK_MSG(strcmp(last_line, line) == 0, "'%s', not '%s'", last_line, line);
    vkh_arena_fini(&arena);
}

static void test_refusals(void)
{
    struct vkh_ppl_options options = options_of("baseline");
    options.n_methods = 1;
    check_refused(&options, "kl baseline: there is no other method to compare with it");
    options.kl = NULL;
    options.kl_model = some_model;
    check_refused(&options, "kl_model: kl, a method, is missing");
}

// Numbers whose percentiles are known: 1 … 100, of 101 tokens from the second on.
static void test_divergences(void)
{
    static const uint32_t hundred[] = {11, 101};
    struct vkh_arena arena = {0};
    struct vkh_eval eval;
    struct vkh_ppl_kl *kl;
    struct vkh_ppl_options options = options_of("baseline");
    options.lengths = hundred;
    options.n_lengths = 2;
    CHECK(vkh_eval_init(&options, &rope, NULL, VOCAB, &arena, NULL, &eval) == VKH_OK);
    CHECK(vkh_eval_prepare(&eval, (uint32_t[]){64, 0}, &arena, NULL) == VKH_OK);
    const struct vkh_reading *reading = vkh_eval_reading(&eval, 0, 1, 1);
    for (uint32_t t = 1; t < 101; t++) // neither ascending nor descending
        reading->kl[t] = (struct vkh_ppl_token_kl){(float)(t * 37 % 101), t % 4 == 0};
    CHECK(vkh_eval_divergences(&eval, &arena, NULL, &kl) == VKH_OK);
    const struct vkh_ppl_kl *cell = &kl[1 * 2 + 1];
    CHECK(cell->mean == 50.5 && cell->median == 50.5 && cell->maximum == 100);
    CHECK(fabs(cell->p90 - 90.1) < 1e-12 && fabs(cell->p95 - 95.05) < 1e-12 &&
          fabs(cell->p99 - 99.01) < 1e-12);
    CHECK(fabs(cell->standard_error - sqrt(83325.0 / 99 / 100)) < 1e-12);
    CHECK(cell->same_top == 0.75 && kl[1 * 2].same_top == 0.8); // tokens 1 … 10 at length 11
    CHECK(kl[0].mean == 0 && kl[0].maximum == 0 && kl[0].same_top == 1 && kl[1].same_top == 1);
    reading->kl[7].kl = NAN;
    CHECK(vkh_eval_divergences(&eval, &arena, &log_to_line, &kl) == VKH_ERR_INTERNAL);
    CHECK_MSG(strstr(last_line, "method hybrid:cf=2: the KL divergence of token 7"), "%s",
              last_line);
    vkh_arena_fini(&arena);
}

int main(void)
{
    test_one_model();
    test_varying();
    test_other_model();
    test_refusals();
    test_divergences();
    return check_result();
}
