/* SPDX-License-Identifier: MIT
 * work.h - what may block runs on threads beside the loop.
 * Layer: 3, daemon. Uses: libsystemd.
 *
 * A lane is one thread with a first-in first-out queue, started when it is first used, so that
 * jobs of one lane never overtake each other. run() is called on the thread and must touch only
 * what the job owns; done() is called on the loop afterwards, in order. */
#ifndef DAEMON_WORK_H
#define DAEMON_WORK_H

#include <systemd/sd-event.h>

#include "supervisor/base/err.h"

enum work_lane {
    WORK_SPAWN,
    WORK_DISK,
    WORK_RECLAIM,
    WORK_RELEASE,
    WORK_WATCH, /* registrations that wait for the kernel */
    WORK_LANE_COUNT
};

typedef int (*work_run_t)(void *job, struct err *e);
typedef void (*work_done_t)(void *job, int result, const struct err *e);

struct work;

int work_new(sd_event *event, struct work **ret, struct err *e);
/* Waits for the jobs that run, calls every done() left, frees. */
struct work *work_free(struct work *w);
/* done may be NULL. -ENOMEM: nothing was queued, neither function will be called. */
int work_submit(struct work *w, enum work_lane lane, work_run_t run, work_done_t done, void *job);
/* Waits until every lane is empty and calls what is done; for the end of the daemon and tests. */
void work_drain(struct work *w);

#endif
