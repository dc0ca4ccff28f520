// SPDX-License-Identifier: MIT
// Times from a device's clock, whose timestamps may begin anew.
#include "gpu/ticks.h"
#include "check.h"

static void check_spent(uint32_t bits, uint64_t begin, uint64_t end, uint64_t last, uint64_t want)
{
    const uint64_t got = vkh_ticks_spent(begin, end, last, bits);
    CHECK_MSG(got == want, "%u bits, %llu to %llu after %llu: %llu, want %llu", bits,
              (unsigned long long)begin, (unsigned long long)end, (unsigned long long)last,
              (unsigned long long)got, (unsigned long long)want);
}

int main(void)
{
    static const uint32_t widths[] = {36, 48, 64};
    for (size_t i = 0; i < VKH_COUNTOF(widths); i++) {
        const uint32_t bits = widths[i];
        const uint64_t most = UINT64_MAX >> (64 - bits);
        check_spent(bits, 100, 130, 0, 30);             // the first
        check_spent(bits, 100, 130, 90, 30);            // after a pause
        check_spent(bits, 100, 130, 110, 20);           // begun while the one before still ran
        check_spent(bits, 100, 130, 130, 0);            // ended with it
        check_spent(bits, most - 9, 20, most - 50, 30); // the clock begins anew in it
        check_spent(bits, most - 9, 20, most - 4, 25);  // and in an overlap
        check_spent(bits, most - 9, 20, 5, 15);
        check_spent(bits, 100, 130, most - 9, 30); // and in a pause
        check_spent(bits, 130, 100, 90, 0);        // a clock that goes back
        check_spent(bits, 7, 7, 7, 0);
    }
    return check_result();
}
