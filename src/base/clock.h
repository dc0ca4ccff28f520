// SPDX-License-Identifier: MIT
#ifndef VKH_BASE_CLOCK_H
#define VKH_BASE_CLOCK_H

// Seconds on a monotonic clock with an arbitrary origin.
double vkh_clock(void);

#endif
