// SPDX-License-Identifier: MIT
// Parts of reading a report back. Each takes the object of one run, and fills its part of `results`
// in the arena; failures stay in the fields.
#ifndef VKH_REPORT_READ_H
#define VKH_REPORT_READ_H

#include <vkhrope/perplexity.h>

#include "report/fields.h"
#include "report/names.h"

// Most of what JSON can hold exactly.
#define VKH_READ_MOST ((uint64_t)1 << 53)
enum { VKH_READ_MOST_TOKENS = 1 << 24, VKH_READ_MOST_METHODS = 1 << 16 };

void vkh_read_cells(struct vkh_fields *fields, const struct vkh_object *run,
                    struct vkh_ppl_results *results);
// `methods` are the results'.
void vkh_read_divergences(struct vkh_fields *fields, const struct vkh_object *run,
                          const struct vkh_names *methods, struct vkh_ppl_results *results);
void vkh_read_sweeps(struct vkh_fields *fields, const struct vkh_object *run,
                     const struct vkh_names *methods, struct vkh_ppl_results *results);
void vkh_read_curves(struct vkh_fields *fields, const struct vkh_object *run,
                     struct vkh_ppl_results *results);

// Zeroed memory; the failure is in the fields.
void *vkh_read_alloc(struct vkh_fields *fields, size_t count, size_t size);

#endif
