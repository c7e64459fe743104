/* SPDX-License-Identifier: MIT
 * lib.h - what libcgroup does for us: v1 hierarchies and the groups at their top.
 * Layer: 2, cgroups; internal to this folder. Uses: base, libcgroup.
 *
 * It sets up a supervisor's own v1 groups. It does not set up each app's: cgroup_create_cgroup()
 * with two limits took 250 us where two mkdirat(2) and two writes took 130 us, it goes over
 * every component of the path anew, and descriptors of the folders are needed all the same. Nor
 * anything of v2: in a v2 tree beside v1 ones it fails with 50002, and it has no call for
 * cgroup.kill, cgroup.events and cgroup.freeze. Measured with 2.0.2 on Linux 6.18. */
#ifndef CGROUPS_LIB_H
#define CGROUPS_LIB_H

struct err;

/* Makes <mount point>/<path> for one v1 controller, with missing parents. An existing one is
 * success. libcgroup reads /proc/mounts for itself, so its view is first held against ours.
 *   mount_point   where mountinfo has the controller
 * Errors: -EXDEV libcgroup sees the controller elsewhere (or not at all): go on without it;
 *         -EACCES and others as mkdir(2). */
int cgrp_lib_create(const char *controller, const char *mount_point, const char *path,
                    struct err *e);

#endif
