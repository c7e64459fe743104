/* SPDX-License-Identifier: MIT
 * js.h - one running mini-program: what the files of miniprog-js share.
 * Layer: 4, js. Uses: base, sdk, JavaScriptCore, GLib.
 *
 * One process, one context, one thread that runs scripts. All work begins in the main loop: an
 * event of the supervisor, a timer, a task. From there to the return to the loop is a turn; it is
 * what the watchdog measures. Scripts may be hostile: whatever calls one is prepared for an
 * exception, for a change of any object that scripts can reach, and for never coming back. */
#ifndef JS_JS_H
#define JS_JS_H

#include <stdbool.h>
#include <stdint.h>

#include <glib.h>

#include "supervisor/js/event.h"
#include "supervisor/js/module.h"
#include "supervisor/js/package.h"
#include "supervisor/js/stack.h"
#include "supervisor/js/timer.h"
#include "supervisor/js/turn.h"
#include "supervisor/js/update.h"
#include "supervisor/js/value.h"

struct miniprog;
struct store;
struct watchdog;

struct js {
    JSGlobalContextRef ctx;
    struct miniprog *m;
    GMainLoop *loop;
    int status; /* the process's, when the loop ends */

    struct package package;
    struct modules modules;
    struct turns turns;
    struct timers timers;
    struct events events;
    struct stack stack;
    struct updates updates;
    struct store *store; /* NULL: not used yet */
    struct watchdog *watchdog;

    JSObjectRef app;          /* what App() was given; NULL: nothing yet */
    JSObjectRef default_app;  /* what getApp({ allowDefault: true }) gave before that */
    JSObjectRef own_property; /* Object.prototype.hasOwnProperty, as it was at the start */
    char *launch, *enter;     /* launch options, JSON texts */
    char *exit_state;         /* the last run's, JSON text, or NULL */
    char *base_library;       /* what canIUse() and SDKVersion go by */
    int64_t host_version;
    bool shown;       /* onShow was the last, not onHide */
    bool launched;    /* onLaunch was called */
    bool entered;     /* the entry page was opened */
    bool ending;      /* unload was heard: ends when what is due was done */
    unsigned awaited; /* answers that the end waits for */
    bool in_error;    /* onError runs: no errors of errors */
};

/* The process's; JavaScriptCore gives functions no data of their own. */
struct js *js_of(JSContextRef ctx);

/* Calls f and reports what it throws. NULL: it threw, or is not there. */
JSValueRef js_call(struct js *js, JSObjectRef f, JSObjectRef self, size_t n,
                   const JSValueRef args[]);
/* Calls o's method of that name, where there is one. */
JSValueRef js_call_method(struct js *js, JSObjectRef o, const char *name, size_t n,
                          const JSValueRef args[]);
/* The app is to end, and nothing that it waits for is left: no task, no answer. */
void js_end_if_done(struct js *js);
/* The loop ends after this turn. */
void js_quit(struct js *js, int status);

#endif
