/* SPDX-License-Identifier: MIT
 * limit.h - an app's limits as each kind of tree writes them.
 * Layer: 2, cgroups; internal to this folder. Uses: base. */
#ifndef CGROUPS_LIMIT_H
#define CGROUPS_LIMIT_H

#include <stdbool.h>

#include "cgroups/cgroup.h"

struct err;

/* fresh: the folder was made just now, so that what has no limit need not be written.
 * A file that this kernel lacks is skipped where it has no twin to fail: memory.swap.max without
 * swap accounting. Errors: as write(2); -EBUSY: usage is above and cannot be brought below. */
int cgrp_limit_v2(int dir_fd, const struct cgrp_limits *limits, bool memory, bool pids, bool fresh,
                  struct err *e);

/* v1: memory_max is limit_in_bytes, memory_max + memory_swap_max is memsw.limit_in_bytes, where
 * the kernel counts swap. memory_high has no v1 twin: soft_limit_in_bytes acts only when the
 * whole machine is short, and then as a share, so it is left alone. */
int cgrp_limit_v1_memory(int dir_fd, const struct cgrp_limits *limits, bool fresh, struct err *e);
int cgrp_limit_v1_pids(int dir_fd, const struct cgrp_limits *limits, bool fresh, struct err *e);

#endif
