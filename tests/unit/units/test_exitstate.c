/* SPDX-License-Identifier: MIT */
#include "scratch.h"

#include "supervisor/base/err.h"
#include "supervisor/base/json.h"
#include "units/exitstate.h"

#define NOW UINT64_C(1700000000000000)

static int set_up(void **state) {
    static struct scratch s;
    s = scratch_make();
    *state = &s;
    return 0;
}

static int tear_down(void **state) {
    scratch_remove(*state);
    return 0;
}

static int save(const struct scratch *s, const char *text, uint64_t expires, struct err *e) {
    struct json *doc = NULL;
    assert_int_equal(json_parse(text, strlen(text), &doc, NULL), 0);
    int r = exitstate_save(s->fd, doc, expires, e);
    json_free(doc);
    return r;
}

static void test_the_last_one_counts(void **state) {
    struct scratch *s = *state;
    struct json *doc = NULL;
    assert_int_equal(save(s, "{\"page\":1}", NOW + 1, NULL), 0);
    assert_int_equal(save(s, "{\"page\":2,\"nested\":{\"a\":[null,true]}}", NOW + 1, NULL), 0);
    for (int i = 0; i < 2; i++) { /* reading does not drop it */
        assert_int_equal(exitstate_load(s->fd, NOW, &doc, NULL), 0);
        assert_int_equal(json_get_int(doc, "page", 0), 2);
        doc = json_free(doc);
    }
    exitstate_drop(s->fd);
    exitstate_drop(s->fd);
    assert_int_equal(exitstate_load(s->fd, NOW, &doc, NULL), -ENOENT);
    assert_null(doc);
}

static void test_its_time_is_over(void **state) {
    struct scratch *s = *state;
    struct json *untouched = (struct json *) 0x1;
    assert_int_equal(save(s, "{}", NOW, NULL), 0);
    assert_int_equal(exitstate_load(s->fd, NOW, &untouched, NULL), -ENOENT);
    assert_ptr_equal(untouched, (struct json *) 0x1);
    assert_false(is_there(s->fd, EXITSTATE_NAME));
}

static void test_only_an_object_of_some_size(void **state) {
    struct scratch *s = *state;
    static char text[EXITSTATE_MAX + 2];
    struct json *doc = NULL;
    struct err e = { 0 };

    assert_int_equal(save(s, "[1]", NOW + 1, &e), -EINVAL);
    assert_non_null(strstr(e.text, "object"));
    memset(text, 'x', sizeof text);
    memcpy(text, "{\"a\":\"", 6);
    strcpy(text + EXITSTATE_MAX - 2, "\"}");
    assert_int_equal(strlen(text), EXITSTATE_MAX);
    assert_int_equal(save(s, text, NOW + 1, &e), 0);
    assert_int_equal(exitstate_load(s->fd, NOW, &doc, NULL), 0);
    json_free(doc);
    strcpy(text + EXITSTATE_MAX - 2, "x\"}");
    assert_int_equal(save(s, text, NOW + 1, &e), -E2BIG);
    assert_int_equal(exitstate_load(s->fd, NOW, &doc, NULL), 0); /* the old one is still there */
    json_free(doc);
}

/* No exit state is better than half of one, and it must not be in the way of the next start. */
static void test_what_cannot_be_read_is_none(void **state) {
    struct scratch *s = *state;
    static const char whole[] = "{\"expires_at_usec\":1800000000000000,\"data\":{\"a\":1}}";
    static const char *const texts[] = {
        "[]",
        "{\"data\":{}}",
        "{\"expires_at_usec\":1800000000000000,\"data\":7}",
        "{\"expires_at_usec\":\"x\",\"data\":{}}",
        "{\"expires_at_usec\":-1,\"data\":{}}",
    };
    struct json *doc = NULL;

    put_file(s->fd, EXITSTATE_NAME, whole, 0600);
    assert_int_equal(exitstate_load(s->fd, NOW, &doc, NULL), 0);
    doc = json_free(doc);
    for (size_t n = 0; n < sizeof whole - 1; n++) {
        put_bytes(s->fd, EXITSTATE_NAME, whole, n, 0600);
        assert_int_equal(exitstate_load(s->fd, NOW, &doc, NULL), -ENOENT);
        assert_false(is_there(s->fd, EXITSTATE_NAME));
    }
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        put_file(s->fd, EXITSTATE_NAME, texts[i], 0600);
        assert_int_equal(exitstate_load(s->fd, NOW, &doc, NULL), -ENOENT);
    }
    put_file(s->fd, "elsewhere", whole, 0600);
    assert_int_equal(symlinkat("elsewhere", s->fd, EXITSTATE_NAME), 0);
    assert_int_equal(exitstate_load(s->fd, NOW, &doc, NULL), -ENOENT);
    assert_null(doc);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_the_last_one_counts, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_its_time_is_over, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_only_an_object_of_some_size, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_what_cannot_be_read_is_none, set_up, tear_down),
    };
    return cmocka_run_group_tests_name("units/exitstate", tests, NULL, NULL);
}
