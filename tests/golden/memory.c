// SPDX-License-Identifier: MIT
// Runs within ever less device memory, down to the least that will do: every way of doing them
// gives the same bits, and none takes more than its plan says.
#include "base/size.h"
#include "kernels/kv.h"
#include "ppl_run.h"
#include "reference_model.h"
#include "tier_test.h"

enum { KNOWN = 70, N_IDS = 270, N_METHODS = 4, MOST_PLANS = 64 };

static int32_t ids[N_IDS];
static const uint32_t lengths[] = {64, 205};
static const char *const methods[N_METHODS] = {"baseline", "hybrid:cf=1.5", "hybrid:cf=2",
                                               "linear:factor=2"};
static const struct vkh_ppl_text texts[] = {{"a", ids, 205}, {"b", ids + 65, 205}};

static struct vkh_ppl_options usual(void)
{
    return (struct vkh_ppl_options){
        .ids = ids,
        .n_ids = N_IDS,
        .lengths = lengths,
        .n_lengths = VKH_COUNTOF(lengths),
        .methods = methods,
        .n_methods = N_METHODS,
        .keep_nll = true,
    };
}

// What is planned for all of the memory, and for ever less where it is another walk or takes twice
// the batches; the last one is the least that will do. Returns how many there are.
static uint32_t list_plans(struct gpu_test *test, const struct vkh_model *model,
                           struct vkh_ppl_options options, struct vkh_ppl_memory *plans)
{
    struct vkh_ppl_memory plan, last = {0};
    uint32_t n = 0;
    for (; n < MOST_PLANS; options.memory = plan.peak - 1, last = plan) {
        CHECK(vkh_ppl_plan(test->device, model, &options, &log_to_line, &plan) == VKH_OK);
        CHECK(plan.fits == (plan.peak <= plan.limit));
        if (!plan.fits)
            break;
        if (n == 0 || plan.walk != plans[n - 1].walk || plan.batches >= 4 * plans[n - 1].batches)
            plans[n++] = plan;
    }
    CHECK_MSG(n > 0 && plan.peak == last.peak, "%llu bytes are said to be the least, not %llu",
              (unsigned long long)plan.peak, (unsigned long long)last.peak);
    if (n > 0 && plans[n - 1].peak != last.peak)
        plans[n++] = last;
    return n;
}

static void check_same_divergences(const struct vkh_ppl_results *a, const struct vkh_ppl_results *b,
                                   const char *what)
{
    for (uint32_t i = 0; i < a->n_texts * a->n_methods; i++)
        CHECK_MSG(memcmp(a->token_kl[i], b->token_kl[i],
                         a->text_used[i / a->n_methods] * sizeof(**a->token_kl)) == 0,
                  "%s: divergences of %s", what, a->methods[i % a->n_methods]);
}

static void check_same_bits(const struct vkh_ppl_results *a, const struct vkh_ppl_results *b,
                            const char *what)
{
    CHECK((a->token_kl != NULL) == (b->token_kl != NULL));
    if (a->token_kl)
        check_same_divergences(a, b, what);
    for (uint32_t i = 0; i < a->n_texts * a->n_methods; i++)
        CHECK_MSG(memcmp(a->nll[i], b->nll[i], a->text_used[i / a->n_methods] * sizeof(**a->nll)) ==
                      0,
                  "%s: NLL of %s", what, a->methods[i % a->n_methods]);
    for (uint32_t i = 0; i < a->n_methods * a->n_lengths; i++)
        CHECK_MSG(a->cells[i].ppl == b->cells[i].ppl && b->cells[i].seconds > 0, "%s: cell %u",
                  what, i);
}

static void check_too_little(struct gpu_test *test, const struct vkh_model *model,
                             struct vkh_ppl_options options, uint64_t least)
{
    struct vkh_ppl_results *results;
    char part[128];
    options.memory = least - 1;
    CHECK(vkh_ppl_run(test->device, model, &options, &log_to_line, &results) ==
          VKH_ERR_DEVICE_MEMORY);
    snprintf(part, sizeof(part), "needs %llu bytes of device memory at the least; it may take %llu",
             (unsigned long long)least, (unsigned long long)least - 1);
    CHECK_MSG(!results && strstr(last_line, part), "%s", last_line);
}

// One run, which must be as planned.
static struct vkh_ppl_results *run_planned(struct gpu_test *test, const struct vkh_model *model,
                                           struct vkh_ppl_options options,
                                           const struct vkh_ppl_memory *plan, const char *what)
{
    const uint64_t before = vkh_device_memory_use(test->device).device_peak; // of all runs so far
    options.memory = plan->peak;
    struct vkh_ppl_results *results = ppl_run(test, model, &options);
    const struct vkh_ppl_memory *memory = &results->memory;
    CHECK_MSG(memory->walk == plan->walk && memory->peak == plan->peak &&
                  memory->limit == plan->peak && results->chunk == plan->chunk,
              "%s: another plan", what);
    const uint64_t peak = vkh_device_memory_use(test->device).device_peak;
    CHECK_MSG(peak <= vkh_max_size(before, plan->peak), "%s: took %llu", what,
              (unsigned long long)peak);
    CHECK_MSG(2 * plan->peak <= 3 * peak, "%s: took only %llu", what, (unsigned long long)peak);
    return results;
}

// From the least memory to the most. Returns the walks that were taken, a bit each, and another
// where one took several batches.
static uint32_t check_plans(struct gpu_test *test, const struct vkh_model *model,
                            const struct vkh_ppl_options *options, const char *name)
{
    static struct vkh_ppl_memory plans[MOST_PLANS + 1];
    struct vkh_ppl_results *results[MOST_PLANS + 1];
    uint32_t walks = 0;
    const uint32_t n = list_plans(test, model, *options, plans);
    check_too_little(test, model, *options, plans[n - 1].peak);
    for (uint32_t i = n; i-- > 0;) {
        char what[128];
        snprintf(what, sizeof(what), "%s: %s in %llu bytes, batches %u, chunk %u", name,
                 vkh_ppl_walk_name(plans[i].walk), (unsigned long long)plans[i].peak,
                 plans[i].batches, plans[i].chunk);
        results[i] = run_planned(test, model, *options, &plans[i], what);
        fprintf(stderr, "%s, %s\n", what, results[i]->variants);
        walks |= 1u << plans[i].walk | (plans[i].batches > 1) << VKH_WALKS;
        check_same_bits(results[n - 1], results[i], what);
    }
    for (uint32_t i = 0; i < n; i++) {
        CHECK(results[i]->device_tokens == results[n - 1]->device_tokens);
        if (i + 1 < n)
            vkh_ppl_results_destroy(&results[i]);
    }
    vkh_ppl_results_destroy(&results[n - 1]);
    return walks;
}

// A prefix that ends within a chunk; with `all` several texts, and windows.
static void check_kinds(struct gpu_test *test, const struct vkh_model *model,
                        enum vkh_kv_type kv_type, bool all)
{
    struct vkh_ppl_options options = usual();
    options.kv_type = kv_type;
    options.chunk = 64;
    const uint32_t walks = check_plans(test, model, &options, "one text");
    CHECK_MSG(walks == (1u << (VKH_WALKS + 1)) - 1, "walks %x", walks);
    if (!all)
        return;
    options.texts = texts;
    options.n_texts = 2;
    options.n_methods = 3;
    check_plans(test, model, &options, "two texts");
    options.regime =
        (struct vkh_ppl_regime){.kind = VKH_REGIME_WINDOW, .window = 130, .stride = 60};
    check_plans(test, model, &options, "windows");
}

// Compared with a method whose rows others share; with `other`, on that model.
static void check_comparison(struct gpu_test *test, const struct vkh_model *model,
                             const struct vkh_model *other, enum vkh_kv_type kv_type)
{
    struct vkh_ppl_options options = usual();
    options.kv_type = kv_type;
    options.chunk = 64;
    options.n_methods = 3;
    options.kl = "baseline";
    options.kl_model = other;
    const uint32_t walks =
        check_plans(test, model, &options, other ? "kl, two models" : "kl baseline");
    CHECK_MSG(walks == (1u << (VKH_WALKS + 1)) - 1, "walks %x", walks);
}

// With a reference that takes a pass a length, and in windows: of several origins, each with its
// rows, kept from batch to batch.
static void check_references(struct gpu_test *test, const struct vkh_model *model,
                             const struct vkh_model *other)
{
    struct vkh_ppl_options options = usual();
    options.kv_type = VKH_KV_F32;
    options.chunk = 64;
    options.n_methods = 2;
    options.kl = "dynamic-ntk:factor=1";
    check_plans(test, model, &options, "kl dynamic-ntk");
    // One pass for both lengths, of which the first one's reference has less than half.
    static const uint32_t beyond[] = {100, 205};
    options.lengths = beyond;
    options.n_methods = 1;
    check_plans(test, model, &options, "kl dynamic-ntk, one method");
    options = usual();
    options.kv_type = VKH_KV_F32;
    options.chunk = 64;
    options.n_methods = 2;
    options.texts = texts;
    options.n_texts = 2;
    options.kl = "linear:factor=2";
    options.kl_model = other;
    options.regime =
        (struct vkh_ppl_regime){.kind = VKH_REGIME_WINDOW, .window = 130, .stride = 60};
    check_plans(test, model, &options, "kl linear, two models, windows");
}

// Smaller chunks come last.
static void check_chunks(struct gpu_test *test, const struct vkh_model *model)
{
    struct vkh_ppl_options options = usual();
    struct vkh_ppl_memory all, least;
    CHECK(vkh_ppl_plan(test->device, model, &options, NULL, &all) == VKH_OK && all.fits);
    options.memory = 1;
    CHECK(vkh_ppl_plan(test->device, model, &options, NULL, &least) == VKH_OK && !least.fits);
    CHECK(least.chunk == VKH_KEY_TILE && all.chunk > least.chunk);
}

// What is checked of a model: all kinds of text and of references on one, the quickest elsewhere.
static void check_model(struct gpu_test *test, const struct vkh_model *model,
                        const struct vkh_model *other, enum vkh_dtype type, bool tied)
{
    const enum vkh_kv_type kv_type = type == VKH_F32 ? VKH_KV_F32 : VKH_KV_F16;
    check_kinds(test, model, kv_type, type == VKH_F32);
    if (type == VKH_F16)
        check_kinds(test, model, VKH_KV_Q8_0, false);
    if (type == VKH_F32)
        check_references(test, model, other);
    else
        check_comparison(test, model, tied ? other : NULL, kv_type);
    check_chunks(test, model);
}

static void check_type(struct gpu_test *test, const struct vkh_config *config, enum vkh_dtype type,
                       bool tied)
{
    struct vkh_config wide = *config;
    struct vkh_model model, other;
    wide.hidden = 128;
    wide.n_layers = 4;
    random_model(config, type, tied, 5, &model);
    random_model(&wide, VKH_F16, false, 6, &other);
    if (!tier_test_repeats(test, &model))
        check_model(test, &model, &other, type, tied);
    vkh_arena_fini(&model.arena);
    vkh_arena_fini(&other.arena);
}

int main(void)
{
    const struct vkh_config config = {
        .name = "deep",
        .architecture = "llama",
        .n_layers = 5,
        .hidden = 64,
        .n_heads = 2,
        .n_kv_heads = 1,
        .head_dim = 64,
        .rotary_dim = 64,
        .ffn = 192,
        .vocab = 160,
        .norm_eps = 1e-5,
        .rope_base = 10000.0,
        .context_length = KNOWN,
        .rope_layout = VKH_ROPE_HALVES,
        .embedding_scale = 1.0,
        .attention_scale = 0.125,
    };
    uint64_t state = 3;
    for (int i = 0; i < N_IDS; i++)
        ids[i] = (int32_t)(test_random(&state) % 157);
    struct gpu_test test = gpu_test_open();
    check_type(&test, &config, VKH_F16, false); // the smallest first: the device's peak only grows
    check_type(&test, &config, VKH_Q8_0, true);
    check_type(&test, &config, VKH_F32, true);
    return gpu_test_close(&test);
}
