// SPDX-License-Identifier: MIT
// A few threads for work on the host that falls into independent items, such as rows.
#ifndef VKH_BASE_WORKERS_H
#define VKH_BASE_WORKERS_H

#include <stdint.h>

struct vkh_workers;

enum { VKH_MAX_WORKERS = 8 };

// How many suit this process: as many as it has processors, VKH_MAX_WORKERS at most.
uint32_t vkh_workers_count(void);

// `count` of them, 1 to VKH_MAX_WORKERS, of which one is the caller. NULL: out of memory. The
// threads start with the first work that is for more than one; one that cannot be started is
// missed by nobody, as all work is done by those who are there.
struct vkh_workers *vkh_workers_create(uint32_t count);
// Joins the threads.
void vkh_workers_destroy(struct vkh_workers **workers);

// The items [first, first + n). Called by several threads at once, in which only signals of their
// own faults arrive.
typedef void vkh_work_fn(void *user, uint64_t first, uint64_t n);

// Items 0 to n - 1 in shares of neighbours, each item once; all are done when it returns.
// item_bytes, at least 1, is what one takes: little work is done by the caller alone. One call at a
// time.
void vkh_workers_run(struct vkh_workers *workers, uint64_t n, uint64_t item_bytes, vkh_work_fn *fn,
                     void *user);

#endif
