// SPDX-License-Identifier: MIT
// What a driver's compiler says of a pipeline: registers, spills, shared memory, by its own names.
#include "base/log.h"
#include "gpu/internal.h"

static double value_of(const VkPipelineExecutableStatisticKHR *statistic)
{
    switch (statistic->format) {
    case VK_PIPELINE_EXECUTABLE_STATISTIC_FORMAT_BOOL32_KHR:
        return statistic->value.b32;
    case VK_PIPELINE_EXECUTABLE_STATISTIC_FORMAT_INT64_KHR:
        return (double)statistic->value.i64;
    case VK_PIPELINE_EXECUTABLE_STATISTIC_FORMAT_UINT64_KHR:
        return (double)statistic->value.u64;
    default:
        return statistic->value.f64;
    }
}

enum vkh_status vkh_pipeline_statistics(const struct vkh_device *device,
                                        const struct vkh_pipeline *pipeline,
                                        void (*visit)(void *user, const char *name, double value),
                                        void *user)
{
    enum { MAX_STATISTICS = 64 };
    if (!device->statistics)
        return VKH_OK;
    // A compute pipeline is one executable.
    const VkPipelineExecutableInfoKHR info = {
        .sType = VK_STRUCTURE_TYPE_PIPELINE_EXECUTABLE_INFO_KHR,
        .pipeline = pipeline->handle,
    };
    VkPipelineExecutableStatisticKHR statistics[MAX_STATISTICS];
    for (int i = 0; i < MAX_STATISTICS; i++)
        statistics[i] = (VkPipelineExecutableStatisticKHR){
            .sType = VK_STRUCTURE_TYPE_PIPELINE_EXECUTABLE_STATISTIC_KHR};
    uint32_t n = MAX_STATISTICS;
    const PFN_vkGetPipelineExecutableStatisticsKHR get =
        (PFN_vkGetPipelineExecutableStatisticsKHR)device->instance.vk.vkGetDeviceProcAddr(
            device->handle, "vkGetPipelineExecutableStatisticsKHR");
    const VkResult result = get(device->handle, &info, &n, statistics);
    if (result < 0)
        return vkh_vk_status(&device->log, result, "pipeline statistics");
    for (uint32_t i = 0; i < n; i++)
        visit(user, statistics[i].name, value_of(&statistics[i]));
    return VKH_OK;
}
