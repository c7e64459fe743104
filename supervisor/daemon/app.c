/* SPDX-License-Identifier: MIT */
#include "supervisor/daemon/app.h"

#include <stdio.h>

#include "cgroups/cgroup.h"
#include "supervisor/base/cleanup.h"
#include "supervisor/base/err.h"
#include "supervisor/daemon/channel.h"
#include "supervisor/daemon/daemon.h"
#include "supervisor/daemon/dialog.h"
#include "supervisor/daemon/home.h"
#include "supervisor/daemon/log.h"
#include "supervisor/daemon/loop.h"
#include "supervisor/daemon/ontrial.h"
#include "supervisor/daemon/output.h"
#include "supervisor/daemon/runstate.h"
#include "supervisor/daemon/update.h"
#include "supervisor/daemon/watch.h"
#include "supervisor/daemon/why.h"

/* --- where an app stands among the others ------------------------------------------------ */

static unsigned *place_count(struct daemon *d, enum app_where where) {
    switch (where) {
    case APP_FRONT:
        return &d->n_front;
    case APP_WARM:
        return &d->n_warm;
    case APP_NOWHERE:
    case APP_KEPT:
        return NULL;
    }
    return NULL;
}

static enum app_where place_wanted(const struct app *app) {
    if (app->state == LIFE_FOREGROUND)
        return APP_FRONT;
    if (!life_is_warm(app->state))
        return APP_NOWHERE;
    return app->state == LIFE_BACKGROUND && app->run->keep ? APP_KEPT : APP_WARM;
}

/* A suspended app keeps the place in line that it got when it went to background. */
void app_place(struct app *app) {
    struct daemon *d = app->d;
    enum app_where want = place_wanted(app);

    if (want == app->where)
        return;
    unsigned *count = place_count(d, app->where);
    if (count)
        (*count)--;
    app->where = want;
    count = place_count(d, want);
    if (count)
        (*count)++;
    switch (want) {
    case APP_FRONT:
        list_append(&d->front, &app->place);
        break;
    case APP_WARM:
        list_append(&d->warm, &app->place);
        break;
    case APP_KEPT:
        list_append(&d->kept, &app->place);
        break;
    case APP_NOWHERE:
        list_remove(&app->place);
        break;
    }
}

static void hide_the_others(struct app *newest) {
    struct daemon *d = newest->d;
    struct app *other;

    list_for_each (other, &d->front, struct app, place) {
        if (d->n_front <= d->config->lifecycle.max_foreground)
            return;
        if (other != newest)
            app_hide(other, 1, "other_app");
    }
}

void app_enforce_warm(struct daemon *d) {
    unsigned max = d->config->lifecycle.max_warm;
    struct app *victim;

    while (max > 0 && d->n_warm > max && (victim = list_first(&d->warm, struct app, place))) {
        const struct why_figure figures[] = { { "warm", d->n_warm }, { "max_warm", max } };
        why_record(victim,
                   &(struct why){ .action = "evict",
                                  .text = "more apps are warm than max_warm allows, and this "
                                          "one was used least recently",
                                  .figures = figures,
                                  .n_figures = 2 });
        app_end(victim, EXIT_WARM_LIMIT_REASON, LIFE_EV_CLOSE);
        if (victim->where == APP_WARM)
            return; /* the table let it stay: never spin */
    }
}

/* A point is a thousandth of the limit that was hit, added to what a process uses: the plain scores
 * leave a big one in front above small ones behind it (measured). While memory is short the others'
 * are raised, so that the kernel, when it comes first, takes one of them. Lowering a score again
 * may be refused without the capability; the kernel's choice is then a worse one, no more. Source:
 * design.md §3. */
void app_oom_score(struct app *app) {
    static const int by_state[LIFE_STATE_COUNT][2] = {
        [LIFE_BACKGROUND] = { 300, 999 },
        [LIFE_SUSPENDED] = { 900, 1000 },
        [LIFE_STOPPING] = { 900, 1000 },
    };
    if (app->run && app->run->group)
        (void) cgrp_group_oom_score(app->run->group, by_state[app->state][memory_is_short(app->d)]);
}

/* --- the state ---------------------------------------------------------------------------- */

static void move_to(struct app *app, enum life_state next) {
    struct daemon *d = app->d;

    if (app->state == LIFE_STOPPED && next != LIFE_STOPPED)
        d->n_live++;
    if (app->state != LIFE_STOPPED && next == LIFE_STOPPED)
        d->n_live--;
    if (app->state == LIFE_STARTING)
        d->n_starting--;
    if (next == LIFE_STARTING)
        d->n_starting++;
    if (app->state != next)
        app->since_usec = loop_realtime();
    app->state = next;
    app_place(app);
    memory_moved(app);
    ontrial_moved(app);
}

void app_set_adopted(struct app *app, enum life_state state) {
    uint64_t since = app->since_usec;
    move_to(app, state);
    app->since_usec = since;
}

/* Written before it is told, so that nobody hears of a state that a crash would take back. Only a
 * suspension may wait for the turn's end: lost, it is done again at once. */
static void tell_state(struct app *app, enum life_state from, const char *cause) {
    if (from == app->state)
        return;
    if (app->state == LIFE_SUSPENDED || app->state == LIFE_STOPPED)
        runstate_mark(app);
    else if (app->state != LIFE_STARTING || runstate_is_marked(app))
        runstate_write_now(app);
    const struct log_fields fields = { .message_id = LOG_ID_STATE,
                                       .state = life_state_name(app->state),
                                       .reason = cause,
                                       .version = app->versions.current.code };
    log_with(LOG_LEVEL_INFO, app->id, &fields, "%s -> %s (%s)", life_state_name(from), fields.state,
             cause);
    watch_state(app, from, app->state, cause);
}

static void answer_opens(struct app *app, const char *start, const struct start_failure *failure) {
    struct waiter *w;
    list_for_each (w, &app->opens, struct waiter, node) {
        list_remove(&w->node);
        w->start = start;
        w->done(w, app, failure);
    }
}

static void fail_opens(struct app *app, const char *stage, const char *detail) {
    struct start_failure f = { .stage = stage };
    if (app->run && app->run->failure)
        f = *app->run->failure;
    else
        (void) snprintf(f.detail, sizeof f.detail, "%s", detail);
    answer_opens(app, NULL, &f);
}

/* Why the Opens that wait for this start fail, where the start itself has not said it. */
static const char *failure_stage(const struct run *run) {
    if (run->reason == EXIT_REASON_NONE && run->memory.kernel_killed)
        return "memory";
    switch (run->reason) {
    case EXIT_START_TIMEOUT_REASON:
        return "ready";
    case EXIT_CLOSED_REASON:
    case EXIT_KILLED_REASON:
    case EXIT_REMOVED_REASON:
    case EXIT_SUPERVISOR_REASON:
        return "closed";
    case EXIT_MEMORY_LIMIT_REASON:
    case EXIT_MEMORY_PRESSURE_REASON:
    case EXIT_MEMORY_ALARMS_REASON:
        return "memory";
    case EXIT_REASON_NONE:
    case EXIT_EXITED_REASON:
    case EXIT_CRASHED_REASON:
    case EXIT_START_FAILED_REASON:
    case EXIT_RESTART_REASON:
    case EXIT_BACKGROUND_TIMEOUT_REASON:
    case EXIT_WARM_LIMIT_REASON:
    case EXIT_UNRESPONSIVE_REASON:
    case EXIT_UPDATE_REASON:
    case EXIT_REASON_COUNT:
        return "exited";
    }
    return "exited";
}

/* --- actions ------------------------------------------------------------------------------ */

/* The user waits: the process is on its way before it is told of. */
static void do_start(struct app *app, enum life_state from, const char *cause) {
    bool under_way = start_begin(app);

    tell_state(app, from, cause);
    if (!under_way)
        start_gave_up(app);
}

static void do_launch(struct app *app, const char *cause) {
    struct run *run = app->run;

    run->ready = true;
    run->hot = false;
    run_set_deadline(app, DEADLINE_START, 0);
    channel_launch(app);
    channel_show(app);
    ontrial_launched(app);
    channel_flush(app);
    tell_state(app, LIFE_STARTING, cause);
    if (app->exit_state && run->exit_state) {
        /* handed over to this run, which lives: the next one does not get it again */
        app_set_exit_state(app, NULL, 0);
    }
    hide_the_others(app);
    answer_opens(app, "cold", NULL);
    update_at_cold_start(app);
    channel_flush(app);
}

static void do_show(struct app *app, enum life_state from, const char *cause) {
    struct run *run = app->run;
    struct err e = { 0 };

    /* What the user waits for goes first: the process, its events, then the books. The events lie
     * there before it is woken, or it would wake, find nothing, sleep, and wake again. */
    if (from == LIFE_SUSPENDED)
        memory_resumes(app);
    run->hot = true;
    channel_show(app);
    channel_flush(app);
    if (from == LIFE_SUSPENDED && cgrp_group_continue_main(run->group, run->pidfd, &e) < 0)
        log_err(app->id, "cannot continue every process: %s, going on all the same", e.text);
    app->hot_starts++;
    run_clear_deadlines(app);
    tell_state(app, from, cause);
    answer_opens(app, "hot", NULL);
    app_oom_score(app);
    hide_the_others(app);
}

void app_arm_suspend(struct app *app, uint64_t from_now) {
    const uint64_t trim = 500000; /* before suspend_after. Source: design.md §4 */
    uint64_t after = app->d->config->lifecycle.suspend_after;

    if (after == CONFIG_NEVER || app->run->keep) {
        run_set_deadline(app, DEADLINE_TRIM, 0);
        run_set_deadline(app, DEADLINE_SUSPEND, 0);
        return;
    }
    uint64_t now = loop_boottime();
    run_set_deadline(app, DEADLINE_SUSPEND, now + from_now + after);
    if (from_now + after > trim) {
        run_set_deadline(app, DEADLINE_TRIM, now + from_now + after - trim);
    } else {
        run_set_deadline(app, DEADLINE_TRIM, 0);
        (void) memory_warn(app->d, app, 5, true);
    }
}

static void do_hide(struct app *app, const char *cause) {
    channel_hide(app, app->hide_reason);
    channel_flush(app);
    tell_state(app, LIFE_FOREGROUND, cause);
    app_arm_suspend(app, 0);
    app_oom_score(app);
    app_enforce_warm(app->d);
}

/* The books of a suspension are done once all that are due have been stopped, or before anything
 * else happens to this app. */
static void finish_suspend(struct app *app) {
    uint64_t after = app->d->config->lifecycle.destroy_after;

    list_remove(&app->run->suspending);
    memory_suspended(app);
    if (after != CONFIG_NEVER)
        run_set_deadline(app, DEADLINE_DESTROY, loop_boottime() + after);
    tell_state(app, LIFE_BACKGROUND, "timeout");
    app_oom_score(app);
}

void app_finish_suspends(struct daemon *d) {
    struct run *run;

    while ((run = list_first(&d->suspending, struct run, suspending)))
        finish_suspend(run->app);
}

static void do_suspend(struct app *app) {
    struct daemon *d = app->d;
    struct err e = { 0 };

    run_clear_deadlines(app);
    if (cgrp_group_stop(app->run->group, d->config->lifecycle.suspend, &e) < 0)
        log_err(app->id, "cannot stop every process: %s, counting it as suspended", e.text);
    list_append(&d->suspending, &app->run->suspending);
    (void) sd_event_source_set_enabled(d->after_stops, SD_EVENT_ONESHOT);
}

static void do_stop(struct app *app, enum life_state from, enum life_action action,
                    const char *cause) {
    struct err e = { 0 };

    run_clear_deadlines(app);
    if (from == LIFE_SUSPENDED && action != LIFE_DO_KILL &&
        cgrp_group_continue(app->run->group, &e) < 0)
        log_warning(app->id, "cannot continue every process: %s, stopping it all the same", e.text);
    tell_state(app, from, cause);
    if ((from == LIFE_STARTING || from == LIFE_FOREGROUND) && ontrial_goes_on(app))
        app->run->retry = true;
    if (from == LIFE_STARTING && !app->run->retry)
        fail_opens(app, failure_stage(app->run), "it ended before it was ready");
    if (action == LIFE_DO_UNLOAD)
        app_oom_score(app); /* it has a second, in which the kernel may have to choose */
    if (action == LIFE_DO_STOP)
        stop_begin(app);
    else if (action == LIFE_DO_UNLOAD)
        stop_unload(app);
    else
        stop_kill(app);
}

/* What an ended run leaves to do: exit before state, state before whoever waits. */
static void do_ended(struct app *app) {
    struct daemon *d = app->d;
    enum life_state from = app->state;
    struct run *run = app->run;
    struct exit_record end;

    stop_ended(app, &end);
    memory_ends(app);
    app->last_exit = end;
    app->has_exit = true;
    dialog_close_of(app, "ended");
    watch_exit(app, &end);
    move_to(app, LIFE_STOPPED);
    tell_state(app, from, exit_reason_name(end.reason));
    bool again = ontrial_ended(app, from, &end);
    if ((from == LIFE_STARTING || run->retry) && !again)
        fail_opens(app, failure_stage(run), end.message);

    bool reopen = run->reopen || again;
    char *path = TAKE_PTR(run->restart_path);
    app->run = NULL;
    run_free(run, false);
    output_detach(d->output, app->id);
    record_save(app);

    struct waiter *w;
    list_for_each (w, &app->ends, struct waiter, node) {
        list_remove(&w->node);
        w->done(w, app, NULL);
    }
    home_ended(d->home, app);
    app_start_again(app, reopen, path);
    daemon_check_ended(d);
}

static void perform(struct app *app, enum life_state from, enum life_action action,
                    const char *cause) {
    switch (action) {
    case LIFE_DO_START:
        do_start(app, from, cause);
        return;
    case LIFE_DO_LAUNCH:
        do_launch(app, cause);
        return;
    case LIFE_DO_SHOW:
    case LIFE_DO_RESUME:
        do_show(app, from, cause);
        return;
    case LIFE_DO_HIDE:
        do_hide(app, cause);
        return;
    case LIFE_DO_SUSPEND:
        do_suspend(app);
        return;
    case LIFE_DO_STOP:
    case LIFE_DO_UNLOAD:
    case LIFE_DO_KILL:
        do_stop(app, from, action, cause);
        return;
    case LIFE_DO_NONE:
    case LIFE_DO_ENDED:
    case LIFE_ACTION_COUNT:
        return;
    }
}

void app_event(struct app *app, enum life_event event, const char *cause) {
    enum life_state from = app->state, next;
    enum life_action action;

    if (app->run && !list_empty(&app->run->suspending))
        finish_suspend(app);
    int r = life_step(from, event, &next, &action);
    if (r < 0)
        log_err(app->id, "event '%s' cannot happen while %s: ignored, please report this",
                life_event_name(event), life_state_name(from));
    if (r <= 0)
        return;
    if (action == LIFE_DO_ENDED) {
        do_ended(app);
    } else {
        move_to(app, next);
        perform(app, from, action, cause);
    }
    home_look(app->d->home);
}
