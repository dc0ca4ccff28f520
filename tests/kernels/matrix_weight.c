// SPDX-License-Identifier: MIT
// Weights in panels, to the bit, as the matrices of every machine that is known have them; packing
// needs none. On devices that bind and allocate only some panels at once.
#include "kernels/matrix_weight.h"

#include "gpu/internal.h"
#include "matrix_machines.h"
#include "weight_test.h"

enum { PANELS = 5 };

struct setting {
    struct vkh_matrix_layout layout;
    enum vkh_dtype type;
    bool glu;
    uint64_t rows, cols;
    uint16_t *w; // [rows][cols]
    const char *name;
};

// Places of a tile's elements, row * side + column of the rows as they are uploaded.
static void find_places(const struct setting *s, uint32_t places[256])
{
    const uint32_t side = s->layout.side;
    for (uint32_t place = 0; place < side * side; place++) {
        const uint32_t element = vkh_tile_element(s->layout.b, place);
        places[element % side * side + element / side] = place; // a right operand's rows are k
    }
}

// An element of the weight as operands have it.
static uint16_t operand_of(const struct setting *s, uint64_t i)
{
    const uint16_t bits = s->w[i];
    return vkh_operand(&s->layout, s->type == VKH_BF16 ? vkh_from_bf16(bits) : vkh_from_half(bits));
}

// The panels of all rows in a row, zeros past the last and in the spare tiles; the caller frees.
static uint16_t *make_panels(const struct setting *s)
{
    const uint64_t side = s->layout.side, k_tiles = s->cols / side;
    uint32_t places[256];
    find_places(s, places);
    uint16_t *panels = calloc(1, vkh_right_bytes(&s->layout, s->rows, s->cols));
    for (uint64_t row = 0; row < s->rows; row++) {
        const uint64_t half = s->rows / 2 / side; // tiles of the gate
        uint64_t tile = row / side;
        if (s->glu)
            tile = tile < half ? 2 * tile : 2 * (tile - half) + 1;
        for (uint64_t k = 0; k < s->cols; k++) {
            const uint64_t at = (tile / VKH_PANEL_TILES * k_tiles + k / side) * VKH_PANEL_TILES +
                                tile % VKH_PANEL_TILES;
            panels[at * side * side + places[row % side * side + k % side]] =
                operand_of(s, row * s->cols + k);
        }
    }
    return panels;
}

static enum vkh_status create(struct gpu_test *test, const struct setting *s,
                              struct vkh_matrix_weight *weight)
{
    const uint64_t side = s->layout.side, head = s->glu ? s->rows / 2 : s->rows / 3 / side * side;
    const struct vkh_weight_part parts[] = {{s->w, head}, {s->w + head * s->cols, s->rows - head}};
    struct vkh_upload *upload;
    CHECK(vkh_upload_create(test->device, test->stream, 0, &upload) == VKH_OK);
    const enum vkh_status status = vkh_matrix_weight_create(
        test->device, upload, &s->layout, s->name, s->type, s->cols, parts, 2, s->glu, 0, weight);
    vkh_upload_destroy(&upload);
    return status;
}

// Each slice has whole panels and the spare behind them, within the limit, and one panel more would
// not fit.
static void check_slices(struct gpu_test *test, const struct setting *s,
                         const struct vkh_matrix_weight *weight, uint64_t limit)
{
    const struct vkh_matrix_layout *layout = &s->layout;
    const uint64_t panel = vkh_panel_rows(layout), spare = vkh_panel_spare_bytes(layout);
    uint16_t *panels = make_panels(s);
    char *zeros = calloc(1, spare);
    uint64_t first = 0;
    for (uint32_t i = 0; i < weight->n_slices; i++) {
        const struct vkh_weight_slice *slice = &weight->slices[i];
        const uint64_t bytes = slice->n * s->cols * 2;
        CHECK(slice->first == first && slice->n > 0 && slice->n % panel == 0);
        CHECK(vkh_buffer_size(slice->buffer) == bytes + spare && bytes + spare <= limit);
        CHECK(i + 1 == weight->n_slices || bytes + panel * s->cols * 2 + spare > limit);
        char *got = gpu_test_read(test, slice->buffer);
        CHECK_MSG(memcmp(got, panels + first * s->cols, bytes) == 0, "%s, %s: slice %u of %u",
                  s->name, vkh_dtype_info(s->type)->name, i, weight->n_slices);
        CHECK_MSG(memcmp(got + bytes, zeros, spare) == 0, "%s: the spare of slice %u of %u",
                  s->name, i, weight->n_slices);
        free(got);
        first += slice->n;
    }
    CHECK(first == vkh_round_up(s->rows, panel));
    free(panels);
    free(zeros);
}

// With the device's limit at `field` lowered to what n panels and their spare take, less some
// bytes.
static void test_limit(struct gpu_test *test, const struct setting *s, uint64_t *field, uint32_t n,
                       uint64_t less)
{
    struct vkh_matrix_weight weight;
    const uint64_t whole = *field, panel = vkh_panel_rows(&s->layout);
    *field = vkh_right_bytes(&s->layout, n * panel, s->cols) - less;
    const uint32_t fitting = less ? n - 1 : n;
    if (fitting == 0) {
        CHECK(create(test, s, &weight) == VKH_ERR_UNSUPPORTED);
    } else {
        CHECK(create(test, s, &weight) == VKH_OK);
        CHECK(weight.n_slices == vkh_div_up(PANELS, fitting));
        check_slices(test, s, &weight, *field);
        vkh_matrix_weight_destroy(&weight);
    }
    *field = whole;
}

static void test_setting(struct gpu_test *test, const struct setting *s)
{
    struct vkh_caps *caps = &test->device->caps;
    uint64_t *const fields[] = {&caps->max_storage_range, &caps->max_allocation};
    for (size_t i = 0; i < VKH_COUNTOF(fields); i++)
        for (uint32_t n = 1; n <= 3; n++)
            for (uint64_t less = 0; less <= 2; less += 2)
                test_limit(test, s, fields[i], n, less);
}

// Rows of which not even those of a tile are uploaded at once, however much the device binds.
static void test_too_long(struct gpu_test *test, const struct vkh_matrix_layout *layout)
{
    const uint64_t side = layout->side, cols = VKH_UPLOAD_PIECE / (2 * side) + 4 * side;
    struct vkh_caps *caps = &test->device->caps;
    const uint64_t whole = caps->max_storage_range;
    caps->max_storage_range = (uint64_t)1 << 30;
    struct setting s = {*layout, VKH_F16, false, 2 * side, cols, NULL, "too long"};
    s.w = calloc(s.rows * s.cols, sizeof(*s.w));
    struct vkh_matrix_weight weight;
    CHECK(create(test, &s, &weight) == VKH_ERR_UNSUPPORTED);
    free(s.w);
    caps->max_storage_range = whole;
}

static void test_layout(struct gpu_test *test, const struct vkh_matrix_layout *layout,
                        const char *name)
{
    static const enum vkh_dtype types[] = {VKH_F16, VKH_BF16};
    for (uint32_t i = 0; i < 8; i++) {
        struct setting s = {*layout, types[i % 2], i / 4, 0, 12 * layout->side, NULL, name};
        s.layout.bf16 = i / 2 % 2;
        const uint32_t short_of = s.glu ? 4 * layout->side : layout->side + 3; // the last panel
        s.rows = PANELS * vkh_panel_rows(layout) - short_of;
        uint64_t state = 3 + i;
        s.w = test_weight_data(&state, s.type, s.rows, s.cols, 1.0f);
        test_setting(test, &s);
        free(s.w);
    }
}

int main(void)
{
    struct gpu_test test = gpu_test_open();
    struct vkh_matrix_layout layout;
    for (size_t i = 0; i < VKH_COUNTOF(matrix_machines); i++) {
        layout = matrix_machine_layout(&matrix_machines[i]);
        test_layout(&test, &layout, matrix_machines[i].name);
    }
    test_too_long(&test, &layout);
    CHECK(vkh_matrix_layout(test.device, &layout) == VKH_OK);
    if (layout.side)
        test_layout(&test, &layout, "the device's matrices");
    return gpu_test_close(&test);
}
