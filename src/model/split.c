// SPDX-License-Identifier: MIT
#define PCRE2_CODE_UNIT_WIDTH 8
#include "model/split.h"

#include <inttypes.h>
#include <pcre2.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/size.h"
#include "model/normalize.h"
#include "model/pattern.h"

enum { MAX_JIT_STACK = 16 * 1024 * 1024 };

// As published with the models.
const char vkh_split_gpt2[] =
    "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+";
const char vkh_split_llama3[] =
    "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}{1,3}|"
    " ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+";
const char vkh_split_qwen2[] = "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}|"
                               " ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+";

static enum vkh_status compile(const struct vkh_place *place, const char *pattern,
                               struct vkh_split_stage *stage)
{
    int error;
    PCRE2_SIZE at;
    stage->code = pcre2_compile((PCRE2_SPTR)pattern, PCRE2_ZERO_TERMINATED,
                                PCRE2_UTF | PCRE2_UCP | PCRE2_NEVER_BACKSLASH_C, &error, &at, NULL);
    if (!stage->code && error == PCRE2_ERROR_HEAP_FAILED)
        return vkh_place_memory(place);
    if (!stage->code) {
        char message[120];
        pcre2_get_error_message(error, (PCRE2_UCHAR *)message, sizeof(message));
        return vkh_fail(place->log, VKH_ERR_UNSUPPORTED, "%s: %s: PCRE2 cannot compile it: %s",
                        place->path, place->field, message);
    }
    uint32_t empty = 1;
    pcre2_pattern_info(stage->code, PCRE2_INFO_MATCHEMPTY, &empty);
    if (empty)
        return vkh_fail(place->log, VKH_ERR_UNSUPPORTED, "%s: %s: it can match nothing",
                        place->path, place->field);
    // Without just-in-time code PCRE2 interprets: slower, the same matches.
    const int jit = pcre2_jit_compile(stage->code, PCRE2_JIT_COMPLETE);
    if (jit == PCRE2_ERROR_NOMEMORY)
        vkh_logf(place->log, VKH_LOG_DEBUG, "%s: %s: interpreted, for want of executable memory",
                 place->path, place->field);
    return VKH_OK;
}

enum vkh_status vkh_split_add_stage(const struct vkh_place *place, struct vkh_split_stage stage,
                                    struct vkh_split *split)
{
    if (split->n_stages == VKH_SPLIT_MAX)
        return vkh_fail(place->log, VKH_ERR_UNSUPPORTED, "%s: %s: more than %d stages", place->path,
                        place->field, VKH_SPLIT_MAX);
    split->stages[split->n_stages++] = stage;
    return VKH_OK;
}

enum vkh_status vkh_split_add(const struct vkh_place *place, const char *pattern, bool prefix_space,
                              struct vkh_split *split)
{
    const struct vkh_split_stage plain = {.prefix = prefix_space ? " " : NULL};
    const enum vkh_status added = vkh_split_add_stage(place, plain, split);
    if (added != VKH_OK || !pattern)
        return added;
    struct vkh_split_stage *stage = &split->stages[split->n_stages - 1];
    const uint64_t length = strlen(pattern);
    char *translated = malloc(VKH_PATTERN_ROOM(vkh_min_size(length, VKH_PATTERN_MAX)));
    if (!translated)
        return vkh_place_memory(place);
    const char *problem = vkh_pattern_translate(pattern, length, translated);
    const enum vkh_status status =
        problem ? vkh_fail(place->log, VKH_ERR_UNSUPPORTED, "%s: %s: it holds %s", place->path,
                           place->field, problem)
                : compile(place, translated, stage);
    free(translated);
    return status;
}

void vkh_split_fini(struct vkh_split *split)
{
    for (uint32_t i = 0; i < split->n_stages; i++)
        pcre2_code_free(split->stages[i].code);
    *split = (struct vkh_split){0};
}

enum vkh_status vkh_splitter_init(struct vkh_splitter *splitter)
{
    splitter->match = pcre2_match_data_create(1, NULL);
    splitter->context = pcre2_match_context_create(NULL);
    if (!splitter->match || !splitter->context)
        return VKH_ERR_MEMORY;
    // NULL where PCRE2 has no just-in-time compiler.
    splitter->stack = pcre2_jit_stack_create(32 * 1024, MAX_JIT_STACK, NULL);
    if (splitter->stack)
        pcre2_jit_stack_assign(splitter->context, NULL, splitter->stack);
    return VKH_OK;
}

void vkh_splitter_fini(struct vkh_splitter *splitter)
{
    pcre2_match_data_free(splitter->match);
    pcre2_match_context_free(splitter->context);
    pcre2_jit_stack_free(splitter->stack);
    *splitter = (struct vkh_splitter){0};
}

struct piece {
    const char *text;
    uint64_t bytes, offset;
};

static enum vkh_status run_stage(struct vkh_splitter *splitter, uint32_t index, struct piece piece);

static enum vkh_status match_failed(const struct vkh_splitter *splitter, int error, uint64_t offset)
{
    if (error == PCRE2_ERROR_NOMEMORY)
        return vkh_fail(splitter->log, VKH_ERR_MEMORY,
                        "the text near byte %" PRIu64 ": out of memory", offset);
    char message[120];
    pcre2_get_error_message(error, (PCRE2_UCHAR *)message, sizeof(message));
    return vkh_fail(splitter->log, VKH_ERR_UNSUPPORTED,
                    "the text near byte %" PRIu64 " cannot be cut into words: PCRE2 says: %s",
                    offset, message);
}

static enum vkh_status cut(struct vkh_splitter *splitter, uint32_t index, struct piece piece)
{
    const PCRE2_SIZE *ends = pcre2_get_ovector_pointer(splitter->match);
    const pcre2_code *code = splitter->split->stages[index].code;
    uint64_t at = 0;
    while (at < piece.bytes) {
        const int rc = pcre2_match(code, (PCRE2_SPTR)piece.text, piece.bytes, at,
                                   PCRE2_NO_UTF_CHECK, splitter->match, splitter->context);
        if (rc < 0 && rc != PCRE2_ERROR_NOMATCH)
            return match_failed(splitter, rc, piece.offset + at);
        const uint64_t start = rc < 0 ? piece.bytes : ends[0], end = rc < 0 ? start : ends[1];
        enum vkh_status status = VKH_OK;
        if (start > at)
            status = run_stage(splitter, index + 1,
                               (struct piece){piece.text + at, start - at, piece.offset + at});
        if (status == VKH_OK && end > start)
            status =
                run_stage(splitter, index + 1,
                          (struct piece){piece.text + start, end - start, piece.offset + start});
        if (status != VKH_OK)
            return status;
        at = end;
    }
    return VKH_OK;
}

static enum vkh_status cut_literal(struct vkh_splitter *splitter, uint32_t index,
                                   struct piece piece)
{
    const struct vkh_split_stage *stage = &splitter->split->stages[index];
    const uint64_t n = strlen(stage->literal);
    enum vkh_status status = VKH_OK;
    for (uint64_t at = 0, end; at < piece.bytes && status == VKH_OK; at = end) {
        // A literal at the piece's beginning does not cut before itself.
        const uint64_t from = at + (stage->cut_before ? 1 : 0);
        const char *found = memmem(piece.text + from, piece.bytes - from, stage->literal, n);
        end = found ? (uint64_t)(found - piece.text) + (stage->cut_before ? 0 : n) : piece.bytes;
        status = run_stage(splitter, index + 1,
                           (struct piece){piece.text + at, end - at, piece.offset + at});
    }
    return status;
}

// The piece with the stage's mark for its spaces and its prefix in front; false when out of memory.
static bool rewrite(struct vkh_splitter *splitter, const struct vkh_split_stage *stage,
                    struct piece *piece)
{
    struct vkh_normalizer steps = {0};
    if (stage->mark)
        steps.steps[steps.n_steps++] =
            (struct vkh_normal_step){VKH_NORMAL_REPLACE, " ", stage->mark};
    if (vkh_normalize(&steps, splitter->arena, &piece->text, &piece->bytes) != VKH_OK)
        return false;
    const uint64_t n = stage->prefix ? strlen(stage->prefix) : 0;
    if (n == 0 || (stage->only_first && piece->offset > 0) ||
        (piece->bytes >= n && memcmp(piece->text, stage->prefix, n) == 0))
        return true;
    steps = (struct vkh_normalizer){{{VKH_NORMAL_PREPEND, NULL, stage->prefix}}, 1};
    return vkh_normalize(&steps, splitter->arena, &piece->text, &piece->bytes) == VKH_OK;
}

static enum vkh_status run_stage(struct vkh_splitter *splitter, uint32_t index, struct piece piece)
{
    if (index == splitter->split->n_stages)
        return splitter->word(splitter->user, piece.text, piece.bytes);
    const struct vkh_split_stage *stage = &splitter->split->stages[index];
    if ((stage->mark || stage->prefix) && !rewrite(splitter, stage, &piece))
        return vkh_fail(splitter->log, VKH_ERR_MEMORY, "the text: out of memory");
    if (stage->literal)
        return cut_literal(splitter, index, piece);
    return stage->code ? cut(splitter, index, piece) : run_stage(splitter, index + 1, piece);
}

enum vkh_status vkh_splitter_run(struct vkh_splitter *splitter, const char *text, uint64_t bytes,
                                 uint64_t offset)
{
    // What a stage recalls of the text must stay linear in it, whatever the expression.
    const uint64_t limit = 10000000 + 4 * bytes;
    pcre2_set_match_limit(splitter->context, (uint32_t)vkh_min_size(limit, UINT32_MAX));
    return bytes == 0 ? VKH_OK : run_stage(splitter, 0, (struct piece){text, bytes, offset});
}
