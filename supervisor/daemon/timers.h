/* SPDX-License-Identifier: MIT
 * timers.h - many deadlines behind one event source, each with a node inside its owner.
 * Layer: 3, daemon. Uses: libsystemd.
 *
 * A binary heap; a node knows its place in it, so that it is moved and taken out in log n. Times
 * are CLOCK_BOOTTIME microseconds. A callback may set and clear any node, its own too, and free
 * its owner. */
#ifndef DAEMON_TIMERS_H
#define DAEMON_TIMERS_H

#include <stddef.h>
#include <stdint.h>
#include <systemd/sd-event.h>

struct err;
struct timers;

struct timer_node {
    uint64_t at;
    size_t place; /* 0: not set */
    void (*fired)(struct timer_node *node);
};

int timers_new(sd_event *event, int64_t priority, struct timers **ret, struct err *e);
/* Every node must have been cleared. */
struct timers *timers_free(struct timers *t);

/* fired() is called once, when `at` has come; set again it has the new time. -ENOMEM: it is as it
 * was. */
int timers_set(struct timers *t, struct timer_node *node, uint64_t at);
void timers_clear(struct timers *t, struct timer_node *node);

#endif
