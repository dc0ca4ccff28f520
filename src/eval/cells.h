// SPDX-License-Identifier: MIT
// From the NLL of tokens to the numbers of the results.
#ifndef VKH_EVAL_CELLS_H
#define VKH_EVAL_CELLS_H

#include "eval/eval.h"

// Fills cells[n_lanes][n_lengths], texts[n_texts][n_lanes][n_lengths] and the sweeps' best. Their
// method is the lane's name. Sums in double in the order of tokens; texts are joined in their
// order. VKH_ERR_INTERNAL, naming model, text, method and token, when an NLL or a PPL is not
// finite.
enum vkh_status vkh_eval_cells(const struct vkh_eval *eval, const struct vkh_log *log,
                               struct vkh_ppl_cell *cells, struct vkh_ppl_text_cell *texts);

// Whether all NLL and divergences are finite.
bool vkh_eval_is_finite(const struct vkh_eval *eval);

// Where one is not: "MODEL, text INDEX (NAME), method NAME", cut where that is long.
struct vkh_eval_place {
    char text[640];
};
void vkh_eval_locate(const struct vkh_eval *eval, const struct vkh_reading *reading,
                     struct vkh_eval_place *place);

// Seconds until the walk had done its first n_tokens tokens: a chunk's time is spread evenly over
// its tokens.
double vkh_marks_until(const struct vkh_marks *marks, uint32_t n_tokens);

#endif
