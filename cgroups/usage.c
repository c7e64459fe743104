/* SPDX-License-Identifier: MIT */
#include "cgroups/usage.h"

#include "cgroups/backend.h"
#include "supervisor/base/fs.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define STAT_MAX 16384 /* memory.stat has some 2 KB */

/* The number in the line "<key> <number>"; false: no such line. */
static bool stat_number(const char *text, const char *key, uint64_t *ret) {
    size_t n = strlen(key);

    for (const char *p = text; p; p = strchr(p, '\n'), p = p ? p + 1 : NULL) {
        unsigned long long value;
        if (strncmp(p, key, n) != 0 || p[n] != ' ' || sscanf(p + n, " %llu", &value) != 1)
            continue;
        *ret = value;
        return true;
    }
    return false;
}

int cgrp_usage_v2(int dir_fd, struct cgrp_usage *ret) {
    struct cgrp_usage u = *ret;
    char text[STAT_MAX];

    int r = fs_read_u64(dir_fd, "memory.current", &u.current);
    if (r < 0)
        return r;
    ssize_t n = fs_read_into(dir_fd, "memory.stat", text, sizeof text);
    if (n < 0)
        return (int) n;
    if (!stat_number(text, "anon", &u.anon) || !stat_number(text, "file", &u.file))
        return -EPROTO;
    if (fs_read_u64(dir_fd, "memory.peak", &u.peak) < 0)
        u.peak = 0;
    u.has_swap = fs_read_u64(dir_fd, "memory.swap.current", &u.swap) == 0;
    u.has_memory = true;
    *ret = u;
    return 0;
}

int cgrp_usage_v1(int dir_fd, struct cgrp_usage *ret) {
    struct cgrp_usage u = *ret;
    char text[STAT_MAX];

    int r = fs_read_u64(dir_fd, "memory.usage_in_bytes", &u.current);
    if (r < 0)
        return r;
    ssize_t n = fs_read_into(dir_fd, "memory.stat", text, sizeof text);
    if (n < 0)
        return (int) n;
    /* total_: with the groups below. "rss" is anonymous memory, whatever its name. */
    if (!stat_number(text, "total_rss", &u.anon) || !stat_number(text, "total_cache", &u.file))
        return -EPROTO;
    if (fs_read_u64(dir_fd, "memory.max_usage_in_bytes", &u.peak) < 0)
        u.peak = 0;
    u.has_swap = stat_number(text, "total_swap", &u.swap);
    u.has_memory = true;
    *ret = u;
    return 0;
}

int cgrp_usage_by_proc(struct cgrp_group *group, struct cgrp_usage *ret) {
    struct cgrp_proc_memory sum = { 0 };
    pid_t few[256];

    /* Beyond so many it is an estimate: their mean stands for the others too. */
    ssize_t n = group->root->backend->pids(group, few, sizeof few / sizeof few[0]);
    if (n < 0)
        return (int) n;
    uint64_t all = (uint64_t) n, seen = all < 256 ? all : 256;
    for (uint64_t i = 0; i < seen; i++)
        (void) cgrp_proc_add_memory(group->root->proc_fd, few[i], &sum); /* ended meanwhile */
    if (seen < all) {
        sum.anon = sum.anon / seen * all;
        sum.file = sum.file / seen * all;
        sum.swap = sum.swap / seen * all;
    }
    /* Pages that processes share are counted for each of them. */
    *ret = (struct cgrp_usage){
        .current = sum.anon + sum.file,
        .anon = sum.anon,
        .file = sum.file,
        .swap = sum.swap,
        .has_swap = true,
        .pids = all,
    };
    return 0;
}
