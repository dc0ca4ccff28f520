// SPDX-License-Identifier: MIT
// row * SIDE + column of the half at `place` of a tile.
uint element_at(uint order, uint place)
{
    uint element = 0;
    [[unroll]] for (uint bit = 0; bit < 8; bit++)
        element |= (place >> bit & 1u) << (order >> 4 * bit & 15u);
    return element;
}
