// SPDX-License-Identifier: MIT
// A line on the terminal that says how far a run is, and the interrupt that ends it.
#ifndef VKHROPE_TOOLS_PROGRESS_H
#define VKHROPE_TOOLS_PROGRESS_H

#include <vkhrope/perplexity.h>

#include "tool.h"

struct progress {
    bool visible; // standard error is a terminal, and nobody asked for quiet
    bool shown;   // the line stands there now
    bool told;    // that the run goes on from a checkpoint
    const struct tool *tool;
    double start, last; // seconds; 0 before the first call
};

// From here an interrupt (Ctrl-C) ends the run at its next chunk; a second one ends the process.
// Messages of the tool clear the line first.
void progress_start(struct progress *progress, struct tool *tool);

// For vkh_ppl_options.
bool progress_step(void *progress, const struct vkh_ppl_progress *at);

// Clears the line.
void progress_end(struct progress *progress);

#endif
