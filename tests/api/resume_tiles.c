// SPDX-License-Identifier: MIT
// Tiles change no bit: where the fastest was another one when a run began, as it may be without the
// cache folder in which that was kept, the run goes on all the same. Skips devices without
// cooperative matrices.
#include <unistd.h>

#include "resume_test.h"

static struct vkh_device *open_device(const char *tile)
{
    char variants[64];
    snprintf(variants, sizeof(variants), "tier=matrix,tile=%s", tile);
    const struct vkh_device_options options = {
        .select = getenv("VKHROPE_TEST_DEVICE"), .variants = variants, .log = &warnings_to_line};
    struct vkh_device *device;
    if (vkh_device_create(&options, &device) != VKH_OK ||
        !(vkh_device_caps(device)->bits & VKH_CAP_MATRIX16))
        exit(CHECK_SKIPPED);
    return device;
}

static void test_other_tile(struct vkh_device *device, struct vkh_device *other,
                            const struct vkh_model *model, const char *checkpoint)
{
    struct vkh_ppl_options options = usual();
    struct vkh_ppl_results *want, *results;
    struct watch watch = {0};
    options.kl = "baseline";
    CHECK_MSG(run(device, model, options, &watch, &want) == VKH_OK, "%s", last_line);
    options.checkpoint = checkpoint;
    watch = (struct watch){.stop_after = 6};
    CHECK(run(device, model, options, &watch, &results) == VKH_ERR_CANCELLED);
    watch = (struct watch){0};
    CHECK_MSG(run(other, model, options, &watch, &results) == VKH_OK, "%s", last_line);
    CHECK(watch.resumed > 0 && strstr(want->variants, "tile=2x2") &&
          strstr(results->variants, "tile=4x2") && are_same(results, want));
    vkh_ppl_results_destroy(&want);
    vkh_ppl_results_destroy(&results);
}

int main(int argc, char **argv)
{
    struct vkh_device *device = open_device("2x2"), *other = open_device("4x2");
    struct vkh_model *model;
    char folder[] = "/tmp/vkhrope-tiles-XXXXXX", checkpoint[64];
    if (argc != 3 || vkh_model_open(argv[1], &warnings_to_line, &model) != VKH_OK ||
        api_test_ids(argv[2], ids, N) != N || !mkdtemp(folder))
        return 1;
    snprintf(checkpoint, sizeof(checkpoint), "%s/run", folder);
    test_other_tile(device, other, model, checkpoint);
    vkh_device_destroy(&device);
    vkh_device_destroy(&other);
    vkh_model_close(&model);
    unlink(checkpoint);
    CHECK(rmdir(folder) == 0);
    return check_result();
}
