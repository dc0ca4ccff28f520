// SPDX-License-Identifier: MIT
// How the forward pass keeps what travels between its kernels: as rows of fp32, on any device, or
// as operands of cooperative matrices. The walk over the layers is the same; a tier fills in the
// steps.
#ifndef VKH_GRAPH_TIER_H
#define VKH_GRAPH_TIER_H

#include "graph/layer.h"
#include "kernels/variant.h"

enum { VKH_N_ACTIVATIONS = 9 };

// One buffer of a chunk; `buffer` is where struct vkh_activations has it. 0 bytes: not needed.
struct vkh_activation_size {
    const char *name;
    uint64_t bytes;
    size_t buffer;
};

struct vkh_tier {
    const char *name;
    void (*sizes)(const struct vkh_config *config, const struct vkh_graph_plan *plan,
                  struct vkh_activation_size sizes[VKH_N_ACTIVATIONS]);
    enum vkh_status (*create)(struct vkh_graph *graph);
    // normed = norm(x), x being rows of the residual stream
    void (*normalise)(const struct vkh_graph *graph, struct vkh_cmd *cmd, struct vkh_range x,
                      const struct vkh_buffer *weight, uint32_t n);
    // fp32 rows of x @ stack^T, vkh_stack_stride apart, to `out` or added to it; x is normed,
    // attended or gated.
    void (*project)(const struct vkh_graph *graph, struct vkh_cmd *cmd,
                    const struct vkh_stack *stack, const struct vkh_buffer *x,
                    const struct vkh_buffer *out, uint32_t n, bool accumulate);
    // gated = the gated linear unit of normed
    void (*gate)(const struct vkh_graph *graph, struct vkh_cmd *cmd, const struct vkh_stack *stack,
                 uint32_t n);
    // Rotates the queries of qkv and, on their way to rope.kv, its keys; values go there too.
    void (*rotate)(const struct vkh_graph *graph, struct vkh_cmd *cmd,
                   const struct vkh_rope_args *rope);
    // attended = attention of those queries; args.q and args.out are the tier's.
    void (*attend)(const struct vkh_graph *graph, struct vkh_cmd *cmd,
                   const struct vkh_attention_args *args);
    // NLL of normed
    void (*score)(const struct vkh_graph *graph, struct vkh_cmd *cmd, struct vkh_range targets,
                  struct vkh_range nll, uint32_t n);
    // Names its kernels' variants.
    void (*describe)(const struct vkh_graph *graph, char *text, size_t size);
    // Names those of which another one may change bits of the results.
    void (*identify)(const struct vkh_graph *graph, char *text, size_t size);
};

extern const struct vkh_tier vkh_tier_rows, vkh_tier_matrix;

// The tiers as variants of the operation "tier".
const struct vkh_variant *vkh_tier_variants(uint32_t *n);

// For models whose layers have weights of the type: the best that the device has or was measured
// to have, but on processors, which multiply rows faster: there the matrices are chosen by hand, or
// where they were measured, only. Fails as vkh_variant_choose does.
enum vkh_status vkh_tier_choose(const struct vkh_device *device, enum vkh_dtype type,
                                const struct vkh_variant **chosen);

// What operands of cooperative matrices are made of, as variants of the operation "operands": fp16
// unless bf16 is chosen by hand. fp16 is the more accurate, bf16 has the range of fp32.
const struct vkh_variant *vkh_operands_variants(uint32_t *n);
// Chooses for a layout of the device. Fails as vkh_variant_choose does.
enum vkh_status vkh_operands_choose(const struct vkh_device *device,
                                    struct vkh_matrix_layout *layout);

// How products read weights in blocks, as variants of the operation "unpack": decoding them, which
// takes no room and reads them once, or where products do not, or by hand, from panels of fp16 that
// they are unpacked to. Both give the same bits.
const struct vkh_variant *vkh_unpack_variants(uint32_t *n);
// Whether products of such operands decode: of fp16, in tile 4x2, which matrices of less than a tile
// do not have, and unless another is chosen by hand.
bool vkh_unpack_decodes(const struct vkh_device *device, const struct vkh_matrix_layout *layout);
// Chooses for a layout of the device with its operands. Fails as vkh_variant_choose does.
enum vkh_status vkh_unpack_choose(const struct vkh_device *device,
                                  struct vkh_matrix_layout *layout);
// The name of what was chosen, for weights of the type; NULL where they are not in blocks.
const char *vkh_unpack_name(const struct vkh_matrix_layout *layout, enum vkh_dtype type);

// Whether the device and the model's shapes and types suit cooperative matrices, and
// vkh_tier_choose chooses them, after measuring both tiers where it was not done (graph/tune.h).
// `layout` is then the device's.
bool vkh_tier_matrix_takes(struct vkh_device *device, const struct vkh_model *model,
                           struct vkh_matrix_layout *layout);

#endif
