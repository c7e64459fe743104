/* SPDX-License-Identifier: MIT */
#include "supervisor/js/value.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <glib.h>

#include "supervisor/base/cleanup.h"

#define COPY_DEPTH  64
#define MESSAGE_MAX ((size_t) 1024)

static void string_release_p(JSStringRef *s) {
    if (*s)
        JSStringRelease(*s);
}
#define NAME(var, text)                                                                            \
    CLEANUP(string_release_p) JSStringRef var = JSStringCreateWithUTF8CString(text)

JSValueRef value_string(JSContextRef ctx, const char *text) {
    NAME(s, text);
    return JSValueMakeString(ctx, s);
}

JSValueRef value_json(JSContextRef ctx, const char *json) {
    NAME(s, json);
    return JSValueMakeFromJSONString(ctx, s);
}

JSValueRef value_throw(JSContextRef ctx, JSValueRef *exc, const char *fmt, ...) {
    CLEANUP(str_clear_p) struct str text = STR_INIT(MESSAGE_MAX);
    va_list ap;

    va_start(ap, fmt);
    int r = str_vprintf(&text, fmt, ap);
    va_end(ap);
    JSValueRef message = value_string(ctx, r < 0 ? "out of memory" : str_text(&text));
    if (exc)
        *exc = JSObjectMakeError(ctx, 1, &message, NULL);
    return JSValueMakeUndefined(ctx);
}

JSValueRef value_arg(JSContextRef ctx, size_t n, const JSValueRef args[], size_t i) {
    return i < n ? args[i] : JSValueMakeUndefined(ctx);
}

/* JSValueToObject() would wrap a number or a string. */
JSObjectRef value_object(JSContextRef ctx, JSValueRef v) {
    return v && JSValueIsObject(ctx, v) ? JSValueToObject(ctx, v, NULL) : NULL;
}

JSObjectRef value_function(JSContextRef ctx, JSValueRef v) {
    JSObjectRef o = value_object(ctx, v);
    return o && JSObjectIsFunction(ctx, o) ? o : NULL;
}

bool value_is_nothing(JSContextRef ctx, JSValueRef v) {
    return !v || JSValueIsUndefined(ctx, v) || JSValueIsNull(ctx, v);
}

const char *value_kind(JSContextRef ctx, JSValueRef v) {
    if (!v || JSValueIsUndefined(ctx, v))
        return "Undefined";
    if (JSValueIsNull(ctx, v))
        return "Null";
    if (JSValueIsString(ctx, v))
        return "String";
    if (JSValueIsBoolean(ctx, v))
        return "Boolean";
    if (JSValueIsNumber(ctx, v))
        return "Number";
    if (JSValueIsSymbol(ctx, v))
        return "Symbol";
    if (JSValueIsArray(ctx, v))
        return "Array";
    if (JSValueIsDate(ctx, v))
        return "Date";
    if (value_function(ctx, v))
        return "Function";
    return JSValueIsObject(ctx, v) ? "Object" : "BigInt";
}

JSValueRef value_get(JSContextRef ctx, JSObjectRef o, const char *name, JSValueRef *exc) {
    NAME(s, name);
    JSValueRef thrown = NULL, v = JSObjectGetProperty(ctx, o, s, &thrown);
    if (!thrown)
        return v;
    if (exc)
        *exc = thrown;
    return NULL;
}

void value_set(JSContextRef ctx, JSObjectRef o, const char *name, JSValueRef v) {
    NAME(s, name);
    JSObjectSetProperty(ctx, o, s, v, kJSPropertyAttributeNone, NULL);
}

void value_hide(JSContextRef ctx, JSObjectRef o, const char *name, JSValueRef v) {
    NAME(s, name);
    JSObjectSetProperty(ctx, o, s, v, kJSPropertyAttributeDontEnum, NULL);
}

JSObjectRef value_make_function(JSContextRef ctx, const char *name,
                                JSObjectCallAsFunctionCallback f) {
    NAME(s, name);
    return JSObjectMakeFunctionWithCallback(ctx, s, f);
}

/* --- texts -------------------------------------------------------------------------------- */

static size_t put_utf8(char *out, uint32_t c) {
    if (c < 0x80) {
        out[0] = (char) c;
        return 1;
    }
    if (c < 0x800) {
        out[0] = (char) (0xc0 | c >> 6);
        out[1] = (char) (0x80 | (c & 0x3f));
        return 2;
    }
    if (c < 0x10000) {
        out[0] = (char) (0xe0 | c >> 12);
        out[1] = (char) (0x80 | (c >> 6 & 0x3f));
        out[2] = (char) (0x80 | (c & 0x3f));
        return 3;
    }
    out[0] = (char) (0xf0 | c >> 18);
    out[1] = (char) (0x80 | (c >> 12 & 0x3f));
    out[2] = (char) (0x80 | (c >> 6 & 0x3f));
    out[3] = (char) (0x80 | (c & 0x3f));
    return 4;
}

static bool is_surrogate(uint32_t c, uint32_t from) {
    return (c & 0xfc00) == from;
}

/* JSStringGetUTF8CString() gives up on a lone surrogate and does not tell where a NUL is. */
int value_characters(JSStringRef s, struct str *out) {
    size_t n = JSStringGetLength(s), used = 0;
    char chunk[1024];

    if (n > out->max)
        return -EMSGSIZE; /* before a copy of it is made */
    const JSChar *chars = JSStringGetCharactersPtr(s);
    for (size_t i = 0; i < n; i++) {
        uint32_t c = chars[i];
        if (is_surrogate(c, 0xd800) && i + 1 < n && is_surrogate(chars[i + 1], 0xdc00))
            c = 0x10000 + ((c & 0x3ff) << 10) + (chars[++i] & 0x3ffu);
        else if ((c & 0xf800) == 0xd800)
            c = 0xfffd;
        used += put_utf8(chunk + used, c);
        if (used > sizeof chunk - 4) {
            (void) str_append(out, chunk, used);
            used = 0;
        }
    }
    return str_append(out, chunk, used);
}

int value_text(JSContextRef ctx, JSValueRef v, struct str *out, JSValueRef *exc) {
    JSValueRef thrown = NULL;
    CLEANUP(string_release_p) JSStringRef s = JSValueToStringCopy(ctx, v, &thrown);

    if (thrown && exc)
        *exc = thrown;
    if (thrown)
        return -EBADMSG;
    return s ? value_characters(s, out) : -ENOMEM;
}

int value_to_json(JSContextRef ctx, JSValueRef v, struct str *out, JSValueRef *exc) {
    JSValueRef thrown = NULL;
    CLEANUP(string_release_p) JSStringRef s = JSValueCreateJSONString(ctx, v, 0, &thrown);

    if (thrown && exc)
        *exc = thrown;
    if (thrown)
        return -EBADMSG;
    return s ? value_characters(s, out) : -ENOENT;
}

/* --- copies ------------------------------------------------------------------------------- */

static void names_release_p(JSPropertyNameArrayRef *names) {
    JSPropertyNameArrayRelease(*names);
}

bool value_each(JSContextRef ctx, JSObjectRef o, value_each_fn f, void *data, JSValueRef *exc) {
    CLEANUP(names_release_p)
    JSPropertyNameArrayRef names = JSObjectCopyPropertyNames(ctx, o);
    size_t n = JSPropertyNameArrayGetCount(names);
    JSValueRef thrown = NULL;

    for (size_t i = 0; i < n && !thrown; i++) {
        JSStringRef name = JSPropertyNameArrayGetNameAtIndex(names, i); /* the array's */
        JSValueRef v = JSObjectGetProperty(ctx, o, name, &thrown);
        if (!thrown)
            f(ctx, name, v, data, &thrown);
    }
    if (thrown && exc)
        *exc = thrown;
    return !thrown;
}

struct copies {
    JSObjectRef shared;
    GHashTable *made; /* from each object to its copy; both are kept */
};

struct copy {
    struct copies *all;
    JSObjectRef to;
    int depth;
};

static JSValueRef copy_value(JSContextRef ctx, JSValueRef v, struct copies *all, int depth,
                             JSValueRef *exc);

static void copy_member(JSContextRef ctx, JSStringRef name, JSValueRef v, void *data,
                        JSValueRef *exc) {
    struct copy *c = data;
    JSValueRef copied = copy_value(ctx, v, c->all, c->depth + 1, exc);

    /* "__proto__" would be no member but the copy's prototype. */
    if (copied && !JSStringIsEqualToUTF8CString(name, "__proto__"))
        JSObjectSetProperty(ctx, c->to, name, copied, kJSPropertyAttributeNone, exc);
}

/* Made by {} or Object.create(null), which is all that JSON knows. */
static bool is_plain(JSContextRef ctx, JSObjectRef o) {
    JSValueRef proto = JSObjectGetPrototype(ctx, o);
    JSObjectRef p = value_object(ctx, proto);

    if (!p)
        return true;
    return JSValueIsNull(ctx, JSObjectGetPrototype(ctx, p)) && !JSObjectIsFunction(ctx, o);
}

static JSValueRef copy_value(JSContextRef ctx, JSValueRef v, struct copies *all, int depth,
                             JSValueRef *exc) {
    JSObjectRef from = value_object(ctx, v);
    struct copy c = { .all = all, .depth = depth };

    if (!from || from == all->shared || depth > COPY_DEPTH)
        return v;
    if ((c.to = g_hash_table_lookup(all->made, from)))
        return c.to;
    if (JSValueIsArray(ctx, v))
        c.to = JSObjectMakeArray(ctx, 0, NULL, NULL);
    else if (is_plain(ctx, from))
        c.to = JSObjectMake(ctx, NULL, NULL);
    else
        return v;
    if (!c.to)
        return NULL;
    /* What a getter gives may have no other root, and its address would be another's. */
    (void) g_hash_table_insert(all->made, value_keep(ctx, from), value_keep(ctx, c.to));
    return value_each(ctx, from, copy_member, &c, exc) ? c.to : NULL;
}

JSValueRef value_copy(JSContextRef ctx, JSValueRef v, JSObjectRef shared, JSValueRef *exc) {
    struct copies all = { .shared = shared };
    GHashTableIter it;
    gpointer from, to;

    if (!value_object(ctx, v))
        return v;
    all.made = g_hash_table_new(g_direct_hash, g_direct_equal);
    JSValueRef copied = copy_value(ctx, v, &all, 0, exc);
    g_hash_table_iter_init(&it, all.made);
    while (g_hash_table_iter_next(&it, &from, &to)) {
        (void) value_drop(ctx, from);
        (void) value_drop(ctx, to);
    }
    g_hash_table_destroy(all.made);
    return copied;
}

JSObjectRef value_keep(JSContextRef ctx, JSObjectRef o) {
    if (o)
        JSValueProtect(ctx, o);
    return o;
}

JSObjectRef value_drop(JSContextRef ctx, JSObjectRef o) {
    if (o)
        JSValueUnprotect(ctx, o);
    return NULL;
}
