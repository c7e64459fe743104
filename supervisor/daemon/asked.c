/* SPDX-License-Identifier: MIT
 * What is asked of an app: open, hide, end, warn, run on. The states decide; see app.c. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cgroups/cgroup.h"
#include "supervisor/base/cleanup.h"
#include "supervisor/base/err.h"
#include "supervisor/base/json.h"
#include "supervisor/base/jsonw.h"
#include "supervisor/base/str.h"
#include "supervisor/daemon/app.h"
#include "supervisor/daemon/channel.h"
#include "supervisor/daemon/dialog.h"
#include "supervisor/daemon/log.h"
#include "supervisor/daemon/loop.h"
#include "supervisor/daemon/runstate.h"
#include "supervisor/daemon/server.h"
#include "supervisor/daemon/update.h"
#include "supervisor/daemon/watch.h"
#include "supervisor/daemon/why.h"
#include "supervisor/daemon/work.h"
#include "units/exitstate.h"

/* --- launches and waiters ----------------------------------------------------------------- */

void launch_clear(struct launch *l) {
    free(l->path);
    free(l->query);
    *l = (struct launch){ .scene = LAUNCH_SCENE_DEFAULT };
}

int launch_copy(struct launch *to, const struct launch *from) {
    CLEANUP(free_p) char *path = from->path ? strdup(from->path) : NULL;
    CLEANUP(free_p) char *query = from->query ? strdup(from->query) : NULL;

    if ((from->path && !path) || (from->query && !query))
        return -ENOMEM;
    launch_clear(to);
    to->path = TAKE_PTR(path);
    to->query = TAKE_PTR(query);
    to->scene = from->scene;
    return 0;
}

struct waiter *waiter_new(struct call *call, void (*done)(struct waiter *, struct app *,
                                                          const struct start_failure *)) {
    struct waiter *w = calloc(1, sizeof *w);
    if (!w)
        return NULL;
    list_init(&w->node);
    w->call = call;
    w->done = done;
    launch_clear(&w->launch);
    return w;
}

struct waiter *waiter_free(struct waiter *w) {
    if (w) {
        list_remove(&w->node);
        launch_clear(&w->launch);
        free(w);
    }
    return NULL;
}

void waiters_drop(struct list *waiters) {
    struct waiter *w;

    list_for_each (w, waiters, struct waiter, node) {
        if (w->call)
            call_drop(w->call);
        free(w->context);
        waiter_free(w);
    }
}

static void fail_open(struct app *app, struct waiter *w, const char *stage, const char *detail) {
    struct start_failure f = { .stage = stage };
    (void) snprintf(f.detail, sizeof f.detail, "%s", detail);
    w->done(w, app, &f);
}

/* --- open --------------------------------------------------------------------------------- */

/* A path moves a living app; without one it keeps its place. */
static int enter_with(struct app *app, const struct launch *l) {
    struct launch *enter = &app->run->enter;
    if (l->path)
        return launch_copy(enter, l);
    enter->scene = l->scene;
    return 0;
}

static void open_cold(struct app *app, struct waiter *w, uint64_t opened_before) {
    struct run *run = NULL;

    if (run_new(app, &run) < 0 || launch_copy(&run->launch, &w->launch) < 0 ||
        launch_copy(&run->enter, &w->launch) < 0) {
        run_free(run, false);
        fail_open(app, w, "fork", "out of memory");
        return;
    }
    app->run = run;
    run->opened_before = opened_before;
    memory_begins(app);
    list_append(&app->opens, &w->node);
    app_event(app, LIFE_EV_OPEN, "open");
}

void app_open(struct app *app, struct waiter *w) {
    if (app->removing || app->d->ending) {
        fail_open(app, w, "closed",
                  app->removing ? "it is being removed" : "the supervisor is ending");
        return;
    }
    uint64_t opened_before = app->opened_usec;
    app->opened_usec = loop_realtime();
    switch (app->state) {
    case LIFE_STOPPED:
        open_cold(app, w, opened_before);
        return;
    case LIFE_STARTING:
        (void) enter_with(app, &w->launch);
        list_append(&app->opens, &w->node);
        return;
    case LIFE_STOPPING:
        list_append(&app->opens, &w->node);
        return;
    case LIFE_FOREGROUND:
        if (w->launch.path && enter_with(app, &w->launch) == 0) {
            channel_show(app);
            channel_flush(app);
            runstate_mark(app);
        }
        w->start = "current";
        w->done(w, app, NULL);
        return;
    case LIFE_BACKGROUND:
    case LIFE_SUSPENDED:
        (void) enter_with(app, &w->launch);
        list_append(&app->opens, &w->node);
        app_event(app, LIFE_EV_OPEN, "open");
        return;
    case LIFE_STATE_COUNT:
        return;
    }
}

static void log_reopened(struct waiter *w, struct app *app, const struct start_failure *failure) {
    if (failure)
        log_warning(app->id, "cannot be started again: %s", failure->detail);
    waiter_free(w);
}

void app_start_again(struct app *app, bool reopen, char *path) {
    CLEANUP(free_p) char *own = path;
    struct waiter *w = list_first(&app->opens, struct waiter, node);

    if (!w && reopen) {
        w = waiter_new(NULL, log_reopened);
        if (w)
            w->launch.path = TAKE_PTR(own);
    }
    /* One start answers all that wait; only one that could not even begin leaves the others. */
    while (w && app->state == LIFE_STOPPED) {
        list_remove(&w->node);
        app_open(app, w);
        w = list_first(&app->opens, struct waiter, node);
    }
}

/* --- hide, end, warn ---------------------------------------------------------------------- */

void app_hide(struct app *app, int64_t reason, const char *cause) {
    app->hide_reason = reason;
    app_event(app, LIFE_EV_HIDE, cause);
}

/* Those who asked for an app that is then closed by hand hear so; other ends start it anew. */
static bool fails_waiting_opens(enum exit_reason reason) {
    return reason == EXIT_CLOSED_REASON || reason == EXIT_KILLED_REASON ||
           reason == EXIT_REMOVED_REASON || reason == EXIT_SUPERVISOR_REASON;
}

void app_end(struct app *app, enum exit_reason reason, enum life_event event) {
    struct run *run = app->run;

    if (run && run->reason == EXIT_REASON_NONE) {
        run->reason = reason;
        runstate_mark(app);
    }
    if (fails_waiting_opens(reason)) {
        struct waiter *w;
        if (run)
            run->reopen = false;
        list_for_each (w, &app->opens, struct waiter, node) {
            list_remove(&w->node);
            fail_open(app, w, "closed", exit_reason_sentence(reason, NULL));
        }
    }
    if (run)
        app_event(app, event, exit_reason_name(run->reason));
}

void app_when_ended(struct app *app, struct waiter *w) {
    if (app->state == LIFE_STOPPED)
        w->done(w, app, NULL);
    else
        list_append(&app->ends, &w->node);
}

bool app_warn(struct app *app, int level, const char *source) {
    if (!life_is_running(app->state))
        return false;
    bool went = channel_memory_warning(app, level, source);
    watch_warned(app, level, source);
    return went;
}

void app_keep_running(struct app *app, unsigned bit, bool on) {
    struct run *run = app->run;
    unsigned before = run->keep;

    run->keep = on ? before | bit : before & ~bit;
    if (run->keep == before)
        return;
    runstate_mark(app);
    app_place(app);
    if (app->state != LIFE_BACKGROUND)
        return;
    if (run->keep) {
        run_set_deadline(app, DEADLINE_TRIM, 0);
        run_set_deadline(app, DEADLINE_SUSPEND, 0);
    } else {
        app_arm_suspend(app, app->d->config->lifecycle.background_grace);
        app_enforce_warm(app->d);
    }
}

/* --- exit state --------------------------------------------------------------------------- */

struct exit_state_job {
    struct store *store;
    char id[65];
    char *text; /* NULL: drop */
    uint64_t expires;
};

static int exit_state_run(void *arg, struct err *e) {
    struct exit_state_job *job = arg;
    CLEANUP(close_p) int app_fd = -1;
    CLEANUP(json_free_p) struct json *data = NULL;

    int r = store_app_fd(job->store, job->id, &app_fd, e);
    if (r < 0)
        return r;
    if (!job->text) {
        exitstate_drop(app_fd);
        return 0;
    }
    r = json_parse(job->text, strlen(job->text), &data, e);
    return r < 0 ? r : exitstate_save(app_fd, data, job->expires, e);
}

static void exit_state_done(void *arg, int result, const struct err *e) {
    struct exit_state_job *job = arg;
    if (result < 0)
        log_err(job->id, "cannot keep its exit state on disk: %s, keeping it in memory", e->text);
    free(job->text);
    free(job);
}

void app_set_exit_state(struct app *app, char *text, uint64_t expires_at_usec) {
    struct exit_state_job *job = calloc(1, sizeof *job);
    uint64_t now = loop_realtime();

    free(app->exit_state);
    app->exit_state = text;
    app->exit_state_until = loop_boottime() + (expires_at_usec > now ? expires_at_usec - now : 0);
    if (!job)
        return;
    job->store = app->d->store;
    memcpy(job->id, app->id, sizeof job->id);
    job->text = text ? strdup(text) : NULL;
    job->expires = expires_at_usec;
    if ((text && !job->text) ||
        work_submit(app->d->work, WORK_DISK, exit_state_run, exit_state_done, job) < 0) {
        free(job->text);
        free(job);
    }
}

/* --- on the wire -------------------------------------------------------------------------- */

static void write_usage(struct app *app, struct jsonw *w) {
    struct cgrp_usage u;

    if (!app->run || !app->run->group || cgrp_group_usage(app->run->group, &u, NULL) < 0)
        return;
    jsonw_u64(w, "memory_current", u.current);
    if (u.has_memory)
        jsonw_u64(w, "memory_peak", u.peak);
    if (u.has_swap)
        jsonw_u64(w, "memory_swap", u.swap);
}

void app_write(struct app *app, struct jsonw *w, const char *key) {
    const struct manifest *m = app->manifest;
    int64_t dialog = dialog_of(app);

    jsonw_object(w, key);
    jsonw_string(w, "id", app->id);
    jsonw_string(w, "name", m->name);
    jsonw_u64(w, "version_code", m->version_code);
    jsonw_string(w, "version_name", m->version_name);
    jsonw_string(w, "state", life_state_name(app->state));
    if (app->run && app->run->pid > 0)
        jsonw_int(w, "pid", app->run->pid);
    jsonw_u64(w, "since_usec", app->since_usec);
    jsonw_u64(w, "cold_starts", app->cold_starts);
    jsonw_u64(w, "hot_starts", app->hot_starts);
    write_usage(app, w);
    if (app->versions.pending.name[0])
        jsonw_u64(w, "pending_version", app->versions.pending.code);
    if (app->versions.previous.name[0] && !app->trial.retreat)
        jsonw_u64(w, "previous_version", app->versions.previous.code);
    if (app->trial.tries)
        jsonw_u64(w, "trial", app->trial.tries);
    if (dialog)
        jsonw_int(w, "dialog", dialog);
    if (app->has_exit)
        exit_write(&app->last_exit, w, "last_exit");
    jsonw_end_object(w);
}

/* --- making and freeing ------------------------------------------------------------------- */

int app_new(struct daemon *d, const char *id, struct manifest *manifest, struct app **ret) {
    struct app *app = calloc(1, sizeof *app);
    if (!app) {
        manifest_free(manifest);
        return -ENOMEM;
    }
    app->d = d;
    (void) snprintf(app->id, sizeof app->id, "%s", id);
    app->manifest = manifest;
    app->uid = (uid_t) -1;
    app->since_usec = loop_realtime();
    list_init(&app->place);
    list_init(&app->opens);
    list_init(&app->ends);
    list_init(&app->settles);
    list_init(&app->dirty);
    app->owner.emptied = run_emptied;
    *ret = app;
    return 0;
}

struct app *app_free(struct app *app) {
    if (!app)
        return NULL;
    list_remove(&app->place);
    list_remove(&app->dirty);
    waiters_drop(&app->opens);
    waiters_drop(&app->ends);
    waiters_drop(&app->settles);
    run_free(app->run, true);
    update_free(app->update);
    store_state_clear(&app->versions);
    manifest_free(app->manifest);
    free(app->exit_state);
    free(app);
    return NULL;
}
