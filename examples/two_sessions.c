// SPDX-License-Identifier: MIT
// two_sessions MODEL IDS: two threads on one device and one copy of the weights, each with a method
// of its own; prints the perplexity of both.
#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <vkhrope/vkhrope.h>

enum { MOST = 4096, PIECE = 256 };

static int32_t ids[MOST];
static uint32_t n_ids;

struct job {
    struct vkh_session *session;
    const char *method;
    double sum; // of the NLL
    enum vkh_status status;
};

static void print_line(void *user, enum vkh_log_level level, const char *line)
{
    (void)user;
    (void)level;
    fprintf(stderr, "%s\n", line);
}

static void *score(void *user)
{
    struct job *job = user;
    struct vkh_lane *lane = NULL;
    const struct vkh_lane_options options = {.method = job->method, .max_tokens = n_ids};
    job->status = vkh_lane_create(job->session, &options, &lane);
    for (uint32_t at = 0; at < n_ids && job->status == VKH_OK; at += PIECE) {
        float nll[PIECE];
        const uint32_t n = n_ids - at < PIECE ? n_ids - at : PIECE;
        job->status =
            vkh_lane_feed(lane, &(struct vkh_feed){.ids = ids + at, .n_ids = n, .nll = nll});
        for (uint32_t i = 0; i < n && job->status == VKH_OK; i++)
            job->sum += (double)nll[i];
    }
    vkh_lane_destroy(&lane);
    return NULL;
}

static enum vkh_status open_sessions(struct vkh_device *device, const struct vkh_model *model,
                                     const struct vkh_log *log, struct job jobs[2])
{
    enum vkh_status status = vkh_session_create(device, model, NULL, log, &jobs[0].session);
    const struct vkh_session_options beside = {.weights_of = jobs[0].session};
    if (status == VKH_OK)
        status = vkh_session_create(device, model, &beside, log, &jobs[1].session);
    return status;
}

static enum vkh_status score_both(struct job jobs[2])
{
    pthread_t thread;
    if (pthread_create(&thread, NULL, score, &jobs[1]) != 0)
        return VKH_ERR_MEMORY;
    score(&jobs[0]);
    pthread_join(thread, NULL);
    for (int i = 0; i < 2; i++)
        if (jobs[i].status == VKH_OK)
            printf("%s %.6f\n", jobs[i].method, exp(jobs[i].sum / (n_ids - 1)));
    return jobs[0].status != VKH_OK ? jobs[0].status : jobs[1].status;
}

int main(int argc, char **argv)
{
    static const struct vkh_log log = {print_line, NULL, VKH_LOG_WARNING};
    static const struct vkh_device_options options = {.log = &log};
    struct job jobs[2] = {{.method = "baseline"}, {.method = "hybrid:cf=2"}};
    FILE *file = argc == 3 ? fopen(argv[2], "r") : NULL;
    if (!file) {
        fprintf(stderr, "usage: two_sessions MODEL IDS\n");
        return 1;
    }
    while (n_ids < MOST && fscanf(file, "%d", &ids[n_ids]) == 1)
        n_ids++;
    fclose(file);

    struct vkh_model *model = NULL;
    struct vkh_device *device = NULL;
    enum vkh_status status = vkh_model_open(argv[1], &log, &model);
    if (status == VKH_OK)
        status = vkh_device_create(&options, &device);
    if (status == VKH_OK)
        status = open_sessions(device, model, &log, jobs);
    if (status == VKH_OK)
        status = score_both(jobs);
    vkh_session_destroy(&jobs[1].session);
    vkh_session_destroy(&jobs[0].session);
    vkh_device_destroy(&device);
    vkh_model_close(&model);
    return status != VKH_OK;
}
