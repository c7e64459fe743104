/* SPDX-License-Identifier: MIT */
#include "supervisor/base/err.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

static void test_set_returns_the_code_and_fills_the_text(void **state) {
    (void) state;
    struct err e = { 0 };

    assert_int_equal(err_set(&e, -ENOENT, "no '%s'", "x"), -ENOENT);
    assert_int_equal(e.code, -ENOENT);
    assert_string_equal(e.text, "no 'x'");
}

static void test_nobody_need_ask_for_the_text(void **state) {
    (void) state;
    assert_int_equal(err_set(NULL, -EIO, "x"), -EIO);
    assert_int_equal(err_wrap(NULL, -EIO, "x"), -EIO);
}

static void test_a_code_that_is_no_failure_becomes_one(void **state) {
    (void) state;
    struct err e = { 0 };

    assert_int_equal(err_set(&e, 0, "x"), -EINVAL);
    assert_int_equal(err_set(&e, ENOENT, "x"), -EINVAL);
    assert_int_equal(err_wrap(&e, 1, "x"), -EINVAL);
    assert_int_equal(e.code, -EINVAL);
}

static void test_wrap_puts_the_context_before(void **state) {
    (void) state;
    struct err e = { 0 };

    (void) !err_set(&e, -ENOENT, "no 'x'");
    assert_int_equal(err_wrap(&e, -ENOENT, "app %d", 7), -ENOENT);
    assert_string_equal(e.text, "app 7: no 'x'");
}

static void test_wrap_of_nothing_is_the_context_alone(void **state) {
    (void) state;
    struct err e = { 0 };

    (void) !err_wrap(&e, -EIO, "app");
    assert_string_equal(e.text, "app");
}

/* Names in it come from peers; a cut may leave half a character. */
static void test_texts_are_plain(void **state) {
    (void) state;
    struct err e = { 0 };

    (void) !err_set(&e, -EINVAL, "'%s'",
                    "a\nb\t\x1b[2J\x7f\xc2\x9b"
                    "c\xff"
                    "\xc3\xa9\xf0\x9f\x98\x80");
    assert_string_equal(e.text,
                        "'a\\x0ab\\x09\\x1b[2J\\x7f\\x9bc\xef\xbf\xbd\xc3\xa9\xf0\x9f\x98\x80'");
    (void) !err_wrap(&e, -EINVAL, "in '%.1s'", "\xc3\xa9");
    assert_string_equal(
        e.text,
        "in '\xef\xbf\xbd': 'a\\x0ab\\x09\\x1b[2J\\x7f\\x9bc\xef\xbf\xbd\xc3\xa9\xf0\x9f\x98\x80'");
}

static void test_long_texts_are_cut_and_ended(void **state) {
    (void) state;
    struct err e = { 0 };
    char longer[2 * sizeof e.text];

    memset(longer, 'a', sizeof longer);
    longer[sizeof longer - 1] = '\0';
    (void) !err_set(&e, -EIO, "%s", longer);
    assert_int_equal(strlen(e.text), sizeof e.text - 1);
    (void) !err_wrap(&e, -EIO, "context");
    assert_int_equal(strncmp(e.text, "context: aaaa", 13), 0);
    assert_true(strlen(e.text) < sizeof e.text);
    (void) !err_wrap(&e, -EIO, "%s", longer);
    assert_int_equal(strlen(e.text), sizeof e.text - 1);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_set_returns_the_code_and_fills_the_text),
        cmocka_unit_test(test_nobody_need_ask_for_the_text),
        cmocka_unit_test(test_a_code_that_is_no_failure_becomes_one),
        cmocka_unit_test(test_wrap_puts_the_context_before),
        cmocka_unit_test(test_wrap_of_nothing_is_the_context_alone),
        cmocka_unit_test(test_texts_are_plain),
        cmocka_unit_test(test_long_texts_are_cut_and_ended),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
