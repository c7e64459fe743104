/* SPDX-License-Identifier: MIT */
#include "supervisor/js/page.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "supervisor/base/cleanup.h"
#include "supervisor/base/map.h"
#include "supervisor/js/console.h"
#include "supervisor/js/data.h"
#include "supervisor/js/fault.h"
#include "supervisor/js/js.h"
#include "supervisor/js/path.h"
#include "supervisor/js/report.h"

/* Born with them: no setter that a script gave Object.prototype is asked for these. */
#define INSTANCE "{\"data\":null,\"route\":null,\"is\":null,\"options\":null}"

/* What Page() was given in a page's file. */
struct registered {
    char route[PATH_TEXT_MAX];
    JSObjectRef options; /* kept; NULL: the page has no script */
};

static struct registered *register_page(struct js *js, const char *route, JSObjectRef options) {
    struct registered *r = calloc(1, sizeof *r);

    if (!r)
        return NULL;
    (void) snprintf(r->route, sizeof r->route, "%s", route);
    if (map_put(js->stack.registered, r->route, r) < 0) {
        free(r);
        return NULL;
    }
    r->options = value_keep(js->ctx, options);
    return r;
}

static JS_FUNCTION(make_page) {
    struct js *js = js_of(ctx);
    JSObjectRef options = value_object(ctx, value_arg(ctx, n, args, 0));
    const char *route = js->stack.loading;

    (void) function;
    (void) self;
    if (!options)
        return value_throw(ctx, exc, "Page: the argument should be an Object");
    if (!route)
        return value_throw(ctx, exc, "Page: called outside of a page's own file");
    if (map_get(js->stack.registered, route))
        console_say(CONSOLE_WARN, "Page() was called again in %s.js; the first one stays", route);
    else if (!register_page(js, route, options))
        return value_throw(ctx, exc, "Page: out of memory");
    return JSValueMakeUndefined(ctx);
}

int page_prepare(struct js *js, const char *route) {
    char path[PATH_TEXT_MAX + sizeof ".js"];
    CLEANUP(free_p) char *text = NULL;
    JSValueRef thrown = NULL;

    if (!package_has_page(&js->package, route))
        return -ENOENT;
    if (map_get(js->stack.registered, route))
        return 0;
    (void) snprintf(path, sizeof path, "%s.js", route);
    if (package_read(&js->package, path, &text) == -ENOENT)
        return register_page(js, route, NULL) ? 0 : -ENOMEM;

    const char *outer = js->stack.loading;
    js->stack.loading = route;
    (void) module_load(js, path, &thrown);
    js->stack.loading = outer;
    if (thrown) {
        fault_report(js, thrown);
        return -EIO;
    }
    if (map_get(js->stack.registered, route))
        return 0;
    console_say(CONSOLE_ERROR, "page \"%s\" has not been registered yet: %s has no Page()", route,
                path);
    return -EIO;
}

/* Functions and the app as they are, all else as a copy: one instance's fields are not another's.
 */
static void copy_option(JSContextRef ctx, JSStringRef name, JSValueRef v, void *data,
                        JSValueRef *exc) {
    JSValueRef copied = value_copy(ctx, v, js_of(ctx)->app, exc);

    if (copied && !JSStringIsEqualToUTF8CString(name, "__proto__"))
        JSObjectSetProperty(ctx, data, name, copied, kJSPropertyAttributeNone, exc);
}

static void fill_instance(struct js *js, const struct page *p, const char *exit_state) {
    JSContextRef ctx = js->ctx;
    JSValueRef data = value_get(ctx, p->instance, "data", NULL);

    if (!value_object(ctx, data))
        value_set(ctx, p->instance, "data", JSObjectMake(ctx, NULL, NULL));
    value_set(ctx, p->instance, "route", value_string(ctx, p->route));
    value_set(ctx, p->instance, "is", value_string(ctx, p->route));
    value_set(ctx, p->instance, "options", value_json(ctx, p->query));
    JSValueRef state = exit_state ? value_json(ctx, exit_state) : NULL;
    if (state)
        value_set(ctx, p->instance, "exitState", state);
}

struct page *page_new(struct js *js, const char *route, const char *query, const char *exit_state) {
    const struct registered *r = map_get(js->stack.registered, route);
    struct page *p = calloc(1, sizeof *p);
    JSValueRef thrown = NULL;

    if (!r || !p || !(p->route = strdup(route)) || !(p->query = strdup(query)))
        return page_free(js, p);
    p->number = ++js->stack.last_number;
    p->instance = value_keep(js->ctx, value_object(js->ctx, value_json(js->ctx, INSTANCE)));
    if (!p->instance)
        return page_free(js, p);
    JSObjectSetPrototype(js->ctx, p->instance, js->stack.prototype);
    if (r->options && !value_each(js->ctx, r->options, copy_option, p->instance, &thrown)) {
        fault_report(js, thrown);
        return page_free(js, p);
    }
    fill_instance(js, p, exit_state);
    return p;
}

struct page *page_free(struct js *js, struct page *p) {
    if (!p)
        return NULL;
    (void) value_drop(js->ctx, p->instance);
    free(p->route);
    free(p->query);
    free(p);
    return NULL;
}

JSValueRef page_call(struct js *js, struct page *p, const char *method, size_t n,
                     const JSValueRef args[]) {
    return js_call_method(js, p->instance, method, n, args);
}

int page_data(struct js *js, const struct page *p, struct str *out) {
    JSValueRef thrown = NULL, data = value_get(js->ctx, p->instance, "data", &thrown);
    int r = data ? value_to_json(js->ctx, data, out, &thrown) : -EBADMSG;

    if (thrown)
        fault_report(js, thrown);
    return r == 0 && !value_object(js->ctx, data) ? -ENOENT : r;
}

/* --- setData ------------------------------------------------------------------------------ */

struct after_data {
    JSObjectRef callback, instance; /* kept */
};

static void call_back(struct js *js, void *data) {
    struct after_data *a = data;

    (void) js_call(js, a->callback, a->instance, 0, NULL);
    (void) value_drop(js->ctx, a->callback);
    (void) value_drop(js->ctx, a->instance);
    free(a);
}

/* After what is shown is up to date, which is the next turn: nothing is drawn here. */
static void call_later(struct js *js, JSObjectRef callback, JSObjectRef instance) {
    struct after_data *a = malloc(sizeof *a);

    if (!a)
        return;
    a->callback = value_keep(js->ctx, callback);
    a->instance = value_keep(js->ctx, instance);
    if (turn_later(js, call_back, a) < 0) {
        (void) value_drop(js->ctx, a->callback);
        (void) value_drop(js->ctx, a->instance);
        free(a);
    }
}

static JS_FUNCTION(set_data) {
    struct js *js = js_of(ctx);
    struct page *p = self ? stack_find(js, self) : NULL;
    JSObjectRef changes = value_object(ctx, value_arg(ctx, n, args, 0));
    JSObjectRef callback = value_function(ctx, value_arg(ctx, n, args, 1));

    (void) function;
    if (!changes)
        return value_throw(ctx, exc, "setData: the argument should be an Object instead of %s",
                           value_kind(ctx, value_arg(ctx, n, args, 0)));
    JSValueRef v = self ? value_get(ctx, self, "data", exc) : NULL;
    JSObjectRef data = value_object(ctx, v);
    if (!data || !data_merge(js, data, changes, exc))
        return JSValueMakeUndefined(ctx);
    if (p)
        report_page_changed(js, p);
    if (callback)
        call_later(js, callback, self);
    return JSValueMakeUndefined(ctx);
}

static JS_FUNCTION(get_current_pages) {
    struct js *js = js_of(ctx);
    JSValueRef pages[STACK_MAX];

    (void) function;
    (void) self;
    (void) n;
    (void) args;
    for (size_t i = 0; i < js->stack.n; i++)
        pages[i] = js->stack.pages[i]->instance;
    return JSObjectMakeArray(ctx, js->stack.n, pages, exc);
}

void page_init(struct js *js) {
    JSObjectRef global = JSContextGetGlobalObject(js->ctx);

    js->stack.prototype = value_keep(js->ctx, JSObjectMake(js->ctx, NULL, NULL));
    value_hide(js->ctx, js->stack.prototype, "setData",
               value_make_function(js->ctx, "setData", set_data));
    value_hide(js->ctx, global, "Page", value_make_function(js->ctx, "Page", make_page));
    value_hide(js->ctx, global, "getCurrentPages",
               value_make_function(js->ctx, "getCurrentPages", get_current_pages));
}
