// SPDX-License-Identifier: MIT
// Rope and attention on cooperative matrices: what the one writes the other reads.
#include "kernels/attention_matrix.h"

#include "kernels/rope_matrix.h"
#include "matrix_test.h"
#include "rope/fixed.h"

struct setting {
    uint32_t n_heads, n_kv_heads, head_dim, rotary_dim;
    bool interleaved;
    uint32_t prefix, n_tokens; // tokens of a first segment, and of the whole
    uint32_t window;
    float soft_cap;
};

// A sequence on the host: what goes into rope, and what its reference makes of it.
struct sequence {
    struct vkh_rope_shape rope;
    struct vkh_attention_shape attention;
    float *qkv;
    uint64_t *positions, *frequencies;
    float *want; // [n_tokens][n_heads][head_dim]
};

static uint32_t row_elements(const struct setting *s)
{
    return (s->n_heads + 2 * s->n_kv_heads) * s->head_dim;
}

static void refer(const struct setting *s, struct sequence *q)
{
    const uint32_t capacity = (uint32_t)vkh_round_up(s->n_tokens, VKH_KEY_TILE), dim = s->head_dim;
    const uint64_t n = (uint64_t)s->n_tokens * row_elements(s), plane = (uint64_t)capacity * dim;
    float *rotated = malloc(n * 4), *kv = calloc(2 * s->n_kv_heads * plane, 4);
    memcpy(rotated, q->qkv, n * 4);
    vkh_rope_ref(&q->rope, rotated, q->positions, q->frequencies, kv, capacity, 0, s->n_tokens,
                 1.0f);
    float *k = malloc(s->n_kv_heads * s->n_tokens * dim * 4);
    float *v = malloc(s->n_kv_heads * s->n_tokens * dim * 4);
    for (uint32_t h = 0; h < s->n_kv_heads; h++) {
        memcpy(k + (uint64_t)h * s->n_tokens * dim, kv + 2 * h * plane,
               (uint64_t)s->n_tokens * dim * 4);
        memcpy(v + (uint64_t)h * s->n_tokens * dim, kv + (2 * h + 1) * plane,
               (uint64_t)s->n_tokens * dim * 4);
    }
    q->want = malloc((uint64_t)s->n_tokens * s->n_heads * dim * 4);
    vkh_attention_ref(&q->attention, rotated, k, v, 0, s->n_tokens, s->window, q->want);
    free(rotated);
    free(kv);
    free(k);
    free(v);
}

static struct sequence make_sequence(const struct setting *s)
{
    uint64_t state = 41 + s->head_dim + s->n_tokens;
    struct sequence q = {
        .rope = {s->n_heads, s->n_kv_heads, s->head_dim, s->rotary_dim, s->interleaved, true},
        .attention = {s->n_heads, s->n_kv_heads, s->head_dim, row_elements(s), true,
                      1.0f / sqrtf((float)s->head_dim), s->soft_cap},
    };
    q.qkv = test_floats(&state, (uint64_t)s->n_tokens * row_elements(s), 2.0f);
    q.positions = malloc(s->n_tokens * 8);
    q.frequencies = malloc(s->rotary_dim / 2 * 8);
    for (uint32_t i = 0; i < s->n_tokens; i++)
        vkh_fixed_position(1000.0 + 0.5 * i, &q.positions[i]);
    for (uint32_t i = 0; i < s->rotary_dim / 2; i++)
        vkh_fixed_frequency(pow(10000.0, -2.0 * i / s->rotary_dim), &q.frequencies[i]);
    refer(s, &q);
    return q;
}

struct kernels {
    struct vkh_rope_matrix rope;
    struct vkh_attention_matrix attention;
};

// Tokens [first, first + n) through rope, into the segment, and attention; their rows of the
// result.
static void run_chunk(struct gpu_test *test, const struct kernels *k, const struct setting *s,
                      const struct sequence *q, struct vkh_kv_segment prefix,
                      struct vkh_kv_segment own, uint32_t own_first, uint32_t first, uint32_t n,
                      float *out)
{
    const struct vkh_matrix_layout *layout = &k->rope.layout;
    const uint64_t width = (uint64_t)s->n_heads * s->head_dim;
    struct vkh_buffer *qkv = gpu_test_buffer(test, q->qkv + (uint64_t)first * row_elements(s),
                                             (uint64_t)n * row_elements(s) * 4);
    struct vkh_buffer *positions = gpu_test_buffer(test, q->positions + first, n * 8);
    struct vkh_buffer *frequencies = gpu_test_buffer(test, q->frequencies, s->rotary_dim / 2 * 8);
    struct vkh_buffer *queries = gpu_test_buffer(test, NULL, vkh_left_bytes(layout, n, width));
    struct vkh_buffer *result = gpu_test_buffer(test, NULL, vkh_left_bytes(layout, n, width));
    struct vkh_cmd *cmd = vkh_stream_cmd(test->stream);
    vkh_rope_matrix_record(&k->rope, cmd,
                           &(struct vkh_rope_matrix_args){
                               .rope = {.qkv = vkh_range_all(qkv),
                                        .positions = vkh_range_all(positions),
                                        .frequencies = vkh_range_all(frequencies),
                                        .kv = own,
                                        .first_slot = first - own_first,
                                        .n_tokens = n,
                                        .attention_scale = 1.0f},
                               .q = vkh_range_all(queries),
                               .query_scale = vkh_attention_matrix_query_scale(&q->attention)});
    vkh_attention_matrix_record(&k->attention, cmd,
                                &(struct vkh_attention_args){.q = vkh_range_all(queries),
                                                             .prefix = prefix,
                                                             .own = own,
                                                             .prefix_tokens = own_first,
                                                             .first_token = first,
                                                             .n_tokens = n,
                                                             .out = vkh_range_all(result),
                                                             .window = s->window});
    float *rows = matrix_test_unpack(test, layout, result, n, width);
    memcpy(out + first * width, rows, n * width * 4);
    free(rows);
    struct vkh_buffer **buffers[] = {&qkv, &positions, &frequencies, &queries, &result};
    for (unsigned i = 0; i < sizeof(buffers) / sizeof(buffers[0]); i++)
        vkh_buffer_destroy(buffers[i]);
}

static struct vkh_kv_segment make_segment(struct gpu_test *test, const struct setting *s,
                                          uint32_t n)
{
    const struct vkh_kv_shape shape = {s->n_kv_heads, s->head_dim,
                                       (uint32_t)vkh_round_up(n, VKH_KEY_TILE), true};
    struct vkh_buffer *buffer = gpu_test_buffer(test, NULL, vkh_kv_bytes(&shape));
    vkh_cmd_fill(vkh_stream_cmd(test->stream), vkh_range_all(buffer), 0);
    return (struct vkh_kv_segment){buffer, shape};
}

// The whole sequence, its own part in chunks of `chunk`.
static float *run(struct gpu_test *test, const struct kernels *k, const struct setting *s,
                  const struct sequence *q, uint32_t chunk)
{
    float *out = malloc((uint64_t)s->n_tokens * s->n_heads * s->head_dim * 4);
    struct vkh_kv_segment prefix = {0};
    if (s->prefix) {
        prefix = make_segment(test, s, s->prefix);
        run_chunk(test, k, s, q, (struct vkh_kv_segment){0}, prefix, 0, 0, s->prefix, out);
    }
    const struct vkh_kv_segment own = make_segment(test, s, s->n_tokens - s->prefix);
    for (uint32_t first = s->prefix; first < s->n_tokens; first += chunk) {
        const uint32_t n = (uint32_t)vkh_min_size(chunk, s->n_tokens - first);
        run_chunk(test, k, s, q, prefix, own, s->prefix, first, n, out);
    }
    struct vkh_buffer *buffers[] = {(struct vkh_buffer *)prefix.buffer,
                                    (struct vkh_buffer *)own.buffer};
    vkh_buffer_destroy(&buffers[0]);
    vkh_buffer_destroy(&buffers[1]);
    return out;
}

static void test_setting(struct gpu_test *test, const struct vkh_matrix_layout *layout,
                         const struct setting *s)
{
    struct sequence q = make_sequence(s);
    struct kernels k;
    if (!vkh_attention_matrix_takes(test->device, layout, &q.attention) ||
        vkh_rope_matrix_create(test->device, layout, &q.rope, &k.rope) != VKH_OK ||
        vkh_attention_matrix_create(test->device, layout, &q.attention, &k.attention) != VKH_OK)
        exit(1);
    const uint64_t n = (uint64_t)s->n_tokens * s->n_heads * s->head_dim;
    float *whole = run(test, &k, s, &q, s->n_tokens);
    // Queries, keys and probabilities are halves.
    check_close("attention", whole, q.want, n, 4e-3, 0.0);
    float *pieces = run(test, &k, s, &q, VKH_KEY_TILE);
    CHECK(memcmp(whole, pieces, n * 4) == 0);
    free(whole);
    free(pieces);
    free(q.qkv);
    free(q.positions);
    free(q.frequencies);
    free(q.want);
}

int main(void)
{
    static const struct setting settings[] = {
        {2, 2, 64, 64, false, 0, 70, 0, 0.0f},     {8, 2, 128, 128, true, 64, 200, 0, 0.0f},
        {4, 1, 64, 32, false, 128, 300, 50, 0.0f}, {2, 1, 256, 256, false, 0, 150, 0, 5.0f},
        {3, 3, 96, 96, false, 64, 140, 0, 0.0f},   {7, 1, 128, 128, false, 64, 260, 100, 3.0f},
    };
#ifdef MATRIX_MACHINE
    const uint32_t widest = MATRIX_MACHINE < XE2_MACHINE ? 64 : 256; // of what is emulated
#else
    const uint32_t widest = 256;
#endif
    struct gpu_test test = gpu_test_open();
    const struct vkh_matrix_layout layout = matrix_test_layout(&test);
    for (unsigned i = 0; i < sizeof(settings) / sizeof(settings[0]); i++)
        if (settings[i].head_dim <= widest)
            test_setting(&test, &layout, &settings[i]);
    return gpu_test_close(&test);
}
