/* SPDX-License-Identifier: MIT */
#include "cgroups/mount.h"

#include "supervisor/base/cleanup.h"
#include "supervisor/base/err.h"
#include "supervisor/base/fs.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define MOUNTINFO_MAX (4u << 20) /* a host with thousands of containers has some 100 KB */
#define CGROUP_MAX    (64u << 10)

const char *cgrp_tree_name(enum cgrp_tree tree) {
    switch (tree) {
    case CGRP_TREE_V2:
        return "cgroup2";
    case CGRP_TREE_MEMORY:
        return "memory";
    case CGRP_TREE_PIDS:
        return "pids";
    case CGRP_TREE_COUNT:
        break;
    }
    return "?";
}

/* "a,b,c" has the item. */
static bool has_item(const char *list, const char *item) {
    size_t n = strlen(item);

    for (const char *p = list; *p; p += strcspn(p, ",") + (p[strcspn(p, ",")] == ','))
        if (strncmp(p, item, n) == 0 && (p[n] == ',' || p[n] == '\0'))
            return true;
    return false;
}

/* Blank, tab, newline and backslash stand as \040 \011 \012 \134. Source: proc(5), mountinfo. */
static void unescape_octal(char *text) {
    char *out = text;

    for (const char *p = text; *p;) {
        if (p[0] == '\\' && p[1] >= '0' && p[1] <= '3' && p[2] >= '0' && p[2] <= '7' &&
            p[3] >= '0' && p[3] <= '7') {
            *out++ = (char) ((p[1] - '0') << 6 | (p[2] - '0') << 3 | (p[3] - '0'));
            p += 4;
        } else {
            *out++ = *p++;
        }
    }
    *out = '\0';
}

/* The next field of a line, ended by a blank; NULL: none. */
static char *next_field(char **line) {
    char *field = strsep(line, " ");

    return field && *field ? field : NULL;
}

struct mount_line {
    char *root, *point, *options, *type, *super;
};

/* "36 35 98:0 /root /point rw,noatime [optional ...] - type source super-options" */
static bool split_mountinfo(char *line, struct mount_line *ret) {
    struct mount_line m = { 0 };
    char *field;

    for (int skip = 0; skip < 3; skip++)
        if (!next_field(&line))
            return false;
    m.root = next_field(&line);
    m.point = next_field(&line);
    m.options = next_field(&line);
    while ((field = next_field(&line)) && strcmp(field, "-") != 0)
        ;
    m.type = field ? next_field(&line) : NULL;
    /* The source may be empty: two blanks in a row. */
    (void) strsep(&line, " ");
    m.super = line;
    if (!m.root || !m.point || !m.options || !m.type || !m.super)
        return false;
    *ret = m;
    return m.root[0] == '/' && m.point[0] == '/';
}

static bool is_tree(const struct mount_line *m, enum cgrp_tree tree) {
    if (tree == CGRP_TREE_V2)
        return strcmp(m->type, "cgroup2") == 0;
    return strcmp(m->type, "cgroup") == 0 && has_item(m->super, cgrp_tree_name(tree));
}

static void mount_clear(struct cgrp_mount *m) {
    free(m->point);
    free(m->root);
    *m = (struct cgrp_mount){ 0 };
}

/* Of several mounts of one hierarchy the one that shows most of it counts: the shortest root,
 * and of equals the first. */
static int keep_better(struct cgrp_mount *kept, const struct mount_line *m) {
    if (kept->point && strlen(kept->root) <= strlen(m->root))
        return 0;
    CLEANUP(free_p) char *point = strdup(m->point);
    CLEANUP(free_p) char *root = strdup(m->root);
    if (!point || !root)
        return -ENOMEM;
    mount_clear(kept);
    kept->point = TAKE_PTR(point);
    kept->root = TAKE_PTR(root);
    return 0;
}

int cgrp_mounts_read(int proc_fd, struct cgrp_mounts *ret, struct err *e) {
    CLEANUP(free_p) char *text = NULL;
    CLEANUP(cgrp_mounts_clear) struct cgrp_mounts found = { 0 };
    char *rest, *line;

    int r = fs_read(proc_fd, "self/mountinfo", MOUNTINFO_MAX, &text, NULL, e);
    if (r < 0)
        return r;
    for (rest = text; (line = strsep(&rest, "\n"));) {
        struct mount_line m;
        if (!split_mountinfo(line, &m) || !has_item(m.options, "rw"))
            continue;
        unescape_octal(m.root);
        unescape_octal(m.point);
        for (int t = 0; t < CGRP_TREE_COUNT; t++)
            if (is_tree(&m, (enum cgrp_tree) t) && keep_better(&found.tree[t], &m) < 0)
                return err_set(e, -ENOMEM, "no memory to read mountinfo");
    }
    *ret = found;
    found = (struct cgrp_mounts){ 0 };
    return 0;
}

void cgrp_mounts_clear(struct cgrp_mounts *m) {
    for (int t = 0; t < CGRP_TREE_COUNT; t++)
        mount_clear(&m->tree[t]);
}

int cgrp_mount_path_of(int proc_fd, const char *process, enum cgrp_tree tree, char **ret) {
    CLEANUP(free_p) char *text = NULL;
    char name[64], *rest, *line;

    (void) snprintf(name, sizeof name, "%.32s/cgroup", process);
    int r = fs_read(proc_fd, name, CGROUP_MAX, &text, NULL, NULL);
    if (r < 0)
        return r == -ESRCH ? -ENOENT : r;
    for (rest = text; (line = strsep(&rest, "\n"));) { /* "4:memory,x:/path", v2: "0::/path" */
        const char *number = strsep(&line, ":"), *controllers = strsep(&line, ":");
        if (!controllers || !line || line[0] != '/')
            continue;
        bool matches = tree == CGRP_TREE_V2 ? strcmp(number, "0") == 0 && !*controllers
                                            : has_item(controllers, cgrp_tree_name(tree));
        if (!matches)
            continue;
        char *path = strdup(line);
        if (!path)
            return -ENOMEM;
        *ret = path;
        return 0;
    }
    return -ENOENT;
}

const char *cgrp_mount_below(const struct cgrp_mount *m, const char *path) {
    size_t n = strlen(m->root);

    if (n > 0 && m->root[n - 1] == '/')
        n--; /* "/" itself: every path is below it */
    if (strncmp(path, m->root, n) != 0 || (path[n] != '/' && path[n] != '\0'))
        return NULL;
    path += n;
    while (*path == '/')
        path++;
    /* Seen from inside a cgroup namespace, what is outside begins with "/..". */
    if (strncmp(path, "..", 2) == 0 && (path[2] == '/' || path[2] == '\0'))
        return NULL;
    return path;
}
