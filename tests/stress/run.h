/* SPDX-License-Identifier: MIT
 * run.h - one run from nothing to nothing: supervisor, apps, load, and all of it gone again.
 * Layer: tests. Uses: wire, base. */
#ifndef STRESS_RUN_H
#define STRESS_RUN_H

#include <stdbool.h>

struct err;
struct plan;
struct record;

struct run_job {
    const struct plan *plan;
    const char *socket; /* of a running supervisor; NULL: one of our own */
    const char *out;    /* events.jsonl, samples.csv and miniprogd.log go there */
    const char *what;   /* for the progress line */
    bool policy;        /* of an own one */
    bool progress;
    int stop_fd;
};

/* ret is to be record_clear()ed, also after a failure. Whatever happens, nothing of ours is left
 * in the supervisor, or e says what. Errors: -ECONNREFUSED, -ENOENT … nobody listens; -EINTR
 * before the load began. A run that was cut short is none. */
int run(const struct run_job *job, struct record *ret, struct err *e);

/* Removes what a killed run left; says how many apps. Errors: as link_open(). */
int run_tidy(const char *socket, unsigned *ret_n, struct err *e);

#endif
