/* SPDX-License-Identifier: MIT */
#include "cgroups/tree.h"

#include "cgroups/kill.h"
#include "supervisor/base/cleanup.h"
#include "supervisor/base/err.h"
#include "supervisor/base/fs.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

void cgrp_tree_close(struct cgrp_root *root) {
    cgrp_dirs_close(&root->v2);
    for (int i = 0; i < CGRP_V1_COUNT; i++)
        cgrp_dirs_close(&root->v1[i]);
}

/* Watched before anybody can be born in it, so that no emptying is missed. */
static int watch_group(struct cgrp_group *group, struct err *e) {
    char path[PATH_MAX];

    int n = snprintf(path, sizeof path, "%s/%s/cgroup.events", group->root->v2.path, group->name);
    if (n < 0 || (size_t) n >= sizeof path)
        return err_set(e, -ENAMETOOLONG, "the path of group '%.100s' is too long", group->name);
    int r = cgrp_watch_file(&group->root->watch, &group->watched, path);
    if (r < 0)
        return err_set(e, r, "cannot watch '%.120s': %s", path, strerror(-r));
    return 0;
}

static int open_file(struct cgrp_group *group, const char *name, int flags, int *ret_fd,
                     struct err *e) {
    int fd = openat(group->dir_fd, name, flags | O_CLOEXEC);

    if (fd < 0) {
        int r = -errno;
        return err_set(e, r, "cannot open %s of '%s': %s", name, cgrp_group_label(group),
                       strerror(-r));
    }
    *ret_fd = fd;
    return 0;
}

static int open_files(struct cgrp_group *group, struct err *e) {
    struct err own = { 0 };
    int r = open_file(group, "cgroup.events", O_RDONLY, &group->events_fd, e);

    if (r == 0)
        r = open_file(group, "cgroup.procs", O_RDONLY, &group->procs_fd, e);
    if (r < 0)
        return r;
    r = open_file(group, "cgroup.kill", O_WRONLY, &group->kill_fd, &own);
    if (r < 0 && r != -ENOENT) /* there is none before 5.14 */
        return err_set(e, r, "%s", own.text);
    return watch_group(group, e);
}

static bool in_use(const struct cgrp_group *group) {
    struct cgrp_group *other;

    list_for_each (other, &group->root->groups, struct cgrp_group, in_root)
        if (other != group && strcmp(other->name, group->name) == 0)
            return true;
    return false;
}

int cgrp_tree_make_group(struct cgrp_group *group, bool *ret_fresh, struct err *e) {
    int apps = group->root->v2.apps_fd;
    bool fresh;

    /* Only a folder that is there can be another object's: else no list need be walked. */
    if (faccessat(apps, group->name, F_OK, 0) == 0 && in_use(group))
        return err_set(e, -EBUSY, "group '%s' is in use", cgrp_group_label(group));
    int r = cgrp_tree_make_folder(apps, group->name, &fresh, &group->dir_fd);
    if (r < 0)
        return err_set(e, r, "cannot make group '%s': %s", cgrp_group_label(group), strerror(-r));
    r = open_files(group, e);
    if (r < 0)
        goto undo_folder;
    r = fresh ? 0 : cgrp_tree_populated(group);
    if (r > 0) /* somebody lives there: keep off */
        return err_set(e, -EBUSY, "group '%s' has processes", cgrp_group_label(group));
    *ret_fresh = fresh;
    return 0;

undo_folder:
    (void) cgrp_tree_remove_folders(group);
    return r;
}

int cgrp_tree_open_group(struct cgrp_group *group, struct err *e) {
    char text[8];

    /* Two objects would share one inotify watch, and the first to go would take it along. */
    if (in_use(group))
        return err_set(e, -EBUSY, "group '%s' is in use", cgrp_group_label(group));
    group->dir_fd = openat(group->root->v2.apps_fd, group->name,
                           O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (group->dir_fd < 0) {
        int r = -errno;
        return err_set(e, r, "no group '%s': %s", cgrp_group_label(group), strerror(-r));
    }
    int r = open_files(group, e);
    if (r < 0)
        return r;
    group->held_frozen =
        fs_read_into(group->dir_fd, "cgroup.freeze", text, sizeof text) > 0 && text[0] == '1';
    return 0;
}

int cgrp_tree_set_main(struct cgrp_group *group) {
    (void) group; /* membership is the kernel's */
    return 0;
}

int cgrp_tree_populated(struct cgrp_group *group) {
    struct cgrp_events ev;

    int r = cgrp_events_read(group->events_fd, &ev);
    return r < 0 ? r : ev.populated;
}

struct fill {
    pid_t *pids;
    size_t n, max;
};

static int fill_one(pid_t pid, void *userdata) {
    struct fill *f = userdata;

    if (f->n < f->max)
        f->pids[f->n] = pid;
    f->n++;
    return 0;
}

ssize_t cgrp_tree_pids(struct cgrp_group *group, pid_t *pids, size_t n) {
    struct fill f = { pids, 0, n };

    int r = cgrp_procs_each(group->procs_fd, fill_one, &f);
    if (r == -ENODEV)
        return 0;
    return r < 0 ? r : (ssize_t) f.n;
}

int cgrp_tree_remove_group(struct cgrp_group *group, struct err *e) {
    int r = cgrp_tree_populated(group);

    if (r == 0)
        r = cgrp_tree_remove_folders(group);
    else if (r > 0)
        r = -EBUSY;
    if (r < 0)
        return err_set(e, r, "cannot remove group '%s': %s", cgrp_group_label(group),
                       r == -EBUSY ? "it still has processes" : strerror(-r));
    return 0;
}

void cgrp_tree_forget(struct cgrp_group *group) {
    close_p(&group->dir_fd);
    close_p(&group->events_fd);
    close_p(&group->kill_fd);
    close_p(&group->procs_fd);
    for (int i = 0; i < CGRP_V1_COUNT; i++) {
        close_p(&group->v1_fd[i]);
        close_p(&group->tasks_fd[i]);
    }
}
