// SPDX-License-Identifier: MIT
// Models against Hugging Face's float64: perplexity and NLL of every method and length. Arguments,
// for each model: its file or folder, what is expected of it, its ids.
#include <jansson.h>
#include <vkhrope/perplexity.h>

#include "check.h"
#include "gpu_test.h"
#include "tier_test.h"

enum { MAX_METHODS = 32, MAX_LENGTHS = 16, SHORT = 512, FEW = 8 };

struct fixture {
    const char *name;
    json_t *expected;
    int32_t *ids;
    uint64_t n_ids;
};

static int32_t *read_ids(const char *path, uint64_t *n)
{
    FILE *file = fopen(path, "r");
    int32_t *ids = NULL;
    int id;
    *n = 0;
    if (!file)
        exit(1);
    while (fscanf(file, "%d", &id) == 1) {
        if (*n % 1024 == 0 && !(ids = realloc(ids, (*n + 1024) * sizeof(*ids))))
            exit(1);
        ids[(*n)++] = id;
    }
    fclose(file);
    return ids;
}

// The kernels' operands are halves then.
static bool on_matrices(const struct vkh_ppl_results *results)
{
    return strstr(results->variants, "tier=matrix") != NULL;
}

// bf16 operands are eight times as coarse as halves.
static double coarseness(const struct vkh_ppl_results *results)
{
    return strstr(results->variants, "operands=bf16") ? 8.0 : 1.0;
}

// PPL within 2e-4 relative where nothing is rounded to halves, 1e-3 where the weights are, and 2e-3
// where all that is multiplied is.
static double check_ppl(const struct fixture *f, const struct vkh_ppl_results *results,
                        const json_t *expected)
{
    const double tolerance = on_matrices(results)                       ? 2e-3 * coarseness(results)
                             : strcmp(results->weight_type, "F32") == 0 ? 2e-4
                                                                        : 1e-3;
    double worst = 0.0;
    for (uint32_t m = 0; m < results->n_methods; m++) {
        const json_t *ppl = json_object_get(expected, results->methods[m]);
        CHECK_MSG(json_array_size(ppl) == results->n_lengths, "%s: %s", f->name,
                  results->methods[m]);
        for (uint32_t i = 0; i < results->n_lengths; i++) {
            const double want = json_real_value(json_array_get(ppl, i));
            const double got = results->cells[m * results->n_lengths + i].ppl;
            worst = fmax(worst, fabs(got / want - 1.0));
            CHECK_MSG(fabs(got / want - 1.0) <= tolerance, "%s, %s at %u: PPL %.9g, not %.9g",
                      f->name, results->methods[m], results->lengths[i], got, want);
        }
    }
    return worst;
}

// Each token's within 2e-3; on matrices, a method's by root mean square within 1e-2.
static double check_nll(const struct fixture *f, const struct vkh_ppl_results *results)
{
    const bool matrix = on_matrices(results);
    const double allowed = 1e-2 * coarseness(results);
    double worst = 0.0;
    for (uint32_t m = 0; m < results->n_methods; m++) {
        const json_t *nll =
            json_object_get(json_object_get(f->expected, "nll"), results->methods[m]);
        double squares = 0.0;
        for (size_t i = 0; i < json_array_size(nll); i++) {
            const double want = json_real_value(json_array_get(nll, i));
            const double got = (double)results->nll[m][i + 1];
            worst = fmax(worst, fabs(got - want));
            squares += (got - want) * (got - want);
            CHECK_MSG(matrix || fabs(got - want) <= 2e-3,
                      "%s, %s: NLL of token %zu is %.9g, not %.9g", f->name, results->methods[m],
                      i + 1, got, want);
        }
        CHECK_MSG(!matrix || squares <= allowed * allowed * (double)json_array_size(nll),
                  "%s, %s: NLL off by %g (root mean square)", f->name, results->methods[m],
                  sqrt(squares / (double)json_array_size(nll)));
    }
    return worst;
}

// The methods and lengths that an object of the fixture has expectations for.
struct request {
    const char *methods[MAX_METHODS];
    uint32_t lengths[MAX_LENGTHS];
    struct vkh_ppl_options options;
};

static void fill_request(const struct fixture *f, json_t *ppl, const json_t *lengths,
                         struct request *request)
{
    const char *method;
    json_t *value;
    size_t i;
    *request = (struct request){.options = {.ids = f->ids,
                                            .n_ids = f->n_ids,
                                            .methods = request->methods,
                                            .lengths = request->lengths,
                                            .keep_nll = true}};
    CHECK(json_object_size(ppl) <= MAX_METHODS && json_array_size(lengths) <= MAX_LENGTHS);
    json_object_foreach(ppl, method, value) request->methods[request->options.n_methods++] = method;
    json_array_foreach((json_t *)lengths, i, value) request->lengths[request->options.n_lengths++] =
        (uint32_t)json_integer_value(value);
}

static struct vkh_ppl_results *run(struct gpu_test *test, const struct fixture *f,
                                   const struct vkh_model *model, const struct request *request)
{
    struct vkh_ppl_results *results = NULL;
    CHECK_MSG(vkh_ppl_run(test->device, model, &request->options, vkh_device_log(test->device),
                          &results) == VKH_OK,
              "%s", f->name);
    CHECK(!results || results->original_max_len ==
                          json_integer_value(json_object_get(f->expected, "original_max_len")));
    return results;
}

// Windows, where the fixture has them.
static double check_regimes(struct gpu_test *test, const struct fixture *f,
                            const struct vkh_model *model)
{
    double worst = 0.0;
    size_t i;
    json_t *regime;
    json_array_foreach(json_object_get(f->expected, "regimes"), i, regime)
    {
        struct request request;
        const json_t *stride = json_object_get(regime, "stride");
        const json_t *bos = json_object_get(regime, "bos");
        json_t *ppl = json_object_get(regime, "ppl");
        fill_request(f, ppl, json_object_get(regime, "lengths"), &request);
        request.options.regime = (struct vkh_ppl_regime){
            .kind = stride ? VKH_REGIME_WINDOW : VKH_REGIME_CHUNKED,
            .window = (uint32_t)json_integer_value(json_object_get(regime, "window")),
            .stride = (uint32_t)json_integer_value(stride),
            .has_bos = bos != NULL,
            .bos = (int32_t)json_integer_value(bos),
        };
        struct vkh_ppl_results *results = run(test, f, model, &request);
        if (results)
            worst = fmax(worst, check_ppl(f, results, ppl));
        vkh_ppl_results_destroy(&results);
    }
    return worst;
}

// The first two methods, which share what is below original_max_len, give the same bits with the
// smallest chunk, and with nothing shared: whatever the windows. At every length but the longest;
// a cell is a sum in double, which one bit of one token's NLL changes.
static void check_cuts(struct gpu_test *test, const struct vkh_model *model,
                       const struct vkh_ppl_options *options, const struct vkh_ppl_results *whole)
{
    struct vkh_ppl_options cut = *options;
    cut.chunk = 64;
    cut.n_methods = 2;
    cut.n_lengths--;
    for (int round = 0; round < 2; round++, cut.separate = true) {
        struct vkh_ppl_results *results;
        CHECK(vkh_ppl_run(test->device, model, &cut, vkh_device_log(test->device), &results) ==
              VKH_OK);
        for (uint32_t i = 0; results && i < cut.n_methods * cut.n_lengths; i++) {
            const uint32_t m = i / cut.n_lengths, length = i % cut.n_lengths;
            CHECK_MSG(memcmp(&results->cells[i].ppl,
                             &whole->cells[m * whole->n_lengths + length].ppl, sizeof(double)) == 0,
                      "%s, %s at %u: other bits in chunks of 64%s", whole->model, whole->methods[m],
                      whole->lengths[length], round ? ", separately" : "");
        }
        vkh_ppl_results_destroy(&results);
    }
}

// Whether it ran on cooperative matrices.
static bool test_fixture(struct gpu_test *test, const struct fixture *f, const char *path)
{
    struct request request;
    json_t *ppl = json_object_get(f->expected, "ppl");
    fill_request(f, ppl, json_object_get(f->expected, "lengths"), &request);
    struct vkh_model *model;
    CHECK(vkh_model_open(path, vkh_device_log(test->device), &model) == VKH_OK);
    if (!model || tier_test_repeats(test, model)) {
        vkh_model_close(&model);
        return false;
    }
    struct vkh_ppl_results *results = run(test, f, model, &request);
    if (results)
        fprintf(stderr, "%-28s %-6s PPL off by %.1e, NLL by %.1e, PPL in windows by %.1e\n",
                f->name, on_matrices(results) ? "matrix" : "rows", check_ppl(f, results, ppl),
                check_nll(f, results), check_regimes(test, f, model));
    if (results && f->n_ids <= SHORT && results->n_methods <= FEW)
        check_cuts(test, model, &request.options, results);
    const bool matrix = results && on_matrices(results);
    vkh_ppl_results_destroy(&results);
    vkh_model_close(&model);
    return matrix;
}

int main(int argc, char **argv)
{
    struct gpu_test test = gpu_test_open();
    uint32_t n_matrix = 0;
    for (int i = 1; i + 2 < argc; i += 3) {
        const char *slash = strrchr(argv[i], '/');
        struct fixture fixture = {.name = slash ? slash + 1 : argv[i],
                                  .expected = json_load_file(argv[i + 1], 0, NULL)};
        CHECK_MSG(fixture.expected != NULL, "%s: cannot be read", argv[i + 1]);
        fixture.ids = read_ids(argv[i + 2], &fixture.n_ids);
        n_matrix += test_fixture(&test, &fixture, argv[i]);
        json_decref(fixture.expected);
        free(fixture.ids);
    }
    CHECK(!tier_test_by_hand() || n_matrix > 0);
    return gpu_test_close(&test);
}
