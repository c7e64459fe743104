/* SPDX-License-Identifier: MIT
 *
 * Two passes: a scanner that knows RFC 8259 to the letter and looks at every byte, then cJSON
 * for the tree. cJSON alone would take bytes after the value, cut a string at an escaped NUL,
 * round integers and nest a thousand deep; after it has run, none of this can be seen. */
#include "supervisor/base/json.h"

#include "supervisor/base/cleanup.h"
#include "supervisor/base/err.h"
#include "supervisor/base/json_scan.h"
#include "supervisor/base/jsonw.h"
#include "supervisor/base/str.h"

#include <cjson/cJSON.h>
#include <errno.h>
#include <locale.h>
#include <stdio.h>
#include <string.h>

/* Few members are compared each with each, many are sorted: the number is the sender's choice. */
#define FEW_MEMBERS 16

static int compare_names(const void *a, const void *b) {
    return strcmp(*(const char *const *) a, *(const char *const *) b);
}

static const char *duplicate_of_few(const cJSON *object) {
    for (const cJSON *m = object->child; m; m = m->next)
        for (const cJSON *n = object->child; n != m; n = n->next)
            if (strcmp(m->string, n->string) == 0)
                return m->string;
    return NULL;
}

static int find_duplicate(const cJSON *object, const char **ret_name) {
    size_t count = 0, at = 0;

    for (const cJSON *m = object->child; m; m = m->next)
        count++;
    if (count <= FEW_MEMBERS) {
        *ret_name = duplicate_of_few(object);
        return 0;
    }
    CLEANUP(free_p) const char **names = malloc(count * sizeof *names);
    if (!names)
        return -ENOMEM;
    for (const cJSON *m = object->child; m; m = m->next)
        names[at++] = m->string;
    qsort(names, count, sizeof *names, compare_names);
    *ret_name = NULL;
    for (at = 1; at < count; at++)
        if (strcmp(names[at - 1], names[at]) == 0)
            *ret_name = names[at];
    return 0;
}

/* Recursion is bounded: the scanner let no more than JSON_DEPTH_MAX levels through. */
static int check_duplicates(const cJSON *value, struct err *e) {
    const char *name = NULL;
    int r = cJSON_IsObject(value) ? find_duplicate(value, &name) : 0;

    if (r < 0)
        return err_set(e, r, "no memory to check the JSON members");
    if (name)
        return err_set(e, -EINVAL, "JSON member '%.80s' stands twice", name);
    for (const cJSON *child = value->child; child && r == 0; child = child->next)
        if (child->child)
            r = check_duplicates(child, e);
    return r;
}

/* Whoever links us may have set a locale that writes "0,5"; strtod() and printf() obey it. The C
 * locale is a constant of glibc: entering it takes no memory. Source: newlocale(3). */
static locale_t enter_c_locale(void) {
    return uselocale(newlocale(LC_ALL_MASK, "C", (locale_t) 0));
}

static void leave_c_locale(locale_t *before) {
    (void) uselocale(*before);
}

static const cJSON *tree(const struct json *value) {
    return (const cJSON *) (const void *) value;
}

static const struct json *borrowed(const cJSON *value) {
    return (const struct json *) (const void *) value;
}

int json_parse(const char *text, size_t len, struct json **ret, struct err *e) {
    CLEANUP(json_free_p) struct json *doc = NULL;
    GUARD(leave_c_locale) locale_t before = enter_c_locale();
    int r = json_scan(text, len, e);

    if (r < 0)
        return r;

    /* What the scanner took, cJSON takes: it can only fail for want of memory. */
    doc = (struct json *) (void *) cJSON_ParseWithLengthOpts(text, len, NULL, false);
    if (!doc)
        return err_set(e, -ENOMEM, "no memory for a JSON text of %zu bytes", len);
    r = check_duplicates(tree(doc), e);
    if (r < 0)
        return r;
    *ret = TAKE_PTR(doc);
    return 0;
}

struct json *json_free(struct json *doc) {
    cJSON_Delete((cJSON *) (void *) doc);
    return NULL;
}

void json_free_p(struct json **doc) {
    int saved = errno;
    *doc = json_free(*doc);
    errno = saved;
}

struct json *json_copy(const struct json *value) {
    return value ? (struct json *) (void *) cJSON_Duplicate(tree(value), true) : NULL;
}

enum json_kind json_kind(const struct json *value) {
    const cJSON *v = tree(value);

    if (cJSON_IsBool(v))
        return JSON_BOOL;
    if (cJSON_IsNumber(v)) /* the scanner kept it within 2^53, so the cast is defined */
        return v->valuedouble == (double) (int64_t) v->valuedouble ? JSON_INT : JSON_DOUBLE;
    if (cJSON_IsString(v))
        return JSON_STRING;
    if (cJSON_IsArray(v))
        return JSON_ARRAY;
    if (cJSON_IsObject(v))
        return JSON_OBJECT;
    return JSON_NULL;
}

const char *json_kind_name(enum json_kind kind) {
    switch (kind) {
    case JSON_NULL:
        return "null";
    case JSON_BOOL:
        return "true or false";
    case JSON_INT:
        return "an integer";
    case JSON_DOUBLE:
        return "a number";
    case JSON_STRING:
        return "a string";
    case JSON_ARRAY:
        return "an array";
    case JSON_OBJECT:
        return "an object";
    }
    return "no JSON value";
}

bool json_bool(const struct json *value) {
    return cJSON_IsTrue(tree(value));
}

int64_t json_int(const struct json *value) {
    return json_kind(value) == JSON_INT ? (int64_t) tree(value)->valuedouble : 0;
}

double json_double(const struct json *value) {
    return cJSON_IsNumber(tree(value)) ? tree(value)->valuedouble : 0;
}

const char *json_string(const struct json *value) {
    return cJSON_IsString(tree(value)) ? tree(value)->valuestring : "";
}

const struct json *json_first(const struct json *container) {
    return container ? borrowed(tree(container)->child) : NULL;
}

const struct json *json_next(const struct json *value) {
    return borrowed(tree(value)->next);
}

const char *json_name(const struct json *member) {
    return tree(member)->string;
}

size_t json_count(const struct json *container) {
    return (size_t) cJSON_GetArraySize(tree(container));
}

const struct json *json_get(const struct json *object, const char *name) {
    const cJSON *v = NULL;

    if (cJSON_IsObject(tree(object)))
        v = cJSON_GetObjectItemCaseSensitive(tree(object), name);
    return v && !cJSON_IsNull(v) ? borrowed(v) : NULL;
}

const char *json_get_string(const struct json *object, const char *name, const char *otherwise) {
    const struct json *v = json_get(object, name);
    return v && json_kind(v) == JSON_STRING ? json_string(v) : otherwise;
}

int64_t json_get_int(const struct json *object, const char *name, int64_t otherwise) {
    const struct json *v = json_get(object, name);
    return v && json_kind(v) == JSON_INT ? json_int(v) : otherwise;
}

bool json_get_bool(const struct json *object, const char *name, bool otherwise) {
    const struct json *v = json_get(object, name);
    return v && json_kind(v) == JSON_BOOL ? json_bool(v) : otherwise;
}

/* 17 digits bring back every double; 15 are tried first since 0.1 should stay "0.1". */
static void print_double(struct jsonw *w, const char *key, double value) {
    GUARD(leave_c_locale) locale_t before = enter_c_locale();
    char text[32];
    int n = snprintf(text, sizeof text, "%.15g", value);

    if (strtod(text, NULL) != value)
        n = snprintf(text, sizeof text, "%.17g", value);
    jsonw_raw(w, key, text, (size_t) n);
}

static void print_value(struct jsonw *w, const char *key, const struct json *value) {
    switch (json_kind(value)) {
    case JSON_NULL:
        jsonw_raw(w, key, "null", 4);
        return;
    case JSON_BOOL:
        jsonw_bool(w, key, json_bool(value));
        return;
    case JSON_INT:
        jsonw_int(w, key, json_int(value));
        return;
    case JSON_DOUBLE:
        print_double(w, key, json_double(value));
        return;
    case JSON_STRING:
        jsonw_string(w, key, json_string(value));
        return;
    case JSON_ARRAY:
        jsonw_array(w, key);
        for (const struct json *v = json_first(value); v; v = json_next(v))
            print_value(w, NULL, v);
        jsonw_end_array(w);
        return;
    case JSON_OBJECT:
        jsonw_object(w, key);
        for (const struct json *v = json_first(value); v; v = json_next(v))
            print_value(w, json_name(v), v);
        jsonw_end_object(w);
        return;
    }
}

int json_print(const struct json *value, struct str *out) {
    struct jsonw w = JSONW_INIT(out);
    print_value(&w, NULL, value);
    return str_error(out);
}

static enum json_kind kind_wanted(enum json_field_kind kind) {
    switch (kind) {
    case JSON_F_STRING:
        return JSON_STRING;
    case JSON_F_BOOL:
        return JSON_BOOL;
    case JSON_F_INT:
    case JSON_F_U64:
    case JSON_F_VALUE:
        break;
    }
    return JSON_INT;
}

static int check_field(const struct json *value, const struct json_field *f, struct err *e) {
    if (!value)
        return f->required ? err_set(e, -EINVAL, "'%s' is missing", f->name) : 0;
    if (f->kind == JSON_F_VALUE)
        return 0;
    enum json_kind want = kind_wanted(f->kind);
    if (json_kind(value) != want)
        return err_set(e, -EINVAL, "'%s' must be %s", f->name, json_kind_name(want));
    if (f->kind == JSON_F_U64 && json_int(value) < 0)
        return err_set(e, -EINVAL, "'%s' must not be negative", f->name);
    return 0;
}

static int set_field(const struct json *value, const struct json_field *f, void *target) {
    void *field = (char *) target + f->offset;
    char *copy;

    switch (f->kind) {
    case JSON_F_STRING:
        copy = strdup(json_string(value));
        if (!copy)
            return -ENOMEM;
        free(*(char **) field);
        *(char **) field = copy;
        break;
    case JSON_F_INT:
        *(int64_t *) field = json_int(value);
        break;
    case JSON_F_U64:
        *(uint64_t *) field = (uint64_t) json_int(value);
        break;
    case JSON_F_BOOL:
        *(bool *) field = json_bool(value);
        break;
    case JSON_F_VALUE:
        *(const struct json **) field = value;
        break;
    }
    return 0;
}

/* All are checked before the first is set, so that a bad member changes nothing. */
int json_fill(const struct json *object, const struct json_field *fields, size_t n, void *target,
              struct err *e) {
    for (size_t i = 0; i < n; i++) {
        int r = check_field(json_get(object, fields[i].name), &fields[i], e);
        if (r < 0)
            return r;
    }
    for (size_t i = 0; i < n; i++) {
        const struct json *value = json_get(object, fields[i].name);
        if (value && set_field(value, &fields[i], target) < 0)
            return err_set(e, -ENOMEM, "no memory for '%s'", fields[i].name);
    }
    return 0;
}
