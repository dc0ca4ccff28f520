// SPDX-License-Identifier: MIT
#include "kernels/attention.h"

#include "base/half.h"
#include "gpu_test.h"

// Random queries and keys of a whole sequence, on the host.
struct sequence {
    struct vkh_attention_shape shape;
    uint32_t n_tokens, window;
    float *q;     // [n_tokens][row_elements]
    float *k, *v; // [n_kv_heads][n_tokens][head_dim], rounded to fp16 when the cache is
};

static struct sequence make_sequence(struct vkh_attention_shape shape, uint32_t n_tokens,
                                     uint32_t window, float scale)
{
    uint64_t state = 17 + shape.head_dim + n_tokens;
    const uint64_t n = (uint64_t)shape.n_kv_heads * n_tokens * shape.head_dim;
    struct sequence s = {.shape = shape, .n_tokens = n_tokens, .window = window};
    s.q = test_floats(&state, (uint64_t)n_tokens * shape.row_elements, scale);
    s.k = test_floats(&state, n, scale);
    s.v = test_floats(&state, n, 1.0f);
    for (uint64_t i = 0; i < n && shape.half_kv; i++) {
        s.k[i] = vkh_from_half(vkh_to_half(s.k[i]));
        s.v[i] = vkh_from_half(vkh_to_half(s.v[i]));
    }
    return s;
}

static void free_sequence(struct sequence *s)
{
    free(s->q);
    free(s->k);
    free(s->v);
}

// The keys and values of tokens [first, first + n) on the device, zeros after them. n 0: empty.
static struct vkh_kv_segment make_segment(struct gpu_test *test, const struct sequence *s,
                                          uint32_t first, uint32_t n, uint32_t spare)
{
    if (n == 0)
        return (struct vkh_kv_segment){0};
    const uint32_t dim = s->shape.head_dim;
    const struct vkh_kv_shape shape = {s->shape.n_kv_heads, dim,
                                       (uint32_t)vkh_round_up(n, VKH_KEY_TILE) + spare,
                                       s->shape.half_kv};
    uint8_t *data = calloc(1, vkh_kv_bytes(&shape));
    for (uint64_t plane = 0; plane < 2 * shape.n_kv_heads; plane++) {
        const float *from = (plane % 2 ? s->v : s->k) + (plane / 2 * s->n_tokens + first) * dim;
        for (uint64_t i = 0; i < (uint64_t)n * dim; i++) {
            const uint64_t at = plane * shape.capacity * dim + i;
            if (shape.half)
                ((uint16_t *)data)[at] = vkh_to_half(from[i]);
            else
                ((float *)data)[at] = from[i];
        }
    }
    struct vkh_buffer *buffer = gpu_test_buffer(test, data, vkh_kv_bytes(&shape));
    free(data);
    return (struct vkh_kv_segment){buffer, shape};
}

static void free_segment(struct vkh_kv_segment *segment)
{
    struct vkh_buffer *buffer = (struct vkh_buffer *)segment->buffer;
    vkh_buffer_destroy(&buffer);
}

// The outputs of all tokens, the keys cut at `prefix`, the queries from there on in chunks of
// `chunk`. The rows of the prefix stay poison. Freed by the caller.
static float *run(struct gpu_test *test, const struct vkh_variant *variant,
                  const struct sequence *s, uint32_t prefix, uint32_t chunk)
{
    const uint64_t out_width = (uint64_t)s->shape.n_heads * s->shape.head_dim;
    struct vkh_kv_segment before = make_segment(test, s, 0, prefix, 0);
    struct vkh_kv_segment own = make_segment(test, s, prefix, s->n_tokens - prefix, 64);
    struct vkh_attention attention;
    if (vkh_attention_create(test->device, &s->shape, variant, &attention) != VKH_OK)
        exit(1);
    float *all = malloc(s->n_tokens * out_width * sizeof(*all));
    for (uint32_t from = prefix; from < s->n_tokens; from += chunk) {
        const uint32_t n = chunk < s->n_tokens - from ? chunk : s->n_tokens - from;
        struct vkh_buffer *q = gpu_test_buffer(test, s->q + (uint64_t)from * s->shape.row_elements,
                                               (uint64_t)n * s->shape.row_elements * 4);
        struct vkh_buffer *out = gpu_test_buffer(test, NULL, n * out_width * 4);
        vkh_attention_record(&attention, vkh_stream_cmd(test->stream),
                             &(struct vkh_attention_args){vkh_range_all(q), before, own, prefix,
                                                          from, n, vkh_range_all(out), s->window});
        float *part = gpu_test_read(test, out);
        memcpy(all + from * out_width, part, n * out_width * sizeof(*part));
        free(part);
        vkh_buffer_destroy(&q);
        vkh_buffer_destroy(&out);
    }
    free_segment(&before);
    free_segment(&own);
    return all;
}

static struct vkh_attention_shape shape_of(uint32_t n_heads, uint32_t n_kv_heads, uint32_t head_dim,
                                           bool half)
{
    return (struct vkh_attention_shape){n_heads,  n_kv_heads,
                                        head_dim, (n_heads + 2 * n_kv_heads) * head_dim,
                                        half,     1.0f / sqrtf((float)head_dim),
                                        0.0f};
}

static void test_against_ref(struct gpu_test *test, const struct vkh_variant *variant,
                             struct vkh_attention_shape shape, uint32_t n_tokens, uint32_t window,
                             float scale)
{
    struct sequence s = make_sequence(shape, n_tokens, window, scale);
    const uint64_t n = (uint64_t)n_tokens * shape.n_heads * shape.head_dim;
    float *got = run(test, variant, &s, 0, n_tokens), *want = malloc(n * sizeof(*want));
    vkh_attention_ref(&shape, s.q, s.k, s.v, 0, n_tokens, window, want);
    // A score of magnitude m in fp32 is off by about m * 2^-22, and so is its exponential.
    const double magnitude = (double)scale * (double)scale * sqrt((double)shape.head_dim);
    check_close(variant->name, got, want, n, 2e-6 + 1e-6 * magnitude, 1e-6);
    free(got);
    free(want);
    free_sequence(&s);
}

// The same bits wherever the prefix is cut and however large the chunks are.
static void test_cuts(struct gpu_test *test, const struct vkh_variant *variant, bool half,
                      uint32_t window)
{
    const uint32_t n_tokens = 300;
    const struct vkh_attention_shape shape = shape_of(4, 2, 32, half);
    struct sequence s = make_sequence(shape, n_tokens, window, 2.0f);
    static const struct {
        uint32_t prefix, chunk;
    } cuts[] = {{0, 64}, {0, 128}, {64, 300}, {192, 64}, {256, 64}};
    const uint64_t width = (uint64_t)shape.n_heads * shape.head_dim;
    float *whole = run(test, variant, &s, 0, n_tokens);
    for (unsigned i = 0; i < sizeof(cuts) / sizeof(cuts[0]); i++) {
        float *got = run(test, variant, &s, cuts[i].prefix, cuts[i].chunk);
        const uint64_t from = cuts[i].prefix * width;
        CHECK_MSG(memcmp(got + from, whole + from, (n_tokens * width - from) * 4) == 0,
                  "%s, window %u: prefix %u, chunk %u change the result", variant->name, window,
                  cuts[i].prefix, cuts[i].chunk);
        free(got);
    }
    free(whole);
    free_sequence(&s);
}

// Windows of one key, within a tile, of a tile, over several, and beyond the sequence. The last
// gives the bits of none.
static void test_windows(struct gpu_test *test, const struct vkh_variant *variant, bool half)
{
    static const uint32_t windows[] = {1, 2, 17, 63, 64, 65, 130, 199, UINT32_MAX};
    const struct vkh_attention_shape shape = shape_of(2, 1, 32, half);
    for (unsigned i = 0; i < sizeof(windows) / sizeof(windows[0]); i++)
        test_against_ref(test, variant, shape, 200, windows[i], 1.0f);
    const uint64_t bytes = (uint64_t)200 * shape.n_heads * shape.head_dim * 4;
    struct sequence s = make_sequence(shape, 200, 0, 1.0f);
    float *all = run(test, variant, &s, 0, 200);
    s.window = 200;
    float *windowed = run(test, variant, &s, 0, 200);
    CHECK(memcmp(all, windowed, bytes) == 0);
    free(all);
    free(windowed);
    free_sequence(&s);
}

// Scores far below the cap, around it, and far beyond it.
static void test_soft_caps(struct gpu_test *test, const struct vkh_variant *variant, bool half)
{
    struct vkh_attention_shape shape = shape_of(2, 1, 32, half);
    shape.soft_cap = 20.0f;
    test_against_ref(test, variant, shape, 100, 0, 1.0f);
    shape.scale = 10.0f;
    test_against_ref(test, variant, shape, 100, 0, 1.0f);
    shape.scale = 300.0f;
    test_against_ref(test, variant, shape, 100, 40, 1.0f);
}

static void test_variant(struct gpu_test *test, const struct vkh_variant *variant)
{
    for (int half = 0; half < 2; half++) {
        test_against_ref(test, variant, shape_of(1, 1, 4, half), 1, 0, 1.0f);
        test_against_ref(test, variant, shape_of(4, 2, 64, half), 200, 0, 1.0f);
        test_against_ref(test, variant, shape_of(3, 1, 20, half), 65, 0, 1.0f);
        test_against_ref(test, variant, shape_of(1, 1, 80, half), 67, 0, 1.0f);
        test_against_ref(test, variant, shape_of(1, 1, 96, half), 66, 0, 1.0f);
        test_against_ref(test, variant, shape_of(2, 2, 128, half), 70, 0, 4.0f);
        test_against_ref(test, variant, shape_of(2, 1, 256, half), 33, 0, 1.0f);
        test_cuts(test, variant, half, 0);
        test_cuts(test, variant, half, 50);
        test_windows(test, variant, half);
        test_soft_caps(test, variant, half);
    }
}

// A head beyond what attention takes is refused, not computed wrongly.
static void test_refused(struct gpu_test *test)
{
    struct vkh_attention attention;
    const struct vkh_attention_shape odd = shape_of(1, 1, 6, false),
                                     wide = shape_of(1, 1, 260, false);
    CHECK(vkh_attention_create(test->device, &odd, NULL, &attention) == VKH_ERR_UNSUPPORTED);
    CHECK(vkh_attention_create(test->device, &wide, NULL, &attention) == VKH_ERR_UNSUPPORTED);
}

int main(void)
{
    struct gpu_test test = gpu_test_open();
    uint32_t n;
    const struct vkh_variant *variants = vkh_attention_variants(&n);
    for (uint32_t i = 0; i < n; i++) {
        if (vkh_variant_supported(test.device, &variants[i]))
            test_variant(&test, &variants[i]);
    }
    test_refused(&test);
    return gpu_test_close(&test);
}
