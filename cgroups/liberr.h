/* SPDX-License-Identifier: MIT
 * liberr.h - libcgroup's failures as ours.
 * Layer: 2, cgroups; internal to this folder. Uses: libcgroup. */
#ifndef CGROUPS_LIBERR_H
#define CGROUPS_LIBERR_H

/* libcgroup returns 0 or a positive ECG... number (50000 and on; `if (r < 0)` never fires), and
 * for ECGOTHER the cause is in cgroup_get_last_errno(). Returns 0 or a negative errno; a number
 * that is not known is -EIO. Source: libcgroup/error.h, 2.0.2. */
int cgrp_liberr(int code);

#endif
