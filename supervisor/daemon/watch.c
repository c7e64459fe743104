/* SPDX-License-Identifier: MIT */
#include "supervisor/daemon/watch.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "supervisor/base/cleanup.h"
#include "supervisor/base/jsonw.h"
#include "supervisor/base/list.h"
#include "supervisor/base/map.h"
#include "supervisor/base/str.h"
#include "supervisor/daemon/app.h"
#include "supervisor/daemon/daemon.h"
#include "supervisor/daemon/dialog.h"
#include "supervisor/daemon/log.h"
#include "supervisor/daemon/loop.h"
#include "supervisor/daemon/server.h"

#define EVENT_MAX ((size_t) 1024 * 1024)

struct watcher {
    struct list node;
    struct call *call;
    char only[65]; /* "": every app */
};

struct watch {
    struct daemon *d;
    struct list watchers;
    struct str text; /* the event being written; its memory is kept */
    struct jsonw w;
    uint64_t seq;
    char app_id[65];
};

struct watch *watch_new(struct daemon *d) {
    struct watch *w = calloc(1, sizeof *w);
    if (!w)
        return NULL;
    w->d = d;
    list_init(&w->watchers);
    w->text = (struct str) STR_INIT(EVENT_MAX);
    return w;
}

struct watch *watch_free(struct watch *w) {
    if (w) {
        str_clear(&w->text);
        free(w);
    }
    return NULL;
}

static void gone(struct call *call) {
    struct watcher *watcher = call_context(call);
    list_remove(&watcher->node);
    free(watcher);
    call_drop(call);
}

static void write_snapshot(struct watch *w, const char *only, struct jsonw *out) {
    struct app *app;
    size_t at = 0;

    jsonw_object(out, "event");
    jsonw_u64(out, "seq", w->seq);
    jsonw_u64(out, "at_usec", loop_realtime());
    jsonw_string(out, "type", "snapshot");
    jsonw_object(out, "snapshot");
    jsonw_array(out, "apps");
    while ((app = map_next(w->d->apps, &at)))
        if (!only || strcmp(only, app->id) == 0)
            app_write(app, out, NULL);
    jsonw_end_array(out);
    dialogs_write(w->d->dialogs, out, "dialogs", only);
    jsonw_end_object(out);
    jsonw_end_object(out);
}

int watch_add(struct watch *w, struct call *call, const char *only) {
    struct watcher *watcher = calloc(1, sizeof *watcher);
    if (!watcher)
        return -ENOMEM;
    list_init(&watcher->node);
    watcher->call = call;
    (void) snprintf(watcher->only, sizeof watcher->only, "%s", only ? only : "");
    call_set_context(call, watcher, gone);
    list_append(&w->watchers, &watcher->node);
    write_snapshot(w, only, call_begin(call, true));
    call_end(call);
    return 0;
}

struct jsonw *watch_begin(struct watch *w, const char *type, const char *app_id) {
    w->seq++;
    if (list_empty(&w->watchers))
        return NULL;
    str_reset(&w->text);
    w->w = (struct jsonw) JSONW_INIT(&w->text);
    (void) snprintf(w->app_id, sizeof w->app_id, "%s", app_id ? app_id : "");
    jsonw_object(&w->w, NULL);
    jsonw_object(&w->w, "event");
    jsonw_u64(&w->w, "seq", w->seq);
    jsonw_u64(&w->w, "at_usec", loop_realtime());
    jsonw_string(&w->w, "type", type);
    jsonw_string(&w->w, "app_id", app_id);
    return &w->w;
}

void watch_end(struct watch *w) {
    struct watcher *watcher;

    jsonw_end_object(&w->w);
    jsonw_end_object(&w->w);
    if (str_error(&w->text)) {
        log_err(NULL, "out of memory: watchers miss event %llu", (unsigned long long) w->seq);
        return;
    }
    list_for_each (watcher, &w->watchers, struct watcher, node)
        if (!watcher->only[0] || strcmp(watcher->only, w->app_id) == 0)
            call_send_text(watcher->call, w->text.data, w->text.len);
}

/* --- the events of an app's life ---------------------------------------------------------- */

void watch_state(struct app *app, enum life_state from, enum life_state to, const char *cause) {
    struct watch *w = app->d->watch;
    struct jsonw *out = watch_begin(w, "state", app->id);
    if (!out)
        return;
    jsonw_object(out, "state");
    jsonw_string(out, "from", life_state_name(from));
    jsonw_string(out, "to", life_state_name(to));
    jsonw_string(out, "cause", cause);
    jsonw_end_object(out);
    watch_end(w);
}

void exit_write(const struct exit_record *x, struct jsonw *w, const char *key) {
    jsonw_object(w, key);
    jsonw_string(w, "reason", exit_reason_name(x->reason));
    if (x->has_status)
        jsonw_int(w, "status", x->status);
    if (x->has_signal)
        jsonw_int(w, "signal", x->signal);
    jsonw_u64(w, "at_usec", x->at_usec);
    jsonw_string(w, "message", x->message);
    jsonw_end_object(w);
}

void watch_exit(struct app *app, const struct exit_record *x) {
    struct watch *w = app->d->watch;
    struct jsonw *out = watch_begin(w, "exit", app->id);
    if (!out)
        return;
    exit_write(x, out, "exit");
    watch_end(w);
}

static void tell_progress(struct watch *w, const char *app_id, const char *phase, uint64_t code,
                          uint64_t bytes, uint64_t total) {
    struct jsonw *out = watch_begin(w, "update", app_id);
    if (!out)
        return;
    jsonw_object(out, "update");
    jsonw_string(out, "phase", phase);
    if (code)
        jsonw_u64(out, "version_code", code);
    if (bytes)
        jsonw_u64(out, "bytes", bytes);
    if (total)
        jsonw_u64(out, "total", total);
    jsonw_end_object(out);
    watch_end(w);
}

void watch_progress(struct app *app, const char *phase, uint64_t code, uint64_t bytes,
                    uint64_t total) {
    tell_progress(app->d->watch, app->id, phase, code, bytes, total);
}

void watch_install(struct watch *w, const char *phase, uint64_t code, uint64_t bytes,
                   uint64_t total) {
    tell_progress(w, NULL, phase, code, bytes, total);
}

void watch_update(struct app *app, const char *phase, uint64_t code, const char *reason) {
    struct watch *w = app->d->watch;
    struct jsonw *out = watch_begin(w, "update", app->id);
    if (!out)
        return;
    jsonw_object(out, "update");
    jsonw_string(out, "phase", phase);
    if (code)
        jsonw_u64(out, "version_code", code);
    jsonw_string(out, "reason", reason);
    jsonw_end_object(out);
    watch_end(w);
}

void watch_warned(struct app *app, int level, const char *source) {
    struct watch *w = app->d->watch;
    struct jsonw *out = watch_begin(w, "warned", app->id);
    if (!out)
        return;
    jsonw_object(out, "warned");
    jsonw_int(out, "level", level);
    jsonw_string(out, "source", source);
    jsonw_end_object(out);
    watch_end(w);
}
