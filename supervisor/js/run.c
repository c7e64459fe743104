/* SPDX-License-Identifier: MIT */
#include "supervisor/js/run.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include <glib-unix.h>

#include "supervisor/base/cleanup.h"
#include "supervisor/base/err.h"
#include "supervisor/js/api.h"
#include "supervisor/js/console.h"
#include "supervisor/js/fault.h"
#include "supervisor/js/js.h"
#include "supervisor/js/launch.h"
#include "supervisor/js/life.h"
#include "supervisor/js/page.h"
#include "supervisor/js/storage.h"
#include "supervisor/js/watchdog.h"
#include "supervisor/sdk/miniprog.h"

/* --- what the supervisor says first -------------------------------------------------------- */

struct first {
    struct js *js;
    bool answered;
    int error;
};

static void take_info(struct miniprog *m, int error, const struct miniprog_info *info, void *data) {
    struct first *f = data;
    struct js *js = f->js;

    (void) m;
    f->answered = true;
    f->error = error;
    if (error < 0)
        return;
    js->launch = launch_text(info->launch);
    js->enter = launch_text(info->enter);
    js->base_library = strdup(info->base_library);
    js->exit_state = info->exit_state ? strdup(info->exit_state) : NULL;
    js->host_version = info->host_version_code;
    if (!js->launch || !js->enter || !js->base_library)
        f->error = -ENOMEM;
}

/* Events that come meanwhile are known afterwards, too: the scripts are told then. */
static int wait_info(struct first *f) {
    struct pollfd p = { .fd = miniprog_fd(f->js->m), .events = POLLIN };

    while (!f->answered) {
        if (poll(&p, 1, -1) < 0 && errno != EINTR)
            return -errno;
        int r = miniprog_dispatch(f->js->m);
        if (r < 0)
            return r;
    }
    return f->error;
}

/* --- the context --------------------------------------------------------------------------- */

static JSObjectRef own_property(JSContextRef ctx) {
    JSObjectRef global = JSContextGetGlobalObject(ctx);
    JSObjectRef object = value_object(ctx, value_get(ctx, global, "Object", NULL));
    JSObjectRef proto = value_object(ctx, value_get(ctx, object, "prototype", NULL));

    return value_function(ctx, value_get(ctx, proto, "hasOwnProperty", NULL));
}

static int make_context(struct js *js) {
    JSObjectRef global = JSContextGetGlobalObject(js->ctx);
    int r;

    value_hide(js->ctx, global, "global", global);
    js->own_property = value_keep(js->ctx, own_property(js->ctx));
    js->watchdog = watchdog_new(miniprog_fd(js->m), WATCHDOG_TICK_MS);
    watchdog_watch(js->watchdog, js->ctx);
    r = turns_init(js);
    if (r == 0)
        r = timers_init(js);
    if (r == 0)
        r = modules_init(js);
    if (r == 0)
        r = stack_init(js);
    console_init(js);
    life_init(js);
    page_init(js);
    api_init(js);
    fault_watch_promises(js);
    return r;
}

/* --- the loop ------------------------------------------------------------------------------ */

static gboolean on_events(gint fd, GIOCondition condition, gpointer data) {
    struct js *js = data;
    int r = miniprog_dispatch(js->m);

    (void) fd;
    (void) condition;
    if (r < 0) {
        console_say(CONSOLE_ERROR, "the supervisor cannot be heard any more: %s", strerror(-r));
        js_quit(js, EXIT_FAILURE);
    } else {
        js_end_if_done(js);
    }
    return G_SOURCE_CONTINUE;
}

static gboolean on_term(gpointer data) {
    js_quit(data, EXIT_SUCCESS);
    return G_SOURCE_REMOVE;
}

/* Events come before what the app has to do by itself: an endless chain of timers hears of its end
 * all the same. */
static void watch_events(struct js *js) {
    GSource *source = g_unix_fd_source_new(miniprog_fd(js->m), G_IO_IN);

    g_source_set_priority(source, G_PRIORITY_HIGH);
    g_source_set_callback(source, G_SOURCE_FUNC(on_events), js, NULL);
    (void) g_source_attach(source, NULL);
    (void) g_unix_signal_add(SIGTERM, on_term, js);
}

/* An app.js that fails is no app: it is not ready, and its end says so. */
static int load_app(struct js *js) {
    JSValueRef thrown = NULL;
    TURN(js);

    (void) module_load(js, "app.js", &thrown);
    if (thrown) {
        fault_log(js, thrown, "app.js failed");
        return -EIO;
    }
    if (!js->app)
        console_say(CONSOLE_WARN, "app.js has no App()");
    return 0;
}

static int run(struct js *js) {
    int r = load_app(js);

    if (r == 0)
        r = miniprog_ready(js->m, NULL, NULL);
    if (r < 0)
        return EXIT_FAILURE;
    js->loop = g_main_loop_new(NULL, FALSE);
    watch_events(js);
    g_main_loop_run(js->loop);
    storage_close(js);
    return js->status;
}

static int begin(struct js *js, const char *folder, struct err *e) {
    struct first first = { .js = js };
    int r = miniprog_open(&js->m, &life_callbacks, js);

    if (r == -ENOENT)
        return err_set(e, r, "not run by a supervisor (see 'miniprogctl run')");
    if (r < 0)
        return err_set(e, r, "cannot speak to the supervisor: %s", strerror(-r));
    r = miniprog_get_info(js->m, take_info, &first);
    if (r < 0)
        return r;
    js->ctx = JSGlobalContextCreate(NULL); /* while the supervisor answers */
    r = package_open(folder, js->ctx, &js->package, e);
    if (r < 0)
        return r;
    r = make_context(js);
    if (r == 0)
        r = wait_info(&first);
    return r < 0 ? err_set(e, r, "cannot start: %s", strerror(-r)) : 0;
}

int run_app(const char *folder) {
    static struct js js; /* as long as the process: functions of the engine may ask for it */
    struct err e = { 0 };

    js_is(&js);
    if (begin(&js, folder, &e) < 0) {
        console_say(CONSOLE_ERROR, "%s", *e.text ? e.text : "cannot start");
        return EXIT_FAILURE;
    }
    return run(&js);
}
