/* SPDX-License-Identifier: MIT
 * memory.h - memory facts to warnings, reclaim and kills, on the loop.
 * Layer: 3, daemon. Uses: cgroups.
 *
 * cgroups/sources.h says what is seen, cgroups/policy.h what is to be done; here it is done. A turn
 * takes in all facts, then does all actions. A kill is sent before anything is said about it. */
#ifndef DAEMON_MEMORY_H
#define DAEMON_MEMORY_H

#include <stdbool.h>
#include <stdint.h>

#include "cgroups/depth.h"

struct app;
struct call;
struct daemon;
struct err;
struct jsonw;
struct memory;

/* What the memory side knows of a run; in struct run. */
struct memory_run {
    int slot; /* in the policy's table; -1: none */
    struct cgrp_app_source *source;
    int pressure_fd;    /* the FIFO of systemd's memory pressure protocol; -1: none */
    uint64_t oom_kills; /* that its group has had, as far as told */
    uint64_t warned;    /* warnings sent */
    uint64_t warned_at; /* the last one: when, which, by enum cgrp_source */
    int warned_level, warned_source;
    uint64_t freed, reclaimed; /* bytes, so far */
    uint64_t taken;            /* bytes taken since it was suspended */
    uint64_t had;              /* bytes in use after that */
    uint64_t resumed_at;       /* CLOCK_BOOTTIME us, of a resume not yet answered */
    uint64_t resume_us;        /* what the last one took; 0: not known */
    struct reclaim_job *job;   /* at work on it */
    bool kernel_killed;
};
void memory_run_init(struct memory_run *m);

int memory_new(struct daemon *d, struct memory **ret, struct err *e);
struct memory *memory_free(struct memory *m);
void memory_configure(struct memory *m); /* after a reload */

/* An app's life, as the memory side must hear of it. */
void memory_begins(struct app *app);              /* its run is there, not yet its group */
void memory_grouped(struct app *app);             /* its group is there, and nothing runs yet */
void memory_watches(struct app *app);             /* something runs in it */
void memory_moved(struct app *app);               /* its state changed */
void memory_suspended(struct app *app);           /* its processes are stopped */
void memory_resumes(struct app *app);             /* before SIGCONT */
void memory_heard(struct app *app);               /* it called */
void memory_ends(struct app *app);                /* its group is empty and not yet removed */
bool memory_kernel_killed(const struct app *app); /* the kernel's OOM killer ended it */
/* Asks for room for a cold start that declares memory_need; false: none is needed. Else
 * start_admitted() or start_refused() comes. */
bool memory_admit(struct app *app);
/* A level of 10 or 15 holds, and the policy is on. */
bool memory_is_short(const struct daemon *d);

/* A warning that is not the policy's own: before a suspension, or by request; app NULL: all that
 * run. Returns how many heard it. */
int memory_warn(struct daemon *d, struct app *app, int level, bool suspends);

/* The FIFO of systemd's protocol, in the app's runtime folder. */
int memory_fifo_open(struct app *app, int folder_fd, struct err *e);
int memory_fifo_adopt(struct app *app, int folder_fd); /* -ENOENT: there is none */

/* SIGUSR2: begins or ends a record of facts and decisions in <state dir>/memory-trace. */
void memory_toggle_trace(struct memory *m);

int memory_answer(struct daemon *d, struct call *call); /* takes a Memory call */

#endif
