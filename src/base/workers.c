// SPDX-License-Identifier: MIT
#include "base/workers.h"

#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/size.h"

// Waking threads takes longer than copying less than ALONE_BYTES. Shares are small enough that the
// last one keeps nobody waiting for long and that late risers find some left.
enum { ALONE_BYTES = 1 << 20, SHARE_BYTES = 256 << 10 };

struct vkh_workers {
    uint32_t count;
    pthread_mutex_t mutex; // over what follows, up to `stopped`
    pthread_cond_t begun, done;
    vkh_work_fn *fn;
    void *user;
    uint64_t n, next, share; // items: all, the first that nobody took, of a share
    uint32_t busy;           // shares being worked on
    bool stopped;
    bool started;
    uint32_t n_threads;
    pthread_t threads[VKH_MAX_WORKERS - 1];
};

uint32_t vkh_workers_count(void)
{
    cpu_set_t set;
    const long online = sched_getaffinity(0, sizeof(set), &set) == 0
                            ? CPU_COUNT(&set)
                            : sysconf(_SC_NPROCESSORS_ONLN);
    return online < 1 ? 1 : online > VKH_MAX_WORKERS ? VKH_MAX_WORKERS : (uint32_t)online;
}

struct vkh_workers *vkh_workers_create(uint32_t count)
{
    struct vkh_workers *workers = calloc(1, sizeof(*workers));
    if (!workers)
        return NULL;
    workers->count = count;
    pthread_mutex_init(&workers->mutex, NULL);
    pthread_cond_init(&workers->begun, NULL);
    pthread_cond_init(&workers->done, NULL);
    return workers;
}

// Works until no share is left; the mutex is held before and after.
static void take_part(struct vkh_workers *workers)
{
    while (workers->next < workers->n) {
        const uint64_t first = workers->next;
        const uint64_t n = vkh_min_size(workers->share, workers->n - first);
        vkh_work_fn *fn = workers->fn;
        void *user = workers->user;
        workers->next += n;
        workers->busy++;
        pthread_mutex_unlock(&workers->mutex);
        fn(user, first, n);
        pthread_mutex_lock(&workers->mutex);
        workers->busy--;
    }
    if (workers->busy == 0)
        pthread_cond_signal(&workers->done);
}

static void *work(void *user)
{
    struct vkh_workers *workers = user;
    pthread_mutex_lock(&workers->mutex);
    while (!workers->stopped) {
        take_part(workers);
        pthread_cond_wait(&workers->begun, &workers->mutex);
    }
    pthread_mutex_unlock(&workers->mutex);
    return NULL;
}

// Signals are for the application's threads, but for those that say what a thread itself did:
// these, if blocked, end the process past the application's handler.
static void start(struct vkh_workers *workers)
{
    static const int own[] = {SIGBUS, SIGFPE, SIGILL, SIGSEGV, SIGSYS, SIGTRAP};
    sigset_t blocked, before;
    sigfillset(&blocked);
    for (size_t i = 0; i < VKH_COUNTOF(own); i++)
        sigdelset(&blocked, own[i]);
    pthread_sigmask(SIG_SETMASK, &blocked, &before);
    while (workers->n_threads < workers->count - 1 &&
           pthread_create(&workers->threads[workers->n_threads], NULL, work, workers) == 0)
        workers->n_threads++;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    workers->started = true;
}

void vkh_workers_destroy(struct vkh_workers **pointer)
{
    struct vkh_workers *workers = *pointer;
    if (!workers)
        return;
    pthread_mutex_lock(&workers->mutex);
    workers->stopped = true;
    pthread_cond_broadcast(&workers->begun);
    pthread_mutex_unlock(&workers->mutex);
    for (uint32_t i = 0; i < workers->n_threads; i++)
        pthread_join(workers->threads[i], NULL);
    pthread_cond_destroy(&workers->done);
    pthread_cond_destroy(&workers->begun);
    pthread_mutex_destroy(&workers->mutex);
    free(workers);
    *pointer = NULL;
}

void vkh_workers_run(struct vkh_workers *workers, uint64_t n, uint64_t item_bytes, vkh_work_fn *fn,
                     void *user)
{
    if (n == 0)
        return;
    if (workers->count == 1 || n < vkh_div_up(ALONE_BYTES, item_bytes)) {
        fn(user, 0, n);
        return;
    }
    if (!workers->started)
        start(workers);
    pthread_mutex_lock(&workers->mutex);
    workers->fn = fn;
    workers->user = user;
    workers->n = n;
    workers->next = 0;
    workers->share = vkh_max_size(SHARE_BYTES / item_bytes, 1);
    pthread_cond_broadcast(&workers->begun);
    take_part(workers);
    while (workers->busy > 0)
        pthread_cond_wait(&workers->done, &workers->mutex);
    pthread_mutex_unlock(&workers->mutex);
}
