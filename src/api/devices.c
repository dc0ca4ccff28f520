// SPDX-License-Identifier: MIT
// A run over several devices: a thread each, whose results are joined.
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <vkhrope/perplexity.h>

#include "base/log.h"
#include "report/merge.h"

// What the threads have in common.
struct team {
    const struct vkh_model *model;
    const struct vkh_ppl_options *options;
    const struct vkh_log *log;
    pthread_mutex_t mutex; // over what follows, and the caller's callbacks
    struct worker *workers;
    uint32_t n;
    bool stopped; // some worker failed, or the caller cancelled
    bool told;    // of the error that stopped them; what the others say of it is of no use
};

struct worker {
    struct team *team;
    struct vkh_device *device;
    uint32_t index;
    enum vkh_kv_type kv_type;
    pthread_t thread;
    bool started;
    uint64_t done, total; // tokens; 0 until it has begun
    enum vkh_status status;
    struct vkh_ppl_results *results;
};

static void log_line(void *user, enum vkh_log_level level, const char *line)
{
    struct team *team = user;
    pthread_mutex_lock(&team->mutex);
    if (level != VKH_LOG_ERROR || !team->told)
        team->log->fn(team->log->user, level, line);
    team->told |= level == VKH_LOG_ERROR;
    pthread_mutex_unlock(&team->mutex);
}

// How far all are together; the parts of those that have not begun count as large as this one.
static bool step(void *user, const struct vkh_ppl_progress *own)
{
    struct worker *worker = user;
    struct team *team = worker->team;
    const struct vkh_ppl_options *options = team->options;
    pthread_mutex_lock(&team->mutex);
    worker->done = own->done;
    worker->total = own->total;
    struct vkh_ppl_progress all = {.method = own->method};
    for (uint32_t i = 0; i < team->n; i++) {
        all.done += team->workers[i].done;
        all.total += team->workers[i].total ? team->workers[i].total : own->total;
    }
    if (options->progress && !team->stopped && !options->progress(options->user, &all))
        team->stopped = true;
    const bool go_on = !team->stopped;
    pthread_mutex_unlock(&team->mutex);
    return go_on;
}

static void *work(void *user)
{
    struct worker *worker = user;
    struct team *team = worker->team;
    struct vkh_ppl_options options = *team->options;
    const bool logs = team->log && team->log->fn;
    const struct vkh_log log = {log_line, team, logs ? team->log->max_level : VKH_LOG_ERROR};
    options.part = (struct vkh_ppl_share){worker->index + 1, team->n};
    options.kv_type = worker->kv_type;
    options.progress = step;
    options.user = worker;
    worker->status =
        vkh_ppl_run(worker->device, team->model, &options, logs ? &log : NULL, &worker->results);
    pthread_mutex_lock(&team->mutex);
    team->stopped |= worker->status != VKH_OK;
    pthread_mutex_unlock(&team->mutex);
    return NULL;
}

// F16 everywhere where one device would take it: a table is of one type.
static enum vkh_status choose_kv_type(struct team *team)
{
    enum vkh_kv_type kv_type = team->options->kv_type;
    for (uint32_t i = 0; i < team->n; i++) {
        struct vkh_ppl_options options = *team->options;
        struct vkh_ppl_memory memory;
        options.part = (struct vkh_ppl_share){i + 1, team->n};
        const enum vkh_status status =
            vkh_ppl_plan(team->workers[i].device, team->model, &options, team->log, &memory);
        if (status != VKH_OK)
            return status;
        if (kv_type == VKH_KV_AUTO && strcmp(memory.kv_type, "F16") == 0)
            kv_type = VKH_KV_F16;
    }
    for (uint32_t i = 0; i < team->n; i++)
        team->workers[i].kv_type = kv_type;
    return VKH_OK;
}

// Starts all and waits for them; the first status that tells why.
static enum vkh_status run_all(struct team *team)
{
    enum vkh_status status = VKH_OK;
    for (uint32_t i = 0; i < team->n && status == VKH_OK; i++) {
        struct worker *worker = &team->workers[i];
        worker->started = pthread_create(&worker->thread, NULL, work, worker) == 0;
        if (worker->started)
            continue;
        pthread_mutex_lock(&team->mutex);
        team->stopped = true;
        pthread_mutex_unlock(&team->mutex);
        status = vkh_fail(team->log, VKH_ERR_MEMORY, "cannot start a thread for device %u", i);
    }
    for (uint32_t i = 0; i < team->n; i++)
        if (team->workers[i].started)
            pthread_join(team->workers[i].thread, NULL);
    for (uint32_t i = 0; i < team->n; i++) {
        const enum vkh_status own = team->workers[i].status;
        if (own != VKH_OK && (status == VKH_OK || status == VKH_ERR_CANCELLED))
            status = own;
    }
    return status;
}

static enum vkh_status join(const struct team *team, struct vkh_ppl_results **results)
{
    double longest = 0.0;
    struct vkh_piece *pieces = calloc(team->n, sizeof(*pieces));
    if (!pieces)
        return vkh_fail(team->log, VKH_ERR_MEMORY, "results: out of host memory");
    for (uint32_t i = 0; i < team->n; i++) {
        const struct vkh_ppl_results *part = team->workers[i].results;
        pieces[i] = (struct vkh_piece){part, part->device};
        longest = part->seconds > longest ? part->seconds : longest;
    }
    const enum vkh_status status = vkh_results_join(pieces, team->n, team->log, results);
    if (status == VKH_OK) {
        (*results)->seconds = longest;
        (*results)->n_devices = team->n;
    }
    free(pieces);
    return status;
}

enum vkh_status vkh_ppl_run_on(struct vkh_device *const *devices, uint32_t n_devices,
                               const struct vkh_model *model, const struct vkh_ppl_options *options,
                               const struct vkh_log *log, struct vkh_ppl_results **results)
{
    *results = NULL;
    if (n_devices == 0)
        return vkh_fail(log, VKH_ERR_ARGUMENT, "devices: none given");
    if (n_devices > 1 && options->checkpoint)
        return vkh_fail(
            log, VKH_ERR_ARGUMENT,
            "checkpoint: it is of one device's run: leave out the checkpoint or all but "
            "one device");
    struct team team = {.model = model,
                        .options = options,
                        .log = log,
                        .mutex = PTHREAD_MUTEX_INITIALIZER,
                        .workers = calloc(n_devices, sizeof(*team.workers)),
                        .n = n_devices};
    if (!team.workers)
        return vkh_fail(log, VKH_ERR_MEMORY, "results: out of host memory");
    for (uint32_t i = 0; i < n_devices; i++)
        team.workers[i] = (struct worker){.team = &team, .device = devices[i], .index = i};
    enum vkh_status status = choose_kv_type(&team);
    if (status == VKH_OK)
        status = run_all(&team);
    if (status == VKH_OK)
        status = join(&team, results);
    for (uint32_t i = 0; i < n_devices; i++)
        vkh_ppl_results_destroy(&team.workers[i].results);
    free(team.workers);
    pthread_mutex_destroy(&team.mutex);
    return status;
}
