// SPDX-License-Identifier: MIT
// Models through the public API alone: one GGUF file, or the files that bundle.py joined. What
// opens is described, gives a tokenizer or says why not, is planned for, and takes part in a
// session on a device that computes nothing.
#include <vkhrope/vkhrope.h>

#include "fuzz.h"
#include "null_vulkan.h"

enum { MOST_FILES = 8, N_IDS = 12 };

// Files of an input in a folder, which is there while they are used.
struct folder {
    char path[64];
    char names[MOST_FILES][64];
    int n_files;
};

struct path {
    char text[136];
};

static struct path path_of(const struct folder *folder, int file)
{
    struct path path;
    snprintf(path.text, sizeof(path.text), "%s/%s", folder->path, folder->names[file]);
    return path;
}

// Whether the name is one that a model's files have, and stays inside the folder.
static bool is_plain(const char *name)
{
    static const char allowed[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.";
    return *name && *name != '.' && name[strspn(name, allowed)] == '\0';
}

static void write_file(const char *path, const uint8_t *data, size_t size)
{
    FILE *file = fopen(path, "wb");
    PROMISE(file);
    PROMISE(fwrite(data, 1, size, file) == size);
    PROMISE(fclose(file) == 0);
}

// A name, a line break, content.
static void add_file(struct folder *folder, const uint8_t *data, size_t size)
{
    const uint8_t *line = size ? memchr(data, '\n', size) : NULL;
    const size_t length = line ? (size_t)(line - data) : 0;
    if (folder->n_files == MOST_FILES || length >= sizeof(folder->names[0]))
        return;
    char *name = folder->names[folder->n_files];
    memcpy(name, data, length);
    name[length] = '\0';
    const struct path path = path_of(folder, folder->n_files);
    if (!is_plain(name) || access(path.text, F_OK) == 0)
        return;
    write_file(path.text, line + 1, size - length - 1);
    folder->n_files++;
}

static void unpack(const uint8_t *data, size_t size, struct folder *folder)
{
    *folder = (struct folder){.path = "/dev/shm/vkhrope-fuzz-XXXXXX"};
    PROMISE(mkdtemp(folder->path));
    while (data) {
        const uint8_t *rest;
        size_t rest_size;
        add_file(folder, data, fuzz_split(data, size, &rest, &rest_size));
        data = rest;
        size = rest_size;
    }
}

static void remove_folder(const struct folder *folder)
{
    for (int i = 0; i < folder->n_files; i++)
        remove(path_of(folder, i).text);
    PROMISE(rmdir(folder->path) == 0);
}

// The first file of a split model, or the folder.
static struct path model_path(const struct folder *folder)
{
    const char *ending = strrchr(folder->names[0], '.');
    struct path path;
    if (ending && strcmp(ending, ".gguf") == 0 && folder->n_files > 0)
        return path_of(folder, 0);
    snprintf(path.text, sizeof(path.text), "%s", folder->path);
    return path;
}

static void check_info(const struct vkh_model_info *info)
{
    PROMISE(info->name && info->architecture && *info->architecture && info->own_scaling);
    PROMISE(info->weight_type && *info->weight_type);
    PROMISE(info->n_layers > 0 && info->hidden > 0 && info->vocab > 0 && info->head_dim > 0);
    PROMISE(info->n_kv_heads > 0 && info->n_heads % info->n_kv_heads == 0);
    PROMISE(info->context_length > 0 && info->parameters > 0 && info->weight_bytes > 0);
}

static void try_tokenizer(const char *path, bool is_folder)
{
    struct vkh_tokenizer *tokenizer;
    const enum vkh_status status = vkh_tokenizer_open(path, &fuzz_log, &tokenizer);
    PROMISE(fuzz_is_verdict(status) || (is_folder && status == VKH_ERR_IO));
    PROMISE((status == VKH_OK) == (tokenizer != NULL));
    vkh_tokenizer_close(&tokenizer);
}

static void try_plan(struct vkh_device *device, const struct vkh_model *model)
{
    static const char *const methods[] = {"baseline", "hybrid:cf=1.5", "yarn:factor=4",
                                          "dynamic-ntk:factor=2", "longrope"};
    static const int32_t ids[N_IDS];
    static const uint32_t lengths[] = {5, N_IDS};
    struct vkh_ppl_memory memory;
    for (uint32_t n = 1; n <= 5; n++) {
        const struct vkh_ppl_options options = {
            .ids = ids,
            .n_ids = N_IDS,
            .lengths = lengths,
            .n_lengths = 2,
            .methods = methods,
            .n_methods = n,
            .kl = n == 3 ? "baseline" : NULL,
            .original_max_len = n == 1 ? 0 : 8,
        };
        const enum vkh_status status = vkh_ppl_plan(device, model, &options, &fuzz_log, &memory);
        PROMISE(status == VKH_OK || status == VKH_ERR_ARGUMENT || status == VKH_ERR_UNSUPPORTED);
        PROMISE(status != VKH_OK || memory.peak >= memory.weights);
    }
}

// Zeros come back from the device, and are finite.
static void try_session(struct vkh_device *device, const struct vkh_model *model)
{
    static const int32_t ids[N_IDS];
    static const uint32_t rows[] = {0, N_IDS - 1};
    const struct vkh_model_info info = vkh_model_get_info(model);
    const struct vkh_session_options session_options = {.chunk = 64};
    const struct vkh_lane_options lane_options = {.method = "hybrid:cf=2", .max_tokens = N_IDS};
    struct vkh_session *session;
    struct vkh_lane *lane = NULL;
    float nll[N_IDS];
    float *hidden = malloc(2 * (size_t)info.hidden * sizeof(*hidden));
    float *logits = malloc(2 * (size_t)info.vocab * sizeof(*logits));
    PROMISE(hidden && logits);
    enum vkh_status status =
        vkh_session_create(device, model, &session_options, &fuzz_log, &session);
    if (status == VKH_OK)
        status = vkh_lane_create(session, &lane_options, &lane);
    if (status == VKH_OK) {
        const struct vkh_feed feed = {ids, N_IDS, nll, rows, 2, hidden, logits};
        status = vkh_lane_feed(lane, &feed);
    }
    PROMISE(status == VKH_OK || status == VKH_ERR_DEVICE_MEMORY || status == VKH_ERR_ARGUMENT ||
            status == VKH_ERR_UNSUPPORTED);
    vkh_lane_destroy(&lane);
    vkh_session_destroy(&session);
    free(hidden);
    free(logits);
}

static void use(const struct vkh_model *model)
{
    struct vkh_device *device = null_device(&fuzz_log);
    const struct vkh_model_info info = vkh_model_get_info(model);
    check_info(&info);
    try_plan(device, model);
    try_session(device, model);
    PROMISE(vkh_device_memory_use(device).device_now == 0);
    vkh_device_destroy(&device);
}

static bool try_path(const char *path, bool is_folder)
{
    struct vkh_model *model;
    const enum vkh_status status = vkh_model_open(path, &fuzz_log, &model);
    PROMISE(fuzz_is_verdict(status) || (is_folder && status == VKH_ERR_IO));
    PROMISE((status == VKH_OK) == (model != NULL));
    try_tokenizer(path, is_folder);
    if (model)
        use(model);
    vkh_model_close(&model);
    return status == VKH_OK;
}

bool fuzz_one(const uint8_t *data, size_t size)
{
    if (size >= 4 && memcmp(data, "GGUF", 4) == 0) {
        char path[32];
        const int fd = fuzz_file(data, size, path);
        const bool accepted = try_path(path, false);
        close(fd);
        return accepted;
    }
    struct folder folder;
    unpack(data, size, &folder);
    const bool accepted = try_path(model_path(&folder).text, true);
    remove_folder(&folder);
    return accepted;
}
