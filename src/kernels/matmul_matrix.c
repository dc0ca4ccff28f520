// SPDX-License-Identifier: MIT
#include "kernels/matmul_matrix.h"

#include <assert.h>

#include "base/size.h"
#include "gpu/cmd.h"
#include "gpu/device.h"
#include "kernels/matrix_blocks.h"
#include "kernels/nll_reduce.h"
#include "shaders/table.h"

struct push {
    uint32_t n_tokens, n_rows, k_tiles;
    uint32_t x_blocks, w_blocks;
    uint32_t first_row, out_stride, accumulate, strips;
    float cap;
};

#define SHADER(name) &vkh_shader_matmul_matrix_##name

// A workgroup: its subgroups, the tiles of its block of tokens, which is a panel wide, and how many
// a subgroup has across. Kinds whose accumulators are as large as a tile have the first two, the
// others two each.
enum { SHAPES_OF_KIND = 2, WHOLE_KINDS = 3, BF16_KIND = VKH_MATRIX_KINDS, DECODING_SHAPE = 1 };
static const struct shape {
    uint32_t subgroups, x_tiles, w_each;
    const struct vkh_shader *shaders[VKH_MATRIX_KINDS + 1]; // by vkh_matrix_kind, then of bf16
} shapes[] = {
    {4, 8, 4, {SHADER(2x2_8), SHADER(2x2_16), SHADER(2x2_16t)}},
    {8, 16, 4, {SHADER(4x2_8), SHADER(4x2_16), SHADER(4x2_16t), NULL, NULL, SHADER(4x2_16_bf16)}},
    {16, 8, 2, {[WHOLE_KINDS] = SHADER(4x4_16x8)}},
    {32, 8, 2, {[WHOLE_KINDS] = SHADER(8x4_16x8)}},
    {32, 8, 2, {[WHOLE_KINDS + 1] = SHADER(8x4_8x8)}},
    {64, 8, 2, {[WHOLE_KINDS + 1] = SHADER(16x4_8x8)}},
};
// Named by their subgroups down (tokens) and across (rows). Where nothing is measured, the last of
// a layout's is taken: of the smaller kinds the one that needs fewer registers.
static const struct vkh_variant tiles[VKH_COUNTOF(shapes)] = {
    {.name = "2x2", .needs = VKH_CAP_MATRIX16}, {.name = "4x2", .needs = VKH_CAP_MATRIX16},
    {.name = "4x4", .needs = VKH_CAP_MATRIX16}, {.name = "8x4", .needs = VKH_CAP_MATRIX16},
    {.name = "8x4", .needs = VKH_CAP_MATRIX16}, {.name = "16x4", .needs = VKH_CAP_MATRIX16},
};

// Of weights in blocks that are decoded.
static const struct vkh_variant decoding = {.name = "4x2", .needs = VKH_CAP_MATRIX16};
static const struct vkh_shader *const decoding_shaders[VKH_MATRIX_KINDS] = {
    SHADER(blocks_4x2_8), SHADER(blocks_4x2_16), SHADER(blocks_4x2_16t)};

static bool takes_type(enum vkh_dtype type)
{
    return type == VKH_F16 || type == VKH_BF16 || vkh_dtype_info(type)->block_elements > 1;
}

// The first tile of a layout's.
static uint32_t first_tile(const struct vkh_matrix_layout *layout)
{
    const uint32_t kind = vkh_matrix_kind(layout);
    return kind < WHOLE_KINDS ? 0 : SHAPES_OF_KIND * (kind - WHOLE_KINDS + 1);
}

const struct vkh_variant *vkh_matmul_matrix_variants(const struct vkh_matrix_layout *layout,
                                                     enum vkh_dtype type, uint32_t *n)
{
    if (vkh_matrix_decodes(layout, type)) {
        *n = 1;
        return &decoding;
    }
    const uint32_t skipped = layout->bf16 ? SHAPES_OF_KIND - 1 : 0; // the larger alone has bf16
    *n = takes_type(type) ? SHAPES_OF_KIND - skipped : 0;
    return &tiles[first_tile(layout) + skipped];
}

static const struct shape *shape_of(const struct vkh_variant *variant)
{
    return &shapes[variant == &decoding ? DECODING_SHAPE : variant - tiles];
}

static const struct vkh_shader *shader_of(const struct vkh_matrix_layout *layout,
                                          const struct vkh_variant *variant)
{
    if (variant == &decoding)
        return layout->bf16 ? NULL : decoding_shaders[vkh_matrix_kind(layout)];
    return shape_of(variant)->shaders[layout->bf16 ? BF16_KIND : vkh_matrix_kind(layout)];
}

// Two steps of w, and the block's place; transposed, of both operands
// (shaders/matrix/product*.glsl).
static uint32_t shared_bytes(const struct vkh_matrix_layout *layout, const struct shape *shape)
{
    const uint32_t tile_bytes = layout->side * layout->side * 2;
    if (layout->transposed)
        return 2 * 2 * (shape->x_tiles + VKH_PANEL_TILES) * tile_bytes;
    return 2 * shape->x_tiles / 4 * VKH_PANEL_TILES * tile_bytes + 8;
}

bool vkh_matmul_matrix_supported(const struct vkh_device *device,
                                 const struct vkh_matrix_layout *layout,
                                 const struct vkh_variant *variant)
{
    const struct vkh_caps *caps = vkh_device_caps(device);
    const struct shape *shape = shape_of(variant);
    return layout->side && vkh_variant_supported(device, variant) && shader_of(layout, variant) &&
           shape->subgroups * layout->subgroup <= caps->max_invocations &&
           shape->subgroups <= caps->max_subgroups &&
           shared_bytes(layout, shape) <= caps->max_shared;
}

uint32_t vkh_matmul_matrix_fitting(const struct vkh_device *device,
                                   const struct vkh_matrix_layout *layout, enum vkh_dtype type)
{
    uint32_t all, n = 0;
    const struct vkh_variant *list = vkh_matmul_matrix_variants(layout, type, &all);
    while (n < all && vkh_matmul_matrix_supported(device, layout, &list[n]))
        n++;
    return n;
}

static enum vkh_status choose(struct vkh_matmul_matrix *matmul, enum vkh_dtype type)
{
    uint32_t all;
    const struct vkh_variant *list = vkh_matmul_matrix_variants(&matmul->layout, type, &all);
    const uint32_t n = vkh_matmul_matrix_fitting(matmul->device, &matmul->layout, type);
    return vkh_variant_choose(matmul->device, "tile", NULL, list, n, &matmul->variant);
}

enum vkh_status
vkh_matmul_matrix_create(struct vkh_device *device, const struct vkh_matrix_layout *layout,
                         enum vkh_dtype type, bool ends_odd, enum vkh_epilogue epilogue,
                         const struct vkh_variant *variant, struct vkh_matmul_matrix *matmul)
{
    *matmul = (struct vkh_matmul_matrix){.device = device,
                                         .layout = *layout,
                                         .variant = variant,
                                         .epilogue = epilogue,
                                         .ends_odd = ends_odd};
    enum vkh_status status = variant ? VKH_OK : choose(matmul, type);
    if (status != VKH_OK)
        return status;
    const struct shape *shape = shape_of(matmul->variant);
    const bool is_glu = epilogue == VKH_EPILOGUE_GLU_SILU || epilogue == VKH_EPILOGUE_GLU_GELU;
    matmul->block_tokens = shape->x_tiles * layout->side;
    matmul->block_rows = vkh_panel_rows(layout);
    struct vkh_pipeline_desc desc = {
        .shader = shader_of(layout, matmul->variant),
        .n_bindings = 4,
        .push_bytes = sizeof(struct push),
        .addressed = matmul->variant == &decoding ? 5 : 7, // x and out, and panels
        .n_constants = VKH_MATRIX_CONSTANTS + 6,
        .subgroup_size = vkh_device_subgroup(device, layout->subgroup),
    };
    vkh_matrix_constants(layout, desc.constants);
    desc.constants[4] = shape->subgroups * layout->subgroup;
    desc.constants[5] = is_glu ? 1 : epilogue == VKH_EPILOGUE_NLL ? 2 : 0;
    desc.constants[6] = epilogue == VKH_EPILOGUE_GLU_GELU;
    desc.constants[7] = (layout->c & 0xff) == 0x10; // an invocation has four neighbours of a row
    desc.constants[8] = layout->transposed ? layout->copies : ends_odd && shape->x_tiles == 16;
    desc.constants[9] = matmul->variant == &decoding ? vkh_blocks_format(type) : 0;
    status = vkh_matrix_unpack_create(device, layout, type, &matmul->unpack);
    return status == VKH_OK ? vkh_pipeline_get(device, &desc, &matmul->pipeline) : status;
}

uint32_t vkh_matmul_matrix_strips(const struct vkh_matrix_layout *layout, uint64_t vocab)
{
    const uint64_t tiles_each = shapes[first_tile(layout)].w_each;
    return (uint32_t)(vkh_div_up(vocab, vkh_panel_rows(layout)) * VKH_PANEL_TILES / tiles_each);
}

uint64_t vkh_matmul_matrix_scratch_bytes(const struct vkh_matrix_layout *layout, uint64_t vocab,
                                         uint32_t n_tokens)
{
    return vkh_nll_scratch_bytes(vkh_matmul_matrix_strips(layout, vocab), n_tokens);
}

// Rows [first, first + n) of the weight, in panels.
static void record_rows(const struct vkh_matmul_matrix *matmul, struct vkh_cmd *cmd,
                        const struct vkh_matmul_matrix_args *args, struct vkh_range panels,
                        uint64_t first, uint64_t n)
{
    const struct vkh_matrix_weight *weight = args->weight;
    const struct vkh_matrix_layout *layout = &matmul->layout;
    assert(vkh_panel_ends_odd(layout, weight->cols) == matmul->ends_odd);
    const bool is_nll = matmul->epilogue == VKH_EPILOGUE_NLL;
    const bool is_rows = matmul->epilogue == VKH_EPILOGUE_ROWS;
    const struct push push = {
        .n_tokens = args->n_tokens,
        .n_rows = (uint32_t)vkh_min_size(n, weight->rows - first),
        .k_tiles = (uint32_t)weight->cols / layout->side,
        .x_blocks = (uint32_t)vkh_div_up(args->n_tokens, matmul->block_tokens),
        .w_blocks = (uint32_t)vkh_div_up(n, matmul->block_rows),
        .first_row = args->out_first + (uint32_t)first,
        .out_stride = is_rows ? args->out_stride : (uint32_t)weight->rows / 2 / layout->side,
        .accumulate = args->accumulate,
        .strips = vkh_matmul_matrix_strips(layout, weight->rows),
        .cap = args->cap,
    };
    vkh_cmd_dispatch(cmd,
                     &(struct vkh_dispatch){
                         .pipeline = matmul->pipeline,
                         .bindings = {args->x, panels, args->out, is_nll ? args->targets : args->x},
                         .writes = 1 << 2,
                         .push = &push,
                         .groups = {push.x_blocks * push.w_blocks, 1, 1},
                         .cost = (double)args->n_tokens * (double)n * (double)weight->cols,
                     });
}

// As many rows at a time as the room for panels holds.
static void record_blocks(const struct vkh_matmul_matrix *matmul, struct vkh_cmd *cmd,
                          const struct vkh_matmul_matrix_args *args,
                          const struct vkh_weight_slice *slice)
{
    const struct vkh_matrix_layout *layout = &matmul->layout;
    const uint64_t end = slice->first + vkh_round_up(slice->n, vkh_panel_rows(layout));
    const uint64_t at_once = vkh_right_rows(layout, args->weight->cols, args->panels.size);
    for (uint64_t first = slice->first; first < end; first += at_once) {
        const struct vkh_matrix_piece piece = {slice, first, vkh_min_size(at_once, end - first)};
        vkh_matrix_unpack_record(&matmul->unpack, cmd, args->weight, &piece, args->panels);
        record_rows(matmul, cmd, args, args->panels, first, piece.n);
    }
}

void vkh_matmul_matrix_record(const struct vkh_matmul_matrix *matmul, struct vkh_cmd *cmd,
                              const struct vkh_matmul_matrix_args *args)
{
    for (uint32_t i = 0; i < args->weight->n_slices; i++) {
        const struct vkh_weight_slice *slice = &args->weight->slices[i];
        if (matmul->unpack.pipeline)
            record_blocks(matmul, cmd, args, slice);
        else
            record_rows(matmul, cmd, args, vkh_range_all(slice->buffer), slice->first, slice->n);
    }
}
