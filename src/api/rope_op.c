// SPDX-License-Identifier: MIT
#include <vkhrope/record.h>

#include <math.h>
#include <stdlib.h>

#include "base/log.h"
#include "base/size.h"
#include "gpu/foreign.h"
#include "kernels/rope.h"
#include "rope/fixed.h"
#include "rope/schedule.h"

struct vkh_rope_op {
    struct vkh_device *device;
    struct vkh_rope rope;
    struct vkh_foreign *foreign;
    struct vkh_buffer *positions, *frequencies;
    uint32_t max_tokens;
    float attention_scale;
};

static enum vkh_status check_options(const struct vkh_device *device,
                                     const struct vkh_rope_op_options *o)
{
    const uint64_t most = vkh_device_caps(device)->max_storage_range;
    const struct {
        bool wrong;
        const char *what;
    } faults[] = {
        {!(o->base > 1.0) || !isfinite(o->base), "base is not a number above 1"},
        {o->original_max_len == 0, "original_max_len is 0"},
        {o->max_tokens == 0 || o->max_tokens > most / 8,
         "max_tokens is 0 or beyond what the device binds at once"},
        {o->n_heads == 0, "n_heads is 0"},
        {o->head_dim == 0 || o->head_dim % 4, "head_dim is not a multiple of 4"},
        {o->rotary_dim == 0 || o->rotary_dim % 4 || o->rotary_dim > o->head_dim,
         "rotary_dim is not a multiple of 4 up to head_dim"},
        {(uint64_t)o->n_heads * o->head_dim > most / 4, "a token is beyond what the device binds"},
    };
    for (size_t i = 0; i < VKH_COUNTOF(faults); i++)
        if (faults[i].wrong)
            return vkh_fail(vkh_device_log(device), VKH_ERR_ARGUMENT, "rope operation: %s",
                            faults[i].what);
    return VKH_OK;
}

// Of a schedule that was checked.
static enum vkh_status write_tables(struct vkh_rope_op *op, const struct vkh_schedule *schedule)
{
    const uint32_t n = op->max_tokens, n_frequencies = schedule->n_frequencies;
    enum vkh_status status = vkh_buffer_create(op->device, "rope positions", (uint64_t)n * 8,
                                               VKH_MEMORY_UPLOAD, &op->positions);
    if (status == VKH_OK)
        status = vkh_buffer_create(op->device, "rope frequencies", (uint64_t)n_frequencies * 8,
                                   VKH_MEMORY_UPLOAD, &op->frequencies);
    if (status != VKH_OK)
        return status;
    uint64_t *positions = vkh_buffer_map(op->positions);
    uint64_t *frequencies = vkh_buffer_map(op->frequencies);
    for (uint32_t i = 0; i < n; i++)
        vkh_fixed_position(vkh_schedule_position(schedule, i), &positions[i]);
    for (uint32_t i = 0; i < n_frequencies; i++)
        vkh_fixed_frequency(schedule->frequencies[i], &frequencies[i]);
    return VKH_OK;
}

static enum vkh_status plan(struct vkh_rope_op *op, const struct vkh_rope_op_options *options,
                            struct vkh_arena *arena)
{
    const struct vkh_log *log = vkh_device_log(op->device);
    const struct vkh_rope_setting setting = {
        .base = options->base,
        .dims = options->rotary_dim,
        .original_max_len = options->original_max_len,
        .length = options->max_tokens,
    };
    const char *spec = options->method ? options->method : "baseline";
    struct vkh_method method;
    struct vkh_schedule schedule;
    enum vkh_status status = vkh_method_parse(spec, log, &method);
    if (status == VKH_OK)
        status = vkh_schedule_init(&method, &setting, arena, log, &schedule);
    if (status == VKH_OK)
        status = vkh_schedule_check(&schedule, spec, options->max_tokens, log);
    if (status != VKH_OK)
        return status;
    op->max_tokens = options->max_tokens;
    op->attention_scale = (float)schedule.attention_scale;
    return write_tables(op, &schedule);
}

enum vkh_status vkh_rope_op_create(struct vkh_device *device,
                                   const struct vkh_rope_op_options *options,
                                   struct vkh_rope_op **out)
{
    *out = NULL;
    enum vkh_status status = check_options(device, options);
    if (status != VKH_OK)
        return status;
    struct vkh_rope_op *op = calloc(1, sizeof(*op));
    if (!op)
        return vkh_fail(vkh_device_log(device), VKH_ERR_MEMORY, "rope operation: out of memory");
    const struct vkh_rope_shape shape = {
        .n_heads = options->n_heads,
        .head_dim = options->head_dim,
        .rotary_dim = options->rotary_dim,
        .interleaved = options->interleaved,
    };
    struct vkh_arena arena = {0};
    op->device = device;
    status = plan(op, options, &arena);
    vkh_arena_fini(&arena);
    if (status == VKH_OK)
        status = vkh_rope_create(device, &shape, &op->rope);
    if (status == VKH_OK)
        status = vkh_foreign_create(device, &op->foreign);
    if (status != VKH_OK)
        vkh_rope_op_destroy(&op);
    *out = op;
    return status;
}

void vkh_rope_op_destroy(struct vkh_rope_op **pointer)
{
    struct vkh_rope_op *op = pointer ? *pointer : NULL;
    if (!op)
        return;
    vkh_foreign_destroy(&op->foreign);
    vkh_buffer_destroy(&op->positions);
    vkh_buffer_destroy(&op->frequencies);
    free(op);
    *pointer = NULL;
}

static enum vkh_status check_recording(const struct vkh_rope_op *op,
                                       const struct vkh_rope_recording *r, uint64_t bytes)
{
    const struct vkh_caps *caps = vkh_device_caps(op->device);
    const struct {
        bool wrong;
        const char *what;
    } faults[] = {
        {!r->commands || !r->buffer, "commands or buffer is missing"},
        {r->n_tokens == 0, "n_tokens is 0"},
        {(uint64_t)r->first_token + r->n_tokens > op->max_tokens,
         "first_token + n_tokens is beyond max_tokens"},
        {r->offset % caps->storage_alignment, "offset is not a multiple of storage_alignment"},
        {bytes > caps->max_storage_range, "the tokens are beyond what the device binds at once"},
    };
    for (size_t i = 0; i < VKH_COUNTOF(faults); i++)
        if (faults[i].wrong)
            return vkh_fail(vkh_device_log(op->device), VKH_ERR_ARGUMENT, "vkh_rope_record: %s",
                            faults[i].what);
    return VKH_OK;
}

enum vkh_status vkh_rope_record(struct vkh_rope_op *op, const struct vkh_rope_recording *r)
{
    const struct vkh_rope_shape *shape = &op->rope.shape;
    const uint64_t bytes = (uint64_t)r->n_tokens * shape->n_heads * shape->head_dim * 4;
    enum vkh_status status = check_recording(op, r, bytes);
    struct vkh_cmd *cmd;
    if (status == VKH_OK)
        status = vkh_foreign_begin(op->foreign, r->commands, r->done, r->done_value, &cmd);
    if (status != VKH_OK)
        return status;
    const struct vkh_buffer buffer = vkh_foreign_buffer(op->device, r->buffer, r->offset + bytes);
    vkh_rope_kv_record(&op->rope, cmd,
                       &(struct vkh_rope_args){
                           .qkv = vkh_range(&buffer, r->offset, bytes),
                           .positions = vkh_range_all(op->positions),
                           .first_position = r->first_token,
                           .frequencies = vkh_range_all(op->frequencies),
                           .n_tokens = r->n_tokens,
                           .attention_scale = op->attention_scale,
                       });
    return vkh_foreign_end(op->foreign);
}
