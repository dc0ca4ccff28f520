// SPDX-License-Identifier: MIT
#include "kernels/rope.h"

#include "base/half.h"
#include "gpu_test.h"

struct setting {
    struct vkh_rope_shape shape;
    uint32_t capacity, first_slot, n_tokens;
    float scale;
};

// The device's cache as fp32, freed by the caller.
static float *read_kv(struct gpu_test *test, const struct vkh_buffer *buffer, uint64_t elements,
                      bool half)
{
    void *data = gpu_test_read(test, buffer);
    if (!half)
        return data;
    float *values = malloc(elements * sizeof(*values));
    for (uint64_t i = 0; i < elements; i++)
        values[i] = vkh_from_half(((uint16_t *)data)[i]);
    free(data);
    return values;
}

// Compares the slots that were written; what lies around them must still be zero.
static void check_kv(const struct setting *s, const float *got, const float *want)
{
    const struct vkh_rope_shape *shape = &s->shape;
    const uint64_t row = shape->head_dim;
    uint64_t spoiled = 0;
    for (uint64_t plane = 0; plane < 2 * shape->n_kv_heads; plane++) {
        const uint64_t base = plane * s->capacity * row;
        // A unit of fp16 where fp32's last bit decided the rounding.
        check_close(plane % 2 ? "values" : "keys", got + base + s->first_slot * row,
                    want + base + s->first_slot * row, s->n_tokens * row, 1e-6,
                    shape->half_kv ? 1e-3 : 1e-6);
        for (uint64_t slot = 0; slot < s->capacity; slot++) {
            if (slot >= s->first_slot && slot < s->first_slot + s->n_tokens)
                continue;
            for (uint64_t i = 0; i < row; i++)
                spoiled += got[base + slot * row + i] != 0.0f;
        }
    }
    CHECK(spoiled == 0);
}

static void test_rope(struct gpu_test *test, struct setting s)
{
    const struct vkh_rope_shape *shape = &s.shape;
    uint64_t state = 11 + shape->head_dim;
    const uint64_t width = (uint64_t)(shape->n_heads + 2 * shape->n_kv_heads) * shape->head_dim;
    const uint64_t n = s.n_tokens * width;
    float *qkv = test_floats(&state, n, 1.0f);
    uint64_t *positions = malloc(s.n_tokens * sizeof(*positions));
    uint64_t *frequencies = malloc(shape->rotary_dim / 2 * sizeof(*frequencies));
    for (uint32_t t = 0; t < s.n_tokens; t++)
        positions[t] = test_random(&state) >> 12; // up to 2^20 tokens, fractional
    for (uint32_t i = 0; i < shape->rotary_dim / 2; i++)
        frequencies[i] = test_random(&state);
    const struct vkh_kv_shape kv_shape = {shape->n_kv_heads, shape->head_dim, s.capacity,
                                          shape->half_kv};
    const uint64_t elements = vkh_kv_bytes(&kv_shape) / (shape->half_kv ? 2 : 4);
    struct vkh_buffer *qkv_buffer = gpu_test_buffer(test, qkv, n * 4);
    struct vkh_buffer *positions_buffer = gpu_test_buffer(test, positions, s.n_tokens * 8);
    struct vkh_buffer *frequencies_buffer =
        gpu_test_buffer(test, frequencies, shape->rotary_dim * 4);
    struct vkh_buffer *kv = gpu_test_buffer(test, NULL, vkh_kv_bytes(&kv_shape));
    vkh_cmd_fill(vkh_stream_cmd(test->stream), vkh_range_all(kv), 0);
    struct vkh_rope rope;
    CHECK(vkh_rope_create(test->device, shape, &rope) == VKH_OK);
    vkh_rope_kv_record(&rope, vkh_stream_cmd(test->stream),
                       &(struct vkh_rope_args){
                           .qkv = vkh_range_all(qkv_buffer),
                           .positions = vkh_range_all(positions_buffer),
                           .frequencies = vkh_range_all(frequencies_buffer),
                           .kv = {kv, kv_shape},
                           .first_slot = s.first_slot,
                           .n_tokens = s.n_tokens,
                           .attention_scale = s.scale,
                       });
    float *got = gpu_test_read(test, qkv_buffer);
    float *got_kv = read_kv(test, kv, elements, shape->half_kv);
    float *want_kv = calloc(elements, sizeof(*want_kv));
    vkh_rope_ref(shape, qkv, positions, frequencies, want_kv, s.capacity, s.first_slot, s.n_tokens,
                 s.scale);
    check_close("qkv", got, qkv, n, 1e-6, 1e-6);
    check_kv(&s, got_kv, want_kv);
    vkh_buffer_destroy(&qkv_buffer);
    vkh_buffer_destroy(&positions_buffer);
    vkh_buffer_destroy(&frequencies_buffer);
    vkh_buffer_destroy(&kv);
    free(got);
    free(got_kv);
    free(want_kv);
    free(positions);
    free(frequencies);
    free(qkv);
}

// cos and sin against long double, angles of a model of base 500000 up to position 2^20: the
// rotation of (1, 0).
static void test_angles(struct gpu_test *test)
{
    enum { PAIRS = 64, TOKENS = 2000 };
    static const struct vkh_rope_shape shape = {1, 1, 2 * PAIRS, 2 * PAIRS, true, false};
    static const long double two_pi = 6.28318530717958647692528676655900577L;
    static float qkv[TOKENS][3][PAIRS][2];
    static uint64_t positions[TOKENS], frequencies[PAIRS];
    long double theta[PAIRS];
    uint64_t state = 5;
    for (int i = 0; i < PAIRS; i++) {
        theta[i] = powl(500000.0L, -(long double)i / PAIRS);
        frequencies[i] = (uint64_t)roundl(ldexpl(theta[i] / two_pi, 64));
    }
    for (int t = 0; t < TOKENS; t++) {
        positions[t] = t < 4 ? (uint64_t)t << 32 : test_random(&state) >> 12;
        for (int i = 0; i < PAIRS; i++)
            qkv[t][0][i][0] = 1.0f;
    }
    positions[TOKENS - 1] = (uint64_t)1 << 52;
    const struct vkh_kv_shape kv_shape = {1, 2 * PAIRS, TOKENS + 64 - TOKENS % 64, false};
    struct vkh_buffer *qkv_buffer = gpu_test_buffer(test, qkv, sizeof(qkv));
    struct vkh_buffer *positions_buffer = gpu_test_buffer(test, positions, sizeof(positions));
    struct vkh_buffer *frequencies_buffer = gpu_test_buffer(test, frequencies, sizeof(frequencies));
    struct vkh_buffer *kv = gpu_test_buffer(test, NULL, vkh_kv_bytes(&kv_shape));
    struct vkh_rope rope;
    CHECK(vkh_rope_create(test->device, &shape, &rope) == VKH_OK);
    vkh_rope_kv_record(&rope, vkh_stream_cmd(test->stream),
                       &(struct vkh_rope_args){
                           .qkv = vkh_range_all(qkv_buffer),
                           .positions = vkh_range_all(positions_buffer),
                           .frequencies = vkh_range_all(frequencies_buffer),
                           .kv = {kv, kv_shape},
                           .n_tokens = TOKENS,
                           .attention_scale = 1.0f,
                       });
    float(*got)[3][PAIRS][2] = gpu_test_read(test, qkv_buffer);
    long double worst = 0.0L;
    for (int t = 0; t < TOKENS; t++) {
        for (int i = 0; i < PAIRS; i++) {
            const long double angle = ldexpl((long double)positions[t], -32) * theta[i];
            const long double c = fabsl((long double)got[t][0][i][0] - cosl(angle));
            const long double s = fabsl((long double)got[t][0][i][1] - sinl(angle));
            worst = fmaxl(worst, c > s ? c : s);
            CHECK(c <= 1e-6L && s <= 1e-6L);
        }
    }
    fprintf(stderr, "cos and sin: off by at most %.2Le\n", worst);
    vkh_buffer_destroy(&qkv_buffer);
    vkh_buffer_destroy(&positions_buffer);
    vkh_buffer_destroy(&frequencies_buffer);
    vkh_buffer_destroy(&kv);
    free(got);
}

int main(void)
{
    struct gpu_test test = gpu_test_open();
    for (int i = 0; i < 4; i++) {
        const bool interleaved = i & 1, half = i & 2;
        test_rope(&test, (struct setting){{4, 2, 64, 64, interleaved, half}, 128, 3, 77, 1.0f});
        test_rope(&test, (struct setting){{3, 1, 20, 8, interleaved, half}, 64, 0, 64, 1.25f});
        test_rope(&test, (struct setting){{1, 1, 4, 4, interleaved, half}, 64, 63, 1, 1.0f});
    }
    // More tokens than workgroups.
    test_rope(&test, (struct setting){{1, 1, 4, 4, true, true}, 70016, 16, 70000, 1.0f});
    test_angles(&test);
    return gpu_test_close(&test);
}
