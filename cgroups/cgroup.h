/* SPDX-License-Identifier: MIT
 * cgroup.h - one group of processes for each app, whatever the machine's cgroups are like.
 * Layer: 2, cgroups. Uses: base. Never: sd-event, the clock, logging, what an app is.
 *
 * A group is known by the app's id. What it holds is stopped, continued and killed as one, and
 * nothing that an app starts leaves it (on `none` with exceptions, see none.c). */
#ifndef CGROUPS_CGROUP_H
#define CGROUPS_CGROUP_H

#include "cgroups/root.h"

#define CGRP_NO_LIMIT UINT64_MAX

struct cgrp_limits { /* bytes and tasks; CGRP_NO_LIMIT where there is none */
    uint64_t memory_high, memory_max, memory_swap_max, pids_max;
};

struct cgrp_usage {
    bool has_memory; /* the five below are from a memory controller; else all but peak, which is 0,
                        are summed from /proc */
    bool has_swap;
    uint64_t current, peak, swap, anon, file; /* bytes */
    uint64_t pids;                            /* processes */
};

/* What a child must do to be born in the group. The descriptors stay the group's. */
struct cgrp_join {
    int into_fd;     /* v2 directory for CLONE_INTO_CGROUP; -1: none */
    int tasks_fd[4]; /* v1 `tasks` files to write "0" to, open for writing; n of them. Source:
                        cgroup.procs costs up to 16 ms there, tasks 0.05 ms (design.md §3) */
    int n;
};

/* How an app is held down while suspended. */
enum cgrp_hold { CGRP_HOLD_SIGNAL, CGRP_HOLD_FREEZE };

/* Makes an empty group with limits. A leftover empty one is made anew.
 *   id      any string of 1..64 bytes; escaped, so that it never meets a kernel file's name
 *   owner   handed back by cgrp_group_owner()
 * Errors: -EBUSY it is populated, or has an object already; -ENOSPC too many groups; -EINVAL the
 *         id's length; -ENOMEM; others as mkdirat(2). All leave no folder that was not there. */
int cgrp_group_create(struct cgrp_root *root, const char *id, const struct cgrp_limits *limits,
                      void *owner, struct cgrp_group **ret, struct err *e);

/* Who leads a group; all of it matters to `none` alone. */
struct cgrp_adopt {
    pid_t main_pid;          /* the app's main process and session leader; 0: not known */
    uint64_t main_starttime; /* its field 22 of /proc/<pid>/stat (guards against a reused pid); 0:
                                to be read now */
    uid_t uid;               /* the app's own uid, (uid_t) -1 if it has none */
};
/* Takes over a group that exists. Errors: -ENOENT no such group; -EBUSY it has an object. */
int cgrp_group_adopt(struct cgrp_root *root, const char *id, const struct cgrp_adopt *how,
                     void *owner, struct cgrp_group **ret, struct err *e);
void *cgrp_group_owner(const struct cgrp_group *group);
void cgrp_group_join(const struct cgrp_group *group, struct cgrp_join *ret);
/* After each successful spawn, before the process is reaped: who leads. `none` knows its members
 * by it; elsewhere it makes sure that a death before the first look is reported. */
int cgrp_group_set_main(struct cgrp_group *group, const struct cgrp_adopt *who);

int cgrp_group_limit(struct cgrp_group *group, const struct cgrp_limits *limits, struct err *e);
int cgrp_group_populated(struct cgrp_group *group); /* 1, 0, -errno; looks now */
/* Fills pids with up to n members; returns how many there are (may be more than n). */
ssize_t cgrp_group_pids(struct cgrp_group *group, pid_t *pids, size_t n);

/* Stops every process, forks in flight included: signal all listed, list again until nothing is
 * new; after 3 rounds, or where process groups cannot be told, freeze, signal, thaw. With
 * CGRP_HOLD_FREEZE the group is frozen instead (`unified`, `hybrid`; else -EOPNOTSUPP).
 *
 * At return every process that was listed has been sent the signal. Errors: -EAGAIN processes
 * still appeared at the end, or one did not freeze within 100 ms; -EPERM and others as kill(2). */
int cgrp_group_stop(struct cgrp_group *group, enum cgrp_hold hold, struct err *e);
/* SIGCONT to every process, and thaw. Safe on a group that is not stopped. */
int cgrp_group_continue(struct cgrp_group *group, struct err *e);
/* The same; the main process, whose pidfd this is (-1: none), is on its way while the others are
 * still being listed. */
int cgrp_group_continue_main(struct cgrp_group *group, int main_pidfd, struct err *e);
/* Sends a signal to every process listed now (SIGTERM at a stop). */
int cgrp_group_signal(struct cgrp_group *group, int sig, struct err *e);
/* SIGKILL to all, nothing escapes: cgroup.kill, else freeze guard and SIGKILL, else rounds over
 * /proc. Frozen or stopped members die too. Allocates nothing. */
int cgrp_group_kill(struct cgrp_group *group, struct err *e);
bool cgrp_group_is_frozen(struct cgrp_group *group);

int cgrp_group_usage(struct cgrp_group *group, struct cgrp_usage *ret, struct err *e);
/* oom_score_adj of every process; the first error is returned, all are tried. */
int cgrp_group_oom_score(struct cgrp_group *group, int adj);

/* Removes the empty group's folders and frees it; -EBUSY (still populated) frees nothing. */
int cgrp_group_remove(struct cgrp_group *group, struct err *e);
/* Forgets it and leaves its processes alone; NULL. */
struct cgrp_group *cgrp_group_free(struct cgrp_group *group);

#endif
