/* SPDX-License-Identifier: MIT */
#include "supervisor/daemon/poller.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>

#include "supervisor/base/cleanup.h"
#include "supervisor/base/err.h"

struct poller {
    sd_event_source *source;
    int epoll_fd, again_fd;
    struct list again;
    struct list later;
    sd_event_source *timer; /* for those; made at once, since it takes a descriptor */
};

/* Those that ask while it runs have their turn in the next one. */
static void take_turns(struct list *list) {
    struct list batch;
    struct poll_node *node;

    list_init(&batch);
    while ((node = list_first(list, struct poll_node, again)))
        list_append(&batch, &node->again);
    while ((node = list_first(&batch, struct poll_node, again))) {
        list_remove(&node->again);
        node->ready(node, 0);
    }
}

static int on_ready(sd_event_source *source, int fd, uint32_t fired, void *userdata) {
    struct poller *p = userdata;
    struct epoll_event ev;

    (void) source;
    (void) fired;
    if (epoll_wait(fd, &ev, 1, 0) != 1)
        return 0;
    struct poll_node *node = ev.data.ptr;
    if (node)
        node->ready(node, ev.events);
    else
        take_turns(&p->again);
    return 0;
}

static int on_later(sd_event_source *source, uint64_t usec, void *userdata) {
    struct poller *p = userdata;

    (void) source;
    (void) usec;
    take_turns(&p->later);
    return 0;
}

/* The eventfd is never read: edge-triggered, each write to it is one event, which has its place
 * behind those that were ready before it. */
static int open_set(struct poller *p) {
    struct epoll_event ev = { .events = EPOLLIN | EPOLLET, .data.ptr = NULL };

    p->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    p->again_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (p->epoll_fd < 0 || p->again_fd < 0 ||
        epoll_ctl(p->epoll_fd, EPOLL_CTL_ADD, p->again_fd, &ev) < 0)
        return -errno;
    return 0;
}

int poller_new(sd_event *event, int64_t priority, struct poller **ret, struct err *e) {
    struct poller *p = calloc(1, sizeof *p);

    if (!p)
        return err_set(e, -ENOMEM, "no memory to wait for descriptors");
    p->epoll_fd = p->again_fd = -1;
    list_init(&p->again);
    list_init(&p->later);
    int r = open_set(p);
    if (r >= 0)
        r = sd_event_add_io(event, &p->source, p->epoll_fd, EPOLLIN, on_ready, p);
    if (r >= 0)
        r = sd_event_add_time(event, &p->timer, CLOCK_MONOTONIC, UINT64_MAX, 0, on_later, p);
    if (r >= 0)
        r = sd_event_source_set_enabled(p->timer, SD_EVENT_OFF);
    if (r >= 0)
        r = sd_event_source_set_priority(p->source, priority);
    if (r >= 0)
        r = sd_event_source_set_priority(p->timer, priority);
    if (r < 0) {
        poller_free(p);
        return err_set(e, r, "cannot wait for descriptors: %s", strerror(-r));
    }
    (void) sd_event_source_set_description(p->source, "poller");
    *ret = p;
    return 0;
}

struct poller *poller_free(struct poller *p) {
    if (!p)
        return NULL;
    sd_event_source_disable_unref(p->source);
    sd_event_source_disable_unref(p->timer);
    close_p(&p->epoll_fd);
    close_p(&p->again_fd);
    free(p);
    return NULL;
}

void poll_node_init(struct poll_node *node, void (*ready)(struct poll_node *, uint32_t)) {
    *node = (struct poll_node){ .fd = -1, .ready = ready };
    list_init(&node->again);
}

int poller_watch(struct poller *p, struct poll_node *node, int fd, uint32_t events) {
    struct epoll_event ev = { .events = events, .data.ptr = node };
    int op = node->fd < 0 ? EPOLL_CTL_ADD : EPOLL_CTL_MOD;

    if (node->fd >= 0 && node->events == events)
        return 0;
    if (epoll_ctl(p->epoll_fd, op, fd, &ev) < 0)
        return -errno;
    node->fd = fd;
    node->events = events;
    return 0;
}

/* By hand and not by closing: a child that is being born may share the open file. */
void poller_unwatch(struct poller *p, struct poll_node *node) {
    if (node->fd >= 0)
        (void) epoll_ctl(p->epoll_fd, EPOLL_CTL_DEL, node->fd, NULL);
    node->fd = -1;
}

void poller_remove(struct poller *p, struct poll_node *node) {
    poller_unwatch(p, node);
    list_remove(&node->again);
}

void poller_again(struct poller *p, struct poll_node *node) {
    uint64_t one = 1;

    /* Once only: asked again it keeps its place. */
    if (!list_empty(&node->again))
        return;
    /* Fails only when the counter is full, after 2^64 times. */
    if (list_empty(&p->again))
        (void) !write(p->again_fd, &one, sizeof one);
    list_append(&p->again, &node->again);
}

void poller_later(struct poller *p, struct poll_node *node) {
    poller_remove(p, node);
    if (list_empty(&p->later)) {
        (void) sd_event_source_set_time_relative(p->timer, POLLER_LATER_US);
        (void) sd_event_source_set_enabled(p->timer, SD_EVENT_ONESHOT);
    }
    list_append(&p->later, &node->again);
}
