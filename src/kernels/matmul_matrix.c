// SPDX-License-Identifier: MIT
#include "kernels/matmul_matrix.h"

#include <assert.h>

#include "base/size.h"
#include "gpu/cmd.h"
#include "gpu/device.h"
#include "kernels/matrix_blocks.h"
#include "kernels/nll_reduce.h"
#include "shaders/table.h"

enum { TILES = 4 }; // of a subgroup, each way

struct push {
    uint32_t n_tokens, n_rows, k_tiles;
    uint32_t x_blocks, w_blocks;
    uint32_t first_row, out_stride, accumulate, strips;
    float cap;
};

// Subgroups of a workgroup: tokens, rows.
static const struct shape {
    uint32_t x, w;
} shapes[] = {{2, 2}, {4, 2}};

enum { N_VARIANTS = VKH_COUNTOF(shapes) };

#define VARIANTS                                                                                   \
    {                                                                                              \
        {"2x2", VKH_CAP_MATRIX16, &vkh_shader_matmul_matrix_2x2_16, 0},                            \
            {"4x2", VKH_CAP_MATRIX16, &vkh_shader_matmul_matrix_4x2_16, 0},                        \
    }
#define OF_TYPE(NAME, name) [VKH_##NAME] = VARIANTS,

static const struct vkh_variant variants[VKH_N_DTYPES][N_VARIANTS] = {
    [VKH_F16] = VARIANTS, [VKH_BF16] = VARIANTS, VKH_BLOCK_DTYPES(OF_TYPE)};

// Of weights in blocks that are decoded.
static const struct vkh_variant decoding = {"4x2", VKH_CAP_MATRIX16,
                                            &vkh_shader_matmul_matrix_blocks_4x2_16, 0};

// By vkh_matrix_kind; then for operands of bf16, which the largest shape alone takes.
static const struct vkh_shader *const shaders[N_VARIANTS][VKH_MATRIX_KINDS + 1] = {
    {&vkh_shader_matmul_matrix_2x2_8, &vkh_shader_matmul_matrix_2x2_16,
     &vkh_shader_matmul_matrix_2x2_16t, NULL},
    {&vkh_shader_matmul_matrix_4x2_8, &vkh_shader_matmul_matrix_4x2_16,
     &vkh_shader_matmul_matrix_4x2_16t, &vkh_shader_matmul_matrix_4x2_16_bf16},
};

static const struct vkh_shader *const decoding_shaders[VKH_MATRIX_KINDS] = {
    &vkh_shader_matmul_matrix_blocks_4x2_8, &vkh_shader_matmul_matrix_blocks_4x2_16,
    &vkh_shader_matmul_matrix_blocks_4x2_16t};

const struct vkh_variant *vkh_matmul_matrix_variants(const struct vkh_matrix_layout *layout,
                                                     enum vkh_dtype type, uint32_t *n)
{
    if (vkh_matrix_decodes(layout, type)) {
        *n = 1;
        return &decoding;
    }
    const uint32_t first = layout->bf16 ? N_VARIANTS - 1 : 0;
    *n = variants[type][first].shader ? N_VARIANTS - first : 0;
    return &variants[type][first];
}

static uint32_t index_of(const struct vkh_variant *variant)
{
    return variant->name[0] == '4' ? 1 : 0;
}

static const struct vkh_shader *shader_of(const struct vkh_matrix_layout *layout,
                                          const struct vkh_variant *variant)
{
    if (variant == &decoding)
        return layout->bf16 ? NULL : decoding_shaders[vkh_matrix_kind(layout)];
    return shaders[index_of(variant)][layout->bf16 ? VKH_MATRIX_KINDS : vkh_matrix_kind(layout)];
}

// Two steps of w, and the block's place; transposed, of both operands
// (shaders/matrix/product*.glsl).
static uint32_t shared_bytes(const struct vkh_matrix_layout *layout, const struct shape *shape)
{
    const uint32_t tile_bytes = layout->side * layout->side * 2;
    if (layout->transposed)
        return 2 * 2 * (shape->x + shape->w) * TILES * tile_bytes;
    return 2 * shape->x * shape->w * TILES * tile_bytes + 8;
}

bool vkh_matmul_matrix_supported(const struct vkh_device *device,
                                 const struct vkh_matrix_layout *layout,
                                 const struct vkh_variant *variant)
{
    const struct vkh_caps *caps = vkh_device_caps(device);
    const struct shape *shape = &shapes[index_of(variant)];
    return layout->side && vkh_variant_supported(device, variant) && shader_of(layout, variant) &&
           shape->x * shape->w * layout->lanes <= caps->max_invocations &&
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
    const struct shape *shape = &shapes[index_of(matmul->variant)];
    const bool is_glu = epilogue == VKH_EPILOGUE_GLU_SILU || epilogue == VKH_EPILOGUE_GLU_GELU;
    matmul->block_tokens = shape->x * TILES * layout->side;
    matmul->block_rows = shape->w * TILES * layout->side;
    struct vkh_pipeline_desc desc = {
        .shader = shader_of(layout, matmul->variant),
        .n_bindings = 4,
        .push_bytes = sizeof(struct push),
        .addressed = matmul->variant == &decoding ? 5 : 7, // x and out, and panels
        .n_constants = VKH_MATRIX_CONSTANTS + 6,
        .subgroup_size = vkh_device_subgroup(device, layout->lanes),
    };
    vkh_matrix_constants(layout, desc.constants);
    desc.constants[4] = shape->x * shape->w * layout->lanes;
    desc.constants[5] = is_glu ? 1 : epilogue == VKH_EPILOGUE_NLL ? 2 : 0;
    desc.constants[6] = epilogue == VKH_EPILOGUE_GLU_GELU;
    desc.constants[7] = (layout->c & 0xff) == 0x10; // an invocation has four neighbours of a row
    desc.constants[8] = layout->transposed ? layout->operand_words : ends_odd && shape->x == 4;
    desc.constants[9] = matmul->variant == &decoding ? vkh_blocks_format(type) : 0;
    status = vkh_matrix_unpack_create(device, layout, type, &matmul->unpack);
    return status == VKH_OK ? vkh_pipeline_get(device, &desc, &matmul->pipeline) : status;
}

uint32_t vkh_matmul_matrix_strips(const struct vkh_matrix_layout *layout, uint64_t vocab)
{
    return (uint32_t)(vkh_div_up(vocab, vkh_panel_rows(layout)) * VKH_PANEL_TILES / TILES);
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
