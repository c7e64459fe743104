/* SPDX-License-Identifier: MIT
 * event.h - what makes the kernel tell that a group's usage is worth a look.
 * Layer: 2, cgroups. Uses: base.
 *
 * None of it says that memory is short: page cache alone takes a group to 97 % of its limit with
 * nothing wrong (measured). Whoever hears reads the figures. */
#ifndef CGROUPS_EVENT_H
#define CGROUPS_EVENT_H

#include <stdbool.h>
#include <stdint.h>

struct err;

/* v1: registers with cgroup.event_control, so that event_fd (an eventfd; one may serve many
 * registrations) counts up. They end with the eventfd. It fires when the group is removed, too.
 *   file   "memory.usage_in_bytes" with a threshold as args: each crossing, up or down;
 *          "memory.pressure_level" with "low,local": the kernel reclaims in this group, which is
 *          all that happens while an anonymous leak displaces page cache at the limit (measured:
 *          every 2 MB); "memory.oom_control" with "": out of memory, here or above.
 * Errors: as openat(2), write(2). */
int cgrp_event_v1(int dir_fd, int event_fd, const char *file, const char *args);

/* v1: usage thresholds at the three shares of `limit`. Blocks: the kernel waits for an RCU grace
 * period for each (8 to 35 ms, measured). Both: all are tried, the first error is returned. */
int cgrp_event_v1_thresholds(int dir_fd, int event_fd, uint64_t limit);
/* v1: OOM, and where there is a limit reclaim at it; at once. */
int cgrp_event_v1_hints(int dir_fd, int event_fd, bool reclaim);

/* v2: memory.high is the one threshold there is, so it goes to the lowest share of `limit` that
 * is not truly crossed, and to `base` (CGRP_NO_LIMIT: none) when all are. Never below what is in
 * use now, for the write would reclaim the difference in this very call.
 *   usage, cache   as read a moment ago */
uint64_t cgrp_event_high(uint64_t usage, uint64_t cache, uint64_t limit, uint64_t base);
/* Writes it. Errors: as openat(2), write(2). */
int cgrp_event_set_high(int dir_fd, uint64_t high);

/* What a group uses, and its page cache that can go (file without shmem).
 *   v1   the files' names are version 1's
 * Errors: as openat(2); -ENODEV, -ENOENT the group is gone; -EPROTO. */
int cgrp_event_usage(int dir_fd, bool v1, uint64_t *ret_usage, uint64_t *ret_cache);

/* Processes that the kernel's OOM killer ended in a group; v1: not those of groups below. `oom` is
 * not counted: nothing need have died of it. Errors: as openat(2), -EPROTO. */
int cgrp_event_oom_kills(int dir_fd, bool v1, uint64_t *ret);

#endif
