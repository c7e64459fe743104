/* SPDX-License-Identifier: MIT
 * backend.h - the table behind cgroup.h, and what a root and a group are made of.
 * Layer: 2, cgroups; internal to this folder. Uses: base.
 *
 * `unified` and `hybrid` share tree.c for the v2 tree. Folders, made by the tree backends below
 * the process's own group (or config.at), on hybrid in each v1 tree as well:
 *     miniprog<suffix>/apps/<escaped id>
 *     miniprog<suffix>/supervisor           ourselves, only where unified needs it
 * In a v2 group that is ours alone (config.bare) the first level is left out. */
#ifndef CGROUPS_BACKEND_H
#define CGROUPS_BACKEND_H

#include "cgroups/cgroup.h"
#include "cgroups/mount.h"
#include "cgroups/name.h"
#include "cgroups/proc.h"
#include "cgroups/watch.h"

#define CGRP_APPS       "apps"
#define CGRP_SUPERVISOR "supervisor"

/* v1 trees beside a v2 one. */
enum cgrp_v1 { CGRP_V1_MEMORY, CGRP_V1_PIDS, CGRP_V1_COUNT };

struct cgrp_dirs {
    char *path;  /* of apps_fd, absolute */
    int base_fd; /* what all is built in */
    int top_fd;  /* miniprog<suffix> */
    int apps_fd; /* -1: this tree is not used */
};

struct cgrp_root {
    const struct cgrp_backend *backend;
    int proc_fd;
    char top[9 + 40]; /* "miniprog<suffix>" */
    bool bare;        /* no such level in the v2 tree */
    char describe[256];
    bool limits_memory, limits_pids;
    struct cgrp_mounts mounts;
    struct cgrp_dirs v2;
    struct cgrp_dirs v1[CGRP_V1_COUNT];
    bool moved_self;  /* unified: we went into supervisor/ */
    char enabled[40]; /* unified: what we switched on in the base group, as "-memory -pids" */
    struct cgrp_watch watch;
    struct list groups;
    struct cgrp_pids listed, before; /* memory for stopping, kept */
    struct none_table *table;        /* `none`: the last look at /proc */
};

/* What is known of a group's being empty. */
enum cgrp_seen {
    CGRP_SEEN_NOTHING, /* not populated yet */
    CGRP_SEEN_LIVE,    /* populated, or to be taken so */
    CGRP_SEEN_EMPTY,   /* reported */
};

struct cgrp_group {
    struct cgrp_root *root;
    struct list in_root;
    struct cgrp_watched watched;
    void *owner;
    enum cgrp_seen seen;
    bool froze_empty;    /* an event may come that is of our freezing alone */
    bool held_frozen;    /* CGRP_HOLD_FREEZE */
    uint64_t stopped_us; /* CLOCK_MONOTONIC of the last stop by signal, 0: none */
    uint64_t peak;       /* highest usage seen, for kernels that keep none */
    int dir_fd;          /* v2 folder */
    /* Its cgroup.events, cgroup.kill and cgroup.procs are kept open, so that looking, killing and
     * listing need no new descriptor, and a list takes 2 instead of 8 us [measured]. */
    int events_fd;
    int kill_fd; /* -1: this kernel has none */
    int procs_fd;
    int v1_fd[CGRP_V1_COUNT];
    int tasks_fd[CGRP_V1_COUNT];
    struct cgrp_adopt who; /* main_pid 0: not known */
    bool session_ours;     /* `none`: main_pid as a session's number is still this app's */
    char name[CGRP_NAME_MAX];
};

struct cgrp_backend {
    enum cgrp_kind kind;
    /* Fills root; close is called after a failure too. */
    int (*open)(struct cgrp_root *root, const struct cgrp_config *config, struct err *e);
    void (*close)(struct cgrp_root *root);
    /* Removes our folders as far as they are empty; without `groups` only what open made. */
    void (*remove)(struct cgrp_root *root, bool groups);
    int (*scan)(struct cgrp_root *root, void (*seen)(const char *, void *), void *userdata,
                struct err *e);
    /* Fill group; forget is called after a failure too. */
    int (*create)(struct cgrp_group *group, const struct cgrp_limits *limits, struct err *e);
    int (*adopt)(struct cgrp_group *group, struct err *e);
    int (*set_main)(struct cgrp_group *group);
    int (*limit)(struct cgrp_group *group, const struct cgrp_limits *limits, struct err *e);
    int (*populated)(struct cgrp_group *group);
    ssize_t (*pids)(struct cgrp_group *group, pid_t *pids, size_t n);
    int (*stop)(struct cgrp_group *group, enum cgrp_hold hold, struct err *e);
    int (*resume)(struct cgrp_group *group, int main_pidfd, struct err *e);
    int (*signal)(struct cgrp_group *group, int sig, struct err *e);
    int (*kill)(struct cgrp_group *group, struct err *e);
    int (*usage)(struct cgrp_group *group, struct cgrp_usage *ret, struct err *e);
    int (*remove_group)(struct cgrp_group *group, struct err *e);
    void (*forget)(struct cgrp_group *group);
};

extern const struct cgrp_backend cgrp_unified, cgrp_hybrid, cgrp_none;

/* Usage without a memory controller: summed over the members' /proc/<pid>/status. */
int cgrp_usage_by_proc(struct cgrp_group *group, struct cgrp_usage *ret);

/* For messages: the id, as the folder's name has it. */
static inline const char *cgrp_group_label(const struct cgrp_group *group) {
    return group->name + sizeof "app-" - 1;
}

#endif
