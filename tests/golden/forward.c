// SPDX-License-Identifier: MIT
// vkh_ppl_run on small random models: against a forward pass in double, and against itself with
// other chunks, without a shared prefix, and with one pass a length.
#include "base/size.h"
#include "ppl_run.h"
#include "reference_model.h"

enum { KNOWN = 130, N_IDS = 400, N_METHODS = 4 };

static int32_t ids[N_IDS];
static const uint32_t lengths[] = {2, 64, 131, 132, 333};
enum { N_LENGTHS = VKH_COUNTOF(lengths), LONGEST = 333 };
static const struct reference_method methods[N_METHODS] = {
    {"baseline", 1, 1, KNOWN},
    {"hybrid:cf=1.5", 1.5, 1, KNOWN},
    {"own+hybrid:cf=1.8+linear:factor=2", 1.8, 2, KNOWN},
    {"hybrid:cf=2", 2, 1, KNOWN},
};

static struct vkh_ppl_options options_of(void)
{
    static const char *specs[N_METHODS];
    for (int i = 0; i < N_METHODS; i++)
        specs[i] = methods[i].spec;
    return (struct vkh_ppl_options){
        .ids = ids,
        .n_ids = N_IDS,
        .lengths = lengths,
        .n_lengths = N_LENGTHS,
        .methods = specs,
        .n_methods = N_METHODS,
        .keep_nll = true,
    };
}

static const struct vkh_ppl_cell *cell_of(const struct vkh_ppl_results *results, uint32_t method,
                                          uint32_t length)
{
    return &results->cells[method * results->n_lengths + length];
}

static void check_method(const struct vkh_model *model, const struct vkh_ppl_results *results,
                         uint32_t m, double ppl_tolerance, double nll_tolerance)
{
    static double want[LONGEST];
    reference_nll(model, ids, LONGEST, &methods[m], want);
    double sum = 0.0, worst = 0.0;
    uint32_t next = 0, wrong = 0;
    CHECK(results->nll[m][0] == 0.0f);
    for (uint32_t t = 1; t < LONGEST; t++) {
        const double difference = fabs((double)results->nll[m][t] - want[t]);
        wrong += !(difference <= nll_tolerance);
        worst = fmax(worst, difference);
        sum += want[t];
        if (t + 1 < lengths[next])
            continue;
        const double ppl = exp(sum / t);
        const struct vkh_ppl_cell *cell = cell_of(results, m, next++);
        CHECK_MSG(fabs(cell->ppl / ppl - 1) <= ppl_tolerance, "%s, length %u: PPL %.9g, not %.9g",
                  methods[m].spec, cell->length, cell->ppl, ppl);
    }
    CHECK(next == N_LENGTHS);
    CHECK_MSG(wrong == 0, "%s: the NLL of %u tokens, off by up to %g", methods[m].spec, wrong,
              worst);
}

static void check_against_reference(struct gpu_test *test, const struct vkh_model *model,
                                    double ppl_tolerance, double nll_tolerance)
{
    const struct vkh_ppl_options options = options_of();
    struct vkh_ppl_results *results = ppl_run(test, model, &options);
    for (uint32_t m = 0; m < N_METHODS; m++)
        check_method(model, results, m, ppl_tolerance, nll_tolerance);
    // The methods differ by far more than the tolerance, or the above would prove nothing.
    for (uint32_t m = 1; m < N_METHODS; m++)
        CHECK(fabs(cell_of(results, m, N_LENGTHS - 1)->vs_baseline_percent) > 1.0);
    CHECK(results->device_tokens == 128 + 3 * (LONGEST - 128) + LONGEST);
    vkh_ppl_results_destroy(&results);
}

static void check_same_bits(const struct vkh_ppl_results *a, const struct vkh_ppl_results *b,
                            const char *what)
{
    for (uint32_t m = 0; m < N_METHODS; m++) {
        CHECK_MSG(memcmp(a->nll[m], b->nll[m], LONGEST * sizeof(float)) == 0, "%s: NLL of %s", what,
                  a->methods[m]);
        for (uint32_t i = 0; i < N_LENGTHS; i++)
            CHECK_MSG(cell_of(a, m, i)->ppl == cell_of(b, m, i)->ppl, "%s: PPL of %s at %u", what,
                      a->methods[m], lengths[i]);
    }
}

static void check_chunks(struct gpu_test *test, const struct vkh_model *model)
{
    static const uint32_t chunks[] = {0, 64, 128, 192};
    struct vkh_ppl_options options = options_of();
    struct vkh_ppl_results *first = ppl_run(test, model, &options);
    for (size_t i = 0; i < VKH_COUNTOF(chunks); i++) {
        char what[32];
        snprintf(what, sizeof(what), "chunk %u", chunks[i]);
        options.chunk = chunks[i];
        struct vkh_ppl_results *again = ppl_run(test, model, &options);
        CHECK(chunks[i] == 0 || again->chunk == chunks[i]);
        check_same_bits(first, again, what);
        vkh_ppl_results_destroy(&again);
    }
    vkh_ppl_results_destroy(&first);
}

static void check_sharing(struct gpu_test *test, const struct vkh_model *model)
{
    struct vkh_ppl_options options = options_of();
    struct vkh_ppl_results *first = ppl_run(test, model, &options);
    options.separate = true;
    struct vkh_ppl_results *separate = ppl_run(test, model, &options);
    check_same_bits(first, separate, "separate passes");
    uint64_t tokens = 0;
    for (uint32_t i = 0; i < N_LENGTHS; i++)
        tokens += lengths[i];
    CHECK(separate->device_tokens == N_METHODS * tokens);
    vkh_ppl_results_destroy(&separate);

    // One method alone has no prefix to share.
    options = options_of();
    options.methods += 3;
    options.n_methods = 1;
    struct vkh_ppl_results *alone = ppl_run(test, model, &options);
    CHECK(memcmp(alone->nll[0], first->nll[3], LONGEST * sizeof(float)) == 0);
    CHECK(isnan(alone->cells[0].vs_baseline_percent));
    vkh_ppl_results_destroy(&alone);
    vkh_ppl_results_destroy(&first);
}

// Every method is the baseline below original_max_len: one pass is everybody's.
static void check_all_shared(struct gpu_test *test, const struct vkh_model *model)
{
    struct vkh_ppl_options options = options_of();
    options.methods = (const char *const[]){"hybrid:cf=2", "baseline"};
    options.n_methods = 2;
    options.original_max_len = LONGEST - 1;
    struct vkh_ppl_results *results = ppl_run(test, model, &options);
    CHECK(results->device_tokens == LONGEST);
    CHECK(results->original_max_len == LONGEST - 1 && !results->original_max_len_from_model);
    CHECK(memcmp(results->nll[0], results->nll[1], LONGEST * sizeof(float)) == 0);
    CHECK(results->nll[0][LONGEST - 1] > 0);
    for (uint32_t i = 0; i < N_LENGTHS; i++) {
        CHECK(cell_of(results, 0, i)->vs_baseline_percent == 0.0);
        CHECK(!cell_of(results, 0, i)->compression_active);
    }
    vkh_ppl_results_destroy(&results);
}

struct watch {
    struct vkh_ppl_progress last;
    uint64_t stop_at, calls, backwards;
    bool saw_prefix;
};

static bool watch_progress(void *user, const struct vkh_ppl_progress *progress)
{
    struct watch *watch = user;
    watch->backwards += progress->done <= watch->last.done;
    watch->saw_prefix |= strcmp(progress->method, "shared prefix") == 0;
    watch->calls++;
    watch->last = *progress;
    return progress->done < watch->stop_at;
}

static void check_progress(struct gpu_test *test, const struct vkh_model *model)
{
    struct watch watch = {.stop_at = UINT64_MAX};
    struct vkh_ppl_options options = options_of();
    options.chunk = 64;
    options.progress = watch_progress;
    options.user = &watch;
    struct vkh_ppl_results *results = ppl_run(test, model, &options);
    CHECK(watch.last.done == watch.last.total && watch.last.total == results->device_tokens);
    CHECK(watch.calls == 2 + 3 * 4 + 6 && watch.backwards == 0 && watch.saw_prefix);
    CHECK(results->seconds > 0 && results->device_seconds <= results->seconds * 1.5);
    vkh_ppl_results_destroy(&results);

    watch = (struct watch){.stop_at = 300};
    CHECK(vkh_ppl_run(test->device, model, &options, &log_to_line, &results) == VKH_ERR_CANCELLED);
    CHECK(!results && watch.last.done == 320);
    CHECK_MSG(strcmp(last_line, "cancelled after 320 of 1076 tokens") == 0, "%s", last_line);
}

static struct vkh_ppl_memory plan_within(struct gpu_test *test, const struct vkh_model *model,
                                         struct vkh_ppl_options options, enum vkh_kv_type kv_type,
                                         uint64_t bytes)
{
    struct vkh_caps *caps = (struct vkh_caps *)vkh_device_caps(test->device);
    const uint64_t heap = caps->heap_bytes;
    struct vkh_ppl_memory memory = {0};
    options.kv_type = kv_type;
    caps->heap_bytes = bytes;
    CHECK(vkh_ppl_plan(test->device, model, &options, &log_to_line, &memory) == VKH_OK);
    caps->heap_bytes = heap;
    return memory;
}

// What is chosen as a device gets smaller, and that what is too small is an error beforehand.
static void check_memory(struct gpu_test *test, const struct vkh_model *model)
{
    struct vkh_caps *caps = (struct vkh_caps *)vkh_device_caps(test->device);
    const uint64_t heap = caps->heap_bytes;
    const struct vkh_ppl_options options = options_of();
    const struct vkh_ppl_memory all = plan_within(test, model, options, VKH_KV_AUTO, heap);
    CHECK(all.fits && all.device == heap && all.walk == VKH_WALK_CHUNKS);
    CHECK(strcmp(all.kv_type, "F32") == 0);
    CHECK(vkh_device_memory_use(test->device).device_peak <= all.peak);
    CHECK(vkh_device_memory_use(test->device).device_peak * 1.5 > all.peak);
    const struct vkh_ppl_memory less = plan_within(test, model, options, VKH_KV_AUTO, all.peak - 1);
    CHECK(less.fits && less.walk != VKH_WALK_CHUNKS && strcmp(less.kv_type, "F32") == 0);
    const struct vkh_ppl_memory least = plan_within(test, model, options, VKH_KV_F32, 1);
    CHECK(!least.fits && least.peak < less.peak);
    const struct vkh_ppl_memory halves =
        plan_within(test, model, options, VKH_KV_AUTO, least.peak - 1);
    CHECK(halves.fits && strcmp(halves.kv_type, "F16") == 0);

    struct vkh_ppl_options fp32 = options;
    struct vkh_ppl_results *results;
    fp32.kv_type = VKH_KV_F32;
    caps->heap_bytes = least.peak - 1;
    const struct vkh_memory_use before = vkh_device_memory_use(test->device);
    CHECK(vkh_ppl_run(test->device, model, &fp32, &log_to_line, &results) == VKH_ERR_DEVICE_MEMORY);
    CHECK(vkh_device_memory_use(test->device).device_peak == before.device_peak);
    char part[64];
    snprintf(part, sizeof(part), "needs %llu bytes", (unsigned long long)least.peak);
    CHECK_MSG(strstr(last_line, part), "%s", last_line);
    caps->heap_bytes = heap;
}

// A weight that is not a number gives an error that names it, never a cell.
static void check_not_finite(struct gpu_test *test, struct vkh_model *model)
{
    const struct vkh_ppl_options options = options_of();
    struct vkh_ppl_results *results;
    float *norm = (float *)model->output_norm->data;
    const float kept = norm[3];
    norm[3] = NAN;
    CHECK(vkh_ppl_run(test->device, model, &options, &log_to_line, &results) == VKH_ERR_FORMAT);
    CHECK(!results);
    CHECK_MSG(strstr(last_line, "tensor output_norm: not all of its numbers are finite"), "%s",
              last_line);
    norm[3] = kept;
}

struct tally {
    char operations[64];
    uint32_t variants, chosen, wrong;
};

static void tally_variant(void *user, const char *operation, const char *variant, bool supported,
                          bool chosen, uint32_t missing_caps)
{
    struct tally *tally = user;
    tally->variants++;
    tally->wrong += (chosen && !supported) || (supported && missing_caps) || !*variant;
    if (!chosen)
        return;
    tally->chosen++;
    strncat(tally->operations, operation, 20);
    strncat(tally->operations, " ", 2);
}

static void check_variants(struct gpu_test *test)
{
    struct tally tally = {0};
    CHECK(vkh_ppl_variants(test->device, tally_variant, &tally) == VKH_OK);
    static const char always[] = "rmsnorm matmul attention head tier ";
    CHECK_MSG(strncmp(tally.operations, always, strlen(always)) == 0, "%s", tally.operations);
    const char *rest = tally.operations + strlen(always);
    CHECK_MSG(!*rest || strcmp(rest, "operands unpack tile ") == 0, "%s", rest);
    CHECK(tally.variants >= tally.chosen && tally.wrong == 0);
}

int main(void)
{
    static const float factors[] = {1, 1, 1.5f, 2, 3, 4, 4, 4};
    const struct vkh_config gqa = {
        .name = "gqa",
        .architecture = "llama",
        .n_layers = 2,
        .hidden = 64,
        .n_heads = 4,
        .n_kv_heads = 2,
        .head_dim = 16,
        .rotary_dim = 16,
        .ffn = 96,
        .vocab = 160,
        .norm_eps = 1e-5,
        .rope_base = 10000.0,
        .rope_scaling = "rope-freqs",
        .rope_factors = factors,
        .context_length = KNOWN,
        .rope_layout = VKH_ROPE_INTERLEAVED,
        .embedding_scale = 1.0,
        .attention_scale = 0.25,
    };
    struct vkh_config wide = gqa; // heads wider than the hidden size, partly rotated
    wide.n_kv_heads = 1;
    wide.head_dim = 32;
    wide.attention_scale = 1.0 / sqrt(32.0);
    wide.rotary_dim = 24;
    wide.vocab = 157;
    wide.rope_scaling[0] = '\0';
    wide.rope_factors = NULL;
    wide.rope_layout = VKH_ROPE_HALVES;
    uint64_t state = 3;
    for (int i = 0; i < N_IDS; i++)
        ids[i] = (int32_t)(test_random(&state) % 157);
    struct gpu_test test = gpu_test_open();
    struct vkh_model model;
    random_model(&gqa, VKH_F32, true, 11, &model);
    check_against_reference(&test, &model, 2e-4, 2e-3);
    check_chunks(&test, &model);
    check_sharing(&test, &model);
    check_memory(&test, &model);
    check_all_shared(&test, &model);
    check_progress(&test, &model);
    check_not_finite(&test, &model);
    check_variants(&test);
    vkh_arena_fini(&model.arena);
    random_model(&wide, VKH_F32, false, 12, &model);
    check_against_reference(&test, &model, 2e-4, 2e-3);
    vkh_arena_fini(&model.arena);
    random_model(&gqa, VKH_F16, false, 13, &model);
    check_against_reference(&test, &model, 1e-3, 2e-2);
    check_chunks(&test, &model);
    check_sharing(&test, &model);
    vkh_arena_fini(&model.arena);
    return gpu_test_close(&test);
}
