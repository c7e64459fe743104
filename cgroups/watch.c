/* SPDX-License-Identifier: MIT */
#include "cgroups/watch.h"

#include "supervisor/base/cleanup.h"

#include <errno.h>
#include <limits.h>
#include <stdint.h>
#include <stddef.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>

static struct list *bucket(struct cgrp_watch *w, int wd) {
    return &w->by_wd[(unsigned) wd % CGRP_WATCH_BUCKETS];
}

void cgrp_watch_init(struct cgrp_watch *w) {
    w->epoll_fd = w->wake_fd = w->inotify_fd = -1;
    list_init(&w->changed);
    list_init(&w->by_pidfd);
    for (int i = 0; i < CGRP_WATCH_BUCKETS; i++)
        list_init(&w->by_wd[i]);
}

static int add(struct cgrp_watch *w, int fd, void *tag) {
    struct epoll_event ev = { .events = EPOLLIN, .data.ptr = tag };

    return epoll_ctl(w->epoll_fd, EPOLL_CTL_ADD, fd, &ev) < 0 ? -errno : 0;
}

int cgrp_watch_open(struct cgrp_watch *w) {
    w->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    if (w->epoll_fd < 0)
        return -errno;
    w->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (w->wake_fd < 0)
        return -errno;
    w->inotify_fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
    if (w->inotify_fd < 0)
        return -errno;
    /* The two are told from a process by their tags. */
    int r = add(w, w->wake_fd, &w->wake_fd);
    return r < 0 ? r : add(w, w->inotify_fd, &w->inotify_fd);
}

void cgrp_watch_close(struct cgrp_watch *w) {
    close_p(&w->inotify_fd);
    close_p(&w->wake_fd);
    close_p(&w->epoll_fd);
    w->inotify_fd = w->wake_fd = w->epoll_fd = -1;
}

void cgrp_watched_init(struct cgrp_watched *x) {
    list_init(&x->changed);
    list_init(&x->hash);
    x->wd = x->pidfd = -1;
    x->by_event = false;
}

int cgrp_watch_file(struct cgrp_watch *w, struct cgrp_watched *x, const char *path) {
    int wd = inotify_add_watch(w->inotify_fd, path, IN_MODIFY);

    if (wd < 0)
        return -errno;
    x->wd = wd;
    list_append(bucket(w, wd), &x->hash);
    return 0;
}

static void drop_pidfd(struct cgrp_watch *w, struct cgrp_watched *x) {
    if (x->pidfd < 0)
        return;
    (void) epoll_ctl(w->epoll_fd, EPOLL_CTL_DEL, x->pidfd, NULL);
    close_p(&x->pidfd);
    x->pidfd = -1;
    list_remove(&x->hash);
}

int cgrp_watch_process(struct cgrp_watch *w, struct cgrp_watched *x, int pidfd) {
    drop_pidfd(w, x);
    int r = add(w, pidfd, x);
    if (r < 0) {
        close_p(&pidfd);
        return r;
    }
    x->pidfd = pidfd;
    list_append(&w->by_pidfd, &x->hash);
    return 0;
}

void cgrp_watch_remove(struct cgrp_watch *w, struct cgrp_watched *x) {
    drop_pidfd(w, x);
    if (x->wd >= 0)
        (void) inotify_rm_watch(w->inotify_fd, x->wd);
    x->wd = -1;
    list_remove(&x->hash);
    list_remove(&x->changed);
}

void cgrp_watch_rearm(struct cgrp_watch *w) {
    uint64_t one = 1;

    /* Fails only when the counter is full: then the descriptor is readable already. */
    if (!list_empty(&w->changed))
        (void) !write(w->wake_fd, &one, sizeof one);
}

void cgrp_watch_mark(struct cgrp_watch *w, struct cgrp_watched *x) {
    list_append(&w->changed, &x->changed);
    cgrp_watch_rearm(w);
}

static void changed_by_kernel(struct cgrp_watch *w, struct cgrp_watched *x) {
    x->by_event = true;
    list_append(&w->changed, &x->changed);
}

/* The queue had no room: anything may have happened to anyone. */
static void changed_all(struct cgrp_watch *w) {
    for (int i = 0; i < CGRP_WATCH_BUCKETS; i++) {
        struct cgrp_watched *x;
        list_for_each (x, &w->by_wd[i], struct cgrp_watched, hash)
            changed_by_kernel(w, x);
    }
}

static void take_inotify(struct cgrp_watch *w) {
    char buf[16 * (sizeof(struct inotify_event) + NAME_MAX + 1)]
        __attribute__((aligned(__alignof__(struct inotify_event))));
    ssize_t n;

    while ((n = read(w->inotify_fd, buf, sizeof buf)) > 0)
        for (char *p = buf; p < buf + n;) {
            const struct inotify_event *ev = (const struct inotify_event *) (void *) p;
            struct cgrp_watched *x;
            p += sizeof *ev + ev->len;
            if (ev->mask & IN_Q_OVERFLOW)
                changed_all(w);
            /* IN_IGNORED after a removal names a watch that is no longer known here, or,
             * when somebody else removed the folder, a group that is empty for good. */
            list_for_each (x, bucket(w, ev->wd), struct cgrp_watched, hash)
                if (x->wd == ev->wd)
                    changed_by_kernel(w, x);
        }
}

void cgrp_watch_drain(struct cgrp_watch *w) {
    struct epoll_event ev[16];
    uint64_t count;

    int n = epoll_wait(w->epoll_fd, ev, sizeof ev / sizeof ev[0], 0);
    for (int i = 0; i < n; i++) {
        if (ev[i].data.ptr == &w->inotify_fd) {
            take_inotify(w);
        } else if (ev[i].data.ptr == &w->wake_fd) {
            (void) !read(w->wake_fd, &count, sizeof count);
        } else {
            struct cgrp_watched *x = ev[i].data.ptr;
            drop_pidfd(w, x); /* it stays readable: heard once is enough */
            changed_by_kernel(w, x);
        }
    }
}

struct cgrp_watched *cgrp_watch_next(struct cgrp_watch *w) {
    struct cgrp_watched *x = list_first(&w->changed, struct cgrp_watched, changed);

    if (x)
        list_remove(&x->changed);
    return x;
}
