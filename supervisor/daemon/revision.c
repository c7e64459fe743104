/* SPDX-License-Identifier: MIT */
#include "supervisor/daemon/revision.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "supervisor/base/err.h"
#include "supervisor/daemon/app.h"
#include "supervisor/daemon/log.h"
#include "supervisor/daemon/package.h"
#include "supervisor/daemon/work.h"

void revision_look(struct app *app) {
    struct updates u = { 0 };

    if (app->versions.rest && updates_read(app->versions.rest, &u, NULL) < 0)
        return; /* as it was: out of memory is no news about the app */
    app->trial = (struct app_trial){
        .tries = u.tries, .retreat = u.retreat, .minimum = u.minimum, .offered = u.offered
    };
    updates_clear(&u);
}

static int revise(void *arg, struct err *e) {
    struct revision *r = arg;
    struct store *store = r->app->d->store;
    struct err ignored = { 0 };

    int result = store_load(store, r->app->id, &r->state, e);
    if (result < 0)
        return result;
    r->before = r->state;
    r->before.rest = NULL;
    result = updates_read(r->state.rest, &r->updates, e);
    if (result >= 0)
        result = r->change(r, e);
    if (result <= 0)
        return result;
    result = updates_write(&r->updates, &r->state.rest, e);
    if (result >= 0 && strcmp(r->state.current.name, r->before.current.name) != 0)
        result = package_manifest(store, r->app->id, r->state.current.name, &r->manifest, e);
    if (result >= 0)
        result = store_save(store, r->app->id, &r->state, e);
    if (result >= 0) /* what runs holds its version; what cannot go now goes the next time */
        (void) store_gc(store, r->app->id, NULL, &ignored);
    return result;
}

static void take_over(struct revision *r) {
    struct app *app = r->app;

    if (r->manifest && (app->state == LIFE_STOPPED || app->start_waits)) {
        manifest_free(app->manifest);
        app->manifest = r->manifest;
        r->manifest = NULL;
    }
    store_state_clear(&app->versions);
    app->versions = r->state;
    r->state = (struct store_state){ 0 };
    revision_look(app);
}

static void revised(void *arg, int result, const struct err *e) {
    struct revision *r = arg;
    struct app *app = r->app;

    app->storing--;
    if (result == 0 && r->state.seq > 0)
        take_over(r);
    if (r->done)
        r->done(r, result, e);
    else if (result < 0)
        log_err(app->id, "cannot keep what became of its version: %s, asking again next time",
                e->text);
    store_state_clear(&r->state);
    updates_clear(&r->updates);
    manifest_free(r->manifest);
    free(r);
    start_go_on(app);
}

int revision_begin(const struct revision *order) {
    struct revision *r = order->app->removing ? NULL : malloc(sizeof *r);

    if (!r)
        return order->app->removing ? -EBUSY : -ENOMEM;
    *r = *order;
    r->state = r->before = (struct store_state){ 0 };
    r->updates = (struct updates){ 0 };
    r->manifest = NULL;
    int result = work_submit(r->app->d->work, WORK_DISK, revise, revised, r);
    if (result < 0) {
        free(r);
        return result;
    }
    r->app->storing++;
    return 0;
}
