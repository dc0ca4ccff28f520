// SPDX-License-Identifier: MIT
#include "model/family.h"

#include <string.h>

#include "base/size.h"
#include "model/model.h"

#define MODEL(member) offsetof(struct vkh_model, member)
#define LAYER(member) offsetof(struct vkh_layer, member)

static const struct vkh_slot llama_slots[] = {
    {MODEL(embed),
     {"token_embd.weight", "model.embed_tokens.weight"},
     {VKH_DIM_VOCAB, VKH_DIM_HIDDEN}},
    {MODEL(output_norm), {"output_norm.weight", "model.norm.weight"}, {VKH_DIM_HIDDEN}},
    {MODEL(output),
     {"output.weight", "lm_head.weight"},
     {VKH_DIM_VOCAB, VKH_DIM_HIDDEN},
     .optional = true},
    {MODEL(rope_factors), {"rope_freqs.weight", NULL}, {VKH_DIM_PAIRS}, .optional = true},
};

static const struct vkh_slot llama_layer_slots[] = {
    {LAYER(attn_norm), {"attn_norm.weight", "input_layernorm.weight"}, {VKH_DIM_HIDDEN}},
    {LAYER(q), {"attn_q.weight", "self_attn.q_proj.weight"}, {VKH_DIM_QUERY, VKH_DIM_HIDDEN}},
    {LAYER(k), {"attn_k.weight", "self_attn.k_proj.weight"}, {VKH_DIM_KV, VKH_DIM_HIDDEN}},
    {LAYER(v), {"attn_v.weight", "self_attn.v_proj.weight"}, {VKH_DIM_KV, VKH_DIM_HIDDEN}},
    {LAYER(o), {"attn_output.weight", "self_attn.o_proj.weight"}, {VKH_DIM_HIDDEN, VKH_DIM_QUERY}},
    {LAYER(ffn_norm), {"ffn_norm.weight", "post_attention_layernorm.weight"}, {VKH_DIM_HIDDEN}},
    {LAYER(gate), {"ffn_gate.weight", "mlp.gate_proj.weight"}, {VKH_DIM_FFN, VKH_DIM_HIDDEN}},
    {LAYER(up), {"ffn_up.weight", "mlp.up_proj.weight"}, {VKH_DIM_FFN, VKH_DIM_HIDDEN}},
    {LAYER(down), {"ffn_down.weight", "mlp.down_proj.weight"}, {VKH_DIM_HIDDEN, VKH_DIM_FFN}},
};

static const char *const llama_ignored[] = {".rotary_emb.inv_freq", ".attn_rot_embd.weight", NULL};

static const struct vkh_family families[] = {
    {
        .names = {"llama", "llama"},
        .rope_layout = {VKH_ROPE_INTERLEAVED, VKH_ROPE_HALVES},
        .slots = llama_slots,
        .n_slots = VKH_COUNTOF(llama_slots),
        .layer_slots = llama_layer_slots,
        .n_layer_slots = VKH_COUNTOF(llama_layer_slots),
        .ignored = llama_ignored,
    },
};

const struct vkh_family *vkh_family_find(enum vkh_naming naming, const char *name, size_t length)
{
    for (size_t i = 0; i < VKH_COUNTOF(families); i++)
        if (strlen(families[i].names[naming]) == length &&
            memcmp(families[i].names[naming], name, length) == 0)
            return &families[i];
    return NULL;
}
