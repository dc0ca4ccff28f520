// SPDX-License-Identifier: MIT
// The texts of a run, as ids.
#ifndef VKHROPE_TOOLS_TEXTS_H
#define VKHROPE_TOOLS_TEXTS_H

#include "ppl_args.h"

struct texts {
    struct vkh_ppl_text *items; // named by their files
    uint32_t n;
    bool has_bos; // the tokenizer begins texts with it
    int32_t bos;

    // Private.
    char **names;
    bool encoded; // the ids belong to the tokenizer's room, not to malloc
};

// Reads every file that --text or --tokens names, those of a folder in the order of their names;
// without either, one text as long as the longest length, for a plan. Prints a message when it
// fails; to be closed even then.
enum vkh_status texts_open(struct tool *tool, const struct ppl_args *args, uint32_t vocab,
                           struct texts *texts);
void texts_close(struct texts *texts);

uint64_t texts_shortest(const struct texts *texts);
uint64_t texts_longest(const struct texts *texts);

#endif
