// SPDX-License-Identifier: MIT
#include "model/tensor.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/size.h"

enum vkh_status vkh_tensor_measure(const char *path, const struct vkh_log *log,
                                   struct vkh_tensor *tensor)
{
    const struct vkh_dtype_info *info = vkh_dtype_info(tensor->type);
    uint64_t elements = 1;
    for (uint32_t d = 0; d < tensor->n_dims; d++) {
        if (tensor->shape[d] == 0)
            return vkh_fail(log, VKH_ERR_FORMAT, "%s: tensor %s: a dimension is 0", path,
                            tensor->name);
        if (!vkh_mul_size(elements, tensor->shape[d], &elements))
            return vkh_fail(log, VKH_ERR_FORMAT, "%s: tensor %s: more than 2^64 elements", path,
                            tensor->name);
    }
    const uint64_t cols = tensor->shape[tensor->n_dims - 1];
    if (cols % info->block_elements != 0)
        return vkh_fail(log, VKH_ERR_FORMAT,
                        "%s: tensor %s: rows of %" PRIu64 " elements do not divide into %s blocks",
                        path, tensor->name, cols, info->name);
    if (!vkh_mul_size(elements / info->block_elements, info->block_bytes, &tensor->size))
        return vkh_fail(log, VKH_ERR_FORMAT, "%s: tensor %s: more than 2^64 bytes", path,
                        tensor->name);
    return VKH_OK;
}

static int compare_data(const void *a, const void *b)
{
    const struct vkh_tensor *x = a, *y = b;
    const uintptr_t left = (uintptr_t)x->data, right = (uintptr_t)y->data;
    return (left > right) - (left < right);
}

enum vkh_status vkh_tensor_table_sort_by_data(const char *path, const struct vkh_log *log,
                                              struct vkh_tensor_table *table)
{
    if (table->count == 0)
        return VKH_OK;
    qsort(table->tensors, table->count, sizeof(*table->tensors), compare_data);
    for (uint64_t i = 1; i < table->count; i++) {
        const struct vkh_tensor *before = &table->tensors[i - 1], *tensor = &table->tensors[i];
        if ((uintptr_t)tensor->data - (uintptr_t)before->data < before->size)
            return vkh_fail(log, VKH_ERR_FORMAT, "%s: tensors %s and %s overlap", path,
                            before->name, tensor->name);
    }
    return VKH_OK;
}

static int compare_names(const void *a, const void *b)
{
    const struct vkh_tensor *x = a, *y = b;
    return strcmp(x->name, y->name);
}

enum vkh_status vkh_tensor_table_sort_by_name(const char *path, const struct vkh_log *log,
                                              struct vkh_tensor_table *table)
{
    if (table->count == 0)
        return VKH_OK;
    qsort(table->tensors, table->count, sizeof(*table->tensors), compare_names);
    for (uint64_t i = 1; i < table->count; i++)
        if (strcmp(table->tensors[i - 1].name, table->tensors[i].name) == 0)
            return vkh_fail(log, VKH_ERR_FORMAT, "%s: two tensors are named %s", path,
                            table->tensors[i].name);
    return VKH_OK;
}

const struct vkh_tensor *vkh_tensor_table_find(const struct vkh_tensor_table *table,
                                               const char *name)
{
    const struct vkh_tensor key = {.name = name};
    if (table->count == 0)
        return NULL;
    return bsearch(&key, table->tensors, table->count, sizeof(key), compare_names);
}
