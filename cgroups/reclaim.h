/* SPDX-License-Identifier: MIT
 * reclaim.h - takes back a suspended app's memory, in slices.
 * Layer: 2, cgroups. Uses: base.
 *
 * The kernel reclaims in the writer's own call, for as long as it takes: a job for a worker
 * thread. It works on descriptors of its own, so that the group may be forgotten meanwhile. */
#ifndef CGROUPS_RECLAIM_H
#define CGROUPS_RECLAIM_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "cgroups/cgroup.h"

struct err;

#define CGRP_RECLAIM_SLICE (UINT64_C(4) << 20)

struct cgrp_reclaim {
    int dir_fd;         /* -1: nothing opened */
    bool v1;            /* memory.force_empty: all at once, without slices or a limit */
    atomic_bool cancel; /* set by anybody; looked at between slices */
    uint64_t freed;     /* by which usage fell so far */
    uint64_t slices;    /* writes */
};

/* On the loop. Errors: -EOPNOTSUPP no memory controller, or a kernel without memory.reclaim
 * (before 5.19); -EMFILE. */
int cgrp_reclaim_open(const struct cgrp_group *group, struct cgrp_reclaim *ret, struct err *e);
void cgrp_reclaim_close(struct cgrp_reclaim *r);

/* Blocks. Takes back up to `bytes` (CGRP_NO_LIMIT: all there is), v1 always all. It ends early when
 * the kernel had less to give than a slice (it says EAGAIN and has done the work), when cancelled,
 * and when the group has gone; none of these is an error. freed says what came back. Without
 * swap that is page cache alone. Errors: as openat(2), write(2). */
int cgrp_reclaim_run(struct cgrp_reclaim *r, uint64_t bytes, struct err *e);

#endif
