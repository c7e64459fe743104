/* SPDX-License-Identifier: MIT
 * hybrid.c - v1 memory and pids controllers beside a v2 tree.
 *
 * The v2 tree holds membership, kills, freezes and tells when a group is empty; the same folders
 * in the v1 trees hold the limits. */
#include "cgroups/backend.h"
#include "cgroups/kill.h"
#include "cgroups/lib.h"
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

static enum cgrp_tree tree_of(int v1) {
    return v1 == CGRP_V1_MEMORY ? CGRP_TREE_MEMORY : CGRP_TREE_PIDS;
}

/* By libcgroup where it sees the tree as mountinfo has it, else by hand. */
static int make_v1_folders(struct cgrp_root *root, int v1, const char *below, struct err *e) {
    CLEANUP(free_p) char *path = NULL;
    struct cgrp_dirs *d = &root->v1[v1];
    enum cgrp_tree tree = tree_of(v1);

    if (asprintf(&path, "%s%s%s", below, *below ? "/" : "", root->top) < 0) {
        path = NULL;
        return err_set(e, -ENOMEM, "no memory for a path");
    }
    int r = cgrp_lib_create(cgrp_tree_name(tree), root->mounts.tree[tree].point, path, e);
    if (r < 0 && r != -EXDEV)
        return r;
    r = cgrp_dirs_top(root, d, e);
    if (r < 0)
        return r;
    /* Before 5.11 a group could stand alone, its children uncounted; it must be said while there
     * are none. Later kernels take the 1 and know nothing else. */
    if (v1 == CGRP_V1_MEMORY)
        (void) fs_write_existing(d->top_fd, "memory.use_hierarchy", "1", 1);
    return cgrp_dirs_apps(d, e);
}

/* The v2 path again where it is there; else below our own group in that tree. */
static int open_v1(struct cgrp_root *root, int v1, const char *at, struct err *e) {
    CLEANUP(free_p) char *below = NULL;
    struct cgrp_dirs *d = &root->v1[v1];

    int r = at ? cgrp_dirs_base(root, tree_of(v1), at, d, &below, e) : -ENOENT;
    if (r == -ENOENT)
        r = cgrp_dirs_base(root, tree_of(v1), NULL, d, &below, e);
    if (r == 0)
        r = make_v1_folders(root, v1, below, e);
    if (r < 0)
        cgrp_dirs_close(d);
    return r;
}

static void describe(struct cgrp_root *root) {
    const char *limits = "no limits (no usable v1 memory or pids tree)";

    if (root->limits_memory && root->limits_pids)
        limits = "memory_max and pids limits by v1";
    else if (root->limits_memory)
        limits = "memory_max limit by v1 (but no pids limit)";
    else if (root->limits_pids)
        limits = "pids limit by v1 (but no memory limit)";
    (void) snprintf(root->describe, sizeof root->describe,
                    "hybrid: %s, memory_high sets none, in %.140s", limits, root->v2.path);
}

static int hybrid_open(struct cgrp_root *root, const struct cgrp_config *config, struct err *e) {
    CLEANUP(free_p) char *below = NULL;

    int r = cgrp_dirs_base(root, CGRP_TREE_V2, config->at, &root->v2, &below, e);
    if (r < 0)
        return r;
    if (cgrp_tree_has_controller(root->v2.base_fd, "cgroup.controllers", "memory"))
        return err_set(e, -EOPNOTSUPP,
                       "the memory controller is in the cgroup2 tree: this machine "
                       "is unified");
    r = cgrp_dirs_top(root, &root->v2, e);
    if (r == 0)
        r = cgrp_dirs_apps(&root->v2, e);
    if (r < 0)
        return r;
    root->limits_memory = open_v1(root, CGRP_V1_MEMORY, config->at, NULL) == 0;
    root->limits_pids = open_v1(root, CGRP_V1_PIDS, config->at, NULL) == 0;
    describe(root);
    return 0;
}

static void hybrid_remove(struct cgrp_root *root, bool groups) {
    for (int i = 0; i < CGRP_V1_COUNT; i++)
        cgrp_dirs_remove(root, &root->v1[i], groups);
    cgrp_dirs_remove(root, &root->v2, groups);
}

static int open_tasks(struct cgrp_group *group, int v1) {
    group->tasks_fd[v1] = openat(group->v1_fd[v1], "tasks", O_WRONLY | O_CLOEXEC);
    return group->tasks_fd[v1] < 0 ? -errno : 0;
}

static int limit_v1(struct cgrp_group *group, int v1, const struct cgrp_limits *limits, bool fresh,
                    struct err *e) {
    int fd = group->v1_fd[v1];

    if (fd < 0)
        return 0;
    return v1 == CGRP_V1_MEMORY ? cgrp_limit_v1_memory(fd, limits, fresh, e)
                                : cgrp_limit_v1_pids(fd, limits, fresh, e);
}

static int make_v1_group(struct cgrp_group *group, int v1, const struct cgrp_limits *limits,
                         struct err *e) {
    int apps_fd = group->root->v1[v1].apps_fd;
    bool fresh;

    if (apps_fd < 0)
        return 0;
    int r = cgrp_tree_make_folder(apps_fd, group->name, &fresh, &group->v1_fd[v1]);
    if (r == 0)
        r = open_tasks(group, v1);
    if (r < 0)
        return err_set(e, r, "cannot make its %s group: %s", cgrp_tree_name(tree_of(v1)),
                       strerror(-r));
    return limit_v1(group, v1, limits, fresh, e);
}

static int hybrid_create(struct cgrp_group *group, const struct cgrp_limits *limits,
                         struct err *e) {
    bool fresh;

    int r = cgrp_tree_make_group(group, &fresh, e);
    if (r < 0)
        return r;
    for (int i = 0; i < CGRP_V1_COUNT; i++) {
        r = make_v1_group(group, i, limits, e);
        if (r < 0)
            goto undo_folders;
    }
    return 0;

undo_folders:
    (void) cgrp_tree_remove_folders(group);
    return err_wrap(e, r, "'%.64s'", cgrp_group_label(group));
}

static int first_pid(pid_t pid, void *userdata) {
    *(pid_t *) userdata = pid;
    return 1;
}

/* Where a member's v1 group is: started from another session an earlier supervisor had another
 * own group there. -ENOENT: no member, or it is in no folder of such a name. */
static int open_v1_of_member(struct cgrp_group *group, int v1) {
    CLEANUP(free_p) char *path = NULL;
    CLEANUP(free_p) char *full = NULL;
    const struct cgrp_mount *m = &group->root->mounts.tree[tree_of(v1)];
    char tail[CGRP_NAME_MAX + 80], process[16];
    pid_t pid = 0;

    if (cgrp_procs_each(group->procs_fd, first_pid, &pid) != 1 || !m->point)
        return -ENOENT;
    (void) snprintf(process, sizeof process, "%d", pid);
    int r = cgrp_mount_path_of(group->root->proc_fd, process, tree_of(v1), &path);
    if (r < 0)
        return r;
    const char *below = cgrp_mount_below(m, path);
    (void) snprintf(tail, sizeof tail, "/%s/" CGRP_APPS "/%s", group->root->top, group->name);
    size_t n = strlen(path), t = strlen(tail);
    if (!below || n < t || strcmp(path + n - t, tail) != 0)
        return -ENOENT;
    if (asprintf(&full, "%s/%s", m->point, below) < 0) {
        full = NULL;
        return -ENOMEM;
    }
    int fd = open(full, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return fd < 0 ? -errno : fd;
}

/* Without its v1 group an app is still an app: it has no limit then, and its usage is told by
 * /proc. */
static void adopt_v1(struct cgrp_group *group, int v1) {
    int apps_fd = group->root->v1[v1].apps_fd;

    int fd = open_v1_of_member(group, v1);
    if (fd < 0 && apps_fd >= 0)
        fd = openat(apps_fd, group->name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return;
    group->v1_fd[v1] = fd;
    if (open_tasks(group, v1) < 0)
        group->tasks_fd[v1] = -1;
}

static int hybrid_adopt(struct cgrp_group *group, struct err *e) {
    int r = cgrp_tree_open_group(group, e);

    if (r < 0)
        return r;
    for (int i = 0; i < CGRP_V1_COUNT; i++)
        adopt_v1(group, i);
    return 0;
}

static int hybrid_limit(struct cgrp_group *group, const struct cgrp_limits *limits, struct err *e) {
    int r = 0;

    for (int i = 0; i < CGRP_V1_COUNT && r == 0; i++)
        r = limit_v1(group, i, limits, false, e);
    return r < 0 ? err_wrap(e, r, "'%.64s'", cgrp_group_label(group)) : 0;
}

static int hybrid_usage(struct cgrp_group *group, struct cgrp_usage *ret, struct err *e) {
    struct cgrp_usage u = { 0 };
    int r;

    if (group->v1_fd[CGRP_V1_MEMORY] >= 0) {
        ssize_t n = cgrp_tree_pids(group, NULL, 0);
        u.pids = n < 0 ? 0 : (uint64_t) n;
        r = n < 0 ? (int) n : cgrp_usage_v1(group->v1_fd[CGRP_V1_MEMORY], &u);
    } else {
        r = cgrp_usage_by_proc(group, &u);
    }
    if (r < 0)
        return err_set(e, r, "cannot read the usage of '%s': %s", cgrp_group_label(group),
                       strerror(-r));
    *ret = u;
    return 0;
}

const struct cgrp_backend cgrp_hybrid = {
    .kind = CGRP_HYBRID,
    .open = hybrid_open,
    .close = cgrp_tree_close,
    .remove = hybrid_remove,
    .scan = cgrp_tree_scan,
    .create = hybrid_create,
    .adopt = hybrid_adopt,
    .set_main = cgrp_tree_set_main,
    .limit = hybrid_limit,
    .populated = cgrp_tree_populated,
    .pids = cgrp_tree_pids,
    .stop = cgrp_tree_stop,
    .resume = cgrp_tree_resume,
    .signal = cgrp_tree_signal,
    .kill = cgrp_tree_kill,
    .usage = hybrid_usage,
    .remove_group = cgrp_tree_remove_group,
    .forget = cgrp_tree_forget,
};
