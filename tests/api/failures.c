// SPDX-License-Identifier: MIT
// Every allocation fails once: the nth call of the C library's and the nth of Vulkan's, for every n
// of a small run. Each time the run ends with the right status, and nothing stays behind.
//
// The linker sends the library's malloc, calloc, realloc, strdup, asprintf and free here (--wrap);
// the device's functions come through the application's vkGetInstanceProcAddr.
#include <errno.h>
#include <stdarg.h>
#include <unistd.h>
#include <vkhrope/record.h>

#include "app.h"
#include "kept.h"

enum { N = 70 };

static int32_t ids[N];
static const char *model_path;
static char checkpoint[64];
static struct app app;
static struct vkh_requirements *wanted;

// Counts down to the call that fails; off below 0.
static long countdown = -1;
static bool failed;

static bool due(void)
{
    if (countdown < 0 || countdown-- > 0)
        return false;
    failed = true;
    errno = ENOMEM;
    return true;
}

// The C library.
static long live_blocks;
static bool fail_host;

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *memory, size_t size);
char *__real_strdup(const char *text);
int __real_posix_memalign(void **memory, size_t alignment, size_t size);
void __real_free(void *memory);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *memory, size_t size);
char *__wrap_strdup(const char *text);
int __wrap_asprintf(char **text, const char *fmt, ...);
int __wrap___asprintf_chk(char **text, int flag, const char *fmt, ...);
int __wrap_posix_memalign(void **memory, size_t alignment, size_t size);
void __wrap_free(void *memory);

static void *counted(void *memory)
{
    live_blocks += memory != NULL;
    return memory;
}

void *__wrap_malloc(size_t size)
{
    return fail_host && due() ? NULL : counted(__real_malloc(size));
}

void *__wrap_calloc(size_t count, size_t size)
{
    return fail_host && due() ? NULL : counted(__real_calloc(count, size));
}

void *__wrap_realloc(void *memory, size_t size)
{
    if (fail_host && due())
        return NULL;
    void *larger = __real_realloc(memory, size);
    live_blocks += larger && !memory;
    return larger;
}

char *__wrap_strdup(const char *text)
{
    return fail_host && due() ? NULL : counted(__real_strdup(text));
}

static int print_to_new(char **text, const char *fmt, va_list args)
{
    const int n = fail_host && due() ? -1 : vasprintf(text, fmt, args);
    live_blocks += n >= 0;
    return n;
}

int __wrap_asprintf(char **text, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    const int n = print_to_new(text, fmt, args);
    va_end(args);
    return n;
}

// What asprintf is with _FORTIFY_SOURCE, Ubuntu's default.
int __wrap___asprintf_chk(char **text, int flag, const char *fmt, ...)
{
    (void)flag;
    va_list args;
    va_start(args, fmt);
    const int n = print_to_new(text, fmt, args);
    va_end(args);
    return n;
}

// The application's own, for the driver: counted, and never failing.
int __wrap_posix_memalign(void **memory, size_t alignment, size_t size)
{
    const int error = __real_posix_memalign(memory, alignment, size);
    live_blocks += error == 0;
    return error;
}

void __wrap_free(void *memory)
{
    live_blocks -= memory != NULL;
    __real_free(memory);
}

// Vulkan. Each function that makes something fails when it is due, with `vulkan_error`.
static bool fail_vulkan;
static VkResult vulkan_error;

#define ALLOCATING(X)                                                                              \
    X(vkAllocateCommandBuffers,                                                                    \
      (VkDevice d, const VkCommandBufferAllocateInfo *i, VkCommandBuffer *o), (d, i, o))           \
    X(vkAllocateDescriptorSets,                                                                    \
      (VkDevice d, const VkDescriptorSetAllocateInfo *i, VkDescriptorSet *o), (d, i, o))           \
    X(vkAllocateMemory,                                                                            \
      (VkDevice d, const VkMemoryAllocateInfo *i, const VkAllocationCallbacks *a,                  \
       VkDeviceMemory *o),                                                                         \
      (d, i, a, o))                                                                                \
    X(vkBeginCommandBuffer, (VkCommandBuffer c, const VkCommandBufferBeginInfo *i), (c, i))        \
    X(vkBindBufferMemory, (VkDevice d, VkBuffer b, VkDeviceMemory m, VkDeviceSize o),              \
      (d, b, m, o))                                                                                \
    X(vkCreateBuffer,                                                                              \
      (VkDevice d, const VkBufferCreateInfo *i, const VkAllocationCallbacks *a, VkBuffer *o),      \
      (d, i, a, o))                                                                                \
    X(vkCreateCommandPool,                                                                         \
      (VkDevice d, const VkCommandPoolCreateInfo *i, const VkAllocationCallbacks *a,               \
       VkCommandPool *o),                                                                          \
      (d, i, a, o))                                                                                \
    X(vkCreateComputePipelines,                                                                    \
      (VkDevice d, VkPipelineCache c, uint32_t n, const VkComputePipelineCreateInfo *i,            \
       const VkAllocationCallbacks *a, VkPipeline *o),                                             \
      (d, c, n, i, a, o))                                                                          \
    X(vkCreateDescriptorPool,                                                                      \
      (VkDevice d, const VkDescriptorPoolCreateInfo *i, const VkAllocationCallbacks *a,            \
       VkDescriptorPool *o),                                                                       \
      (d, i, a, o))                                                                                \
    X(vkCreateDescriptorSetLayout,                                                                 \
      (VkDevice d, const VkDescriptorSetLayoutCreateInfo *i, const VkAllocationCallbacks *a,       \
       VkDescriptorSetLayout *o),                                                                  \
      (d, i, a, o))                                                                                \
    X(vkCreatePipelineCache,                                                                       \
      (VkDevice d, const VkPipelineCacheCreateInfo *i, const VkAllocationCallbacks *a,             \
       VkPipelineCache *o),                                                                        \
      (d, i, a, o))                                                                                \
    X(vkCreatePipelineLayout,                                                                      \
      (VkDevice d, const VkPipelineLayoutCreateInfo *i, const VkAllocationCallbacks *a,            \
       VkPipelineLayout *o),                                                                       \
      (d, i, a, o))                                                                                \
    X(vkCreateQueryPool,                                                                           \
      (VkDevice d, const VkQueryPoolCreateInfo *i, const VkAllocationCallbacks *a,                 \
       VkQueryPool *o),                                                                            \
      (d, i, a, o))                                                                                \
    X(vkCreateSemaphore,                                                                           \
      (VkDevice d, const VkSemaphoreCreateInfo *i, const VkAllocationCallbacks *a,                 \
       VkSemaphore *o),                                                                            \
      (d, i, a, o))                                                                                \
    X(vkCreateShaderModule,                                                                        \
      (VkDevice d, const VkShaderModuleCreateInfo *i, const VkAllocationCallbacks *a,              \
       VkShaderModule *o),                                                                         \
      (d, i, a, o))                                                                                \
    X(vkEndCommandBuffer, (VkCommandBuffer c), (c))                                                \
    X(vkMapMemory,                                                                                 \
      (VkDevice d, VkDeviceMemory m, VkDeviceSize o, VkDeviceSize s, VkMemoryMapFlags f,           \
       void **p),                                                                                  \
      (d, m, o, s, f, p))                                                                          \
    X(vkQueueSubmit, (VkQueue q, uint32_t n, const VkSubmitInfo *i, VkFence f), (q, n, i, f))      \
    X(vkWaitSemaphores, (VkDevice d, const VkSemaphoreWaitInfo *i, uint64_t t), (d, i, t))

#define DEFINE(name, parameters, arguments)                                                        \
    static PFN_##name real_##name;                                                                 \
    static VKAPI_ATTR VkResult VKAPI_CALL fail_##name parameters                                   \
    {                                                                                              \
        return fail_vulkan && due() ? vulkan_error : real_##name arguments;                        \
    }
ALLOCATING(DEFINE)

static VKAPI_ATTR PFN_vkVoidFunction VKAPI_CALL device_function(VkDevice device, const char *name)
{
#define ANSWER(function, parameters, arguments)                                                    \
    if (strcmp(name, #function) == 0) {                                                            \
        real_##function = (PFN_##function)kept_function(device, name);                             \
        return (PFN_vkVoidFunction)fail_##function;                                                \
    }
    ALLOCATING(ANSWER)
    return kept_function(device, name);
}

static VKAPI_ATTR PFN_vkVoidFunction VKAPI_CALL instance_function(VkInstance instance,
                                                                  const char *name)
{
    if (strcmp(name, "vkGetDeviceProcAddr") == 0)
        return (PFN_vkVoidFunction)device_function;
    return vkGetInstanceProcAddr(instance, name);
}

static struct vkh_ppl_options usual(void)
{
    static const char *const methods[] = {"baseline", "hybrid:cf=2"};
    static const uint32_t length = N;
    return (struct vkh_ppl_options){.ids = ids,
                                    .n_ids = N,
                                    .lengths = &length,
                                    .n_lengths = 1,
                                    .methods = methods,
                                    .n_methods = 2,
                                    .keep_nll = true};
}

static enum vkh_status table(struct vkh_device *device, const struct vkh_model *model,
                             const struct vkh_ppl_options *options)
{
    struct vkh_ppl_results *results;
    if (options->checkpoint)
        unlink(options->checkpoint);
    enum vkh_status status = vkh_ppl_run(device, model, options, NULL, &results);
    CHECK((status == VKH_OK) == (results != NULL));
    if (status == VKH_OK) {
        FILE *nowhere = fopen("/dev/null", "w");
        status = vkh_report_write(results, VKH_REPORT_TABLE, NULL, nowhere);
        fclose(nowhere);
    }
    vkh_ppl_results_destroy(&results);
    return status;
}

static enum vkh_status lanes(struct vkh_device *device, const struct vkh_model *model)
{
    struct vkh_session *session = NULL;
    struct vkh_lane *lane = NULL, *fork = NULL;
    const struct vkh_lane_options options = {.method = "hybrid:cf=2", .max_tokens = N};
    static float logits[4096];
    const uint32_t row = 1;
    const struct vkh_feed feed = {
        .ids = ids, .n_ids = N - 1, .rows = &row, .n_rows = 1, .logits = logits};
    enum vkh_status status = vkh_session_create(device, model, NULL, NULL, &session);
    if (status == VKH_OK)
        status = vkh_lane_create(session, &options, &lane);
    if (status == VKH_OK)
        status = vkh_lane_feed(lane, &feed);
    if (status == VKH_OK)
        status = vkh_lane_fork(lane, N - 1, &options, &fork);
    vkh_lane_destroy(&fork);
    vkh_lane_destroy(&lane);
    vkh_session_destroy(&session);
    return status;
}

static enum vkh_status compared(struct vkh_device *device, const struct vkh_model *model)
{
    struct vkh_ppl_options options = usual();
    options.kl = "linear:factor=2";
    return table(device, model, &options);
}

static enum vkh_status checkpointed(struct vkh_device *device, const struct vkh_model *model)
{
    struct vkh_ppl_options options = usual();
    options.kl = "linear:factor=2";
    options.checkpoint = checkpoint;
    return table(device, model, &options);
}

// In the least memory that will do: layer by layer, with the weights streamed.
static enum vkh_status table_within_least(struct vkh_device *device, const struct vkh_model *model,
                                          struct vkh_ppl_options options)
{
    struct vkh_ppl_memory plan;
    options.memory = 1;
    const enum vkh_status status = vkh_ppl_plan(device, model, &options, NULL, &plan);
    if (status != VKH_OK)
        return status;
    CHECK(!plan.fits && plan.walk == VKH_WALK_STREAMED);
    options.memory = plan.peak;
    return table(device, model, &options);
}

static enum vkh_status streamed(struct vkh_device *device, const struct vkh_model *model)
{
    struct vkh_ppl_options options = usual();
    options.checkpoint = checkpoint;
    return table_within_least(device, model, options);
}

static enum vkh_status compared_streamed(struct vkh_device *device, const struct vkh_model *model)
{
    struct vkh_ppl_options options = usual();
    options.kl = "linear:factor=2";
    options.kl_model = model;
    options.checkpoint = checkpoint;
    return table_within_least(device, model, options);
}

static enum vkh_status operation(struct vkh_device *device, const struct vkh_model *model)
{
    (void)model;
    struct vkh_rope_op *op;
    const struct vkh_rope_op_options options = {.base = 1e4,
                                                .original_max_len = 8,
                                                .max_tokens = 8,
                                                .n_heads = 1,
                                                .head_dim = 8,
                                                .rotary_dim = 8};
    const enum vkh_status status = vkh_rope_op_create(device, &options, &op);
    vkh_rope_op_destroy(&op);
    return status;
}

// What is tried, each from files to results; every `stride`th call fails.
static const struct job {
    const char *name;
    enum vkh_status (*run)(struct vkh_device *device, const struct vkh_model *model);
    long stride;
} jobs[] = {
    {"a table with divergences", compared, 1},
    {"divergences with a checkpoint", checkpointed, 1},
    {"a table with streamed weights", streamed, 5},
    {"divergences between models with streamed weights", compared_streamed, 7},
    {"lanes", lanes, 1},
    {"an operation", operation, 1},
};

static enum vkh_status run_once(const struct job *job)
{
    struct vkh_vulkan_device vulkan = app_vulkan(&app);
    vulkan.get = instance_function;
    vulkan.features = wanted->features;
    vulkan.allocator = &app_allocator;
    const struct vkh_device_options options = {.variants = "tier=rows"};
    struct vkh_device *device = NULL;
    struct vkh_model *model = NULL;
    enum vkh_status status = vkh_device_import(&vulkan, &options, &device);
    if (status == VKH_OK)
        status = vkh_model_open(model_path, NULL, &model);
    if (status == VKH_OK)
        status = job->run(device, model);
    if (device) {
        CHECK(vkh_device_memory_use(device).device_now == 0);
        CHECK(vkh_device_memory_use(device).host_now == 0);
    }
    vkh_model_close(&model);
    vkh_device_destroy(&device);
    return status;
}

static const struct {
    VkResult error;
    enum vkh_status status;
} vulkan_errors[] = {
    {VK_ERROR_OUT_OF_HOST_MEMORY, VKH_ERR_MEMORY},
    {VK_ERROR_OUT_OF_DEVICE_MEMORY, VKH_ERR_DEVICE_MEMORY},
    {VK_ERROR_DEVICE_LOST, VKH_ERR_DEVICE_LOST},
};

// Fails every `stride`th call in turn until a run has none left to fail; Vulkan's errors take
// turns. Returns how many calls there are.
static long fail_each(const struct job *job, const char *what, bool *switched, long stride)
{
    long n = 0;
    for (;; n += stride) {
        const int turn = (int)(n / stride % 3);
        const enum vkh_status want =
            switched == &fail_host ? VKH_ERR_MEMORY : vulkan_errors[turn].status;
        const long blocks = live_blocks;
        vulkan_error = vulkan_errors[turn].error;
        countdown = n;
        failed = false;
        *switched = true;
        const enum vkh_status status = run_once(job);
        *switched = false;
        countdown = -1;
        // What does not fit may once blocks that nobody uses are gone, or in a smaller one.
        const bool again = want == VKH_ERR_DEVICE_MEMORY && status == VKH_OK;
        CHECK_MSG(again || status == (failed ? want : VKH_OK),
                  "%s: %s, call %ld: status %d (%s), want %d", job->name, what, n, (int)status,
                  vkh_status_text(status), (int)(failed ? want : VKH_OK));
        CHECK_MSG(live_blocks == blocks, "%s: %s, call %ld: %ld blocks stay", job->name, what, n,
                  live_blocks - blocks);
        CHECK_MSG(app_live_allocations == 0 && kept_in_use == 0,
                  "%s: %s, call %ld: %ld Vulkan allocations and %ld pipelines stay", job->name,
                  what, n, app_live_allocations, kept_in_use);
        app_live_allocations = 0;
        if (!failed)
            break;
    }
    fprintf(stderr, "%s: %s: up to %ld calls, each %ldth failed in turn\n", job->name, what, n,
            stride);
    return n;
}

int main(int argc, char **argv)
{
    char folder[] = "/tmp/vkhrope-failures-XXXXXX";
    if (argc != 4 || api_test_ids(argv[2], ids, N) != N || !mkdtemp(folder))
        return 1;
    snprintf(checkpoint, sizeof(checkpoint), "%s/run", folder);
    model_path = argv[1];
    app = app_create(NULL);
    if (vkh_device_requirements(instance_function, app.instance, app.physical, NULL, &wanted) !=
        VKH_OK)
        return 1;
    const long stride = strtol(argv[3], NULL, 10);
    for (size_t i = 0; i < sizeof(jobs) / sizeof(jobs[0]); i++) {
        CHECK(run_once(&jobs[i]) == VKH_OK);
        CHECK(fail_each(&jobs[i], "host memory", &fail_host, jobs[i].stride) > 10);
        CHECK(fail_each(&jobs[i], "Vulkan", &fail_vulkan, stride * jobs[i].stride) > 10);
    }
    vkh_requirements_destroy(&wanted);
    kept_destroy(app.device);
    app_destroy(&app);
    unlink(checkpoint);
    CHECK(rmdir(folder) == 0);
    return check_result();
}
