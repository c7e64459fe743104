/* SPDX-License-Identifier: MIT
 * own.h - a miniprogd for one run: its configuration, its folders, its end.
 * Layer: tests. Uses: base. */
#ifndef STRESS_OWN_H
#define STRESS_OWN_H

#include <limits.h>
#include <stdbool.h>
#include <sys/types.h>

struct err;
struct plan;

struct own {
    char base[32]; /* the folder that holds all of it; ours, made by own_folder() */
    char control[64], log[PATH_MAX], program[PATH_MAX];
    const char *backend;
    pid_t pid; /* 0: it does not run */
    int pidfd; /* readable when it has ended; -1 */
};

/* A folder for packages and, when there is one, the supervisor; removed by own_end(). */
int own_folder(struct own *o, struct err *e);
/* Writes the configuration, starts the program, waits until it is ready.
 *   out   folder that its log is kept in, as miniprogd.log
 * Errors: -EINTR stop_fd became readable; -ECHILD it ended (its log says why). */
int own_start(struct own *o, const struct plan *p, bool policy, const char *out, int stop_fd,
              struct err *e);
/* Ends it in order; after a crash the next one on the same folders ends its apps. Removes the
 * folders. Does what it can; the first thing that failed is told. */
int own_end(struct own *o, struct err *e);

#endif
