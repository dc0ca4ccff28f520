// SPDX-License-Identifier: MIT
// Methods as they are written, a model's own scaling, lists and sweeps.
#include <stdlib.h>
#include <unistd.h>

#include "base/size.h"
#include "rope/sweep.h"
#include "rope_test.h"

static void check_spelling(const char *spec, const char *canonical)
{
    struct vkh_method method;
    char text[128];
    CHECK_MSG(vkh_method_parse(spec, &log_to_line, &method) == VKH_OK, "%s: %s", spec, last_line);
    const size_t length = vkh_method_spell(&method, text, sizeof(text));
    CHECK_MSG(strcmp(text, canonical) == 0, "%s became %s", spec, text);
    CHECK(length == strlen(canonical));
    char small[5];
    CHECK(vkh_method_spell(&method, small, sizeof(small)) == length);
    CHECK(strlen(small) == 4 && memcmp(small, canonical, 4) == 0);
    CHECK(vkh_method_spell(&method, NULL, 0) == length);
}

static void check_refused(const char *spec, const char *part, const char *accepted)
{
    struct vkh_method method;
    last_line[0] = '\0';
    CHECK_MSG(vkh_method_parse(spec, &log_to_line, &method) == VKH_ERR_ARGUMENT, "'%s'", spec);
    CHECK_MSG(strstr(last_line, part) && strstr(last_line, accepted), "'%s': %s", spec, last_line);
    CHECK_MSG(strstr(last_line, "method '") && !strchr(last_line, '\n'), "%s", last_line);
}

static void test_parse(void)
{
    check_spelling("baseline", "baseline");
    check_spelling("hybrid:cf=2", "hybrid:cf=2");
    check_spelling("hybrid:cf=1.50", "hybrid:cf=1.5");
    check_spelling("hybrid:cf=1", "hybrid:cf=1");
    check_spelling("linear:factor=4e0", "linear:factor=4");
    check_spelling("hybrid:cf=1.8+linear:factor=4", "hybrid:cf=1.8+linear:factor=4");
    check_spelling("baseline+hybrid:cf=2", "hybrid:cf=2");
    check_spelling("hybrid:cf=2.2999999999999998", "hybrid:cf=2.3");
    check_spelling("hybrid:cf=0.5", "hybrid:cf=0.5");
    check_spelling("own", "baseline");
    check_spelling("own+hybrid:cf=2", "hybrid:cf=2");
    check_spelling("own+linear:factor=2", "own+linear:factor=2");
    check_spelling("plain+hybrid:cf=2", "plain+hybrid:cf=2");
    check_spelling("yarn:beta_fast=32,factor=4,truncate=1", "yarn:factor=4");
    check_spelling("yarn:truncate=0,original=512,factor=4.0",
                   "yarn:factor=4,truncate=0,original=512");
    check_spelling("longrope:file=a/b.json,factor=4", "longrope:factor=4,file=a/b.json");
    static const char all[] =
        "(accepted: baseline, own, plain, rope-freqs, hybrid, grouped, linear, "
        "ntk, dynamic-ntk, yarn, longrope, llama3, proportional)";
    check_refused("", "empty term", all);
    check_refused("+", "empty term", all);
    check_refused("baseline+", "empty term", all);
    check_refused("hybrdi:cf=2", "'hybrdi:cf=2': unknown method", all);
    check_refused("hybri", "unknown method", all);
    check_refused("hybrid", "a key is missing", "(accepted: hybrid:cf=NUMBER)");
    check_refused("hybrid:", "without a value", "(accepted: hybrid:cf=NUMBER)");
    check_refused("hybrid:cf", "without a value", "hybrid:cf=NUMBER");
    check_refused("hybrid:factor=2", "unknown key", "hybrid:cf=NUMBER");
    check_refused("hybrid:cf=2,cf=2", "twice", "hybrid:cf=NUMBER");
    check_refused("hybrid:cf=2,", "without a value", "hybrid:cf=NUMBER");
    check_refused("hybrid:cf=0", "cf must be a number above 0", "hybrid:cf=NUMBER");
    check_refused("hybrid:cf=", "cf must be", "hybrid:cf=NUMBER");
    check_refused("hybrid:cf=inf", "cf must be", "hybrid:cf=NUMBER");
    check_refused("hybrid:cf=nan", "cf must be", "hybrid:cf=NUMBER");
    check_refused("linear:factor=0", "factor must be", "linear:factor=NUMBER");
    check_refused("baseline:cf=2", "unknown key", "(accepted: baseline)");
    check_refused("linear:factor=2+linear:factor=2", "same method twice", "linear:factor=NUMBER");
    check_refused("baseline+baseline", "same method twice", "baseline");
    check_refused("linear:factor=2+hybrdi", "'hybrdi'", all);
    check_refused("hybrid:cf=2+grouped:group=2", "a second position map beside that of hybrid",
                  "(accepted: grouped:group=NUMBER[,window=NUMBER])");
    check_refused("linear:factor=0.5", "factor must be a number of at least 1", "linear:factor");
    check_refused("yarn:factor=4,truncate=0.5", "truncate must be 0 or 1",
                  "(accepted: yarn:factor=NUMBER[,beta_fast=NUMBER]");
    check_refused("yarn:factor=4,truncate=2", "a number of at least 0 and at most 1", "yarn");
    check_refused("yarn:factor=4,mscale=1", "mscale and mscale_all_dim", "yarn");
    check_refused("yarn:factor=4,beta_fast=0.5", "beta_fast must not be below beta_slow", "yarn");
    check_refused("llama3:factor=8,low_freq_factor=4", "must exceed low_freq_factor", "llama3");
    check_refused("longrope", "factor or attention_factor", "file=FILE");
    check_refused("longrope:factor=2,file=", "an empty file name", "longrope");
    check_refused("proportional:proportion=1.5", "above 0 and at most 1", "proportional");
    char spec[5000];
    memset(spec, 'x', sizeof(spec));
    spec[sizeof(spec) - 1] = '\0';
    check_refused(spec, "unknown method", all);
}

// Every row of the registry parses its own example, is explained, and keeps its promises.
static void test_registry(void)
{
    size_t n;
    const struct vkh_method_kind *kinds = vkh_method_kinds(&n);
    for (size_t i = 0; i < n; i++) {
        struct vkh_method method;
        char usage[256];
        const struct vkh_method_kind *kind = &kinds[i];
        CHECK_MSG(vkh_method_parse(kind->example, &log_to_line, &method) == VKH_OK, "%s: %s",
                  kind->name, last_line);
        CHECK(method.n_terms == (kind->position || kind->frequencies));
        CHECK(strncmp(kind->example, kind->name, strlen(kind->name)) == 0);
        CHECK_MSG(kind->about && strlen(kind->about) > 10, "%s", kind->name);
        const size_t length = vkh_method_usage(kind, usage, sizeof(usage));
        CHECK(length < sizeof(usage) && length == strlen(usage));
        for (int p = 0; p < VKH_TERM_PARAMS && kind->params[p].name; p++)
            CHECK_MSG(kind->params[p].about && strstr(usage, kind->params[p].name), "%s, %s",
                      kind->name, kind->params[p].name);
    }
}

static void check_resolved(const struct vkh_schedule *schedule, const char *want)
{
    char text[128];
    vkh_method_spell(&schedule->method, text, sizeof(text));
    CHECK_MSG(strcmp(text, want) == 0, "'%s', not '%s'", text, want);
}

// What keeps a model's own scaling and what takes its place.
static void test_own(void)
{
    struct vkh_arena arena = {0};
    static const char own[] = "llama3:factor=8,original=512";
    const struct {
        const char *spec, *resolved, *alike;
    } cases[] = {
        {"baseline", "llama3:factor=8,original=512", "llama3:factor=8"},
        {"hybrid:cf=2", "llama3:factor=8,original=512+hybrid:cf=2", "llama3:factor=8"},
        {"linear:factor=2", "linear:factor=2", "linear:factor=2"},
        {"own+linear:factor=2", "llama3:factor=8,original=512+linear:factor=2",
         "llama3:factor=8+linear:factor=2"},
        {"plain", "plain", "baseline"},
        {"plain+hybrid:cf=2", "plain+hybrid:cf=2", "baseline"},
    };
    for (size_t i = 0; i < VKH_COUNTOF(cases); i++) {
        const struct vkh_schedule got = schedule_at(&arena, cases[i].spec, 512, NULL, own, 600);
        const struct vkh_schedule want = schedule_at(&arena, cases[i].alike, 512, NULL, NULL, 600);
        check_resolved(&got, cases[i].resolved);
        CHECK_MSG(vkh_schedule_same_turns(&got, &want), "%s", cases[i].spec);
    }
    const struct vkh_schedule none = schedule_at(&arena, "baseline", 512, NULL, NULL, 600);
    check_resolved(&none, "baseline");
    vkh_arena_fini(&arena);
}

static void test_lengths(void)
{
    struct vkh_arena arena = {0};
    const char *name, *why;
    const struct vkh_schedule plain = schedule_at(&arena, "baseline", 512, NULL, NULL, 512);
    struct vkh_schedule at[3];
    for (int i = 0; i < 3; i++)
        at[i] = schedule_at(&arena, "dynamic-ntk:factor=2", 512, NULL, NULL, 511u + (uint32_t)i);
    CHECK(vkh_schedule_same_turns(&at[0], &plain) && vkh_schedule_same_turns(&at[1], &plain));
    CHECK(!vkh_schedule_same_turns(&at[2], &plain));
    CHECK(vkh_method_varies(&at[0].method, &name, &why) && strcmp(name, "dynamic-ntk") == 0);
    CHECK(!vkh_method_varies(&plain.method, &name, &why));
    for (int i = 0; i < 3; i++)
        at[i] = schedule_at(&arena, "baseline", 100, NULL, "longrope:factor=4,original=512",
                            511u + (uint32_t)i);
    CHECK(vkh_schedule_same_turns(&at[0], &at[1]) && !vkh_schedule_same_turns(&at[1], &at[2]));
    CHECK(at[1].frequencies[0] == 1 / 1.5 && at[2].frequencies[0] == 1 / 3.0);
    CHECK(vkh_method_varies(&at[0].method, &name, &why) && strstr(why, "list"));
    vkh_arena_fini(&arena);
}

static void check_schedule_refused(const char *spec, enum vkh_status want, const char *part)
{
    struct vkh_arena arena = {0};
    const struct vkh_rope_setting setting = {
        .base = 10000.0, .dims = 4, .original_max_len = 512, .length = 600};
    struct vkh_method method;
    struct vkh_schedule schedule;
    last_line[0] = '\0';
    CHECK(vkh_method_parse(spec, &log_to_line, &method) == VKH_OK);
    CHECK_MSG(vkh_schedule_init(&method, &setting, &arena, &log_to_line, &schedule) == want, "%s",
              spec);
    CHECK_MSG(strstr(last_line, part), "%s: '%s'", spec, last_line);
    vkh_arena_fini(&arena);
}

static void check_list_file(const char *content, enum vkh_status want, const char *part)
{
    char path[] = "/tmp/vkhrope-lists-XXXXXX", spec[64];
    FILE *file = fdopen(mkstemp(path), "w");
    CHECK(file != NULL);
    fputs(content, file);
    fclose(file);
    snprintf(spec, sizeof(spec), "longrope:factor=4,file=%s", path);
    check_schedule_refused(spec, want, part);
    remove(path);
}

static void test_lists(void)
{
    check_schedule_refused("rope-freqs", VKH_ERR_ARGUMENT, "no rope_freqs.weight");
    check_schedule_refused("longrope:factor=4", VKH_ERR_ARGUMENT, "no lists of factors");
    check_schedule_refused("longrope:factor=4,file=/nonexistent", VKH_ERR_IO, "/nonexistent");
    check_list_file("{\"long_factor\": [1, 2]}", VKH_OK, "");
    check_list_file("{\"rope_scaling\": {\"long_factor\": [1, 2]}}", VKH_OK, "");
    check_list_file("{\"long_factor\": [1, 2, 3]}", VKH_ERR_FORMAT,
                    "long_factor is not a list of 2 numbers");
    check_list_file("{\"long_factor\": [1, 0]}", VKH_ERR_FORMAT, "long_factor[1]");
    check_list_file("{\"long_factor\": [1, \"2\"]}", VKH_ERR_FORMAT, "long_factor[1]");
    check_list_file("{\"short_factor\": [1, 2]}", VKH_ERR_FORMAT, "long_factor");
    check_list_file("[1, 2]", VKH_ERR_FORMAT, "long_factor");
    check_list_file("{", VKH_ERR_FORMAT, "line 1");
    check_list_file("", VKH_ERR_FORMAT, "line 1: '[' or '{' expected");
}

static void check_sweep(const char *spec, uint32_t n, const char *first, const char *last)
{
    struct vkh_arena arena = {0};
    struct vkh_sweep sweep;
    const enum vkh_status status = vkh_sweep_expand(spec, &arena, &log_to_line, &sweep);
    CHECK_MSG(status == (n ? VKH_OK : VKH_ERR_ARGUMENT), "%s", spec);
    if (status == VKH_OK) {
        CHECK_MSG(sweep.n == n && strcmp(sweep.specs[0], first) == 0 &&
                      strcmp(sweep.specs[n - 1], last) == 0,
                  "%s: %u from %s", spec, sweep.n, sweep.specs[0]);
    } else {
        CHECK_MSG(strstr(last_line, first), "%s", last_line);
    }
    vkh_arena_fini(&arena);
}

static void test_sweeps(void)
{
    check_sweep("hybrid:cf=1.2..3.0:0.1", 19, "hybrid:cf=1.2", "hybrid:cf=3");
    check_sweep("hybrid:cf=1..2:0.3", 4, "hybrid:cf=1", "hybrid:cf=1.9");
    check_sweep("yarn:factor=2..4:1,truncate=0+hybrid:cf=2", 3,
                "yarn:factor=2,truncate=0+hybrid:cf=2", "yarn:factor=4,truncate=0+hybrid:cf=2");
    check_sweep("yarn:factor=4+hybrid:cf=2..2:1", 1, "yarn:factor=4+hybrid:cf=2",
                "yarn:factor=4+hybrid:cf=2");
    check_sweep("hybrid:cf=2", 0, "LOW..HIGH:STEP", NULL);
    check_sweep("hybrid:cf=1..2", 0, "LOW..HIGH:STEP", NULL);
    check_sweep("1..2:1", 0, "LOW..HIGH:STEP", NULL);
    check_sweep("hybrid:cf=1..x:1", 0, "LOW..HIGH:STEP", NULL);
    check_sweep("yarn:factor=1..2:1+hybrid:cf=1..2:1", 0, "LOW..HIGH:STEP", NULL);
    check_sweep("hybrid:cf=3..2:0.5", 0, "no value", NULL);
    check_sweep("hybrid:cf=2..3:0", 0, "no value", NULL);
    check_sweep("hybrid:cf=2..3:-1", 0, "no value", NULL);
    check_sweep("hybrid:cf=1..3:0.001", 0, "more than 1000", NULL);
    check_sweep("grouped:group=2,window=8388607.5..8388608:0.5", 2,
                "grouped:group=2,window=8388607.5", "grouped:group=2,window=8388608");
    check_sweep("hybrid:cf=1e300..1e300:1", 0, "sweep 'hybrid:cf=1e300..1e300:1': its values",
                NULL);
    check_sweep("hybrid:cf=1..9000001:9000000", 0, "to 9000000", NULL);
    check_sweep("linear:factor=-1e7..1:1e7", 0, "from -9000000", NULL);
    check_sweep("hybrid:cf=1e-12..1:1", 0, "LOW a multiple of 1e-9", NULL);
    check_sweep("hybrid:cf=1.00000000025..2:1", 0, "LOW a multiple", NULL);
    struct vkh_arena arena = {0};
    struct vkh_sweep sweep;
    CHECK(vkh_sweep_expand("hybrid:cf=1.2..3:0.1", &arena, NULL, &sweep) == VKH_OK);
    CHECK(strcmp(sweep.parameter, "cf") == 0 && sweep.values[1] == 1.3 && sweep.values[7] == 1.9);
    CHECK(strcmp(sweep.specs[1], "hybrid:cf=1.3") == 0);
    vkh_arena_fini(&arena);
}

int main(void)
{
    test_parse();
    test_registry();
    test_own();
    test_lengths();
    test_lists();
    test_sweeps();
    return check_result();
}
