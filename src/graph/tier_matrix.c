// SPDX-License-Identifier: MIT
#include <stdio.h>

#include "base/log.h"
#include "gpu/choices.h"
#include "gpu/device.h"
#include "graph/tier.h"
#include "graph/tune.h"
#include "kernels/nll_reduce.h"
#include "model/model.h"

#define BUFFER(member) offsetof(struct vkh_activations, member)

static void sizes(const struct vkh_config *c, const struct vkh_graph_plan *plan,
                  struct vkh_activation_size list[VKH_N_ACTIVATIONS])
{
    const struct vkh_matrix_layout *layout = &plan->layout;
    const uint32_t chunk = plan->chunk;
    const uint64_t row = (uint64_t)chunk * 4, heads = (uint64_t)c->n_heads * c->head_dim;
    const struct vkh_activation_size all[VKH_N_ACTIVATIONS] = {
        {"residual stream", vkh_graph_layered(plan) ? 0 : row * c->hidden, BUFFER(residual)},
        {"normed activations", vkh_left_bytes(layout, chunk, c->hidden), BUFFER(normed)},
        {"queries, keys, values", row * vkh_qkv_width(c), BUFFER(qkv)},
        {"queries", vkh_left_bytes(layout, chunk, heads), BUFFER(queries)},
        {"attention output", vkh_left_bytes(layout, chunk, heads), BUFFER(attended)},
        {"gated activations", vkh_left_bytes(layout, chunk, c->ffn), BUFFER(gated)},
        {"projection", plan->post_norms ? row * c->hidden : 0, BUFFER(projected)},
        {"head scratch", vkh_matmul_matrix_scratch_bytes(layout, c->vocab, chunk), BUFFER(scratch)},
        {"unpacked weights", plan->unpacked, BUFFER(panels)},
    };
    for (int i = 0; i < VKH_N_ACTIVATIONS; i++)
        list[i] = all[i];
}

// The product for weights like this one, made once.
static enum vkh_status need(struct vkh_graph *graph, const struct vkh_matrix_layout *layout,
                            const struct vkh_tensor *weight, enum vkh_epilogue epilogue)
{
    const bool ends_odd = vkh_panel_ends_odd(layout, weight->shape[1]);
    struct vkh_matmul_matrix *matmul =
        &graph->matrix.matmul[layout->bf16][ends_odd][epilogue][weight->type];
    return matmul->pipeline ? VKH_OK
                            : vkh_matmul_matrix_create(graph->device, layout, weight->type,
                                                       ends_odd, epilogue, NULL, matmul);
}

static const struct vkh_matmul_matrix *matmul_for(const struct vkh_graph *graph, bool bf16,
                                                  enum vkh_epilogue epilogue, enum vkh_dtype type,
                                                  uint64_t cols)
{
    const bool ends_odd = vkh_panel_ends_odd(&graph->plan.layout, cols);
    return &graph->matrix.matmul[bf16][ends_odd][epilogue][type];
}

static const struct vkh_matmul_matrix *matmul_of(const struct vkh_graph *graph,
                                                 enum vkh_epilogue epilogue,
                                                 const struct vkh_matrix_weight *weight)
{
    return matmul_for(graph, weight->bf16, epilogue, weight->type, weight->cols);
}

static enum vkh_epilogue glu_of(const struct vkh_graph *graph)
{
    return graph->config.activation == VKH_SILU ? VKH_EPILOGUE_GLU_SILU : VKH_EPILOGUE_GLU_GELU;
}

static enum vkh_status create_matmuls(struct vkh_graph *graph)
{
    const struct vkh_model *model = graph->model;
    const struct vkh_matrix_layout *layout = &graph->plan.layout;
    const struct vkh_matrix_layout f16 = vkh_matrix_layout_f16(layout);
    enum vkh_status status = need(graph, layout, model->output, VKH_EPILOGUE_NLL);
    if (status == VKH_OK && graph->plan.compared)
        status = need(graph, layout, model->output, VKH_EPILOGUE_ROWS);
    for (uint32_t i = 0; i < graph->config.n_layers && status == VKH_OK; i++) {
        const struct vkh_layer *l = &model->layers[i];
        const struct vkh_tensor *const tensors[] = {l->q, l->k, l->v, l->down};
        status = need(graph, layout, l->gate, glu_of(graph));
        for (uint32_t j = 0; j < VKH_COUNTOF(tensors) && status == VKH_OK; j++)
            status = need(graph, layout, tensors[j], VKH_EPILOGUE_ROWS);
        if (status == VKH_OK)
            status = need(graph, &f16, l->o, VKH_EPILOGUE_ROWS);
    }
    return status;
}

static enum vkh_status create(struct vkh_graph *graph)
{
    const struct vkh_matrix_layout *layout = &graph->plan.layout;
    const struct vkh_rope_shape rope = vkh_graph_rope_shape(graph);
    const struct vkh_attention_shape attention = vkh_graph_attention_shape(graph);
    struct vkh_matrix_kernels *k = &graph->matrix;
    enum vkh_status status = create_matmuls(graph);
    if (status == VKH_OK)
        status = vkh_rmsnorm_matrix_create(graph->device, layout, graph->config.hidden, &k->norm);
    if (status == VKH_OK)
        status = vkh_rope_matrix_create(graph->device, layout, &rope, &k->rope);
    if (status == VKH_OK)
        status = vkh_attention_matrix_create(graph->device, layout, &attention, &k->attention);
    if (status == VKH_OK)
        status = vkh_nll_reduce_create(graph->device, &k->reduce);
    return status;
}

static void normalise(const struct vkh_graph *graph, struct vkh_cmd *cmd, struct vkh_range x,
                      const struct vkh_buffer *weight, uint32_t n)
{
    struct vkh_rmsnorm_args args = vkh_graph_norm_args(graph, x, weight, graph->act.residual, n);
    args.out = vkh_range_all(graph->act.normed);
    vkh_rmsnorm_matrix_record(&graph->matrix.norm, cmd, &args);
}

// For weights in blocks.
static struct vkh_range room(const struct vkh_graph *graph)
{
    return graph->act.panels ? vkh_range_all(graph->act.panels) : (struct vkh_range){0};
}

static void project(const struct vkh_graph *graph, struct vkh_cmd *cmd,
                    const struct vkh_stack *stack, const struct vkh_buffer *x,
                    const struct vkh_buffer *out, uint32_t n, bool accumulate)
{
    uint32_t first = 0;
    for (uint32_t i = 0; i < stack->n; i++) {
        const struct vkh_matrix_weight *weight = &stack->matrices[i];
        vkh_matmul_matrix_record(
            matmul_of(graph, VKH_EPILOGUE_ROWS, weight), cmd,
            &(struct vkh_matmul_matrix_args){
                .x = vkh_range_all(x),
                .weight = weight,
                .n_tokens = n,
                .out = vkh_range(out, 0, (uint64_t)n * vkh_stack_stride(stack) * 4),
                .out_stride = vkh_stack_stride(stack),
                .out_first = first,
                .accumulate = accumulate,
                .panels = room(graph),
            });
        first += (uint32_t)weight->rows;
    }
}

static void gate(const struct vkh_graph *graph, struct vkh_cmd *cmd, const struct vkh_stack *stack,
                 uint32_t n)
{
    const struct vkh_matrix_weight *weight = &stack->matrices[0];
    vkh_matmul_matrix_record(matmul_of(graph, glu_of(graph), weight), cmd,
                             &(struct vkh_matmul_matrix_args){
                                 .x = vkh_range_all(graph->act.normed),
                                 .weight = weight,
                                 .n_tokens = n,
                                 .out = vkh_range_all(graph->act.gated),
                                 .panels = room(graph),
                             });
}

static void rotate(const struct vkh_graph *graph, struct vkh_cmd *cmd,
                   const struct vkh_rope_args *rope)
{
    const struct vkh_matrix_kernels *k = &graph->matrix;
    vkh_rope_matrix_record(&k->rope, cmd,
                           &(struct vkh_rope_matrix_args){
                               .rope = *rope,
                               .q = vkh_range_all(graph->act.queries),
                               .query_scale = vkh_attention_matrix_query_scale(&k->attention.shape),
                           });
}

static void attend(const struct vkh_graph *graph, struct vkh_cmd *cmd,
                   const struct vkh_attention_args *args)
{
    struct vkh_attention_args own = *args;
    own.q = vkh_range_all(graph->act.queries);
    own.out = vkh_range_all(graph->act.attended);
    vkh_attention_matrix_record(&graph->matrix.attention, cmd, &own);
}

static void score(const struct vkh_graph *graph, struct vkh_cmd *cmd, struct vkh_range targets,
                  struct vkh_range nll, uint32_t n)
{
    const struct vkh_matrix_weight *head = &graph->window.weights.head.matrices[0];
    const struct vkh_range scratch = vkh_range_all(graph->act.scratch);
    vkh_matmul_matrix_record(matmul_of(graph, VKH_EPILOGUE_NLL, head), cmd,
                             &(struct vkh_matmul_matrix_args){
                                 .x = vkh_range_all(graph->act.normed),
                                 .weight = head,
                                 .n_tokens = n,
                                 .out = scratch,
                                 .targets = targets,
                                 .cap = (float)graph->config.final_soft_cap,
                                 .panels = room(graph),
                             });
    vkh_nll_reduce_record(
        &graph->matrix.reduce, cmd,
        &(struct vkh_nll_reduce_args){scratch, targets, nll, n,
                                      vkh_matmul_matrix_strips(&graph->plan.layout, head->rows)});
}

static void describe(const struct vkh_graph *graph, char *text, size_t size)
{
    const struct vkh_tensor *gate = graph->model->layers[0].gate;
    const struct vkh_matmul_matrix *matmul =
        matmul_for(graph, graph->plan.layout.bf16, glu_of(graph), gate->type, gate->shape[1]);
    const struct vkh_matrix_layout *layout = &graph->plan.layout;
    const char *unpack = vkh_unpack_name(layout, gate->type);
    const struct vkh_matrix_shape *shape = &vkh_device_caps(graph->device)->matrix;
    snprintf(text, size, "tier=matrix,operands=%s,%s%s%stile=%s (matrices of %ux%ux%u)",
             layout->bf16 ? "bf16" : "f16", unpack ? "unpack=" : "", unpack ? unpack : "",
             unpack ? "," : "", matmul->variant->name, shape->m, shape->n, shape->k);
}

static void identify(const struct vkh_graph *graph, char *text, size_t size)
{
    const struct vkh_matrix_shape *shape = &vkh_device_caps(graph->device)->matrix;
    snprintf(text, size, "tier=matrix,operands=%s,rmsnorm=%s (matrices of %ux%ux%u)",
             graph->plan.layout.bf16 ? "bf16" : "f16", graph->norm.variant->name, shape->m,
             shape->n, shape->k);
}

const struct vkh_tier vkh_tier_matrix = {
    .name = "matrix",
    .sizes = sizes,
    .create = create,
    .normalise = normalise,
    .project = project,
    .gate = gate,
    .rotate = rotate,
    .attend = attend,
    .score = score,
    .describe = describe,
    .identify = identify,
};

static bool takes_matrix(struct vkh_device *device, const struct vkh_matrix_layout *layout,
                         const struct vkh_tensor *tensor)
{
    uint32_t n;
    const struct vkh_variant *variants = vkh_matmul_matrix_variants(layout, tensor->type, &n);
    return n && vkh_matmul_matrix_supported(device, layout, &variants[0]) &&
           vkh_panel_takes(layout, tensor->shape[1]);
}

static bool takes_layer(struct vkh_device *device, const struct vkh_matrix_layout *layout,
                        const struct vkh_layer *l)
{
    const struct vkh_tensor *const tensors[] = {l->q, l->k, l->v, l->o, l->gate, l->up, l->down};
    for (uint32_t i = 0; i < VKH_COUNTOF(tensors); i++)
        if (!takes_matrix(device, layout, tensors[i]) || tensors[i]->shape[0] % layout->side)
            return false;
    return l->gate->type == l->up->type;
}

static bool takes_model(struct vkh_device *device, const struct vkh_matrix_layout *layout,
                        const struct vkh_model *model)
{
    const struct vkh_config *c = &model->config;
    const struct vkh_attention_shape attention = {
        .n_heads = c->n_heads, .n_kv_heads = c->n_kv_heads, .head_dim = c->head_dim};
    if (!vkh_attention_matrix_takes(device, layout, &attention) ||
        !takes_matrix(device, layout, model->output))
        return false;
    for (uint32_t i = 0; i < c->n_layers; i++)
        if (!takes_layer(device, layout, &model->layers[i]))
            return false;
    return true;
}

static const struct vkh_variant tiers[] = {
    {.name = "rows"},
    {.name = "matrix", .needs = VKH_CAP_MATRIX16},
};

const struct vkh_variant *vkh_tier_variants(uint32_t *n)
{
    *n = VKH_COUNTOF(tiers);
    return tiers;
}

enum vkh_status vkh_tier_choose(const struct vkh_device *device, enum vkh_dtype type,
                                const struct vkh_variant **chosen)
{
    const char *name = vkh_dtype_info(type)->name;
    struct vkh_choice measured;
    const bool rows = vkh_device_caps(device)->is_cpu && !vkh_variant_by_hand(device, "tier") &&
                      !vkh_choice_get(device, "tier", name, &measured);
    return vkh_variant_choose(device, "tier", name, tiers, rows ? 1 : VKH_COUNTOF(tiers), chosen);
}

static const struct vkh_variant operands[] = {
    {.name = "bf16", .needs = VKH_CAP_MATRIX16 | VKH_CAP_MATRIX_BF16},
    {.name = "f16", .needs = VKH_CAP_MATRIX16},
};

const struct vkh_variant *vkh_operands_variants(uint32_t *n)
{
    *n = VKH_COUNTOF(operands);
    return operands;
}

enum vkh_status vkh_operands_choose(const struct vkh_device *device,
                                    struct vkh_matrix_layout *layout)
{
    const struct vkh_variant *chosen;
    const enum vkh_status status =
        vkh_variant_choose(device, "operands", NULL, operands, VKH_COUNTOF(operands), &chosen);
    layout->bf16 = status == VKH_OK && chosen == &operands[0];
    if (layout->bf16 && !layout->has_bf16)
        return vkh_fail(
            vkh_device_log(device), VKH_ERR_ARGUMENT,
            "variant operands=bf16: there is no kernel for the device's matrices of it");
    return status;
}

static const struct vkh_variant unpacks[] = {
    {.name = "panels", .needs = VKH_CAP_MATRIX16},
    {.name = "product", .needs = VKH_CAP_MATRIX16},
};

const struct vkh_variant *vkh_unpack_variants(uint32_t *n)
{
    *n = VKH_COUNTOF(unpacks);
    return unpacks;
}

bool vkh_unpack_decodes(const struct vkh_device *device, const struct vkh_matrix_layout *layout)
{
    struct vkh_matrix_layout decoding = *layout;
    uint32_t n;
    decoding.decodes = true;
    const struct vkh_variant *tile = vkh_matmul_matrix_variants(&decoding, VKH_Q8_0, &n);
    return vkh_matmul_matrix_supported(device, &decoding, tile) &&
           vkh_variant_allowed(device, "tile", tile);
}

enum vkh_status vkh_unpack_choose(const struct vkh_device *device, struct vkh_matrix_layout *layout)
{
    const struct vkh_variant *chosen;
    const enum vkh_status status =
        vkh_variant_choose(device, "unpack", NULL, unpacks, VKH_COUNTOF(unpacks), &chosen);
    layout->decodes = false;
    if (status != VKH_OK || chosen == &unpacks[0])
        return status;
    layout->decodes = vkh_unpack_decodes(device, layout);
    if (!layout->decodes && vkh_variant_by_hand(device, "unpack"))
        return vkh_fail(vkh_device_log(device), VKH_ERR_ARGUMENT,
                        "variant unpack=product: no product of the device's matrices decodes with "
                        "these operands and this tile");
    return VKH_OK;
}

const char *vkh_unpack_name(const struct vkh_matrix_layout *layout, enum vkh_dtype type)
{
    return vkh_dtype_info(type)->block_elements > 1 ? unpacks[layout->decodes].name : NULL;
}

static bool chooses_matrix(const struct vkh_device *device, const struct vkh_model *model)
{
    const struct vkh_variant *chosen;
    return vkh_tier_choose(device, model->layers[0].gate->type, &chosen) == VKH_OK &&
           chosen != &tiers[0];
}

static enum vkh_status choose_layout(struct vkh_device *device, struct vkh_matrix_layout *layout)
{
    enum vkh_status status = vkh_matrix_layout(device, layout);
    if (status == VKH_OK)
        status = vkh_operands_choose(device, layout);
    return status == VKH_OK ? vkh_unpack_choose(device, layout) : status;
}

bool vkh_tier_matrix_takes(struct vkh_device *device, const struct vkh_model *model,
                           struct vkh_matrix_layout *layout)
{
    if (chooses_matrix(device, model) && choose_layout(device, layout) == VKH_OK) {
        if (takes_model(device, layout, model)) {
            vkh_tune_matrix(device, model);
            if (chooses_matrix(device, model))
                return true;
        } else if (vkh_variant_by_hand(device, "tier")) {
            vkh_logf(vkh_device_log(device), VKH_LOG_WARNING,
                     "variant tier=matrix: not with the model's sizes and types on the device's "
                     "matrices; rows instead");
        }
    }
    *layout = (struct vkh_matrix_layout){0};
    return false;
}
