// SPDX-License-Identifier: MIT
// Lanes through the public headers: the same bits as a table's, however a text is cut or forked.
#include <float.h>
#include <math.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "api_test.h"

enum { N = 300 };

static int32_t vocab;

static const struct vkh_log log_lines = {api_test_log, NULL, VKH_LOG_WARNING};
static int32_t ids[N];

static struct vkh_lane *lane_of(struct vkh_session *session, const char *method)
{
    struct vkh_lane *lane;
    const struct vkh_lane_options options = {.method = method, .max_tokens = N};
    if (vkh_lane_create(session, &options, &lane) != VKH_OK)
        exit(1);
    return lane;
}

static struct vkh_lane *fork_of(const struct vkh_lane *parent, const char *method, uint32_t at)
{
    struct vkh_lane *lane;
    const struct vkh_lane_options options = {.method = method, .max_tokens = N};
    if (vkh_lane_fork(parent, at, &options, &lane) != VKH_OK)
        exit(1);
    CHECK(vkh_lane_tokens(lane) == at);
    return lane;
}

// Feeds ids[from … to) and checks that the NLL are `want` to the bit.
static void feed(struct vkh_lane *lane, uint32_t to, const float *want, const char *what)
{
    const uint32_t from = vkh_lane_tokens(lane), n = to - from;
    float nll[N];
    memset(nll, 0xff, sizeof(nll));
    CHECK(vkh_lane_feed(lane, &(struct vkh_feed){.ids = ids + from, .n_ids = n, .nll = nll}) ==
          VKH_OK);
    CHECK(vkh_lane_tokens(lane) == to);
    CHECK_MSG(memcmp(nll, want + from, n * sizeof(*nll)) == 0, "%s: tokens %u to %u differ", what,
              from, to);
}

static void test_pieces(struct vkh_session *session, float *const want[2])
{
    static const uint32_t cuts[][8] = {
        {N}, {1, 2, 63, 64, 65, 200, N}, {64, 128, N}, {127, 129, N}};
    static const char *const methods[] = {"baseline", "hybrid:cf=2"};
    for (int m = 0; m < 2; m++) {
        for (size_t i = 0; i < sizeof(cuts) / sizeof(cuts[0]); i++) {
            struct vkh_lane *lane = lane_of(session, methods[m]);
            for (int j = 0; j < 8 && cuts[i][j]; j++)
                feed(lane, cuts[i][j], want[m], methods[m]);
            vkh_lane_destroy(&lane);
        }
    }
}

static void test_forks(struct vkh_session *session, float *const want[2])
{
    static const uint32_t places[] = {1, 63, 64, 65, 66, 150, N - 1};
    struct vkh_lane *base = lane_of(session, "baseline");
    feed(base, N - 1, want[0], "the parent");
    for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
        struct vkh_lane *fork = fork_of(base, "hybrid:cf=2", places[i]);
        feed(fork, N, want[1], "a fork with another method");
        struct vkh_lane *again = fork_of(fork, "hybrid:cf=2", places[i]);
        vkh_lane_destroy(&fork);
        struct vkh_lane *back = fork_of(again, "baseline", places[i]);
        feed(again, N, want[1], "a fork of a fork");
        feed(back, N, want[0], "a fork of a fork that turns back");
        vkh_lane_destroy(&again);
        vkh_lane_destroy(&back);
    }
    struct vkh_lane *orphan = fork_of(base, "baseline", 130);
    vkh_lane_destroy(&base);
    feed(orphan, N, want[0], "a fork that outlives its parent");
    vkh_lane_destroy(&orphan);
}

// log(sum exp) - logit of the next token, in double.
static double nll_of(const float *logits, int32_t target)
{
    double most = -INFINITY, sum = 0;
    for (int32_t i = 0; i < vocab; i++)
        most = fmax(most, (double)logits[i]);
    for (int32_t i = 0; i < vocab; i++)
        sum += exp((double)logits[i] - most);
    return most + log(sum) - (double)logits[target];
}

static void test_rows(struct vkh_session *session, uint32_t hidden, const float *want)
{
    enum { ROWS = 6 };
    static const uint32_t rows[ROWS] = {0, 1, 62, 63, 64, 297};
    struct vkh_lane *lane = lane_of(session, "baseline");
    float *states = malloc(2 * ROWS * hidden * sizeof(*states));
    float *logits = malloc(ROWS * (size_t)vocab * sizeof(*logits));
    if (!states || !logits)
        exit(1);
    const struct vkh_feed all = {.ids = ids,
                                 .n_ids = N - 1,
                                 .rows = rows,
                                 .n_rows = ROWS,
                                 .hidden = states,
                                 .logits = logits};
    CHECK(vkh_lane_feed(lane, &all) == VKH_OK);
    for (int i = 0; i < ROWS; i++) {
        const double got = nll_of(logits + i * vocab, ids[rows[i] + 1]);
        CHECK_MSG(fabs(got - (double)want[rows[i] + 1]) <= 1e-4, "row %u: %g, want %g", rows[i],
                  got, (double)want[rows[i] + 1]);
    }
    vkh_lane_destroy(&lane);
    lane = lane_of(session, "baseline");
    float *again = states + ROWS * hidden;
    for (uint32_t i = 0; i < ROWS; i++) {
        const uint32_t from = vkh_lane_tokens(lane), row = rows[i] - from;
        const struct vkh_feed one = {.ids = ids + from,
                                     .n_ids = rows[i] + 1 - from,
                                     .rows = &row,
                                     .n_rows = 1,
                                     .hidden = again + i * hidden};
        CHECK(vkh_lane_feed(lane, &one) == VKH_OK);
    }
    CHECK(memcmp(states, again, ROWS * hidden * sizeof(*states)) == 0);
    vkh_lane_destroy(&lane);
    free(states);
    free(logits);
}

// What one lane reads of all rows.
struct readings {
    float nll[N], *hidden, *logits;
};

static struct readings read_all(struct vkh_session *session, uint32_t hidden)
{
    static uint32_t rows[N];
    struct readings r = {.hidden = malloc(N * (size_t)hidden * sizeof(float)),
                         .logits = malloc(N * (size_t)vocab * sizeof(float))};
    struct vkh_lane *lane = lane_of(session, "hybrid:cf=2");
    if (!r.hidden || !r.logits)
        exit(1);
    for (uint32_t i = 0; i < N; i++)
        rows[i] = i;
    CHECK(vkh_lane_feed(lane, &(struct vkh_feed){ids, N, r.nll, rows, N, r.hidden, r.logits}) ==
          VKH_OK);
    vkh_lane_destroy(&lane);
    return r;
}

// Root mean square of the differences, against that of the values where `relative`.
static double difference(const float *a, const float *b, size_t n, bool relative)
{
    double squares = 0.0, of_values = 0.0;
    for (size_t i = 0; i < n; i++) {
        squares += ((double)a[i] - (double)b[i]) * ((double)a[i] - (double)b[i]);
        of_values += (double)b[i] * (double)b[i];
    }
    return sqrt(squares / (relative ? of_values : (double)n));
}

// F32 keys and values keep a session to rows of fp32. Cooperative matrices round operands to 11
// bits: NLL, states and logits are within 0.5 %.
static void test_rows_tier(struct vkh_device *device, const struct vkh_model *model,
                           struct vkh_session *session, bool is_matrix)
{
    const uint32_t hidden = vkh_model_get_info(model).hidden;
    const struct vkh_session_options fp32 = {.kv_type = VKH_KV_F32},
                                     beside = {.kv_type = VKH_KV_F32, .weights_of = session};
    struct vkh_session *rows, *other;
    CHECK(vkh_session_create(device, model, &fp32, &log_lines, &rows) == VKH_OK);
    struct readings a = read_all(session, hidden), b = read_all(rows, hidden);
    const double nll = difference(a.nll + 1, b.nll + 1, N - 1, false);
    const double states = difference(a.hidden, b.hidden, N * (size_t)hidden, true);
    const double logits = difference(a.logits, b.logits, N * (size_t)vocab, true);
    CHECK_MSG(nll <= 5e-3 && states <= 5e-3 && logits <= 5e-3,
              "against rows of fp32: NLL %g, hidden states %g, logits %g", nll, states, logits);
    CHECK_MSG((nll > 0) == is_matrix, "NLL %g from rows of fp32", nll);
    CHECK(vkh_session_create(device, model, &beside, &log_lines, &other) ==
          (is_matrix ? VKH_ERR_ARGUMENT : VKH_OK));
    vkh_session_destroy(&other);
    // Beside a session of rows, on the device's own choice.
    const struct vkh_session_options borrowed = {.chunk = 64, .weights_of = rows};
    CHECK(vkh_session_create(device, model, &borrowed, &log_lines, &other) == VKH_OK);
    struct readings c = read_all(other, hidden);
    CHECK(memcmp(c.nll, b.nll, sizeof(b.nll)) == 0 &&
          memcmp(c.hidden, b.hidden, N * (size_t)hidden * sizeof(float)) == 0 &&
          memcmp(c.logits, b.logits, N * (size_t)vocab * sizeof(float)) == 0);
    struct readings *all[] = {&a, &b, &c};
    for (int i = 0; i < 3; i++) {
        free(all[i]->hidden);
        free(all[i]->logits);
    }
    vkh_session_destroy(&other);
    vkh_session_destroy(&rows);
}

static void test_refusals(struct vkh_session *session, const float *want)
{
    struct vkh_lane *lane = lane_of(session, "baseline"), *other;
    const int32_t bad_ids[] = {1, vocab};
    static const uint32_t bad_rows[] = {1, 1}, far_rows[] = {2};
    const struct vkh_feed feeds[] = {
        {.ids = ids},
        {.ids = ids, .n_ids = N + 1},
        {.ids = bad_ids, .n_ids = 2},
        {.ids = ids, .n_ids = 2, .rows = bad_rows, .n_rows = 2},
        {.ids = ids, .n_ids = 2, .rows = far_rows, .n_rows = 1},
    };
    for (size_t i = 0; i < sizeof(feeds) / sizeof(feeds[0]); i++) {
        CHECK(vkh_lane_feed(lane, &feeds[i]) == VKH_ERR_ARGUMENT);
        CHECK(vkh_lane_tokens(lane) == 0);
    }
    feed(lane, 100, want, "after refusals");
    const struct vkh_lane_options options = {.max_tokens = 50}, none = {0},
                                  unknown = {.method = "nope", .max_tokens = 5};
    CHECK(vkh_lane_fork(lane, 0, &options, &other) == VKH_ERR_ARGUMENT && !other);
    CHECK(vkh_lane_fork(lane, 101, &options, &other) == VKH_ERR_ARGUMENT && !other);
    CHECK(vkh_lane_fork(lane, 60, &options, &other) == VKH_ERR_ARGUMENT && !other);
    CHECK(vkh_lane_create(session, &none, &other) == VKH_ERR_ARGUMENT && !other);
    CHECK(vkh_lane_create(session, &unknown, &other) == VKH_ERR_ARGUMENT && !other);
    // Positions beyond 2^32 tokens from the third token on, and a scale beyond 10^6.
    const struct vkh_lane_options far = {"hybrid:cf=1e-12", 1, 3}, near = {"hybrid:cf=1e-12", 1, 2},
                                  bright = {"yarn:factor=2,attention_factor=1e300", 0, 3};
    CHECK(vkh_lane_create(session, &far, &other) == VKH_ERR_ARGUMENT && !other);
    CHECK(vkh_lane_fork(lane, 1, &far, &other) == VKH_ERR_ARGUMENT && !other);
    CHECK(vkh_lane_create(session, &bright, &other) == VKH_ERR_ARGUMENT && !other);
    CHECK(vkh_lane_create(session, &near, &other) == VKH_OK);
    vkh_lane_destroy(&other);
    vkh_lane_destroy(&lane);
}

// A copy of the model whose last `n` weights are this.
static struct vkh_model *open_damaged(const char *path, float weight, long n)
{
    char copy[] = "/tmp/vkhrope-nan-XXXXXX";
    const int out = mkstemp(copy);
    struct vkh_model *model = NULL;
    FILE *from = fopen(path, "rb"), *to = out < 0 ? NULL : fdopen(out, "wb");
    if (!from || !to)
        exit(1);
    for (int byte; (byte = getc(from)) != EOF;)
        putc(byte, to);
    fseek(to, -n * (long)sizeof(weight), SEEK_END);
    for (long i = 0; i < n; i++)
        fwrite(&weight, sizeof(weight), 1, to);
    CHECK(fclose(to) == 0);
    fclose(from);
    if (vkh_model_open(copy, &log_lines, &model) != VKH_OK)
        exit(1);
    unlink(copy);
    return model;
}

static void check_not_finite(struct vkh_device *device, const struct vkh_model *model,
                             const struct vkh_feed *feed, enum vkh_status want)
{
    struct vkh_session *session;
    if (vkh_session_create(device, model, NULL, &log_lines, &session) != VKH_OK)
        exit(1);
    struct vkh_lane *lane = lane_of(session, "baseline");
    const enum vkh_status status = vkh_lane_feed(lane, feed);
    CHECK_MSG(status == want, "status %d, want %d", (int)status, (int)want);
    vkh_lane_destroy(&lane);
    vkh_session_destroy(&session);
}

// What is not finite is an error in whatever is read of it: the file's, if its weights are not.
static void test_not_finite(struct vkh_device *device, const char *path)
{
    static float numbers[4096];
    static const uint32_t rows[] = {1};
    const struct vkh_feed feeds[] = {
        {.ids = ids, .n_ids = 3, .nll = numbers},
        {.ids = ids, .n_ids = 3, .rows = rows, .n_rows = 1, .logits = numbers},
        {.ids = ids, .n_ids = 3, .rows = rows, .n_rows = 1, .hidden = numbers},
    };
    struct vkh_model *model = open_damaged(path, NAN, 1);
    const long hidden = vkh_model_get_info(model).hidden;
    CHECK(vkh_model_get_info(model).vocab <= 4096 && hidden <= 4096);
    for (int i = 0; i < 3; i++)
        check_not_finite(device, model, &feeds[i], VKH_ERR_FORMAT);
    vkh_model_close(&model);
    // The last norm's: what it norms has elements beyond 1.
    model = open_damaged(path, FLT_MAX, hidden);
    check_not_finite(device, model, &feeds[2], VKH_ERR_INTERNAL);
    vkh_model_close(&model);
}

struct worker {
    struct vkh_session *session;
    float *const *want;
    int failures;
};

// CHECK counts without a lock, so a thread counts for itself.
static void *work(void *user)
{
    struct worker *worker = user;
    for (int round = 0; round < 5; round++) {
        float nll[N];
        struct vkh_lane *lane = lane_of(worker->session, round % 2 ? "hybrid:cf=2" : "baseline");
        worker->failures +=
            vkh_lane_feed(lane, &(struct vkh_feed){.ids = ids, .n_ids = N, .nll = nll}) != VKH_OK ||
            memcmp(nll, worker->want[round % 2], sizeof(nll)) != 0;
        vkh_lane_destroy(&lane);
    }
    return NULL;
}

static void test_threads(struct vkh_device *device, const struct vkh_model *model,
                         struct vkh_session *session, float *const want[2])
{
    struct worker workers[3] = {{session, want, 0}, {NULL, want, 0}, {NULL, want, 0}};
    const struct vkh_session_options borrowed = {.weights_of = session}, own = {.chunk = 64};
    CHECK(vkh_session_create(device, model, &borrowed, &log_lines, &workers[1].session) == VKH_OK);
    CHECK(vkh_session_create(device, model, &own, &log_lines, &workers[2].session) == VKH_OK);
    pthread_t threads[3];
    for (int i = 0; i < 3; i++)
        if (pthread_create(&threads[i], NULL, work, &workers[i]) != 0)
            exit(1);
    for (int i = 0; i < 3; i++) {
        pthread_join(threads[i], NULL);
        CHECK_MSG(workers[i].failures == 0, "thread %d: %d of 5 lanes differ", i,
                  workers[i].failures);
    }
    vkh_session_destroy(&workers[1].session);
    vkh_session_destroy(&workers[2].session);
}

// A session whose keys and values are in 8 bits gives such a table's bits, beside another.
static void test_packed(struct vkh_device *device, const struct vkh_model *model,
                        const struct vkh_session *lender, struct vkh_ppl_options options)
{
    struct vkh_ppl_results *table;
    struct vkh_session *session;
    const struct vkh_session_options packed = {.kv_type = VKH_KV_Q8_0, .weights_of = lender};
    options.kv_type = VKH_KV_Q8_0;
    if (vkh_ppl_run(device, model, &options, &log_lines, &table) != VKH_OK ||
        vkh_session_create(device, model, &packed, &log_lines, &session) != VKH_OK)
        exit(1);
    test_pieces(session, table->nll);
    test_forks(session, table->nll);
    vkh_session_destroy(&session);
    vkh_ppl_results_destroy(&table);
}

int main(int argc, char **argv)
{
    static const char *const methods[] = {"baseline", "hybrid:cf=2"};
    static const uint32_t length = N;
    struct vkh_device *device = api_test_device(&log_lines);
    struct vkh_model *model;
    struct vkh_session *session;
    struct vkh_ppl_results *table;
    if (argc != 3 || vkh_model_open(argv[1], &log_lines, &model) != VKH_OK ||
        api_test_ids(argv[2], ids, N) != N)
        return 1;
    const struct vkh_ppl_options options = {.ids = ids,
                                            .n_ids = N,
                                            .lengths = &length,
                                            .n_lengths = 1,
                                            .methods = methods,
                                            .n_methods = 2,
                                            .keep_nll = true};
    if (vkh_ppl_run(device, model, &options, &log_lines, &table) != VKH_OK ||
        vkh_session_create(device, model, NULL, &log_lines, &session) != VKH_OK)
        return 1;
    vocab = (int32_t)vkh_model_get_info(model).vocab;
    test_pieces(session, table->nll);
    test_forks(session, table->nll);
    test_rows(session, vkh_model_get_info(model).hidden, table->nll[0]);
    test_rows_tier(device, model, session, strstr(table->variants, "tier=matrix") != NULL);
    test_packed(device, model, session, options);
    test_refusals(session, table->nll[0]);
    test_threads(device, model, session, table->nll);
    test_not_finite(device, argv[1]);
    vkh_session_destroy(&session);
    vkh_ppl_results_destroy(&table);
    vkh_model_close(&model);
    CHECK(vkh_device_memory_use(device).device_now == 0);
    vkh_device_destroy(&device);
    return check_result();
}
