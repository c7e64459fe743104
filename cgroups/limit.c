/* SPDX-License-Identifier: MIT */
#include "cgroups/limit.h"

#include "supervisor/base/err.h"
#include "supervisor/base/fs.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static int put(int dir_fd, const char *name, const char *text, struct err *e) {
    int r = fs_write_existing(dir_fd, name, text, strlen(text));

    if (r < 0)
        return err_set(e, r, "cannot set %s to %s: %s", name, text, strerror(-r));
    return 0;
}

static int put_number(int dir_fd, const char *name, uint64_t value, const char *none,
                      struct err *e) {
    char text[24];

    if (value == CGRP_NO_LIMIT)
        return put(dir_fd, name, none, e);
    (void) snprintf(text, sizeof text, "%" PRIu64, value);
    return put(dir_fd, name, text, e);
}

/* One limit of v2, whose files all take "max". */
static int put_v2(int dir_fd, const char *name, uint64_t value, bool fresh, struct err *e) {
    return fresh && value == CGRP_NO_LIMIT ? 0 : put_number(dir_fd, name, value, "max", e);
}

int cgrp_limit_v2(int dir_fd, const struct cgrp_limits *limits, bool memory, bool pids, bool fresh,
                  struct err *e) {
    int r = 0;

    if (memory) {
        r = put_v2(dir_fd, "memory.high", limits->memory_high, fresh, e);
        if (r == 0)
            r = put_v2(dir_fd, "memory.max", limits->memory_max, fresh, e);
        if (r == 0)
            r = put_v2(dir_fd, "memory.swap.max", limits->memory_swap_max, fresh, e);
        if (r == -ENOENT)
            r = 0; /* the first two are there wherever the controller is */
    }
    if (r == 0 && memory && fresh)
        /* All or none: half an app is of no use. Since 4.19. */
        (void) fs_write_existing(dir_fd, "memory.oom.group", "1", 1);
    return r == 0 && pids ? put_v2(dir_fd, "pids.max", limits->pids_max, fresh, e) : r;
}

int cgrp_limit_v1_memory(int dir_fd, const struct cgrp_limits *limits, bool fresh, struct err *e) {
    bool sum = limits->memory_max != CGRP_NO_LIMIT && limits->memory_swap_max != CGRP_NO_LIMIT &&
               limits->memory_swap_max < CGRP_NO_LIMIT - limits->memory_max;

    if (fresh && limits->memory_max == CGRP_NO_LIMIT)
        return 0;
    /* limit_in_bytes <= memsw.limit_in_bytes must hold at each step, so lift the sum first. */
    if (!fresh)
        (void) fs_write_existing(dir_fd, "memory.memsw.limit_in_bytes", "-1", 2);
    int r = put_number(dir_fd, "memory.limit_in_bytes", limits->memory_max, "-1", e);
    if (r < 0 || !sum)
        return r;
    r = put_number(dir_fd, "memory.memsw.limit_in_bytes",
                   limits->memory_max + limits->memory_swap_max, "-1", e);
    return r == -ENOENT ? 0 : r; /* without swap accounting */
}

int cgrp_limit_v1_pids(int dir_fd, const struct cgrp_limits *limits, bool fresh, struct err *e) {
    return put_v2(dir_fd, "pids.max", limits->pids_max, fresh, e); /* the same file in both */
}
