/* SPDX-License-Identifier: MIT */
#include "supervisor/js/fault.h"

#include <stdlib.h>

#include "supervisor/base/cleanup.h"
#include "supervisor/js/console.h"
#include "supervisor/js/engine.h"
#include "supervisor/js/js.h"

#define TEXT_MAX ((size_t) 16 * 1024)

static bool put_string(JSContextRef ctx, struct str *out, JSObjectRef o, const char *name,
                       const char *before) {
    CLEANUP(str_clear_p) struct str text = STR_INIT(TEXT_MAX);
    JSValueRef v = value_get(ctx, o, name, NULL);

    if (!v || (!JSValueIsString(ctx, v) && !JSValueIsNumber(ctx, v)) ||
        value_text(ctx, v, &text, NULL) < 0 || text.len == 0)
        return false;
    (void) str_puts(out, before);
    (void) str_append(out, str_text(&text), text.len);
    return true;
}

/* What wx rejects with is no Error: {"errMsg":"navigateTo:fail …"}. */
static bool put_json(JSContextRef ctx, struct str *out, JSObjectRef o) {
    CLEANUP(str_clear_p) struct str text = STR_INIT(TEXT_MAX);
    JSValueRef message = value_get(ctx, o, "message", NULL);

    if ((message && JSValueIsString(ctx, message)) || JSObjectIsFunction(ctx, o) ||
        value_to_json(ctx, o, &text, NULL) < 0)
        return false;
    return str_append(out, str_text(&text), text.len) == 0;
}

/* "TypeError: x is not a function", then the stack, or where a script could not be parsed. */
static void describe(JSContextRef ctx, JSValueRef thrown, struct str *out) {
    JSObjectRef o = value_object(ctx, thrown);

    if ((!o || !put_json(ctx, out, o)) && value_text(ctx, thrown, out, NULL) < 0)
        (void) str_printf(out, "(%s)", value_kind(ctx, thrown));
    if (!o || put_string(ctx, out, o, "stack", "\n"))
        return;
    if (put_string(ctx, out, o, "sourceURL", "\n"))
        (void) put_string(ctx, out, o, "line", ":");
}

void fault_log(struct js *js, JSValueRef thrown, const char *where) {
    CLEANUP(str_clear_p) struct str text = STR_INIT(TEXT_MAX);

    describe(js->ctx, thrown, &text);
    console_say(CONSOLE_ERROR, "%s: %s", where, str_text(&text));
}

void fault_report(struct js *js, JSValueRef thrown) {
    CLEANUP(str_clear_p) struct str text = STR_INIT(TEXT_MAX);

    describe(js->ctx, thrown, &text);
    console_say(CONSOLE_ERROR, "uncaught %s", str_text(&text));
    if (js->in_error)
        return;
    js->in_error = true;
    JSValueRef message = value_string(js->ctx, str_text(&text));
    if (js->app)
        (void) js_call_method(js, js->app, "onError", 1, &message);
    JSValueRef event = value_json(js->ctx, "{\"message\":null}");
    JSObjectRef o = value_object(js->ctx, event);
    if (o) {
        value_set(js->ctx, o, "message", message);
        (void) event_emit(js, EVENT_ERROR, event);
    }
    js->in_error = false;
}

/* --- promises ----------------------------------------------------------------------------- */

struct rejection {
    JSObjectRef event; /* { reason, promise } */
};

static void report_rejection(struct js *js, void *data) {
    struct rejection *r = data;
    JSValueRef event = r->event;
    JSValueRef reason = value_get(js->ctx, r->event, "reason", NULL);

    fault_log(js, reason ? reason : event, "unhandled rejection");
    if (js->app)
        (void) js_call_method(js, js->app, "onUnhandledRejection", 1, &event);
    (void) event_emit(js, EVENT_REJECTION, event);
    (void) value_drop(js->ctx, r->event);
    free(r);
}

/* Called between the jobs of a turn: the handlers get a turn of their own. */
static JS_FUNCTION(on_rejection) {
    struct js *js = js_of(ctx);
    JSValueRef event = value_json(ctx, "{\"reason\":null,\"promise\":null}");
    JSObjectRef o = value_object(ctx, event);
    struct rejection *r = o ? malloc(sizeof *r) : NULL;

    (void) function;
    (void) self;
    (void) exc;
    if (!r)
        return JSValueMakeUndefined(ctx);
    value_set(ctx, o, "promise", value_arg(ctx, n, args, 0));
    value_set(ctx, o, "reason", value_arg(ctx, n, args, 1));
    r->event = value_keep(ctx, o);
    if (turn_later(js, report_rejection, r) < 0) {
        (void) value_drop(ctx, r->event);
        free(r);
    }
    return JSValueMakeUndefined(ctx);
}

void fault_watch_promises(struct js *js) {
    engine_on_rejection(js->ctx,
                        value_make_function(js->ctx, "onUnhandledRejection", on_rejection));
}
