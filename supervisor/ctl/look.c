/* SPDX-License-Identifier: MIT
 * look.c - checked access to the members of an answer. */
#include "supervisor/ctl/look.h"

#include <errno.h>
#include <stddef.h>

static void blame(struct err *fault, const char *name, enum json_kind kind) {
    if (fault->code == 0)
        fault->code = err_set(fault, -EBADMSG, "'%s' must be %s", name, json_kind_name(kind));
}

/* NULL: missing, or of another kind. */
static const struct json *take(struct err *fault, const struct json *object, const char *name,
                               enum json_kind kind, bool needed) {
    const struct json *v = json_get(object, name);

    if (v && json_kind(v) == kind)
        return v;
    if (v || needed)
        blame(fault, name, kind);
    return NULL;
}

const char *look_string(struct err *fault, const struct json *object, const char *name) {
    const struct json *v = take(fault, object, name, JSON_STRING, true);
    return v ? json_string(v) : "";
}

int64_t look_int(struct err *fault, const struct json *object, const char *name) {
    const struct json *v = take(fault, object, name, JSON_INT, true);
    return v ? json_int(v) : 0;
}

bool look_bool(struct err *fault, const struct json *object, const char *name) {
    const struct json *v = take(fault, object, name, JSON_BOOL, true);
    return v && json_bool(v);
}

const struct json *look_object(struct err *fault, const struct json *object, const char *name) {
    return take(fault, object, name, JSON_OBJECT, true);
}

const struct json *look_array(struct err *fault, const struct json *object, const char *name) {
    return take(fault, object, name, JSON_ARRAY, true);
}

const char *look_maybe_string(struct err *fault, const struct json *object, const char *name) {
    const struct json *v = take(fault, object, name, JSON_STRING, false);
    return v ? json_string(v) : NULL;
}

bool look_maybe_int(struct err *fault, const struct json *object, const char *name, int64_t *ret) {
    const struct json *v = take(fault, object, name, JSON_INT, false);
    if (v)
        *ret = json_int(v);
    return v != NULL;
}

const struct json *look_maybe_object(struct err *fault, const struct json *object,
                                     const char *name) {
    return take(fault, object, name, JSON_OBJECT, false);
}

static const struct json *only_object(struct err *fault, const struct json *element) {
    if (element && json_kind(element) != JSON_OBJECT) {
        if (fault->code == 0)
            fault->code = err_set(fault, -EBADMSG, "an element of a list must be an object");
        return NULL;
    }
    return element;
}

const struct json *look_first(struct err *fault, const struct json *array) {
    return array ? only_object(fault, json_first(array)) : NULL;
}

const struct json *look_next(struct err *fault, const struct json *element) {
    return only_object(fault, json_next(element));
}
