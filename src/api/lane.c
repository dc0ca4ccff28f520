// SPDX-License-Identifier: MIT
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "api/rope_source.h"
#include "api/session.h"
#include "base/arena.h"
#include "base/log.h"
#include "base/size.h"
#include "gpu/stream.h"
#include "graph/rows.h"
#include "model/model.h"
#include "rope/fixed.h"
#include "rope/schedule.h"

// A pass that lanes share; the last one destroys it.
struct shared_pass {
    struct vkh_pass pass;
    uint32_t users;
};

struct vkh_lane {
    struct vkh_session *session;
    struct vkh_arena arena;
    struct vkh_schedule schedule;
    uint32_t max_tokens;
    uint32_t n_tokens;          // in the lane
    uint32_t computed;          // of them whose keys and values are there
    int32_t *ids;               // [max_tokens]
    struct shared_pass *prefix; // the tokens before those of `own`; NULL: there are none
    struct shared_pass *own;
};

static enum vkh_status out_of_memory(const struct vkh_session *session)
{
    return vkh_fail(&session->log, VKH_ERR_MEMORY, "lane: out of host memory");
}

static enum vkh_status plan_lane(struct vkh_lane *lane, const struct vkh_lane_options *options)
{
    const struct vkh_session *session = lane->session;
    const char *spec = options->method ? options->method : "baseline";
    struct vkh_rope_source rope;
    struct vkh_method method;
    if (options->max_tokens == 0)
        return vkh_fail(&session->log, VKH_ERR_ARGUMENT, "lane: max_tokens is 0");
    enum vkh_status status = vkh_method_parse(spec, &session->log, &method);
    if (status == VKH_OK)
        status = vkh_rope_source_init(&session->model->config, &session->log, &rope);
    if (status != VKH_OK)
        return status;
    if (options->original_max_len)
        rope.setting.original_max_len = options->original_max_len;
    rope.setting.length = options->max_tokens;
    status =
        vkh_schedule_init(&method, &rope.setting, &lane->arena, &session->log, &lane->schedule);
    if (status == VKH_OK)
        status = vkh_schedule_check(&lane->schedule, spec, options->max_tokens, &session->log);
    if (status != VKH_OK)
        return status;
    lane->max_tokens = options->max_tokens;
    lane->ids = calloc(lane->max_tokens, sizeof(*lane->ids));
    return lane->ids ? VKH_OK : out_of_memory(session);
}

// What a pass is created with: ids and targets come with the feeds.
struct inputs {
    uint64_t *positions, *frequencies, *local_frequencies; // the last NULL where there are none
    int32_t *zeros;
};

// The schedule was checked.
static bool fill_inputs(const struct vkh_lane *lane, uint32_t first, uint32_t n, struct inputs *in)
{
    const struct vkh_schedule *schedule = &lane->schedule;
    const uint32_t n_frequencies = schedule->n_frequencies;
    *in = (struct inputs){0};
    in->positions = malloc(n * sizeof(*in->positions));
    in->frequencies = malloc(2 * (size_t)n_frequencies * sizeof(*in->frequencies));
    in->zeros = calloc(n, sizeof(*in->zeros));
    in->local_frequencies = NULL;
    if (!in->positions || !in->frequencies || !in->zeros)
        return false;
    for (uint32_t i = 0; i < n; i++)
        vkh_fixed_position(vkh_schedule_position(schedule, (uint64_t)first + i), &in->positions[i]);
    if (schedule->local_frequencies)
        in->local_frequencies = in->frequencies + n_frequencies;
    for (uint32_t i = 0; i < n_frequencies; i++)
        vkh_fixed_frequency(schedule->frequencies[i], &in->frequencies[i]);
    for (uint32_t i = 0; in->local_frequencies && i < n_frequencies; i++)
        vkh_fixed_frequency(schedule->local_frequencies[i], &in->local_frequencies[i]);
    return true;
}

// The lane's own pass, over the tokens from `first` on.
static enum vkh_status create_pass(struct vkh_lane *lane, uint32_t first)
{
    struct vkh_session *session = lane->session;
    const uint32_t n = lane->max_tokens - first;
    struct inputs in;
    enum vkh_status status = VKH_OK;
    lane->own = calloc(1, sizeof(*lane->own));
    if (lane->own)
        lane->own->users = 1;
    if (!fill_inputs(lane, first, n, &in) || !lane->own)
        status = out_of_memory(session);
    if (status == VKH_OK) {
        const struct vkh_pass_inputs inputs = {
            .first_token = first,
            .n_tokens = n,
            .ids = in.zeros,
            .targets = in.zeros,
            .positions = in.positions,
            .frequencies = in.frequencies,
            .local_frequencies = in.local_frequencies,
            .n_frequencies = lane->schedule.n_frequencies,
            .attention_scale = (float)lane->schedule.attention_scale,
        };
        const struct vkh_pass_kv kv = {vkh_graph_get_plan(session->graph)->kv,
                                       session->model->config.n_layers, NULL};
        status = vkh_pass_create(session->device, session->stream, &kv, &inputs, &lane->own->pass);
    }
    free(in.positions);
    free(in.frequencies);
    free(in.zeros);
    return status;
}

static uint32_t tile_below(uint32_t tokens)
{
    return tokens - tokens % VKH_KEY_TILE;
}

// Begins like `parent` up to token `at`: shares the tiles that both place alike. The row of token
// at - 1 is the lane's own, since it predicts the first token to be fed.
static enum vkh_status begin_like(struct vkh_lane *lane, const struct vkh_lane *parent, uint32_t at)
{
    struct shared_pass *prefix = parent->prefix ? parent->prefix : parent->own;
    const uint32_t there = parent->prefix ? parent->own->pass.first_token : parent->computed;
    const uint64_t alike =
        vkh_schedule_common_prefix(&lane->schedule, &parent->schedule, lane->max_tokens);
    const uint64_t shared = vkh_min_size(vkh_min_size(at - 1, there), alike);
    const uint32_t first = tile_below((uint32_t)shared);
    const enum vkh_status status = create_pass(lane, first);
    if (status != VKH_OK)
        return status;
    memcpy(lane->ids, parent->ids, at * sizeof(*lane->ids));
    lane->n_tokens = at;
    lane->computed = first;
    if (first > 0) {
        lane->prefix = prefix;
        prefix->users++;
    }
    return VKH_OK;
}

static enum vkh_status check_fork(const struct vkh_lane *parent, uint32_t at,
                                  const struct vkh_lane_options *options)
{
    const struct vkh_log *log = &parent->session->log;
    if (at == 0 || at > parent->n_tokens)
        return vkh_fail(log, VKH_ERR_ARGUMENT, "lane: a fork at token %u of a lane that has %u", at,
                        parent->n_tokens);
    if (at > options->max_tokens)
        return vkh_fail(log, VKH_ERR_ARGUMENT, "lane: a fork at token %u with max_tokens %u", at,
                        options->max_tokens);
    return VKH_OK;
}

static enum vkh_status create(struct vkh_session *session, const struct vkh_lane *parent,
                              uint32_t at, const struct vkh_lane_options *options,
                              struct vkh_lane **out)
{
    struct vkh_lane *lane = calloc(1, sizeof(*lane));
    *out = NULL;
    if (!lane)
        return out_of_memory(session);
    lane->session = session;
    enum vkh_status status = plan_lane(lane, options);
    if (status == VKH_OK)
        status = parent ? begin_like(lane, parent, at) : create_pass(lane, 0);
    if (status != VKH_OK)
        vkh_lane_destroy(&lane);
    *out = lane;
    return status;
}

enum vkh_status vkh_lane_create(struct vkh_session *session, const struct vkh_lane_options *options,
                                struct vkh_lane **lane)
{
    return create(session, NULL, 0, options, lane);
}

enum vkh_status vkh_lane_fork(const struct vkh_lane *parent, uint32_t at,
                              const struct vkh_lane_options *options, struct vkh_lane **lane)
{
    *lane = NULL;
    const enum vkh_status status = check_fork(parent, at, options);
    return status == VKH_OK ? create(parent->session, parent, at, options, lane) : status;
}

static void leave(struct shared_pass *shared)
{
    if (!shared || --shared->users > 0)
        return;
    vkh_pass_destroy(&shared->pass);
    free(shared);
}

void vkh_lane_destroy(struct vkh_lane **pointer)
{
    struct vkh_lane *lane = pointer ? *pointer : NULL;
    if (!lane)
        return;
    leave(lane->own);
    leave(lane->prefix);
    free(lane->ids);
    vkh_arena_fini(&lane->arena);
    free(lane);
    *pointer = NULL;
}

uint32_t vkh_lane_tokens(const struct vkh_lane *lane)
{
    return lane->n_tokens;
}

static enum vkh_status check_feed(const struct vkh_lane *lane, const struct vkh_feed *feed)
{
    const struct vkh_log *log = &lane->session->log;
    const uint32_t vocab = lane->session->model->config.vocab;
    if (feed->n_ids == 0 || feed->n_ids > lane->max_tokens - lane->n_tokens)
        return vkh_fail(log, VKH_ERR_ARGUMENT, "lane: fed %u tokens, it has %u of max_tokens %u",
                        feed->n_ids, lane->n_tokens, lane->max_tokens);
    for (uint32_t i = 0; i < feed->n_ids; i++)
        if (feed->ids[i] < 0 || (uint32_t)feed->ids[i] >= vocab)
            return vkh_fail(log, VKH_ERR_ARGUMENT,
                            "lane: ids[%u] is %d, outside the vocabulary of %u", i, feed->ids[i],
                            vocab);
    for (uint32_t i = 0; i < feed->n_rows; i++)
        if (feed->rows[i] >= feed->n_ids || (i > 0 && feed->rows[i] <= feed->rows[i - 1]))
            return vkh_fail(log, VKH_ERR_ARGUMENT, "lane: rows[%u] is %u, not ascending below %u",
                            i, feed->rows[i], feed->n_ids);
    return VKH_OK;
}

// Ids of the tokens [from, end) and the ids that they predict, to the device.
static enum vkh_status upload(const struct vkh_lane *lane, uint32_t from, uint32_t end)
{
    struct vkh_stream *stream = lane->session->stream;
    const struct vkh_pass *pass = &lane->own->pass;
    const uint64_t at = (uint64_t)(from - pass->first_token) * 4,
                   bytes = (uint64_t)(end - from) * 4;
    const int32_t none = -1;
    enum vkh_status status =
        vkh_stream_write(stream, vkh_range(pass->ids, at, bytes), lane->ids + from);
    if (status == VKH_OK && bytes > 4)
        status =
            vkh_stream_write(stream, vkh_range(pass->targets, at, bytes - 4), lane->ids + from + 1);
    if (status == VKH_OK)
        status = vkh_stream_write(stream, vkh_range(pass->targets, at + bytes - 4, 4), &none);
    return status;
}

// A result of the token is not; the weights may be to blame.
static enum vkh_status not_finite(const struct vkh_lane *lane, const char *what, uint32_t token)
{
    const struct vkh_session *session = lane->session;
    const enum vkh_status status = vkh_model_check_finite(session->model, &session->log);
    return status != VKH_OK ? status
                            : vkh_fail(&session->log, VKH_ERR_INTERNAL,
                                       "lane: %s of token %u: not a finite number", what, token);
}

static bool all_finite(const float *values, uint64_t n)
{
    bool finite = true;
    for (uint64_t i = 0; i < n; i++)
        finite &= isfinite(values[i]) != 0;
    return finite;
}

// `n` chosen rows that were read, from `first` on.
static enum vkh_status check_chosen(const struct vkh_lane *lane, const struct vkh_feed *feed,
                                    uint64_t first, uint32_t n)
{
    const struct vkh_config *c = &lane->session->model->config;
    for (uint64_t i = first; i < first + n; i++) {
        const uint32_t token = lane->n_tokens + feed->rows[i];
        if (feed->hidden && !all_finite(feed->hidden + i * c->hidden, c->hidden))
            return not_finite(lane, "the hidden state", token);
        if (feed->logits && !all_finite(feed->logits + i * c->vocab, c->vocab))
            return not_finite(lane, "a logit", token);
    }
    return VKH_OK;
}

// The chosen rows in the chunk [from, from + n), which was recorded last. *next is the first row
// not read yet.
static enum vkh_status read_chosen(const struct vkh_lane *lane, const struct vkh_feed *feed,
                                   uint32_t from, uint32_t n, uint32_t *next)
{
    const struct vkh_session *session = lane->session;
    const struct vkh_config *c = &session->model->config;
    uint32_t rows[64], n_rows = 0;
    enum vkh_status status = VKH_OK;
    while (status == VKH_OK && *next < feed->n_rows && (feed->hidden || feed->logits)) {
        const uint64_t first = *next;
        for (n_rows = 0; *next < feed->n_rows && n_rows < VKH_COUNTOF(rows); ++*next) {
            const uint64_t token = (uint64_t)lane->n_tokens + feed->rows[*next];
            if (token >= (uint64_t)from + n)
                break;
            rows[n_rows++] = (uint32_t)(token - from);
        }
        if (n_rows == 0)
            break;
        status = vkh_rows_read(session->graph, session->stream,
                               &(struct vkh_rows){
                                   .rows = rows,
                                   .n = n_rows,
                                   .hidden = feed->hidden ? feed->hidden + first * c->hidden : NULL,
                                   .logits = feed->logits ? feed->logits + first * c->vocab : NULL,
                               });
        if (status == VKH_OK)
            status = check_chosen(lane, feed, first, n_rows);
    }
    return status;
}

static enum vkh_status compute(const struct vkh_lane *lane, const struct vkh_feed *feed,
                               uint32_t from, uint32_t end)
{
    struct vkh_session *session = lane->session;
    const struct vkh_pass *pass = &lane->own->pass;
    const struct vkh_pass *prefix = lane->prefix ? &lane->prefix->pass : NULL;
    const uint32_t chunk = vkh_graph_get_plan(session->graph)->chunk;
    uint32_t next_row = 0;
    enum vkh_status status = upload(lane, from, end);
    while (status == VKH_OK && from < end) {
        const uint32_t n = (uint32_t)vkh_min_size(chunk, end - from);
        vkh_graph_record(session->graph, session->stream, prefix, pass, from - pass->first_token,
                         n);
        status = read_chosen(lane, feed, from, n, &next_row);
        if (status == VKH_OK)
            status = vkh_stream_submit(session->stream, NULL);
        from += n;
    }
    const enum vkh_status finished = vkh_stream_finish(session->stream);
    return status == VKH_OK ? finished : status;
}

// Token t is scored by the row of token t - 1.
static enum vkh_status read_nll(const struct vkh_lane *lane, const struct vkh_feed *feed)
{
    const struct vkh_pass *pass = &lane->own->pass;
    const uint32_t unscored = lane->n_tokens == 0; // the first token has nothing before it
    const uint32_t n = feed->n_ids - unscored;
    const uint64_t row = lane->n_tokens + unscored - 1 - pass->first_token;
    if (!feed->nll)
        return VKH_OK;
    feed->nll[0] = 0.0f;
    if (n == 0)
        return VKH_OK;
    const enum vkh_status status = vkh_stream_read(lane->session->stream, feed->nll + unscored,
                                                   vkh_range(pass->nll, row * 4, (uint64_t)n * 4));
    for (uint32_t i = 0; i < feed->n_ids && status == VKH_OK; i++)
        if (!isfinite(feed->nll[i]))
            return not_finite(lane, "the NLL", lane->n_tokens + i);
    return status;
}

enum vkh_status vkh_lane_feed(struct vkh_lane *lane, const struct vkh_feed *feed)
{
    enum vkh_status status = check_feed(lane, feed);
    if (status != VKH_OK)
        return status;
    const uint32_t known = lane->n_tokens > 0 ? lane->n_tokens - 1 : 0; // its row scores ids[0]
    const uint32_t from = tile_below((uint32_t)vkh_min_size(known, lane->computed));
    const uint32_t end = lane->n_tokens + feed->n_ids;
    memcpy(lane->ids + lane->n_tokens, feed->ids, feed->n_ids * sizeof(*lane->ids));
    status = compute(lane, feed, from, end);
    if (status == VKH_OK)
        status = read_nll(lane, feed);
    if (status == VKH_OK)
        lane->n_tokens = lane->computed = end;
    return status;
}
