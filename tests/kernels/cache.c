// SPDX-License-Identifier: MIT
// A device's cache folder: pipelines and choices come back in the next device, files that are
// damaged or another's count for nothing, and a folder that cannot be written is no failure.
#include "gpu/cache.h"
#include "base/size.h"
#include "cache_test.h"
#include "kernels/matmul.h"
#include "kernels/swiglu.h"

static char folder[64];

static char *read_file(const char *path, size_t *size)
{
    FILE *file = fopen(path, "rb");
    char *data = malloc(1 << 24);
    if (!file || !data)
        exit(1);
    *size = fread(data, 1, 1 << 24, file);
    fclose(file);
    return data;
}

static void write_file(const char *path, const char *data, size_t size)
{
    FILE *file = fopen(path, "wb");
    if (!file || fwrite(data, 1, size, file) != size || fclose(file) != 0)
        exit(1);
}

static void make_pipeline(struct vkh_device *device)
{
    struct vkh_swiglu swiglu;
    CHECK(vkh_swiglu_create(device, VKH_GATE_SILU, &swiglu) == VKH_OK);
}

// What the device tells of the file while it is made.
static bool takes(const char *what)
{
    struct cache_log heard;
    struct vkh_device *device = cache_test_device(folder, NULL, &heard);
    const bool taken = strstr(heard.last, what) != NULL;
    make_pipeline(device);
    vkh_device_destroy(&device);
    CHECK(heard.errors == 0);
    return taken;
}

static void test_pipelines(void)
{
    struct cache_log heard;
    struct vkh_device *device = cache_test_device(folder, NULL, &heard);
    CHECK(heard.last[0] == '\0');
    vkh_device_destroy(&device);
    CHECK(!cache_test_file(folder, ".pipelines")); // none made, none kept
    device = cache_test_device(folder, NULL, &heard);
    make_pipeline(device);
    vkh_device_destroy(&device);
    char *path = cache_test_file(folder, ".pipelines");
    CHECK(path);
    CHECK(takes(".pipelines: pipelines read"));
    size_t size;
    char *data = read_file(path, &size);
    for (size_t i = 0; i < size; i += i < 96 ? 1 : size / 16) { // ours, the driver's, its data
        data[i] ^= 0x40;
        write_file(path, data, size);
        CHECK_MSG(takes(".pipelines: not used"), "byte %zu of %zu", i, size);
        data[i] ^= 0x40;
        CHECK(takes(".pipelines: pipelines read")); // kept anew by the one before
    }
    for (size_t cut = 0; cut < size; cut += cut < 64 ? 7 : size / 16) {
        write_file(path, data, cut);
        CHECK_MSG(takes(".pipelines: not used"), "%zu of %zu bytes", cut, size);
    }
    free(data);
    free(path);
}

static struct vkh_choice choice_of(const char *operation, const char *type, const char *chosen)
{
    struct vkh_choice choice = {.n = 2, .variants = {{"", 0.5}, {"floor", 0.25}}};
    strcpy(choice.operation, operation);
    strcpy(choice.type, type);
    strcpy(choice.variants[0].name, chosen);
    return choice;
}

static const char *matmul_variant(struct vkh_device *device)
{
    struct vkh_matmul matmul;
    CHECK(vkh_matmul_create(device, VKH_F16, NULL, &matmul) == VKH_OK);
    return matmul.variant->name;
}

static void test_choices(void)
{
    struct cache_log heard;
    struct vkh_device *device = cache_test_device(folder, NULL, &heard);
    struct vkh_choice floor = choice_of("matmul", "F16", "wide"), got;
    char *preferred = strdup(matmul_variant(device));
    CHECK(!vkh_choice_get(device, "matmul", "F16", &got));
    floor.chosen = 1;
    vkh_choice_put(device, &floor);
    floor = choice_of("attention", "", "unheard of");
    vkh_choice_put(device, &floor);
    CHECK(strcmp(matmul_variant(device), "floor") == 0);
    vkh_device_destroy(&device);

    device = cache_test_device(folder, NULL, &heard);
    CHECK(strcmp(matmul_variant(device), "floor") == 0);
    CHECK(vkh_choice_get(device, "matmul", "F16", &got) && got.n == 2 && got.chosen == 1 &&
          got.variants[1].seconds == 0.25);
    CHECK(!vkh_choice_get(device, "matmul", "F32", &got));
    CHECK(!vkh_choice_get(device, "head", "F16", &got));
    const struct vkh_choice unknown = choice_of("matmul", "F16", "unheard of");
    vkh_choice_put(device, &unknown); // what is not there now is not used
    CHECK(strcmp(matmul_variant(device), preferred) == 0);
    CHECK(vkh_choice_at(device, 1, &got) && !vkh_choice_at(device, 2, &got));
    vkh_choice_put(device, &(struct vkh_choice){"matmul", "F16", 1, 0, {{"floor", 1.0}}});
    vkh_device_destroy(&device);

    if (strcmp(preferred, "floor") != 0) { // by hand before measured
        char by_hand[32];
        snprintf(by_hand, sizeof(by_hand), "matmul=%s", preferred);
        device = cache_test_device(folder, by_hand, &heard);
        CHECK(strcmp(matmul_variant(device), preferred) == 0);
        vkh_device_destroy(&device);
    }
    free(preferred);
}

static bool takes_choices(const char *path, const char *text)
{
    struct cache_log heard;
    write_file(path, text, strlen(text));
    struct vkh_device *device = cache_test_device(folder, NULL, &heard);
    struct vkh_choice got;
    const bool taken = vkh_choice_at(device, 0, &got);
    CHECK(heard.errors == 0);
    vkh_device_destroy(&device);
    return taken;
}

static char *replaced(const char *text, const char *from, const char *to)
{
    char *out;
    const char *at = strstr(text, from);
    if (!at || asprintf(&out, "%.*s%s%s", (int)(at - text), text, to, at + strlen(from)) < 0)
        exit(1);
    return out;
}

static void test_hostile_choices(void)
{
    static const char *const changes[][2] = {
        {"\"version\": \"" VKH_VERSION, "\"version\": \"9"},
        {"\"version\": \"", "\"version\": [\""},
        {"\"driver\": \"", "\"driver\": \"x"},
        {"\"operation\": \"matmul\"", "\"operation\": 7"},
        {"\"matmul\"", "\"a name that is far too long for its place\""},
        {"\"type\": \"F16\"", "\"type\": null"},
        {"\"chosen\": \"floor\"", "\"chosen\": \"other\""},
        {"\"floor\": 1", "\"floor\": -1"},
        {"\"floor\": 1", "\"floor\": \"1\""},
        {"\"floor\": 1", "\"a\": 1, \"b\": 1, \"c\": 1, \"d\": 1, \"floor\": 1"},
        {"\"choices\": [", "\"choices\": {"},
        {"\"choices\": [", "\"choices\": [[],"},
        {"\"variants\": {", "\"variants\": {\"floor\": 2,"},
        {"{", ""},
    };
    char *path = cache_test_file(folder, ".json");
    size_t size;
    char *text = read_file(path, &size);
    text[size] = '\0';
    CHECK(takes_choices(path, text));
    for (size_t i = 0; i < VKH_COUNTOF(changes); i++) {
        char *changed = replaced(text, changes[i][0], changes[i][1]);
        CHECK_MSG(!takes_choices(path, changed), "%s", changes[i][1]);
        free(changed);
    }
    for (size_t cut = size - 3; cut > 16; cut -= 16) {
        text[cut] = '\0';
        CHECK_MSG(!takes_choices(path, text), "%zu of %zu bytes", cut, size);
    }
    free(text);
    free(path);
}

// Under a regular file there is no folder.
static void test_nowhere(void)
{
    char path[96];
    struct cache_log heard;
    snprintf(path, sizeof(path), "%s/file", folder);
    write_file(path, "", 0);
    strcat(path, "/cache");
    struct vkh_device *device = cache_test_device(path, NULL, &heard);
    const struct vkh_choice choice = choice_of("head", "F16", "floor");
    struct vkh_choice got;
    make_pipeline(device);
    vkh_choice_put(device, &choice);
    CHECK(vkh_choice_get(device, "head", "F16", &got)); // for as long as the device is there
    vkh_device_destroy(&device);
    CHECK(heard.errors == 0);
}

// An empty name is none, and not the root folder's.
static void test_no_name(void)
{
    struct cache_log heard;
    struct vkh_device *device = cache_test_device("", NULL, &heard);
    CHECK(!device->cache_folder && !vkh_cache_is_writable(device));
    make_pipeline(device);
    vkh_device_destroy(&device);
    CHECK(heard.errors == 0);
}

int main(void)
{
    char top[] = "/tmp/vkhrope-cache-XXXXXX";
    if (!mkdtemp(top))
        return 1;
    snprintf(folder, sizeof(folder), "%s/not/yet", top);
    test_pipelines();
    test_choices();
    test_hostile_choices();
    test_nowhere();
    test_no_name();
    cache_test_remove(top);
    return check_result();
}
