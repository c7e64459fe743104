/* SPDX-License-Identifier: MIT
 * group.c - cgroup.h: what all backends have in common. */
#include "cgroups/cgroup.h"

#include "cgroups/backend.h"
#include "cgroups/kill.h"
#include "supervisor/base/cleanup.h"
#include "supervisor/base/err.h"
#include "supervisor/base/fs.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

static const char *const kind_names[] = {
    [CGRP_AUTO] = "auto",
    [CGRP_UNIFIED] = "unified",
    [CGRP_HYBRID] = "hybrid",
    [CGRP_NONE] = "none",
};

const char *cgrp_kind_name(enum cgrp_kind kind) {
    return (unsigned) kind <= CGRP_NONE ? kind_names[kind] : "?";
}

int cgrp_kind_parse(const char *name, enum cgrp_kind *ret) {
    for (int k = CGRP_AUTO; k <= CGRP_NONE; k++)
        if (strcmp(kind_names[k], name) == 0) {
            *ret = (enum cgrp_kind) k;
            return 0;
        }
    return -EINVAL;
}

/* Best first. */
static const struct cgrp_backend *const backends[] = { &cgrp_unified, &cgrp_hybrid, &cgrp_none };

static void root_free_p(struct cgrp_root **root) {
    (void) cgrp_root_free(*root);
}

static void root_init(struct cgrp_root *root) {
    root->proc_fd = -1;
    root->v2 = (struct cgrp_dirs){ .base_fd = -1, .top_fd = -1, .apps_fd = -1 };
    for (int i = 0; i < CGRP_V1_COUNT; i++)
        root->v1[i] = root->v2;
    list_init(&root->groups);
    cgrp_watch_init(&root->watch);
}

/* Opens one backend, or leaves nothing of it behind. */
static int try_backend(struct cgrp_root *root, const struct cgrp_backend *b,
                       const struct cgrp_config *config, struct err *e) {
    int r = b->open(root, config, e);

    if (r < 0) {
        b->remove(root, false);
        b->close(root);
        root->limits_memory = root->limits_pids = false;
        return err_wrap(e, r, "%s", cgrp_kind_name(b->kind));
    }
    root->backend = b;
    return 0;
}

/* The best that works; what kept the better ones from it is put behind the description. */
static int choose_backend(struct cgrp_root *root, const struct cgrp_config *config, struct err *e) {
    struct err why = { 0 };

    for (size_t i = 0; i < sizeof backends / sizeof backends[0]; i++) {
        struct err own = { 0 };
        if (config->want != CGRP_AUTO && config->want != backends[i]->kind)
            continue;
        int r = try_backend(root, backends[i], config, &own);
        if (r == 0) {
            size_t n = strlen(root->describe);
            if (why.code < 0 && root->backend->kind == CGRP_NONE)
                (void) snprintf(root->describe + n, sizeof root->describe - n, " (%s)", why.text);
            return 0;
        }
        if (config->want != CGRP_AUTO) {
            if (e)
                *e = own;
            return r;
        }
        why = own;
    }
    if (e)
        *e = why;
    return why.code;
}

int cgrp_root_open(const struct cgrp_config *config, struct cgrp_root **ret, struct err *e) {
    CLEANUP(root_free_p) struct cgrp_root *root = NULL;

    if ((unsigned) config->want > CGRP_NONE || !cgrp_name_suffix_ok(config->suffix))
        return err_set(e, -EINVAL, "'%.60s' cannot be part of a group's name", config->suffix);
    root = calloc(1, sizeof *root);
    if (!root)
        return err_set(e, -ENOMEM, "no memory for a root of groups");
    root_init(root);
    (void) snprintf(root->top, sizeof root->top, "miniprog%s", config->suffix);
    root->bare = config->at && config->bare;
    root->proc_fd = open(config->proc, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (root->proc_fd < 0) {
        int r = -errno;
        return err_set(e, r, "cannot open '%.100s': %s", config->proc, strerror(-r));
    }
    int r = cgrp_watch_open(&root->watch);
    if (r < 0)
        return err_set(e, r, "cannot watch groups: %s", strerror(-r));
    r = cgrp_mounts_read(root->proc_fd, &root->mounts, e);
    if (r < 0 && config->want != CGRP_NONE && config->want != CGRP_AUTO)
        return r;
    r = choose_backend(root, config, e);
    if (r < 0)
        return r;
    *ret = TAKE_PTR(root);
    return 0;
}

struct cgrp_root *cgrp_root_free(struct cgrp_root *root) {
    struct cgrp_group *group;

    if (!root)
        return NULL;
    list_for_each (group, &root->groups, struct cgrp_group, in_root)
        (void) cgrp_group_free(group);
    if (root->backend)
        root->backend->close(root);
    cgrp_watch_close(&root->watch);
    cgrp_mounts_clear(&root->mounts);
    cgrp_pids_clear(&root->listed);
    cgrp_pids_clear(&root->before);
    close_p(&root->proc_fd);
    free(root);
    return NULL;
}

void cgrp_root_remove(struct cgrp_root *root) {
    root->backend->remove(root, true);
}

enum cgrp_kind cgrp_root_kind(const struct cgrp_root *root) {
    return root->backend->kind;
}

const char *cgrp_root_describe(const struct cgrp_root *root) {
    return root->describe;
}

bool cgrp_root_has_memory_limit(const struct cgrp_root *root) {
    return root->limits_memory;
}

bool cgrp_root_has_pids_limit(const struct cgrp_root *root) {
    return root->limits_pids;
}

int cgrp_root_fd(const struct cgrp_root *root) {
    return root->watch.epoll_fd;
}

/* Looks at a group of which something was heard. A birth and a death may both lie behind one
 * event, so an empty group that was never seen alive counts too; not so if the event may be of
 * our own freezing. Returns 1 when it has just become empty. */
static int has_emptied(struct cgrp_group *group) {
    bool by_event = group->watched.by_event;

    group->watched.by_event = false;
    int r = group->root->backend->populated(group);
    if (r > 0)
        group->seen = CGRP_SEEN_LIVE;
    if (r != 0)
        return r < 0 ? r : 0;
    if (group->seen == CGRP_SEEN_EMPTY ||
        (group->seen == CGRP_SEEN_NOTHING && (!by_event || group->froze_empty)))
        return 0;
    group->seen = CGRP_SEEN_EMPTY;
    return 1;
}

int cgrp_root_next_empty(struct cgrp_root *root, struct cgrp_group **ret) {
    struct cgrp_watched *x;

    if (list_empty(&root->watch.changed))
        cgrp_watch_drain(&root->watch);
    while ((x = cgrp_watch_next(&root->watch))) {
        struct cgrp_group *group = list_entry(x, struct cgrp_group, watched);
        int r = has_emptied(group);
        if (r == 0)
            continue;
        if (r < 0) /* no descriptor, no memory: it must be looked at again */
            cgrp_watch_mark(&root->watch, x);
        else
            *ret = group;
        cgrp_watch_rearm(&root->watch); /* a caller may leave the others for later */
        return r;
    }
    return 0;
}

int cgrp_root_scan(struct cgrp_root *root, void (*seen)(const char *id, void *userdata),
                   void *userdata, struct err *e) {
    return root->backend->scan(root, seen, userdata, e);
}

static void group_free_p(struct cgrp_group **group) {
    (void) cgrp_group_free(*group);
}

static int group_new(struct cgrp_root *root, const char *id, void *owner, struct cgrp_group **ret,
                     struct err *e) {
    struct cgrp_group *group = calloc(1, sizeof *group);

    if (!group)
        return err_set(e, -ENOMEM, "no memory for a group");
    group->root = root;
    group->owner = owner;
    group->dir_fd = group->events_fd = group->kill_fd = group->procs_fd = -1;
    for (int i = 0; i < CGRP_V1_COUNT; i++)
        group->v1_fd[i] = group->tasks_fd[i] = -1;
    group->who.uid = (uid_t) -1;
    cgrp_watched_init(&group->watched);
    list_init(&group->in_root);
    list_append(&root->groups, &group->in_root);
    *ret = group;
    if (cgrp_name_escape(id, group->name) < 0)
        return err_set(e, -EINVAL, "an id of a group has 1 to %d bytes", CGRP_ID_MAX);
    return 0;
}

int cgrp_group_create(struct cgrp_root *root, const char *id, const struct cgrp_limits *limits,
                      void *owner, struct cgrp_group **ret, struct err *e) {
    CLEANUP(group_free_p) struct cgrp_group *group = NULL;

    int r = group_new(root, id, owner, &group, e);
    if (r == 0)
        r = root->backend->create(group, limits, e);
    if (r < 0)
        return r;
    *ret = TAKE_PTR(group);
    return 0;
}

int cgrp_group_adopt(struct cgrp_root *root, const char *id, const struct cgrp_adopt *how,
                     void *owner, struct cgrp_group **ret, struct err *e) {
    CLEANUP(group_free_p) struct cgrp_group *group = NULL;

    int r = group_new(root, id, owner, &group, e);
    if (r < 0)
        return r;
    group->who = *how;
    r = root->backend->adopt(group, e);
    if (r < 0)
        return r;
    /* It lived when it was remembered: if it is empty by now, that is to be heard. */
    group->seen = CGRP_SEEN_LIVE;
    cgrp_watch_mark(&root->watch, &group->watched);
    *ret = TAKE_PTR(group);
    return 0;
}

void *cgrp_group_owner(const struct cgrp_group *group) {
    return group->owner;
}

void cgrp_group_join(const struct cgrp_group *group, struct cgrp_join *ret) {
    *ret = (struct cgrp_join){ .into_fd = group->dir_fd };
    for (int i = 0; i < CGRP_V1_COUNT; i++)
        if (group->tasks_fd[i] >= 0)
            ret->tasks_fd[ret->n++] = group->tasks_fd[i];
}

int cgrp_group_set_main(struct cgrp_group *group, const struct cgrp_adopt *who) {
    group->who = *who;
    int r = group->root->backend->set_main(group);
    /* Its first process was there: if it is gone already, that is to be heard, whatever of the
     * kernel's events was. */
    group->seen = CGRP_SEEN_LIVE;
    cgrp_watch_mark(&group->root->watch, &group->watched);
    return r;
}

int cgrp_group_limit(struct cgrp_group *group, const struct cgrp_limits *limits, struct err *e) {
    return group->root->backend->limit(group, limits, e);
}

int cgrp_group_populated(struct cgrp_group *group) {
    int r = group->root->backend->populated(group);

    if (r > 0)
        group->seen = CGRP_SEEN_LIVE;
    return r;
}

ssize_t cgrp_group_pids(struct cgrp_group *group, pid_t *pids, size_t n) {
    return group->root->backend->pids(group, pids, n);
}

int cgrp_group_stop(struct cgrp_group *group, enum cgrp_hold hold, struct err *e) {
    return group->root->backend->stop(group, hold, e);
}

int cgrp_group_continue(struct cgrp_group *group, struct err *e) {
    return cgrp_group_continue_main(group, -1, e);
}

int cgrp_group_continue_main(struct cgrp_group *group, int main_pidfd, struct err *e) {
    return group->root->backend->resume(group, main_pidfd, e);
}

int cgrp_group_signal(struct cgrp_group *group, int sig, struct err *e) {
    return group->root->backend->signal(group, sig, e);
}

int cgrp_group_kill(struct cgrp_group *group, struct err *e) {
    return group->root->backend->kill(group, e);
}

bool cgrp_group_is_frozen(struct cgrp_group *group) {
    struct cgrp_events ev;
    uint64_t wanted;

    if (group->events_fd < 0)
        return false;
    /* Wanted but not yet so counts; so does a frozen group further up, which shows in events. */
    return (fs_read_u64(group->dir_fd, "cgroup.freeze", &wanted) == 0 && wanted == 1) ||
           (cgrp_events_read(group->events_fd, &ev) == 0 && ev.frozen);
}

int cgrp_group_usage(struct cgrp_group *group, struct cgrp_usage *ret, struct err *e) {
    struct cgrp_usage u;

    int r = group->root->backend->usage(group, &u, e);
    if (r < 0)
        return r;
    if (u.has_memory && u.peak == 0) { /* a kernel that keeps none: the highest that we saw */
        group->peak = u.current > group->peak ? u.current : group->peak;
        u.peak = group->peak;
    }
    *ret = u;
    return 0;
}

int cgrp_group_oom_score(struct cgrp_group *group, int adj) {
    struct cgrp_pids *all = &group->root->listed;
    int first = 0;

    for (;;) {
        ssize_t n = cgrp_group_pids(group, all->pid, all->cap);
        if (n < 0)
            return (int) n;
        all->n = (size_t) n;
        if (all->n <= all->cap)
            break;
        size_t cap = all->n + all->n / 2;
        pid_t *more = realloc(all->pid, cap * sizeof *more);
        if (!more)
            return -ENOMEM;
        all->pid = more;
        all->cap = cap;
    }
    for (size_t i = 0; i < all->n; i++) {
        int r = cgrp_proc_oom_score(group->root->proc_fd, all->pid[i], adj);
        if (r < 0 && r != -ESRCH && first == 0)
            first = r;
    }
    return first;
}

int cgrp_group_remove(struct cgrp_group *group, struct err *e) {
    int r = group->root->backend->remove_group(group, e);

    if (r == 0)
        (void) cgrp_group_free(group);
    return r;
}

struct cgrp_group *cgrp_group_free(struct cgrp_group *group) {
    if (!group)
        return NULL;
    cgrp_watch_remove(&group->root->watch, &group->watched);
    group->root->backend->forget(group);
    list_remove(&group->in_root);
    free(group);
    return NULL;
}
