/* SPDX-License-Identifier: MIT
 * test_varlink.c - calls and replies, to text and back. */
#include "supervisor/wire/varlink.h"

#include "supervisor/base/err.h"
#include "supervisor/base/json.h"
#include "supervisor/base/str.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static const char good_call[] =
    "{\"method\":\"org.miniprog.Supervisor.Open\",\"parameters\":{\"id\":\"a.b\"},"
    "\"more\":true,\"upgrade\":false,\"org.example\":{\"x\":[1]}}";
static const char good_reply[] =
    "{\"error\":\"org.miniprog.Supervisor.NoSuchApp\",\"parameters\":{\"id\":\"a.b\"}}";

static void test_a_call_is_read(void **state) {
    (void) state;
    struct varlink_call c;

    assert_int_equal(varlink_call_parse(good_call, strlen(good_call), &c, NULL), 0);
    assert_string_equal(c.method, "org.miniprog.Supervisor.Open");
    assert_string_equal(json_get_string(c.parameters, "id", ""), "a.b");
    assert_true(c.more);
    assert_false(c.oneway);
    assert_false(c.upgrade);
    varlink_call_clear(&c);
    assert_null(c.doc);
    varlink_call_clear(&c);
}

static void test_what_may_be_left_out_of_a_call(void **state) {
    (void) state;
    static const char *const texts[] = {
        "{\"method\":\"a.B\"}",
        "{\"method\":\"a.B\",\"parameters\":null,\"more\":null,\"oneway\":null,\"upgrade\":null}",
        " { \"more\" : false , \"method\" : \"a.B\" } ",
    };

    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        struct varlink_call c;
        assert_int_equal(varlink_call_parse(texts[i], strlen(texts[i]), &c, NULL), 0);
        assert_string_equal(c.method, "a.B");
        assert_null(c.parameters);
        assert_false(c.more || c.oneway || c.upgrade);
        varlink_call_clear(&c);
    }
}

static void test_flags_are_told_apart(void **state) {
    (void) state;
    struct varlink_call c;
    const char *oneway = "{\"method\":\"a.B\",\"oneway\":true}";
    const char *upgrade = "{\"method\":\"a.B\",\"upgrade\":true}";

    assert_int_equal(varlink_call_parse(oneway, strlen(oneway), &c, NULL), 0);
    assert_true(c.oneway && !c.more && !c.upgrade);
    varlink_call_clear(&c);
    assert_int_equal(varlink_call_parse(upgrade, strlen(upgrade), &c, NULL), 0);
    assert_true(c.upgrade && !c.more && !c.oneway);
    varlink_call_clear(&c);
}

struct bad {
    const char *text, *says; /* says: part of the sentence */
};

static const struct bad bad_calls[] = {
    { "", "an empty message" },
    { "hello", "" },
    { "[]", "a message must be an object, not an array" },
    { "null", "a message must be an object" },
    { "{}", "'method' is missing" },
    { "{\"method\":null}", "'method' is missing" },
    { "{\"method\":1}", "'method' must be a string, not an integer" },
    { "{\"method\":\"a.B\",\"parameters\":[]}", "'parameters' must be an object, not an array" },
    { "{\"method\":\"a.B\",\"more\":1}", "'more' must be true or false" },
    { "{\"method\":\"a.B\",\"oneway\":\"yes\"}", "'oneway' must be" },
    { "{\"method\":\"a.B\",\"upgrade\":{}}", "'upgrade' must be" },
    { "{\"method\":\"a.B\",\"more\":true,\"oneway\":true}", "'more' and 'oneway'" },
    { "{\"method\":\"a.B\",\"method\":\"a.C\"}", "" },
    { "{\"method\":\"a.B\"} {}", "" },
    { "{\"method\":\"a.B\xff\"}", "" },
    { "{\"method\":\"a\\u0000.B\"}", "" },
};

static void expect_bad_call(const char *text, size_t len, const char *says) {
    struct varlink_call c = { .method = "untouched" };
    struct err e = { 0 };

    if (varlink_call_parse(text, len, &c, &e) != -EINVAL)
        fail_msg("taken for a call: %.*s", (int) len, text);
    assert_string_equal(c.method, "untouched");
    assert_null(c.doc);
    assert_int_equal(e.code, -EINVAL);
    assert_true(strlen(e.text) > 0);
    if (!strstr(e.text, says))
        fail_msg("'%s' does not say '%s'", e.text, says);
}

static void test_what_is_no_call(void **state) {
    (void) state;
    for (size_t i = 0; i < sizeof bad_calls / sizeof *bad_calls; i++)
        expect_bad_call(bad_calls[i].text, strlen(bad_calls[i].text), bad_calls[i].says);
}

static void test_a_call_cut_anywhere_is_no_call(void **state) {
    (void) state;
    for (size_t n = 0; n < strlen(good_call); n++)
        expect_bad_call(good_call, n, "");
}

static void test_nesting_is_bounded(void **state) {
    (void) state;
    struct str s = STR_INIT(4096);

    (void) str_puts(&s, "{\"method\":\"a.B\",\"parameters\":{\"x\":");
    for (int i = 0; i < 200; i++)
        (void) str_putc(&s, '[');
    for (int i = 0; i < 200; i++)
        (void) str_putc(&s, ']');
    (void) str_puts(&s, "}}");
    expect_bad_call(s.data, s.len, "");
    str_clear(&s);
}

static void test_a_reply_is_read(void **state) {
    (void) state;
    struct varlink_reply r;
    const char *stream = "{\"parameters\":{\"line\":\"x\"},\"continues\":true,\"other\":1}";
    const char *bare = "{\"error\":null,\"parameters\":null,\"continues\":null}";

    assert_int_equal(varlink_reply_parse(good_reply, strlen(good_reply), &r, NULL), 0);
    assert_string_equal(r.error, "org.miniprog.Supervisor.NoSuchApp");
    assert_string_equal(json_get_string(r.parameters, "id", ""), "a.b");
    assert_false(r.continues);
    varlink_reply_clear(&r);
    assert_null(r.doc);

    assert_int_equal(varlink_reply_parse(stream, strlen(stream), &r, NULL), 0);
    assert_null(r.error);
    assert_true(r.continues);
    varlink_reply_clear(&r);

    assert_int_equal(varlink_reply_parse(bare, strlen(bare), &r, NULL), 0);
    assert_null(r.error);
    assert_null(r.parameters);
    assert_false(r.continues);
    varlink_reply_clear(&r);
}

static void expect_bad_reply(const char *text, size_t len, const char *says) {
    struct varlink_reply r = { .error = "untouched" };
    struct err e = { 0 };

    assert_int_equal(varlink_reply_parse(text, len, &r, &e), -EINVAL);
    assert_string_equal(r.error, "untouched");
    assert_null(r.doc);
    if (!strstr(e.text, says))
        fail_msg("'%s' does not say '%s'", e.text, says);
}

static void test_what_is_no_reply(void **state) {
    (void) state;
    static const struct bad bad[] = {
        { "", "an empty message" },
        { "true", "a message must be an object" },
        { "{\"error\":1}", "'error' must be a string" },
        { "{\"parameters\":\"\"}", "'parameters' must be an object" },
        { "{\"continues\":0}", "'continues' must be" },
        { "{\"error\":\"a.B\",\"continues\":true}", "an error is the last reply" },
    };

    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        expect_bad_reply(bad[i].text, strlen(bad[i].text), bad[i].says);
    for (size_t n = 0; n < strlen(good_reply); n++)
        expect_bad_reply(good_reply, n, "");
}

static void test_split_at_the_last_dot(void **state) {
    (void) state;
    static const char *const none[] = { "", "Open", ".Open", "org.miniprog.", "." };
    char interface[24];
    const char *member;

    assert_int_equal(varlink_split("org.miniprog.Supervisor.Open", interface, 24, &member), 0);
    assert_string_equal(interface, "org.miniprog.Supervisor");
    assert_string_equal(member, "Open");

    (void) strcpy(interface, "kept");
    member = "kept";
    assert_int_equal(varlink_split("org.miniprog.Supervisor.Open", interface, 23, &member),
                     -ENAMETOOLONG);
    for (size_t i = 0; i < sizeof none / sizeof *none; i++)
        assert_int_equal(varlink_split(none[i], interface, sizeof interface, &member), -EINVAL);
    assert_string_equal(interface, "kept");
    assert_string_equal(member, "kept");
}

/* The text that was written, with the NUL that ends it. */
static void expect_text(const struct str *out, const char *text) {
    assert_int_equal(str_error(out), 0);
    assert_int_equal(out->len, strlen(text) + 1);
    assert_string_equal(out->data, text);
    assert_int_equal(out->data[out->len - 1], '\0');
}

static void test_messages_are_written(void **state) {
    (void) state;
    struct str out = STR_INIT(4096);
    struct jsonw w;

    varlink_begin_call(&w, &out, "a.B", false, false);
    varlink_end(&w);
    expect_text(&out, "{\"method\":\"a.B\",\"parameters\":{}}");
    str_reset(&out);

    varlink_begin_call(&w, &out, "a.\"B", true, false);
    jsonw_int(&w, "x", 1);
    jsonw_int(&w, "y", 2);
    varlink_end(&w);
    expect_text(&out, "{\"method\":\"a.\\\"B\",\"more\":true,\"parameters\":{\"x\":1,\"y\":2}}");
    str_reset(&out);

    varlink_begin_call(&w, &out, "a.B", false, true);
    varlink_end(&w);
    expect_text(&out, "{\"method\":\"a.B\",\"oneway\":true,\"parameters\":{}}");
    str_reset(&out);

    varlink_begin_reply(&w, &out, true);
    jsonw_string(&w, "line", "x");
    varlink_end(&w);
    expect_text(&out, "{\"continues\":true,\"parameters\":{\"line\":\"x\"}}");
    str_reset(&out);

    varlink_begin_reply(&w, &out, false);
    varlink_end(&w);
    expect_text(&out, "{\"parameters\":{}}");
    str_reset(&out);

    varlink_begin_error(&w, &out, "a.E");
    jsonw_string(&w, "id", "b");
    jsonw_int(&w, "errno", 2);
    varlink_end(&w);
    expect_text(&out, "{\"error\":\"a.E\",\"parameters\":{\"id\":\"b\",\"errno\":2}}");
    str_clear(&out);
}

static void test_messages_stand_one_after_another(void **state) {
    (void) state;
    static const char both[] = "{\"parameters\":{\"a\":1}}\0{\"parameters\":{\"b\":2}}";
    struct str out = STR_INIT(4096);
    struct jsonw w;

    varlink_begin_reply(&w, &out, false);
    jsonw_int(&w, "a", 1);
    varlink_end(&w);
    varlink_begin_reply(&w, &out, false);
    jsonw_int(&w, "b", 2);
    varlink_end(&w);
    assert_int_equal(out.len, sizeof both);
    assert_memory_equal(out.data, both, sizeof both);
    str_clear(&out);
}

static void test_a_full_buffer_is_an_error_once_and_for_all(void **state) {
    (void) state;
    for (size_t max = 0; max < 40; max++) {
        struct str out = STR_INIT(max);
        struct jsonw w;
        varlink_begin_reply(&w, &out, true);
        jsonw_string(&w, "line", "x");
        varlink_end(&w);
        assert_int_equal(str_error(&out), -EMSGSIZE);
        assert_true(out.len <= max);
        str_clear(&out);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_call_is_read),
        cmocka_unit_test(test_what_may_be_left_out_of_a_call),
        cmocka_unit_test(test_flags_are_told_apart),
        cmocka_unit_test(test_what_is_no_call),
        cmocka_unit_test(test_a_call_cut_anywhere_is_no_call),
        cmocka_unit_test(test_nesting_is_bounded),
        cmocka_unit_test(test_a_reply_is_read),
        cmocka_unit_test(test_what_is_no_reply),
        cmocka_unit_test(test_split_at_the_last_dot),
        cmocka_unit_test(test_messages_are_written),
        cmocka_unit_test(test_messages_stand_one_after_another),
        cmocka_unit_test(test_a_full_buffer_is_an_error_once_and_for_all),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
