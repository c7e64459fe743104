/* SPDX-License-Identifier: MIT
 * kill.h - signals to a v2 group's processes, such that none escapes.
 * Layer: 2, cgroups; internal to this folder. Uses: base.
 *
 * Signals go to pids that were listed a moment ago. A listed process can end, be reaped and its
 * number be given away in between only by a whole turn of the pid counter (32,768 forks at
 * least) within the microseconds from read(2) to kill(2), which come in one go for at most 4 KiB
 * of list; a pidfd and a look at its cgroup for each would cost three calls and more than the
 * signal. 0, 1 and our own pid are never signalled. */
#ifndef CGROUPS_KILL_H
#define CGROUPS_KILL_H

#include <stdbool.h>

#include "cgroups/cgroup.h"

struct err;

struct cgrp_events { /* of cgroup.events */
    bool populated, frozen;
};

/* Looks now. A group whose folder was removed is empty. Errors: as pread(2). */
int cgrp_events_read(int events_fd, struct cgrp_events *ret);

/* Freezes a group for as long as the variable lives: CLEANUP(cgrp_thaw_p). A group that was
 * frozen before stays so. */
struct cgrp_frozen {
    int dir_fd; /* -1: nothing to thaw */
};
int cgrp_freeze(struct cgrp_group *group, struct cgrp_frozen *ret);
void cgrp_thaw_p(struct cgrp_frozen *f);

/* The functions of the table. */
int cgrp_tree_stop(struct cgrp_group *group, enum cgrp_hold hold, struct err *e);
int cgrp_tree_resume(struct cgrp_group *group, int main_pidfd, struct err *e);
int cgrp_tree_signal(struct cgrp_group *group, int sig, struct err *e);
int cgrp_tree_kill(struct cgrp_group *group, struct err *e);

/* What cgrp_tree_kill() does on a kernel without cgroup.kill (before 5.14). */
int cgrp_tree_kill_by_signal(struct cgrp_group *group, struct err *e);

#endif
