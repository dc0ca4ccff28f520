// SPDX-License-Identifier: MIT
// Gives a target good files and damaged ones; the damage follows from a fixed seed. Arguments:
// rounds a file, then the files. A file without rounds to spare is run as it is: so are cases that
// were found once.
#include <string.h>

#include "check.h"
#include "fuzz.h"

static uint64_t state = 0x9e3779b97f4a7c15u;

// xorshift64; below `limit`, which is not 0.
static uint64_t pick(uint64_t limit)
{
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return (state >> 11) % limit;
}

// One change in place: a byte, a number, a digit, a span moved, or a span dropped. Returns the new
// size.
static size_t damage(uint8_t *data, size_t size)
{
    static const uint64_t numbers[] = {0, 1, 0xff, 0x7fffffff, 0xffffffff, 1ull << 63, UINT64_MAX};
    const size_t at = pick(size), length = 1 + pick(size - at < 64 ? size - at : 64);
    size_t from = pick(size);
    switch (pick(6)) {
    case 0:
        data[at] = (uint8_t)pick(256);
        return size;
    case 1:
        data[at] = (uint8_t) "\"\\{}[],: 0-9\xc3\x80"[pick(14)];
        return size;
    case 2:
        while (from < size && (data[from] < '0' || data[from] > '9'))
            from++;
        if (from < size)
            data[from] = (uint8_t)('0' + pick(10));
        return size;
    case 3:
        from = pick(size - length + 1);
        memmove(data + at, data + from, length);
        return size;
    case 4:
        memcpy(data + at, &numbers[pick(7)], size - at < 8 ? size - at : 8);
        return size;
    default:
        memmove(data + at, data + at + length, size - at - length);
        return size - length > 0 ? size - length : size;
    }
}

// NULL for a file without content.
static uint8_t *read_whole(const char *path, size_t *size)
{
    FILE *file = fopen(path, "rb");
    uint8_t *data = NULL;
    *size = 0;
    if (file && fseek(file, 0, SEEK_END) == 0) {
        const long end = ftell(file);
        data = end > 0 ? malloc((size_t)end) : NULL;
        rewind(file);
        *size = data ? fread(data, 1, (size_t)end, file) : 0;
        CHECK_MSG(*size == (size_t)end, "%s: cannot read", path);
    }
    if (file)
        fclose(file);
    return data;
}

// The damage of most rounds is in the beginning, where headers are.
static void fuzz(const char *path, int rounds)
{
    size_t seed_size;
    uint8_t *seed = read_whole(path, &seed_size);
    uint8_t *data = malloc(seed_size + 1);
    CHECK_MSG(seed && data, "%s: nothing to damage", path);
    const bool good = seed && data && fuzz_one(seed, seed_size);
    int n_accepted = 0;
    for (int round = 0; round < rounds && seed && data; round++) {
        size_t size = seed_size;
        memcpy(data, seed, size);
        if (round % 16 == 15)
            size = pick(size);
        const size_t reach = round % 4 ? 1024 : size;
        for (uint64_t i = 1 + pick(3); i > 0 && size > reach; i--)
            damage(data, reach);
        for (uint64_t i = 1 + pick(3); i > 0 && size > 0 && size <= reach; i--)
            size = damage(data, size);
        n_accepted += fuzz_one(data, size);
    }
    if (rounds > 0)
        CHECK_MSG(good && n_accepted > 0 && n_accepted < rounds, "%s: %d of %d accepted", path,
                  n_accepted, rounds);
    free(data);
    free(seed);
}

int main(int argc, char **argv)
{
    CHECK(argc > 2);
    for (int i = 2; i < argc; i++)
        fuzz(argv[i], atoi(argv[1]));
    return check_result();
}
