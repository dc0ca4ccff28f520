// SPDX-License-Identifier: MIT
// Pre-tokenisation: a text cut into words by a chain of regular expressions, each of which cuts the
// pieces of the one before it. What a match leaves between is a piece too.
#ifndef VKH_MODEL_SPLIT_H
#define VKH_MODEL_SPLIT_H

#include <stdbool.h>
#include <stdint.h>
#include <vkhrope/status.h>

#include "base/arena.h"
#include "model/vocab.h"

enum { VKH_SPLIT_MAX = 8 };

// What a stage does to a piece, in this order; all of it may be absent (NULL, false).
struct vkh_split_stage {
    const char *mark;   // takes the place of every space
    const char *prefix; // goes in front of a piece that does not begin with it
    bool only_first;    // of the pieces, that at the text's beginning
    // The piece is cut by an expression (struct pcre2_real_code_8 is PCRE2's name for it), or
    // before or behind every occurrence of a literal.
    struct pcre2_real_code_8 *code;
    const char *literal;
    bool cut_before;
};

// Read-only once made. Zero-initialise.
struct vkh_split {
    struct vkh_split_stage stages[VKH_SPLIT_MAX];
    uint32_t n_stages;
};

// GPT-2's own expression, and those of the families that a GGUF names.
extern const char vkh_split_gpt2[], vkh_split_llama3[], vkh_split_qwen2[];

// Adds a stage without expression, whose texts are the owner's; one too many is
// VKH_ERR_UNSUPPORTED.
enum vkh_status vkh_split_add_stage(const struct vkh_place *place, struct vkh_split_stage stage,
                                    struct vkh_split *split);

// Adds a stage that may put a space in front and cuts by `pattern`, in Oniguruma's language, unless
// it is NULL. One that cannot be taken over or that matches nothing is VKH_ERR_UNSUPPORTED.
enum vkh_status vkh_split_add(const struct vkh_place *place, const char *pattern, bool prefix_space,
                              struct vkh_split *split);
void vkh_split_fini(struct vkh_split *split);

// Takes one word, valid as long as the arena and the text are.
typedef enum vkh_status vkh_word_fn(void *user, const char *word, uint64_t bytes);

// One thread's walk. Zero-initialise.
struct vkh_splitter {
    const struct vkh_split *split;
    const struct vkh_log *log;
    struct vkh_arena *arena; // for words that are not in the text
    vkh_word_fn *word;
    void *user;
    struct pcre2_real_match_data_8 *match;
    struct pcre2_real_match_context_8 *context;
    struct pcre2_real_jit_stack_8 *stack;
};

// The members up to `user` are set. VKH_ERR_MEMORY without a message; fini in any case.
enum vkh_status vkh_splitter_init(struct vkh_splitter *splitter);
void vkh_splitter_fini(struct vkh_splitter *splitter);

// Calls `word` on the words of valid UTF-8 in their order and ends with the first error. `offset`
// is where the text begins in the user's, for messages.
enum vkh_status vkh_splitter_run(struct vkh_splitter *splitter, const char *text, uint64_t bytes,
                                 uint64_t offset);

#endif
