// SPDX-License-Identifier: MIT
// Models against Hugging Face's float64: perplexity and NLL of every method and length. Arguments,
// for each model: its file or folder, what is expected of it, its ids.
#include <jansson.h>
#include <vkhrope/perplexity.h>

#include "check.h"
#include "gpu_test.h"

enum { MAX_METHODS = 8, MAX_LENGTHS = 16, SHORT = 512 };

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

// PPL within 2e-4 relative where nothing is rounded to halves, 1e-3 elsewhere; NLL within 2e-3.
static void check_results(const struct fixture *f, const struct vkh_ppl_results *results)
{
    const double tolerance = strcmp(results->weight_type, "F32") == 0 ? 2e-4 : 1e-3;
    double worst = 0.0, worst_nll = 0.0;
    for (uint32_t m = 0; m < results->n_methods; m++) {
        const json_t *ppl =
            json_object_get(json_object_get(f->expected, "ppl"), results->methods[m]);
        const json_t *nll =
            json_object_get(json_object_get(f->expected, "nll"), results->methods[m]);
        CHECK(json_array_size(ppl) == results->n_lengths);
        for (uint32_t i = 0; i < results->n_lengths; i++) {
            const double want = json_real_value(json_array_get(ppl, i));
            const double got = results->cells[m * results->n_lengths + i].ppl;
            worst = fmax(worst, fabs(got / want - 1.0));
            CHECK_MSG(fabs(got / want - 1.0) <= tolerance, "%s, %s at %u: PPL %.9g, not %.9g",
                      f->name, results->methods[m], results->lengths[i], got, want);
        }
        for (size_t i = 0; i < json_array_size(nll); i++) {
            const double want = json_real_value(json_array_get(nll, i));
            const double got = (double)results->nll[m][i + 1];
            worst_nll = fmax(worst_nll, fabs(got - want));
            CHECK_MSG(fabs(got - want) <= 2e-3, "%s, %s: NLL of token %zu is %.9g, not %.9g",
                      f->name, results->methods[m], i + 1, got, want);
        }
    }
    fprintf(stderr, "%-28s PPL off by %.1e, NLL by %.1e\n", f->name, worst, worst_nll);
}

// The same bits with the smallest chunk, and with nothing shared: whatever the windows.
static void check_cuts(struct gpu_test *test, const struct vkh_model *model,
                       const struct vkh_ppl_options *options, const struct vkh_ppl_results *whole)
{
    struct vkh_ppl_options cut = *options;
    cut.chunk = 64;
    for (int round = 0; round < 2; round++, cut.separate = true) {
        struct vkh_ppl_results *results;
        CHECK(vkh_ppl_run(test->device, model, &cut, vkh_device_log(test->device), &results) ==
              VKH_OK);
        const size_t bytes = whole->lengths[whole->n_lengths - 1] * sizeof(float);
        for (uint32_t m = 0; results && m < whole->n_methods; m++)
            CHECK_MSG(memcmp(results->nll[m], whole->nll[m], bytes) == 0,
                      "%s, %s: other bits in chunks of 64%s", whole->model, whole->methods[m],
                      round ? ", separately" : "");
        vkh_ppl_results_destroy(&results);
    }
}

static void test_fixture(struct gpu_test *test, const struct fixture *f, const char *path)
{
    const struct vkh_log *log = vkh_device_log(test->device);
    const char *methods[MAX_METHODS];
    uint32_t lengths[MAX_LENGTHS];
    struct vkh_ppl_options options = {
        .ids = f->ids, .n_ids = f->n_ids, .methods = methods, .lengths = lengths, .keep_nll = true};
    const char *method;
    json_t *value;
    json_object_foreach(json_object_get(f->expected, "ppl"), method, value)
        methods[options.n_methods++] = method;
    for (size_t i = 0; i < json_array_size(json_object_get(f->expected, "lengths")); i++)
        lengths[options.n_lengths++] = (uint32_t)json_integer_value(
            json_array_get(json_object_get(f->expected, "lengths"), i));
    options.original_max_len =
        (uint32_t)json_integer_value(json_object_get(f->expected, "original_max_len"));
    struct vkh_model *model;
    CHECK(vkh_model_open(path, log, &model) == VKH_OK);
    struct vkh_ppl_results *results = NULL;
    CHECK(model && vkh_ppl_run(test->device, model, &options, log, &results) == VKH_OK);
    if (results)
        check_results(f, results);
    if (results && f->n_ids <= SHORT)
        check_cuts(test, model, &options, results);
    vkh_ppl_results_destroy(&results);
    vkh_model_close(&model);
}

int main(int argc, char **argv)
{
    struct gpu_test test = gpu_test_open();
    for (int i = 1; i + 2 < argc; i += 3) {
        const char *slash = strrchr(argv[i], '/');
        struct fixture fixture = {.name = slash ? slash + 1 : argv[i],
                                  .expected = json_load_file(argv[i + 1], 0, NULL)};
        CHECK_MSG(fixture.expected != NULL, "%s: cannot be read", argv[i + 1]);
        fixture.ids = read_ids(argv[i + 2], &fixture.n_ids);
        test_fixture(&test, &fixture, argv[i]);
        json_decref(fixture.expected);
        free(fixture.ids);
    }
    return gpu_test_close(&test);
}
