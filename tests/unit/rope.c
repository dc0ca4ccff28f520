// SPDX-License-Identifier: MIT
#include <math.h>
#include <string.h>

#include "base/number.h"
#include "base/size.h"
#include "rope/fixed.h"
#include "rope_test.h"

static void test_numbers(void)
{
    static const double numbers[] = {0,   1,    1.5,         1.8,       0.1,     1.0 / 3,
                                     1e5, 1e20, 1.234567e-9, 0x1p-1074, 1.7e308, 123456789.125};
    for (size_t i = 0; i < VKH_COUNTOF(numbers); i++) {
        char text[VKH_NUMBER_TEXT];
        double back = -1;
        vkh_number_format(numbers[i], text);
        CHECK_MSG(vkh_number_parse(text, strlen(text), &back) && back == numbers[i], "%s", text);
        CHECK_MSG(!strchr(text, '+'), "%s", text); // it joins terms
    }
    char text[VKH_NUMBER_TEXT];
    vkh_number_format(1e20, text);
    CHECK_MSG(strcmp(text, "1e20") == 0, "%s", text);
    vkh_number_format(1.8, text);
    CHECK(strcmp(text, "1.8") == 0);
    vkh_number_format(40960, text);
    CHECK(strcmp(text, "40960") == 0);
    static const char *const bad[] = {"",
                                      ".",
                                      "1e",
                                      "nan",
                                      "inf",
                                      "0x1p3",
                                      " 1",
                                      "1 ",
                                      "1,5",
                                      "--1",
                                      "1.2.3",
                                      "1e999",
                                      "\xff",
                                      "11111111111111111111111111111111111111111111111111111111111"
                                      "11111111111"};
    for (size_t i = 0; i < VKH_COUNTOF(bad); i++) {
        double number;
        CHECK_MSG(!vkh_number_parse(bad[i], strlen(bad[i]), &number), "'%s' was read", bad[i]);
    }
    double number;
    CHECK(vkh_number_parse("2.5x", 3, &number) && number == 2.5);
    CHECK(!vkh_number_parse("2\0"
                            "5",
                            3, &number));
}

static void test_positions(void)
{
    enum { L = 8192 };
    struct vkh_arena arena = {0};
    const struct vkh_schedule plain = schedule_of(&arena, "baseline", L, NULL);
    const struct vkh_schedule unmoved = schedule_of(&arena, "hybrid:cf=1", L, NULL);
    static const double factors[] = {1.5, 1.8, 2.0, 3.0, 64.0};
    for (size_t f = 0; f < VKH_COUNTOF(factors); f++) {
        char spec[64], number[VKH_NUMBER_TEXT];
        vkh_number_format(factors[f], number);
        snprintf(spec, sizeof(spec), "hybrid:cf=%s", number);
        const struct vkh_schedule hybrid = schedule_of(&arena, spec, L, NULL);
        CHECK(vkh_schedule_position(&hybrid, 0) == 0);
        CHECK(vkh_schedule_position(&hybrid, L - 1) == L - 1);
        CHECK(vkh_schedule_position(&hybrid, L) == L);
        CHECK(vkh_schedule_position(&hybrid, L + 1) == L + 1 / factors[f]);
        CHECK(vkh_schedule_position(&hybrid, 3 * L) == L + 2 * L / factors[f]);
        uint64_t bad = 0, last = 0, fixed = 0;
        for (uint64_t p = 1; p <= 1 << 20; p++) {
            const double step =
                vkh_schedule_position(&hybrid, p) - vkh_schedule_position(&hybrid, p - 1);
            bad += !(fabs(step - (p <= L ? 1.0 : 1 / factors[f])) < 1e-9);
            bad += !vkh_fixed_position(vkh_schedule_position(&hybrid, p), &fixed) || fixed <= last;
            last = fixed;
        }
        CHECK_MSG(bad == 0, "%s: %llu steps", spec, (unsigned long long)bad);
        CHECK(vkh_schedule_common_prefix(&plain, &hybrid, 1 << 20) == L + 1);
        CHECK(vkh_schedule_common_prefix(&hybrid, &plain, L + 2) == L + 1);
        CHECK(vkh_schedule_common_prefix(&plain, &hybrid, L) == L);
    }
    CHECK(vkh_schedule_common_prefix(&plain, &unmoved, 100000) == 100000);
    vkh_arena_fini(&arena);
}

static void test_frequencies(void)
{
    struct vkh_arena arena = {0};
    float factors[32];
    for (int i = 0; i < 32; i++)
        factors[i] = 1.0f + (float)i / 4;
    const struct vkh_schedule plain = schedule_of(&arena, "baseline", 512, NULL);
    const struct vkh_schedule divided = schedule_of(&arena, "baseline", 512, factors);
    const struct vkh_schedule linear = schedule_of(&arena, "linear:factor=3", 512, NULL);
    const struct vkh_schedule both =
        schedule_of(&arena, "hybrid:cf=2+own+linear:factor=4", 512, factors);
    CHECK(plain.n_frequencies == 32 && plain.frequencies[0] == 1.0);
    for (uint32_t i = 0; i < 32; i++) {
        const long double theta = powl(500000.0L, -2.0L * i / 64);
        CHECK(fabsl(plain.frequencies[i] / theta - 1) < 4e-16L);
        CHECK(divided.frequencies[i] == plain.frequencies[i] / (double)factors[i]);
        CHECK(linear.frequencies[i] == plain.frequencies[i] / 3);
        CHECK(both.frequencies[i] == divided.frequencies[i] / 4);
    }
    CHECK(linear.attention_scale == 1.0 && both.attention_scale == 1.0);
    CHECK(vkh_schedule_position(&linear, 5000) == 5000);
    CHECK(vkh_schedule_position(&both, 1024) == 768);
    CHECK(vkh_schedule_common_prefix(&plain, &linear, 1000) == 0);
    CHECK(vkh_schedule_common_prefix(&plain, &divided, 1000) == 0);
    struct vkh_schedule scaled = plain;
    scaled.attention_scale = 1.25;
    CHECK(vkh_schedule_common_prefix(&plain, &scaled, 1000) == 0);
    vkh_arena_fini(&arena);
}

// What the kernels cannot compute with is the method's fault, unless the model brings it along.
static void test_check(void)
{
    static const struct {
        const char *own, *spec;
        enum vkh_status status;
        const char *says; // NULL: nothing
    } cases[] = {
        {NULL, "baseline", VKH_OK, NULL},
        {NULL, "hybrid:cf=1e-6", VKH_OK, NULL},
        {NULL, "hybrid:cf=1e-12", VKH_ERR_ARGUMENT, "token 1000 at position 4.88e+14"},
        {NULL, "yarn:factor=2,attention_factor=1e300", VKH_ERR_ARGUMENT, "cos and sin"},
        {NULL, "yarn:factor=2,attention_factor=999999", VKH_OK, NULL},
        {"yarn:factor=2,attention_factor=1e7", "baseline", VKH_ERR_UNSUPPORTED, "model's own"},
        {"yarn:factor=2,attention_factor=1e7", "hybrid:cf=2", VKH_ERR_UNSUPPORTED, "model's own"},
        {"yarn:factor=2,attention_factor=1e7", "linear:factor=2", VKH_OK, NULL},
        {"linear:factor=2", "hybrid:cf=1e-12", VKH_ERR_ARGUMENT, "token 1000 at position"},
        {"linear:factor=2", "own+yarn:factor=2,attention_factor=1e7", VKH_ERR_ARGUMENT, "cos and"},
        {"rope-freqs", "baseline", VKH_ERR_UNSUPPORTED, "inverse frequency 3 is"},
        {"rope-freqs", "own+linear:factor=2", VKH_ERR_ARGUMENT, "inverse frequency 3 is"},
    };
    struct vkh_arena arena = {0};
    float factors[32];
    for (int i = 0; i < 32; i++)
        factors[i] = i == 3 ? 1e-5f : 1.0f;
    for (size_t i = 0; i < VKH_COUNTOF(cases); i++) {
        const struct vkh_schedule schedule =
            schedule_at(&arena, cases[i].spec, 512, factors, cases[i].own, 1001);
        last_line[0] = '\0';
        const enum vkh_status status =
            vkh_schedule_check(&schedule, cases[i].spec, 1001, &log_to_line);
        CHECK_MSG(status == cases[i].status && (cases[i].says ? strstr(last_line, cases[i].says) &&
                                                                    strstr(last_line, cases[i].spec)
                                                              : last_line[0] == '\0'),
                  "%s on %s: status %d, '%s'", cases[i].spec, cases[i].own ? cases[i].own : "none",
                  (int)status, last_line);
    }
    vkh_arena_fini(&arena);
}

static void test_fixed(void)
{
    uint64_t fixed = 0;
    CHECK(vkh_fixed_position(0, &fixed) && fixed == 0);
    CHECK(vkh_fixed_position(1.5, &fixed) && fixed == (uint64_t)3 << 31);
    CHECK(vkh_fixed_position(0x1p-33, &fixed) && fixed == 0);
    CHECK(vkh_fixed_position(0x1.8p-32, &fixed) && fixed == 2);
    CHECK(vkh_fixed_position(0x1.8p-33, &fixed) && fixed == 1);
    CHECK(vkh_fixed_position(0x1.fffffffffffffp31, &fixed) && fixed == UINT64_MAX - 2047);
    CHECK(!vkh_fixed_position(0x1p32, &fixed) && !vkh_fixed_position(-0x1p-40, &fixed));
    CHECK(!vkh_fixed_position((double)NAN, &fixed));
    CHECK(vkh_fixed_frequency(0, &fixed) && fixed == 0);
    CHECK(vkh_fixed_frequency(0x1p-80, &fixed) && fixed == 0);
    CHECK(!vkh_fixed_frequency(0x1p11, &fixed) && !vkh_fixed_frequency(-1.0, &fixed));
    CHECK(!vkh_fixed_frequency((double)NAN, &fixed) &&
          !vkh_fixed_frequency((double)INFINITY, &fixed));
    // 2^64 / (2 pi), and 2^64 * (1000 / (2 pi) - 159)
    CHECK(vkh_fixed_frequency(1.0, &fixed) && fixed == 0x28be60db9391054au);
    CHECK(vkh_fixed_frequency(1000.0, &fixed) && fixed == 0x27aa59b86e7cab00u);
}

// How many of the kernels' angles at a token have cos or sin off by more than 1e-9.
static int wrong_angles(const struct vkh_schedule *schedule, uint64_t token)
{
    static const long double two_pi = 6.28318530717958647692528676655900577L;
    const double position = vkh_schedule_position(schedule, token);
    int wrong = 0;
    uint64_t at = 0, frequency = 0;
    CHECK(vkh_fixed_position(position, &at));
    for (uint32_t i = 0; i < schedule->n_frequencies; i++) {
        CHECK(vkh_fixed_frequency(schedule->frequencies[i], &frequency));
        const uint64_t turn = (uint64_t)((unsigned __int128)at * frequency >> 32);
        const long double got = two_pi * ldexpl((long double)turn, -64);
        const long double want = (long double)position * schedule->frequencies[i];
        wrong +=
            !(fabsl(cosl(got) - cosl(want)) <= 1e-9L && fabsl(sinl(got) - sinl(want)) <= 1e-9L);
    }
    return wrong;
}

static void test_angles(void)
{
    enum { LAST = 1 << 20 };
    static const char *const specs[] = {"baseline", "hybrid:cf=1.5", "hybrid:cf=3+linear:factor=7",
                                        "yarn:factor=4+grouped:group=3", "hybrid:cf=0.3"};
    static const uint64_t tokens[] = {1, 2, 8191, 8192, 8193, 8194, LAST - 1, LAST};
    struct vkh_arena arena = {0};
    for (size_t s = 0; s < VKH_COUNTOF(specs); s++) {
        const struct vkh_schedule schedule = schedule_of(&arena, specs[s], 8192, NULL);
        int wrong = 0;
        for (size_t i = 0; i < VKH_COUNTOF(tokens); i++)
            wrong += wrong_angles(&schedule, tokens[i]);
        for (uint64_t token = 0; token < LAST; token += 1021)
            wrong += wrong_angles(&schedule, token);
        CHECK_MSG(wrong == 0, "%s: %d angles", specs[s], wrong);
    }
    vkh_arena_fini(&arena);
}

int main(void)
{
    test_numbers();
    test_positions();
    test_frequencies();
    test_check();
    test_fixed();
    test_angles();
    return check_result();
}
