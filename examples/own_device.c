// SPDX-License-Identifier: MIT
// own_device VERTEX.spv FRAGMENT.spv [PICTURE.ppm]: an application with its own Vulkan device draws
// a frame off-screen, and between its two passes vkhrope turns the vectors that it draws. Token t's
// vector points right at first; afterwards it is rotated by the place that Hybrid-RoPE gives it.
#include "own_device.h"

#include <math.h>

enum { FRAMES = 5, ORIGINAL_MAX_LEN = 16 };

static void print_line(void *user, enum vkh_log_level level, const char *line)
{
    (void)user;
    (void)level;
    fprintf(stderr, "%s\n", line);
}

static const struct vkh_log log_lines = {print_line, NULL, VKH_LOG_WARNING};

static void create_instance(struct app *app)
{
    const VkApplicationInfo application = {.sType = VK_STRUCTURE_TYPE_APPLICATION_INFO,
                                           .apiVersion = VK_API_VERSION_1_2};
    const VkInstanceCreateInfo info = {.sType = VK_STRUCTURE_TYPE_INSTANCE_CREATE_INFO,
                                       .pApplicationInfo = &application};
    if (vkCreateInstance(&info, NULL, &app->instance) != VK_SUCCESS)
        exit(77); // no driver
    uint32_t one = 1;
    if (vkEnumeratePhysicalDevices(app->instance, &one, &app->physical) < 0 || one == 0)
        exit(77);
}

// The application asks what vkhrope would like, and makes the device with it.
static void create_device(struct app *app)
{
    struct vkh_requirements *wanted;
    if (vkh_device_requirements(vkGetInstanceProcAddr, app->instance, app->physical, &log_lines,
                                &wanted) != VKH_OK)
        exit(1);
    const float priority = 1;
    app->family = wanted->queue_family; // the first that computes; on every GPU it draws, too
    const VkDeviceQueueCreateInfo queue = {.sType = VK_STRUCTURE_TYPE_DEVICE_QUEUE_CREATE_INFO,
                                           .queueFamilyIndex = app->family,
                                           .queueCount = 1,
                                           .pQueuePriorities = &priority};
    const VkDeviceCreateInfo info = {.sType = VK_STRUCTURE_TYPE_DEVICE_CREATE_INFO,
                                     .pNext = wanted->features,
                                     .queueCreateInfoCount = 1,
                                     .pQueueCreateInfos = &queue,
                                     .enabledExtensionCount = wanted->n_extensions,
                                     .ppEnabledExtensionNames = wanted->extensions};
    VK(vkCreateDevice(app->physical, &info, NULL, &app->device));
    vkGetDeviceQueue(app->device, app->family, 0, &app->queue);
    vkh_requirements_destroy(&wanted);
}

static void create_commands(struct app *app)
{
    const VkCommandPoolCreateInfo pool = {.sType = VK_STRUCTURE_TYPE_COMMAND_POOL_CREATE_INFO,
                                          .flags = VK_COMMAND_POOL_CREATE_RESET_COMMAND_BUFFER_BIT,
                                          .queueFamilyIndex = app->family};
    VK(vkCreateCommandPool(app->device, &pool, NULL, &app->pool));
    const VkCommandBufferAllocateInfo info = {.sType =
                                                  VK_STRUCTURE_TYPE_COMMAND_BUFFER_ALLOCATE_INFO,
                                              .commandPool = app->pool,
                                              .commandBufferCount = 1};
    VK(vkAllocateCommandBuffers(app->device, &info, &app->commands));
    const VkSemaphoreTypeCreateInfo type = {.sType = VK_STRUCTURE_TYPE_SEMAPHORE_TYPE_CREATE_INFO,
                                            .semaphoreType = VK_SEMAPHORE_TYPE_TIMELINE};
    const VkSemaphoreCreateInfo semaphore = {.sType = VK_STRUCTURE_TYPE_SEMAPHORE_CREATE_INFO,
                                             .pNext = &type};
    VK(vkCreateSemaphore(app->device, &semaphore, NULL, &app->timeline));
}

static struct vkh_device *import_device(const struct app *app)
{
    // What create_device took from the requirements; an application that made its own chain passes
    // that.
    struct vkh_requirements *wanted;
    struct vkh_device *device;
    if (vkh_device_requirements(vkGetInstanceProcAddr, app->instance, app->physical, &log_lines,
                                &wanted) != VKH_OK)
        exit(1);
    const struct vkh_vulkan_device vulkan = {.get = vkGetInstanceProcAddr,
                                             .instance = app->instance,
                                             .physical = app->physical,
                                             .device = app->device,
                                             .queue_family = app->family,
                                             .queue = app->queue,
                                             .features = wanted->features};
    const struct vkh_device_options options = {.log = &log_lines};
    if (vkh_device_import(&vulkan, &options, &device) != VKH_OK)
        exit(1);
    vkh_requirements_destroy(&wanted);
    return device;
}

static void barrier(const struct app *app, VkPipelineStageFlags from, VkAccessFlags written,
                    VkPipelineStageFlags to, VkAccessFlags read)
{
    const VkMemoryBarrier memory = {
        .sType = VK_STRUCTURE_TYPE_MEMORY_BARRIER, .srcAccessMask = written, .dstAccessMask = read};
    vkCmdPipelineBarrier(app->commands, from, to, 0, 1, &memory, 0, NULL, 0, NULL);
}

// One command buffer: a pass, vkhrope's rotation of what it drew, another pass.
static void record_frame(const struct app *app, struct vkh_rope_op *rope, uint64_t frame)
{
    const VkCommandBufferBeginInfo begin = {.sType = VK_STRUCTURE_TYPE_COMMAND_BUFFER_BEGIN_INFO};
    VK(vkBeginCommandBuffer(app->commands, &begin));
    app_draw(app, app->clear_pass);
    barrier(app, VK_PIPELINE_STAGE_VERTEX_INPUT_BIT | VK_PIPELINE_STAGE_HOST_BIT,
            VK_ACCESS_HOST_WRITE_BIT, VK_PIPELINE_STAGE_COMPUTE_SHADER_BIT,
            VK_ACCESS_SHADER_READ_BIT | VK_ACCESS_SHADER_WRITE_BIT);
    const struct vkh_rope_recording recording = {.commands = app->commands,
                                                 .buffer = app->vectors,
                                                 .n_tokens = TOKENS,
                                                 .done = app->timeline,
                                                 .done_value = frame};
    if (vkh_rope_record(rope, &recording) != VKH_OK)
        exit(1);
    barrier(app, VK_PIPELINE_STAGE_COMPUTE_SHADER_BIT, VK_ACCESS_SHADER_WRITE_BIT,
            VK_PIPELINE_STAGE_VERTEX_INPUT_BIT | VK_PIPELINE_STAGE_HOST_BIT,
            VK_ACCESS_VERTEX_ATTRIBUTE_READ_BIT | VK_ACCESS_HOST_READ_BIT);
    app_draw(app, app->load_pass);
    app_read_picture(app);
    barrier(app, VK_PIPELINE_STAGE_TRANSFER_BIT, VK_ACCESS_TRANSFER_WRITE_BIT,
            VK_PIPELINE_STAGE_HOST_BIT, VK_ACCESS_HOST_READ_BIT);
    VK(vkEndCommandBuffer(app->commands));
}

// The application submits, and waits for its frame.
static void run_frame(const struct app *app, uint64_t frame)
{
    const VkTimelineSemaphoreSubmitInfo timeline = {
        .sType = VK_STRUCTURE_TYPE_TIMELINE_SEMAPHORE_SUBMIT_INFO,
        .signalSemaphoreValueCount = 1,
        .pSignalSemaphoreValues = &frame};
    const VkSubmitInfo submit = {.sType = VK_STRUCTURE_TYPE_SUBMIT_INFO,
                                 .pNext = &timeline,
                                 .commandBufferCount = 1,
                                 .pCommandBuffers = &app->commands,
                                 .signalSemaphoreCount = 1,
                                 .pSignalSemaphores = &app->timeline};
    VK(vkQueueSubmit(app->queue, 1, &submit, VK_NULL_HANDLE));
    const VkSemaphoreWaitInfo wait = {.sType = VK_STRUCTURE_TYPE_SEMAPHORE_WAIT_INFO,
                                      .semaphoreCount = 1,
                                      .pSemaphores = &app->timeline,
                                      .pValues = &frame};
    VK(vkWaitSemaphores(app->device, &wait, UINT64_MAX));
}

static bool is_lit(const struct app *app, double x, double y)
{
    const int column = (int)((x + 1) / 2 * SIZE), row = (int)((y + 1) / 2 * SIZE);
    for (int i = -1; i <= 1; i++)
        for (int j = -1; j <= 1; j++)
            if (app->mapped_pixels[4 * ((row + i) * SIZE + column + j)] > 127)
                return true;
    return false;
}

// The vectors against Hybrid-RoPE in double, and the picture against the vectors.
static bool is_right(const struct app *app)
{
    const double base = 1e4, cf = 2.0;
    bool right = is_lit(app, 0.5, 0.0) && !is_lit(app, 0.97, 0.97);
    for (int t = 0; t < TOKENS; t++) {
        const double place =
            t <= ORIGINAL_MAX_LEN ? t : ORIGINAL_MAX_LEN + (t - ORIGINAL_MAX_LEN) / cf;
        for (int pair = 0; pair < HEAD_DIM / 2; pair++) {
            const double angle = place * pow(base, -2.0 * pair / HEAD_DIM);
            const float *vector = &app->mapped_vectors[t * HEAD_DIM + 2 * pair];
            right &= fabs((double)vector[0] - cos(angle)) <= 1e-6 &&
                     fabs((double)vector[1] - sin(angle)) <= 1e-6;
        }
        right &= is_lit(app, 0.6 * cos(place), 0.6 * sin(place));
    }
    return right;
}

static void write_picture(const struct app *app, const char *path)
{
    FILE *file = fopen(path, "wb");
    if (!file)
        exit(1);
    fprintf(file, "P6 %d %d 255\n", SIZE, SIZE);
    for (int i = 0; i < SIZE * SIZE; i++)
        fwrite(app->mapped_pixels + 4 * i, 1, 3, file);
    fclose(file);
}

int main(int argc, char **argv)
{
    struct app app = {0};
    if (argc < 3)
        return 1;
    create_instance(&app);
    create_device(&app);
    create_commands(&app);
    app_create_scene(&app, argv[1], argv[2]);
    struct vkh_device *device = import_device(&app);
    struct vkh_rope_op *rope;
    const struct vkh_rope_op_options options = {.method = "hybrid:cf=2",
                                                .base = 1e4,
                                                .original_max_len = ORIGINAL_MAX_LEN,
                                                .max_tokens = TOKENS,
                                                .n_heads = 1,
                                                .head_dim = HEAD_DIM,
                                                .rotary_dim = HEAD_DIM,
                                                .interleaved = true};
    if (vkh_rope_op_create(device, &options, &rope) != VKH_OK)
        return 1;
    bool right = true;
    for (uint64_t frame = 1; frame <= FRAMES; frame++) {
        for (int i = 0; i < TOKENS * HEAD_DIM; i++)
            app.mapped_vectors[i] = i % 2 ? 0.0f : 1.0f;
        record_frame(&app, rope, frame);
        run_frame(&app, frame);
        right &= is_right(&app);
    }
    printf("%d frames, %s\n", FRAMES, right ? "every vector where Hybrid-RoPE places it" : "WRONG");
    if (argc > 3)
        write_picture(&app, argv[3]);
    vkh_rope_op_destroy(&rope);
    vkh_device_destroy(&device);
    app_destroy_scene(&app);
    vkDestroySemaphore(app.device, app.timeline, NULL);
    vkDestroyCommandPool(app.device, app.pool, NULL);
    vkDestroyDevice(app.device, NULL);
    vkDestroyInstance(app.instance, NULL);
    return !right;
}
