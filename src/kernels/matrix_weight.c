// SPDX-License-Identifier: MIT
#include "kernels/matrix_weight.h"

#include <stdlib.h>

#include "base/log.h"
#include "gpu/device.h"
#include "gpu/stream.h"
#include "gpu/upload.h"
#include "kernels/matrix_blocks.h"
#include "shaders/table.h"

enum { PACK_INVOCATIONS = 64 };
static const uint64_t MAX_SLICE_BYTES = (uint64_t)1 << 31;

struct push {
    uint32_t n_rows, cols;
    uint32_t first_tile, tile_step;
    uint32_t row_words; // of blocks
};

static bool are_operands(enum vkh_dtype type)
{
    return type == VKH_F16 || type == VKH_BF16;
}

uint64_t vkh_matrix_weight_bytes(const struct vkh_matrix_layout *layout, enum vkh_dtype type,
                                 uint64_t rows, uint64_t cols)
{
    return are_operands(type)                 ? vkh_right_bytes(layout, rows, cols)
           : vkh_matrix_decodes(layout, type) ? vkh_blocks_bytes(layout, type, rows, cols)
                                              : vkh_weight_bytes(type, rows, cols);
}

// Rows on their way into panels, through device memory that the packing kernel reads.
struct packing {
    struct vkh_device *device;
    struct vkh_upload *upload;
    struct vkh_matrix_layout layout;
    enum vkh_dtype type;
    uint32_t cols;
    uint64_t file_row_bytes;
    uint64_t row_bytes;    // as the kernel reads it
    uint32_t word_k_tiles; // of an invocation of the kernel
    const struct vkh_pipeline *pipeline;
};

static struct vkh_pipeline_desc kernel_of(const struct packing *p)
{
    if (!are_operands(p->type))
        return (struct vkh_pipeline_desc){
            .shader = vkh_blocks_packing(&p->layout, p->type),
            .n_bindings = 2,
            .push_bytes = sizeof(struct push),
            .n_constants = 3,
            .constants = {p->layout.b, vkh_blocks_format(p->type),
                          vkh_blocks_rows_of_word(&p->layout)},
        };
    return (struct vkh_pipeline_desc){
        .shader = &vkh_shader_matrix_pack,
        .n_bindings = 2,
        .push_bytes = sizeof(struct push),
        .n_constants = 4,
        .constants = {p->layout.side, p->layout.b, p->type == VKH_BF16, p->layout.bf16},
    };
}

static enum vkh_status packing_init(struct packing *p, const struct vkh_matrix_weight *weight)
{
    p->type = weight->type;
    p->cols = (uint32_t)weight->cols;
    p->file_row_bytes = vkh_dtype_bytes(weight->type, weight->cols);
    p->row_bytes = vkh_weight_row_words(p->type, p->cols) * 4;
    p->word_k_tiles = are_operands(p->type) ? 1 : VKH_PANEL_K_TILES;
    const struct vkh_pipeline_desc desc = kernel_of(p);
    return vkh_pipeline_get(p->device, &desc, &p->pipeline);
}

// Uploads n rows and packs them into `to`, from its tile first_tile on.
static enum vkh_status pack_rows(struct packing *p, const uint8_t *from, uint32_t n,
                                 const struct vkh_buffer *to, uint32_t first_tile,
                                 uint32_t tile_step)
{
    struct vkh_range rows;
    void *memory;
    enum vkh_status status = vkh_upload_reserve(p->upload, n * p->row_bytes, &memory);
    if (status != VKH_OK)
        return status;
    vkh_weight_pack_rows(vkh_upload_workers(p->upload), p->type, p->cols, from, n, memory);
    status = vkh_upload_land(p->upload, &rows);
    if (status != VKH_OK)
        return status;
    const struct push push = {n, p->cols, first_tile, tile_step, (uint32_t)(p->row_bytes / 4)};
    const uint64_t most = vkh_device_caps(p->device)->max_group_count[1];
    const uint64_t words = (uint64_t)p->cols / p->layout.side / p->word_k_tiles * p->layout.lanes;
    vkh_cmd_dispatch(vkh_stream_cmd(vkh_upload_stream(p->upload)),
                     &(struct vkh_dispatch){
                         .pipeline = p->pipeline,
                         .bindings = {rows, vkh_range_all(to)},
                         .writes = 1 << 1,
                         .push = &push,
                         .groups = {(uint32_t)vkh_div_up(words, PACK_INVOCATIONS),
                                    (uint32_t)vkh_min_size(vkh_div_up(n, p->layout.side), most), 1},
                         .cost = (double)n * p->cols,
                     });
    return VKH_OK;
}

// Tiles of rows that are uploaded in one piece.
static uint64_t tiles_at_once(const struct packing *p)
{
    return VKH_UPLOAD_PIECE / (p->row_bytes * p->layout.side);
}

// Tile `tile` of the part becomes tile tile * step + first of the panels; a piece stays in one
// slice.
static enum vkh_status pack_part(struct packing *p, const struct vkh_matrix_weight *weight,
                                 const struct vkh_weight_part *part, uint32_t first, uint32_t step)
{
    const uint32_t side = p->layout.side;
    const uint64_t at_once = tiles_at_once(p);
    const uint64_t tiles = vkh_div_up(part->rows, side);
    uint32_t slice = 0;
    enum vkh_status status = VKH_OK;
    for (uint64_t tile = 0; tile < tiles && status == VKH_OK;) {
        const uint64_t to = tile * step + first;
        while (to >= (weight->slices[slice].first + weight->slices[slice].n) / side)
            slice++;
        const struct vkh_weight_slice *into = &weight->slices[slice];
        const uint64_t room = vkh_div_up((into->first + into->n) / side - to, step);
        const uint64_t n = vkh_min_size(vkh_min_size(at_once, room), tiles - tile);
        const uint64_t row = tile * side, rows = vkh_min_size(n * side, part->rows - row);
        status = pack_rows(p, (const uint8_t *)part->data + row * p->file_row_bytes, (uint32_t)rows,
                           into->buffer, (uint32_t)(to - into->first / side), step);
        tile += n;
    }
    return status;
}

static enum vkh_status create_slices(struct packing *p, const char *name, uint64_t slice_limit,
                                     struct vkh_matrix_weight *weight)
{
    const struct vkh_caps *caps = vkh_device_caps(p->device);
    const struct vkh_matrix_layout *layout = &p->layout;
    const uint64_t spare = vkh_matrix_weight_bytes(layout, p->type, 0, p->cols);
    const uint64_t panel = vkh_panel_rows(layout);
    const uint64_t panel_bytes = vkh_matrix_weight_bytes(layout, p->type, panel, p->cols) - spare;
    uint64_t limit =
        vkh_min_size(vkh_min_size(caps->max_storage_range, caps->max_allocation), MAX_SLICE_BYTES);
    if (slice_limit)
        limit = vkh_min_size(limit, slice_limit);
    const uint64_t padded = vkh_round_up(weight->rows, panel);
    const uint64_t fitting = limit < spare ? 0 : (limit - spare) / panel_bytes * panel;
    if (fitting == 0 || tiles_at_once(p) == 0)
        return vkh_fail(vkh_device_log(p->device), VKH_ERR_UNSUPPORTED,
                        "%s: panels of %llu bytes are too long for the device", name,
                        (unsigned long long)(panel_bytes + spare));
    weight->slices = calloc(vkh_div_up(padded, fitting), sizeof(*weight->slices));
    if (!weight->slices)
        return vkh_fail(vkh_device_log(p->device), VKH_ERR_MEMORY, "%s: out of host memory", name);
    enum vkh_status status = VKH_OK;
    for (uint64_t first = 0; first < padded && status == VKH_OK; first += fitting) {
        struct vkh_weight_slice *slice = &weight->slices[weight->n_slices];
        slice->first = first;
        slice->n = vkh_min_size(fitting, padded - first);
        status = vkh_buffer_create(p->device, name,
                                   vkh_matrix_weight_bytes(layout, p->type, slice->n, p->cols),
                                   VKH_MEMORY_DEVICE, &slice->buffer);
        if (status == VKH_OK) {
            weight->n_slices++;
            vkh_cmd_fill(vkh_stream_cmd(vkh_upload_stream(p->upload)), vkh_range_all(slice->buffer),
                         0);
        }
    }
    return status;
}

static enum vkh_status pack(struct vkh_device *device, struct vkh_upload *upload,
                            const struct vkh_matrix_layout *layout, const char *name,
                            const struct vkh_weight_part *parts, uint32_t n_parts,
                            uint64_t slice_limit, struct vkh_matrix_weight *weight)
{
    struct packing p = {.device = device, .upload = upload, .layout = *layout};
    const bool glu = weight->glu_rows != 0;
    enum vkh_status status = packing_init(&p, weight);
    if (status == VKH_OK)
        status = create_slices(&p, name, slice_limit, weight);
    uint32_t tile = 0;
    for (uint32_t i = 0; i < n_parts && status == VKH_OK; i++) {
        status = pack_part(&p, weight, &parts[i], glu ? i : tile, glu ? 2 : 1);
        tile += (uint32_t)(parts[i].rows / p.layout.side);
    }
    return status;
}

static enum vkh_status keep_blocks(struct vkh_device *device, struct vkh_upload *upload,
                                   const struct vkh_matrix_layout *layout, const char *name,
                                   const struct vkh_weight_part *parts, uint32_t n_parts,
                                   uint64_t slice_limit, struct vkh_matrix_weight *weight)
{
    const struct vkh_caps *caps = vkh_device_caps(device);
    struct vkh_weight blocks;
    // Slices are whole panels.
    const uint64_t panel = vkh_weight_bytes(weight->type, vkh_panel_rows(layout), weight->cols);
    uint64_t limit = vkh_min_size(caps->max_storage_range, caps->max_allocation);
    if (slice_limit)
        limit = vkh_min_size(limit, slice_limit);
    const enum vkh_status status =
        vkh_weight_create(device, upload, name, weight->type, weight->cols, parts, n_parts,
                          vkh_max_size(limit / panel, 1) * panel, &blocks);
    if (status != VKH_OK)
        return status;
    weight->n_slices = blocks.n_slices;
    weight->slices = blocks.slices;
    weight->row_words = blocks.row_words;
    if (weight->glu_rows && weight->n_slices > 1)
        return vkh_fail(vkh_device_log(device), VKH_ERR_UNSUPPORTED,
                        "%s: gate and up projection exceed what the device binds at once", name);
    return VKH_OK;
}

enum vkh_status vkh_matrix_weight_create(struct vkh_device *device, struct vkh_upload *upload,
                                         const struct vkh_matrix_layout *layout, const char *name,
                                         enum vkh_dtype type, uint64_t cols,
                                         const struct vkh_weight_part *parts, uint32_t n_parts,
                                         bool glu, uint64_t slice_limit,
                                         struct vkh_matrix_weight *weight)
{
    *weight = (struct vkh_matrix_weight){.type = type, .bf16 = layout->bf16, .cols = cols};
    for (uint32_t i = 0; i < n_parts; i++)
        weight->rows += parts[i].rows;
    weight->glu_rows = glu ? (uint32_t)parts[0].rows : 0;
    const enum vkh_status status =
        are_operands(type) || vkh_matrix_decodes(layout, type)
            ? pack(device, upload, layout, name, parts, n_parts, slice_limit, weight)
            : keep_blocks(device, upload, layout, name, parts, n_parts, slice_limit, weight);
    if (status != VKH_OK) {
        vkh_stream_finish(vkh_upload_stream(upload)); // some slices are about to be filled
        vkh_matrix_weight_destroy(weight);
    }
    return status;
}

void vkh_matrix_weight_destroy(struct vkh_matrix_weight *weight)
{
    for (uint32_t i = 0; i < weight->n_slices; i++)
        vkh_buffer_destroy(&weight->slices[i].buffer);
    free(weight->slices);
    *weight = (struct vkh_matrix_weight){0};
}
