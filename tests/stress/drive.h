/* SPDX-License-Identifier: MIT
 * drive.h - the load itself: opens apps, takes samples, hears events, until it is over.
 * Layer: tests. Uses: wire, base. One thread, one poll(2); nothing here waits for one thing. */
#ifndef STRESS_DRIVE_H
#define STRESS_DRIVE_H

#include <stdbool.h>
#include <stdio.h>
#include <sys/types.h>

struct err;
struct link;
struct plan;
struct record;

struct drive_job {
    const struct plan *plan;
    struct link *link;
    int stop_fd;      /* readable: end now */
    int pidfd;        /* of an own supervisor; -1 */
    pid_t pid;        /* of it; 0 */
    FILE *events;     /* gets a line for each */
    bool progress;    /* show where it is, on standard error */
    const char *what; /* the words before that, or "" */
};

/* Takes in the first snapshot; to be called before the apps are installed. Errors: -EPROTO, as
 * client_receive(). */
int drive_begin(const struct drive_job *job, struct record *r, struct err *e);
/* Runs it; how it went is in the record, an early end too. */
void drive(const struct drive_job *job, struct record *r);

#endif
