// SPDX-License-Identifier: MIT
// Keys and values in 8 bits, to the bit: as rows, and as the matrices of every machine that is
// known, which the kernels need none of.
#include "kernels/kv_pack.h"

#include "gpu/internal.h"
#include "gpu_test.h"
#include "kernels/panel.h"
#include "matrix_machines.h"

struct setting {
    struct vkh_matrix_layout layout; // side 0: rows
    struct vkh_kv_shape shape;       // packed
    uint32_t first_slot, n_tokens;
    uint32_t places[256]; // where row * side + column of a tile lies
};

static float from_unpacked(const struct setting *s, const void *data, uint64_t element)
{
    return s->layout.side ? vkh_from_half(((const uint16_t *)data)[element])
                          : ((const float *)data)[element];
}

// Where (slot, dim) of a plane lies among its elements, and so do the bytes inside a tile.
static uint64_t element_of(const struct setting *s, uint32_t plane, uint32_t slot, uint32_t dim)
{
    const uint64_t head_dim = s->shape.head_dim, side = s->layout.side;
    const uint64_t start = (uint64_t)plane * s->shape.capacity * head_dim;
    if (side == 0)
        return start + slot * head_dim + dim;
    const bool is_value = plane % 2;
    const uint64_t row = (is_value ? slot : dim) % side, column = (is_value ? dim : slot) % side;
    const uint32_t place = s->places[row * side + column];
    return start + ((slot / side) * (head_dim / side) + dim / side) * side * side + place;
}

// What fills a block of 32, by its kind: what is usual, and everything else that there is.
static float fill(uint64_t *state, uint32_t kind, uint32_t i)
{
    const float uniform = test_uniform(state);
    switch (kind) {
    case 0:
        return 0.0f;
    case 1: // ties: the scale is 1
        return i == 0 ? 127.0f : (float)(int)(uniform * 126.0f) + 0.5f;
    case 2: // ties at a scale of 1 + 2^-10, that of an odd half
        return (i == 0 ? 127.0f : (float)(int)(uniform * 126.0f) - 0.5f) * 1.0009765625f;
    case 3: // too small for a scale
        return uniform * 3e-6f;
    case 4: // a subnormal scale
        return uniform * 2e-4f;
    case 5: // as large as halves get
        return i == 7 ? -65504.0f : uniform * 65504.0f;
    case 6: // subnormal, beside a large one
        return i == 3 ? 1000.0f : uniform * 1e-39f;
    case 7: // beyond what a scale takes where they are fp32, else infinite
        return uniform * 8e6f + (i == 9 ? 1e9f : 0.0f);
    case 8:
        return i == 30 % VKH_KV_BLOCK ? -INFINITY : uniform;
    case 9:
        return i == 1 ? NAN : uniform * 1e30f;
    case 10:
        return i % 2 ? 0.0f : -0.0f;
    case 11: // the most that a scale takes
        return i == 2 ? 65504.0f * 127.0f : uniform * 1e6f;
    default:
        return uniform * (float)(1 << kind % 16);
    }
}

// Elements of everything that is kept, as rope leaves them. The tokens' blocks are of all kinds.
static void *make_unpacked(const struct setting *s)
{
    const struct vkh_kv_shape unpacked = vkh_kv_unpacked(&s->shape);
    void *data = malloc(vkh_kv_bytes(&unpacked));
    uint64_t state = 7 + s->shape.head_dim;
    for (uint32_t plane = 0; plane < 2 * s->shape.n_kv_heads; plane++)
        for (uint32_t slot = 0; slot < s->shape.capacity; slot++)
            for (uint32_t dim = 0; dim < s->shape.head_dim; dim++) {
                const uint32_t block = dim / VKH_KV_BLOCK;
                const uint32_t kind = (5 * plane + slot + 11 * block) % 37;
                const float x = fill(&state, kind, dim % VKH_KV_BLOCK);
                const uint64_t at = element_of(s, plane, slot, dim);
                if (s->layout.side)
                    ((uint16_t *)data)[at] = vkh_to_half(x);
                else
                    ((float *)data)[at] = x;
            }
    return data;
}

static uint64_t scale_place(const struct setting *s, uint32_t plane, uint32_t slot, uint32_t block)
{
    const uint64_t tile =
        (uint64_t)plane * (s->shape.capacity / VKH_KEY_TILE) + slot / VKH_KEY_TILE;
    return tile * vkh_kv_tile_bytes(&s->shape) + (uint64_t)VKH_KEY_TILE * s->shape.head_dim +
           2 * ((uint64_t)block * VKH_KEY_TILE + slot % VKH_KEY_TILE);
}

static uint64_t byte_place(const struct setting *s, uint32_t plane, uint32_t slot, uint32_t dim)
{
    const uint64_t element = element_of(s, plane, slot, dim);
    const uint64_t of_tile = (uint64_t)VKH_KEY_TILE * s->shape.head_dim;
    return element / of_tile * vkh_kv_tile_bytes(&s->shape) + element % of_tile;
}

// What the reference makes of it, everything else as it was.
static void pack_by_ref(const struct setting *s, const void *unpacked, uint8_t *packed)
{
    const uint32_t dim = s->shape.head_dim, end = s->first_slot + s->n_tokens;
    float head[256];
    int8_t bytes[256];
    uint16_t scales[256 / VKH_KV_BLOCK];
    for (uint32_t plane = 0; plane < 2 * s->shape.n_kv_heads; plane++)
        for (uint32_t slot = s->first_slot; slot < vkh_round_up(end, VKH_KEY_TILE); slot++) {
            for (uint32_t i = 0; i < dim; i++)
                head[i] =
                    slot < end ? from_unpacked(s, unpacked, element_of(s, plane, slot, i)) : 0;
            vkh_kv_pack_ref(head, dim, bytes, scales);
            for (uint32_t i = 0; i < dim; i++)
                packed[byte_place(s, plane, slot, i)] = (uint8_t)bytes[i];
            for (uint32_t i = 0; i < vkh_kv_blocks(dim); i++)
                memcpy(packed + scale_place(s, plane, slot, i), &scales[i], 2);
        }
}

static void unpack_by_ref(const struct setting *s, const uint8_t *packed, void *unpacked)
{
    const uint32_t dim = s->shape.head_dim, end = s->first_slot + s->n_tokens;
    float head[256];
    int8_t bytes[256];
    uint16_t scales[256 / VKH_KV_BLOCK];
    for (uint32_t plane = 0; plane < 2 * s->shape.n_kv_heads; plane++)
        for (uint32_t slot = s->first_slot; slot < vkh_round_up(end, VKH_KEY_TILE); slot++) {
            for (uint32_t i = 0; i < dim; i++)
                bytes[i] = (int8_t)packed[byte_place(s, plane, slot, i)];
            for (uint32_t i = 0; i < vkh_kv_blocks(dim); i++)
                memcpy(&scales[i], packed + scale_place(s, plane, slot, i), 2);
            vkh_kv_unpack_ref(bytes, scales, dim, head);
            for (uint32_t i = 0; i < dim; i++) {
                const uint64_t at = element_of(s, plane, slot, i);
                if (s->layout.side)
                    ((uint16_t *)unpacked)[at] =
                        vkh_to_half(fabsf(head[i]) > 65504 ? copysignf(65504, head[i]) : head[i]);
                else
                    ((float *)unpacked)[at] = head[i];
            }
        }
}

static bool same(const struct setting *s, const void *a, const void *b, uint64_t element)
{
    const float x = from_unpacked(s, a, element), y = from_unpacked(s, b, element);
    return isnan(x) ? isnan(y) : vkh_float_bits(x) == vkh_float_bits(y);
}

static void test_setting(struct gpu_test *test, const struct setting *s, const char *name)
{
    const struct vkh_kv_shape unpacked_shape = vkh_kv_unpacked(&s->shape);
    const uint64_t packed_bytes = vkh_kv_bytes(&s->shape);
    const uint64_t unpacked_bytes = vkh_kv_bytes(&unpacked_shape);
    const uint64_t elements = unpacked_bytes / (s->layout.side ? 2 : 4);
    struct vkh_kv_pack pack;
    CHECK(vkh_kv_pack_create(test->device, &s->layout, s->shape.head_dim, &pack) == VKH_OK);
    void *unpacked = make_unpacked(s);
    uint8_t *want = malloc(packed_bytes);
    for (uint64_t i = 0; i < packed_bytes / 4; i++)
        memcpy(want + 4 * i, &(uint32_t){GPU_TEST_POISON}, 4);
    struct vkh_buffer *packed = gpu_test_buffer(test, NULL, packed_bytes);
    struct vkh_buffer *room = gpu_test_buffer(test, unpacked, unpacked_bytes);
    const struct vkh_kv_pack_args args = {
        {packed, s->shape}, {room, unpacked_shape}, s->first_slot, s->n_tokens};
    vkh_kv_pack_record(&pack, vkh_stream_cmd(test->stream), &args);
    uint8_t *got = gpu_test_read(test, packed);
    pack_by_ref(s, unpacked, want);
    uint64_t wrong = 0;
    for (uint64_t i = 0; i < packed_bytes; i++)
        wrong += got[i] != want[i];
    CHECK_MSG(wrong == 0, "%s, heads of %u: %llu of %llu bytes packed otherwise", name,
              s->shape.head_dim, (unsigned long long)wrong, (unsigned long long)packed_bytes);
    vkh_kv_unpack_record(&pack, vkh_stream_cmd(test->stream), &args);
    void *back = gpu_test_read(test, room);
    unpack_by_ref(s, want, unpacked);
    wrong = 0;
    for (uint64_t i = 0; i < elements; i++)
        wrong += !same(s, back, unpacked, i);
    CHECK_MSG(wrong == 0, "%s, heads of %u: %llu of %llu elements unpacked otherwise", name,
              s->shape.head_dim, (unsigned long long)wrong, (unsigned long long)elements);
    vkh_buffer_destroy(&packed);
    vkh_buffer_destroy(&room);
    free(unpacked);
    free(want);
    free(got);
    free(back);
}

static struct setting setting_of(const struct vkh_matrix_layout *layout, uint32_t n_kv_heads,
                                 uint32_t head_dim, uint32_t capacity, uint32_t first, uint32_t n)
{
    const struct vkh_kv_shape shape = {n_kv_heads, head_dim, capacity, layout->side != 0, true};
    struct setting s = {*layout, shape, first, n, {0}};
    for (uint32_t place = 0; place < layout->side * layout->side; place++)
        s.places[vkh_tile_element(layout->b, place)] = place;
    return s;
}

// On a device that binds no more than some heads at once, and takes no more than as many workgroups
// in a row: the last binding and the last dispatch are smaller than the others, or as large.
static void test_parts(struct gpu_test *test, const struct vkh_matrix_layout *layout,
                       const char *name)
{
    const struct setting s = setting_of(layout, 5, 64, 448, 64, 300);
    const struct vkh_kv_shape unpacked = vkh_kv_unpacked(&s.shape);
    struct vkh_caps *caps = &test->device->caps;
    const struct vkh_caps whole = *caps;
    for (uint32_t at_once = 1; at_once <= 3; at_once++) {
        caps->max_storage_range = (at_once + 1) * vkh_kv_head_bytes(&unpacked) - 1;
        caps->max_group_count[0] = at_once;
        test_setting(test, &s, name);
    }
    *caps = whole;
}

static void test_layout(struct gpu_test *test, const struct vkh_matrix_layout *layout,
                        const char *name)
{
    static const uint32_t dims[] = {64, 96, 128, 256};
    for (size_t i = 0; i < VKH_COUNTOF(dims); i++) {
        const struct setting s = setting_of(layout, i == 0 ? 3 : 1, dims[i], 256, 64, 65);
        test_setting(test, &s, name);
    }
    test_parts(test, layout, name);
}

// The quantiser's own properties, by the definition: the error is half a scale at the most, and the
// greatest element of each block has the most of its byte.
static void test_ref(void)
{
    uint64_t state = 99;
    for (int round = 0; round < 200; round++) {
        float *x = test_floats(&state, 80, ldexpf(1.0f, round % 20 - 5)), back[80];
        int8_t bytes[80];
        uint16_t scales[3];
        vkh_kv_pack_ref(x, 80, bytes, scales);
        vkh_kv_unpack_ref(bytes, scales, 80, back);
        for (int block = 0; block < 3; block++) {
            const double scale = (double)vkh_from_half(scales[block]);
            int most = 0;
            for (int i = 32 * block; i < 80 && i < 32 * (block + 1); i++) {
                CHECK(fabs((double)x[i] - (double)back[i]) <= 0.5 * scale + 127 * scale / 2048);
                most = abs(bytes[i]) > most ? abs(bytes[i]) : most;
            }
            CHECK(most == 127);
        }
        free(x);
    }
}

int main(void)
{
    static const struct vkh_matrix_layout rows = {0};
    struct gpu_test test = gpu_test_open();
    struct vkh_matrix_layout layout;
    static const uint32_t shapes[][5] = {// heads, head size, capacity, first slot, tokens
                                         {1, 4, 64, 0, 1},       {2, 20, 192, 64, 100},
                                         {3, 64, 256, 0, 256},   {1, 80, 128, 64, 64},
                                         {2, 128, 192, 128, 63}, {1, 256, 128, 0, 70}};
    test_ref();
    for (size_t i = 0; i < VKH_COUNTOF(shapes); i++) {
        const uint32_t *n = shapes[i];
        const struct setting s = setting_of(&rows, n[0], n[1], n[2], n[3], n[4]);
        test_setting(&test, &s, "rows");
    }
    test_parts(&test, &rows, "rows");
    for (size_t i = 0; i < VKH_COUNTOF(matrix_machines); i++) {
        layout = matrix_machine_layout(&matrix_machines[i]);
        CHECK(layout.side == 16);
        test_layout(&test, &layout, matrix_machines[i].name);
    }
    CHECK(vkh_matrix_layout(test.device, &layout) == VKH_OK);
    if (layout.side)
        test_layout(&test, &layout, "the device's matrices");
    return gpu_test_close(&test);
}
