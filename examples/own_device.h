// SPDX-License-Identifier: MIT
// What the application of own_device.c has without vkhrope: a Vulkan device and a picture to draw.
#ifndef VKHROPE_EXAMPLES_OWN_DEVICE_H
#define VKHROPE_EXAMPLES_OWN_DEVICE_H

#include <stdio.h>
#include <stdlib.h>
#include <vkhrope/record.h>
#include <vulkan/vulkan.h>

enum { SIZE = 256, TOKENS = 64, HEAD_DIM = 4 };

#define VK(call)                                                                                   \
    do {                                                                                           \
        const VkResult vk_result = (call);                                                         \
        if (vk_result != VK_SUCCESS) {                                                             \
            fprintf(stderr, "%s: Vulkan error %d\n", #call, (int)vk_result);                       \
            exit(1);                                                                               \
        }                                                                                          \
    } while (0)

struct app {
    VkInstance instance;
    VkPhysicalDevice physical;
    VkDevice device;
    uint32_t family;
    VkQueue queue;
    VkCommandPool pool;
    VkCommandBuffer commands;
    VkSemaphore timeline;

    VkBuffer vectors, pixels; // fp32 [TOKENS][HEAD_DIM]; RGBA8 [SIZE][SIZE]
    VkDeviceMemory vectors_memory, pixels_memory, image_memory;
    float *mapped_vectors;
    const uint8_t *mapped_pixels;
    VkImage image;
    VkImageView view;
    VkRenderPass clear_pass, load_pass; // begin with an empty picture, or go on with it
    VkFramebuffer framebuffer;
    VkPipelineLayout layout;
    VkPipeline pipeline;
};

// Everything but the device, which exists by then. The shaders are files of SPIR-V.
void app_create_scene(struct app *app, const char *vertex_path, const char *fragment_path);
void app_destroy_scene(struct app *app);

// Draws the vectors as they are at that point of the commands.
void app_draw(const struct app *app, VkRenderPass pass);
// Copies the picture to `pixels`.
void app_read_picture(const struct app *app);

#endif
