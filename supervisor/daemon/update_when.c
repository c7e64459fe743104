/* SPDX-License-Identifier: MIT
 * update_when.c - when an app is checked for an update: before a start, at one, when it is asked
 * for, and again after a failure. */
#include "supervisor/daemon/update_parts.h"

#include "supervisor/daemon/app.h"
#include "supervisor/daemon/channel.h"
#include "supervisor/daemon/config.h"
#include "supervisor/daemon/control.h"
#include "supervisor/daemon/log.h"
#include "supervisor/daemon/loop.h"
#include "units/updates.h"

/* --- after a failure ---------------------------------------------------------------------- */

uint64_t update_back_off(struct update *u) {
    u->retry_after = updates_next_wait(u->retry_after, u->app->d->config->update.check_interval);
    return u->retry_after;
}

static int on_retry(sd_event_source *s, uint64_t usec, void *userdata) {
    (void) s;
    (void) usec;
    struct update *u = userdata;

    u->retry = sd_event_source_disable_unref(u->retry);
    if (!u->busy && !u->app->removing)
        (void) update_begin(u);
    return 0;
}

void update_try_later(struct update *u) {
    u->retry = sd_event_source_disable_unref(u->retry);
    if (sd_event_add_time(u->app->d->event, &u->retry, CLOCK_BOOTTIME,
                          loop_boottime() + update_back_off(u), 0, on_retry, u) < 0)
        log_err(u->app->id, "cannot arm a timer: the next cold start tries again");
}

/* --- before a start ----------------------------------------------------------------------- */

void update_let_go(struct update *u) {
    u->patience = sd_event_source_disable_unref(u->patience);
    if (!u->holding)
        return;
    u->holding = false;
    u->app->storing--;
    start_go_on(u->app);
}

static int on_impatience(sd_event_source *s, uint64_t usec, void *userdata) {
    (void) s;
    (void) usec;
    struct update *u = userdata;

    log_notice(u->app->id,
               "its update takes longer than sync_timeout: starting the version it has");
    update_let_go(u);
    return 0;
}

/* Neither opened nor installed for long. By a clock that was set back nothing is long ago. */
static bool was_long_unused(const struct app *app) {
    uint64_t before = app->run->opened_before, now = loop_realtime();

    return before && now > before && now - before > app->d->config->update.sync_after;
}

static bool is_due_now(const struct app *app) {
    if (app->versions.pending.name[0])
        return false; /* it is here */
    return app->trial.offered > 0 || was_long_unused(app);
}

bool update_before_start(struct app *app) {
    uint64_t patience = app->d->config->update.sync_timeout;

    if (app->run->synced || app->removing || !is_due_now(app))
        return false;
    app->run->synced = true;
    struct update *u = update_of(app);
    if (!u || u->holding || (!u->busy && !update_begin(u)) || !u->busy)
        return false;
    if (sd_event_add_time(app->d->event, &u->patience, CLOCK_BOOTTIME, loop_boottime() + patience,
                          0, on_impatience, u) < 0)
        return false;
    u->holding = true;
    app->storing++;
    return true;
}

/* --- when it is asked for ----------------------------------------------------------------- */

int update_on_check(struct app *app, struct call *call) {
    struct update *u = update_of(app);
    struct waiter *w = waiter_new(call, NULL);

    if (!u || !w || app->removing) {
        waiter_free(w);
        control_busy(call, app->removing ? "it is being removed" : "out of memory");
        return 0;
    }
    list_append(&u->calls, &w->node);
    if (u->busy && u->choice.package) /* the check was a moment ago, its download goes on */
        update_answer(u, true, u->choice.code);
    else if (!u->busy && !update_begin(u))
        update_answer(u, app->versions.pending.name[0] != '\0', app->versions.pending.code);
    return 0;
}

void update_at_cold_start(struct app *app) {
    uint64_t interval = app->d->config->update.check_interval;
    struct update *u = app->update;
    uint64_t now = loop_boottime();
    bool fresh = u && u->checked && now - u->checked_at < interval;

    if (app->removing || app->d->ending || (u && u->busy))
        return;
    if (fresh && !(u->has_update && app->trial.offered)) {
        channel_update_check(app, u->has_update && app->versions.pending.name[0] != '\0');
        return;
    }
    /* The last check failed a moment ago; an app that may not open before it is updated cannot wait
     * for that. */
    if (u && now < u->not_before && app->versions.current.code >= app->trial.minimum)
        return;
    if (!app->manifest->update_url && !app->versions.rest)
        return;
    u = update_of(app);
    if (u)
        (void) update_begin(u);
}
