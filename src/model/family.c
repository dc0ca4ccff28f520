// SPDX-License-Identifier: MIT
#include "model/family.h"

#include <string.h>

#include "base/size.h"
#include "model/model.h"

#define MODEL(member) offsetof(struct vkh_model, member)
#define LAYER(member) offsetof(struct vkh_layer, member)

static const struct vkh_slot model_slots[] = {
    {MODEL(embed),
     {"token_embd.weight", "model.embed_tokens.weight"},
     {VKH_DIM_VOCAB, VKH_DIM_HIDDEN}},
    {MODEL(output_norm), {"output_norm.weight", "model.norm.weight"}, {VKH_DIM_HIDDEN}},
    {MODEL(output),
     {"output.weight", "lm_head.weight"},
     {VKH_DIM_VOCAB, VKH_DIM_HIDDEN},
     .optional = true},
    {MODEL(rope_factors), {"rope_freqs.weight", NULL}, {VKH_DIM_PAIRS}, .optional = true},
    {MODEL(rope_short_factors),
     {"rope_factors_short.weight", NULL},
     {VKH_DIM_PAIRS},
     .optional = true},
    {MODEL(rope_long_factors),
     {"rope_factors_long.weight", NULL},
     {VKH_DIM_PAIRS},
     .optional = true},
};

// What layers are made of.
// clang-format off
#define NORMS                                                                                      \
    {LAYER(attn_norm), {"attn_norm.weight", "input_layernorm.weight"}, {VKH_DIM_HIDDEN}},          \
    {LAYER(ffn_norm), {"ffn_norm.weight", "post_attention_layernorm.weight"}, {VKH_DIM_HIDDEN}}
// Before and after each half.
#define FOUR_NORMS                                                                                 \
    {LAYER(attn_norm), {"attn_norm.weight", "input_layernorm.weight"}, {VKH_DIM_HIDDEN}},          \
    {LAYER(post_attn_norm), {"post_attention_norm.weight", "post_attention_layernorm.weight"},     \
     {VKH_DIM_HIDDEN}},                                                                            \
    {LAYER(ffn_norm), {"ffn_norm.weight", "pre_feedforward_layernorm.weight"}, {VKH_DIM_HIDDEN}},  \
    {LAYER(post_ffn_norm), {"post_ffw_norm.weight", "post_feedforward_layernorm.weight"},          \
     {VKH_DIM_HIDDEN}}
#define QKV                                                                                        \
    {LAYER(q), {"attn_q.weight", "self_attn.q_proj.weight"}, {VKH_DIM_QUERY, VKH_DIM_HIDDEN}},     \
    {LAYER(k), {"attn_k.weight", "self_attn.k_proj.weight"}, {VKH_DIM_KV, VKH_DIM_HIDDEN}},        \
    {LAYER(v), {"attn_v.weight", "self_attn.v_proj.weight"}, {VKH_DIM_KV, VKH_DIM_HIDDEN}}
#define QKV_BIASES                                                                                 \
    {LAYER(q_bias), {"attn_q.bias", "self_attn.q_proj.bias"}, {VKH_DIM_QUERY}},                    \
    {LAYER(k_bias), {"attn_k.bias", "self_attn.k_proj.bias"}, {VKH_DIM_KV}},                       \
    {LAYER(v_bias), {"attn_v.bias", "self_attn.v_proj.bias"}, {VKH_DIM_KV}}
#define HEAD_NORMS                                                                                 \
    {LAYER(q_norm), {"attn_q_norm.weight", "self_attn.q_norm.weight"}, {VKH_DIM_HEAD}},            \
    {LAYER(k_norm), {"attn_k_norm.weight", "self_attn.k_norm.weight"}, {VKH_DIM_HEAD}}
#define OUT                                                                                        \
    {LAYER(o), {"attn_output.weight", "self_attn.o_proj.weight"}, {VKH_DIM_HIDDEN, VKH_DIM_QUERY}}
#define GATE_UP                                                                                    \
    {LAYER(gate), {"ffn_gate.weight", "mlp.gate_proj.weight"}, {VKH_DIM_FFN, VKH_DIM_HIDDEN}},     \
    {LAYER(up), {"ffn_up.weight", "mlp.up_proj.weight"}, {VKH_DIM_FFN, VKH_DIM_HIDDEN}}
#define DOWN                                                                                       \
    {LAYER(down), {"ffn_down.weight", "mlp.down_proj.weight"}, {VKH_DIM_HIDDEN, VKH_DIM_FFN}}
// In one tensor.
#define FUSED_QKV                                                                                  \
    {.names = {"attn_qkv.weight", "self_attn.qkv_proj.weight"},                                    \
     .shape = {VKH_DIM_QKV, VKH_DIM_HIDDEN},                                                       \
     .parts = {{LAYER(q), VKH_DIM_QUERY}, {LAYER(k), VKH_DIM_KV}, {LAYER(v), VKH_DIM_KV}},         \
     .n_parts = 3}
#define FUSED_GATE_UP                                                                              \
    {.names = {"ffn_up.weight", "mlp.gate_up_proj.weight"},                                        \
     .shape = {VKH_DIM_GATE_UP, VKH_DIM_HIDDEN},                                                   \
     .parts = {{LAYER(gate), VKH_DIM_FFN}, {LAYER(up), VKH_DIM_FFN}},                              \
     .n_parts = 2}
// clang-format on

static const struct vkh_slot llama_layer[] = {NORMS, QKV, OUT, GATE_UP, DOWN};
static const struct vkh_slot qwen2_layer[] = {NORMS, QKV, QKV_BIASES, OUT, GATE_UP, DOWN};
static const struct vkh_slot qwen3_layer[] = {NORMS, QKV, HEAD_NORMS, OUT, GATE_UP, DOWN};
static const struct vkh_slot gemma2_layer[] = {FOUR_NORMS, QKV, OUT, GATE_UP, DOWN};
static const struct vkh_slot gemma3_layer[] = {FOUR_NORMS, QKV, HEAD_NORMS, OUT, GATE_UP, DOWN};
static const struct vkh_slot phi3_layer[] = {NORMS, FUSED_QKV, OUT, FUSED_GATE_UP, DOWN};

static const char *const ignored[] = {".rotary_emb.inv_freq", ".attn_rot_embd.weight", NULL};

static const char *const no_fields[] = {NULL};
static const char *const mistral_fields[] = {"sliding_window", NULL};
static const char *const qwen_fields[] = {"sliding_window", "use_sliding_window",
                                          "max_window_layers", "layer_types", NULL};
static const char *const phi3_fields[] = {"sliding_window", "partial_rotary_factor",
                                          "original_max_position_embeddings", NULL};
static const char *const gemma_fields[] = {"sliding_window",
                                           "sliding_window_pattern",
                                           "_sliding_window_pattern",
                                           "layer_types",
                                           "query_pre_attn_scalar",
                                           "attn_logit_softcapping",
                                           "final_logit_softcapping",
                                           "rope_local_base_freq",
                                           NULL};

#define SLOTS(layer)                                                                               \
    .slots = model_slots, .n_slots = VKH_COUNTOF(model_slots), .layer_slots = layer,               \
    .n_layer_slots = VKH_COUNTOF(layer), .ignored = ignored

static const struct vkh_family families[] = {
    {
        .names = {"llama", "llama"},
        .rope_layout = {VKH_ROPE_INTERLEAVED, VKH_ROPE_HALVES},
        SLOTS(llama_layer),
        .json_fields = no_fields,
        .defaults = {.rope_base = 10000},
    },
    {
        // Its GGUF files call themselves llama.
        .names = {NULL, "mistral"},
        .rope_layout = {VKH_ROPE_INTERLEAVED, VKH_ROPE_HALVES},
        SLOTS(llama_layer),
        .json_fields = mistral_fields,
        .defaults = {.rope_base = 10000, .window = 4096},
    },
    {
        .names = {"qwen2", "qwen2"},
        .rope_layout = {VKH_ROPE_HALVES, VKH_ROPE_HALVES},
        SLOTS(qwen2_layer),
        .json_fields = qwen_fields,
        .defaults = {.rope_base = 10000},
        .windows_by_flag = true,
    },
    {
        .names = {"qwen3", "qwen3"},
        .rope_layout = {VKH_ROPE_HALVES, VKH_ROPE_HALVES},
        SLOTS(qwen3_layer),
        .json_fields = qwen_fields,
        .defaults = {.rope_base = 10000},
        .windows_by_flag = true,
    },
    {
        .names = {"gemma2", "gemma2"},
        .rope_layout = {VKH_ROPE_HALVES, VKH_ROPE_HALVES},
        SLOTS(gemma2_layer),
        .json_fields = gemma_fields,
        .defaults = {.rope_base = 10000,
                     .window = 4096,
                     .window_period = 2,
                     .attention_soft_cap = 50,
                     .final_soft_cap = 30,
                     .tied = true},
        .activation = VKH_GELU_TANH,
        .norm_shift = {0, 1},
        .scales_embedding = true,
        .wide_layers = 46, // the 27B
    },
    {
        .names = {"gemma3", "gemma3_text"},
        .rope_layout = {VKH_ROPE_HALVES, VKH_ROPE_HALVES},
        SLOTS(gemma3_layer),
        .json_fields = gemma_fields,
        .defaults = {.rope_base = 1e6,
                     .local_rope_base = 10000,
                     .window = 4096,
                     .window_period = 6,
                     .tied = true},
        .activation = VKH_GELU_TANH,
        .norm_shift = {0, 1},
        .scales_embedding = true,
        .wide_layers = 62, // the 27B
    },
    {
        .names = {"phi3", "phi3"},
        .rope_layout = {VKH_ROPE_HALVES, VKH_ROPE_HALVES},
        SLOTS(phi3_layer),
        .json_fields = phi3_fields,
        .defaults = {.rope_base = 10000},
    },
};

const struct vkh_family *vkh_family_find(enum vkh_naming naming, const char *name, size_t length)
{
    for (size_t i = 0; i < VKH_COUNTOF(families); i++) {
        const char *known = families[i].names[naming];
        if (known && strlen(known) == length && memcmp(known, name, length) == 0)
            return &families[i];
    }
    return NULL;
}
