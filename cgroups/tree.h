/* SPDX-License-Identifier: MIT
 * tree.h - folders of groups in a cgroup tree: what `unified` and `hybrid` share.
 * Layer: 2, cgroups; internal to this folder. Uses: base. */
#ifndef CGROUPS_TREE_H
#define CGROUPS_TREE_H

#include "cgroups/backend.h"

struct err;

void cgrp_dirs_init(struct cgrp_dirs *d);
void cgrp_dirs_close(struct cgrp_dirs *d);

/* Opens the folder to build in: config.at, else the process's own group in that tree, or, when
 * we are in <top>/supervisor already, the one above it.
 *   ret_below   its path below the mount point; malloc'd, the caller's
 * Errors: -EOPNOTSUPP no such tree here, or not the part that it shows; as openat(2). */
int cgrp_dirs_base(struct cgrp_root *root, enum cgrp_tree tree, const char *at, struct cgrp_dirs *d,
                   char **ret_below, struct err *e);
/* Makes and opens <top> and <top>/apps in it. */
int cgrp_dirs_top(struct cgrp_root *root, struct cgrp_dirs *d, struct err *e);
int cgrp_dirs_apps(struct cgrp_dirs *d, struct err *e);
/* Removes, with `groups`, the app groups that are empty, then apps, then <top>, as far as that
 * goes. */
void cgrp_dirs_remove(struct cgrp_root *root, struct cgrp_dirs *d, bool groups);

/* Makes and opens the group's folder in the v2 tree, and watches it. A leftover empty one is made
 * anew: its limits, peaks and late events are another's.
 *   ret_fresh   false when the old folder had to be taken
 * Errors: -EBUSY populated, or in use; -ENOSPC; others as mkdirat(2). */
int cgrp_tree_make_group(struct cgrp_group *group, bool *ret_fresh, struct err *e);
/* Opens one that exists. */
int cgrp_tree_open_group(struct cgrp_group *group, struct err *e);
/* Makes a folder as above in a v1 tree. */
int cgrp_tree_make_folder(int apps_fd, const char *name, bool *ret_fresh, int *ret_fd);
/* Removes the group's folders everywhere. Errors: -EBUSY. */
int cgrp_tree_remove_folders(struct cgrp_group *group);

/* Of the table. */
void cgrp_tree_close(struct cgrp_root *root);
int cgrp_tree_scan(struct cgrp_root *root, void (*seen)(const char *, void *), void *userdata,
                   struct err *e);
int cgrp_tree_set_main(struct cgrp_group *group);
int cgrp_tree_populated(struct cgrp_group *group);
ssize_t cgrp_tree_pids(struct cgrp_group *group, pid_t *pids, size_t n);
int cgrp_tree_remove_group(struct cgrp_group *group, struct err *e);
void cgrp_tree_forget(struct cgrp_group *group);

/* A controller is in a file like cgroup.controllers. */
bool cgrp_tree_has_controller(int dir_fd, const char *file, const char *controller);

#endif
