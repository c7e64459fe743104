/* SPDX-License-Identifier: MIT
 * request.h - one call of an asynchronous wx function: what it was given, and how it ends.
 * Layer: 4, js. Uses: base, JavaScriptCore.
 *
 * wx.f({ …, success, fail, complete }): success or fail is called with { errMsg: "f:ok" or "f:fail
 * …", … }, then complete; in a turn of their own, never inside the call. Without any of the three
 * the call returns a promise of the same. The options are read while the call is made: a getter
 * that throws makes the call throw. */
#ifndef JS_REQUEST_H
#define JS_REQUEST_H

#include <stdbool.h>
#include <stddef.h>

#include <JavaScriptCore/JavaScript.h>

#include "supervisor/base/str.h"

struct js;

struct request {
    struct js *js;
    const char *name;                    /* "showModal"; static */
    JSObjectRef options;                 /* NULL: none; only while the call is made */
    JSObjectRef success, fail, complete; /* kept; NULL: not given */
    JSObjectRef resolve, reject;         /* kept; the promise's, else NULL */
};

/* Begins; ret_value is what the call returns. NULL: *exc is set. */
struct request *request_begin(struct js *js, const char *name, bool promise, size_t n,
                              const JSValueRef args[], JSValueRef *ret_value, JSValueRef *exc);

/* Options by name. 0; -ENOENT not given: *ret untouched, ret empty; -EINVAL of another type: the
 * request has failed with WeChat's sentence; -EBADMSG a getter threw: *exc is set, and the request
 * is over. -EMSGSIZE: longer than ret holds, nothing has been said. */
int request_text(struct request *q, const char *name, struct str *ret, JSValueRef *exc);
int request_bool(struct request *q, const char *name, bool *ret, JSValueRef *exc);
int request_number(struct request *q, const char *name, double *ret, JSValueRef *exc);
/* The same where it must be given: -EINVAL then, too. */
int request_need_text(struct request *q, const char *name, struct str *ret, JSValueRef *exc);
/* The member as it is, undefined where it is not there; NULL: as -EBADMSG. */
JSValueRef request_value(struct request *q, const char *name, JSValueRef *exc);

/* Ends it; q is gone. members: JSON members that success gets besides errMsg, or NULL. */
void request_ok(struct request *q, const char *members);
/* With one member more that is a value. */
void request_ok_value(struct request *q, const char *name, JSValueRef v);
void request_fail(struct request *q, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* As an outcome of the supervisor: 0 or a negative errno. */
void request_done(struct request *q, int error);
/* Drops it without an end: the call itself threw. */
void request_drop(struct request *q);

#endif
