// SPDX-License-Identifier: MIT
// The table in one call.
#include <stddef.h>
#include <vkhrope/perplexity.h>
#include <vkhrope/tokenizer.h>

#include "base/log.h"
#include "base/size.h"

static enum vkh_status encode(const struct vkh_perplexity_options *options,
                              const struct vkh_log *log, int32_t **ids, uint64_t *n_ids)
{
    struct vkh_tokenizer *tokenizer;
    enum vkh_status status = vkh_tokenizer_open(options->model, log, &tokenizer);
    if (status == VKH_OK)
        status = vkh_tokenizer_encode(tokenizer, options->text, options->text_bytes, ids, n_ids);
    vkh_tokenizer_close(&tokenizer);
    return status;
}

static uint64_t longest_text(const struct vkh_ppl_options *table)
{
    uint64_t longest = table->n_ids;
    for (uint32_t i = 0; i < table->n_texts; i++)
        longest = vkh_max_size(longest, table->texts[i].n_ids);
    return longest;
}

static enum vkh_status run(struct vkh_device *device, const struct vkh_model *model,
                           struct vkh_ppl_options table, const struct vkh_log *log,
                           struct vkh_ppl_results **results)
{
    static const char *const methods[] = {"baseline", "hybrid:cf=1.5", "hybrid:cf=2"};
    const uint32_t whole = (uint32_t)vkh_min_size(longest_text(&table), UINT32_MAX);
    if (table.n_lengths == 0) {
        table.lengths = &whole;
        table.n_lengths = 1;
    }
    if (table.n_methods == 0 && table.n_sweeps == 0) {
        table.methods = methods;
        table.n_methods = VKH_COUNTOF(methods);
    }
    return vkh_ppl_run(device, model, &table, log, results);
}

enum vkh_status vkh_perplexity(const struct vkh_perplexity_options *options,
                               const struct vkh_log *log, struct vkh_ppl_results **results)
{
    struct vkh_device *device = NULL;
    struct vkh_model *model = NULL;
    int32_t *ids = NULL;
    struct vkh_ppl_options table = options->table;
    struct vkh_device_options device_options = options->device;
    device_options.log = log;
    *results = NULL;
    enum vkh_status status = vkh_model_open(options->model, log, &model);
    if (status == VKH_OK && options->text) {
        status = encode(options, log, &ids, &table.n_ids);
        table.ids = ids;
    }
    if (status == VKH_OK)
        status = vkh_device_create(&device_options, &device);
    if (status == VKH_OK)
        status = run(device, model, table, log, results);
    vkh_device_destroy(&device);
    vkh_ids_free(&ids);
    vkh_model_close(&model);
    return status;
}
