/* SPDX-License-Identifier: MIT
 * unified.c - cgroup v2 with the memory controller. */
#include "cgroups/backend.h"
#include "cgroups/kill.h"
#include "cgroups/limit.h"
#include "cgroups/tree.h"
#include "cgroups/usage.h"
#include "supervisor/base/cleanup.h"
#include "supervisor/base/err.h"
#include "supervisor/base/fs.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

static const char *const wanted[] = { "memory", "pids" };

/* Hands the wanted controllers on to the groups inside; adds "-<name>" to undo (may be NULL, of
 * size n) for each that was not on before. Errors: -EBUSY processes live in this very group. */
static int enable(int dir_fd, char *undo, size_t n) {
    for (size_t i = 0; i < sizeof wanted / sizeof wanted[0]; i++) {
        char text[16];
        if (!cgrp_tree_has_controller(dir_fd, "cgroup.controllers", wanted[i]) ||
            cgrp_tree_has_controller(dir_fd, "cgroup.subtree_control", wanted[i]))
            continue;
        int len = snprintf(text, sizeof text, "+%s", wanted[i]);
        int r = fs_write_existing(dir_fd, "cgroup.subtree_control", text, (size_t) len);
        if (r < 0)
            return r;
        if (undo) {
            size_t at = strlen(undo);
            (void) snprintf(undo + at, n - at, "%s-%s", at ? " " : "", wanted[i]);
        }
    }
    return 0;
}

static int move_to(int dir_fd) {
    return fs_write_existing(dir_fd, "cgroup.procs", "0", 1);
}

static void move_back(struct cgrp_root *root) {
    if (root->moved_self && move_to(root->v2.base_fd) == 0)
        root->moved_self = false;
    (void) unlinkat(root->v2.top_fd, CGRP_SUPERVISOR, AT_REMOVEDIR);
}

/* A group hands on controllers only while no process lives in it (but for the real root). In a
 * group of our own the process is ourselves: we move one down. Somebody else's process, as the
 * shell's that started us, is not ours to move. */
static int enable_in_base(struct cgrp_root *root, bool own, struct err *e) {
    CLEANUP(close_p) int supervisor_fd = -1;

    int r = enable(root->v2.base_fd, root->enabled, sizeof root->enabled);
    if (r == -EBUSY && own) {
        r = fs_mkdir(root->v2.top_fd, CGRP_SUPERVISOR, 0755, &supervisor_fd, e);
        if (r < 0)
            return r;
        r = move_to(supervisor_fd);
        root->moved_self = r == 0;
        if (r == 0)
            r = enable(root->v2.base_fd, root->enabled, sizeof root->enabled);
    }
    if (r == -EBUSY)
        return err_set(e, -EOPNOTSUPP,
                       "other processes live in the group to build in, so that "
                       "its controllers cannot be handed on");
    if (r < 0)
        return err_set(e, r, "cannot hand on controllers: %s", strerror(-r));
    return 0;
}

static int unified_open(struct cgrp_root *root, const struct cgrp_config *config, struct err *e) {
    CLEANUP(free_p) char *below = NULL;

    int r = cgrp_dirs_base(root, CGRP_TREE_V2, config->at, &root->v2, &below, e);
    if (r < 0)
        return r;
    if (!cgrp_tree_has_controller(root->v2.base_fd, "cgroup.controllers", "memory"))
        return err_set(e, -EOPNOTSUPP,
                       "the memory controller is not in the cgroup2 tree, or not "
                       "handed down to group '/%.80s'",
                       below);
    r = cgrp_dirs_top(root, &root->v2, e);
    if (r == 0)
        r = enable_in_base(root, !config->at, e);
    if (r == 0) {
        r = enable(root->v2.top_fd, NULL, 0);
        if (r < 0)
            r = err_set(e, r, "cannot hand on controllers: %s", strerror(-r));
    }
    if (r == 0)
        r = cgrp_dirs_apps(&root->v2, e);
    if (r == 0) {
        r = enable(root->v2.apps_fd, NULL, 0);
        if (r < 0)
            r = err_set(e, r, "cannot hand on controllers: %s", strerror(-r));
    }
    if (r < 0)
        return r;
    root->limits_memory = true;
    root->limits_pids =
        cgrp_tree_has_controller(root->v2.apps_fd, "cgroup.subtree_control", "pids");
    (void) snprintf(root->describe, sizeof root->describe,
                    "unified: memory%s limits by cgroup v2, in %.160s",
                    root->limits_pids ? " and pids" : " (but no pids)", root->v2.path);
    return 0;
}

static void unified_remove(struct cgrp_root *root, bool groups) {
    cgrp_dirs_remove(root, &root->v2, groups);
    if (root->v2.top_fd < 0 || (!root->moved_self && !root->enabled[0]))
        return;
    /* From the inside out; each fails while somebody below still needs it. */
    (void) fs_write_existing(root->v2.top_fd, "cgroup.subtree_control", root->enabled,
                             strlen(root->enabled));
    if (fs_write_existing(root->v2.base_fd, "cgroup.subtree_control", root->enabled,
                          strlen(root->enabled)) == 0)
        root->enabled[0] = '\0';
    move_back(root);
    cgrp_dirs_remove(root, &root->v2, groups);
}

static int unified_limit(struct cgrp_group *group, const struct cgrp_limits *limits,
                         struct err *e) {
    int r = cgrp_limit_v2(group->dir_fd, limits, true, group->root->limits_pids, false, e);

    return r < 0 ? err_wrap(e, r, "'%.64s'", cgrp_group_label(group)) : 0;
}

static int unified_create(struct cgrp_group *group, const struct cgrp_limits *limits,
                          struct err *e) {
    bool fresh;

    int r = cgrp_tree_make_group(group, &fresh, e);
    if (r < 0)
        return r;
    r = cgrp_limit_v2(group->dir_fd, limits, true, group->root->limits_pids, fresh, e);
    if (r < 0) {
        (void) cgrp_tree_remove_folders(group);
        return err_wrap(e, r, "'%.64s'", cgrp_group_label(group));
    }
    return 0;
}

static int unified_usage(struct cgrp_group *group, struct cgrp_usage *ret, struct err *e) {
    struct cgrp_usage u = { 0 };

    int r = cgrp_usage_v2(group->dir_fd, &u);
    ssize_t n = r < 0 ? r : cgrp_tree_pids(group, NULL, 0);
    if (n < 0)
        return err_set(e, (int) n, "cannot read the usage of '%s': %s", cgrp_group_label(group),
                       strerror((int) -n));
    u.pids = (uint64_t) n;
    *ret = u;
    return 0;
}

const struct cgrp_backend cgrp_unified = {
    .kind = CGRP_UNIFIED,
    .open = unified_open,
    .close = cgrp_tree_close,
    .remove = unified_remove,
    .scan = cgrp_tree_scan,
    .create = unified_create,
    .adopt = cgrp_tree_open_group,
    .set_main = cgrp_tree_set_main,
    .limit = unified_limit,
    .populated = cgrp_tree_populated,
    .pids = cgrp_tree_pids,
    .stop = cgrp_tree_stop,
    .resume = cgrp_tree_resume,
    .signal = cgrp_tree_signal,
    .kill = cgrp_tree_kill,
    .usage = unified_usage,
    .remove_group = cgrp_tree_remove_group,
    .forget = cgrp_tree_forget,
};
