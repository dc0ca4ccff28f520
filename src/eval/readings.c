// SPDX-License-Identifier: MIT
#include "eval/readings.h"

#include "base/log.h"
#include "base/size.h"
#include "eval/regime.h"

// A lane's schedule for sequences of `length` tokens; of every length, 0, where it does not vary.
struct entry {
    uint32_t length;
    struct vkh_schedule schedule;
    uint64_t plain_tokens; // leading tokens that the baseline places alike
    struct entry *next;
};

struct layout {
    struct vkh_eval *eval;
    struct vkh_arena *arena;
    const struct vkh_log *log;
    struct entry **entries; // of each lane
    uint32_t longest_window;
};

static enum vkh_status out_of_memory(const struct vkh_log *log)
{
    return vkh_fail(log, VKH_ERR_MEMORY, "evaluation: out of host memory");
}

static enum vkh_status make_entry(const struct layout *layout, uint32_t index, uint32_t length,
                                  struct entry *entry)
{
    const struct vkh_lane *lane = &layout->eval->lanes[index];
    const uint32_t n_tokens = length ? length : layout->longest_window;
    const struct vkh_method baseline = {.n_terms = 0};
    struct vkh_rope_setting setting = layout->eval->ropes[vkh_eval_model(layout->eval, index)];
    struct vkh_schedule plain;
    setting.length = n_tokens;
    entry->length = length;
    enum vkh_status status =
        vkh_schedule_init(&lane->method, &setting, layout->arena, layout->log, &entry->schedule);
    if (status == VKH_OK)
        status = vkh_schedule_init(&baseline, &setting, layout->arena, layout->log, &plain);
    if (status == VKH_OK)
        status = vkh_schedule_check(&entry->schedule, lane->name, n_tokens, layout->log);
    if (status == VKH_OK)
        entry->plain_tokens = vkh_schedule_common_prefix(&entry->schedule, &plain, n_tokens);
    return status;
}

static enum vkh_status find_entry(const struct layout *layout, uint32_t index, uint32_t length,
                                  const struct entry **found)
{
    const uint32_t key = layout->eval->lanes[index].why ? length : 0;
    struct entry **at = &layout->entries[index];
    while (*at && (*at)->length != key)
        at = &(*at)->next;
    enum vkh_status status = VKH_OK;
    if (!*at) {
        *at = vkh_arena_alloc(layout->arena, 1, sizeof(**at));
        status = *at ? make_entry(layout, index, key, *at) : out_of_memory(layout->log);
    }
    *found = *at;
    return status;
}

// Whether a pass over a text's first `longer` tokens gives the same NLL to its first `n`: their
// last window may be shorter, and its schedule another.
static enum vkh_status is_prefix(const struct layout *layout, uint32_t lane, uint32_t n,
                                 uint32_t longer, bool *same)
{
    const struct vkh_ppl_regime *regime = &layout->eval->options->regime;
    const uint32_t last = vkh_regime_windows(regime, n) - 1;
    const struct vkh_window ends = vkh_regime_window(regime, last, n);
    const struct vkh_window goes_on = vkh_regime_window(regime, last, longer);
    const struct entry *a, *b;
    enum vkh_status status = find_entry(layout, lane, ends.n_tokens, &a);
    if (status == VKH_OK)
        status = find_entry(layout, lane, goes_on.n_tokens, &b);
    *same = status == VKH_OK && vkh_schedule_same_turns(&a->schedule, &b->schedule);
    return status;
}

// The same for a lane and what it is compared with.
static enum vkh_status are_prefixes(const struct layout *layout, uint32_t lane, uint32_t n,
                                    uint32_t longer, bool *same)
{
    const uint32_t reference = layout->eval->reference;
    const enum vkh_status status = is_prefix(layout, lane, n, longer, same);
    if (status != VKH_OK || !*same || reference == VKH_NONE)
        return status;
    return is_prefix(layout, reference, n, longer, same);
}

// The readings of one lane over one text, from the longest length down; those of the reference are
// there, or it is the lane.
static enum vkh_status add_readings(const struct layout *layout, uint32_t text, uint32_t lane)
{
    struct vkh_eval *eval = layout->eval;
    const uint32_t reference = eval->reference;
    uint32_t end = eval->n_lengths;
    while (end > 0 && vkh_eval_tokens(eval, text, end - 1) == 0)
        end--;
    while (end > 0) {
        const uint32_t longest = vkh_eval_tokens(eval, text, end - 1);
        uint32_t first = end - 1;
        bool same = !eval->options->separate;
        while (first > 0 && same) {
            const enum vkh_status status =
                are_prefixes(layout, lane, vkh_eval_tokens(eval, text, first - 1), longest, &same);
            if (status != VKH_OK)
                return status;
            first -= same;
        }
        struct vkh_reading *reading = &eval->readings[eval->n_readings++];
        *reading = (struct vkh_reading){.lane = lane,
                                        .text = text,
                                        .first_length = first,
                                        .n_lengths = end - first,
                                        .n_tokens = longest,
                                        .reference = VKH_NONE};
        if (reference != VKH_NONE)
            reading->reference =
                (uint32_t)(vkh_eval_reading(eval, text, reference, first) - eval->readings);
        end = first;
    }
    return VKH_OK;
}

// The tracks of window `index` of the readings [first, end), which are of one text; *more
// says that there were any.
static enum vkh_status add_tracks(const struct layout *layout, uint32_t first, uint32_t end,
                                  uint32_t index, bool *more)
{
    struct vkh_eval *eval = layout->eval;
    const struct vkh_ppl_regime *regime = &eval->options->regime;
    const uint32_t base = eval->n_tracks;
    *more = false;
    for (uint32_t r = first; r < end; r++) {
        const struct vkh_reading *reading = &eval->readings[r];
        if (index >= vkh_regime_windows(regime, reading->n_tokens))
            continue;
        const struct vkh_window window = vkh_regime_window(regime, index, reading->n_tokens);
        const struct entry *entry;
        const enum vkh_status status = find_entry(layout, reading->lane, window.n_tokens, &entry);
        if (status != VKH_OK)
            return status;
        *more = true;
        struct vkh_track *track = &eval->tracks[eval->n_tracks++];
        *track = (struct vkh_track){
            .reading = r,
            .origin = window.origin,
            .n_tokens = window.n_tokens,
            .scored_from = window.scored_from,
            .reference = reading->reference == VKH_NONE ? VKH_NONE : base,
            .schedule = &entry->schedule,
            .plain_tokens = (uint32_t)vkh_min_size(entry->plain_tokens, window.n_tokens),
        };
        // Its reading is at least as long, and so has this window.
        while (track->reference != VKH_NONE &&
               eval->tracks[track->reference].reading != reading->reference)
            track->reference++;
    }
    return VKH_OK;
}

static enum vkh_status add_all_tracks(const struct layout *layout)
{
    enum { MOST_WINDOWS = 1 << 22 };
    struct vkh_eval *eval = layout->eval;
    uint64_t most = 0;
    for (uint32_t r = 0; r < eval->n_readings; r++)
        most += vkh_regime_windows(&eval->options->regime, eval->readings[r].n_tokens);
    if (most > MOST_WINDOWS)
        return vkh_fail(layout->log, VKH_ERR_ARGUMENT,
                        "regime: %llu windows are too many; their stride must be longer",
                        (unsigned long long)most);
    eval->tracks = vkh_arena_alloc(layout->arena, most, sizeof(*eval->tracks));
    eval->groups = vkh_arena_alloc(layout->arena, most, sizeof(*eval->groups));
    if (!eval->tracks || !eval->groups)
        return out_of_memory(layout->log);
    enum vkh_status status = VKH_OK;
    uint32_t end;
    for (uint32_t first = 0; first < eval->n_readings && status == VKH_OK; first = end) {
        for (end = first; end < eval->n_readings; end++)
            if (eval->readings[end].text != eval->readings[first].text)
                break;
        bool more = true;
        for (uint32_t index = 0; more && status == VKH_OK; index++)
            status = add_tracks(layout, first, end, index, &more);
    }
    return status;
}

enum vkh_status vkh_eval_readings(struct vkh_eval *eval, struct vkh_arena *arena,
                                  const struct vkh_log *log)
{
    struct layout layout = {.eval = eval, .arena = arena, .log = log};
    const uint32_t n_lanes = vkh_eval_all_lanes(eval), reference = eval->reference;
    uint64_t most = (uint64_t)eval->n_texts * n_lanes;
    layout.entries = vkh_arena_alloc(arena, n_lanes, sizeof(*layout.entries));
    eval->readings = vkh_mul_size(most, eval->n_lengths, &most)
                         ? vkh_arena_alloc(arena, most, sizeof(*eval->readings))
                         : NULL;
    if (!layout.entries || !eval->readings)
        return out_of_memory(log);
    layout.longest_window = vkh_eval_longest(eval);
    if (eval->options->regime.kind != VKH_REGIME_PREFIX)
        layout.longest_window =
            (uint32_t)vkh_min_size(layout.longest_window, eval->options->regime.window);
    enum vkh_status status = VKH_OK;
    for (uint32_t text = 0; text < eval->n_texts; text++) {
        if (reference != VKH_NONE && status == VKH_OK)
            status = add_readings(&layout, text, reference);
        for (uint32_t lane = 0; lane < n_lanes && status == VKH_OK; lane++)
            if (lane != reference)
                status = add_readings(&layout, text, lane);
    }
    return status == VKH_OK ? add_all_tracks(&layout) : status;
}
