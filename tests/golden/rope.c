// SPDX-License-Identifier: MIT
// Every method's frequencies, scale and positions against transformers' own functions in float64.
// Argument: data/rope.json. Every row of the registry has a case there.
#include <jansson.h>
#include <math.h>
#include <string.h>

#include "base/size.h"
#include "check.h"
#include "rope/schedule.h"

enum { MOST = 256 };

static double number(const json_t *object, const char *key)
{
    return json_number_value(json_object_get(object, key));
}

// The lists that rope.py gives a model.
static void fill_lists(uint32_t n, float *shorter, float *longer)
{
    for (uint32_t i = 0; i < n; i++) {
        shorter[i] = 1.0f + (float)i / 64;
        longer[i] = 1.0f + (float)i / 4;
    }
}

static double check_frequencies(const struct vkh_schedule *schedule, const json_t *want,
                                const char *spec)
{
    double worst = 0.0;
    CHECK(json_array_size(want) == schedule->n_frequencies);
    for (uint32_t i = 0; i < schedule->n_frequencies; i++) {
        const double value = json_number_value(json_array_get(want, i));
        const double off = fabs(schedule->frequencies[i] - value) / fmax(value, 1e-30);
        CHECK_MSG(off <= 1e-13, "%s: frequency %u is %.17g, not %.17g", spec, i,
                  schedule->frequencies[i], value);
        worst = fmax(worst, off);
    }
    return worst;
}

static double check_case(const json_t *one, struct vkh_arena *arena)
{
    static float shorter[MOST], longer[MOST];
    const char *spec = json_string_value(json_object_get(one, "spec"));
    const struct vkh_rope_setting setting = {
        .base = number(one, "base"),
        .dims = (uint32_t)number(one, "dims"),
        .original_max_len = (uint32_t)number(one, "original"),
        .length = (uint64_t)number(one, "length"),
        .short_factors = shorter,
        .long_factors = longer,
    };
    struct vkh_method method;
    struct vkh_schedule schedule = {0};
    fill_lists(setting.dims / 2, shorter, longer);
    CHECK_MSG(vkh_method_parse(spec, NULL, &method) == VKH_OK, "%s", spec);
    CHECK_MSG(vkh_schedule_init(&method, &setting, arena, NULL, &schedule) == VKH_OK, "%s", spec);
    CHECK_MSG(fabs(schedule.attention_scale / number(one, "scale") - 1) <= 1e-14, "%s: scale %.17g",
              spec, schedule.attention_scale);
    const json_t *tokens = json_object_get(one, "tokens");
    for (size_t i = 0; i < json_array_size(tokens); i++) {
        const uint64_t token = (uint64_t)json_integer_value(json_array_get(tokens, i));
        const double want = json_number_value(json_array_get(json_object_get(one, "positions"), i));
        CHECK_MSG(vkh_schedule_position(&schedule, token) == want, "%s: token %llu stands at %.17g",
                  spec, (unsigned long long)token, vkh_schedule_position(&schedule, token));
    }
    return check_frequencies(&schedule, json_object_get(one, "frequencies"), spec);
}

// A case whose spec begins with the kind's name; own and rope-freqs are what a model brings.
static bool has_case(const json_t *cases, const char *kind)
{
    size_t i;
    json_t *one;
    json_array_foreach(cases, i, one)
    {
        const char *spec = json_string_value(json_object_get(one, "spec"));
        const size_t n = strlen(kind);
        if (strncmp(spec, kind, n) == 0 && (spec[n] == ':' || spec[n] == '\0'))
            return true;
    }
    return strcmp(kind, "own") == 0 || strcmp(kind, "rope-freqs") == 0;
}

int main(int argc, char **argv)
{
    struct vkh_arena arena = {0};
    json_t *root = argc > 1 ? json_load_file(argv[1], 0, NULL) : NULL;
    const json_t *cases = json_object_get(root, "cases");
    double worst = 0.0;
    size_t i, n_kinds;
    json_t *one;
    CHECK(json_array_size(cases) > 0);
    json_array_foreach(cases, i, one) worst = fmax(worst, check_case(one, &arena));
    const struct vkh_method_kind *kinds = vkh_method_kinds(&n_kinds);
    for (size_t k = 0; k < n_kinds; k++)
        CHECK_MSG(has_case(cases, kinds[k].name), "%s: no case", kinds[k].name);
    fprintf(stderr, "%zu cases, frequencies off by %.1e\n", json_array_size(cases), worst);
    json_decref(root);
    vkh_arena_fini(&arena);
    return check_result();
}
