// SPDX-License-Identifier: MIT
// KL divergences against those of Hugging Face's logits in float64. Arguments: the folder of the
// models, what is expected.
#include <jansson.h>
#include <vkhrope/perplexity.h>

#include "check.h"
#include "gpu_test.h"
#include "last_line.h"

enum { MOST = 8, MOST_IDS = 4096 };

struct fixture {
    const json_t *expected;
    const char *name;
    struct vkh_model *model, *other;
    int32_t ids[MOST_IDS];
    const char *methods[MOST];
    uint32_t lengths[MOST];
    struct vkh_ppl_options options;
};

static struct vkh_model *open_model(struct gpu_test *test, const char *folder, const char *name)
{
    char path[1024];
    struct vkh_model *model = NULL;
    snprintf(path, sizeof(path), "%s/%s", folder, name);
    CHECK_MSG(vkh_model_open(path, vkh_device_log(test->device), &model) == VKH_OK, "%s", path);
    return model;
}

static void read_ids(const char *folder, const char *name, struct fixture *f)
{
    char path[1024];
    int id;
    snprintf(path, sizeof(path), "%s/%s", folder, name);
    FILE *file = fopen(path, "r");
    CHECK_MSG(file != NULL, "%s", path);
    while (file && f->options.n_ids < MOST_IDS && fscanf(file, "%d", &id) == 1)
        f->ids[f->options.n_ids++] = id;
    if (file)
        fclose(file);
}

static uint32_t number_of(const json_t *object, const char *key)
{
    return (uint32_t)json_integer_value(json_object_get(object, key));
}

// The other model's reference is not a method of the table; another one goes first.
static void fill(struct gpu_test *test, const char *folder, const json_t *expected,
                 struct fixture *f)
{
    const char *other = json_string_value(json_object_get(expected, "other"));
    const json_t *bos = json_object_get(expected, "bos");
    const char *method;
    json_t *value;
    size_t i;
    *f = (struct fixture){.expected = expected,
                          .name = json_string_value(json_object_get(expected, "model"))};
    f->model = open_model(test, folder, f->name);
    f->other = other ? open_model(test, folder, other) : NULL;
    f->options = (struct vkh_ppl_options){
        .ids = f->ids,
        .methods = f->methods,
        .lengths = f->lengths,
        .kl = json_string_value(json_object_get(expected, "kl")),
        .kl_model = f->other,
        .keep_nll = true,
        .regime = {.kind = json_object_get(expected, "stride")   ? VKH_REGIME_WINDOW
                           : json_object_get(expected, "window") ? VKH_REGIME_CHUNKED
                                                                 : VKH_REGIME_PREFIX,
                   .window = number_of(expected, "window"),
                   .stride = number_of(expected, "stride"),
                   .has_bos = bos != NULL,
                   .bos = (int32_t)json_integer_value(bos)},
    };
    read_ids(folder, json_string_value(json_object_get(expected, "ids")), f);
    json_object_foreach(json_object_get(expected, "methods"), method, value)
        f->methods[f->options.n_methods++] = method;
    json_array_foreach(json_object_get(expected, "lengths"), i, value)
        f->lengths[f->options.n_lengths++] = (uint32_t)json_integer_value(value);
    CHECK(f->options.n_methods <= MOST && f->options.n_lengths <= MOST);
}

static struct vkh_ppl_results *run(struct gpu_test *test, const struct fixture *f,
                                   const struct vkh_ppl_options *options)
{
    struct vkh_ppl_results *results = NULL;
    CHECK_MSG(vkh_ppl_run(test->device, f->model, options, vkh_device_log(test->device),
                          &results) == VKH_OK,
              "%s", f->name);
    return results;
}

static bool on_matrices(const struct vkh_ppl_results *results)
{
    return strstr(results->variants, "tier=matrix") != NULL;
}

// A token's divergence moves with the logits' error e by about e sqrt(2 KL), and by e^2: the
// distributions' own distance is what it is multiplied by. e is 2e-5 where rows of floats are
// multiplied, 1e-2 where halves are, and eight times that where bf16 is.
static double error_of(const struct vkh_ppl_results *results)
{
    return !on_matrices(results) ? 2e-5 : strstr(results->variants, "operands=bf16") ? 8e-2 : 1e-2;
}

static double check_number(const struct fixture *f, const char *method, const char *what,
                           double got, double want, double e)
{
    const double off = fabs(got - want);
    CHECK_MSG(off <= e * sqrt(2.0 * want) + e * e, "%s, %s to %s: %s %.9g, not %.9g", f->name,
              method, f->options.kl, what, got, want);
    return off / sqrt(2.0 * want + 1e-12);
}

static uint32_t find_method(const struct vkh_ppl_results *results, const char *name)
{
    uint32_t m = 0;
    while (m < results->n_methods && strcmp(results->methods[m], name) != 0)
        m++;
    CHECK_MSG(m < results->n_methods, "no method %s", name);
    return m < results->n_methods ? m : 0;
}

// What is expected of one method: its cells and its tokens at the longest length.
static double check_method(const struct fixture *f, const struct vkh_ppl_results *results,
                           const char *method, const json_t *want)
{
    const double e = error_of(results);
    const uint32_t m = find_method(results, method);
    double worst = 0.0;
    for (uint32_t i = 0; i < results->n_lengths; i++) {
        const struct vkh_ppl_kl *kl = &results->kl[m * results->n_lengths + i];
        const struct {
            const char *key;
            double got;
        } rows[] = {{"mean", kl->mean}, {"median", kl->median}, {"p90", kl->p90},
                    {"p95", kl->p95},   {"p99", kl->p99},       {"max", kl->maximum}};
        for (size_t j = 0; j < sizeof(rows) / sizeof(rows[0]); j++)
            check_number(f, method, rows[j].key, rows[j].got,
                         json_real_value(json_array_get(json_object_get(want, rows[j].key), i)), e);
        const double same = json_real_value(json_array_get(json_object_get(want, "same_top"), i));
        CHECK_MSG(fabs(kl->same_top - same) <= (on_matrices(results) ? 3.0 * e : 1e-12),
                  "%s, %s: same top %g, not %g", f->name, method, kl->same_top, same);
    }
    const json_t *tokens = json_object_get(want, "tokens");
    const uint32_t length = results->lengths[results->n_lengths - 1];
    size_t at = 0;
    for (uint32_t t = 1; t < length; t++) {
        const double got = (double)results->token_kl[m][t].kl;
        if (!vkh_ppl_regime_scores(&results->regime, t, length)) {
            CHECK(got == 0.0);
            continue;
        }
        worst = fmax(worst, check_number(f, method, "a token", got,
                                         json_real_value(json_array_get(tokens, at++)), e));
    }
    CHECK(at == json_array_size(tokens));
    return worst;
}

// The reference itself, when it is a method: nothing at all.
static void check_reference(const struct vkh_ppl_results *results)
{
    const uint32_t m = find_method(results, results->kl_method);
    for (uint32_t i = 0; i < results->n_lengths; i++) {
        const struct vkh_ppl_kl *kl = &results->kl[m * results->n_lengths + i];
        CHECK(kl->mean == 0.0 && kl->maximum == 0.0 && kl->standard_error == 0.0 &&
              kl->same_top == 1.0);
    }
}

// The same bits in the smallest chunks, and with nothing shared, which then are computed where they
// were known; and the NLL is that of a run without a comparison.
static void check_cuts(struct gpu_test *test, const struct fixture *f,
                       const struct vkh_ppl_results *whole)
{
    struct vkh_ppl_options cut = f->options;
    cut.chunk = 64;
    for (int round = 0; round < 3; round++) {
        cut.separate = round == 1;
        if (round == 2)
            cut.kl = NULL, cut.kl_model = NULL;
        struct vkh_ppl_results *results = run(test, f, &cut);
        const size_t n = whole->lengths[whole->n_lengths - 1];
        for (uint32_t m = 0; results && m < f->options.n_methods; m++) {
            CHECK_MSG(memcmp(results->nll[m], whole->nll[m], n * sizeof(float)) == 0,
                      "%s, %s: other NLL in round %d", f->name, whole->methods[m], round);
            CHECK_MSG(round == 2 || memcmp(results->token_kl[m], whole->token_kl[m],
                                           n * sizeof(struct vkh_ppl_token_kl)) == 0,
                      "%s, %s: other divergences in round %d", f->name, whole->methods[m], round);
        }
        CHECK(!results || round < 2 || !results->kl);
        vkh_ppl_results_destroy(&results);
    }
}

// Whether it ran on cooperative matrices.
static bool test_fixture(struct gpu_test *test, const char *folder, const json_t *expected)
{
    static struct fixture f;
    const char *method;
    json_t *want;
    double worst = 0.0;
    fill(test, folder, expected, &f);
    struct vkh_ppl_results *results = f.model ? run(test, &f, &f.options) : NULL;
    const bool matrix = results && on_matrices(results);
    if (results) {
        json_object_foreach(json_object_get(expected, "methods"), method, want) worst =
            fmax(worst, check_method(&f, results, method, want));
        if (!f.other)
            check_reference(results);
        check_cuts(test, &f, results);
        fprintf(stderr, "%-28s %-6s KL off by %.1e of its root\n", f.name,
                matrix ? "matrix" : "rows", worst);
    }
    vkh_ppl_results_destroy(&results);
    vkh_model_close(&f.model);
    vkh_model_close(&f.other);
    return matrix;
}

// Other vocabularies: both are named.
static void test_vocabularies(struct gpu_test *test, const char *folder)
{
    static const int32_t ids[8];
    static const char *const methods[] = {"baseline"};
    struct vkh_model *model = open_model(test, folder, "tiny-tied-f32.gguf");
    struct vkh_model *other = open_model(test, folder, "tiny-untied-f32.gguf");
    const struct vkh_ppl_options options = {.ids = ids,
                                            .n_ids = 8,
                                            .lengths = (const uint32_t[]){8},
                                            .n_lengths = 1,
                                            .methods = methods,
                                            .n_methods = 1,
                                            .kl = "baseline",
                                            .kl_model = other};
    struct vkh_ppl_results *results;
    struct vkh_ppl_memory memory;
    CHECK(vkh_ppl_run(test->device, model, &options, &log_to_line, &results) == VKH_ERR_ARGUMENT);
    CHECK_MSG(strcmp(last_line, "kl_model: tiny-untied has a vocabulary of 157, tiny-tied one of "
                                "160: there is no KL divergence") == 0,
              "%s", last_line);
    CHECK(vkh_ppl_plan(test->device, model, &options, &log_to_line, &memory) == VKH_ERR_ARGUMENT);
    vkh_model_close(&model);
    vkh_model_close(&other);
}

int main(int argc, char **argv)
{
    struct gpu_test test = gpu_test_open();
    const char *by_hand = getenv("VKHROPE_TEST_VARIANTS");
    json_t *cases = argc > 2 ? json_load_file(argv[2], 0, NULL) : NULL, *expected;
    uint32_t n_matrix = 0;
    size_t i;
    CHECK(json_array_size(cases) > 0);
    json_array_foreach(cases, i, expected) n_matrix += test_fixture(&test, argv[1], expected);
    json_decref(cases);
    test_vocabularies(&test, argv[1]);
    CHECK(!by_hand || !strstr(by_hand, "tier=matrix") || n_matrix > 0);
    return gpu_test_close(&test);
}
