/* SPDX-License-Identifier: MIT
 * poller.h - many descriptors behind one event source, each with a node inside its owner.
 * Layer: 3, daemon. Uses: base, libsystemd.
 *
 * An sd-event source takes some 350 bytes and a running app has six descriptors that are waited
 * for. Here they are in an epoll set of its own, which is what the loop waits for. One node is
 * served in a turn, as one source would be: what is more urgent comes between any two. The kernel
 * puts what it reported to the end of its list, so that nobody waits for ever.
 *
 * A callback may add and remove any node, its own too, and free its owner. */
#ifndef DAEMON_POLLER_H
#define DAEMON_POLLER_H

#include <stdbool.h>
#include <stdint.h>
#include <systemd/sd-event.h>

#include "supervisor/base/list.h"

struct err;
struct poller;

struct poll_node {
    struct list again; /* in the poller's, or in those for later */
    int fd;            /* -1: not in the set */
    uint32_t events;   /* what is waited for; EPOLLHUP and EPOLLERR come unasked */
    /* fired: what came of EPOLLIN, …; 0: poller_again() or poller_later() asked for it. */
    void (*ready)(struct poll_node *node, uint32_t fired);
};

int poller_new(sd_event *event, int64_t priority, struct poller **ret, struct err *e);
/* Every node must have been removed. */
struct poller *poller_free(struct poller *p);

void poll_node_init(struct poll_node *node, void (*ready)(struct poll_node *, uint32_t));
/* Waits for these events, or for others than before. Level-triggered. fd stays the owner's, who
 * takes the node out before closing it. -errno as epoll_ctl(2); nothing has changed then. */
int poller_watch(struct poller *p, struct poll_node *node, int fd, uint32_t events);
/* Not even a hang-up is told any more. */
void poller_unwatch(struct poller *p, struct poll_node *node);
/* The same, and nothing that was asked for comes any more. */
void poller_remove(struct poller *p, struct poll_node *node);

/* Calls ready() from the loop, soon; nodes that ask while others have their turn get the next. */
void poller_again(struct poller *p, struct poll_node *node);
/* For what is ready and cannot be served: takes it out and calls ready() after POLLER_LATER_US at
 * most. Needs no descriptor and no memory. */
#define POLLER_LATER_US UINT64_C(100000)
void poller_later(struct poller *p, struct poll_node *node);

#endif
