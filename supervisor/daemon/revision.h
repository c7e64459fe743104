/* SPDX-License-Identifier: MIT
 * revision.h - one durable change of what the store knows of an app's versions.
 * Layer: 3, daemon. Uses: units.
 *
 * The change itself runs on the disk lane, on what the store has by then, so that no two of them
 * lose each other's; the loop takes over what came out. Meanwhile the app does not start
 * (app.storing). */
#ifndef DAEMON_REVISION_H
#define DAEMON_REVISION_H

#include "units/manifest.h"
#include "units/store.h"
#include "units/trial.h"
#include "units/updates.h"

struct app;
struct err;

struct revision {
    struct app *app;
    /* On the disk lane, on state and updates. > 0: save; 0: nothing to do; else the error. */
    int (*change)(struct revision *r, struct err *e);
    /* On the loop; the app has the new versions if result is 0. May be NULL. The revision goes
     * afterwards. */
    void (*done)(struct revision *r, int result, const struct err *e);
    void *context;
    /* arguments of some changes */
    unsigned tries;
    enum trial_verdict verdict;
    char why[UPDATES_REASON_MAX + 1];

    struct store_state state, before; /* before: without its rest */
    struct updates updates;
    struct manifest *manifest; /* of a new current version */
};

/* Copies *order: app, change, done, context and arguments. -ENOMEM, -EBUSY (it is being
 * removed): done is not called. */
int revision_begin(const struct revision *order);

/* app.trial from app.versions; after each time that these are replaced. */
void revision_look(struct app *app);

#endif
