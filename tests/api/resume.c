// SPDX-License-Identifier: MIT
// A run that stops after any of its chunks, or loses its device at any submit, goes on from its
// checkpoint to the same bits; a checkpoint of another run is refused by what differs.
#include <unistd.h>

#include "app.h"
#include "resume_test.h"

enum { SHORT = 150 };

static const char *model_path;
static uint32_t stop_stride, loss_stride; // of chunks and of submits
static struct app app;
static struct vkh_requirements *wanted;
static char checkpoint[64];

static const struct vkh_ppl_text texts[] = {{"a", ids, N}, {"b", ids + 100, SHORT}};

// A run from what is there to its end, which must be `want`, after `resumed` tokens.
static void check_rest(struct vkh_device *device, const struct vkh_model *model,
                       const struct vkh_ppl_options *options, const struct vkh_ppl_results *want,
                       uint64_t resumed, const char *name)
{
    struct vkh_ppl_results *results;
    struct watch watch = {0};
    CHECK_MSG(run(device, model, *options, &watch, &results) == VKH_OK, "%s: %s", name, last_line);
    CHECK_MSG(watch.resumed == resumed && watch.done == watch.total,
              "%s: went on after %llu tokens, not %llu", name, (unsigned long long)watch.resumed,
              (unsigned long long)resumed);
    CHECK_MSG(results && are_same(results, want), "%s: other numbers after %llu tokens", name,
              (unsigned long long)resumed);
    CHECK(results && results->seconds >= results->device_seconds);
    vkh_ppl_results_destroy(&results);
}

// Stops after every `stop_stride`th of its chunks, and then after each chunk once.
static void test_stops(struct vkh_device *device, const struct vkh_model *model, const char *name,
                       struct vkh_ppl_options options)
{
    struct vkh_ppl_results *want, *results;
    struct watch watch = {0};
    CHECK_MSG(run(device, model, options, &watch, &want) == VKH_OK, "%s: %s", name, last_line);
    if (!want)
        return;
    const uint32_t n = watch.steps;
    CHECK_MSG(n >= 6, "%s: only %u chunks", name, n);
    options.checkpoint = checkpoint;
    for (uint32_t i = 1; i <= n; i += stop_stride) {
        unlink(checkpoint);
        watch = (struct watch){.stop_after = i};
        CHECK(run(device, model, options, &watch, &results) == VKH_ERR_CANCELLED);
        check_rest(device, model, &options, want, watch.done, name);
    }
    check_rest(device, model, &options, want, watch.total, name); // nothing is left to do
    unlink(checkpoint);
    uint64_t done = 0;
    for (uint32_t i = 1; i <= n; i++) {
        watch = (struct watch){.stop_after = 1};
        CHECK(run(device, model, options, &watch, &results) == VKH_ERR_CANCELLED);
        CHECK_MSG(watch.resumed == done, "%s: run %u began elsewhere", name, i);
        done = watch.done;
    }
    check_rest(device, model, &options, want, done, name);
    unlink(checkpoint);
    fprintf(stderr, "%s: %u chunks\n", name, n);
    vkh_ppl_results_destroy(&want);
}

static void test_all_stops(struct vkh_device *device, const struct vkh_model *model)
{
    struct vkh_ppl_options options = usual();
    test_stops(device, model, "one pass", options);
    options.kv_type = VKH_KV_F16;
    test_stops(device, model, "halves", options);
    options.kv_type = VKH_KV_Q8_0;
    test_stops(device, model, "8 bits", options);
    options = usual();
    options.separate = true;
    test_stops(device, model, "nothing shared", options);
    options = usual();
    options.original_max_len = N; // nothing moves: the prefix is all there is
    options.n_methods = 3;
    options.texts = texts;
    options.n_texts = 2;
    test_stops(device, model, "all shared, two texts", options);
    options.original_max_len = 64;
    options.regime =
        (struct vkh_ppl_regime){.kind = VKH_REGIME_WINDOW, .window = 100, .stride = 60};
    test_stops(device, model, "windows", options);
    options.original_max_len = 32;
    options.regime = (struct vkh_ppl_regime){.kind = VKH_REGIME_CHUNKED, .window = 64};
    test_stops(device, model, "disjoint windows", options);
}

// Divergences: of one reference, and of a method that varies, which has several.
static void test_compared(struct vkh_device *device, const struct vkh_model *model)
{
    struct vkh_ppl_options options = usual();
    options.kl = "baseline";
    test_stops(device, model, "compared", options);
    options.kl = "dynamic-ntk:factor=2";
    test_stops(device, model, "compared, several references", options);
    options = usual();
    options.kl = "hybrid:cf=2";
    options.texts = texts;
    options.n_texts = 2;
    options.original_max_len = 64;
    options.n_methods = 3;
    options.regime =
        (struct vkh_ppl_regime){.kind = VKH_REGIME_WINDOW, .window = 100, .stride = 60};
    test_stops(device, model, "compared, windows", options);
}

// The device, lost at the submit that the countdown is for; off below 0.
static long countdown = -1;
static PFN_vkQueueSubmit real_submit;

static VKAPI_ATTR VkResult VKAPI_CALL submit(VkQueue queue, uint32_t n, const VkSubmitInfo *info,
                                             VkFence fence)
{
    if (countdown == 0)
        return VK_ERROR_DEVICE_LOST;
    countdown -= countdown > 0;
    return real_submit(queue, n, info, fence);
}

static VKAPI_ATTR PFN_vkVoidFunction VKAPI_CALL device_function(VkDevice device, const char *name)
{
    if (strcmp(name, "vkQueueSubmit") != 0)
        return vkGetDeviceProcAddr(device, name);
    real_submit = (PFN_vkQueueSubmit)vkGetDeviceProcAddr(device, name);
    return (PFN_vkVoidFunction)submit;
}

static VKAPI_ATTR PFN_vkVoidFunction VKAPI_CALL instance_function(VkInstance instance,
                                                                  const char *name)
{
    if (strcmp(name, "vkGetDeviceProcAddr") == 0)
        return (PFN_vkVoidFunction)device_function;
    return vkGetInstanceProcAddr(instance, name);
}

static struct vkh_device *open_device(const char *variants)
{
    struct vkh_vulkan_device vulkan = app_vulkan(&app);
    vulkan.get = instance_function;
    vulkan.features = wanted->features;
    const struct vkh_device_options options = {.variants = variants, .log = &warnings_to_line};
    struct vkh_device *device;
    if (vkh_device_import(&vulkan, &options, &device) != VKH_OK)
        exit(1);
    return device;
}

static void close_device(struct vkh_device **device)
{
    CHECK(vkh_device_memory_use(*device).device_now == 0);
    CHECK(vkh_device_memory_use(*device).host_now == 0);
    vkh_device_destroy(device);
}

static void test_lost(struct vkh_device *device, const struct vkh_model *model)
{
    struct vkh_ppl_options options = usual();
    struct vkh_ppl_results *want, *results;
    struct watch watch = {0};
    CHECK(run(device, model, options, &watch, &want) == VKH_OK);
    options.checkpoint = checkpoint;
    enum vkh_status status = VKH_ERR_DEVICE_LOST;
    uint64_t went_on = 0;
    for (long n = 0; status == VKH_ERR_DEVICE_LOST && want; n += loss_stride) {
        unlink(checkpoint);
        watch = (struct watch){0};
        countdown = n;
        status = run(device, model, options, &watch, &results);
        countdown = -1;
        CHECK(status == VKH_OK || status == VKH_ERR_DEVICE_LOST);
        vkh_ppl_results_destroy(&results);
        check_rest(device, model, &options, want, watch.done, "after a loss");
        went_on += watch.done > 0 && watch.done < watch.total;
    }
    CHECK(went_on * loss_stride > 10);
    unlink(checkpoint);
    vkh_ppl_results_destroy(&want);
}

static void test_others(struct vkh_device *device, const struct vkh_model *model)
{
    struct vkh_ppl_options options = usual(), other;
    struct vkh_ppl_results *results;
    struct watch watch = {.stop_after = 3};
    options.checkpoint = checkpoint;
    options.kv_type = VKH_KV_F32;
    CHECK(run(device, model, options, &watch, &results) == VKH_ERR_CANCELLED);
    other = options;
    other.n_methods = 3;
    check_other(device, model, &other, "methods");
    other = options;
    other.lengths++;
    other.n_lengths = 1;
    check_other(device, model, &other, "lengths");
    other = options;
    other.original_max_len = 192;
    check_other(device, model, &other, "original-max-len");
    other = options;
    other.chunk = 128;
    check_other(device, model, &other, "chunk");
    other = options;
    other.kv_type = VKH_KV_F16;
    check_other(device, model, &other, "kv-type");
    other.kv_type = VKH_KV_Q8_0;
    check_other(device, model, &other, "kv-type");
    other = options;
    other.separate = true;
    check_other(device, model, &other, "separate");
    other = options;
    other.regime = (struct vkh_ppl_regime){.kind = VKH_REGIME_CHUNKED, .window = 64};
    check_other(device, model, &other, "regime");
    ids[N - 1] ^= 1;
    check_other(device, model, &options, "texts");
    ids[N - 1] ^= 1;
    struct vkh_device *floor = open_device("matmul=floor");
    check_other(floor, model, &options, "variants");
    close_device(&floor);
}

// The model of another file whose numbers alone differ: one byte of its last tensor.
static void test_other_model(struct vkh_device *device)
{
    struct vkh_ppl_options options = usual();
    options.kv_type = VKH_KV_F32;
    struct vkh_model *model;
    char path[sizeof(checkpoint) + 8];
    snprintf(path, sizeof(path), "%s.gguf", checkpoint);
    FILE *from = fopen(model_path, "rb"), *to = fopen(path, "wb");
    int byte = 0, last = 0;
    while (from && to && (byte = fgetc(from)) != EOF)
        fputc(last = byte, to);
    CHECK(to && fseek(to, -1, SEEK_END) == 0 && fputc(last ^ 1, to) != EOF && fclose(to) == 0);
    fclose(from);
    CHECK(vkh_model_open(path, &warnings_to_line, &model) == VKH_OK);
    options.checkpoint = checkpoint;
    check_other(device, model, &options, "model");
    vkh_model_close(&model);
    unlink(path);
}

// A checkpoint is of one device's run.
static void test_devices(struct vkh_device *device, const struct vkh_model *model)
{
    struct vkh_ppl_options options = usual();
    struct vkh_ppl_results *results;
    struct vkh_device *const devices[] = {device, device};
    options.checkpoint = checkpoint;
    CHECK(vkh_ppl_run_on(devices, 2, model, &options, &warnings_to_line, &results) ==
              VKH_ERR_ARGUMENT &&
          !results);
    CHECK_MSG(strstr(last_line, "checkpoint: it is of one device's run") != NULL, "'%s'",
              last_line);
    CHECK(access(checkpoint, F_OK) != 0);
}

// Compared with another model, of other layers, keys and values.
static void test_models(struct vkh_device *device, const char *path, const char *other_path)
{
    struct vkh_ppl_options options = usual();
    struct vkh_ppl_results *results;
    struct watch watch = {.stop_after = 9};
    struct pair pair = open_pair(path, other_path);
    options.kl = "hybrid:cf=2";
    options.kl_model = pair.other;
    test_stops(device, pair.model, "compared with another model", options);
    options.checkpoint = checkpoint;
    CHECK(run(device, pair.model, options, &watch, &results) == VKH_ERR_CANCELLED);
    struct vkh_ppl_options other = options;
    other.kl = "baseline";
    check_other(device, pair.model, &other, "kl");
    other.kl = NULL;
    other.kl_model = NULL;
    check_other(device, pair.model, &other, "kl");
    other = options;
    other.kl_model = pair.model;
    check_other(device, pair.model, &other, "kl-model");
    unlink(checkpoint);
    close_pair(&pair);
}

int main(int argc, char **argv)
{
    struct vkh_model *model;
    char folder[] = "/tmp/vkhrope-resume-XXXXXX";
    if (argc != 7 || vkh_model_open(argv[1], &warnings_to_line, &model) != VKH_OK ||
        api_test_ids(argv[2], ids, N) != N || !mkdtemp(folder))
        return 1;
    model_path = argv[1];
    stop_stride = (uint32_t)strtoul(argv[5], NULL, 10);
    loss_stride = (uint32_t)strtoul(argv[6], NULL, 10);
    snprintf(checkpoint, sizeof(checkpoint), "%s/run", folder);
    app = app_create(NULL);
    if (vkh_device_requirements(NULL, app.instance, app.physical, NULL, &wanted) != VKH_OK)
        return 1;
    struct vkh_device *device = open_device(getenv("VKHROPE_TEST_VARIANTS"));
    test_all_stops(device, model);
    test_compared(device, model);
    test_others(device, model);
    test_other_model(device);
    unlink(checkpoint);
    test_devices(device, model);
    test_lost(device, model);
    test_models(device, argv[3], argv[4]);
    close_device(&device);
    vkh_model_close(&model);
    vkh_requirements_destroy(&wanted);
    app_destroy(&app);
    unlink(checkpoint);
    CHECK(rmdir(folder) == 0);
    return check_result();
}
