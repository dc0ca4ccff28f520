// SPDX-License-Identifier: MIT
// Methods through the public API alone, one a line: as those of a table, its sweeps and what it
// compares with, of a lane, and of the rotary embedding as one operation. What stands behind a mark
// is a file that they may name: /proc/self/fd/100.
#include <math.h>
#include <vkhrope/record.h>
#include <vkhrope/vkhrope.h>

#include "embedded_model.h"
#include "fuzz.h"
#include "null_vulkan.h"

enum { MOST_LINES = 6, N_IDS = 40, LINE = 256, NAMED_FILE = 100 };

// The last two are of files that a method names.
static bool is_method_verdict(enum vkh_status status)
{
    return status == VKH_OK || status == VKH_ERR_ARGUMENT || status == VKH_ERR_UNSUPPORTED ||
           status == VKH_ERR_IO || status == VKH_ERR_FORMAT;
}

static enum vkh_status plan(struct vkh_device *device, const struct vkh_model *model,
                            struct vkh_ppl_options options)
{
    static const int32_t ids[N_IDS];
    static const uint32_t lengths[] = {2, 33, N_IDS};
    struct vkh_ppl_memory memory = {0};
    options.ids = ids;
    options.n_ids = N_IDS;
    options.lengths = lengths;
    options.n_lengths = 3;
    options.original_max_len = 16;
    const enum vkh_status status = vkh_ppl_plan(device, model, &options, &fuzz_log, &memory);
    PROMISE(is_method_verdict(status) && (status != VKH_OK || memory.peak > 0));
    return status;
}

static bool try_plans(struct vkh_device *device, const struct vkh_model *model,
                      const char *const *lines, uint32_t n)
{
    const bool methods =
        plan(device, model, (struct vkh_ppl_options){.methods = lines, .n_methods = n}) == VKH_OK;
    const bool sweeps =
        plan(device, model, (struct vkh_ppl_options){.sweeps = lines, .n_sweeps = n}) == VKH_OK;
    plan(device, model,
         (struct vkh_ppl_options){
             .methods = lines, .n_methods = 1, .kl = lines[n - 1], .shard = {1, 2}});
    PROMISE(!methods || !sweeps);
    return methods || sweeps;
}

static void try_record(struct vkh_rope_op *op)
{
    const VkBuffer buffer = null_buffer(3 * 2 * 20 * 4);
    const struct vkh_rope_recording recording = {
        .commands = null_commands(), .buffer = buffer, .first_token = N_IDS - 3, .n_tokens = 3};
    const struct vkh_rope_recording beyond = {
        .commands = null_commands(), .buffer = buffer, .first_token = N_IDS, .n_tokens = 1};
    PROMISE(vkh_rope_record(op, &recording) == VKH_OK);
    PROMISE(vkh_rope_record(op, &beyond) == VKH_ERR_ARGUMENT);
    null_buffer_destroy(buffer);
}

static void try_operation(struct vkh_device *device, const char *method)
{
    const struct vkh_rope_op_options options = {
        .method = method,
        .base = 10000.0,
        .original_max_len = 16,
        .max_tokens = N_IDS,
        .n_heads = 2,
        .head_dim = 20,
        .rotary_dim = 16,
    };
    struct vkh_rope_op *op;
    const enum vkh_status status = vkh_rope_op_create(device, &options, &op);
    PROMISE(is_method_verdict(status) && (status == VKH_OK) == (op != NULL));
    if (op)
        try_record(op);
    vkh_rope_op_destroy(&op);
}

static void try_lane(struct vkh_session *session, const char *method)
{
    static const int32_t ids[N_IDS];
    const struct vkh_lane_options options = {
        .method = method, .original_max_len = 16, .max_tokens = N_IDS};
    struct vkh_lane *lane;
    float nll[N_IDS];
    const enum vkh_status status = vkh_lane_create(session, &options, &lane);
    PROMISE(is_method_verdict(status) && (status == VKH_OK) == (lane != NULL));
    if (lane) {
        PROMISE(vkh_lane_feed(lane, &(struct vkh_feed){.ids = ids, .n_ids = N_IDS, .nll = nll}) ==
                VKH_OK);
        PROMISE(isfinite(nll[N_IDS - 1]));
    }
    vkh_lane_destroy(&lane);
}

static bool try_lines(char *text)
{
    const struct vkh_model *model = embedded_model();
    static struct vkh_device *device;
    static struct vkh_session *session;
    const char *lines[MOST_LINES];
    uint32_t n = 0;
    if (!device) {
        device = null_device(&fuzz_log);
        PROMISE(vkh_session_create(device, model, NULL, &fuzz_log, &session) == VKH_OK);
    }
    for (char *line; n < MOST_LINES && (line = strsep(&text, "\n"));)
        lines[n++] = line;
    for (uint32_t i = 0; i < n; i++) {
        try_operation(device, lines[i]);
        try_lane(session, lines[i]);
    }
    return try_plans(device, model, lines, n);
}

bool fuzz_one(const uint8_t *data, size_t size)
{
    char text[MOST_LINES * LINE], path[32];
    const uint8_t *file;
    size_t file_size;
    size = fuzz_split(data, size, &file, &file_size);
    if (size >= sizeof(text))
        return false;
    if (size > 0)
        memcpy(text, data, size);
    text[size] = '\0';
    const int fd = fuzz_file(file, file_size, path);
    PROMISE(dup2(fd, NAMED_FILE) == NAMED_FILE);
    close(fd);
    const bool accepted = try_lines(text);
    close(NAMED_FILE);
    return accepted;
}
