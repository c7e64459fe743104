/* SPDX-License-Identifier: MIT
 * mount.h - where cgroup trees are mounted, and where in them this process is.
 * Layer: 2, cgroups. Uses: base.
 *
 * Everything comes from <proc>/self/mountinfo and <proc>/self/cgroup, read through a descriptor
 * of <proc>. A mount may show only a part of its hierarchy (a container without a namespace of
 * its own: field 4 of mountinfo is "/docker/<id>"), while /proc/self/cgroup counts from the
 * hierarchy's root; paths here are always below the mount point. */
#ifndef CGROUPS_MOUNT_H
#define CGROUPS_MOUNT_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct err;

/* One hierarchy each; MEMORY and PIDS are the v1 ones. */
enum cgrp_tree { CGRP_TREE_V2, CGRP_TREE_MEMORY, CGRP_TREE_PIDS, CGRP_TREE_COUNT };

struct cgrp_mount {
    char *point; /* absolute path of the mount point, unescaped; NULL: not mounted */
    char *root;  /* what part of the hierarchy it shows: "/" or "/docker/<id>" */
};

struct cgrp_mounts {
    struct cgrp_mount tree[CGRP_TREE_COUNT];
};

/* Reads mountinfo. A hierarchy that is not mounted, or not writable, is left with point NULL.
 * Errors: -ENOMEM, as openat(2); malformed lines are skipped. */
int cgrp_mounts_read(int proc_fd, struct cgrp_mounts *ret, struct err *e);
void cgrp_mounts_clear(struct cgrp_mounts *m);

/* The group of a process in one hierarchy, as a path from the hierarchy's root.
 *   process   "self" or a pid in digits
 *   ret       malloc'd, the caller's
 * Errors: -ENOENT no such hierarchy or process; -ENOMEM. */
int cgrp_mount_path_of(int proc_fd, const char *process, enum cgrp_tree tree, char **ret);

/* The same path below the mount point: "" for the mount point itself, else "a/b" without a
 * slash at its ends; a pointer into `path`. NULL: the mount does not show it. */
const char *cgrp_mount_below(const struct cgrp_mount *m, const char *path);

const char *cgrp_tree_name(enum cgrp_tree tree); /* "cgroup2", "memory", "pids" */

#endif
