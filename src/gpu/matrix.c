// SPDX-License-Identifier: MIT
#include "gpu/matrix.h"

#include <string.h>

#include "gpu/internal.h"
#include "gpu/stream.h"
#include "shaders/table.h"

enum { MAX_SIDE = 16, MAX_BITS = 8, MAX_ELEMENTS = MAX_SIDE * MAX_SIDE };

// The bit of row * side + column at each bit of a place.
struct order {
    uint32_t bit[MAX_BITS];
};

static enum vkh_status ask_device(struct vkh_device *device, const struct vkh_shader *shader,
                                  uint32_t side, uint32_t lanes,
                                  uint32_t elements[3 * MAX_ELEMENTS])
{
    const struct vkh_pipeline_desc desc = {
        .shader = shader,
        .n_bindings = 1,
        .n_constants = 2,
        .constants = {side, lanes},
        .subgroup_size = vkh_device_subgroup(device, lanes),
    };
    const uint64_t bytes = (uint64_t)3 * side * side * 4;
    const struct vkh_pipeline *pipeline;
    struct vkh_stream *stream = NULL;
    struct vkh_buffer *buffer = NULL;
    enum vkh_status status = vkh_pipeline_get(device, &desc, &pipeline);
    if (status == VKH_OK)
        status = vkh_stream_create(device, &stream);
    if (status == VKH_OK)
        status = vkh_buffer_create(device, "matrix layout", bytes, VKH_MEMORY_DEVICE, &buffer);
    if (status == VKH_OK) {
        vkh_cmd_fill(vkh_stream_cmd(stream), vkh_range_all(buffer), UINT32_MAX);
        vkh_cmd_dispatch(vkh_stream_cmd(stream),
                         &(struct vkh_dispatch){.pipeline = pipeline,
                                                .bindings = {vkh_range_all(buffer)},
                                                .writes = 1,
                                                .groups = {1, 1, 1}});
        status = vkh_stream_read(stream, elements, vkh_range_all(buffer));
    }
    vkh_buffer_destroy(&buffer);
    vkh_stream_destroy(&stream);
    return status;
}

// False unless every element is where the bits of its place say.
static bool find_order(const uint32_t *elements, uint32_t n_bits, struct order *order)
{
    uint32_t seen = 0;
    for (uint32_t j = 0; j < n_bits; j++) {
        uint32_t bit = 0;
        while (bit < n_bits && elements[1u << j] != 1u << bit)
            bit++;
        order->bit[j] = bit;
        seen |= 1u << bit;
    }
    bool good = seen == (1u << n_bits) - 1;
    for (uint32_t place = 0; good && place < 1u << n_bits; place++) {
        uint32_t element = 0;
        for (uint32_t j = 0; j < n_bits; j++)
            element |= (place >> j & 1) << order->bit[j];
        good = elements[place] == element;
    }
    return good;
}

static uint32_t encode(const struct order *order, uint32_t n_bits)
{
    uint32_t code = 0;
    for (uint32_t j = 0; j < n_bits; j++)
        code |= order->bit[j] << 4 * j;
    return code;
}

// New numbers for the bits of the sum's index, those of the lowest places first.
static void renumber(const struct order *b, uint32_t n_bits, uint32_t number[MAX_BITS])
{
    const uint32_t half = n_bits / 2;
    uint32_t next = 0;
    for (uint32_t j = 0; j < n_bits; j++)
        if (b->bit[j] >= half)
            number[b->bit[j] - half] = next++;
}

// The order with its column bits, its row bits, or both counted anew.
static struct order renumbered(const struct order *order, uint32_t n_bits, const uint32_t *number,
                               bool rows, bool columns)
{
    const uint32_t half = n_bits / 2;
    struct order changed = *order;
    for (uint32_t j = 0; j < n_bits; j++) {
        const uint32_t bit = order->bit[j];
        if (bit < half && columns)
            changed.bit[j] = number[bit];
        if (bit >= half && rows)
            changed.bit[j] = half + number[bit - half];
    }
    return changed;
}

static void describe(const struct order natural[3], uint32_t n_bits,
                     struct vkh_matrix_layout *layout)
{
    uint32_t number[MAX_BITS];
    renumber(&natural[1], n_bits, number);
    struct order a = renumbered(&natural[0], n_bits, number, false, true);
    const struct order b = renumbered(&natural[1], n_bits, number, true, false);
    const struct order b_out = renumbered(&natural[1], n_bits, number, true, true);
    const struct order v = renumbered(&natural[1], n_bits, number, false, true);
    // LEFT_TILE in shaders/common/matrix.glsl exchanges the middle words back.
    const uint32_t second = a.bit[1];
    a.bit[1] = a.bit[2];
    a.bit[2] = second;
    layout->a = encode(&a, n_bits);
    layout->b = encode(&b, n_bits);
    layout->b_out = encode(&b_out, n_bits);
    layout->v = encode(&v, n_bits);
    layout->c = encode(&natural[2], n_bits);
    for (uint32_t j = 3; j < n_bits; j++)
        if (natural[2].bit[j] < n_bits / 2)
            layout->column_lanes |= 1u << (j - 3);
}

// What shaders/common/matrix.glsl and shaders/matrix/weights.glsl were compiled for: an
// invocation's elements of an accumulator in two rows (16) or eight (8), of a right operand four
// neighbours of the sum in two rows, or one in eight.
static bool lies_as_compiled(const struct order natural[3], uint32_t side)
{
    const uint32_t half = side == 16 ? 4 : 3;
    uint32_t rows = 0, sums = 0;
    for (uint32_t j = 0; j < 3; j++) {
        rows |= natural[2].bit[j] >= half ? 1u << j : 0;
        sums |= natural[1].bit[j] >= half ? 1u << j : 0;
    }
    return side == 16 ? rows == 4 && sums == 3 : rows == 7 && sums == 0;
}

// Whether matrices of bf16 lie as those of fp16 do.
static enum vkh_status ask_bf16(struct vkh_device *device, const uint32_t *elements,
                                struct vkh_matrix_layout *layout)
{
    uint32_t of_bf16[3 * MAX_ELEMENTS];
    const uint32_t side = layout->side;
    if (!vkh_shader_matrix_layout_bf16.bytes || !(device->caps.bits & VKH_CAP_MATRIX_BF16) ||
        side != MAX_SIDE)
        return VKH_OK;
    const enum vkh_status status =
        ask_device(device, &vkh_shader_matrix_layout_bf16, side, layout->lanes, of_bf16);
    layout->has_bf16 =
        status == VKH_OK && memcmp(elements, of_bf16, (size_t)3 * side * side * 4) == 0;
    return status;
}

static enum vkh_status measure(struct vkh_device *device, struct vkh_matrix_layout *layout)
{
    const struct vkh_matrix_shape *shape = &device->caps.matrix;
    const uint32_t side = shape->m, lanes = side * side / 8, n_bits = side == 16 ? 8 : 6;
    *layout = (struct vkh_matrix_layout){0};
    if (!vkh_shader_matrix_layout.bytes || !(device->caps.bits & VKH_CAP_MATRIX16) ||
        (side != 8 && side != 16) || shape->n != side || shape->k != side ||
        !vkh_device_has_subgroup(device, lanes))
        return VKH_OK;
    uint32_t elements[3 * MAX_ELEMENTS];
    const enum vkh_status status =
        ask_device(device, &vkh_shader_matrix_layout, side, lanes, elements);
    if (status != VKH_OK)
        return status;
    struct order natural[3];
    for (int i = 0; i < 3; i++)
        if (!find_order(elements + i * side * side, n_bits, &natural[i]))
            return VKH_OK;
    if (encode(&natural[0], n_bits) != encode(&natural[2], n_bits) ||
        !lies_as_compiled(natural, side))
        return VKH_OK;
    *layout = (struct vkh_matrix_layout){.side = side, .lanes = lanes};
    describe(natural, n_bits, layout);
    return ask_bf16(device, elements, layout);
}

enum vkh_status vkh_matrix_layout(struct vkh_device *device, struct vkh_matrix_layout *layout)
{
    pthread_mutex_lock(&device->lock);
    const bool known = device->matrix_known;
    *layout = device->matrix;
    pthread_mutex_unlock(&device->lock);
    if (known)
        return VKH_OK;
    const enum vkh_status status = measure(device, layout);
    if (status != VKH_OK)
        return status;
    pthread_mutex_lock(&device->lock);
    device->matrix = *layout;
    device->matrix_known = true;
    pthread_mutex_unlock(&device->lock);
    return VKH_OK;
}

void vkh_matrix_constants(const struct vkh_matrix_layout *layout,
                          uint32_t constants[VKH_MATRIX_CONSTANTS])
{
    const uint32_t values[VKH_MATRIX_CONSTANTS] = {layout->a, layout->b, layout->c,
                                                   layout->column_lanes};
    for (int i = 0; i < VKH_MATRIX_CONSTANTS; i++)
        constants[i] = values[i];
}
