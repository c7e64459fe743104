/* SPDX-License-Identifier: MIT */
#include "supervisor/wire/idl.h"

#include "supervisor/base/err.h"
#include "supervisor/base/json.h"
#include "supervisor/base/text.h"
#include "supervisor/wire/idl_type.h"

#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

/* Bytes of a path and of an enum's names in a sentence: both fit into struct err together. */
#define WHERE_MAX ((size_t) 80)
#define NAMES_MAX ((size_t) 72)

/* Where the walk is. The path is put into words only when something is wrong. */
struct place {
    const struct place *up;
    const char *name; /* NULL: element `index` of an array */
    size_t index;
};

struct check {
    char *where;
    size_t where_size;
    struct err *e;
};

/* A bounded line of text; what does not fit is cut between characters. */
struct line {
    char text[WHERE_MAX];
    size_t len, max;
    bool full;
};

/* Names of unknown members come from the peer: no control character gets into a sentence. */
static void put(struct line *l, const char *text) {
    size_t left = strlen(text);

    while (left > 0 && !l->full) {
        size_t n = text_utf8_char(text, left);
        const char *from = n == 0 || text_has_control(text, n) ? "?" : text;
        size_t add = from == text ? n : 1;
        if (l->len + add >= l->max) {
            l->full = true;
            return;
        }
        memcpy(l->text + l->len, from, add);
        l->len += add;
        l->text[l->len] = '\0';
        text += n ? n : 1;
        left -= n ? n : 1;
    }
}

/* The root has no name: it is what the path begins in. */
static void put_place(struct line *l, const struct place *at) {
    char index[32];

    if (!at->up)
        return;
    put_place(l, at->up);
    if (at->name) {
        put(l, at->up->up ? "." : "");
        put(l, at->name);
    } else {
        (void) snprintf(index, sizeof index, "[%zu]", at->index);
        put(l, index);
    }
}

static void copy_where(char *where, size_t size, const struct line *l) {
    size_t at = 0, step;

    while ((step = text_utf8_char(l->text + at, l->len - at)) > 0 && at + step < size)
        at += step;
    if (size > 0) {
        memcpy(where, l->text, at);
        where[at] = '\0';
    }
}

static int __attribute__((format(printf, 3, 4)))
bad(const struct check *c, const struct place *at, const char *fmt, ...) {
    struct line l = { .text = "", .max = WHERE_MAX };
    char text[sizeof c->e->text - WHERE_MAX];
    va_list ap;

    if (at->up)
        put_place(&l, at);
    else
        put(&l, "parameters"); /* the value as a whole: that is what a message calls it */
    copy_where(c->where, c->where_size, &l);
    va_start(ap, fmt);
    (void) vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    return err_set(c->e, -EINVAL, "'%s%s' %s", l.text, l.full ? "…" : "", text);
}

static int check_value(const struct check *c, const struct idl_type *type, const struct json *value,
                       const struct place *at);

/* People and programs write members in the order of the type, so look there first. */
static const struct idl_member *find_member(const struct idl_type *type,
                                            const struct idl_member *hint, const char *name) {
    for (const struct idl_member *m = hint; m; m = m->next)
        if (strcmp(m->name, name) == 0)
            return m;
    for (const struct idl_member *m = type->members; m != hint; m = m->next)
        if (strcmp(m->name, name) == 0)
            return m;
    return NULL;
}

static int name_missing(const struct check *c, const struct idl_type *type,
                        const struct json *value, const struct place *at) {
    for (const struct idl_member *m = type->members; m; m = m->next)
        if (m->type->kind != IDL_OPTIONAL && !json_get(value, m->name)) {
            struct place here = { at, m->name, 0 };
            return bad(c, &here, "is missing");
        }
    return 0;
}

/* value is an object or NULL. No member can be there twice (json_parse() sees to that), so that
 * counting the required ones is enough. */
static int check_struct(const struct check *c, const struct idl_type *type,
                        const struct json *value, const struct place *at) {
    const struct idl_member *hint = type->members;
    unsigned found = 0;

    for (const struct json *v = value ? json_first(value) : NULL; v; v = json_next(v)) {
        struct place here = { at, json_name(v), 0 };
        const struct idl_member *m = find_member(type, hint, here.name);
        if (!m)
            return bad(c, &here, "is not known here");
        int r = check_value(c, m->type, v, &here);
        if (r < 0)
            return r;
        found += m->type->kind != IDL_OPTIONAL;
        hint = m->next;
    }
    return found == type->required ? 0 : name_missing(c, type, value, at);
}

static int check_enum(const struct check *c, const struct idl_type *type, const char *text,
                      const struct place *at) {
    struct line l = { .text = "", .max = NAMES_MAX };

    for (const struct idl_member *m = type->members; m; m = m->next)
        if (strcmp(m->name, text) == 0)
            return 0;
    for (const struct idl_member *m = type->members; m; m = m->next) {
        put(&l, m->name);
        put(&l, m->next ? ", " : "");
    }
    return bad(c, at, "must be one of %s%s", l.text, l.full ? "…" : "");
}

/* The kind of JSON value that a type asks for; an array or a map's elements come after it. */
static enum json_kind wanted_kind(const struct idl_type *type) {
    switch (type->kind) {
    case IDL_BOOL:
        return JSON_BOOL;
    case IDL_INT:
        return JSON_INT;
    case IDL_FLOAT:
        return JSON_DOUBLE;
    case IDL_STRING:
    case IDL_ENUM:
        return JSON_STRING;
    case IDL_ARRAY:
        return JSON_ARRAY;
    case IDL_OBJECT:
    case IDL_STRUCT:
    case IDL_MAP:
    case IDL_NAMED: /* these two have been followed */
    case IDL_OPTIONAL:
        return JSON_OBJECT;
    }
    return JSON_NULL;
}

static int check_elements(const struct check *c, const struct idl_type *of,
                          const struct json *value, const struct place *at) {
    size_t index = 0;

    for (const struct json *v = value ? json_first(value) : NULL; v; v = json_next(v)) {
        struct place here = { at, json_name(v), index++ };
        int r = check_value(c, of, v, &here);
        if (r < 0)
            return r;
    }
    return 0;
}

/* Recursion ends with the value: each step down the type that takes no step down the value is
 * OPTIONAL or NAMED, and neither leads to another of its kind. */
static int check_value(const struct check *c, const struct idl_type *type, const struct json *value,
                       const struct place *at) {
    enum json_kind kind = value ? json_kind(value) : JSON_OBJECT;

    if (type->kind == IDL_OPTIONAL) {
        if (kind == JSON_NULL)
            return 0;
        type = type->of;
    }
    if (type->kind == IDL_NAMED)
        type = type->of;

    enum json_kind wanted = wanted_kind(type);
    if (kind != wanted && !(wanted == JSON_DOUBLE && kind == JSON_INT))
        return bad(c, at, "must be %s, not %s", json_kind_name(wanted), json_kind_name(kind));
    if (type->kind == IDL_STRUCT)
        return check_struct(c, type, value, at);
    if (type->kind == IDL_ENUM)
        return check_enum(c, type, json_string(value), at);
    if (type->kind == IDL_ARRAY || type->kind == IDL_MAP)
        return check_elements(c, type->of, value, at);
    return 0;
}

int idl_check(const struct idl *idl, const struct idl_type *type, const struct json *value,
              char *ret_where, size_t where_size, struct err *e) {
    const struct check c = { ret_where, where_size, e };
    const struct place root = { NULL, NULL, 0 };

    (void) idl; /* names were resolved by the parse */
    return check_value(&c, type, value, &root);
}
