/* SPDX-License-Identifier: MIT
 * dirs.c - a supervisor's own folders in a tree: tree.h's first half. */
#include "cgroups/tree.h"

#include "supervisor/base/cleanup.h"
#include "supervisor/base/err.h"
#include "supervisor/base/fs.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#define DEPTH_MAX 16 /* of groups that an app made in its own */

void cgrp_dirs_init(struct cgrp_dirs *d) {
    *d = (struct cgrp_dirs){ .base_fd = -1, .top_fd = -1, .apps_fd = -1 };
}

void cgrp_dirs_close(struct cgrp_dirs *d) {
    free_p(&d->path);
    close_p(&d->base_fd);
    close_p(&d->top_fd);
    close_p(&d->apps_fd);
    cgrp_dirs_init(d);
}

/* The level between the folder to build in and apps/; "": none. */
static const char *top_of(const struct cgrp_root *root, const struct cgrp_dirs *d) {
    return root->bare && d == &root->v2 ? "" : root->top;
}

/* "a/<top>/supervisor" becomes "a". */
static void strip_supervisor(char *below, const char *top) {
    char tail[64];
    size_t n = strlen(below), t;

    (void) snprintf(tail, sizeof tail, "%s/" CGRP_SUPERVISOR, top);
    t = strlen(tail);
    if (n < t || strcmp(below + n - t, tail) != 0)
        return;
    if (n == t)
        below[0] = '\0';
    else if (below[n - t - 1] == '/')
        below[n - t - 1] = '\0';
}

/* The folder to build in, as a path below the mount point. */
static int base_path(struct cgrp_root *root, enum cgrp_tree tree, const char *at, char **ret,
                     struct err *e) {
    CLEANUP(free_p) char *path = NULL;
    int r;

    if (at)
        r = (path = strdup(at)) ? 0 : -ENOMEM;
    else
        r = cgrp_mount_path_of(root->proc_fd, "self", tree, &path);
    if (r < 0)
        return err_set(e, r, "cannot tell our own %s group: %s", cgrp_tree_name(tree),
                       strerror(-r));
    const char *below = cgrp_mount_below(&root->mounts.tree[tree], path);
    if (!below)
        return err_set(e, -EOPNOTSUPP, "group '%.100s' is not in the part of %s mounted here", path,
                       cgrp_tree_name(tree));
    char *copy = strdup(below);
    if (!copy)
        return err_set(e, -ENOMEM, "no memory for a path");
    if (!at)
        strip_supervisor(copy, root->top);
    *ret = copy;
    return 0;
}

int cgrp_dirs_base(struct cgrp_root *root, enum cgrp_tree tree, const char *at, struct cgrp_dirs *d,
                   char **ret_below, struct err *e) {
    CLEANUP(free_p) char *below = NULL;
    CLEANUP(free_p) char *base = NULL;
    const char *point = root->mounts.tree[tree].point;

    if (!point)
        return err_set(e, -EOPNOTSUPP, "no writable %s tree is mounted", cgrp_tree_name(tree));
    int r = base_path(root, tree, at, &below, e);
    if (r < 0)
        return r;
    if (asprintf(&base, "%s/%s", point, below) < 0) {
        base = NULL;
        return err_set(e, -ENOMEM, "no memory for a path");
    }
    d->base_fd = open(base, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (d->base_fd < 0) {
        r = -errno;
        return err_set(e, r, "cannot open group '%.120s': %s", base, strerror(-r));
    }
    const char *top = top_of(root, d);
    if (asprintf(&d->path, "%s/%s%s%s%s" CGRP_APPS, point, below, *below ? "/" : "", top,
                 *top ? "/" : "") < 0) {
        d->path = NULL;
        return err_set(e, -ENOMEM, "no memory for a path");
    }
    *ret_below = TAKE_PTR(below);
    return 0;
}

int cgrp_dirs_top(struct cgrp_root *root, struct cgrp_dirs *d, struct err *e) {
    const char *top = top_of(root, d);
    int r = *top ? fs_mkdir(d->base_fd, top, 0755, &d->top_fd, e)
                 : fs_open_dir(d->base_fd, ".", &d->top_fd, e);

    return r < 0 ? err_wrap(e, r, "cannot build groups") : 0;
}

int cgrp_dirs_apps(struct cgrp_dirs *d, struct err *e) {
    int r = fs_mkdir(d->top_fd, CGRP_APPS, 0755, &d->apps_fd, e);

    return r < 0 ? err_wrap(e, r, "cannot build groups") : 0;
}

/* Calls each() for the sub-folders of an open one; the descriptor stays open and is rewound. */
static int each_folder(int dir_fd, int (*each)(int dir_fd, const char *name, void *userdata),
                       void *userdata) {
    int copy = openat(dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *dir = copy < 0 ? NULL : fdopendir(copy);
    const struct dirent *d;
    int r = 0;

    if (!dir) {
        r = -errno;
        close_p(&copy);
        return r;
    }
    while (r == 0 && (d = readdir(dir)))
        if (d->d_type == DT_DIR && strcmp(d->d_name, ".") != 0 && strcmp(d->d_name, "..") != 0)
            r = each(dir_fd, d->d_name, userdata);
    (void) closedir(dir);
    return r;
}

/* Removes an empty group and empty ones in it; only rmdir, so nothing populated can go. */
static int remove_group_folder(int dir_fd, const char *name, void *userdata) {
    int depth = *(int *) userdata + 1;

    if (unlinkat(dir_fd, name, AT_REMOVEDIR) == 0 || errno == ENOENT)
        return 0;
    if ((errno != EBUSY && errno != ENOTEMPTY) || depth > DEPTH_MAX)
        return -errno;
    CLEANUP(close_p) int fd = openat(dir_fd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    (void) each_folder(fd, remove_group_folder, &depth);
    return unlinkat(dir_fd, name, AT_REMOVEDIR) == 0 || errno == ENOENT ? 0 : -errno;
}

static int remove_folder(int dir_fd, const char *name) {
    int depth = 0;

    return remove_group_folder(dir_fd, name, &depth);
}

static int remove_if_ours(int dir_fd, const char *name, void *userdata) {
    char id[CGRP_ID_MAX + 1];

    (void) userdata;
    if (cgrp_name_unescape(name, id) == 0)
        (void) remove_folder(dir_fd, name);
    return 0;
}

void cgrp_dirs_remove(struct cgrp_root *root, struct cgrp_dirs *d, bool groups) {
    if (groups && d->apps_fd >= 0)
        (void) each_folder(d->apps_fd, remove_if_ours, NULL);
    if (d->top_fd >= 0)
        (void) unlinkat(d->top_fd, CGRP_APPS, AT_REMOVEDIR);
    if (d->base_fd >= 0)
        (void) unlinkat(d->base_fd, top_of(root, d), AT_REMOVEDIR); /* "": nothing is there */
}

struct scan {
    void (*seen)(const char *, void *);
    void *userdata;
};

static int scan_one(int dir_fd, const char *name, void *userdata) {
    const struct scan *s = userdata;
    char id[CGRP_ID_MAX + 1];

    (void) dir_fd;
    if (cgrp_name_unescape(name, id) == 0)
        s->seen(id, s->userdata);
    return 0;
}

int cgrp_tree_scan(struct cgrp_root *root, void (*seen)(const char *, void *), void *userdata,
                   struct err *e) {
    struct scan s = { seen, userdata };

    int r = each_folder(root->v2.apps_fd, scan_one, &s);
    return r < 0 ? err_set(e, r, "cannot list '%.120s': %s", root->v2.path, strerror(-r)) : 0;
}

/* The controllers are words separated by blanks, a newline at the end. */
bool cgrp_tree_has_controller(int dir_fd, const char *file, const char *controller) {
    char text[1024], *rest = text, *word;

    if (fs_read_into(dir_fd, file, text, sizeof text) < 0)
        return false;
    while ((word = strsep(&rest, " \n")))
        if (strcmp(word, controller) == 0)
            return true;
    return false;
}

static bool is_populated(int apps_fd, const char *name) {
    char file[CGRP_NAME_MAX + 16], text[128];

    (void) snprintf(file, sizeof file, "%s/cgroup.events", name);
    return fs_read_into(apps_fd, file, text, sizeof text) > 0 && strstr(text, "populated 1");
}

int cgrp_tree_make_folder(int apps_fd, const char *name, bool *ret_fresh, int *ret_fd) {
    bool fresh = mkdirat(apps_fd, name, 0755) == 0;

    if (!fresh && errno != EEXIST)
        return errno == EAGAIN ? -ENOSPC : -errno; /* cgroup.max.descendants */
    if (!fresh && !is_populated(apps_fd, name) && remove_folder(apps_fd, name) == 0)
        fresh = mkdirat(apps_fd, name, 0755) == 0;
    int fd = openat(apps_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    *ret_fresh = fresh;
    *ret_fd = fd;
    return 0;
}

/* Through "..", since an adopted group may lie in a v1 tree at another place than ours. */
static int remove_v1_folder(int fd, const char *name) {
    CLEANUP(close_p) int parent = openat(fd, "..", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    if (parent < 0) /* removed already */
        return errno == ENOENT || errno == ENODEV ? 0 : -errno;
    return remove_folder(parent, name);
}

int cgrp_tree_remove_folders(struct cgrp_group *group) {
    for (int i = 0; i < CGRP_V1_COUNT; i++) {
        if (group->v1_fd[i] < 0)
            continue;
        int r = remove_v1_folder(group->v1_fd[i], group->name);
        if (r < 0)
            return r;
    }
    /* The v2 folder last: by it the group is found again. */
    return remove_folder(group->root->v2.apps_fd, group->name);
}
