/* SPDX-License-Identifier: MIT
 * update_calls.h - ApplyUpdate, Rollback and SimulateUpdate.
 * Layer: 3, daemon. Uses: units. */
#ifndef DAEMON_UPDATE_CALLS_H
#define DAEMON_UPDATE_CALLS_H

struct app;
struct call;

/* Handlers of org.miniprog.Supervisor for an app that is there; they take the call. */
int update_on_apply(struct app *app, struct call *call);
int update_on_rollback(struct app *app, struct call *call);
int update_on_simulate(struct app *app, struct call *call);

/* The app's own ApplyUpdate. */
int channel_on_apply_update(struct call *call);

#endif
