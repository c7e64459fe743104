/* SPDX-License-Identifier: MIT */
#include "supervisor/daemon/dialog.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <systemd/sd-event.h>

#include "supervisor/base/json.h"
#include "supervisor/base/jsonw.h"
#include "supervisor/base/list.h"
#include "supervisor/base/text.h"
#include "supervisor/daemon/app.h"
#include "supervisor/daemon/config.h"
#include "supervisor/daemon/daemon.h"
#include "supervisor/daemon/loop.h"
#include "supervisor/daemon/server.h"
#include "supervisor/daemon/watch.h"

/* Bytes. Source: design.md §6 */
#define TITLE_MAX   64
#define CONTENT_MAX 1024
#define BUTTON_MAX  64

struct dialog {
    struct list node;
    struct dialogs *all;
    struct app *app;
    struct call *call;
    int64_t number;
    char *title, *content, *confirm_text, *cancel_text;
    bool show_cancel;
    sd_event_source *timer;
};

struct dialogs {
    struct daemon *d;
    struct list open;
    int64_t last;
};

struct dialogs *dialogs_new(struct daemon *d) {
    struct dialogs *all = calloc(1, sizeof *all);
    if (!all)
        return NULL;
    all->d = d;
    list_init(&all->open);
    return all;
}

static void dialog_free(struct dialog *g) {
    list_remove(&g->node);
    sd_event_source_disable_unref(g->timer);
    free(g->title);
    free(g->content);
    free(g->confirm_text);
    free(g->cancel_text);
    free(g);
}

struct dialogs *dialogs_free(struct dialogs *all) {
    struct dialog *g;
    if (!all)
        return NULL;
    list_for_each (g, &all->open, struct dialog, node)
        dialog_free(g);
    free(all);
    return NULL;
}

static void write_dialog(const struct dialog *g, struct jsonw *w, const char *key) {
    jsonw_object(w, key);
    jsonw_int(w, "dialog", g->number);
    jsonw_string(w, "app_id", g->app->id);
    jsonw_string(w, "title", g->title);
    jsonw_string(w, "content", g->content);
    jsonw_bool(w, "show_cancel", g->show_cancel);
    jsonw_string(w, "confirm_text", g->confirm_text);
    jsonw_string(w, "cancel_text", g->cancel_text);
    jsonw_end_object(w);
}

void dialogs_write(struct dialogs *all, struct jsonw *w, const char *key, const char *only) {
    struct dialog *g;
    jsonw_array(w, key);
    list_for_each (g, &all->open, struct dialog, node)
        if (!only || strcmp(g->app->id, only) == 0)
            write_dialog(g, w, NULL);
    jsonw_end_array(w);
}

/* Tells watchers and forgets it; the asker has been answered or is gone. */
static void close_dialog(struct dialog *g, const char *cause) {
    struct watch *watch = g->all->d->watch;
    struct jsonw *w = watch_begin(watch, "dialog_closed", g->app->id);

    if (w) {
        jsonw_object(w, "dialog_closed");
        jsonw_int(w, "dialog", g->number);
        jsonw_string(w, "cause", cause);
        jsonw_end_object(w);
        watch_end(watch);
    }
    dialog_free(g);
}

static void refuse(struct dialog *g, const char *cause) {
    struct call *call = g->call;

    call_set_context(call, NULL, NULL);
    close_dialog(g, cause);
    (void) call_begin_error(call, "NoUserInterface");
    call_end(call);
}

static void asker_left(struct call *call) {
    struct dialog *g = call_context(call);
    close_dialog(g, "left");
    call_drop(call);
}

static int on_timeout(sd_event_source *s, uint64_t usec, void *userdata) {
    (void) s;
    (void) usec;
    refuse(userdata, "timeout");
    return 0;
}

static bool text_fits(const struct json *p, const char *member, size_t max) {
    const char *text = json_get_string(p, member, "");
    size_t n = strlen(text);
    return n <= max && !text_has_control(text, n);
}

static const char *first_misfit(const struct json *p) {
    static const struct {
        const char *member;
        size_t max;
    } rules[] = { { "title", TITLE_MAX },
                  { "content", CONTENT_MAX },
                  { "confirm_text", BUTTON_MAX },
                  { "cancel_text", BUTTON_MAX } };
    for (size_t i = 0; i < sizeof rules / sizeof rules[0]; i++)
        if (!text_fits(p, rules[i].member, rules[i].max))
            return rules[i].member;
    return NULL;
}

static struct dialog *dialog_new(struct app *app, const struct json *p) {
    struct dialog *g = calloc(1, sizeof *g);
    if (!g)
        return NULL;
    list_init(&g->node);
    g->all = app->d->dialogs;
    g->app = app;
    g->title = strdup(json_get_string(p, "title", ""));
    g->content = strdup(json_get_string(p, "content", ""));
    g->confirm_text = strdup(json_get_string(p, "confirm_text", "确定"));
    g->cancel_text = strdup(json_get_string(p, "cancel_text", "取消"));
    g->show_cancel = json_get_bool(p, "show_cancel", true);
    if (!g->title || !g->content || !g->confirm_text || !g->cancel_text) {
        dialog_free(g);
        return NULL;
    }
    return g;
}

int dialog_ask(struct app *app, struct call *call) {
    struct dialogs *all = app->d->dialogs;
    const struct json *p = call_parameters(call);
    const char *misfit = first_misfit(p);

    if (misfit) {
        call_invalid(call, misfit);
        return 0;
    }
    if (dialog_of(app)) {
        struct jsonw *w = call_begin_error(call, "Busy");
        jsonw_string(w, "detail", "a dialog of this app is open already");
        call_end(call);
        return 0;
    }
    struct dialog *g = dialog_new(app, p);
    if (!g)
        return -ENOMEM;
    int r = sd_event_add_time(app->d->event, &g->timer, CLOCK_BOOTTIME,
                              loop_boottime() + app->d->config->control.dialog_timeout, 1,
                              on_timeout, g);
    if (r < 0) {
        dialog_free(g);
        return r;
    }
    (void) sd_event_source_set_priority(g->timer, LOOP_TIMER);
    g->number = ++all->last;
    g->call = call;
    list_append(&all->open, &g->node);
    call_set_context(call, g, asker_left);

    struct jsonw *w = watch_begin(app->d->watch, "dialog", app->id);
    if (w) {
        write_dialog(g, w, "dialog");
        watch_end(app->d->watch);
    }
    return 0;
}

int dialog_answer(struct dialogs *all, int64_t number, bool confirm) {
    struct dialog *g;
    list_for_each (g, &all->open, struct dialog, node) {
        if (g->number != number)
            continue;
        struct call *call = g->call;
        call_set_context(call, NULL, NULL);
        jsonw_bool(call_begin(call, false), "confirm", confirm);
        call_end(call);
        close_dialog(g, confirm ? "confirmed" : "cancelled");
        return 0;
    }
    return -ENOENT;
}

void dialog_close_of(struct app *app, const char *cause) {
    struct dialog *g;
    list_for_each (g, &app->d->dialogs->open, struct dialog, node)
        if (g->app == app) {
            refuse(g, cause);
            return;
        }
}

int64_t dialog_of(const struct app *app) {
    struct dialog *g;
    list_for_each (g, &app->d->dialogs->open, struct dialog, node)
        if (g->app == app)
            return g->number;
    return 0;
}
