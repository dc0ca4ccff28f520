// SPDX-License-Identifier: MIT
// Rows packed for the device, into memory that is not zeroed.
#include "kernels/weight.h"

#include <stdlib.h>
#include <string.h>

#include "base/size.h"
#include "base/workers.h"
#include "check.h"

// As the device has it, over `poison`.
static uint8_t *pack(struct vkh_workers *workers, enum vkh_dtype type, uint64_t cols,
                     const uint8_t *rows, uint64_t n, uint8_t poison)
{
    const uint64_t bytes = vkh_weight_bytes(type, n, cols);
    uint8_t *packed = malloc(bytes + 1);
    memset(packed, poison, bytes + 1);
    vkh_weight_pack_rows(workers, type, cols, rows, n, packed);
    CHECK(packed[bytes] == poison);
    return packed;
}

static uint64_t zeros(const uint8_t *bytes, uint64_t n)
{
    uint64_t sum = 0;
    for (uint64_t i = 0; i < n; i++)
        sum += bytes[i] == 0;
    return sum;
}

// Every byte is written, whatever was there and whoever writes it, and what is not the file's is
// zero: the file has none.
static void test_rows(struct vkh_workers *alone, struct vkh_workers *many, enum vkh_dtype type,
                      uint64_t cols, uint64_t n)
{
    const struct vkh_dtype_info *info = vkh_dtype_info(type);
    const uint64_t row = cols / info->block_elements * info->block_bytes;
    const uint64_t packed_row = vkh_weight_row_words(type, cols) * 4;
    uint8_t *file = malloc(n * row);
    for (uint64_t i = 0; i < n * row; i++)
        file[i] = (uint8_t)(1 + i % 255);
    uint8_t *want = pack(alone, type, cols, file, n, 0xaa),
            *got = pack(many, type, cols, file, n, 0x55);
    CHECK_MSG(memcmp(want, got, n * packed_row) == 0, "%s [%llu][%llu]: differs", info->name,
              (unsigned long long)n, (unsigned long long)cols);
    bool padded = true;
    for (uint64_t i = 0; i < n; i++)
        padded &= zeros(got + i * packed_row, packed_row) == packed_row - row;
    CHECK_MSG(padded, "%s [%llu][%llu]: padding", info->name, (unsigned long long)n,
              (unsigned long long)cols);
    free(want);
    free(got);
    free(file);
}

int main(void)
{
    struct vkh_workers *alone = vkh_workers_create(1), *many = vkh_workers_create(5);
    CHECK(alone && many);
    for (int i = 0; i < VKH_N_DTYPES; i++) {
        const enum vkh_dtype type = (enum vkh_dtype)i;
        const uint64_t block = vkh_max_size(vkh_dtype_info(type)->block_elements, 4);
        test_rows(alone, many, type, block, 1);
        test_rows(alone, many, type, 3 * block, 5);
        test_rows(alone, many, type, 5 * block, 20011);
        test_rows(alone, many, type, vkh_round_up(4096, block), 1001);
    }
    vkh_workers_destroy(&alone);
    vkh_workers_destroy(&many);
    return check_result();
}
