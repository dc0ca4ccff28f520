// SPDX-License-Identifier: MIT
#include "kernels/kl.h"

#include "gpu_test.h"

// Rows of logits: the second is the first plus noise of the size `apart`, times `stretch`, moved by
// `shift`, which no distribution knows of.
struct shape {
    uint32_t n_tokens, vocab, stride;
    float scale, apart, stretch, shift;
    float p_cap, q_cap;
};

static void fill(uint64_t *state, const struct shape *s, float *p, float *q)
{
    const uint64_t n = (uint64_t)s->n_tokens * s->stride;
    for (uint64_t i = 0; i < n; i++) {
        p[i] = s->scale * test_uniform(state);
        q[i] = s->stretch * p[i] + s->apart * test_uniform(state) + s->shift;
        if (i % s->stride >= s->vocab) // nobody's logits
            p[i] = q[i] = NAN;
    }
}

// What rounding to float leaves of it. The divergence of a token whose distributions are nearly the
// same is a sum of small squares, so that its relative error stays small where the difference of
// large sums would have none of its digits right.
static void check_tokens(const struct shape *s, const struct vkh_ppl_token_kl *got, const float *p,
                         const float *q, const int32_t *targets)
{
    for (uint32_t t = 0; t < s->n_tokens; t++) {
        struct vkh_ppl_token_kl want = {0.0f, 0};
        if (targets[t] >= 0)
            want = vkh_kl_ref(p + (uint64_t)t * s->stride, q + (uint64_t)t * s->stride, s->vocab,
                              s->p_cap, s->q_cap);
        const double off = fabs((double)got[t].kl - (double)want.kl);
        const double step = s->p_cap > 0 || s->q_cap > 0 ? 1e-6 : 3e-7;
        const double logits = (double)(s->scale * s->stretch + fabsf(s->shift));
        const double noise = step * logits * sqrt(2.0 * (double)want.kl);
        CHECK_MSG(off <= 3e-5 * (double)want.kl + noise + pow(step * logits, 2),
                  "vocabulary %u, token %u: KL %.9g, not %.9g", s->vocab, t, (double)got[t].kl,
                  (double)want.kl);
        CHECK_MSG(got[t].kl >= 0.0f, "vocabulary %u, token %u: KL %g", s->vocab, t,
                  (double)got[t].kl);
        CHECK_MSG(got[t].top_differs == want.top_differs, "vocabulary %u, token %u: tops", s->vocab,
                  t);
    }
}

static struct vkh_ppl_token_kl *run(struct gpu_test *test, const struct vkh_kl *kl,
                                    const struct shape *s, const float *p, const float *q,
                                    const int32_t *targets)
{
    const uint64_t bytes = (uint64_t)s->n_tokens * s->stride * 4;
    struct vkh_buffer *p_buffer = gpu_test_buffer(test, p, bytes);
    struct vkh_buffer *q_buffer = gpu_test_buffer(test, q, bytes);
    struct vkh_buffer *targets_buffer = gpu_test_buffer(test, targets, s->n_tokens * 4);
    struct vkh_buffer *out =
        gpu_test_buffer(test, NULL, s->n_tokens * sizeof(struct vkh_ppl_token_kl));
    vkh_kl_record(kl, vkh_stream_cmd(test->stream),
                  &(struct vkh_kl_args){vkh_range_all(p_buffer), vkh_range_all(q_buffer),
                                        vkh_range_all(targets_buffer), vkh_range_all(out),
                                        s->n_tokens, s->vocab, s->stride, s->p_cap, s->q_cap});
    struct vkh_ppl_token_kl *got = gpu_test_read(test, out);
    vkh_buffer_destroy(&p_buffer);
    vkh_buffer_destroy(&q_buffer);
    vkh_buffer_destroy(&targets_buffer);
    vkh_buffer_destroy(&out);
    return got;
}

static void test_shape(struct gpu_test *test, const struct vkh_kl *kl, struct shape s)
{
    uint64_t state = 11 + s.vocab;
    const uint64_t n = (uint64_t)s.n_tokens * s.stride;
    float *p = malloc(n * sizeof(*p)), *q = malloc(n * sizeof(*q));
    int32_t *targets = malloc(s.n_tokens * sizeof(*targets));
    fill(&state, &s, p, q);
    for (uint32_t t = 0; t < s.n_tokens; t++)
        targets[t] = t % 5 == 3 ? -1 : (int32_t)(test_random(&state) % s.vocab);
    struct vkh_ppl_token_kl *got = run(test, kl, &s, p, q, targets);
    check_tokens(&s, got, p, q, targets);
    free(got);
    // Against itself: nothing, not nearly nothing.
    got = run(test, kl, &s, p, p, targets);
    for (uint32_t t = 0; t < s.n_tokens && s.p_cap == s.q_cap; t++)
        CHECK_MSG(got[t].kl == 0.0f && got[t].top_differs == 0, "the same logits: KL %g",
                  (double)got[t].kl);
    free(got);
    free(targets);
    free(q);
    free(p);
}

// Distributions whose divergence is known: all on one token, against one that hardly knows it.
static void test_far(struct gpu_test *test, const struct vkh_kl *kl)
{
    enum { VOCAB = 300 };
    const struct shape s = {.n_tokens = 2, .vocab = VOCAB, .stride = VOCAB};
    float p[2 * VOCAB] = {0}, q[2 * VOCAB] = {0};
    const int32_t targets[2] = {0, 0};
    p[7] = 200.0f; // alone
    q[9] = 200.0f;
    for (int i = 0; i < VOCAB; i++)
        p[VOCAB + i] = q[VOCAB + i] = 5.0f; // ties: the first of all is the top
    q[VOCAB + 3] = 5.0f + 1e-3f;
    struct vkh_ppl_token_kl *got = run(test, kl, &s, p, q, targets);
    CHECK(fabs((double)got[0].kl - 200.0) < 1e-3 && got[0].top_differs == 1);
    const struct vkh_ppl_token_kl want = vkh_kl_ref(p + VOCAB, q + VOCAB, VOCAB, 0, 0);
    CHECK(got[1].kl > 0 && fabs((double)got[1].kl / (double)want.kl - 1) < 0.01);
    CHECK(got[1].top_differs == 1);
    free(got);
}

int main(void)
{
    struct gpu_test test = gpu_test_open();
    struct vkh_kl kl;
    CHECK(vkh_kl_create(test.device, &kl) == VKH_OK);
    static const struct shape shapes[] = {
        {1, 1, 4, 1.0f, 1.0f, 1.0f, 0.0f, 0, 0},
        {3, 2, 4, 2.0f, 1.0f, 1.0f, 3.0f, 0, 0},
        {7, 127, 128, 4.0f, 2.0f, 1.0f, 0.0f, 0, 0},
        {70, 129, 132, 8.0f, 0.5f, 1.1f, -20.0f, 0, 0},
        {5, 50257, 50260, 10.0f, 3.0f, 1.0f, 1.0f, 0, 0},   // far apart
        {5, 50257, 50260, 10.0f, 0.01f, 1.0f, 0.0f, 0, 0},  // near
        {5, 5003, 5004, 10.0f, 1e-4f, 1.0f, 0.0f, 0, 0},    // all but the same
        {5, 5003, 5004, 100.0f, 30.0f, 0.7f, 0.0f, 0, 0},   // peaks
        {9, 1000, 1000, 40.0f, 5.0f, 1.0f, 0.0f, 30, 30},   // capped, as Gemma 2's
        {9, 1001, 1004, 40.0f, 5.0f, 1.0f, 0.0f, 30, 0},    // one of them
        {2, 262144, 262144, 12.0f, 1.0f, 1.0f, 0.0f, 0, 0}, // Gemma's vocabulary
    };
    for (size_t i = 0; i < sizeof(shapes) / sizeof(shapes[0]); i++)
        test_shape(&test, &kl, shapes[i]);
    test_far(&test, &kl);
    return gpu_test_close(&test);
}
