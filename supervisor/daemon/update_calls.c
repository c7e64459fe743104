/* SPDX-License-Identifier: MIT
 * A live app ends first, with the reason `update`: what runs keeps its version under its feet. It
 * is opened again only if it was in front. */
#include "supervisor/daemon/update_calls.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "supervisor/base/err.h"
#include "supervisor/base/json.h"
#include "supervisor/base/jsonw.h"
#include "supervisor/base/killpoint.h"
#include "supervisor/daemon/app.h"
#include "supervisor/daemon/channel.h"
#include "supervisor/daemon/config.h"
#include "supervisor/daemon/control.h"
#include "supervisor/daemon/log.h"
#include "supervisor/daemon/revision.h"
#include "supervisor/daemon/server.h"
#include "supervisor/daemon/watch.h"
#include "supervisor/daemon/why.h"

static void end_for_update(struct app *app) {
    struct run *run = app->run;

    if (run && app->state != LIFE_STOPPING)
        run->reopen = app->state == LIFE_FOREGROUND || app->state == LIFE_STARTING;
    app_end(app, EXIT_UPDATE_REASON, LIFE_EV_CLOSE);
}

/* The answer to a call that had the versions changed; context is the call. */
static void answer(struct revision *r, int result, const struct err *e) {
    struct call *call = r->context;

    if (result < 0) {
        control_storage(call, e->text);
    } else {
        jsonw_u64(call_begin(call, false), "version_code", r->app->versions.current.code);
        call_end(call);
    }
}

static void no_update(struct call *call, const struct app *app) {
    control_error_text(call, "NoUpdate", "id", app->id);
}

/* --- apply -------------------------------------------------------------------------------- */

static int take_over(struct revision *r, struct err *e) {
    (void) e;
    if (r->state.pending.name[0] == '\0')
        return 0;
    trial_begin(&r->state, &r->updates, r->tries);
    KILLPOINT(TAKE_OVER);
    return 1;
}

static void applied(struct revision *r, int result, const struct err *e) {
    if (result >= 0) {
        log_notice(r->app->id, "version %" PRIu64 " takes over", r->app->versions.current.code);
        watch_update(r->app, "apply", r->app->versions.current.code, NULL);
    }
    answer(r, result, e);
}

static void ended_to_apply(struct waiter *w, struct app *app, const struct start_failure *failure) {
    const struct revision order = { .app = app,
                                    .change = take_over,
                                    .done = applied,
                                    .context = w->call,
                                    .tries = app->d->config->update.trials };

    (void) failure;
    if (app->removing || revision_begin(&order) < 0)
        control_busy(w->call, app->removing ? "it is being removed" : "out of memory");
    waiter_free(w);
}

int update_on_apply(struct app *app, struct call *call) {
    if (app->versions.pending.name[0] == '\0') {
        no_update(call, app);
        return 0;
    }
    struct waiter *w = waiter_new(call, ended_to_apply);
    if (!w)
        return -ENOMEM;
    app_when_ended(app, w);
    end_for_update(app);
    return 0;
}

int channel_on_apply_update(struct call *call) {
    struct app *app = call_userdata(call);

    if (app->versions.pending.name[0] == '\0' && !app->run->simulated) {
        (void) call_begin_error(call, "NotReady");
        call_end(call);
        return 0;
    }
    call_reply(call);
    end_for_update(app); /* its next start has the new version take over */
    return 0;
}

/* --- rollback ----------------------------------------------------------------------------- */

static int roll_back(struct revision *r, struct err *e) {
    int result = trial_roll_back(&r->state, &r->updates);
    KILLPOINT(ROLL_BACK);
    return result < 0 ? err_set(e, result, "there is no previous version any more") : 1;
}

static void rolled_back(struct revision *r, int result, const struct err *e) {
    struct app *app = r->app;
    char text[200];

    if (result >= 0) {
        (void) snprintf(text, sizeof text,
                        "back to version %" PRIu64 " by hand: version %" PRIu64
                        " is held until a higher one is offered",
                        app->versions.current.code, r->before.current.code);
        log_notice(app->id, "%s", text);
        why_record(app, &(struct why){ .action = "rollback", .text = text });
        watch_update(app, "rolled_back", r->before.current.code, "by hand");
    }
    answer(r, result, e);
}

static void ended_to_roll_back(struct waiter *w, struct app *app,
                               const struct start_failure *failure) {
    const struct revision order = {
        .app = app, .change = roll_back, .done = rolled_back, .context = w->call
    };

    (void) failure;
    if (app->removing || revision_begin(&order) < 0)
        control_busy(w->call, app->removing ? "it is being removed" : "out of memory");
    waiter_free(w);
}

int update_on_rollback(struct app *app, struct call *call) {
    if (app->versions.previous.name[0] == '\0' || app->trial.retreat) {
        no_update(call, app);
        return 0;
    }
    struct waiter *w = waiter_new(call, ended_to_roll_back);
    if (!w)
        return -ENOMEM;
    app_when_ended(app, w);
    end_for_update(app);
    return 0;
}

/* --- for who writes an app ---------------------------------------------------------------- */

int update_on_simulate(struct app *app, struct call *call) {
    const char *outcome = json_get_string(call_parameters(call), "outcome", "");
    bool ready = strcmp(outcome, "ready") == 0;

    if (!app->run || app->state == LIFE_STOPPING || app->run->spawning) {
        struct jsonw *w = call_begin_error(call, "BadState");
        jsonw_string(w, "id", app->id);
        jsonw_string(w, "state", life_state_name(app->state));
        call_end(call);
        return 0;
    }
    channel_update_check(app, true);
    if (ready)
        channel_update_ready(app, app->versions.current.code);
    else
        channel_update_failed(app, "simulated");
    app->run->simulated = ready;
    channel_flush(app);
    call_reply(call);
    return 0;
}
