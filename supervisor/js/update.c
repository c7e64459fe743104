/* SPDX-License-Identifier: MIT */
#include "supervisor/js/update.h"

#include <stdlib.h>
#include <string.h>

#include "supervisor/js/api.h"
#include "supervisor/js/console.h"
#include "supervisor/js/js.h"
#include "supervisor/sdk/miniprog.h"

static JSValueRef result_of(struct js *js, enum event_id id) {
    const char *json = "{\"errMsg\":\"onUpdateFailed:ok\"}";

    if (id == EVENT_UPDATE_CHECK)
        json = js->updates.has_update ? "{\"hasUpdate\":true}" : "{\"hasUpdate\":false}";
    else if (id == EVENT_UPDATE_READY)
        json = "{\"errMsg\":\"onUpdateReady:ok\"}";
    return value_json(js->ctx, json);
}

void update_checked(struct js *js, bool has_update) {
    js->updates.checked = true;
    js->updates.has_update = has_update;
    js->updates.failed = false; /* that was another try; what is ready stays so */
    (void) event_emit(js, EVENT_UPDATE_CHECK, result_of(js, EVENT_UPDATE_CHECK));
}

void update_is_ready(struct js *js) {
    js->updates.ready = true;
    js->updates.failed = false;
    (void) event_emit(js, EVENT_UPDATE_READY, result_of(js, EVENT_UPDATE_READY));
}

void update_has_failed(struct js *js) {
    js->updates.failed = true;
    js->updates.ready = false;
    (void) event_emit(js, EVENT_UPDATE_FAILED, result_of(js, EVENT_UPDATE_FAILED));
}

/* --- late listeners ----------------------------------------------------------------------- */

struct late {
    enum event_id id;
    JSObjectRef listener; /* kept */
};

static void tell_late(struct js *js, void *data) {
    struct late *l = data;
    JSValueRef result = result_of(js, l->id);

    (void) js_call(js, l->listener, NULL, 1, &result);
    (void) value_drop(js->ctx, l->listener);
    free(l);
}

static bool has_happened(const struct js *js, enum event_id id) {
    const struct updates *u = &js->updates;
    return (id == EVENT_UPDATE_CHECK && u->checked) || (id == EVENT_UPDATE_READY && u->ready) ||
           (id == EVENT_UPDATE_FAILED && u->failed);
}

static JSValueRef listen(JSContextRef ctx, enum event_id id, size_t n, const JSValueRef args[],
                         JSValueRef *exc) {
    struct js *js = js_of(ctx);
    JSObjectRef f = value_function(ctx, value_arg(ctx, n, args, 0));
    struct late *l;

    if (!f)
        return value_throw(ctx, exc, "UpdateManager: the listener should be a Function");
    if (event_add(js, id, f) < 0)
        return value_throw(ctx, exc, "UpdateManager: out of memory");
    if (!has_happened(js, id) || !(l = malloc(sizeof *l)))
        return JSValueMakeUndefined(ctx);
    *l = (struct late){ .id = id, .listener = value_keep(ctx, f) };
    if (turn_later(js, tell_late, l) < 0) {
        (void) value_drop(ctx, l->listener);
        free(l);
    }
    return JSValueMakeUndefined(ctx);
}

#define LISTEN(name, id)                                                                           \
    JS_FUNCTION(manager_##name) {                                                                  \
        (void) function;                                                                           \
        (void) self;                                                                               \
        return listen(ctx, id, n, args, exc);                                                      \
    }
LISTEN(onCheckForUpdate, EVENT_UPDATE_CHECK)
LISTEN(onUpdateReady, EVENT_UPDATE_READY)
LISTEN(onUpdateFailed, EVENT_UPDATE_FAILED)

/* WeChat's has no outcome: what goes wrong is in the log. */
static void applied(struct miniprog *m, int error, void *data) {
    (void) data;
    if (error < 0)
        console_say(CONSOLE_ERROR, "applyUpdate: %s", miniprog_error(m));
}

JS_FUNCTION(manager_applyUpdate) {
    struct js *js = js_of(ctx);
    int r = miniprog_apply_update(js->m, applied, NULL);

    (void) function;
    (void) self;
    (void) n;
    (void) args;
    (void) exc;
    if (r < 0)
        console_say(CONSOLE_ERROR, "applyUpdate: %s", strerror(-r));
    return JSValueMakeUndefined(ctx);
}

API_SYNC_FUNCTION(getUpdateManager) {
    static const struct {
        const char *name;
        JSObjectCallAsFunctionCallback f;
    } methods[] = {
#define GLOBAL(path, since, text)
#define LIFE(path, since, text)
#define SYNC(name, since, text)
#define ASYNC(name, since, text)
#define CALLBACK(name, since, text)
#define ON(name, event, since, text)
#define OFF(name, event, since, text)
#define MANAGER(name, since, text) { #name, manager_##name },
#define PART(path, since)
#include "supervisor/js/api.def"
    };

    (void) n;
    (void) args;
    (void) exc;
    if (js->updates.manager)
        return js->updates.manager;
    js->updates.manager = value_keep(js->ctx, JSObjectMake(js->ctx, NULL, NULL));
    for (size_t i = 0; i < sizeof methods / sizeof methods[0]; i++)
        value_set(js->ctx, js->updates.manager, methods[i].name,
                  value_make_function(js->ctx, methods[i].name, methods[i].f));
    return js->updates.manager;
}
