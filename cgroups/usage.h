/* SPDX-License-Identifier: MIT
 * usage.h - what a group uses, as each kind of tree tells it.
 * Layer: 2, cgroups; internal to this folder. Uses: base.
 *
 * All fill the memory members of *ret, and leave it untouched on failure. Errors: as openat(2),
 * -EPROTO. */
#ifndef CGROUPS_USAGE_H
#define CGROUPS_USAGE_H

#include "cgroups/cgroup.h"

/* peak stays 0 where the kernel keeps none (before 5.19). */
int cgrp_usage_v2(int dir_fd, struct cgrp_usage *ret);
int cgrp_usage_v1(int dir_fd, struct cgrp_usage *ret);

#endif
