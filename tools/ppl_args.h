// SPDX-License-Identifier: MIT
// The command line of vkhrope-ppl.
#ifndef VKHROPE_TOOLS_PPL_ARGS_H
#define VKHROPE_TOOLS_PPL_ARGS_H

#include <vkhrope/report.h>

#include "tool.h"

struct ppl_output {
    const char *path;
    enum vkh_report_format format;
};

struct ppl_strings {
    const char **items;
    uint32_t n;
};

// Strings point into argv; lists are of malloc and released by ppl_args_fini.
struct ppl_args {
    const char *model, *plot, *nll, *curve, *reference, *resume;
    const char *kl, *kl_model;        // the latter only with the former
    struct ppl_strings texts, tokens; // files or folders; not both
    uint32_t *lengths;                // as given; NULL: not given
    uint32_t n_lengths;
    struct ppl_strings methods; // never empty
    struct ppl_strings sweeps;
    struct ppl_strings reports; // that are merged
    struct ppl_strings devices; // empty: the one of `device`
    struct vkh_ppl_share shard; // zeroed: not given
    struct vkh_ppl_regime regime;
    uint32_t original_max_len, chunk; // 0: not given
    enum vkh_kv_type kv_type;
    uint64_t memory; // bytes; 0: not given
    struct vkh_device_options device;
    char *variants; // what device.variants points to
    bool list_devices, list_methods, memory_plan;
    struct ppl_output *outputs;
    uint32_t n_outputs;
    enum vkh_report_format format; // on standard output
};

// Ends the process with TOOL_USAGE and a message when an option is wrong, with TOOL_OK after --help
// and --version.
void ppl_args_parse(struct tool *tool, int argc, char **argv, struct ppl_args *args);
void ppl_args_fini(struct ppl_args *args);

#endif
