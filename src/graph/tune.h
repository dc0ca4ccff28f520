// SPDX-License-Identifier: MIT
// Choosing among variants by timing them (gpu/choices.h keeps what was chosen). The one that the
// tables of variants prefer stays unless another is faster by more than noise: by 3 % among tiles,
// whose results are the same to the last bit, by 10 % where another variant rounds differently.
#ifndef VKH_GRAPH_TUNE_H
#define VKH_GRAPH_TUNE_H

#include <vkhrope/status.h>

#include "base/dtype.h"

struct vkh_device;
struct vkh_model;

// What the forward pass of a model chooses from, on cooperative matrices and on rows: measured and
// kept where there is a choice, a folder to keep it, and nothing chosen before or by hand. Not on
// processors. A failure leaves everything as it was.
void vkh_tune_matrix(struct vkh_device *device, const struct vkh_model *model);
void vkh_tune_rows(struct vkh_device *device, const struct vkh_model *model);

// Everything for one type of weights, whether it was measured before or not, on any device.
//   VKH_ERR_ARGUMENT  variants are chosen by hand
//   VKH_ERR_IO        there is no folder, or it cannot be written
enum vkh_status vkh_tune_again(struct vkh_device *device, enum vkh_dtype type);

#endif
