/* SPDX-License-Identifier: MIT */
#include "cgroups/event.h"

#include "cgroups/cgroup.h"
#include "cgroups/fact.h"
#include "supervisor/base/cleanup.h"
#include "supervisor/base/err.h"
#include "supervisor/base/fs.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define STAT_MAX 16384 /* memory.stat has some 2 KB */
#define PAGE_UP  UINT64_C(4096)

#define USAGE_STILL 16 /* a sixteenth more or less is as good as the same */
#define USAGE_TRIES 3  /* a quick leak never holds still; what is last seen of it counts */

int cgrp_event_v1(int dir_fd, int event_fd, const char *file, const char *args) {
    char text[64];

    CLEANUP(close_p) int fd = openat(dir_fd, file, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    int n = snprintf(text, sizeof text, "%d %d %s", event_fd, fd, args);
    return fs_write_existing(dir_fd, "cgroup.event_control", text, (size_t) n);
}

int cgrp_event_v1_thresholds(int dir_fd, int event_fd, uint64_t limit) {
    int first = 0;

    for (int i = 0; i < CGRP_STEPS; i++) {
        char threshold[24];
        (void) snprintf(threshold, sizeof threshold, "%" PRIu64,
                        limit / 1000 * cgrp_share_entry[i] +
                            limit % 1000 * cgrp_share_entry[i] / 1000);
        int r = cgrp_event_v1(dir_fd, event_fd, "memory.usage_in_bytes", threshold);
        first = first ? first : r;
    }
    return first;
}

int cgrp_event_v1_hints(int dir_fd, int event_fd, bool reclaim) {
    /* "local": an app at its own limit is no news for the group of all. */
    int first = reclaim ? cgrp_event_v1(dir_fd, event_fd, "memory.pressure_level", "low,local") : 0;
    int r = cgrp_event_v1(dir_fd, event_fd, "memory.oom_control", "");
    return first ? first : r;
}

uint64_t cgrp_event_high(uint64_t usage, uint64_t cache, uint64_t limit, uint64_t base) {
    uint32_t share = cgrp_share(usage, cache, limit);
    uint64_t high = base;

    for (int i = CGRP_STEPS - 1; i >= 0; i--)
        if (share < cgrp_share_entry[i])
            high = limit / 1000 * cgrp_share_entry[i] + limit % 1000 * cgrp_share_entry[i] / 1000;
    if (high > base)
        high = base; /* a limit that its owner chose */
    if (high != base && high < usage)
        high = usage > base ? base : (usage + PAGE_UP - 1) / PAGE_UP * PAGE_UP;
    return high;
}

int cgrp_event_set_high(int dir_fd, uint64_t high) {
    char text[24];

    /* Usage can have grown since it was read: since 6.16 O_NONBLOCK spares us the reclaim. */
    CLEANUP(close_p) int fd = openat(dir_fd, "memory.high", O_WRONLY | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    int n = high == CGRP_NO_LIMIT ? snprintf(text, sizeof text, "max")
                                  : snprintf(text, sizeof text, "%" PRIu64, high);
    return write(fd, text, (size_t) n) < 0 ? -errno : 0;
}

/* The number in the line "<key> <number>"; false: no such line. */
static bool number_of(const char *text, const char *key, uint64_t *ret) {
    size_t n = strlen(key);

    for (const char *p = text; p; p = strchr(p, '\n'), p = p ? p + 1 : NULL)
        if (strncmp(p, key, n) == 0 && p[n] == ' ' && sscanf(p + n, " %" SCNu64, ret) == 1)
            return true;
    return false;
}

static int read_usage(int dir_fd, bool v1, uint64_t *ret) {
    return fs_read_u64(dir_fd, v1 ? "memory.usage_in_bytes" : "memory.current", ret);
}

static int read_cache(int dir_fd, bool v1, uint64_t *ret) {
    char text[STAT_MAX];
    uint64_t file, shmem;

    ssize_t n = fs_read_into(dir_fd, "memory.stat", text, sizeof text);
    if (n < 0)
        return (int) n;
    /* total_: with the groups below. */
    if (!number_of(text, v1 ? "total_cache" : "file", &file) ||
        !number_of(text, v1 ? "total_shmem" : "shmem", &shmem))
        return -EPROTO;
    *ret = file > shmem ? file - shmem : 0;
    return 0;
}

/* Two files, and time between their reads: cache that goes in that time, with a file that is
 * removed, say, would be in the usage and not in the cache, and pass for need. So usage is read on
 * both sides, until it holds still. */
int cgrp_event_usage(int dir_fd, bool v1, uint64_t *ret_usage, uint64_t *ret_cache) {
    uint64_t before, cache = 0, after = 0;

    int r = read_usage(dir_fd, v1, &before);
    for (int tries = 0; r >= 0 && tries < USAGE_TRIES; tries++) {
        r = read_cache(dir_fd, v1, &cache);
        if (r >= 0)
            r = read_usage(dir_fd, v1, &after);
        if (r < 0)
            break;
        if (before <= after + after / USAGE_STILL && after <= before + before / USAGE_STILL)
            break;
        before = after;
    }
    if (r < 0)
        return r;
    *ret_usage = after;
    *ret_cache = cache;
    return 0;
}

int cgrp_event_oom_kills(int dir_fd, bool v1, uint64_t *ret) {
    char text[1024];
    uint64_t kills;

    ssize_t n =
        fs_read_into(dir_fd, v1 ? "memory.oom_control" : "memory.events", text, sizeof text);
    if (n < 0)
        return (int) n;
    if (!number_of(text, "oom_kill", &kills))
        return -EPROTO;
    *ret = kills;
    return 0;
}
