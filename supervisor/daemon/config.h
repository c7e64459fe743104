/* SPDX-License-Identifier: MIT
 * config.h - miniprogd.conf, read by inih, every key and value checked.
 * Layer: 3, daemon. Uses: base, inih. Source of keys and defaults: design.md §8. */
#ifndef DAEMON_CONFIG_H
#define DAEMON_CONFIG_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "cgroups/cgroup.h"

struct err;

#define CONFIG_NEVER UINT64_MAX /* a span of 0 in the file, where that means never */
#define CONFIG_UNSET UINT64_MAX /* a size that was not given */

/* "some 70ms 1s" */
struct config_psi {
    bool full;
    uint64_t stall_us, window_us;
};

struct config {
    struct {                                   /* [lifecycle], spans in microseconds */
        uint64_t suspend_after, destroy_after; /* CONFIG_NEVER */
        uint64_t background_grace, start_timeout, stop_timeout, exit_state_expiry;
        unsigned max_foreground; /* at least 1 */
        unsigned max_warm;       /* 0: no limit */
        enum cgrp_hold suspend;
        char home[65]; /* "" */
    } lifecycle;
    struct { /* [memory] */
        bool policy;
        uint64_t budget; /* bytes or CONFIG_UNSET */
        struct config_psi moderate, low, critical;
        unsigned alarm_count;
        uint64_t alarm_window, resume_budget;
        uint32_t available_low, available_low_exit, available_critical,
            available_critical_exit; /* permille */
    } memory;
    struct { /* [update] */
        uint64_t check_interval, sync_timeout, sync_after, install_timeout, healthy_after;
        bool allow_http;
        unsigned trials;
    } update;
    struct { /* [apps] */
        bool uid_range_given;
        uid_t uid_low, uid_high;
        char **groups; /* names, NULL-terminated, resolved by the user of it */
        uint64_t memory_high, memory_max, pids_max, data_size; /* or CONFIG_UNSET */
        uint64_t log_size;
        char javascript[256];
        char base_library[32];
    } apps;
    struct { /* [control] */
        bool group_given;
        char group[64];
        unsigned max_clients;
        uint64_t dialog_timeout;
    } control;
};

/* Reads `path` (NULL: /etc/miniprogd.conf, which may be missing; a given one must exist) and then
 * the files of the folder "<path>.d" that end in ".conf", by name; a later one wins. ret: the
 * caller's to config_free(). Errors: -EINVAL with "FILE:LINE: [section] key: what"; -ENOENT;
 * -ENOMEM; others as open(2). */
int config_load(const char *path, struct config **ret, struct err *e);
struct config *config_free(struct config *c);

#endif
