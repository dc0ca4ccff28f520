// SPDX-License-Identifier: MIT
#include "model/vocab.h"

#include <inttypes.h>
#include <string.h>

#include "base/arena.h"
#include "base/log.h"
#include "model/hash.h"
#include "model/normalize.h"

enum vkh_status vkh_place_memory(const struct vkh_place *place)
{
    return vkh_fail(place->log, VKH_ERR_MEMORY, "%s: %s: out of memory", place->path, place->field);
}

// GPT-2 leaves the printable bytes of Latin-1 as they are and numbers the others from U+0100.
static bool is_printable(uint32_t byte)
{
    return (byte >= 0x21 && byte <= 0x7e) || (byte >= 0xa1 && byte != 0xad);
}

static uint32_t byte_to_code(uint32_t byte)
{
    if (is_printable(byte))
        return byte;
    if (byte == 0xad)
        return 0x143;
    return 0x100 + (byte <= 0x20 ? byte : byte - 0x7f + 0x21);
}

// -1 when no byte is spelled so.
static int code_to_byte(uint32_t code)
{
    if (code < 0x100)
        return is_printable(code) ? (int)code : -1;
    if (code <= 0x120)
        return (int)(code - 0x100);
    if (code <= 0x142)
        return (int)(code - 0x121 + 0x7f);
    return code == 0x143 ? 0xad : -1;
}

uint32_t vkh_byte_spell(uint8_t byte, char out[2])
{
    const uint32_t code = byte_to_code(byte);
    if (code < 0x80) {
        out[0] = (char)code;
        return 1;
    }
    out[0] = (char)(0xc0 | code >> 6);
    out[1] = (char)(0x80 | (code & 0x3f));
    return 2;
}

// The bytes that a text spells to `bytes`, which holds `length`; false when it holds a character
// that spells none.
static bool unspell(const char *text, uint32_t length, char *bytes, uint32_t *n_bytes)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < length; i++) {
        uint32_t code = (uint8_t)text[i];
        if (code >= 0x80) {
            if ((code & 0xe0) != 0xc0 || i + 1 == length || ((uint8_t)text[i + 1] & 0xc0) != 0x80)
                return false;
            code = (code & 0x1f) << 6 | ((uint8_t)text[++i] & 0x3f);
            if (code < 0x80)
                return false;
        }
        const int byte = code_to_byte(code);
        if (byte < 0)
            return false;
        bytes[n++] = (char)byte;
    }
    *n_bytes = n;
    return true;
}

// The same where the mark of a space is one.
static void unmark(const char *text, uint32_t length, char *bytes, uint32_t *n_bytes)
{
    const size_t mark = strlen(VKH_SPACE_MARK);
    uint32_t n = 0;
    for (uint32_t i = 0; i < length;) {
        const bool space = length - i >= mark && memcmp(text + i, VKH_SPACE_MARK, mark) == 0;
        bytes[n++] = space ? ' ' : text[i];
        i += space ? (uint32_t)mark : 1;
    }
    *n_bytes = n;
}

static int hex_digit(char c)
{
    return c >= '0' && c <= '9' ? c - '0' : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

int vkh_byte_named(const char *text, uint64_t length)
{
    if (length != 6 || memcmp(text, "<0x", 3) != 0 || text[5] != '>')
        return -1;
    const int high = hex_digit(text[3]), low = hex_digit(text[4]);
    return high < 0 || low < 0 ? -1 : high << 4 | low;
}

enum vkh_status vkh_vocab_init(const struct vkh_place *place, struct vkh_arena *arena,
                               enum vkh_spelling spelling, uint64_t count, struct vkh_vocab *vocab)
{
    *vocab = (struct vkh_vocab){.spelling = spelling};
    if (count == 0 || count > VKH_VOCAB_MAX)
        return vkh_fail(place->log, VKH_ERR_FORMAT,
                        "%s: %s: %" PRIu64 " tokens; 1 to %d are possible", place->path,
                        place->field, count, VKH_VOCAB_MAX);
    uint32_t slots = 2;
    while (slots < 2 * count)
        slots *= 2;
    vocab->tokens = vkh_arena_alloc(arena, count, sizeof(*vocab->tokens));
    vocab->slots = vkh_arena_alloc(arena, slots, sizeof(*vocab->slots));
    if (!vocab->tokens || !vocab->slots)
        return vkh_place_memory(place);
    vocab->count = (uint32_t)count;
    vocab->mask = slots - 1;
    return VKH_OK;
}

static uint32_t *find_slot(const struct vkh_vocab *vocab, const char *text, uint64_t length)
{
    uint32_t at = (uint32_t)vkh_hash_bytes(text, length) & vocab->mask;
    while (vocab->slots[at] != 0) {
        const struct vkh_token *token = &vocab->tokens[vocab->slots[at] - 1];
        if (token->length == length && memcmp(token->text, text, length) == 0)
            break;
        at = (at + 1) & vocab->mask;
    }
    return &vocab->slots[at];
}

static enum vkh_status put(const struct vkh_place *place, struct vkh_arena *arena,
                           struct vkh_vocab *vocab, int64_t id, const char *text, uint64_t length)
{
    if (id < 0 || id >= vocab->count)
        return vkh_fail(place->log, VKH_ERR_FORMAT,
                        "%s: %s: id %" PRId64 " is outside the vocabulary of %" PRIu32 " tokens",
                        place->path, place->field, id, vocab->count);
    struct vkh_token *token = &vocab->tokens[id];
    if (token->text)
        return vkh_fail(place->log, VKH_ERR_FORMAT, "%s: %s: two tokens have id %" PRId64,
                        place->path, place->field, id);
    if (length == 0 || length > VKH_TOKEN_MAX_BYTES)
        return vkh_fail(place->log, VKH_ERR_FORMAT,
                        "%s: %s: token %" PRId64 " has %" PRIu64 " bytes; 1 to %d are possible",
                        place->path, place->field, id, length, VKH_TOKEN_MAX_BYTES);
    token->text = vkh_arena_strndup(arena, text, length);
    if (!token->text)
        return vkh_place_memory(place);
    token->length = (uint32_t)length;
    vkh_vocab_make_plain(vocab, (int32_t)id);
    return VKH_OK;
}

void vkh_vocab_make_plain(struct vkh_vocab *vocab, int32_t id)
{
    struct vkh_token *token = &vocab->tokens[id];
    token->bytes = token->text;
    token->n_bytes = token->length;
}

bool vkh_vocab_make_byte(struct vkh_arena *arena, struct vkh_vocab *vocab, int32_t id, uint8_t byte)
{
    struct vkh_token *token = &vocab->tokens[id];
    token->bytes = vkh_arena_strndup(arena, (const char *)&byte, 1);
    token->n_bytes = 1;
    return token->bytes != NULL;
}

enum vkh_status vkh_vocab_add_plain(const struct vkh_place *place, struct vkh_arena *arena,
                                    struct vkh_vocab *vocab, int64_t id, const char *text,
                                    uint64_t length)
{
    return put(place, arena, vocab, id, text, length);
}

enum vkh_status vkh_vocab_add(const struct vkh_place *place, struct vkh_arena *arena,
                              struct vkh_vocab *vocab, int64_t id, const char *text,
                              uint64_t length)
{
    const enum vkh_status status = put(place, arena, vocab, id, text, length);
    if (status != VKH_OK)
        return status;
    struct vkh_token *token = &vocab->tokens[id];
    uint32_t *slot = find_slot(vocab, token->text, token->length);
    if (*slot != 0)
        return vkh_fail(place->log, VKH_ERR_FORMAT,
                        "%s: %s: tokens %" PRIu32 " and %" PRId64 " have the same text",
                        place->path, place->field, *slot - 1, id);
    *slot = (uint32_t)id + 1;
    if (token->length > vocab->longest)
        vocab->longest = token->length;
    char *bytes = vkh_arena_strndup(arena, token->text, token->length);
    if (!bytes)
        return vkh_place_memory(place);
    token->bytes = bytes;
    if (vocab->spelling == VKH_SPELL_SPM)
        unmark(token->text, token->length, bytes, &token->n_bytes);
    else if (!unspell(token->text, token->length, bytes, &token->n_bytes))
        vkh_vocab_make_plain(vocab, (int32_t)id);
    return VKH_OK;
}

enum vkh_status vkh_vocab_complete(const struct vkh_place *place, const struct vkh_vocab *vocab)
{
    for (uint32_t id = 0; id < vocab->count; id++)
        if (!vocab->tokens[id].text)
            return vkh_fail(place->log, VKH_ERR_FORMAT,
                            "%s: %s: %" PRIu32 " tokens, but none has id %" PRIu32, place->path,
                            place->field, vocab->count, id);
    return VKH_OK;
}

int32_t vkh_vocab_find(const struct vkh_vocab *vocab, const char *text, uint64_t length)
{
    return (int32_t)*find_slot(vocab, text, length) - 1;
}
