// SPDX-License-Identifier: MIT
// Keys and values in 8 bits: small random models against a forward pass in double with the same
// rounding, and against themselves with other chunks and without a shared prefix.
#include "base/size.h"
#include "ppl_run.h"
#include "reference_model.h"

enum { KNOWN = 130, LONGEST = 300, N_METHODS = 2 };

static int32_t ids[LONGEST];
static const uint32_t lengths[] = {64, 131, LONGEST};
enum { N_LENGTHS = VKH_COUNTOF(lengths) };
static const struct reference_method methods[N_METHODS] = {
    {"baseline", 1, 1, KNOWN, true},
    {"hybrid:cf=1.5", 1.5, 1, KNOWN, true},
};

static struct vkh_ppl_options options_of(enum vkh_kv_type kv_type)
{
    static const char *specs[N_METHODS];
    for (int i = 0; i < N_METHODS; i++)
        specs[i] = methods[i].spec;
    return (struct vkh_ppl_options){
        .ids = ids,
        .n_ids = LONGEST,
        .lengths = lengths,
        .n_lengths = N_LENGTHS,
        .methods = specs,
        .n_methods = N_METHODS,
        .kv_type = kv_type,
        .keep_nll = true,
    };
}

static bool on_matrices(const struct vkh_ppl_results *results)
{
    return strstr(results->variants, "tier=matrix") != NULL;
}

// Of two readings: relative in PPL, by root mean square in NLL, and tokens within 1e-5.
struct distance {
    double ppl, nll;
    uint32_t equal;
};

static struct distance distance(const float *nll, const double *want)
{
    struct distance d = {0};
    double squares = 0.0, sum = 0.0;
    for (uint32_t t = 1; t < LONGEST; t++) {
        const double difference = (double)nll[t] - want[t];
        squares += difference * difference;
        sum += difference;
        d.equal += fabs(difference) <= 1e-5;
    }
    d.ppl = fabs(expm1(sum / (LONGEST - 1)));
    d.nll = sqrt(squares / (LONGEST - 1));
    return d;
}

// PPL within 1e-4 of the same rounding in double, and the NLL far closer to it than to none. In the
// first layer few elements are so close to a tie that a byte is another, and half of the tokens see
// none of them. On cooperative matrices operands are halves before they are packed: PPL within
// 2e-3.
static void check_against_reference(const struct vkh_model *model,
                                    const struct vkh_ppl_results *results)
{
    static double want[LONGEST], exact[LONGEST];
    const bool matrix = on_matrices(results), first = model->config.n_layers == 1;
    for (uint32_t m = 0; m < N_METHODS; m++) {
        struct reference_method unpacked = methods[m];
        unpacked.packed = false;
        reference_nll(model, ids, LONGEST, &methods[m], want);
        reference_nll(model, ids, LONGEST, &unpacked, exact);
        const struct distance near = distance(results->nll[m], want);
        const struct distance far = distance(results->nll[m], exact);
        char what[256];
        snprintf(what, sizeof(what),
                 "%s, %s, %s: PPL off by %.1e, NLL by %.1e, %u tokens equal; without the 8 bits "
                 "%.1e, %.1e, %u",
                 model->config.name, matrix ? "matrix" : "rows", methods[m].spec, near.ppl,
                 near.nll, near.equal, far.ppl, far.nll, far.equal);
        fprintf(stderr, "%s\n", what);
        CHECK_MSG(near.ppl <= (matrix ? 2e-3 : 1e-4), "%s", what);
        CHECK_MSG(near.nll <= (matrix ? 1.5e-2 : 5e-3), "%s", what);
        CHECK_MSG(near.nll < far.nll / (matrix ? 1 : 4), "%s", what);
        CHECK_MSG(matrix || !first || near.equal > LONGEST / 2, "%s", what);
        CHECK_MSG(far.equal < LONGEST / 20, "%s", what);
    }
}

static void check_same_bits(const struct vkh_ppl_results *a, const struct vkh_ppl_results *b,
                            const char *what)
{
    for (uint32_t m = 0; m < N_METHODS; m++)
        CHECK_MSG(memcmp(a->nll[m], b->nll[m], LONGEST * sizeof(float)) == 0, "%s: %s: NLL of %s",
                  a->model, what, a->methods[m]);
}

// However the text is cut, and whoever computed what came before.
static void check_cuts(struct gpu_test *test, const struct vkh_model *model,
                       const struct vkh_ppl_results *whole)
{
    struct vkh_ppl_options options = options_of(VKH_KV_Q8_0);
    for (uint32_t chunk = 64; chunk <= 192; chunk += 64) {
        options.chunk = chunk;
        struct vkh_ppl_results *results = ppl_run(test, model, &options);
        check_same_bits(whole, results, "in other chunks");
        vkh_ppl_results_destroy(&results);
    }
    options.separate = true;
    struct vkh_ppl_results *separate = ppl_run(test, model, &options);
    check_same_bits(whole, separate, "with nothing shared");
    vkh_ppl_results_destroy(&separate);
}

// What the plan says of what it is for.
static void check_memory(struct gpu_test *test, const struct vkh_model *model,
                         const struct vkh_ppl_results *packed)
{
    const struct vkh_ppl_options options = options_of(VKH_KV_F16);
    const struct vkh_config *c = &model->config;
    struct vkh_ppl_memory halves;
    CHECK(vkh_ppl_plan(test->device, model, &options, &log_to_line, &halves) == VKH_OK);
    CHECK(strcmp(packed->memory.kv_type, "Q8_0") == 0 && strcmp(halves.kv_type, "F16") == 0);
    const uint64_t layer = halves.kv / c->n_layers;
    const uint64_t blocks = vkh_kv_blocks(c->head_dim);
    const uint64_t kept = layer * (c->head_dim + 2 * blocks) / (2 * (uint64_t)c->head_dim);
    CHECK(packed->memory.kv == c->n_layers * kept + (on_matrices(packed) ? 1 : 2) * layer);
}

static void test_model(struct gpu_test *test, const struct vkh_config *config, enum vkh_dtype type,
                       uint64_t seed)
{
    struct vkh_model model;
    random_model(config, type, false, seed, &model);
    const struct vkh_ppl_options options = options_of(VKH_KV_Q8_0);
    struct vkh_ppl_results *results = ppl_run(test, &model, &options);
    check_against_reference(&model, results);
    check_cuts(test, &model, results);
    check_memory(test, &model, results);
    vkh_ppl_results_destroy(&results);
    vkh_arena_fini(&model.arena);
}

// Values beyond what a scale takes are an error, never a cell. fp32 keeps them.
static void test_too_large(struct gpu_test *test, const struct vkh_config *config, bool key)
{
    struct vkh_model model;
    random_model(config, VKH_F32, false, 1, &model);
    // Of all values, of the keys of some tokens.
    if (key)
        ((float *)model.layers[0].k->data)[5] = 8e6f;
    else
        ((float *)model.layers[0].v->data)[5] = 1e10f;
    struct vkh_ppl_options options = options_of(VKH_KV_F32);
    struct vkh_ppl_results *results = ppl_run(test, &model, &options);
    vkh_ppl_results_destroy(&results);
    options.kv_type = VKH_KV_Q8_0;
    CHECK(vkh_ppl_run(test->device, &model, &options, &log_to_line, &results) == VKH_ERR_INTERNAL);
    CHECK_MSG(!results && strstr(last_line, "method baseline: the NLL of token"), "%s", last_line);
    vkh_arena_fini(&model.arena);
}

int main(void)
{
    const struct vkh_config aligned = {
        .name = "aligned", // to what cooperative matrices take
        .architecture = "llama",
        .n_layers = 1,
        .hidden = 128,
        .n_heads = 4,
        .n_kv_heads = 2,
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
    struct vkh_config odd = aligned; // blocks that end with the head, and windows in some layers
    odd.name = "odd";
    odd.n_layers = 3;
    odd.head_dim = 44;
    odd.rotary_dim = 32;
    odd.rope_layout = VKH_ROPE_INTERLEAVED;
    odd.attention_scale = 1.0 / sqrt(44.0);
    odd.window = 100;
    odd.window_period = 2;
    uint64_t state = 3;
    for (int i = 0; i < LONGEST; i++)
        ids[i] = (int32_t)(test_random(&state) % 157);
    struct gpu_test test = gpu_test_open();
    test_model(&test, &aligned, VKH_F16, 21);
    test_model(&test, &odd, VKH_F32, 22);
    test_too_large(&test, &aligned, false);
    test_too_large(&test, &aligned, true);
    return gpu_test_close(&test);
}
