/* SPDX-License-Identifier: MIT
 * js.c - the one runtime, and calls into its scripts. */
#include "supervisor/js/js.h"

#include <stdlib.h>

#include "supervisor/js/fault.h"
#include "supervisor/js/run.h"

static struct js *the_one;

struct js *js_of(JSContextRef ctx) {
    (void) ctx;
    return the_one;
}

void js_is(struct js *js) {
    the_one = js;
}

JSValueRef js_call(struct js *js, JSObjectRef f, JSObjectRef self, size_t n,
                   const JSValueRef args[]) {
    JSValueRef thrown = NULL, v = NULL;

    if (f)
        v = JSObjectCallAsFunction(js->ctx, f, self, n, args, &thrown);
    if (!thrown)
        return v;
    fault_report(js, thrown);
    return NULL;
}

JSValueRef js_call_method(struct js *js, JSObjectRef o, const char *name, size_t n,
                          const JSValueRef args[]) {
    JSValueRef thrown = NULL, v = value_get(js->ctx, o, name, &thrown);

    if (thrown) {
        fault_report(js, thrown);
        return NULL;
    }
    return js_call(js, value_function(js->ctx, v), o, n, args);
}

void js_end_if_done(struct js *js) {
    if (js->ending && js->awaited == 0 && js->turns.n_tasks == 0)
        js_quit(js, EXIT_SUCCESS);
}

void js_quit(struct js *js, int status) {
    js->status = status;
    g_main_loop_quit(js->loop);
}
