// SPDX-License-Identifier: MIT
#include "graph/trial.h"

#include <stdlib.h>

#include "base/log.h"
#include "base/random.h"
#include "base/size.h"
#include "gpu/cmd.h"
#include "gpu/device.h"
#include "gpu/stream.h"
#include "gpu/upload.h"

enum { WIDTH = VKH_TRIAL_HEADS * VKH_TRIAL_HEAD_DIM, KV_HEADS = VKH_TRIAL_HEADS / 4 };
enum { FILLING = 0x3c003800 }; // two halves, 0.5 and 1, or one small fp32

static struct vkh_kv_shape kv_shape(bool half)
{
    return (struct vkh_kv_shape){KV_HEADS, VKH_TRIAL_HEAD_DIM, VKH_TRIAL_TOKENS, half};
}

struct vkh_attention_shape vkh_trial_attention_shape(bool half_kv)
{
    return (struct vkh_attention_shape){
        .n_heads = VKH_TRIAL_HEADS,
        .n_kv_heads = KV_HEADS,
        .head_dim = VKH_TRIAL_HEAD_DIM,
        .row_elements = WIDTH,
        .half_kv = half_kv,
        .scale = 0.1f,
    };
}

static enum vkh_status make_weights(struct vkh_trial *trial)
{
    const uint64_t n = (uint64_t)VKH_TRIAL_ROWS * VKH_TRIAL_COLS;
    uint64_t state = 1;
    void *data = malloc(vkh_dtype_bytes(trial->type, n));
    if (!data)
        return vkh_fail(vkh_device_log(trial->device), VKH_ERR_MEMORY,
                        "measuring variants: out of host memory");
    vkh_random_fill(&state, trial->type, data, n, 1.0f);
    const struct vkh_weight_part part = {data, VKH_TRIAL_ROWS};
    struct vkh_upload *upload;
    enum vkh_status status = vkh_upload_create(trial->device, trial->stream, 0, &upload);
    if (status == VKH_OK)
        status = vkh_weight_create(trial->device, upload, "measured weights", trial->type,
                                   VKH_TRIAL_COLS, &part, 1, 0, &trial->weight);
    if (status == VKH_OK && trial->layout.side)
        status = vkh_matrix_weight_create(trial->device, upload, &trial->layout, "measured weights",
                                          trial->type, VKH_TRIAL_COLS, &part, 1, false, 0,
                                          &trial->matrix_weight);
    vkh_upload_destroy(&upload);
    free(data);
    return status;
}

static enum vkh_status make_buffers(struct vkh_trial *trial)
{
    const uint64_t tokens = VKH_TRIAL_TOKENS;
    const uint64_t left = trial->layout.side ? vkh_left_bytes(&trial->layout, tokens, WIDTH) : 0;
    const struct vkh_kv_shape kv = kv_shape(false);
    const uint64_t panels =
        trial->layout.side ? vkh_matrix_unpack_bytes(trial->device, &trial->layout, trial->type,
                                                     VKH_TRIAL_ROWS, VKH_TRIAL_COLS)
                           : 0;
    const struct {
        struct vkh_buffer **buffer;
        uint64_t bytes;
        uint32_t filling;
    } buffers[] = {
        {&trial->x, vkh_max_size(tokens * WIDTH * 4, left), FILLING},
        {&trial->kv, vkh_kv_bytes(&kv), FILLING},
        {&trial->targets, tokens * 4, 0},
        {&trial->scratch, vkh_head_nll_scratch_bytes(VKH_TRIAL_ROWS, VKH_TRIAL_TOKENS), 0},
        {&trial->out, tokens * VKH_TRIAL_ROWS * 4, 0},
        {&trial->panels, panels, 0},
    };
    enum vkh_status status = VKH_OK;
    for (size_t i = 0; i < VKH_COUNTOF(buffers) && status == VKH_OK; i++) {
        if (!buffers[i].bytes)
            continue;
        status = vkh_buffer_create(trial->device, "measured operands", buffers[i].bytes,
                                   VKH_MEMORY_DEVICE, buffers[i].buffer);
        if (status == VKH_OK)
            vkh_cmd_fill(vkh_stream_cmd(trial->stream), vkh_range_all(*buffers[i].buffer),
                         buffers[i].filling);
    }
    return status == VKH_OK ? vkh_stream_finish(trial->stream) : status;
}

enum vkh_status vkh_trial_init(struct vkh_device *device, const struct vkh_matrix_layout *layout,
                               enum vkh_dtype type, struct vkh_trial *trial)
{
    *trial = (struct vkh_trial){.device = device, .layout = *layout, .type = type};
    enum vkh_status status = vkh_stream_create(device, &trial->stream);
    if (status == VKH_OK)
        status = make_weights(trial);
    if (status == VKH_OK)
        status = make_buffers(trial);
    if (status != VKH_OK)
        vkh_trial_fini(trial);
    return status;
}

void vkh_trial_fini(struct vkh_trial *trial)
{
    struct vkh_buffer **buffers[] = {&trial->x,       &trial->kv,  &trial->targets,
                                     &trial->scratch, &trial->out, &trial->panels};
    vkh_stream_destroy(&trial->stream);
    for (size_t i = 0; i < VKH_COUNTOF(buffers); i++)
        vkh_buffer_destroy(buffers[i]);
    vkh_weight_destroy(&trial->weight);
    vkh_matrix_weight_destroy(&trial->matrix_weight);
}

void vkh_trial_matmul(const struct vkh_trial *trial, const struct vkh_matmul *matmul, uint32_t n)
{
    vkh_matmul_record(matmul, vkh_stream_cmd(trial->stream),
                      &(struct vkh_matmul_args){
                          .x = vkh_range(trial->x, 0, (uint64_t)n * VKH_TRIAL_COLS * 4),
                          .weight = &trial->weight,
                          .out = vkh_range(trial->out, 0, (uint64_t)n * VKH_TRIAL_ROWS * 4),
                          .out_stride = VKH_TRIAL_ROWS,
                          .n_tokens = n,
                      });
}

void vkh_trial_matmul_matrix(const struct vkh_trial *trial, const struct vkh_matmul_matrix *matmul,
                             uint32_t n)
{
    vkh_matmul_matrix_record(
        matmul, vkh_stream_cmd(trial->stream),
        &(struct vkh_matmul_matrix_args){
            .x = vkh_range_all(trial->x),
            .weight = &trial->matrix_weight,
            .n_tokens = n,
            .out = vkh_range(trial->out, 0, (uint64_t)n * VKH_TRIAL_ROWS * 4),
            .out_stride = VKH_TRIAL_ROWS,
            .panels = trial->panels ? vkh_range_all(trial->panels) : (struct vkh_range){0},
        });
}

static struct vkh_attention_args attention_args(const struct vkh_trial *trial, bool half_kv,
                                                uint32_t n)
{
    const uint64_t bytes = (uint64_t)n * WIDTH * 4;
    return (struct vkh_attention_args){
        .q = vkh_range(trial->x, 0, bytes),
        .own = {trial->kv, kv_shape(half_kv)},
        .n_tokens = n,
        .out = vkh_range(trial->out, 0, bytes),
    };
}

void vkh_trial_attention(const struct vkh_trial *trial, const struct vkh_attention *attention,
                         uint32_t n)
{
    const struct vkh_attention_args args = attention_args(trial, attention->shape.half_kv, n);
    vkh_attention_record(attention, vkh_stream_cmd(trial->stream), &args);
}

void vkh_trial_attention_matrix(const struct vkh_trial *trial,
                                const struct vkh_attention_matrix *attention, uint32_t n)
{
    struct vkh_attention_args args = attention_args(trial, true, n);
    args.q = vkh_range_all(trial->x);
    args.out = vkh_range_all(trial->out);
    vkh_attention_matrix_record(attention, vkh_stream_cmd(trial->stream), &args);
}

void vkh_trial_head(const struct vkh_trial *trial, const struct vkh_head_nll *head, uint32_t n)
{
    vkh_head_nll_record(head, vkh_stream_cmd(trial->stream),
                        &(struct vkh_head_nll_args){
                            .x = vkh_range(trial->x, 0, (uint64_t)n * VKH_TRIAL_COLS * 4),
                            .weight = &trial->weight,
                            .targets = vkh_range(trial->targets, 0, (uint64_t)n * 4),
                            .scratch = vkh_range_all(trial->scratch),
                            .nll = vkh_range(trial->out, 0, (uint64_t)n * 4),
                            .n_tokens = n,
                        });
}
