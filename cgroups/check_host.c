/* SPDX-License-Identifier: MIT */
#include "cgroups/check_host.h"

#include "supervisor/base/cleanup.h"
#include "supervisor/base/fs.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/capability.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

void cgrp_report(const struct cgrp_reporter *to, const char *what, enum cgrp_verdict verdict,
                 uint64_t took_us, const char *fmt, ...) {
    struct cgrp_finding f = { .verdict = verdict, .took_us = took_us };
    va_list ap;

    (void) snprintf(f.what, sizeof f.what, "%s", what);
    va_start(ap, fmt);
    (void) vsnprintf(f.detail, sizeof f.detail, fmt, ap);
    va_end(ap);
    to->found(&f, to->userdata);
}

/* Arms a trigger and lets it go again. The NUL belongs to the text: the kernel overwrites the last
 * byte that is written, which else would be a digit. Source: psi_write(); measured, without it
 * EINVAL. */
static int try_trigger(int dir_fd, const char *name, const char *trigger) {
    CLEANUP(close_p) int fd = openat(dir_fd, name, O_RDWR | O_NONBLOCK | O_CLOEXEC);

    if (fd < 0)
        return -errno;
    return write(fd, trigger, strlen(trigger) + 1) < 0 ? -errno : 0;
}

static void check_psi(const struct cgrp_reporter *to, const char *what, int dir_fd,
                      const char *name) {
    int r = try_trigger(dir_fd, name, "some 70000 1000000");

    if (r == 0) {
        cgrp_report(to, what, CGRP_WORKS, 0, "windows of 1 s");
        return;
    }
    if (r == -EINVAL || r == -EPERM)
        r = try_trigger(dir_fd, name, "some 140000 2000000");
    if (r == 0)
        cgrp_report(
            to, what, CGRP_PARTLY, 0,
            "windows of 2 s only, for want of CAP_SYS_RESOURCE: pressure is heard of later");
    else
        cgrp_report(to, what, CGRP_MISSING, 0,
                    "%s: stalls are not seen, only how much memory is left", strerror(-r));
}

static void check_swap(const struct cgrp_reporter *to, int proc_fd) {
    char text[8192];
    const char *line;
    uint64_t kb = 0;

    ssize_t n = fs_read_into(proc_fd, "meminfo", text, sizeof text);
    line = n < 0 ? NULL : strstr(text, "SwapTotal:");
    if (!line || sscanf(line, "SwapTotal: %" SCNu64, &kb) != 1)
        cgrp_report(to, "swap", CGRP_MISSING, 0, "the kernel does not say how much there is");
    else if (kb == 0)
        cgrp_report(
            to, "swap", CGRP_MISSING, 0,
            "no swap: anonymous memory cannot be reclaimed, suspending an app frees only its "
            "page cache; zram would do");
    else
        cgrp_report(to, "swap", CGRP_WORKS, 0,
                    "%" PRIu64 " MiB: a suspended app's memory can go there", kb / 1024);
}

static const struct {
    int bit;
    const char *name, *without;
} capabilities[] = {
    { CAP_KILL, "CAP_KILL", "apps under a uid of their own cannot be signalled" },
    { CAP_SETUID, "CAP_SETUID", "apps run under the supervisor's own uid" },
    { CAP_SETGID, "CAP_SETGID", "apps keep the supervisor's groups" },
    { CAP_SYS_RESOURCE, "CAP_SYS_RESOURCE",
      "PSI windows are multiples of 2 s, and no oom score can go below what it was" },
    { CAP_SYS_ADMIN, "CAP_SYS_ADMIN",
      "swap and cgroup trees cannot be set up from here; a supervisor needs none of it" },
};

static void check_capabilities(const struct cgrp_reporter *to, int proc_fd) {
    char text[8192];
    const char *line;
    uint64_t effective;

    ssize_t n = fs_read_into(proc_fd, "self/status", text, sizeof text);
    line = n < 0 ? NULL : strstr(text, "\nCapEff:");
    if (!line || sscanf(line, "\nCapEff: %" SCNx64, &effective) != 1) {
        cgrp_report(to, "capabilities", CGRP_MISSING, 0, "the kernel does not tell them");
        return;
    }
    for (size_t i = 0; i < sizeof capabilities / sizeof capabilities[0]; i++) {
        bool has = effective >> capabilities[i].bit & 1;
        cgrp_report(to, capabilities[i].name, has ? CGRP_WORKS : CGRP_MISSING, 0, "%s",
                    has ? "held" : capabilities[i].without);
    }
}

/* Lines of "first-inside first-outside count". Source: user_namespaces(7). */
static void check_uids(const struct cgrp_reporter *to, int proc_fd) {
    char text[8192], *rest = text, *line;
    uint64_t all = 0, highest = 0;

    if (fs_read_into(proc_fd, "self/uid_map", text, sizeof text) < 0) {
        cgrp_report(to, "uids", CGRP_MISSING, 0, "the kernel does not tell which are mapped");
        return;
    }
    while ((line = strsep(&rest, "\n"))) {
        uint64_t first, count;
        if (sscanf(line, "%" SCNu64 " %*u %" SCNu64, &first, &count) != 2 || count == 0)
            continue;
        all += count;
        highest = first + count - 1 > highest ? first + count - 1 : highest;
    }
    if (highest >= 89999) /* the default of [apps] uid_range ends there */
        cgrp_report(to, "uids", CGRP_WORKS, 0, "%" PRIu64 " are mapped, up to %" PRIu64, all,
                    highest);
    else
        cgrp_report(to, "uids", CGRP_PARTLY, 0,
                    "only %" PRIu64 " are mapped, up to %" PRIu64
                    ": the default range for apps is not",
                    all, highest);
}

void cgrp_check_host(const struct cgrp_reporter *to, int proc_fd, int dir_fd) {
    check_psi(to, "PSI of the system", proc_fd, "pressure/memory");
    if (dir_fd >= 0)
        check_psi(to, "PSI of a group", dir_fd, "memory.pressure");
    check_swap(to, proc_fd);
    check_capabilities(to, proc_fd);
    check_uids(to, proc_fd);
}
