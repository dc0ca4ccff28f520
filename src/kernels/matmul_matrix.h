// SPDX-License-Identifier: MIT
// Products of activations and a weight on cooperative matrices, operands of fp16, or of bf16 where
// the layout says so, summed in fp32, and
// what directly follows of them: rows of fp32 (added to what is there, for a residual connection),
// a gated linear unit, or a vocabulary's log-sum-exp. A sum's order depends on k alone.
#ifndef VKH_KERNELS_MATMUL_MATRIX_H
#define VKH_KERNELS_MATMUL_MATRIX_H

#include <stdbool.h>
#include <stdint.h>
#include <vkhrope/status.h>

#include "kernels/matrix_unpack.h"
#include "kernels/variant.h"

struct vkh_cmd;
struct vkh_pipeline;

enum vkh_epilogue {
    VKH_EPILOGUE_ROWS,
    VKH_EPILOGUE_GLU_SILU, // silu(gate) * up
    VKH_EPILOGUE_GLU_GELU, // gelu(gate) * up, by tanh
    VKH_EPILOGUE_NLL,
    VKH_N_EPILOGUES,
};

struct vkh_matmul_matrix {
    struct vkh_device *device;
    struct vkh_matrix_layout layout;
    const struct vkh_variant *variant;
    enum vkh_epilogue epilogue;
    bool ends_odd;
    const struct vkh_pipeline *pipeline;
    struct vkh_matrix_unpack unpack;
    uint32_t block_tokens, block_rows; // of a workgroup
};

// The tile shapes for one weight type and the layout's operands, smallest first; decoding has one.
const struct vkh_variant *vkh_matmul_matrix_variants(const struct vkh_matrix_layout *layout,
                                                     enum vkh_dtype type, uint32_t *n);

// Whether the device runs the variant; its shared memory and invocations go with the layout's side.
bool vkh_matmul_matrix_supported(const struct vkh_device *device,
                                 const struct vkh_matrix_layout *layout,
                                 const struct vkh_variant *variant);

// How many of a type's the device runs: the first ones.
uint32_t vkh_matmul_matrix_fitting(const struct vkh_device *device,
                                   const struct vkh_matrix_layout *layout, enum vkh_dtype type);

// For weights whose columns vkh_panel_ends_odd says this of. variant NULL: chosen as "tile" among
// them.
enum vkh_status
vkh_matmul_matrix_create(struct vkh_device *device, const struct vkh_matrix_layout *layout,
                         enum vkh_dtype type, bool ends_odd, enum vkh_epilogue epilogue,
                         const struct vkh_variant *variant, struct vkh_matmul_matrix *matmul);

struct vkh_matmul_matrix_args {
    struct vkh_range x; // a left operand [n_tokens][weight->cols], kernels/panel.h
    const struct vkh_matrix_weight *weight; // made for the same layout
    uint32_t n_tokens;
    // ROWS: fp32 [n_tokens][out_stride], written at columns out_first …; both even.
    // GLU: a left operand [n_tokens][weight->rows / 2].
    // NLL: vkh_matmul_matrix_scratch_bytes, for nll_reduce.
    struct vkh_range out;
    uint32_t out_stride, out_first; // ROWS
    bool accumulate;                // ROWS: adds to out
    struct vkh_range targets;       // NLL: int32 [n_tokens]
    float cap;                      // NLL: of the logits; 0: none
    struct vkh_range panels;        // room for a weight that is unpacked, vkh_matrix_unpack_bytes
};

void vkh_matmul_matrix_record(const struct vkh_matmul_matrix *matmul, struct vkh_cmd *cmd,
                              const struct vkh_matmul_matrix_args *args);

// Parts of a vocabulary that NLL leaves for each token, and the bytes that they take.
uint32_t vkh_matmul_matrix_strips(const struct vkh_matrix_layout *layout, uint64_t vocab);
uint64_t vkh_matmul_matrix_scratch_bytes(const struct vkh_matrix_layout *layout, uint64_t vocab,
                                         uint32_t n_tokens);

#endif
