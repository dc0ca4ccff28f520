// SPDX-License-Identifier: MIT
// Of roof_matrix.comp and who counts its operations: operands of each kind, products of all pairs. Fewer
// where matrices are not square, as registers are (Intel's).
#define ROOF_TILES(m, k) ((m) < (k) ? 3 : 4)
