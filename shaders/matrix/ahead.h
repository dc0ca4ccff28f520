// SPDX-License-Identifier: MIT
// For GLSL and C: the tiles of k past the last that a product may read, and that its operands end
// with (src/kernels/panel.h).
#ifndef VKH_SHADERS_MATRIX_AHEAD_H
#define VKH_SHADERS_MATRIX_AHEAD_H

#define VKH_PANEL_AHEAD_TILES 8

#endif
