/* SPDX-License-Identifier: MIT
 * watch.h - hears when groups may have become empty, through one descriptor.
 * Layer: 2, cgroups. Uses: base.
 *
 * The descriptor is an epoll set of: one inotify descriptor that watches every group's
 * cgroup.events, the pidfds of groups without a tree, and an eventfd by which a group is put up
 * for a look by us. What is heard is a hint to look; whoever looks decides. */
#ifndef CGROUPS_WATCH_H
#define CGROUPS_WATCH_H

#include <stdbool.h>

#include "supervisor/base/list.h"

#define CGRP_WATCH_BUCKETS 256

struct cgrp_watch {
    int epoll_fd, wake_fd, inotify_fd;
    struct list changed;                   /* to be looked at, oldest first */
    struct list by_wd[CGRP_WATCH_BUCKETS]; /* all with a watch, by its number */
    struct list by_pidfd;                  /* all with a pidfd */
};

/* Part of a group. */
struct cgrp_watched {
    struct list changed, hash;
    int wd;        /* inotify watch, -1: none */
    int pidfd;     /* -1: none; owned */
    bool by_event; /* put up by the kernel, not by us */
};

/* Fills *w with nothing; to be called first, so that close may follow at any time. */
void cgrp_watch_init(struct cgrp_watch *w);
/* Errors: -EMFILE and others as epoll_create1(2), inotify_init1(2). */
int cgrp_watch_open(struct cgrp_watch *w);
void cgrp_watch_close(struct cgrp_watch *w);

void cgrp_watched_init(struct cgrp_watched *x);

/* Watches a file, by its absolute path. Errors: as inotify_add_watch(2); -ENOSPC: too many. */
int cgrp_watch_file(struct cgrp_watch *w, struct cgrp_watched *x, const char *path);
/* Watches a process instead; takes the pidfd, also on failure. Any earlier one is dropped. */
int cgrp_watch_process(struct cgrp_watch *w, struct cgrp_watched *x, int pidfd);
/* Forgets all of it; safe when there is nothing. */
void cgrp_watch_remove(struct cgrp_watch *w, struct cgrp_watched *x);

/* Puts it up for a look; the descriptor becomes readable. */
void cgrp_watch_mark(struct cgrp_watch *w, struct cgrp_watched *x);

/* Takes in what the kernel has to say. Never blocks. */
void cgrp_watch_drain(struct cgrp_watch *w);
/* Makes the descriptor readable if somebody is still up for a look. */
void cgrp_watch_rearm(struct cgrp_watch *w);
/* The next one that is up for a look; NULL: none. */
struct cgrp_watched *cgrp_watch_next(struct cgrp_watch *w);

#endif
