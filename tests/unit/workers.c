// SPDX-License-Identifier: MIT
// Each item is worked on once and by the time that a run returns, whoever does it.
#include "base/workers.h"

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "base/size.h"
#include "check.h"

enum { MIB = 1 << 20, MOST = 5000 };

enum { MEETINGS = 50 };

// Counts of items are under no mutex: ThreadSanitizer is to see an item that two threads take.
struct job {
    uint8_t times[MOST];
    uint64_t n;
    pthread_mutex_t mutex; // over what follows
    pthread_t by[VKH_MAX_WORKERS];
    uint32_t n_by, calls;
    uint64_t largest;
    bool outside;
    uint32_t deaf, hear_faults; // calls: application's signals blocked, those of faults not
};

static bool blocked(int signal)
{
    sigset_t set;
    return pthread_sigmask(SIG_SETMASK, NULL, &set) == 0 && sigismember(&set, signal) == 1;
}

static void note(struct job *job, uint64_t first, uint64_t n)
{
    uint32_t i = 0;
    while (i < job->n_by && !pthread_equal(job->by[i], pthread_self()))
        i++;
    if (i == job->n_by && i < VKH_MAX_WORKERS)
        job->by[job->n_by++] = pthread_self();
    job->calls++;
    job->largest = vkh_max_size(job->largest, n);
    job->outside |= n == 0 || first + n > job->n;
}

static void count(void *user, uint64_t first, uint64_t n)
{
    struct job *job = user;
    for (uint64_t i = first; i < first + n && i < MOST; i++)
        job->times[i]++;
    pthread_mutex_lock(&job->mutex);
    note(job, first, n);
    pthread_mutex_unlock(&job->mutex);
}

static void run(struct vkh_workers *workers, struct job *job, uint64_t n, uint64_t item_bytes)
{
    *job = (struct job){.n = n, .mutex = PTHREAD_MUTEX_INITIALIZER};
    vkh_workers_run(workers, n, item_bytes, count, job);
    bool once = true;
    for (uint64_t i = 0; i < MOST; i++)
        once &= job->times[i] == (i < n);
    CHECK_MSG(once && !job->outside, "%llu items of %llu bytes: not each once",
              (unsigned long long)n, (unsigned long long)item_bytes);
}

static void test_shares(uint32_t count)
{
    static const uint64_t sizes[] = {1, 2, 3, 7, 8, 9, 63, 64, 65, 1000, 1009, 4999, MOST};
    static const uint64_t bytes[] = {1, 300, 4096, 100000, MIB, 3 * (uint64_t)MIB};
    struct vkh_workers *workers = vkh_workers_create(count);
    CHECK(workers);
    struct job job;
    for (int round = 0; round < 20; round++) {
        for (size_t i = 0; i < VKH_COUNTOF(sizes); i++) {
            for (size_t j = 0; j < VKH_COUNTOF(bytes); j++) {
                run(workers, &job, sizes[i], bytes[j]);
                const bool little = sizes[i] * bytes[j] < MIB;
                CHECK(job.n_by <= count);
                if (little || count == 1)
                    CHECK(job.calls == 1 && job.n_by == 1 &&
                          pthread_equal(job.by[0], pthread_self()));
                else
                    CHECK(job.largest <= vkh_max_size(MIB / 4 / bytes[j], 1));
            }
        }
        run(workers, &job, 0, MIB);
        CHECK(job.calls == 0);
    }
    vkh_workers_destroy(&workers);
    CHECK(!workers);
}

// Nobody leaves before as many as there are items are in it.
struct meeting {
    pthread_barrier_t barrier;
    struct job *job;
};

static void meet(void *user, uint64_t first, uint64_t n)
{
    struct meeting *meeting = user;
    struct job *job = meeting->job;
    pthread_barrier_wait(&meeting->barrier);
    pthread_mutex_lock(&job->mutex);
    note(job, first, n);
    if (first < MOST)
        job->times[first]++;
    job->deaf += blocked(SIGINT) && blocked(SIGTERM) && blocked(SIGALRM);
    job->hear_faults += !blocked(SIGBUS) && !blocked(SIGSEGV);
    pthread_mutex_unlock(&job->mutex);
}

// All of them work at a time, the caller among them, with signals as the caller had them.
static void test_meeting(uint32_t count)
{
    struct job job = {.n = count, .mutex = PTHREAD_MUTEX_INITIALIZER};
    struct meeting meeting = {.job = &job};
    struct vkh_workers *workers = vkh_workers_create(count);
    CHECK(workers && pthread_barrier_init(&meeting.barrier, NULL, count) == 0);
    for (int round = 0; round < MEETINGS; round++) {
        job.n_by = 0;
        memset(job.times, 0, sizeof(job.times));
        vkh_workers_run(workers, count, MIB, meet, &meeting);
        CHECK_MSG(job.n_by == count && !job.outside, "%u of %u took part", job.n_by, count);
        for (uint32_t i = 0; i < count; i++)
            CHECK(job.times[i] == 1);
    }
    CHECK(job.deaf == MEETINGS * (count - 1) && job.hear_faults == MEETINGS * count);
    CHECK(!blocked(SIGINT));
    vkh_workers_destroy(&workers);
    pthread_barrier_destroy(&meeting.barrier);
}

// Any number may come and go without having worked, and be destroyed twice.
static void test_idle(void)
{
    for (uint32_t count = 1; count <= VKH_MAX_WORKERS; count++) {
        struct vkh_workers *workers = vkh_workers_create(count);
        CHECK(workers);
        vkh_workers_destroy(&workers);
        vkh_workers_destroy(&workers);
    }
    CHECK(vkh_workers_count() >= 1 && vkh_workers_count() <= VKH_MAX_WORKERS);
}

int main(void)
{
    test_idle();
    for (uint32_t count = 1; count <= VKH_MAX_WORKERS; count += count < 3 ? 1 : 5) {
        test_shares(count);
        test_meeting(count);
    }
    return check_result();
}
