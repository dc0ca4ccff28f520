// SPDX-License-Identifier: MIT
// Many tables in one process: memory stays flat, and descriptors do not pile up, with devices
// either.
#include <dirent.h>
#include <unistd.h>

#include "api_test.h"

enum { N = 130, WARM = 60, SPANS = 5, SPAN = 100, DEVICES = 5 };

static const struct vkh_log log_lines = {api_test_log, NULL, VKH_LOG_WARNING};
static int32_t ids[N];

static long resident_pages(void)
{
    long total, resident = -1;
    FILE *file = fopen("/proc/self/statm", "r");
    if (!file)
        return -1;
    if (fscanf(file, "%ld %ld", &total, &resident) != 2)
        resident = -1;
    fclose(file);
    return resident;
}

static int descriptors(void)
{
    int n = 0;
    DIR *folder = opendir("/proc/self/fd");
    while (folder && readdir(folder))
        n++;
    if (folder)
        closedir(folder);
    return n;
}

static void table(struct vkh_device *device, const char *model_path, int round)
{
    static const char *const methods[] = {"baseline", "hybrid:cf=2"};
    static const uint32_t lengths[] = {70, N};
    const struct vkh_ppl_options options = {.ids = ids,
                                            .n_ids = N,
                                            .lengths = lengths,
                                            .n_lengths = 1 + (uint32_t)round % 2,
                                            .methods = methods,
                                            .n_methods = 2,
                                            .keep_nll = round % 3 == 0};
    struct vkh_model *model;
    struct vkh_ppl_results *results;
    CHECK(vkh_model_open(model_path, &log_lines, &model) == VKH_OK);
    CHECK(vkh_ppl_run(device, model, &options, &log_lines, &results) == VKH_OK);
    FILE *nowhere = fopen("/dev/null", "w");
    CHECK(nowhere && vkh_report_write(results, (enum vkh_report_format)(round % 4), &log_lines,
                                      nowhere) == VKH_OK);
    fclose(nowhere);
    vkh_ppl_results_destroy(&results);
    vkh_model_close(&model);
    CHECK(vkh_device_memory_use(device).device_now == 0);
    CHECK(vkh_device_memory_use(device).host_now == 0);
}

// Pages by which memory grows from span to span, but for the one where it does most: a driver takes
// or gives back a mebibyte now and then.
static long growth(struct vkh_device *device, const char *model_path)
{
    long sum = 0, most = 0;
    for (int i = 0; i < SPANS; i++) {
        const long before = resident_pages();
        for (int round = 0; round < SPAN; round++)
            table(device, model_path, round);
        const long after = resident_pages(), grown = after > before ? after - before : 0;
        sum += grown;
        most = grown > most ? grown : most;
    }
    return sum - most;
}

int main(int argc, char **argv)
{
    if (argc != 3 || api_test_ids(argv[2], ids, N) != N)
        return 1;
    struct vkh_device *device = api_test_device(&log_lines);
    for (int round = 0; round < WARM; round++)
        table(device, argv[1], round);
    const int open_files = descriptors();
    const long pages = resident_pages(), grown = growth(device, argv[1]);
    fprintf(stderr, "%ld pages, %+ld in %d tables; %d descriptors\n", pages, grown,
            (SPANS - 1) * SPAN, open_files);
    CHECK(pages > 0 && grown <= pages / 250);
    for (int i = 0; i < DEVICES; i++) {
        vkh_device_destroy(&device);
        device = api_test_device(&log_lines);
        table(device, argv[1], i);
    }
    CHECK(descriptors() == open_files);
    vkh_device_destroy(&device);
    return check_result();
}
