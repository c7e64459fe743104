/* SPDX-License-Identifier: MIT */
#include "supervisor/sdk/value.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "supervisor/base/cleanup.h"
#include "supervisor/base/err.h"
#include "supervisor/base/json.h"
#include "supervisor/base/str.h"
#include "supervisor/sdk/sdk.h"

static int bad(const char *name, const char *what, struct err *e) {
    return err_set(e, -EBADMSG, "the supervisor sent no %s '%s'", what, name);
}

static const struct json *get(const struct json *object, const char *name, enum json_kind kind) {
    const struct json *v = json_get(object, name);
    return v && json_kind(v) == kind ? v : NULL;
}

int value_string(const struct json *object, const char *name, const char **ret, struct err *e) {
    const struct json *v = get(object, name, JSON_STRING);
    if (!v)
        return bad(name, "string", e);
    *ret = json_string(v);
    return 0;
}

int value_i64(const struct json *object, const char *name, int64_t *ret, struct err *e) {
    const struct json *v = get(object, name, JSON_INT);
    if (!v)
        return bad(name, "integer", e);
    *ret = json_int(v);
    return 0;
}

int value_int(const struct json *object, const char *name, int *ret, struct err *e) {
    int64_t wide;
    int r = value_i64(object, name, &wide, e);

    if (r < 0)
        return r;
    if (wide < INT_MIN || wide > INT_MAX)
        return bad(name, "number that fits as", e);
    *ret = (int) wide;
    return 0;
}

int value_bool(const struct json *object, const char *name, bool *ret, struct err *e) {
    const struct json *v = get(object, name, JSON_BOOL);
    if (!v)
        return bad(name, "truth value", e);
    *ret = json_bool(v);
    return 0;
}

int value_object(const struct json *object, const char *name, const struct json **ret,
                 struct err *e) {
    const struct json *v = get(object, name, JSON_OBJECT);
    if (!v)
        return bad(name, "object", e);
    *ret = v;
    return 0;
}

int value_text(const struct json *object, const char *name, char **ret, struct err *e) {
    CLEANUP(str_clear_p) struct str out = STR_INIT(SDK_MESSAGE_MAX);
    const struct json *v = NULL;
    char *text;
    int r;

    if (!json_get(object, name)) {
        *ret = NULL;
        return 0;
    }
    r = value_object(object, name, &v, e);
    if (r < 0)
        return r;
    r = json_print(v, &out);
    if (r < 0)
        return err_set(e, r, "cannot keep '%s': %s", name, strerror(-r));
    text = str_take(&out);
    if (!text)
        return err_set(e, -ENOMEM, "cannot keep '%s': no memory", name);
    *ret = text;
    return 0;
}

static int read_query(const struct json *query, struct miniprog_launch *l, struct err *e) {
    size_t count = json_count(query), i = 0;
    struct miniprog_pair *pairs;

    if (count == 0)
        return 0;
    pairs = calloc(count, sizeof *pairs);
    if (!pairs)
        return err_set(e, -ENOMEM, "no memory for a query");
    l->query = pairs;
    for (const struct json *v = json_first(query); v && i < count; v = json_next(v), i++) {
        if (json_kind(v) != JSON_STRING)
            return bad("query", "strings in", e);
        pairs[i] = (struct miniprog_pair){ .name = json_name(v), .value = json_string(v) };
    }
    l->query_count = i;
    return 0;
}

static int read_referrer(const struct json *launch, struct miniprog_launch *l, struct err *e) {
    const struct json *referrer = NULL;
    char *data = NULL;
    int r;

    if (!json_get(launch, "referrer"))
        return 0;
    r = value_object(launch, "referrer", &referrer, e);
    if (r == 0)
        r = value_string(referrer, "app_id", &l->referrer_app_id, e);
    if (r == 0)
        r = value_text(referrer, "extra_data", &data, e);
    if (r == 0)
        l->referrer_data = data;
    return r;
}

int value_launch(const struct json *object, const char *name, struct miniprog_launch *ret,
                 struct err *e) {
    CLEANUP(launch_clear) struct miniprog_launch l = { .path = NULL };
    const struct json *launch = NULL, *query = NULL;
    int r;

    r = value_object(object, name, &launch, e);
    if (r == 0)
        r = value_string(launch, "path", &l.path, e);
    if (r == 0)
        r = value_int(launch, "scene", &l.scene, e);
    if (r == 0)
        r = value_object(launch, "query", &query, e);
    if (r == 0)
        r = read_query(query, &l, e);
    if (r == 0)
        r = read_referrer(launch, &l, e);
    if (r < 0)
        return r;
    *ret = l;
    l = (struct miniprog_launch){ .path = NULL }; /* given away */
    return 0;
}

void launch_clear(struct miniprog_launch *l) {
    free((void *) (uintptr_t) l->query); /* const for the app, ours to free */
    free((void *) (uintptr_t) l->referrer_data);
    *l = (struct miniprog_launch){ .path = NULL };
}

PUBLIC const char *miniprog_launch_query(const struct miniprog_launch *launch, const char *name) {
    for (size_t i = 0; i < launch->query_count; i++)
        if (strcmp(launch->query[i].name, name) == 0)
            return launch->query[i].value;
    return NULL;
}
