// SPDX-License-Identifier: MIT
// Choosing variants by their times: what is measured and when, what is kept, and that the choice
// follows the times. Argument: a model that cooperative matrices take.
#include "graph/tune.h"
#include "cache_test.h"
#include "graph/graph.h"
#include "model/model.h"

enum { MAX_CHOICES = 16 };

static struct cache_log heard;

// A device that takes itself for a GPU.
static struct vkh_device *open_gpu(const char *folder, const char *variants)
{
    struct vkh_device *device = cache_test_device(folder, variants, &heard);
    device->caps.is_cpu = false;
    return device;
}

static uint32_t read_choices(struct vkh_device *device, struct vkh_choice choices[MAX_CHOICES])
{
    uint32_t n = 0;
    while (n < MAX_CHOICES && vkh_choice_at(device, n, &choices[n]))
        n++;
    return n;
}

static void plan(struct vkh_device *device, const struct vkh_model *model)
{
    vkh_graph_plan(device, model, &(struct vkh_graph_wish){0});
}

// The chosen one is the fastest, but for the last, which may be as much slower as noise is.
static void check_choice(const struct vkh_choice *c)
{
    uint32_t best = 0;
    CHECK(c->n > 1 && c->chosen < c->n);
    for (uint32_t i = 0; i < c->n; i++) {
        CHECK(isfinite(c->variants[i].seconds) && c->variants[i].seconds > 0.0);
        best = c->variants[i].seconds < c->variants[best].seconds ? i : best;
    }
    CHECK_MSG(c->chosen == best || (c->chosen == c->n - 1 && 0.9 * c->variants[c->chosen].seconds <=
                                                                 c->variants[best].seconds),
              "%s %s: %s is chosen, %s the fastest", c->operation, c->type,
              c->variants[c->chosen].name, c->variants[best].name);
}

static ino_t file_of(const char *folder)
{
    struct stat info = {0};
    char *path = cache_test_file(folder, ".json");
    if (path)
        CHECK(stat(path, &info) == 0);
    free(path);
    return info.st_ino;
}

// Where nothing is to be measured: on a processor, by hand, and without a place to keep it.
static void test_never(const struct vkh_model *model, const char *folder, const char *nowhere)
{
    struct vkh_choice choice;
    struct vkh_device *device = cache_test_device(folder, NULL, &heard);
    const bool is_cpu = device->caps.is_cpu;
    plan(device, model);
    CHECK(!is_cpu || !vkh_choice_at(device, 0, &choice));
    vkh_device_destroy(&device);
    if (!is_cpu) // it was right to measure
        cache_test_remove(folder);
    device = open_gpu(folder, "matmul=floor");
    plan(device, model);
    CHECK(!vkh_choice_at(device, 0, &choice));
    CHECK(vkh_tune_again(device, VKH_F16) == VKH_ERR_ARGUMENT && heard.errors == 1);
    vkh_device_destroy(&device);
    const char *const unkept[] = {NULL, nowhere};
    for (int i = 0; i < 2; i++) {
        device = open_gpu(unkept[i], NULL);
        plan(device, model);
        CHECK(!vkh_choice_at(device, 0, &choice) && heard.errors == 0);
        CHECK(vkh_tune_again(device, VKH_F16) == VKH_ERR_IO && heard.errors == 1);
        vkh_device_destroy(&device);
    }
    CHECK(file_of(folder) == 0);
}

// A model's first use measures, the next ones do not.
static void test_first_use(const struct vkh_model *model, const char *folder)
{
    struct vkh_choice first[MAX_CHOICES], again[MAX_CHOICES];
    struct vkh_device *device = open_gpu(folder, NULL);
    plan(device, model);
    const uint32_t n = read_choices(device, first);
    for (uint32_t i = 0; i < n; i++)
        check_choice(&first[i]);
    const ino_t file = file_of(folder);
    CHECK((file != 0) == (n > 0));
    plan(device, model);
    vkh_device_destroy(&device);
    device = open_gpu(folder, NULL);
    plan(device, model);
    CHECK(read_choices(device, again) == n && file_of(folder) == file);
    for (uint32_t i = 0; i < n; i++)
        CHECK(strcmp(again[i].operation, first[i].operation) == 0 &&
              strcmp(again[i].type, first[i].type) == 0 && again[i].chosen == first[i].chosen);
    vkh_device_destroy(&device);
}

// Measuring again turns away what is far behind, though it was chosen. Takes the choices of the
// model's first use: all its weights are of one type.
static void test_again(const struct vkh_model *model, const char *folder)
{
    struct vkh_choice choices[MAX_CHOICES];
    struct vkh_device *device = open_gpu(folder, NULL);
    const uint32_t n = read_choices(device, choices);
    for (uint32_t i = 0; i < n; i++) {
        struct vkh_choice spoiled = choices[i];
        spoiled.chosen = (spoiled.chosen + 1) % spoiled.n;
        vkh_choice_put(device, &spoiled);
    }
    CHECK(vkh_tune_again(device, model->output->type) == VKH_OK && heard.errors == 0);
    for (uint32_t i = 0; i < n; i++) {
        struct vkh_choice now;
        double other = INFINITY; // the fastest but the chosen
        for (uint32_t j = 0; j < choices[i].n; j++)
            if (j != choices[i].chosen)
                other = fmin(other, choices[i].variants[j].seconds);
        CHECK(vkh_choice_get(device, choices[i].operation,
                             choices[i].type[0] ? choices[i].type : NULL, &now));
        if (choices[i].variants[choices[i].chosen].seconds < 0.5 * other)
            CHECK_MSG(now.chosen == choices[i].chosen, "%s: %s is chosen", now.operation,
                      now.variants[now.chosen].name);
    }
    vkh_device_destroy(&device);
}

int main(int argc, char **argv)
{
    char top[] = "/tmp/vkhrope-tune-XXXXXX", folder[64], nowhere[64];
    struct vkh_model *model;
    if (argc != 2 || !mkdtemp(top) || vkh_model_open(argv[1], NULL, &model) != VKH_OK)
        return 1;
    snprintf(folder, sizeof(folder), "%s/cache", top);
    snprintf(nowhere, sizeof(nowhere), "%s/file", top);
    FILE *file = fopen(nowhere, "w");
    if (!file || fclose(file) != 0)
        return 1;
    test_never(model, folder, nowhere);
    test_first_use(model, folder);
    test_again(model, folder);
    vkh_model_close(&model);
    cache_test_remove(top);
    return check_result();
}
