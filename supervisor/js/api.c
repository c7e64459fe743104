/* SPDX-License-Identifier: MIT */
#include "supervisor/js/api.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "supervisor/base/cleanup.h"
#include "supervisor/js/js.h"

/* --- the table ---------------------------------------------------------------------------- */

const struct api_row api_rows[] = {
#define GLOBAL(path, since, text)     { path, since, API_GLOBAL, text },
#define LIFE(path, since, text)       { path, since, API_LIFE, text },
#define SYNC(name, since, text)       { #name, since, API_SYNC, text },
#define ASYNC(name, since, text)      { #name, since, API_ASYNC, text },
#define CALLBACK(name, since, text)   { #name, since, API_CALLBACK, text },
#define ON(name, event, since, text)  { #name, since, API_ON, text },
#define OFF(name, event, since, text) { #name, since, API_OFF, text },
#define MANAGER(name, since, text)    { "UpdateManager." #name, since, API_MANAGER, text },
#define PART(path, since)             { path, since, API_PART, NULL },
#include "supervisor/js/api.def"
    { NULL, NULL, API_PART, NULL },
};

int api_compare(const char *a, const char *b) {
    while (*a || *b) {
        char *end_a, *end_b;
        unsigned long x = strtoul(a, &end_a, 10), y = strtoul(b, &end_b, 10);
        if (x != y)
            return x < y ? -1 : 1;
        a = *end_a == '.' ? end_a + 1 : "";
        b = *end_b == '.' ? end_b + 1 : "";
    }
    return 0;
}

bool api_has(const char *path, const char *library) {
    size_t n = strlen(path);

    if (n == 0)
        return false;
    for (const struct api_row *row = api_rows; row->path; row++)
        if (strncmp(row->path, path, n) == 0 && (row->path[n] == '\0' || row->path[n] == '.') &&
            api_compare(row->since, library) <= 0)
            return true;
    return false;
}

void api_print(void) {
    static const char *const kinds[] = {
        [API_GLOBAL] = "global",     [API_LIFE] = "life", [API_SYNC] = "sync",
        [API_ASYNC] = "async",       [API_ON] = "on",     [API_OFF] = "off",
        [API_CALLBACK] = "callback", [API_PART] = "part", [API_MANAGER] = "manager",
    };

    for (const struct api_row *row = api_rows; row->path; row++)
        (void) printf("%s\t%s\t%s\t%s\n", row->path, kinds[row->kind], row->since,
                      row->text ? row->text : "");
}

/* --- the functions of wx ------------------------------------------------------------------ */

typedef void (*async_fn)(struct js *js, struct request *q, JSValueRef *exc);

static JSValueRef call_async(JSContextRef ctx, const char *name, bool promise, async_fn f, size_t n,
                             const JSValueRef args[], JSValueRef *exc) {
    struct js *js = js_of(ctx);
    JSValueRef value, thrown = NULL;
    struct request *q = request_begin(js, name, promise, n, args, &value, &thrown);

    if (q)
        f(js, q, &thrown);
    if (thrown)
        *exc = thrown;
    return value;
}

static JSValueRef call_on(JSContextRef ctx, const char *name, enum event_id id, size_t n,
                          const JSValueRef args[], JSValueRef *exc) {
    JSObjectRef f = value_function(ctx, value_arg(ctx, n, args, 0));

    if (!f)
        return value_throw(ctx, exc, "%s: the listener should be a Function instead of %s", name,
                           value_kind(ctx, value_arg(ctx, n, args, 0)));
    if (event_add(js_of(ctx), id, f) < 0)
        return value_throw(ctx, exc, "%s: out of memory", name);
    return JSValueMakeUndefined(ctx);
}

/* Without an argument all go; with one that is no listener, none. */
static JSValueRef call_off(JSContextRef ctx, enum event_id id, size_t n, const JSValueRef args[]) {
    JSValueRef v = value_arg(ctx, n, args, 0);

    if (JSValueIsUndefined(ctx, v))
        event_remove(js_of(ctx), id, NULL);
    else if (value_function(ctx, v))
        event_remove(js_of(ctx), id, value_function(ctx, v));
    return JSValueMakeUndefined(ctx);
}

#define THUNK(name, body)                                                                          \
    static JS_FUNCTION(wx_##name) {                                                                \
        (void) function;                                                                           \
        (void) self;                                                                               \
        (void) exc;                                                                                \
        return body;                                                                               \
    }
#define GLOBAL(path, since, text)
#define LIFE(path, since, text)
#define SYNC(name, since, text)  THUNK(name, api_##name(js_of(ctx), n, args, exc))
#define ASYNC(name, since, text) THUNK(name, call_async(ctx, #name, true, api_##name, n, args, exc))
#define CALLBACK(name, since, text)                                                                \
    THUNK(name, call_async(ctx, #name, false, api_##name, n, args, exc))
#define ON(name, event, since, text)  THUNK(name, call_on(ctx, #name, EVENT_##event, n, args, exc))
#define OFF(name, event, since, text) THUNK(name, call_off(ctx, EVENT_##event, n, args))
#define MANAGER(name, since, text)
#define PART(path, since)
#include "supervisor/js/api.def"

static const struct {
    const char *name;
    JSObjectCallAsFunctionCallback f;
} functions[] = {
#define GLOBAL(path, since, text)
#define LIFE(path, since, text)
#define SYNC(name, since, text)       { #name, wx_##name },
#define ASYNC(name, since, text)      { #name, wx_##name },
#define CALLBACK(name, since, text)   { #name, wx_##name },
#define ON(name, event, since, text)  { #name, wx_##name },
#define OFF(name, event, since, text) { #name, wx_##name },
#define MANAGER(name, since, text)
#define PART(path, since)
#include "supervisor/js/api.def"
};

void api_init(struct js *js) {
    JSObjectRef wx = JSObjectMake(js->ctx, NULL, NULL);

    for (size_t i = 0; i < sizeof functions / sizeof functions[0]; i++)
        value_set(js->ctx, wx, functions[i].name,
                  value_make_function(js->ctx, functions[i].name, functions[i].f));
    value_hide(js->ctx, JSContextGetGlobalObject(js->ctx), "wx", wx);
    /* Before a script can put setters in its way. */
    (void) api_getUpdateManager(js, 0, NULL, NULL);
}

API_SYNC_FUNCTION(canIUse) {
    CLEANUP(str_clear_p) struct str path = STR_INIT(256);
    JSValueRef v = value_arg(js->ctx, n, args, 0);

    (void) exc;
    if (!JSValueIsString(js->ctx, v) || value_text(js->ctx, v, &path, NULL) < 0 ||
        strlen(str_text(&path)) != path.len)
        return JSValueMakeBoolean(js->ctx, false);
    return JSValueMakeBoolean(js->ctx, api_has(str_text(&path), js->base_library));
}
