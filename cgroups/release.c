/* SPDX-License-Identifier: MIT */
#include "cgroups/release.h"

#include "supervisor/base/cleanup.h"

#include <errno.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifndef SYS_process_mrelease
#define SYS_process_mrelease 448 /* the same number everywhere but on alpha, whose libc has it */
#endif

int cgrp_release_list(struct cgrp_group *group, struct cgrp_release *ret) {
    ssize_t n = cgrp_group_pids(group, ret->pid, CGRP_RELEASE_MAX);

    if (n < 0)
        return (int) n;
    ret->n = n < CGRP_RELEASE_MAX ? (int) n : CGRP_RELEASE_MAX;
    return 0;
}

int cgrp_release_run(const struct cgrp_release *r) {
    int released = 0;

    for (int i = 0; i < r->n; i++) {
        CLEANUP(close_p) int fd = (int) syscall(SYS_pidfd_open, r->pid[i], 0);
        if (fd < 0)
            continue; /* gone */
        if (syscall(SYS_process_mrelease, fd, 0) == 0)
            released++;
        else if (errno == ENOSYS)
            return -EOPNOTSUPP;
    }
    return released;
}
