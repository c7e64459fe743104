/* SPDX-License-Identifier: MIT
 * worker_run.h - one job of miniprog-worker (of miniprog-fetch, where it has a URL), in a group of
 * its own, gone before its word is taken. Layer: 3, daemon. Uses: cgroups, units.
 * supervisor/worker/jobs.h has the jobs. */
#ifndef DAEMON_WORKER_RUN_H
#define DAEMON_WORKER_RUN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct daemon;
struct err;
struct worker_request;
struct worker_run;

struct worker_order {
    const char *job, *argument;           /* argument: borrowed, or NULL */
    int first_fd, extra_fd;               /* its 3 and its 6 (-1: none); borrowed */
    const struct worker_request *request; /* its 5; NULL: none */
    uid_t uid;                            /* where the daemon is root */
    gid_t gid;
    const gid_t *groups; /* borrowed, as long as it runs */
    size_t n_groups;
    uint64_t timeout_us;
    /* Each whole line but the last, while it runs; may be NULL. */
    void (*line)(void *userdata, const char *line, size_t len);
    /* Once, with nothing of the worker left: its last line, or NULL and why there is none. The run
     * is freed afterwards; not called if worker_drop() was. */
    void (*done)(void *userdata, const char *line, size_t len, const char *failure);
    void *userdata;
};

/* Starts it; the descriptors may be closed once it returned. */
int worker_begin(struct daemon *d, const struct worker_order *order, struct worker_run **ret,
                 struct err *e);
/* At the end of the daemon: kills it and does not wait. */
struct worker_run *worker_drop(struct worker_run *w);
bool worker_owns(pid_t pid); /* a worker that is at work, or may be */

#endif
