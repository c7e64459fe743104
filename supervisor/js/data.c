/* SPDX-License-Identifier: MIT */
#include "supervisor/js/data.h"

#include <stdlib.h>
#include <string.h>

#include "supervisor/base/cleanup.h"
#include "supervisor/js/js.h"

#define PATH_MAX_BYTES ((size_t) 4096)

/* One step of a path: ".name" or "[7]". */
struct part {
    const char *name;
    size_t n;
    bool is_index;
    unsigned index;
};

/* Takes the next step off *at. false: the path is wrong. */
static bool next_part(const char **at, struct part *ret) {
    const char *p = *at;
    char *end;

    if (*p == '[') {
        unsigned long i = strtoul(p + 1, &end, 10);
        if (p[1] < '0' || p[1] > '9' || *end != ']' || i > INT32_MAX)
            return false;
        *ret = (struct part){ .is_index = true, .index = (unsigned) i };
        *at = end + 1;
        return true;
    }
    if (*p == '.')
        p++;
    *ret = (struct part){ .name = p, .n = strcspn(p, ".[") };
    *at = p + ret->n;
    return ret->n > 0;
}

static bool is_own(struct js *js, JSObjectRef o, JSStringRef name) {
    JSValueRef arg = JSValueMakeString(js->ctx, name);
    JSValueRef v = JSObjectCallAsFunction(js->ctx, js->own_property, o, 1, &arg, NULL);
    return v && JSValueToBoolean(js->ctx, v);
}

static JSValueRef get_part(struct js *js, JSObjectRef o, const struct part *part, JSStringRef name,
                           JSValueRef *exc) {
    if (part->is_index)
        return JSObjectGetPropertyAtIndex(js->ctx, o, part->index, exc);
    return is_own(js, o, name) ? JSObjectGetProperty(js->ctx, o, name, exc) : NULL;
}

static void set_part(struct js *js, JSObjectRef o, const struct part *part, JSStringRef name,
                     JSValueRef v, JSValueRef *exc) {
    if (part->is_index)
        JSObjectSetPropertyAtIndex(js->ctx, o, part->index, v, exc);
    else
        JSObjectSetProperty(js->ctx, o, name, v, kJSPropertyAttributeNone, exc);
}

/* The object that the step leads to, made if there is none. */
static JSObjectRef enter(struct js *js, JSObjectRef o, const struct part *part, JSStringRef name,
                         bool want_array, JSValueRef *exc) {
    JSObjectRef inner = value_object(js->ctx, get_part(js, o, part, name, exc));

    if (inner || *exc)
        return inner;
    inner =
        want_array ? JSObjectMakeArray(js->ctx, 0, NULL, exc) : JSObjectMake(js->ctx, NULL, NULL);
    if (inner)
        set_part(js, o, part, name, inner, exc);
    return *exc ? NULL : inner;
}

static JSStringRef name_of(const struct part *part) {
    CLEANUP(free_p) char *name = strndup(part->is_index ? "" : part->name, part->n);
    return name ? JSStringCreateWithUTF8CString(name) : NULL;
}

static bool is_prototype(const struct part *part) {
    return !part->is_index && part->n == 9 && memcmp(part->name, "__proto__", 9) == 0;
}

/* One step from o; at the last one the value is set. NULL: done, or *exc. */
static JSObjectRef walk(struct js *js, JSObjectRef o, const char **at, JSValueRef v,
                        JSValueRef *exc) {
    const char *whole = *at;
    struct part part;
    JSObjectRef inner = NULL;

    if (!next_part(at, &part) || is_prototype(&part)) {
        (void) value_throw(js->ctx, exc, "setData: there is no path '%.100s'", whole);
        return NULL;
    }
    JSStringRef name = name_of(&part);
    if (!name) {
        (void) value_throw(js->ctx, exc, "setData: out of memory");
        return NULL;
    }
    if (**at)
        inner = enter(js, o, &part, name, **at == '[', exc);
    else
        set_part(js, o, &part, name, v, exc);
    JSStringRelease(name);
    return inner;
}

struct merge {
    struct js *js;
    JSObjectRef data;
};

static void merge_one(JSContextRef ctx, JSStringRef name, JSValueRef v, void *data,
                      JSValueRef *exc) {
    CLEANUP(str_clear_p) struct str path = STR_INIT(PATH_MAX_BYTES);
    struct merge *m = data;

    if (JSValueIsUndefined(ctx, v))
        return;
    JSValueRef copied = value_copy(ctx, v, m->js->app, exc);
    if (!copied)
        return;
    if (value_characters(name, &path) < 0) {
        (void) value_throw(ctx, exc, "setData: a path is too long");
        return;
    }
    const char *at = str_text(&path);
    for (JSObjectRef o = m->data; o;)
        o = walk(m->js, o, &at, copied, exc);
}

bool data_merge(struct js *js, JSObjectRef data, JSObjectRef changes, JSValueRef *exc) {
    struct merge m = { .js = js, .data = data };
    return value_each(js->ctx, changes, merge_one, &m, exc);
}
