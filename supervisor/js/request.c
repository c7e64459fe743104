/* SPDX-License-Identifier: MIT */
#include "supervisor/js/request.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "supervisor/base/cleanup.h"
#include "supervisor/base/jsonw.h"
#include "supervisor/js/console.h"
#include "supervisor/js/js.h"
#include "supervisor/sdk/miniprog.h"

#define RESULT_MAX   ((size_t) 16 * 1024 * 1024) /* keys of a full storage fit */
#define SENTENCE_MAX ((size_t) 2048)

/* --- beginning ---------------------------------------------------------------------------- */

static JSObjectRef callback(struct request *q, const char *name, JSValueRef *exc) {
    JSValueRef v = *exc || !q->options ? NULL : value_get(q->js->ctx, q->options, name, exc);

    return value_keep(q->js->ctx, value_function(q->js->ctx, v));
}

static JSValueRef make_promise(struct request *q, JSValueRef *exc) {
    JSObjectRef promise = JSObjectMakeDeferredPromise(q->js->ctx, &q->resolve, &q->reject, exc);

    if (!promise || *exc) {
        q->resolve = q->reject = NULL;
        return NULL;
    }
    (void) value_keep(q->js->ctx, q->resolve);
    (void) value_keep(q->js->ctx, q->reject);
    return promise;
}

struct request *request_begin(struct js *js, const char *name, bool promise, size_t n,
                              const JSValueRef args[], JSValueRef *ret_value, JSValueRef *exc) {
    JSValueRef options = value_arg(js->ctx, n, args, 0);
    struct request *q = calloc(1, sizeof *q);

    *ret_value = JSValueMakeUndefined(js->ctx);
    if (!q) {
        (void) value_throw(js->ctx, exc, "%s:fail out of memory", name);
        return NULL;
    }
    q->js = js;
    q->name = name;
    q->options = value_object(js->ctx, options);
    q->success = callback(q, "success", exc);
    q->fail = callback(q, "fail", exc);
    q->complete = callback(q, "complete", exc);
    if (!*exc && promise && !q->success && !q->fail && !q->complete)
        *ret_value = make_promise(q, exc);
    if (!*exc)
        return q;
    request_drop(q);
    return NULL;
}

void request_drop(struct request *q) {
    JSContextRef ctx = q->js->ctx;

    (void) value_drop(ctx, q->success);
    (void) value_drop(ctx, q->fail);
    (void) value_drop(ctx, q->complete);
    (void) value_drop(ctx, q->resolve);
    (void) value_drop(ctx, q->reject);
    free(q);
}

/* --- options ------------------------------------------------------------------------------ */

JSValueRef request_value(struct request *q, const char *name, JSValueRef *exc) {
    JSValueRef v = q->options ? value_get(q->js->ctx, q->options, name, exc)
                              : JSValueMakeUndefined(q->js->ctx);
    if (!v)
        request_drop(q);
    return v;
}

static int wrong_type(struct request *q, const char *name, const char *wanted, JSValueRef v) {
    request_fail(q, "parameter error: parameter.%s should be %s instead of %s;", name, wanted,
                 value_kind(q->js->ctx, v));
    return -EINVAL;
}

static int text_of(struct request *q, const char *name, bool needed, struct str *ret,
                   JSValueRef *exc) {
    JSValueRef v = request_value(q, name, exc);

    if (!v)
        return -EBADMSG;
    if (!needed && value_is_nothing(q->js->ctx, v))
        return -ENOENT;
    if (!JSValueIsString(q->js->ctx, v))
        return wrong_type(q, name, "String", v);
    return value_text(q->js->ctx, v, ret, NULL);
}

int request_text(struct request *q, const char *name, struct str *ret, JSValueRef *exc) {
    return text_of(q, name, false, ret, exc);
}

int request_need_text(struct request *q, const char *name, struct str *ret, JSValueRef *exc) {
    return text_of(q, name, true, ret, exc);
}

int request_bool(struct request *q, const char *name, bool *ret, JSValueRef *exc) {
    JSValueRef v = request_value(q, name, exc);

    if (!v)
        return -EBADMSG;
    if (value_is_nothing(q->js->ctx, v))
        return -ENOENT;
    if (!JSValueIsBoolean(q->js->ctx, v))
        return wrong_type(q, name, "Boolean", v);
    *ret = JSValueToBoolean(q->js->ctx, v);
    return 0;
}

int request_number(struct request *q, const char *name, double *ret, JSValueRef *exc) {
    JSValueRef v = request_value(q, name, exc);

    if (!v)
        return -EBADMSG;
    if (value_is_nothing(q->js->ctx, v))
        return -ENOENT;
    if (!JSValueIsNumber(q->js->ctx, v))
        return wrong_type(q, name, "Number", v);
    *ret = JSValueToNumber(q->js->ctx, v, NULL);
    return 0;
}

/* --- the end ------------------------------------------------------------------------------ */

struct end {
    struct request *q;
    bool ok;
    JSObjectRef result; /* kept */
};

static void run_end(struct js *js, void *data) {
    struct end *e = data;
    struct request *q = e->q;
    JSValueRef result = e->result;
    JSObjectRef settle = e->ok ? q->resolve : q->reject;

    if (settle)
        (void) js_call(js, settle, NULL, 1, &result);
    if (e->ok ? q->success : q->fail)
        (void) js_call(js, e->ok ? q->success : q->fail, NULL, 1, &result);
    if (q->complete)
        (void) js_call(js, q->complete, NULL, 1, &result);
    (void) value_drop(js->ctx, e->result);
    request_drop(q);
    free(e);
}

static void end(struct request *q, bool ok, JSValueRef result) {
    struct end *e = malloc(sizeof *e);
    JSObjectRef o = value_object(q->js->ctx, result);

    q->options = NULL;
    if (e && o) {
        *e = (struct end){ .q = q, .ok = ok, .result = value_keep(q->js->ctx, o) };
        if (turn_later(q->js, run_end, e) == 0)
            return;
        (void) value_drop(q->js->ctx, o);
    }
    console_say(CONSOLE_ERROR, "%s: out of memory, its outcome is lost", q->name);
    free(e);
    request_drop(q);
}

/* {"errMsg":"<name>:<text>",<members>} */
static JSValueRef make_result(struct request *q, const char *text, const char *members) {
    CLEANUP(str_clear_p) struct str json = STR_INIT(RESULT_MAX), message = STR_INIT(SENTENCE_MAX);
    struct jsonw w = JSONW_INIT(&json);

    if (str_printf(&message, "%s:%s", q->name, text) < 0)
        return NULL;
    jsonw_object(&w, NULL);
    jsonw_string(&w, "errMsg", str_text(&message));
    if (members && *members)
        (void) str_printf(&json, ",%s", members);
    jsonw_end_object(&w);
    return str_error(&json) < 0 ? NULL : value_json(q->js->ctx, str_text(&json));
}

void request_ok(struct request *q, const char *members) {
    end(q, true, make_result(q, "ok", members));
}

void request_ok_value(struct request *q, const char *name, JSValueRef v) {
    CLEANUP(str_clear_p) struct str member = STR_INIT(64);

    (void) str_printf(&member, "\"%s\":null", name);
    JSValueRef result = make_result(q, "ok", str_text(&member));
    JSObjectRef o = value_object(q->js->ctx, result);
    if (o)
        value_set(q->js->ctx, o, name, v); /* the member is there: no setter is asked */
    end(q, true, result);
}

void request_fail(struct request *q, const char *fmt, ...) {
    CLEANUP(str_clear_p) struct str text = STR_INIT(SENTENCE_MAX - 64);
    va_list ap;

    (void) str_puts(&text, "fail ");
    va_start(ap, fmt);
    (void) str_vprintf(&text, fmt, ap);
    va_end(ap);
    end(q, false, make_result(q, str_text(&text), NULL));
}

void request_done(struct request *q, int error) {
    static const struct {
        int code;
        const char *text;
    } known[] = {
        { -ENODEV, "no user interface is there to answer" },
        { -EBUSY, "another one is open" },
        { -EACCES, "the manifest does not declare it" },
        { -EOPNOTSUPP, "not supported by this host" },
        { -ENOBUFS, "too many calls are unanswered" },
        { -EMSGSIZE, "it is too large" },
    };

    if (error == 0) {
        request_ok(q, NULL);
        return;
    }
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
        if (known[i].code == error) {
            request_fail(q, "%s", known[i].text);
            return;
        }
    const char *why = miniprog_error(q->js->m);
    request_fail(q, "%s", *why ? why : strerror(-error));
}
