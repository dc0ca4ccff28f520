// SPDX-License-Identifier: MIT
// A walk by layers goes on from its last batch, wherever it stopped, to the same bits.
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "resume_test.h"

static uint32_t stride; // of the places where the disk is full
static char checkpoint[64];

// The least memory, so that the walk is by layers and takes several batches.
static struct vkh_ppl_options by_layers(struct vkh_device *device, const struct vkh_model *model,
                                        struct vkh_ppl_options options)
{
    struct vkh_ppl_memory plan;
    options.kv_type = VKH_KV_F32;
    options.memory = 1;
    CHECK(vkh_ppl_plan(device, model, &options, &warnings_to_line, &plan) == VKH_OK && !plan.fits);
    CHECK(plan.walk != VKH_WALK_CHUNKS && plan.batches > 2);
    options.memory = plan.peak;
    return options;
}

// From what a run left to the end. Returns whether there was anything.
static bool check_end(struct vkh_device *device, const struct vkh_model *model,
                      const struct vkh_ppl_options *options, const struct vkh_ppl_results *want,
                      uint64_t done)
{
    struct vkh_ppl_results *results;
    struct watch watch = {0};
    CHECK_MSG(run(device, model, *options, &watch, &results) == VKH_OK, "%s", last_line);
    CHECK(watch.resumed <= done && watch.done == watch.total);
    CHECK_MSG(results && are_same(results, want), "by layers: other numbers after %llu tokens",
              (unsigned long long)watch.resumed);
    vkh_ppl_results_destroy(&results);
    return watch.resumed > 0;
}

// A walk by layers goes on after its last batch, or where methods are compared, its last method.
static void test_layers(struct vkh_device *device, const struct vkh_model *model, const char *name,
                        struct vkh_ppl_options some)
{
    struct vkh_ppl_options options = by_layers(device, model, some);
    struct vkh_ppl_results *want, *results;
    struct watch watch = {0};
    uint32_t went_on = 0;
    CHECK_MSG(run(device, model, options, &watch, &want) == VKH_OK, "%s: %s", name, last_line);
    const uint32_t n = watch.steps;
    unlink(checkpoint);
    options.checkpoint = checkpoint;
    for (uint32_t i = 1; i <= n && want; i += n / 13) {
        unlink(checkpoint);
        watch = (struct watch){.stop_after = i};
        CHECK(run(device, model, options, &watch, &results) == VKH_ERR_CANCELLED);
        went_on += check_end(device, model, &options, want, watch.done);
    }
    CHECK_MSG(went_on > 3, "%s: went on %u times only", name, went_on);
    CHECK(check_end(device, model, &options, want, watch.total)); // nothing is left to do
    options.memory = 0;
    check_other(device, model, &options, "walk");
    vkh_ppl_results_destroy(&want);
}

// The disk, full within what a batch leaves: its first part is kept, and the rest computed again.
static void test_full_disk(struct vkh_device *device, const struct vkh_model *model,
                           struct vkh_ppl_options some)
{
    struct vkh_ppl_options options = by_layers(device, model, some);
    struct vkh_ppl_results *want, *results;
    struct watch watch = {0};
    struct rlimit before;
    struct stat empty, all;
    uint32_t n = 0, went_on = 0;
    unlink(checkpoint);
    options.checkpoint = checkpoint;
    watch.stop_after = 1;
    CHECK(run(device, model, options, &watch, &results) == VKH_ERR_CANCELLED);
    CHECK(stat(checkpoint, &empty) == 0);
    watch = (struct watch){0};
    CHECK_MSG(run(device, model, options, &watch, &want) == VKH_OK, "%s", last_line);
    CHECK(stat(checkpoint, &all) == 0 && getrlimit(RLIMIT_FSIZE, &before) == 0);
    signal(SIGXFSZ, SIG_IGN);
    for (uint32_t i = 1; i < 16 && want; i += stride, n++) {
        const struct rlimit full = {
            (rlim_t)(empty.st_size + (all.st_size - empty.st_size) * i / 16), before.rlim_max};
        unlink(checkpoint);
        watch = (struct watch){0};
        CHECK(setrlimit(RLIMIT_FSIZE, &full) == 0);
        const enum vkh_status status = run(device, model, options, &watch, &results);
        CHECK(setrlimit(RLIMIT_FSIZE, &before) == 0); // before anything is said
        CHECK(status == VKH_ERR_IO);
        went_on += check_end(device, model, &options, want, watch.done);
    }
    CHECK_MSG(went_on > n / 3, "went on %u times of %u only", went_on, n);
    vkh_ppl_results_destroy(&want);
}

int main(int argc, char **argv)
{
    struct vkh_model *model;
    char folder[] = "/tmp/vkhrope-layers-XXXXXX";
    if (argc != 6 || vkh_model_open(argv[1], &warnings_to_line, &model) != VKH_OK ||
        api_test_ids(argv[2], ids, N) != N || !mkdtemp(folder))
        return 1;
    snprintf(checkpoint, sizeof(checkpoint), "%s/run", folder);
    stride = (uint32_t)strtoul(argv[5], NULL, 10);
    struct vkh_device *device = api_test_device(&warnings_to_line);
    struct vkh_ppl_options options = usual();
    test_layers(device, model, "by layers", options);
    test_full_disk(device, model, options);
    options.kl = "baseline";
    test_layers(device, model, "compared", options);
    test_full_disk(device, model, options);
    options.kl = "dynamic-ntk:factor=2";
    test_layers(device, model, "compared, several references", options);
    struct pair pair = open_pair(argv[3], argv[4]);
    options.kl_model = pair.other;
    test_layers(device, pair.model, "compared with another model", options);
    test_full_disk(device, pair.model, options);
    close_pair(&pair);
    CHECK(vkh_device_memory_use(device).device_now == 0);
    CHECK(vkh_device_memory_use(device).host_now == 0);
    vkh_device_destroy(&device);
    vkh_model_close(&model);
    unlink(checkpoint);
    CHECK(rmdir(folder) == 0);
    return check_result();
}
