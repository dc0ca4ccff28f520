// SPDX-License-Identifier: MIT
// Parts of the JSON report. Each is a new reference, NULL when out of memory.
#ifndef VKH_REPORT_JSON_PARTS_H
#define VKH_REPORT_JSON_PARTS_H

#include <jansson.h>
#include <vkhrope/perplexity.h>

enum { VKH_DIGEST_TEXT = 17 }; // sixteen hexadecimal digits

json_t *vkh_json_real(double number); // NaN is null

json_t *vkh_json_window(const struct vkh_ppl_regime *regime); // null where there is none
json_t *vkh_json_stride(const struct vkh_ppl_regime *regime);
json_t *vkh_json_bos(const struct vkh_ppl_regime *regime);
json_t *vkh_json_shard(const struct vkh_ppl_block *block); // null where it is the whole

json_t *vkh_json_methods(const struct vkh_ppl_results *results);
json_t *vkh_json_texts(const struct vkh_ppl_results *results);
json_t *vkh_json_text_results(const struct vkh_ppl_results *results);
json_t *vkh_json_sweeps(const struct vkh_ppl_results *results);
json_t *vkh_json_kl(const struct vkh_ppl_results *results); // null without a comparison
json_t *vkh_json_curves(const struct vkh_ppl_results *results);

#endif
