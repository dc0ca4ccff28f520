// SPDX-License-Identifier: MIT
// The two halves of the tokenizer.json reader, and what they share.
#ifndef VKH_MODEL_TOKENIZER_JSON_H
#define VKH_MODEL_TOKENIZER_JSON_H

#include <jansson.h>
#include <stdbool.h>

#include "model/tokenizer.h"

// A place inside another: "model" and "merges" give "model.merges".
struct json_place {
    struct vkh_place place;
    char field[200];
};

// Sets `inner` to a member (key) or an element (key NULL) of `outer`.
const struct vkh_place *vkh_json_place(const struct vkh_place *outer, const char *key, size_t index,
                                       struct json_place *inner);

// A member that may be absent or null, which leaves *out alone; of another type it is
// VKH_ERR_FORMAT.
enum vkh_status vkh_json_bool(const struct vkh_place *place, const json_t *object, const char *key,
                              bool *out);

// The member "type", which must be a string; *out is what the message may show of it: itself, or a
// placeholder if it is long or not printable.
enum vkh_status vkh_json_type(const struct vkh_place *place, const json_t *object,
                              const char **out);

// `place` is the document's. The vocabulary must be complete for the post-processor.
enum vkh_status vkh_json_normalizer(const struct vkh_place *place, const json_t *root,
                                    struct vkh_tokenizer *tokenizer);
enum vkh_status vkh_json_pre_tokenizer(const struct vkh_place *place, const json_t *root,
                                       struct vkh_tokenizer *tokenizer);
enum vkh_status vkh_json_post_processor(const struct vkh_place *place, const json_t *root,
                                        struct vkh_tokenizer *tokenizer);

#endif
