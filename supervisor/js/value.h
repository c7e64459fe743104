/* SPDX-License-Identifier: MIT
 * value.h - JavaScript values by name, as text and as JSON.
 * Layer: 4, js. Uses: base, JavaScriptCore, GLib.
 *
 * Scripts decide what a getter, a toString or a proxy does: whatever may run one takes `exc`, and
 * *exc is set when it threw. A JSValueRef is kept alive by a C variable on the stack; what goes
 * elsewhere must be value_keep()ed. Texts are UTF-8 with U+FFFD for lone surrogates. */
#ifndef JS_VALUE_H
#define JS_VALUE_H

#include <stdbool.h>
#include <stddef.h>

#include <JavaScriptCore/JavaScript.h>

#include "supervisor/base/str.h"

/* How JavaScriptCore calls a function of ours. */
#define JS_FUNCTION(name)                                                                          \
    JSValueRef name(JSContextRef ctx, JSObjectRef function, JSObjectRef self, size_t n,            \
                    const JSValueRef args[], JSValueRef *exc)

/* Of UTF-8 text without NUL. */
JSValueRef value_string(JSContextRef ctx, const char *text);
/* Of JSON text; members come to be without setters being asked. NULL: no JSON, or no memory. */
JSValueRef value_json(JSContextRef ctx, const char *json);
/* An Error with that message, for *exc; returns undefined. */
JSValueRef value_throw(JSContextRef ctx, JSValueRef *exc, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* The argument, or undefined where there are fewer. */
JSValueRef value_arg(JSContextRef ctx, size_t n, const JSValueRef args[], size_t i);
JSObjectRef value_object(JSContextRef ctx, JSValueRef v);   /* NULL: not an object */
JSObjectRef value_function(JSContextRef ctx, JSValueRef v); /* NULL: cannot be called */
bool value_is_nothing(JSContextRef ctx, JSValueRef v);      /* undefined, null or C's NULL */
const char *value_kind(JSContextRef ctx, JSValueRef v); /* "String", "Object", … as WeChat's */

/* The member; NULL after an exception. exc may be NULL: then a thrown value is lost. */
JSValueRef value_get(JSContextRef ctx, JSObjectRef o, const char *name, JSValueRef *exc);
/* Sets as a script would; a setter that throws is ignored. */
void value_set(JSContextRef ctx, JSObjectRef o, const char *name, JSValueRef v);
/* A member of ours that is not seen in a for…in. */
void value_hide(JSContextRef ctx, JSObjectRef o, const char *name, JSValueRef v);
JSObjectRef value_make_function(JSContextRef ctx, const char *name,
                                JSObjectCallAsFunctionCallback f);

/* String(v) and JSON.stringify(v), appended to out. -EBADMSG: a script threw, see *exc; -EMSGSIZE:
 * more than out holds; -ENOENT: there is no JSON of it (undefined, a function); -ENOMEM. */
int value_text(JSContextRef ctx, JSValueRef v, struct str *out, JSValueRef *exc);
int value_to_json(JSContextRef ctx, JSValueRef v, struct str *out, JSValueRef *exc);
/* The characters of a JSStringRef, appended. -EMSGSIZE, -ENOMEM. */
int value_characters(JSStringRef s, struct str *out);

/* A deep copy of arrays and plain objects, with the same circles; functions, dates, objects of
 * classes and `shared` (or NULL) are shared. Past 64 levels the copy is shallow. NULL after an
 * exception. */
JSValueRef value_copy(JSContextRef ctx, JSValueRef v, JSObjectRef shared, JSValueRef *exc);
/* f(name, value) for each enumerable member; false: *exc is set. */
typedef void (*value_each_fn)(JSContextRef ctx, JSStringRef name, JSValueRef v, void *data,
                              JSValueRef *exc);
bool value_each(JSContextRef ctx, JSObjectRef o, value_each_fn f, void *data, JSValueRef *exc);

/* Roots for the collector; NULL is let through. */
JSObjectRef value_keep(JSContextRef ctx, JSObjectRef o);
JSObjectRef value_drop(JSContextRef ctx, JSObjectRef o); /* returns NULL */

#endif
