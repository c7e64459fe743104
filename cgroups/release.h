/* SPDX-License-Identifier: MIT
 * release.h - gives the memory of killed processes back before they have run their exit.
 * Layer: 2, cgroups. Uses: base.
 *
 * process_mrelease(2) unmaps a dying process from outside, which helps when it gets no CPU of its
 * own; on an idle machine it is gone by then (measured: ESRCH). It blocks: a job for a worker
 * thread. A number that was given to another process meanwhile does no harm: what is not dying is
 * refused by the kernel. */
#ifndef CGROUPS_RELEASE_H
#define CGROUPS_RELEASE_H

#include <sys/types.h>

#include "cgroups/cgroup.h"

#define CGRP_RELEASE_MAX 64 /* processes; beyond that the others end by themselves */

struct cgrp_release {
    pid_t pid[CGRP_RELEASE_MAX];
    int n;
};

/* On the loop, right after cgrp_group_kill(): who has not gone yet. Takes no memory. Errors: as
 * cgrp_group_pids(). */
int cgrp_release_list(struct cgrp_group *group, struct cgrp_release *ret);

/* Blocks. Returns how many were released; those that have gone, or were not killed, do not count.
 * Errors: -EOPNOTSUPP a kernel without it (before 5.15). */
int cgrp_release_run(const struct cgrp_release *r);

#endif
