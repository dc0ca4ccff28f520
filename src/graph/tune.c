// SPDX-License-Identifier: MIT
#include "graph/tune.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/size.h"
#include "gpu/cache.h"
#include "gpu/choices.h"
#include "gpu/stream.h"
#include "graph/event.h"
#include "graph/tier.h"
#include "model/model.h"

enum { WARM_TOKENS = 64, FIRST_TOKENS = 256, ROUNDS = 9, LEAST_ROUNDS = 3, MOST_CALLS = 32 };
static const double LONG_ENOUGH = 2e-3; // seconds of the fastest variant's call
static const double SAMPLE = 1e-3;      // of a sample, made of calls
static const double LIMIT = 0.06;       // of all samples, once there are LEAST_ROUNDS of them
static const double OUT = 4.0;          // times the fastest: not worth more calls

struct contest {
    const struct vkh_trial *trial;
    const struct vkh_event *event;
    uint32_t n;
    struct vkh_contestant variants[VKH_CHOICE_VARIANTS];
    bool out[VKH_CHOICE_VARIANTS];
    double seconds[VKH_CHOICE_VARIANTS]; // a call
    uint32_t n_tokens;                   // of a call
};

static void list_variants(const struct vkh_trial *trial, struct contest *contest)
{
    uint32_t n;
    const struct vkh_variant *variants = contest->event->variants(trial, &n);
    for (uint32_t i = 0; i < n && contest->n < VKH_CHOICE_VARIANTS; i++)
        if (vkh_variant_supported(trial->device, &variants[i]))
            contest->variants[contest->n++].variant = &variants[i];
}

static enum vkh_status time_calls(const struct contest *c, uint32_t variant, uint32_t calls,
                                  double *seconds)
{
    struct vkh_stream *stream = c->trial->stream;
    const double busy = vkh_stream_times(stream).busy, began = vkh_clock();
    for (uint32_t i = 0; i < calls; i++)
        c->event->record(c->trial, &c->variants[variant], c->n_tokens);
    const enum vkh_status status = vkh_stream_finish(stream);
    const double spent = vkh_device_caps(c->trial->device)->timestamp_ns > 0.0
                             ? vkh_stream_times(stream).busy - busy
                             : vkh_clock() - began;
    *seconds = spent / calls;
    return status;
}

static uint32_t fastest(const struct contest *c)
{
    uint32_t best = 0;
    for (uint32_t i = 1; i < c->n; i++)
        if (c->seconds[i] < c->seconds[best])
            best = i;
    return best;
}

// More and more tokens, until the fastest takes long enough; what is far behind runs no more.
static enum vkh_status size_up(struct contest *c)
{
    enum vkh_status status = VKH_OK;
    double first;
    c->n_tokens = WARM_TOKENS;
    for (uint32_t i = 0; i < c->n && status == VKH_OK; i++)
        status = time_calls(c, i, 1, &first); // which pays for what comes once
    for (c->n_tokens = FIRST_TOKENS; status == VKH_OK; c->n_tokens *= 2) {
        for (uint32_t i = 0; i < c->n && status == VKH_OK; i++)
            if (!c->out[i])
                status = time_calls(c, i, 1, &c->seconds[i]);
            else
                c->seconds[i] *= 2.0;
        const double least = c->seconds[fastest(c)];
        for (uint32_t i = 0; i < c->n; i++)
            c->out[i] |= c->seconds[i] > OUT * least;
        if (least >= LONG_ENOUGH || c->n_tokens == VKH_TRIAL_TOKENS)
            break;
    }
    return status;
}

static uint32_t left(const struct contest *c)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < c->n; i++)
        n += !c->out[i];
    return n;
}

static int compare(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

// In turns, so that what changes the device's clocks meets all of them; medians. The first are
// those of sizing up.
static enum vkh_status take_samples(struct contest *c)
{
    double samples[VKH_CHOICE_VARIANTS][ROUNDS];
    uint32_t calls[VKH_CHOICE_VARIANTS], rounds = 1;
    enum vkh_status status = VKH_OK;
    const double began = vkh_clock();
    if (left(c) == 1)
        return VKH_OK;
    for (uint32_t i = 0; i < c->n; i++) {
        samples[i][0] = c->seconds[i];
        calls[i] = (uint32_t)fmin(ceil(SAMPLE / fmax(c->seconds[i], 1e-9)), MOST_CALLS);
    }
    for (; rounds < ROUNDS && status == VKH_OK &&
           (rounds < LEAST_ROUNDS || vkh_clock() - began < LIMIT);
         rounds++)
        for (uint32_t i = 0; i < c->n && status == VKH_OK; i++)
            if (!c->out[i])
                status = time_calls(c, i, calls[i], &samples[i][rounds]);
    for (uint32_t i = 0; i < c->n && status == VKH_OK; i++) {
        if (c->out[i])
            continue;
        qsort(samples[i], rounds, sizeof(samples[i][0]), compare);
        c->seconds[i] = samples[i][rounds / 2];
    }
    return status;
}

static const char *type_of(const struct contest *c)
{
    return c->event->has_type ? vkh_dtype_info(c->trial->type)->name : NULL;
}

// The one chosen before, or else the last, unless another wins.
static uint32_t choose(const struct contest *c)
{
    struct vkh_choice before;
    uint32_t incumbent = c->n - 1;
    if (vkh_choice_get(c->trial->device, c->event->operation, type_of(c), &before))
        for (uint32_t i = 0; i < c->n; i++)
            if (strcmp(c->variants[i].variant->name, before.variants[before.chosen].name) == 0)
                incumbent = i;
    const uint32_t best = fastest(c);
    return c->seconds[best] < c->event->margin * c->seconds[incumbent] ? best : incumbent;
}

static void keep(const struct contest *c)
{
    struct vkh_choice choice = {.n = c->n, .chosen = choose(c)};
    snprintf(choice.operation, sizeof(choice.operation), "%s", c->event->operation);
    snprintf(choice.type, sizeof(choice.type), "%s", type_of(c) ? type_of(c) : "");
    for (uint32_t i = 0; i < c->n; i++) {
        snprintf(choice.variants[i].name, sizeof(choice.variants[i].name), "%s",
                 c->variants[i].variant->name);
        choice.variants[i].seconds = c->seconds[i];
    }
    vkh_choice_put(c->trial->device, &choice);
}

static enum vkh_status hold(struct contest *c)
{
    enum vkh_status status = VKH_OK;
    for (uint32_t i = 0; i < c->n && status == VKH_OK; i++)
        status = c->event->create(c->trial, &c->variants[i]);
    if (status == VKH_OK)
        status = size_up(c);
    if (status == VKH_OK)
        status = take_samples(c);
    if (status == VKH_OK)
        keep(c);
    return status;
}

// Whether the event would choose something of the type that was not chosen before.
static bool is_open(const struct vkh_trial *trial, const struct vkh_event *event)
{
    struct contest c = {.trial = trial, .event = event};
    struct vkh_choice before;
    list_variants(trial, &c);
    return c.n > 1 && !vkh_choice_get(trial->device, event->operation, type_of(&c), &before);
}

// The events of the mask; those that are open, or all.
static enum vkh_status tune(struct vkh_device *device, enum vkh_dtype type, uint32_t mask, bool all)
{
    struct vkh_trial trial = {.device = device, .type = type};
    const double began = vkh_clock();
    enum vkh_status status = VKH_OK;
    uint32_t wanted = 0;
    if (mask & (1u << VKH_EVENT_TILE | 1u << VKH_EVENT_TIER))
        status = vkh_matrix_layout(device, &trial.layout);
    if (status == VKH_OK && trial.layout.side)
        status = vkh_unpack_choose(device, &trial.layout);
    if (vkh_matmul_matrix_fitting(device, &trial.layout, type) == 0)
        trial.layout = (struct vkh_matrix_layout){0};
    for (uint32_t i = 0; i < VKH_N_EVENTS && status == VKH_OK; i++)
        if ((mask >> i & 1) && (all || is_open(&trial, &vkh_events[i])))
            wanted |= 1u << i;
    if (status != VKH_OK || !wanted || !vkh_cache_is_writable(device))
        return status;
    const struct vkh_matrix_layout layout = trial.layout;
    status = vkh_trial_init(device, &layout, type, &trial);
    for (uint32_t i = 0; i < VKH_N_EVENTS && status == VKH_OK; i++) {
        struct contest c = {.trial = &trial, .event = &vkh_events[i]};
        list_variants(&trial, &c);
        if ((wanted >> i & 1) && c.n > 1)
            status = hold(&c);
    }
    vkh_trial_fini(&trial);
    vkh_logf(vkh_device_log(device), VKH_LOG_DEBUG, "variants for %s measured in %.2f s",
             vkh_dtype_info(type)->name, vkh_clock() - began);
    return status;
}

static bool may_tune(const struct vkh_device *device)
{
    return !vkh_device_caps(device)->is_cpu && !vkh_device_variants(device);
}

// Bits of the types of the layers' weights.
static uint32_t layer_types(const struct vkh_model *model)
{
    uint32_t types = 0;
    for (uint32_t i = 0; i < model->config.n_layers; i++) {
        const struct vkh_layer *l = &model->layers[i];
        const struct vkh_tensor *const tensors[] = {l->q,    l->k,  l->v,   l->o,
                                                    l->gate, l->up, l->down};
        for (size_t j = 0; j < VKH_COUNTOF(tensors); j++)
            types |= 1u << tensors[j]->type;
    }
    return types;
}

void vkh_tune_matrix(struct vkh_device *device, const struct vkh_model *model)
{
    if (may_tune(device))
        tune(device, model->layers[0].gate->type, 1u << VKH_EVENT_TILE | 1u << VKH_EVENT_TIER,
             false);
}

void vkh_tune_rows(struct vkh_device *device, const struct vkh_model *model)
{
    const uint32_t types = layer_types(model);
    if (!may_tune(device))
        return;
    for (uint32_t type = 0; type < VKH_N_DTYPES; type++)
        if (types >> type & 1)
            tune(device, (enum vkh_dtype)type, 1u << VKH_EVENT_MATMUL | 1u << VKH_EVENT_ATTENTION,
                 false);
    tune(device, model->output->type, 1u << VKH_EVENT_HEAD, false);
}

enum vkh_status vkh_tune_again(struct vkh_device *device, enum vkh_dtype type)
{
    const struct vkh_log *log = vkh_device_log(device);
    if (vkh_device_variants(device))
        return vkh_fail(log, VKH_ERR_ARGUMENT,
                        "measuring variants: some are chosen by hand already");
    if (!vkh_cache_is_writable(device))
        return vkh_fail(log, VKH_ERR_IO,
                        "measuring variants: there is no cache folder, or it cannot be written");
    return tune(device, type, (1u << VKH_N_EVENTS) - 1, true);
}
