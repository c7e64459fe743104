/* SPDX-License-Identifier: MIT */
#include "supervisor/wire/varlink.h"

#include "supervisor/base/cleanup.h"
#include "supervisor/base/err.h"
#include "supervisor/base/json.h"
#include "supervisor/base/str.h"

#include <errno.h>
#include <string.h>

/* ---- reading ---- */

/* A member of a message. All may be null, which says the same as leaving it out. */
struct field {
    const char *name;
    enum json_kind kind;
    const struct json *value; /* NULL: not there */
};

/* Finds the fields in a message; members that are not among them are passed over. */
static int read_fields(const struct json *message, struct field *fields, size_t n, struct err *e) {
    for (const struct json *v = json_first(message); v; v = json_next(v))
        for (size_t i = 0; i < n; i++) {
            if (strcmp(json_name(v), fields[i].name) != 0)
                continue;
            if (json_kind(v) == JSON_NULL)
                break;
            if (json_kind(v) != fields[i].kind)
                return err_set(e, -EINVAL, "'%s' must be %s, not %s", fields[i].name,
                               json_kind_name(fields[i].kind), json_kind_name(json_kind(v)));
            fields[i].value = v;
            break;
        }
    return 0;
}

static int read_message(const char *text, size_t len, struct json **ret, struct err *e) {
    CLEANUP(json_free_p) struct json *doc = NULL;

    if (len == 0)
        return err_set(e, -EINVAL, "an empty message");
    int r = json_parse(text, len, &doc, e);
    if (r == -E2BIG) /* too deep; to the peer it is one more way not to be a message */
        return err_wrap(e, -EINVAL, "not a message");
    if (r < 0)
        return r;
    if (json_kind(doc) != JSON_OBJECT)
        return err_set(e, -EINVAL, "a message must be an object, not %s",
                       json_kind_name(json_kind(doc)));
    *ret = TAKE_PTR(doc);
    return 0;
}

static bool is_true(const struct field *f) {
    return f->value && json_bool(f->value);
}

int varlink_call_parse(const char *text, size_t len, struct varlink_call *ret, struct err *e) {
    enum { METHOD, PARAMETERS, MORE, ONEWAY, UPGRADE, COUNT };
    struct field f[COUNT] = {
        [METHOD] = { "method", JSON_STRING, NULL },
        [PARAMETERS] = { "parameters", JSON_OBJECT, NULL },
        [MORE] = { "more", JSON_BOOL, NULL },
        [ONEWAY] = { "oneway", JSON_BOOL, NULL },
        [UPGRADE] = { "upgrade", JSON_BOOL, NULL },
    };
    CLEANUP(json_free_p) struct json *doc = NULL;
    int r = read_message(text, len, &doc, e);

    if (r < 0)
        return r;
    r = read_fields(doc, f, COUNT, e);
    if (r < 0)
        return r;
    if (!f[METHOD].value)
        return err_set(e, -EINVAL, "'method' is missing");
    if (is_true(&f[MORE]) && is_true(&f[ONEWAY]))
        return err_set(e, -EINVAL, "'more' and 'oneway' exclude each other");

    *ret = (struct varlink_call){
        .doc = TAKE_PTR(doc),
        .method = json_string(f[METHOD].value),
        .parameters = f[PARAMETERS].value,
        .more = is_true(&f[MORE]),
        .oneway = is_true(&f[ONEWAY]),
        .upgrade = is_true(&f[UPGRADE]),
    };
    return 0;
}

void varlink_call_clear(struct varlink_call *call) {
    (void) json_free(call->doc);
    *call = (struct varlink_call){ .doc = NULL };
}

int varlink_reply_parse(const char *text, size_t len, struct varlink_reply *ret, struct err *e) {
    enum { ERROR, PARAMETERS, CONTINUES, COUNT };
    struct field f[COUNT] = {
        [ERROR] = { "error", JSON_STRING, NULL },
        [PARAMETERS] = { "parameters", JSON_OBJECT, NULL },
        [CONTINUES] = { "continues", JSON_BOOL, NULL },
    };
    CLEANUP(json_free_p) struct json *doc = NULL;
    int r = read_message(text, len, &doc, e);

    if (r < 0)
        return r;
    r = read_fields(doc, f, COUNT, e);
    if (r < 0)
        return r;
    if (f[ERROR].value && is_true(&f[CONTINUES]))
        return err_set(e, -EINVAL, "an error is the last reply, it cannot continue");

    *ret = (struct varlink_reply){
        .doc = TAKE_PTR(doc),
        .error = f[ERROR].value ? json_string(f[ERROR].value) : NULL,
        .parameters = f[PARAMETERS].value,
        .continues = is_true(&f[CONTINUES]),
    };
    return 0;
}

void varlink_reply_clear(struct varlink_reply *reply) {
    (void) json_free(reply->doc);
    *reply = (struct varlink_reply){ .doc = NULL };
}

int varlink_split(const char *method, char *ret_interface, size_t size, const char **ret_member) {
    const char *dot = strrchr(method, '.');

    if (!dot || dot == method || dot[1] == '\0')
        return -EINVAL;
    size_t n = (size_t) (dot - method);
    if (n >= size)
        return -ENAMETOOLONG;
    memcpy(ret_interface, method, n);
    ret_interface[n] = '\0';
    *ret_member = dot + 1;
    return 0;
}

/* ---- writing ---- */

static void begin_message(struct jsonw *w, struct str *out) {
    *w = (struct jsonw) JSONW_INIT(out);
    jsonw_object(w, NULL);
}

void varlink_begin_call(struct jsonw *w, struct str *out, const char *method, bool more,
                        bool oneway) {
    begin_message(w, out);
    jsonw_string(w, "method", method);
    if (more)
        jsonw_bool(w, "more", true);
    if (oneway)
        jsonw_bool(w, "oneway", true);
    jsonw_object(w, "parameters");
}

/* Most of what the daemon writes begins in one of these two ways. */
void varlink_begin_reply(struct jsonw *w, struct str *out, bool continues) {
    static const char last[] = "{\"parameters\":{";
    static const char more[] = "{\"continues\":true,\"parameters\":{";

    *w = (struct jsonw) JSONW_INIT(out);
    if (continues)
        (void) str_append(out, more, sizeof more - 1);
    else
        (void) str_append(out, last, sizeof last - 1);
}

void varlink_begin_error(struct jsonw *w, struct str *out, const char *error) {
    begin_message(w, out);
    jsonw_string(w, "error", error);
    jsonw_object(w, "parameters");
}

void varlink_end(struct jsonw *w) {
    static const char end[] = "}}"; /* with its NUL: that ends the message */

    (void) str_append(w->out, end, sizeof end);
    w->comma = true;
}
