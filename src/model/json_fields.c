// SPDX-License-Identifier: MIT
#include "model/json_fields.h"

#include <string.h>

#include "base/log.h"
#include "model/config.h"
#include "model/family.h"

// Read by config_json.c and windows.c for every family, beside the fields of config.c's tables.
static const char *const common[] = {
    "model_type",     "hidden_act", "hidden_activation",   "tie_word_embeddings",
    "attention_bias", "mlp_bias",   "quantization_config", "use_bidirectional_attention",
    "rope_scaling",   "use_mrope",  "rope_parameters",     "rope_interleaved",
    "rope_theta",     NULL,
};

// About training, text generation, the files and the software that wrote them.
static const char *const notes[] = {
    "_attn_implementation",
    "_attn_implementation_autoset",
    "_commit_hash",
    "_name_or_path",
    "add_cross_attention",
    "architectures",
    "attention_dropout",
    "attn_implementation",
    "auto_map",
    "bad_words_ids",
    "begin_suppress_tokens",
    "bos_token_id",
    "cache_implementation",
    "chunk_size_feed_forward",
    "cls_token_id",
    "cross_attention_hidden_size",
    "decoder_start_token_id",
    "diversity_penalty",
    "do_sample",
    "dtype",
    "early_stopping",
    "embd_pdrop",
    "encoder_no_repeat_ngram_size",
    "eos_token_id",
    "exponential_decay_length_penalty",
    "finetuning_task",
    "forced_bos_token_id",
    "forced_eos_token_id",
    "hidden_dropout",
    "id2label",
    "initializer_range",
    "is_decoder",
    "is_encoder_decoder",
    "is_llama_config",
    "label2id",
    "length_penalty",
    "max_length",
    "min_length",
    "name",
    "no_repeat_ngram_size",
    "num_beam_groups",
    "num_beams",
    "num_return_sequences",
    "output_attentions",
    "output_hidden_states",
    "output_scores",
    "pad_token_id",
    "prefix",
    "pretraining_tp",
    "problem_type",
    "pruned_heads",
    "remove_invalid_values",
    "repetition_penalty",
    "resid_pdrop",
    "return_dict",
    "return_dict_in_generate",
    "sep_token_id",
    "suppress_tokens",
    "task_specific_params",
    "temperature",
    "tf_legacy_loss",
    "tie_encoder_decoder",
    "tokenizer_class",
    "top_k",
    "top_p",
    "torch_dtype",
    "torchscript",
    "transformers.js_config",
    "transformers_version",
    "typical_p",
    "unk_token_id",
    "unsloth_fixed",
    "unsloth_version",
    "use_bfloat16",
    "use_cache",
    NULL,
};

static bool has(const char *const *names, const char *name)
{
    while (*names && strcmp(*names, name) != 0)
        names++;
    return *names;
}

static bool is_number(const char *name)
{
    for (size_t i = 0; i < VKH_N_CONFIG_FIELDS; i++) {
        const char *field = vkh_config_fields[i].names[VKH_NAMING_HF];
        if (field && strcmp(field, name) == 0)
            return true;
    }
    return strcmp(name, "rms_norm_eps") == 0;
}

bool vkh_json_fields_has(const struct vkh_family *family, const char *name)
{
    return has(family->json_fields, name);
}

enum vkh_status vkh_json_fields_check(const json_t *root, const struct vkh_family *family,
                                      const char *path, const struct vkh_log *log)
{
    const char *name;
    json_t *value;
    json_object_foreach((json_t *)root, name, value)
    {
        if (!json_is_null(value) && !is_number(name) && !has(common, name) && !has(notes, name) &&
            !has(family->json_fields, name))
            return vkh_fail(log, VKH_ERR_UNSUPPORTED, "%s: %.64s: an unknown field of a %s model",
                            path, name, family->names[VKH_NAMING_HF]);
    }
    return VKH_OK;
}
