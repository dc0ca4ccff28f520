// SPDX-License-Identifier: MIT
#include "rope/sweep.h"

#include <math.h>
#include <string.h>

#include "base/arena.h"
#include "base/log.h"
#include "base/number.h"

// In billionths, a double still holds every whole number.
static const double MOST_VALUE = 9e6;

// The places of a range in a spec: "…:KEY=LOW..HIGH:STEP…".
struct range {
    const char *key, *low, *dots, *high, *colon, *step, *end;
    double first, last, by;
};

static const char *back_past(const char *from, const char *begin, const char *stops)
{
    while (from > begin && !strchr(stops, from[-1]))
        from--;
    return from;
}

static bool find_range(const char *spec, struct range *range)
{
    range->dots = strstr(spec, "..");
    if (!range->dots || strstr(range->dots + 2, ".."))
        return false;
    range->low = back_past(range->dots, spec, "=");
    if (range->low == spec)
        return false;
    range->key = back_past(range->low - 1, spec, ":,+");
    range->high = range->dots + 2;
    range->end = range->high + strcspn(range->high, ",+");
    range->colon = memchr(range->high, ':', (size_t)(range->end - range->high));
    if (!range->colon)
        return false;
    range->step = range->colon + 1;
    return vkh_number_parse(range->low, (size_t)(range->dots - range->low), &range->first) &&
           vkh_number_parse(range->high, (size_t)(range->colon - range->high), &range->last) &&
           vkh_number_parse(range->step, (size_t)(range->end - range->step), &range->by);
}

// first + i * by to a billionth, so that it is the decimal number that was meant: 1.2 + 0.1 is 1.3.
static double value_at(const struct range *range, uint32_t i)
{
    return round((range->first + i * range->by) * 1e9) / 1e9;
}

static char *spell(const char *spec, const struct range *range, double value,
                   struct vkh_arena *arena)
{
    char number[VKH_NUMBER_TEXT];
    vkh_number_format(value, number);
    const size_t before = (size_t)(range->low - spec), middle = strlen(number);
    char *text = vkh_arena_alloc(arena, before + middle + strlen(range->end) + 1, 1);
    if (text) {
        memcpy(text, spec, before);
        memcpy(text + before, number, middle);
        strcpy(text + before + middle, range->end);
    }
    return text;
}

enum vkh_status vkh_sweep_expand(const char *spec, struct vkh_arena *arena,
                                 const struct vkh_log *log, struct vkh_sweep *sweep)
{
    struct range range;
    if (!find_range(spec, &range))
        return vkh_fail(log, VKH_ERR_ARGUMENT,
                        "sweep '%.120s': one value of the method must be LOW..HIGH:STEP, as in "
                        "hybrid:cf=1.2..3:0.1",
                        spec);
    if (!(fabs(range.first) <= MOST_VALUE && fabs(range.last) <= MOST_VALUE &&
          value_at(&range, 0) == range.first))
        return vkh_fail(log, VKH_ERR_ARGUMENT,
                        "sweep '%.120s': its values must be from -%.0f to %.0f, and LOW a multiple "
                        "of 1e-9",
                        spec, MOST_VALUE, MOST_VALUE);
    const double steps = floor((range.last - range.first) / range.by + 1e-6);
    if (!(range.by >= 1e-9 && steps >= 0 && steps < VKH_SWEEP_MOST))
        return vkh_fail(log, VKH_ERR_ARGUMENT,
                        "sweep '%.120s': the range has no value or more than %d", spec,
                        VKH_SWEEP_MOST);
    *sweep = (struct vkh_sweep){
        .parameter = vkh_arena_strndup(arena, range.key, (size_t)(range.low - 1 - range.key)),
        .n = (uint32_t)steps + 1,
        .specs = vkh_arena_alloc(arena, (size_t)steps + 1, sizeof(*sweep->specs)),
        .values = vkh_arena_alloc(arena, (size_t)steps + 1, sizeof(*sweep->values)),
    };
    bool good = sweep->parameter && sweep->specs && sweep->values;
    for (uint32_t i = 0; i < sweep->n && good; i++) {
        sweep->values[i] = value_at(&range, i);
        good = (sweep->specs[i] = spell(spec, &range, sweep->values[i], arena)) != NULL;
    }
    return good ? VKH_OK : vkh_fail(log, VKH_ERR_MEMORY, "sweep: out of memory");
}
