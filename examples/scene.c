// SPDX-License-Identifier: MIT
// The picture of own_device.c: plain Vulkan, nothing of vkhrope.
#include "own_device.h"

static uint32_t memory_type(const struct app *app, uint32_t allowed, VkMemoryPropertyFlags want)
{
    VkPhysicalDeviceMemoryProperties memory;
    vkGetPhysicalDeviceMemoryProperties(app->physical, &memory);
    for (uint32_t i = 0; i < memory.memoryTypeCount; i++)
        if ((allowed >> i & 1) && (memory.memoryTypes[i].propertyFlags & want) == want)
            return i;
    fprintf(stderr, "no memory type has the properties %#x\n", want);
    exit(1);
}

static VkDeviceMemory allocate(const struct app *app, const VkMemoryRequirements *needs,
                               VkMemoryPropertyFlags want)
{
    const VkMemoryAllocateInfo info = {
        .sType = VK_STRUCTURE_TYPE_MEMORY_ALLOCATE_INFO,
        .allocationSize = needs->size,
        .memoryTypeIndex = memory_type(app, needs->memoryTypeBits, want),
    };
    VkDeviceMemory memory;
    VK(vkAllocateMemory(app->device, &info, NULL, &memory));
    return memory;
}

static void *create_buffer(const struct app *app, VkDeviceSize size, VkBufferUsageFlags usage,
                           VkBuffer *buffer, VkDeviceMemory *memory)
{
    const VkBufferCreateInfo info = {
        .sType = VK_STRUCTURE_TYPE_BUFFER_CREATE_INFO, .size = size, .usage = usage};
    VK(vkCreateBuffer(app->device, &info, NULL, buffer));
    VkMemoryRequirements needs;
    vkGetBufferMemoryRequirements(app->device, *buffer, &needs);
    *memory = allocate(app, &needs,
                       VK_MEMORY_PROPERTY_HOST_VISIBLE_BIT | VK_MEMORY_PROPERTY_HOST_COHERENT_BIT);
    VK(vkBindBufferMemory(app->device, *buffer, *memory, 0));
    void *mapped;
    VK(vkMapMemory(app->device, *memory, 0, VK_WHOLE_SIZE, 0, &mapped));
    return mapped;
}

static void create_image(struct app *app)
{
    const VkImageCreateInfo info = {
        .sType = VK_STRUCTURE_TYPE_IMAGE_CREATE_INFO,
        .imageType = VK_IMAGE_TYPE_2D,
        .format = VK_FORMAT_R8G8B8A8_UNORM,
        .extent = {SIZE, SIZE, 1},
        .mipLevels = 1,
        .arrayLayers = 1,
        .samples = VK_SAMPLE_COUNT_1_BIT,
        .usage = VK_IMAGE_USAGE_COLOR_ATTACHMENT_BIT | VK_IMAGE_USAGE_TRANSFER_SRC_BIT,
    };
    VK(vkCreateImage(app->device, &info, NULL, &app->image));
    VkMemoryRequirements needs;
    vkGetImageMemoryRequirements(app->device, app->image, &needs);
    app->image_memory = allocate(app, &needs, 0);
    VK(vkBindImageMemory(app->device, app->image, app->image_memory, 0));
    const VkImageViewCreateInfo view = {
        .sType = VK_STRUCTURE_TYPE_IMAGE_VIEW_CREATE_INFO,
        .image = app->image,
        .viewType = VK_IMAGE_VIEW_TYPE_2D,
        .format = info.format,
        .subresourceRange = {VK_IMAGE_ASPECT_COLOR_BIT, 0, 1, 0, 1},
    };
    VK(vkCreateImageView(app->device, &view, NULL, &app->view));
}

static VkRenderPass create_pass(const struct app *app, VkAttachmentLoadOp load,
                                VkImageLayout before, VkImageLayout after)
{
    const VkAttachmentDescription colour = {
        .format = VK_FORMAT_R8G8B8A8_UNORM,
        .samples = VK_SAMPLE_COUNT_1_BIT,
        .loadOp = load,
        .storeOp = VK_ATTACHMENT_STORE_OP_STORE,
        .initialLayout = before,
        .finalLayout = after,
    };
    const VkAttachmentReference reference = {0, VK_IMAGE_LAYOUT_COLOR_ATTACHMENT_OPTIMAL};
    const VkSubpassDescription subpass = {.colorAttachmentCount = 1,
                                          .pColorAttachments = &reference};
    const VkSubpassDependency dependencies[2] = {
        {VK_SUBPASS_EXTERNAL, 0, VK_PIPELINE_STAGE_COLOR_ATTACHMENT_OUTPUT_BIT,
         VK_PIPELINE_STAGE_COLOR_ATTACHMENT_OUTPUT_BIT, VK_ACCESS_COLOR_ATTACHMENT_WRITE_BIT,
         VK_ACCESS_COLOR_ATTACHMENT_READ_BIT | VK_ACCESS_COLOR_ATTACHMENT_WRITE_BIT, 0},
        {0, VK_SUBPASS_EXTERNAL, VK_PIPELINE_STAGE_COLOR_ATTACHMENT_OUTPUT_BIT,
         VK_PIPELINE_STAGE_TRANSFER_BIT, VK_ACCESS_COLOR_ATTACHMENT_WRITE_BIT,
         VK_ACCESS_TRANSFER_READ_BIT, 0},
    };
    const VkRenderPassCreateInfo info = {
        .sType = VK_STRUCTURE_TYPE_RENDER_PASS_CREATE_INFO,
        .attachmentCount = 1,
        .pAttachments = &colour,
        .subpassCount = 1,
        .pSubpasses = &subpass,
        .dependencyCount = 2,
        .pDependencies = dependencies,
    };
    VkRenderPass pass;
    VK(vkCreateRenderPass(app->device, &info, NULL, &pass));
    return pass;
}

static VkShaderModule load_shader(const struct app *app, const char *path)
{
    static uint32_t words[1 << 14];
    FILE *file = fopen(path, "rb");
    const size_t n = file ? fread(words, sizeof(*words), 1 << 14, file) : 0;
    if (file)
        fclose(file);
    if (n == 0) {
        fprintf(stderr, "%s: not a shader\n", path);
        exit(1);
    }
    const VkShaderModuleCreateInfo info = {.sType = VK_STRUCTURE_TYPE_SHADER_MODULE_CREATE_INFO,
                                           .codeSize = n * sizeof(*words),
                                           .pCode = words};
    VkShaderModule module;
    VK(vkCreateShaderModule(app->device, &info, NULL, &module));
    return module;
}

// Lines from the first two elements of each token's vector.
static void create_pipeline(struct app *app, VkShaderModule vertex, VkShaderModule fragment)
{
    const VkPipelineLayoutCreateInfo layout = {.sType =
                                                   VK_STRUCTURE_TYPE_PIPELINE_LAYOUT_CREATE_INFO};
    VK(vkCreatePipelineLayout(app->device, &layout, NULL, &app->layout));
    const VkPipelineShaderStageCreateInfo stages[2] = {
        {.sType = VK_STRUCTURE_TYPE_PIPELINE_SHADER_STAGE_CREATE_INFO,
         .stage = VK_SHADER_STAGE_VERTEX_BIT,
         .module = vertex,
         .pName = "main"},
        {.sType = VK_STRUCTURE_TYPE_PIPELINE_SHADER_STAGE_CREATE_INFO,
         .stage = VK_SHADER_STAGE_FRAGMENT_BIT,
         .module = fragment,
         .pName = "main"}};
    const VkVertexInputBindingDescription binding = {0, HEAD_DIM * sizeof(float),
                                                     VK_VERTEX_INPUT_RATE_INSTANCE};
    const VkVertexInputAttributeDescription attribute = {0, 0, VK_FORMAT_R32G32_SFLOAT, 0};
    const VkPipelineVertexInputStateCreateInfo input = {
        .sType = VK_STRUCTURE_TYPE_PIPELINE_VERTEX_INPUT_STATE_CREATE_INFO,
        .vertexBindingDescriptionCount = 1,
        .pVertexBindingDescriptions = &binding,
        .vertexAttributeDescriptionCount = 1,
        .pVertexAttributeDescriptions = &attribute};
    const VkPipelineInputAssemblyStateCreateInfo assembly = {
        .sType = VK_STRUCTURE_TYPE_PIPELINE_INPUT_ASSEMBLY_STATE_CREATE_INFO,
        .topology = VK_PRIMITIVE_TOPOLOGY_LINE_LIST};
    const VkViewport viewport = {0, 0, SIZE, SIZE, 0, 1};
    const VkRect2D scissor = {{0, 0}, {SIZE, SIZE}};
    const VkPipelineViewportStateCreateInfo view = {
        .sType = VK_STRUCTURE_TYPE_PIPELINE_VIEWPORT_STATE_CREATE_INFO,
        .viewportCount = 1,
        .pViewports = &viewport,
        .scissorCount = 1,
        .pScissors = &scissor};
    const VkPipelineRasterizationStateCreateInfo raster = {
        .sType = VK_STRUCTURE_TYPE_PIPELINE_RASTERIZATION_STATE_CREATE_INFO, .lineWidth = 1};
    const VkPipelineMultisampleStateCreateInfo samples = {
        .sType = VK_STRUCTURE_TYPE_PIPELINE_MULTISAMPLE_STATE_CREATE_INFO,
        .rasterizationSamples = VK_SAMPLE_COUNT_1_BIT};
    const VkPipelineColorBlendAttachmentState write = {.colorWriteMask = 0xf};
    const VkPipelineColorBlendStateCreateInfo blend = {
        .sType = VK_STRUCTURE_TYPE_PIPELINE_COLOR_BLEND_STATE_CREATE_INFO,
        .attachmentCount = 1,
        .pAttachments = &write};
    const VkGraphicsPipelineCreateInfo info = {.sType =
                                                   VK_STRUCTURE_TYPE_GRAPHICS_PIPELINE_CREATE_INFO,
                                               .stageCount = 2,
                                               .pStages = stages,
                                               .pVertexInputState = &input,
                                               .pInputAssemblyState = &assembly,
                                               .pViewportState = &view,
                                               .pRasterizationState = &raster,
                                               .pMultisampleState = &samples,
                                               .pColorBlendState = &blend,
                                               .layout = app->layout,
                                               .renderPass = app->clear_pass};
    VK(vkCreateGraphicsPipelines(app->device, NULL, 1, &info, NULL, &app->pipeline));
}

void app_create_scene(struct app *app, const char *vertex_path, const char *fragment_path)
{
    app->mapped_vectors =
        create_buffer(app, TOKENS * HEAD_DIM * sizeof(float),
                      VK_BUFFER_USAGE_STORAGE_BUFFER_BIT | VK_BUFFER_USAGE_VERTEX_BUFFER_BIT,
                      &app->vectors, &app->vectors_memory);
    app->mapped_pixels = create_buffer(app, SIZE * SIZE * 4, VK_BUFFER_USAGE_TRANSFER_DST_BIT,
                                       &app->pixels, &app->pixels_memory);
    create_image(app);
    app->clear_pass = create_pass(app, VK_ATTACHMENT_LOAD_OP_CLEAR, VK_IMAGE_LAYOUT_UNDEFINED,
                                  VK_IMAGE_LAYOUT_COLOR_ATTACHMENT_OPTIMAL);
    app->load_pass =
        create_pass(app, VK_ATTACHMENT_LOAD_OP_LOAD, VK_IMAGE_LAYOUT_COLOR_ATTACHMENT_OPTIMAL,
                    VK_IMAGE_LAYOUT_TRANSFER_SRC_OPTIMAL);
    const VkFramebufferCreateInfo info = {
        .sType = VK_STRUCTURE_TYPE_FRAMEBUFFER_CREATE_INFO,
        .renderPass = app->clear_pass,
        .attachmentCount = 1,
        .pAttachments = &app->view,
        .width = SIZE,
        .height = SIZE,
        .layers = 1,
    };
    VK(vkCreateFramebuffer(app->device, &info, NULL, &app->framebuffer));
    const VkShaderModule vertex = load_shader(app, vertex_path);
    const VkShaderModule fragment = load_shader(app, fragment_path);
    create_pipeline(app, vertex, fragment);
    vkDestroyShaderModule(app->device, vertex, NULL);
    vkDestroyShaderModule(app->device, fragment, NULL);
}

void app_destroy_scene(struct app *app)
{
    vkDestroyPipeline(app->device, app->pipeline, NULL);
    vkDestroyPipelineLayout(app->device, app->layout, NULL);
    vkDestroyFramebuffer(app->device, app->framebuffer, NULL);
    vkDestroyRenderPass(app->device, app->clear_pass, NULL);
    vkDestroyRenderPass(app->device, app->load_pass, NULL);
    vkDestroyImageView(app->device, app->view, NULL);
    vkDestroyImage(app->device, app->image, NULL);
    vkDestroyBuffer(app->device, app->vectors, NULL);
    vkDestroyBuffer(app->device, app->pixels, NULL);
    vkFreeMemory(app->device, app->image_memory, NULL);
    vkFreeMemory(app->device, app->vectors_memory, NULL);
    vkFreeMemory(app->device, app->pixels_memory, NULL);
}

void app_draw(const struct app *app, VkRenderPass pass)
{
    const VkClearValue dark = {.color = {.float32 = {0, 0, 0, 1}}};
    const VkRenderPassBeginInfo info = {
        .sType = VK_STRUCTURE_TYPE_RENDER_PASS_BEGIN_INFO,
        .renderPass = pass,
        .framebuffer = app->framebuffer,
        .renderArea = {{0, 0}, {SIZE, SIZE}},
        .clearValueCount = 1,
        .pClearValues = &dark,
    };
    const VkDeviceSize start = 0;
    vkCmdBeginRenderPass(app->commands, &info, VK_SUBPASS_CONTENTS_INLINE);
    vkCmdBindPipeline(app->commands, VK_PIPELINE_BIND_POINT_GRAPHICS, app->pipeline);
    vkCmdBindVertexBuffers(app->commands, 0, 1, &app->vectors, &start);
    vkCmdDraw(app->commands, 2, TOKENS, 0, 0);
    vkCmdEndRenderPass(app->commands);
}

void app_read_picture(const struct app *app)
{
    const VkBufferImageCopy region = {.imageSubresource = {VK_IMAGE_ASPECT_COLOR_BIT, 0, 0, 1},
                                      .imageExtent = {SIZE, SIZE, 1}};
    vkCmdCopyImageToBuffer(app->commands, app->image, VK_IMAGE_LAYOUT_TRANSFER_SRC_OPTIMAL,
                           app->pixels, 1, &region);
}
