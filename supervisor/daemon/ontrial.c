/* SPDX-License-Identifier: MIT */
#include "supervisor/daemon/ontrial.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "supervisor/base/err.h"
#include "supervisor/base/killpoint.h"
#include "supervisor/daemon/app.h"
#include "supervisor/daemon/channel.h"
#include "supervisor/daemon/config.h"
#include "supervisor/daemon/log.h"
#include "supervisor/daemon/loop.h"
#include "supervisor/daemon/revision.h"
#include "supervisor/daemon/runstate.h"
#include "supervisor/daemon/watch.h"
#include "supervisor/daemon/why.h"

static bool is_on(const struct app *app) {
    return app->trial.tries > 0 || app->trial.retreat;
}

static void went_back(struct revision *r, int result, const struct err *e) {
    struct app *app = r->app;
    char text[UPDATES_REASON_MAX + 160];

    if (result < 0) {
        log_err(app->id, "cannot go back to its previous version: %s", e->text);
        return;
    }
    (void) snprintf(text, sizeof text,
                    "version %" PRIu64 " failed each of its tries (%s): version %" PRIu64
                    " is back",
                    r->before.current.code, r->why, app->versions.current.code);
    log_warning(app->id, "%s", text);
    why_record(app, &(struct why){ .action = "rolled_back", .text = text });
    watch_update(app, "rolled_back", r->before.current.code, r->why);
}

/* --- before the start --------------------------------------------------------------------- */

static int take_over(struct revision *r, struct err *e) {
    bool begins = r->state.pending.name[0] != '\0';

    if (begins)
        trial_begin(&r->state, &r->updates, r->tries);
    int result = trial_take(&r->state, &r->updates, runstate_boot(r->app->d), &r->verdict);
    KILLPOINT(TAKE_OVER);
    if (result < 0)
        return err_set(e, result, "out of memory");
    return begins || result > 0;
}

static void took_over(struct revision *r, int result, const struct err *e) {
    struct app *app = r->app;
    uint64_t code = app->versions.current.code;

    if (result < 0) {
        log_err(app->id, "cannot apply the pending version: %s, starting the present one", e->text);
        return;
    }
    if (r->verdict == TRIAL_BACK) {
        (void) snprintf(r->why, sizeof r->why, TRIAL_UNSEEN);
        went_back(r, result, e);
        return;
    }
    if (code != r->before.current.code) {
        log_notice(app->id, "version %" PRIu64 " takes over", code);
        watch_update(app, "apply", code, NULL);
    }
    if (app->trial.tries > 0)
        watch_update(app, "trial", code, NULL);
}

bool ontrial_before_start(struct app *app) {
    const struct revision order = {
        .app = app, .change = take_over, .done = took_over, .tries = app->d->config->update.trials
    };

    if (app->run->revised || (app->versions.pending.name[0] == '\0' && !is_on(app)))
        return false;
    app->run->revised = true;
    return revision_begin(&order) == 0;
}

/* --- while it runs ------------------------------------------------------------------------ */

static int settle(struct revision *r, struct err *e) {
    int result = trial_settle(&r->state, &r->updates, r->verdict, r->why);
    KILLPOINT(TRIAL_SETTLED);
    return result < 0 ? err_set(e, result, "out of memory") : 1;
}

static void proved(struct revision *r, int result, const struct err *e) {
    struct app *app = r->app;

    if (result < 0) {
        log_err(app->id, "cannot note that its version lives: %s, its next run has to prove it",
                e->text);
        return;
    }
    log_notice(app->id, "version %" PRIu64 " lives: its trial is over", app->versions.current.code);
    watch_update(app, "healthy", app->versions.current.code, NULL);
}

void ontrial_healthy(struct app *app) {
    const struct revision order = {
        .app = app, .change = settle, .done = proved, .verdict = TRIAL_KEEP
    };

    if (!is_on(app) || app->run->lived)
        return;
    app->run->lived = true;
    run_set_deadline(app, DEADLINE_HEALTHY, 0);
    if (revision_begin(&order) < 0)
        log_err(app->id, "out of memory: its next run has to prove its version");
}

/* The version that fell back tells its app why the newer one is gone. */
static void tell_why_it_fell_back(struct app *app) {
    struct updates u = { 0 };
    const struct updates_failed *f;

    if (updates_read(app->versions.rest, &u, NULL) < 0)
        return;
    f = updates_failed_code(&u, app->versions.previous.code);
    channel_update_failed(app, f ? f->reason : "the new version did not live");
    updates_clear(&u);
}

void ontrial_launched(struct app *app) {
    if (!is_on(app))
        return;
    if (app->trial.retreat)
        tell_why_it_fell_back(app);
    if (app->manifest->ready_notify)
        ontrial_healthy(app);
}

void ontrial_moved(struct app *app) {
    struct run *run = app->run;
    uint64_t enough = app->d->config->update.healthy_after, now;

    if (!run || !is_on(app) || run->lived || app->manifest->ready_notify)
        return;
    now = loop_boottime();
    if (life_is_running(app->state)) {
        if (run->running_since)
            return;
        run->running_since = now;
        run_set_deadline(app, DEADLINE_HEALTHY, now + (enough > run->ran ? enough - run->ran : 1));
    } else if (run->running_since) {
        run->ran += now - run->running_since;
        run->running_since = 0;
        run_set_deadline(app, DEADLINE_HEALTHY, 0);
    }
}

/* --- after its end ------------------------------------------------------------------------ */

bool ontrial_goes_on(const struct app *app) {
    enum exit_reason reason = app->run->reason;

    return is_on(app) && !app->run->lived && !app->removing && !app->d->ending &&
           (reason == EXIT_REASON_NONE || reason == EXIT_START_TIMEOUT_REASON);
}

static void blamed(struct revision *r, int result, const struct err *e) {
    struct app *app = r->app;
    char text[320];

    if (result < 0) {
        log_err(app->id, "cannot keep its new version for later: %s", e->text);
        return;
    }
    (void) snprintf(text, sizeof text,
                    "version %" PRIu64 " fails like the newer one did: something around them is at "
                    "fault, version %" PRIu64 " is tried again later",
                    app->versions.current.code, app->versions.pending.code);
    log_warning(app->id, "%s", text);
    why_record(app, &(struct why){ .action = "environment", .text = text });
}

/* Not its version's fault: there was no process yet. */
static bool is_machines_fault(const struct run *run) {
    const struct start_failure *f = run->failure;
    return f && (strcmp(f->stage, "fork") == 0 || strcmp(f->stage, "memory") == 0);
}

/* It ended while no supervisor could see how. On trial that is a try used up, as trial_take() has
 * it; against the version that fell back it is no evidence. */
static bool is_unseen(const struct run *run) {
    return !run->failure && !run->is_child && !run->has_status;
}

static bool settle_end(struct app *app, enum trial_verdict verdict, const char *why) {
    struct revision order = { .app = app, .change = settle, .verdict = verdict };

    if (verdict == TRIAL_BACK)
        order.done = went_back;
    else if (verdict == TRIAL_ENVIRONMENT)
        order.done = blamed;
    size_t n = strnlen(why, UPDATES_REASON_MAX);
    while (n > 0 && ((unsigned char) why[n] & 0xC0) == 0x80)
        n--; /* not in the middle of a character */
    memcpy(order.why, why, n);
    return revision_begin(&order) == 0;
}

bool ontrial_ended(struct app *app, enum life_state from, const struct exit_record *end) {
    const struct updates u = { .tries = app->trial.tries, .retreat = app->trial.retreat };
    struct run *run = app->run;

    if (app->removing || run->lived)
        return false;
    const bool unseen = is_unseen(run), excused = is_machines_fault(run) || (unseen && u.retreat);
    enum trial_verdict verdict = trial_judge(&u, false, end->reason, excused);
    if (verdict == TRIAL_NONE || !settle_end(app, verdict, end->message))
        return false;
    /* Who waited for one of an earlier supervisor waits no more. */
    bool awaited = !unseen && (run->retry || from == LIFE_STARTING || from == LIFE_FOREGROUND);
    return awaited && (verdict == TRIAL_AGAIN || verdict == TRIAL_BACK);
}
