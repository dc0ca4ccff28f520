// SPDX-License-Identifier: MIT
// A tokenizer's tokens, by id and by text.
#ifndef VKH_MODEL_VOCAB_H
#define VKH_MODEL_VOCAB_H

#include <stdbool.h>
#include <stdint.h>
#include <vkhrope/status.h>

struct vkh_arena;

// Where a value stands, for messages.
struct vkh_place {
    const char *path, *field;
    const struct vkh_log *log;
};

enum vkh_status vkh_place_memory(const struct vkh_place *place);

struct vkh_token {
    const char *text; // as the file spells it
    uint32_t length;  // bytes of text
    uint32_t n_bytes;
    const char *bytes; // what the text stands for
};

enum { VKH_VOCAB_MAX = 1 << 24, VKH_TOKEN_MAX_BYTES = 1 << 13 };

// How texts spell bytes.
enum vkh_spelling {
    VKH_SPELL_GPT2, // one printable character a byte
    VKH_SPELL_SPM,  // plainly, but for U+2581, which is a space
};

struct vkh_vocab {
    enum vkh_spelling spelling;
    uint32_t count;
    uint32_t longest;         // bytes of the longest text that find knows
    struct vkh_token *tokens; // [count]
    uint32_t *slots;          // open addressing; id + 1, 0 is free
    uint32_t mask;
};

// GPT-2's spelling of a byte in UTF-8: 1 or 2 bytes to `out`, which it returns the number of.
uint32_t vkh_byte_spell(uint8_t byte, char out[2]);

// Room for ids 0 up to `count`, which is at most VKH_VOCAB_MAX.
enum vkh_status vkh_vocab_init(const struct vkh_place *place, struct vkh_arena *arena,
                               enum vkh_spelling spelling, uint64_t count, struct vkh_vocab *vocab);

// A token in the vocabulary's spelling, which find knows. An id out of range or taken, and a text
// that is empty, too long or taken, are VKH_ERR_FORMAT.
enum vkh_status vkh_vocab_add(const struct vkh_place *place, struct vkh_arena *arena,
                              struct vkh_vocab *vocab, int64_t id, const char *text,
                              uint64_t length);

// A token whose text is plain, which find does not know.
enum vkh_status vkh_vocab_add_plain(const struct vkh_place *place, struct vkh_arena *arena,
                                    struct vkh_vocab *vocab, int64_t id, const char *text,
                                    uint64_t length);

// Makes a token that stands for its text as it is.
void vkh_vocab_make_plain(struct vkh_vocab *vocab, int32_t id);

// The byte that a text such as "<0x0A>" names, or -1.
int vkh_byte_named(const char *text, uint64_t length);

// Makes a token that stands for a byte; false when out of memory.
bool vkh_vocab_make_byte(struct vkh_arena *arena, struct vkh_vocab *vocab, int32_t id,
                         uint8_t byte);

// An id that no token has is VKH_ERR_FORMAT.
enum vkh_status vkh_vocab_complete(const struct vkh_place *place, const struct vkh_vocab *vocab);

// The token of that text, or -1.
int32_t vkh_vocab_find(const struct vkh_vocab *vocab, const char *text, uint64_t length);

#endif
