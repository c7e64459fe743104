/* SPDX-License-Identifier: MIT
 * install.h - bring packages into the store and take apps out of it.
 * Layer: 3, daemon. Uses: units.
 *
 * One installation at a time: the worker copies under the caller's uid into a staging folder, the
 * disk lane checks and commits it, the loop takes it over. Others wait their turn. */
#ifndef DAEMON_INSTALL_H
#define DAEMON_INSTALL_H

#include <stdbool.h>
#include <sys/types.h>

struct app;
struct call;
struct daemon;
struct err;
struct installer;

struct installer *installer_new(struct daemon *d);
struct installer *installer_free(struct installer *i);
bool installer_owns(const struct installer *i, pid_t pid); /* a worker that is at work, or may be */

/* Takes an Install call. */
int install_request(struct installer *i, struct call *call);
/* Takes a Remove call; the app ends first. */
int install_remove(struct app *app, struct call *call, bool keep_data);

/* All installed apps, at start. */
int install_load_all(struct daemon *d, struct err *e);

#endif
