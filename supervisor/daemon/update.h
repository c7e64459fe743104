/* SPDX-License-Identifier: MIT
 * update.h - what is offered for an app: check, download beside the running version, make it
 * pending.
 * Layer: 3, daemon. Uses: units. One check of an app at a time. */
#ifndef DAEMON_UPDATE_H
#define DAEMON_UPDATE_H

#include <stdbool.h>

struct app;
struct call;
struct update;

/* A CheckUpdate call: answers after the check, the download follows. Takes the call. */
int update_on_check(struct app *app, struct call *call);
/* At each cold start: checks, at most every check_interval; else repeats what the last one said. */
void update_at_cold_start(struct app *app);
/* Before a cold start. True: it waits, for sync_timeout at most, because a newer version is known,
 * or the app was not used for long (start_go_on() comes). Once a run. */
bool update_before_start(struct app *app);
/* With its app. */
struct update *update_free(struct update *u);

#endif
