/* SPDX-License-Identifier: MIT */
#include "supervisor/daemon/peer.h"

#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "cgroups/cgroup.h"
#include "supervisor/base/cleanup.h"
#include "supervisor/base/fs.h"

#ifndef SO_PEERPIDFD
#define SO_PEERPIDFD 77 /* younger than Debian 12's headers. Source: Linux 6.5 */
#endif

/* Set before do_exit() takes the process out of its group, and never unset. Source: PF_EXITING,
 * include/linux/sched.h, the same since Linux 2.6; proc_pid_stat(5), field 9. It is the first
 * thread's: field 20 tells whether others go on. */
#define FLAG_EXITING 0x4u

bool peer_is_ending(pid_t pid) {
    char name[32], text[1024];
    unsigned flags, threads;

    (void) snprintf(name, sizeof name, "/proc/%d/stat", pid);
    if (fs_read_into(AT_FDCWD, name, text, sizeof text) <= 0)
        return false;
    const char *rest = strrchr(text, ')'); /* the name may hold anything, ')' included */
    return rest &&
           sscanf(rest + 1,
                  " %*c %*d %*d %*d %*d %*d %u %*u %*u %*u %*u %*u %*u %*d %*d %*d %*d %u", &flags,
                  &threads) == 2 &&
           (flags & FLAG_EXITING) && threads <= 1;
}

bool peer_is_member(struct cgrp_group *group, int fd, pid_t pid) {
    CLEANUP(close_p) int pidfd = -1;
    socklen_t size = sizeof pidfd;
    pid_t pids[PEER_MEMBERS_MAX];

    if (getsockopt(fd, SOL_SOCKET, SO_PEERPIDFD, &pidfd, &size) < 0)
        return true;
    ssize_t n = cgrp_group_pids(group, pids, PEER_MEMBERS_MAX);
    if (n < 0 || n > PEER_MEMBERS_MAX)
        return true;
    for (ssize_t i = 0; i < n; i++)
        if (pids[i] == pid)
            return true;
    /* Looked at in this order: gone in between, its pidfd says so, whoever has its number now. */
    if (peer_is_ending(pid))
        return true;
    struct pollfd ended = { .fd = pidfd, .events = POLLIN };
    return poll(&ended, 1, 0) > 0;
}
