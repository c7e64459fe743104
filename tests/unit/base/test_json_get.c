/* SPDX-License-Identifier: MIT */
/* wrap: strdup */
#include "supervisor/base/json.h"

#include "supervisor/base/cleanup.h"
#include "supervisor/base/err.h"
#include "supervisor/base/str.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

static bool no_memory;
char *__real_strdup(const char *);
char *__wrap_strdup(const char *text);
char *__wrap_strdup(const char *text) {
    return no_memory ? NULL : __real_strdup(text);
}

static struct json *read_json(const char *text) {
    struct json *doc = NULL;
    assert_int_equal(json_parse(text, strlen(text), &doc, NULL), 0);
    return doc;
}

static void test_kinds(void **state) {
    (void) state;
    CLEANUP(json_free_p) struct json *doc = read_json("[null,true,-7,2.5,\"x\",[],{}]");
    const struct json *v = json_first(doc);

    for (enum json_kind kind = JSON_NULL; kind <= JSON_OBJECT; kind++, v = json_next(v)) {
        assert_int_equal(json_kind(v), kind);
        assert_int_equal(json_bool(v), kind == JSON_BOOL);
        assert_int_equal(json_int(v), kind == JSON_INT ? -7 : 0);
        assert_true(json_double(v) == (kind == JSON_DOUBLE ? 2.5 : kind == JSON_INT ? -7 : 0));
        assert_string_equal(json_string(v), kind == JSON_STRING ? "x" : "");
        assert_null(json_name(v));
        assert_true(strlen(json_kind_name(kind)) > 0);
    }
    assert_null(v);
    assert_int_equal(json_count(doc), 7);
    assert_int_equal(json_kind(NULL), JSON_NULL);
    assert_null(json_first(NULL));
}

static void test_members(void **state) {
    (void) state;
    CLEANUP(json_free_p)
    struct json *doc = read_json("{\"s\":\"text\",\"i\":3,\"b\":true,\"n\":null,\"o\":{\"x\":1}}");

    assert_string_equal(json_name(json_first(doc)), "s");
    assert_null(json_get(doc, "missing"));
    assert_null(json_get(doc, "n"));
    assert_null(json_get(doc, "S"));
    assert_null(json_get(NULL, "s"));
    assert_null(json_get(json_first(doc), "s"));
    assert_int_equal(json_get_int(json_get(doc, "o"), "x", 0), 1);

    assert_string_equal(json_get_string(doc, "s", "other"), "text");
    assert_string_equal(json_get_string(doc, "i", "other"), "other");
    assert_null(json_get_string(doc, "n", NULL));
    assert_int_equal(json_get_int(doc, "i", 9), 3);
    assert_int_equal(json_get_int(doc, "s", 9), 9);
    assert_true(json_get_bool(doc, "b", false));
    assert_true(json_get_bool(doc, "i", true));
}

static void test_a_copy_outlives_its_document(void **state) {
    (void) state;
    struct json *doc = read_json("{\"a\":{\"b\":[1,\"x\"]},\"c\":1}");
    CLEANUP(json_free_p) struct json *copy = json_copy(json_get(doc, "a"));
    CLEANUP(str_clear_p) struct str out = STR_INIT(100);

    assert_null(json_free(doc));
    assert_null(json_next(copy));
    assert_int_equal(json_print(copy, &out), 0);
    assert_string_equal(str_text(&out), "{\"b\":[1,\"x\"]}");
    assert_null(json_copy(NULL));
    assert_null(json_free(NULL));
}

static void test_print_stops_at_the_buffers_limit(void **state) {
    (void) state;
    CLEANUP(json_free_p) struct json *doc = read_json("[\"0123456789\"]");
    CLEANUP(str_clear_p) struct str out = STR_INIT(8);

    assert_int_equal(json_print(doc, &out), -EMSGSIZE);
}

struct target {
    char *name;
    int64_t offset;
    uint64_t size;
    bool on;
    const struct json *any;
};

static const struct json_field fields[] = {
    { "name", JSON_F_STRING, offsetof(struct target, name), true },
    { "offset", JSON_F_INT, offsetof(struct target, offset), false },
    { "size", JSON_F_U64, offsetof(struct target, size), false },
    { "on", JSON_F_BOOL, offsetof(struct target, on), false },
    { "any", JSON_F_VALUE, offsetof(struct target, any), false },
};
#define N_FIELDS (sizeof fields / sizeof fields[0])

static void test_fill_takes_what_is_there(void **state) {
    (void) state;
    CLEANUP(json_free_p)
    struct json *doc = read_json("{\"name\":\"n\",\"offset\":-5,\"size\":9007199254740992,"
                                 "\"on\":true,\"any\":[1],\"unknown\":{}}");
    struct target t = { .name = strdup("old") };

    assert_int_equal(json_fill(doc, fields, N_FIELDS, &t, NULL), 0);
    assert_string_equal(t.name, "n");
    assert_int_equal(t.offset, -5);
    assert_true(t.size == UINT64_C(1) << 53);
    assert_true(t.on);
    assert_ptr_equal(t.any, json_get(doc, "any"));
    free(t.name);
}

static void test_fill_leaves_alone_what_is_missing(void **state) {
    (void) state;
    CLEANUP(json_free_p) struct json *doc = read_json("{\"name\":\"n\",\"size\":null}");
    struct target t = { .offset = 1, .size = 2, .on = true };

    assert_int_equal(json_fill(doc, fields, N_FIELDS, &t, NULL), 0);
    assert_true(t.offset == 1 && t.size == 2 && t.on && !t.any);
    free(t.name);
}

static void test_fill_changes_nothing_when_it_refuses(void **state) {
    (void) state;
    static const char *const rows[][2] = {
        { "{}", "'name' is missing" },
        { "[]", "'name' is missing" },
        { "{\"name\":null}", "'name' is missing" },
        { "{\"name\":1}", "'name' must be a string" },
        { "{\"name\":\"n\",\"offset\":1.5}", "'offset' must be an integer" },
        { "{\"name\":\"n\",\"offset\":\"1\"}", "'offset' must be an integer" },
        { "{\"name\":\"n\",\"offset\":9,\"size\":-1}", "'size' must not be negative" },
        { "{\"name\":\"n\",\"offset\":9,\"size\":{}}", "'size' must be an integer" },
        { "{\"name\":\"n\",\"offset\":9,\"on\":1}", "'on' must be true or false" },
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        CLEANUP(json_free_p) struct json *doc = read_json(rows[i][0]);
        char old[] = "old";
        struct target t = { .name = old, .offset = 1, .size = 2, .on = true };
        struct err e = { 0 };
        assert_int_equal(json_fill(doc, fields, N_FIELDS, &t, &e), -EINVAL);
        assert_string_equal(e.text, rows[i][1]);
        assert_ptr_equal(t.name, old);
        assert_true(t.offset == 1 && t.size == 2 && t.on && !t.any);
    }
}

static void test_fill_without_memory(void **state) {
    (void) state;
    CLEANUP(json_free_p) struct json *doc = read_json("{\"name\":\"n\"}");
    char old[] = "old";
    struct target t = { .name = old };
    struct err e = { 0 };

    no_memory = true;
    int r = json_fill(doc, fields, N_FIELDS, &t, &e);
    no_memory = false;
    assert_int_equal(r, -ENOMEM);
    assert_ptr_equal(t.name, old);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_kinds),
        cmocka_unit_test(test_members),
        cmocka_unit_test(test_a_copy_outlives_its_document),
        cmocka_unit_test(test_print_stops_at_the_buffers_limit),
        cmocka_unit_test(test_fill_takes_what_is_there),
        cmocka_unit_test(test_fill_leaves_alone_what_is_missing),
        cmocka_unit_test(test_fill_changes_nothing_when_it_refuses),
        cmocka_unit_test(test_fill_without_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
