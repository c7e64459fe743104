/* SPDX-License-Identifier: MIT
 * kit.h - the synthetic apps: their packages, put into a supervisor and taken out again.
 * Layer: tests. Uses: wire, base. */
#ifndef STRESS_KIT_H
#define STRESS_KIT_H

#include <stddef.h>

struct err;
struct link;
struct plan;

#define KIT_PREFIX  "org.miniprog.stress."
#define KIT_ID_SIZE 32

void kit_id(char id[KIT_ID_SIZE], unsigned i); /* org.miniprog.stress.a01 is the first */

/* Where a program of this tree is: in $MINIPROG_LIBEXEC, beside this one, in <parent>/<under>
 * ("libexec/miniprog", "sbin") of where this one is. Errors: -ENOENT. */
int kit_find(const char *program, const char *under, char *ret, size_t size, struct err *e);

/* Installs all apps of the plan; folder is an empty one of ours, for the packages. Errors: -EINTR;
 * -EEXIST apps of another run are there; as link_call(). */
int kit_install(struct link *l, int stop_fd, const struct plan *p, const char *folder,
                struct err *e);
/* Kills and removes all apps of ours that the supervisor has; says how many there were. */
int kit_remove(struct link *l, unsigned *ret_n, struct err *e);

#endif
