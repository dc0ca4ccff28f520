// SPDX-License-Identifier: MIT
// Weights in blocks packed for the matrices of GPUs and decoded as their products do it, on any
// device: the operands that unpacking them gives, to the last bit. What products make of them, and
// matrices of side 8, are matmul_matrix.c's.
#include "kernels/matrix_blocks.h"

#include "gpu/cmd.h"
#include "gpu/pipeline.h"
#include "kernels/matrix_unpack.h"
#include "matrix_machines.h"
#include "weight_test.h"

extern const struct vkh_shader vkh_shader_decode, vkh_shader_decode_transposed; // emulated/

struct shape {
    uint64_t rows, cols; // of each of two parts
    uint64_t slice_panels;
    bool glu;
    float scale;
};

static struct vkh_matrix_weight make_weight(struct gpu_test *test,
                                            const struct vkh_matrix_layout *layout,
                                            enum vkh_dtype type, const struct shape *s)
{
    uint64_t state = 5 + s->rows;
    uint8_t *data = test_weight_data(&state, type, 2 * s->rows, s->cols, s->scale);
    // Without a gated unit the first part is whole tiles.
    const uint64_t head = s->glu ? s->rows : s->rows / layout->side * layout->side;
    const struct vkh_weight_part parts[] = {
        {data, head},
        {data + head * test_weight_row_bytes(type, s->cols), 2 * s->rows - head},
    };
    const uint64_t panels = s->slice_panels * vkh_panel_rows(layout);
    const uint64_t limit =
        panels && layout->decodes ? vkh_matrix_weight_bytes(layout, type, panels, s->cols) : 0;
    struct vkh_matrix_weight weight;
    struct vkh_upload *upload;
    if (vkh_upload_create(test->device, test->stream, 0, &upload) != VKH_OK ||
        vkh_matrix_weight_create(test->device, upload, layout, "test", type, s->cols, parts, 2,
                                 s->glu, limit, &weight) != VKH_OK)
        exit(1);
    vkh_upload_destroy(&upload);
    free(data);
    return weight;
}

// The panels of rows [first, first + n), a slice of the weight that is decoded.
static uint16_t *decode(struct gpu_test *test, const struct vkh_matrix_layout *layout,
                        const struct vkh_matrix_weight *weight,
                        const struct vkh_weight_slice *slice)
{
    const struct vkh_pipeline_desc desc = {
        .shader = layout->transposed ? &vkh_shader_decode_transposed : &vkh_shader_decode,
        .n_bindings = 2,
        .push_bytes = 4,
        .n_constants = 2,
        .constants = {layout->b, vkh_blocks_format(weight->type)},
    };
    const struct vkh_pipeline *pipeline;
    if (vkh_pipeline_get(test->device, &desc, &pipeline) != VKH_OK)
        exit(1);
    const uint32_t k_tiles = (uint32_t)weight->cols / layout->side;
    struct vkh_buffer *out = gpu_test_buffer(test, NULL, slice->n * weight->cols * 2);
    vkh_cmd_dispatch(vkh_stream_cmd(test->stream),
                     &(struct vkh_dispatch){
                         .pipeline = pipeline,
                         .bindings = {vkh_range_all(out), vkh_range_all(slice->buffer)},
                         .writes = 1,
                         .push = &k_tiles,
                         .groups = {(uint32_t)(slice->n / vkh_panel_rows(layout)), 1, 1},
                     });
    uint16_t *panels = gpu_test_read(test, out);
    vkh_buffer_destroy(&out);
    return panels;
}

// All of them, by unpacking.
static uint16_t *unpack(struct gpu_test *test, const struct vkh_matrix_layout *layout,
                        const struct vkh_matrix_weight *weight)
{
    struct vkh_matrix_unpack kernel;
    CHECK(vkh_matrix_unpack_create(test->device, layout, weight->type, &kernel) == VKH_OK);
    const uint64_t n = vkh_round_up(weight->rows, vkh_panel_rows(layout));
    struct vkh_buffer *out = gpu_test_buffer(test, NULL, n * weight->cols * 2);
    CHECK(weight->n_slices == 1);
    vkh_matrix_unpack_record(&kernel, vkh_stream_cmd(test->stream), weight,
                             &(struct vkh_matrix_piece){&weight->slices[0], 0, n},
                             vkh_range_all(out));
    uint16_t *panels = gpu_test_read(test, out);
    vkh_buffer_destroy(&out);
    return panels;
}

// How many halves of a slice's rows differ; 0 has two signs, which no sum tells apart. Padding is
// nobody's.
static uint64_t differing(const struct vkh_matrix_layout *layout,
                          const struct vkh_matrix_weight *weight,
                          const struct vkh_weight_slice *slice, const uint16_t *got,
                          const uint16_t *want)
{
    const uint32_t side = layout->side, tile_halves = side * side;
    const uint64_t k_tiles = weight->cols / side;
    uint64_t n = 0;
    for (uint64_t i = 0; i < slice->n * weight->cols; i++) {
        const uint64_t tile = i / tile_halves;
        const uint64_t row_tile =
            tile / VKH_PANEL_TILES / k_tiles * VKH_PANEL_TILES + tile % VKH_PANEL_TILES;
        const uint64_t row = slice->first + row_tile * side +
                             vkh_tile_element(layout->b, (uint32_t)(i % tile_halves)) % side;
        const uint16_t theirs = want[slice->first * weight->cols + i];
        n += row < weight->rows && got[i] != theirs && ((got[i] | theirs) & 0x7fff) != 0;
    }
    return n;
}

static void test_shape(struct gpu_test *test, const struct matrix_machine *machine,
                       enum vkh_dtype type, const struct shape *s)
{
    const struct vkh_matrix_layout layout = matrix_machine_layout(machine);
    struct vkh_matrix_layout decoding = layout;
    decoding.decodes = true;
    struct vkh_matrix_weight whole = make_weight(test, &layout, type, s);
    struct vkh_matrix_weight packed = make_weight(test, &decoding, type, s);
    CHECK((packed.n_slices > 1) == (s->slice_panels != 0));
    uint16_t *want = unpack(test, &layout, &whole);
    uint64_t bytes = 0;
    for (uint32_t i = 0; i < packed.n_slices; i++) {
        uint16_t *got = decode(test, &decoding, &packed, &packed.slices[i]);
        const uint64_t n = differing(&layout, &packed, &packed.slices[i], got, want);
        CHECK_MSG(n == 0, "%s, %s, %llu x %llu, scale %g, slice %u: %llu elements differ",
                  machine->name, vkh_dtype_info(type)->name, (unsigned long long)s->rows,
                  (unsigned long long)s->cols, s->scale, i, (unsigned long long)n);
        bytes += vkh_buffer_size(packed.slices[i].buffer);
        free(got);
    }
    CHECK(packed.n_slices > 1 ||
          bytes == vkh_matrix_weight_bytes(&decoding, type, packed.rows, packed.cols));
    free(want);
    vkh_matrix_weight_destroy(&whole);
    vkh_matrix_weight_destroy(&packed);
}

// What docs/memory.md says of it, and little that is read ahead.
static void test_bytes(const struct matrix_machine *machine, enum vkh_dtype type)
{
    const struct vkh_dtype_info *info = vkh_dtype_info(type);
    struct vkh_matrix_layout layout = matrix_machine_layout(machine);
    layout.decodes = true;
    const uint64_t rows = 4096, cols = 4096;
    const double bits =
        8.0 * (double)vkh_matrix_weight_bytes(&layout, type, rows, cols) / (double)(rows * cols);
    const double in_file = 8.0 * info->block_bytes / info->block_elements;
    CHECK_MSG(bits < 1.2 * in_file, "%s: %.2f bits of %.2f", info->name, bits, in_file);
}

static void test_type(struct gpu_test *test, enum vkh_dtype type)
{
    // Columns of K types are whole blocks; of the others an odd number of steps too.
    const struct shape shapes[] = {
        {75, vkh_dtype_info(type)->block_elements == 256 ? 512 : 192, 0, false, 1.0f},
        {160, 256, 1, false, 1.0f},
        {128, 256, 0, true, 1.0f},
        {64, 256, 0, false, 0x1p-18f}, // subnormal halves
        {64, 256, 0, false, 0x1p17f},  // infinite ones
    };
    for (size_t m = 0; m <= RDNA4_MACHINE; m++) { // those after it unpack
        for (size_t i = 0; i < VKH_COUNTOF(shapes); i++)
            test_shape(test, &matrix_machines[m], type, &shapes[i]);
        test_bytes(&matrix_machines[m], type);
    }
}

int main(void)
{
    struct gpu_test test = gpu_test_open();
    const uint32_t needs = VKH_CAP_FLOAT16 | VKH_CAP_GROUP_256 | VKH_CAP_SHARED_32K;
    if (needs & ~vkh_device_caps(test.device)->bits) {
        gpu_test_close(&test);
        return CHECK_SKIPPED;
    }
    const struct vkh_matrix_layout layout = {.decodes = true};
    for (int type = 0; type < VKH_N_DTYPES; type++)
        if (vkh_matrix_decodes(&layout, (enum vkh_dtype)type))
            test_type(&test, (enum vkh_dtype)type);
    return gpu_test_close(&test);
}
