/* SPDX-License-Identifier: MIT
 * runstate.h - what of a run must outlive the daemon: one small file an app in the runtime folder.
 * Layer: 3, daemon. Uses: base.
 *
 * <runtime dir>/state/<id>, replaced by rename, never synced: it need not outlive the machine. A
 * change marks the app; marked ones are written once a turn of the loop, after the answers went
 * out. */
#ifndef DAEMON_RUNSTATE_H
#define DAEMON_RUNSTATE_H

#include <stdbool.h>

struct app;
struct daemon;
struct err;
struct json;
struct runstates;

int runstates_new(struct daemon *d, struct runstates **ret, struct err *e);
struct runstates *runstates_free(struct runstates *all); /* writes what is marked */

const char *runstate_boot(const struct daemon *d); /* this boot's id; lives as long as d */

void runstate_mark(struct app *app);
void runstate_flush(struct runstates *all);
bool runstate_is_marked(const struct app *app);
void runstate_write_now(struct app *app); /* before something that must be known after a crash */
/* The same at the start of a run, while a file torn by a crash means that there is no run yet. */
void runstate_write_first(struct app *app);
void runstate_drop(struct app *app); /* the run is over */

/* What an earlier daemon left of this app; -ENOENT nothing; -EBADMSG of another boot or damaged. */
int runstate_load(struct daemon *d, const char *id, struct json **ret, struct err *e);

/* The lasting record: counters and last exit, in the store; written on the disk lane. A run state
 * is dropped when the record has what was in it. */
void record_save(struct app *app);
void record_load(struct app *app);

#endif
