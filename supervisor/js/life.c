/* SPDX-License-Identifier: MIT */
#include "supervisor/js/life.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "supervisor/base/cleanup.h"
#include "supervisor/js/console.h"
#include "supervisor/js/engine.h"
#include "supervisor/js/js.h"
#include "supervisor/js/launch.h"
#include "supervisor/js/storage.h"
#include "supervisor/js/watchdog.h"
#include "supervisor/sdk/miniprog.h"

/* --- held back until onShow ---------------------------------------------------------------- */

enum held_kind { HELD_HIDE, HELD_WARNING, HELD_CHECK, HELD_READY, HELD_FAILED };

struct held {
    struct list node;
    enum held_kind kind;
    int number; /* reason, level, has_update */
};

static void hide(struct js *js, int reason);
static void warn(struct js *js, int level);

static void deliver(struct js *js, enum held_kind kind, int number) {
    switch (kind) {
    case HELD_HIDE:
        hide(js, number);
        break;
    case HELD_WARNING:
        warn(js, number);
        break;
    case HELD_CHECK:
        update_checked(js, number != 0);
        break;
    case HELD_READY:
        update_is_ready(js);
        break;
    case HELD_FAILED:
        update_has_failed(js);
        break;
    }
}

static void take(struct js *js, enum held_kind kind, int number) {
    if (turn_holds(js)) {
        struct held *h = malloc(sizeof *h);
        if (h) {
            *h = (struct held){ .kind = kind, .number = number };
            list_init(&h->node);
            list_append(&js->turns.events, &h->node);
            return;
        }
    }
    TURN(js);
    deliver(js, kind, number);
}

void life_release(struct js *js) {
    struct held *h;

    turn_release(js);
    while ((h = list_first(&js->turns.events, struct held, node))) {
        struct held now = *h;
        list_remove(&h->node);
        free(h);
        TURN(js);
        deliver(js, now.kind, now.number);
    }
}

/* --- events ------------------------------------------------------------------------------- */

static void set_text(char **to, char *text) {
    if (!text)
        return; /* the old one is better than none */
    free(*to);
    *to = text;
}

/* Calls App's method, then the listeners of wx. */
static void tell(struct js *js, const char *method, enum event_id id, const char *json) {
    JSValueRef for_app = value_json(js->ctx, json), for_wx = value_json(js->ctx, json);

    if (js->app)
        (void) js_call_method(js, js->app, method, for_app ? 1 : 0, &for_app);
    if (id != EVENT_COUNT)
        (void) event_emit(js, id, for_wx);
}

static void on_launch(struct miniprog *m, const struct miniprog_launch *launch, void *data) {
    struct js *js = data;

    (void) m;
    if (js->launched)
        return;
    TURN(js);
    set_text(&js->launch, launch_text(launch));
    set_text(&js->enter, js->launch ? strdup(js->launch) : NULL);
    js->launched = true;
    tell(js, "onLaunch", EVENT_COUNT, js->launch);
}

/* Opened at another place than the last time: then the pages are to change, too. Without a path the
 * supervisor repeats the last one. */
static void show(struct js *js, const struct miniprog_launch *launch) {
    CLEANUP(free_p) char *text = launch_text(launch);
    bool was_shown = js->shown;

    if (!text)
        return;
    bool moved = was_shown || !js->enter || !stack_same_place(js, text, js->enter);
    set_text(&js->enter, TAKE_PTR(text));
    js->shown = true;
    watchdog_front(js->watchdog, true);
    tell(js, "onShow", EVENT_APP_SHOW, js->enter);
    if (!js->entered)
        stack_enter(js);
    else if (moved)
        stack_move(js);
    else
        stack_show(js);
}

static void on_show(struct miniprog *m, const struct miniprog_launch *launch, void *data) {
    struct js *js = data;

    (void) m;
    turn_release(js);
    {
        TURN(js);
        show(js, launch);
    }
    life_release(js);
}

static void hide(struct js *js, int reason) {
    char json[64];

    if (!js->shown)
        return;
    stack_hide(js);
    js->shown = false;
    turn_hidden(js);
    watchdog_front(js->watchdog, false);
    (void) snprintf(json, sizeof json, "{\"reason\":%d}", reason);
    tell(js, "onHide", EVENT_APP_HIDE, json);
    stack_save(js);
}

static void on_hide(struct miniprog *m, int reason, void *data) {
    (void) m;
    take(data, HELD_HIDE, reason);
}

/* First the app gives up what it can, then the engine collects it. Source: design.md §5, issue 6.
 */
static void warn(struct js *js, int level) {
    char json[32];

    (void) snprintf(json, sizeof json, "{\"level\":%d}", level);
    (void) event_emit(js, EVENT_MEMORY_WARNING, value_json(js->ctx, json));
    engine_collect(js->ctx);
    if (level >= 10)
        storage_trim(js);
    engine_release_memory();
}

static void on_memory_warning(struct miniprog *m, int level, const char *source, void *data) {
    (void) m;
    (void) source;
    take(data, HELD_WARNING, level);
}

static void on_update_check(struct miniprog *m, bool has_update, void *data) {
    (void) m;
    take(data, HELD_CHECK, has_update);
}

static void on_update_ready(struct miniprog *m, int64_t version_code, void *data) {
    (void) m;
    console_say(CONSOLE_INFO, "version %lld is ready", (long long) version_code);
    take(data, HELD_READY, 0);
}

static void on_update_failed(struct miniprog *m, const char *reason, void *data) {
    (void) m;
    console_say(CONSOLE_WARN, "the update failed: %s", reason);
    take(data, HELD_FAILED, 0);
}

/* What was in front saves its state now; what was hidden has. Calls are answered before the end, or
 * half of the time is over: then SIGTERM comes. */
static gboolean out_of_time(gpointer data) {
    js_quit(data, EXIT_SUCCESS);
    return G_SOURCE_REMOVE;
}

static void on_unload(struct miniprog *m, const char *reason, uint64_t timeout_usec, void *data) {
    struct js *js = data;

    (void) m;
    (void) reason;
    TURN(js);
    if (js->shown)
        stack_save(js);
    js->ending = true;
    (void) g_timeout_add((guint) (timeout_usec / 2000), out_of_time, js);
}

const struct miniprog_callbacks life_callbacks = {
    .size = sizeof life_callbacks,
    .launch = on_launch,
    .show = on_show,
    .hide = on_hide,
    .memory_warning = on_memory_warning,
    .update_check = on_update_check,
    .update_ready = on_update_ready,
    .update_failed = on_update_failed,
    .unload = on_unload,
};

/* --- App() and getApp() ------------------------------------------------------------------- */

static void copy_to_app(JSContextRef ctx, JSStringRef name, JSValueRef v, void *data,
                        JSValueRef *exc) {
    JSObjectSetProperty(ctx, data, name, v, kJSPropertyAttributeNone, exc);
}

/* The object that getApp({ allowDefault: true }) handed out becomes the app. */
static JS_FUNCTION(make_app) {
    struct js *js = js_of(ctx);
    JSObjectRef options = value_object(ctx, value_arg(ctx, n, args, 0));

    (void) function;
    (void) self;
    if (!options)
        return value_throw(ctx, exc, "App: the argument should be an Object");
    if (js->app) {
        console_say(CONSOLE_WARN, "App() was called again; the first one stays");
        return JSValueMakeUndefined(ctx);
    }
    if (js->default_app && value_each(ctx, options, copy_to_app, js->default_app, exc))
        js->app = js->default_app;
    else if (!*exc)
        js->app = value_keep(ctx, options);
    return JSValueMakeUndefined(ctx);
}

static JS_FUNCTION(get_app) {
    struct js *js = js_of(ctx);
    JSObjectRef options = value_object(ctx, value_arg(ctx, n, args, 0));

    (void) function;
    (void) self;
    if (js->app)
        return js->app;
    JSValueRef allow = options ? value_get(ctx, options, "allowDefault", exc) : NULL;
    if (!allow || !JSValueToBoolean(ctx, allow))
        return JSValueMakeUndefined(ctx);
    if (!js->default_app)
        js->default_app = value_keep(ctx, JSObjectMake(ctx, NULL, NULL));
    return js->default_app;
}

void life_init(struct js *js) {
    JSObjectRef global = JSContextGetGlobalObject(js->ctx);

    value_hide(js->ctx, global, "App", value_make_function(js->ctx, "App", make_app));
    value_hide(js->ctx, global, "getApp", value_make_function(js->ctx, "getApp", get_app));
}
