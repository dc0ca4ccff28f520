// SPDX-License-Identifier: MIT
// The caller's device: with everything asked for, with as little as there can be, refused.
#include <math.h>
#include <vkhrope/record.h>

#include "app.h"

enum { N = 150 };

static const struct vkh_log log_lines = {api_test_log, NULL, VKH_LOG_WARNING};
static int32_t ids[N];

static double ppl_on(struct vkh_device *device, const struct vkh_model *model)
{
    static const char *const methods[] = {"hybrid:cf=2"};
    static const uint32_t length = N;
    const struct vkh_ppl_options options = {.ids = ids,
                                            .n_ids = N,
                                            .lengths = &length,
                                            .n_lengths = 1,
                                            .methods = methods,
                                            .n_methods = 1};
    struct vkh_ppl_results *results;
    if (vkh_ppl_run(device, model, &options, &log_lines, &results) != VKH_OK)
        return NAN;
    CHECK((results->device_seconds > 0) == (vkh_device_caps(device)->timestamp_ns > 0));
    const double ppl = results->cells[0].ppl;
    vkh_ppl_results_destroy(&results);
    return ppl;
}

static double own_device(const struct vkh_model *model, uint32_t *bits)
{
    const char *select = getenv("VKHROPE_TEST_DEVICE");
    const struct vkh_device_options options = {.select = select ? select : "0", .log = &log_lines};
    struct vkh_device *device;
    if (vkh_device_create(&options, &device) != VKH_OK)
        exit(CHECK_SKIPPED);
    const double ppl = ppl_on(device, model);
    *bits = vkh_device_caps(device)->bits;
    vkh_device_destroy(&device);
    return ppl;
}

struct lock_count {
    int locked, calls;
};

static void lock(void *user)
{
    struct lock_count *count = user;
    count->locked++;
    count->calls++;
}

static void unlock(void *user)
{
    ((struct lock_count *)user)->locked--;
}

// Methods that the kernel cannot compute: a scale, and positions from the third token on.
static void test_operation(struct vkh_device *device)
{
    struct vkh_rope_op_options options = {.method = "yarn:factor=2,attention_factor=1e300",
                                          .base = 1e4,
                                          .original_max_len = 1,
                                          .max_tokens = 3,
                                          .n_heads = 1,
                                          .head_dim = 8,
                                          .rotary_dim = 8};
    struct vkh_rope_op *op;
    CHECK(vkh_rope_op_create(device, &options, &op) == VKH_ERR_ARGUMENT && !op);
    options.method = "hybrid:cf=1e-12";
    CHECK(vkh_rope_op_create(device, &options, &op) == VKH_ERR_ARGUMENT && !op);
    options.max_tokens = 2;
    CHECK(vkh_rope_op_create(device, &options, &op) == VKH_OK);
    vkh_rope_op_destroy(&op);
}

static void test_everything(const struct vkh_model *model, double want, uint32_t bits)
{
    struct app app = app_create(NULL);
    struct vkh_requirements *wanted;
    struct lock_count count = {0};
    CHECK(vkh_device_requirements(vkGetInstanceProcAddr, app.instance, app.physical, &log_lines,
                                  &wanted) == VKH_OK);
    struct vkh_vulkan_device vulkan = app_vulkan(&app);
    vulkan.features = wanted->features;
    vulkan.queue_lock = (struct vkh_queue_lock){lock, unlock, &count};
    vulkan.allocator = &app_allocator;
    const struct vkh_device_options options = {.log = &log_lines};
    struct vkh_device *device;
    CHECK(vkh_device_import(&vulkan, &options, &device) == VKH_OK);
    vkh_requirements_destroy(&wanted);
    CHECK_MSG(vkh_device_caps(device)->bits == bits, "bits %#x, our own device's %#x",
              vkh_device_caps(device)->bits, bits);
    const double ppl = ppl_on(device, model);
    CHECK_MSG(ppl == want, "PPL %.17g on the caller's device, %.17g on ours", ppl, want);
    CHECK(count.calls > 0 && count.locked == 0);
    CHECK(app_live_allocations > 0);
    test_operation(device);
    vkh_device_destroy(&device);
    CHECK_MSG(app_live_allocations == 0, "%ld Vulkan allocations stay", app_live_allocations);
    CHECK(vkDeviceWaitIdle(app.device) == VK_SUCCESS); // it is still there
    app_destroy(&app);
}

// A device with the one feature that must be on; the others are there, and off.
static void test_least(const struct vkh_model *model, double want)
{
    VkPhysicalDeviceTimelineSemaphoreFeatures timeline = {
        .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_TIMELINE_SEMAPHORE_FEATURES,
        .timelineSemaphore = VK_TRUE};
    const VkPhysicalDeviceFeatures2 features = {
        .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_FEATURES_2, .pNext = &timeline};
    struct app app = app_create(&features);
    struct vkh_vulkan_device vulkan = app_vulkan(&app);
    vulkan.get = NULL;
    vulkan.features = &features;
    const struct vkh_device_options options = {.log = &log_lines};
    struct vkh_device *device;
    CHECK(vkh_device_import(&vulkan, &options, &device) == VKH_OK);
    const uint32_t off = VKH_CAP_STORAGE16 | VKH_CAP_FLOAT16 | VKH_CAP_STORAGE8 | VKH_CAP_INT8 |
                         VKH_CAP_SUBGROUP_SIZE | VKH_CAP_SUBGROUP_16;
    CHECK((vkh_device_caps(device)->bits & off) == 0);
    const double ppl = ppl_on(device, model);
    CHECK_MSG(fabs(ppl / want - 1) <= 1e-4, "PPL %.9g with the least, want %.9g", ppl, want);
    vkh_device_destroy(&device);
    app_destroy(&app);
}

// Each bit of a chain of extensions' structures is seen as that of the core versions.
static void test_chain(void)
{
    struct app app = app_create(NULL);
    VkPhysicalDevice8BitStorageFeatures bytes = {
        .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_8BIT_STORAGE_FEATURES,
        .storageBuffer8BitAccess = VK_TRUE};
    VkPhysicalDevice16BitStorageFeatures halves = {
        .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_16BIT_STORAGE_FEATURES,
        .pNext = &bytes,
        .storageBuffer16BitAccess = VK_TRUE};
    VkPhysicalDeviceShaderFloat16Int8Features arithmetic = {
        .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_SHADER_FLOAT16_INT8_FEATURES,
        .pNext = &halves,
        .shaderFloat16 = VK_TRUE,
        .shaderInt8 = VK_TRUE};
    VkPhysicalDeviceTimelineSemaphoreFeatures timeline = {
        .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_TIMELINE_SEMAPHORE_FEATURES,
        .pNext = &arithmetic,
        .timelineSemaphore = VK_TRUE};
    const VkPhysicalDeviceFeatures2 features = {
        .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_FEATURES_2, .pNext = &timeline};
    struct vkh_vulkan_device vulkan = app_vulkan(&app);
    vulkan.features = &features;
    const struct vkh_device_options options = {.log = &log_lines};
    struct vkh_device *device;
    CHECK(vkh_device_import(&vulkan, &options, &device) == VKH_OK);
    VkPhysicalDeviceVulkan12Features has12 = {
        .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_VULKAN_1_2_FEATURES};
    VkPhysicalDeviceVulkan11Features has11 = {
        .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_VULKAN_1_1_FEATURES, .pNext = &has12};
    VkPhysicalDeviceFeatures2 has = {.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_FEATURES_2,
                                     .pNext = &has11};
    vkGetPhysicalDeviceFeatures2(app.physical, &has);
    const uint32_t want = (has11.storageBuffer16BitAccess ? VKH_CAP_STORAGE16 : 0u) |
                          (has12.storageBuffer8BitAccess ? VKH_CAP_STORAGE8 : 0u) |
                          (has12.shaderFloat16 ? VKH_CAP_FLOAT16 : 0u) |
                          (has12.shaderInt8 ? VKH_CAP_INT8 : 0u);
    CHECK((vkh_device_caps(device)->bits &
           (VKH_CAP_STORAGE16 | VKH_CAP_STORAGE8 | VKH_CAP_FLOAT16 | VKH_CAP_INT8)) == want);
    vkh_device_destroy(&device);
    app_destroy(&app);
}

// Kernels on cooperative matrices read operands by address.
static void test_without_addresses(void)
{
    struct app app = app_create(NULL);
    struct vkh_requirements *wanted;
    if (vkh_device_requirements(NULL, app.instance, app.physical, NULL, &wanted) != VKH_OK)
        exit(1);
    VkPhysicalDeviceFeatures2 features = *wanted->features;
    features.features.shaderInt64 = VK_FALSE;
    struct vkh_vulkan_device vulkan = app_vulkan(&app);
    vulkan.features = &features;
    const struct vkh_device_options options = {.log = &log_lines};
    struct vkh_device *device;
    CHECK(vkh_device_import(&vulkan, &options, &device) == VKH_OK);
    CHECK((vkh_device_caps(device)->bits & (VKH_CAP_MATRIX16 | VKH_CAP_MATRIX_BF16)) == 0);
    vkh_device_destroy(&device);
    vkh_requirements_destroy(&wanted);
    app_destroy(&app);
}

static void test_refusals(void)
{
    struct app app = app_create(NULL);
    struct vkh_requirements *wanted;
    if (vkh_device_requirements(NULL, app.instance, app.physical, NULL, &wanted) != VKH_OK)
        exit(1);
    struct vkh_vulkan_device good = app_vulkan(&app);
    good.features = wanted->features;
    struct vkh_vulkan_device bad[6] = {good, good, good, good, good, good};
    bad[0].instance = VK_NULL_HANDLE;
    bad[1].device = VK_NULL_HANDLE;
    bad[2].queue = VK_NULL_HANDLE;
    bad[3].features = NULL;
    bad[4].queue_family = 31;
    bad[5].queue_lock.lock = lock;
    const struct vkh_device_options options = {.log = &log_lines}, select = {.select = "0"};
    struct vkh_device *device;
    for (int i = 0; i < 6; i++)
        CHECK_MSG(vkh_device_import(&bad[i], &options, &device) == VKH_ERR_ARGUMENT && !device,
                  "import %d", i);
    CHECK(vkh_device_import(&good, &select, &device) == VKH_ERR_ARGUMENT && !device);
    vkh_requirements_destroy(&wanted);
    vkh_requirements_destroy(&wanted);
    app_destroy(&app);
}

int main(int argc, char **argv)
{
    struct vkh_model *model;
    uint32_t bits;
    if (argc != 3 || vkh_model_open(argv[1], &log_lines, &model) != VKH_OK ||
        api_test_ids(argv[2], ids, N) != N)
        return 1;
    const double want = own_device(model, &bits);
    test_everything(model, want, bits);
    test_least(model, want);
    test_chain();
    test_without_addresses();
    test_refusals();
    vkh_model_close(&model);
    return check_result();
}
