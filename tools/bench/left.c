// SPDX-License-Identifier: MIT
// Left operands of cooperative matrices (kernels/panel.h) on the way to the device and back.
#include <stdlib.h>

#include "base/half.h"
#include "base/log.h"
#include "bench.h"
#include "kernels/panel.h"

// Panel `panel` of a left operand whose row r is row r % n of x, n a multiple of the side.
static void pack_panel(const struct vkh_matrix_layout *layout, const float *x, uint64_t n,
                       uint64_t cols, uint64_t panel, uint16_t *to)
{
    const uint32_t side = layout->side, size = side * side;
    uint32_t elements[256]; // of a tile at most
    for (uint32_t place = 0; place < size; place++)
        elements[place] = vkh_tile_element(layout->a, place);
    for (uint64_t k = 0; k < cols; k += side) {
        for (uint64_t tile = 0; tile < VKH_PANEL_TILES; tile++, to += size) {
            const float *from = x + (panel * VKH_PANEL_TILES + tile) * side % n * cols + k;
            for (uint32_t place = 0; place < size; place++)
                to[place] = vkh_operand(
                    layout, from[elements[place] / side * cols + elements[place] % side]);
        }
    }
}

enum vkh_status bench_buffer_left(struct bench *bench, const char *name, const float *x, uint64_t n,
                                  uint64_t cols, uint64_t n_tokens, struct vkh_buffer **buffer)
{
    const struct vkh_matrix_layout *layout = &bench->layout;
    const uint64_t panel_bytes = vkh_panel_rows(layout) * cols * 2;
    const uint64_t panels = vkh_div_up(vkh_left_bytes(layout, n_tokens, cols), panel_bytes);
    // So many panels are whole turns of x.
    const uint64_t distinct = vkh_min_size(n / layout->side, panels);
    uint16_t *halves = malloc(distinct * panel_bytes);
    if (!halves)
        return vkh_fail(&bench->log, VKH_ERR_MEMORY, "%s: out of memory", name);
    for (uint64_t panel = 0; panel < distinct; panel++)
        pack_panel(layout, x, n, cols, panel, halves + panel * panel_bytes / 2);
    const enum vkh_status status =
        bench_buffer_repeat(bench, name, halves, panel_bytes, distinct, panels, buffer);
    free(halves);
    return status;
}

enum vkh_status bench_read_left(struct bench *bench, const struct vkh_buffer *buffer, uint64_t cols,
                                uint64_t token, uint64_t first, uint64_t n, float *to)
{
    const struct vkh_matrix_layout *layout = &bench->layout;
    const uint64_t token0 = token - token % vkh_panel_rows(layout);
    // The tiles of columns [first, first + n) of the token's panel follow each other.
    const uint64_t at = token0 * cols + first * vkh_panel_rows(layout);
    const uint64_t bytes = n * vkh_panel_rows(layout) * 2;
    uint16_t *halves = malloc(bytes);
    if (!halves)
        return vkh_fail(&bench->log, VKH_ERR_MEMORY, "results: out of memory");
    const enum vkh_status status =
        vkh_stream_read(bench->stream, halves, vkh_range(buffer, at * 2, bytes));
    for (uint64_t i = 0; i < n && status == VKH_OK; i++)
        to[i] =
            vkh_operand_float(layout, halves[vkh_left_place(layout, cols, token, first + i) - at]);
    free(halves);
    return status;
}
