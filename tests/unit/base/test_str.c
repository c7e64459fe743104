/* SPDX-License-Identifier: MIT */
/* wrap: realloc */
#include "supervisor/base/str.h"

#include "supervisor/base/cleanup.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

static bool no_memory;
void *__real_realloc(void *, size_t);
void *__wrap_realloc(void *p, size_t n);
void *__wrap_realloc(void *p, size_t n) {
    return no_memory ? NULL : __real_realloc(p, n);
}

static void test_pieces_come_together(void **state) {
    (void) state;
    CLEANUP(str_clear_p) struct str s = STR_INIT(1000);

    assert_string_equal(str_text(&s), "");
    assert_int_equal(str_puts(&s, "one"), 0);
    assert_int_equal(str_putc(&s, ' '), 0);
    assert_int_equal(str_append(&s, "two\0!", 5), 0);
    assert_int_equal(str_printf(&s, "%d", 3), 0);
    assert_int_equal(s.len, 10);
    assert_memory_equal(s.data, "one two\0!3", 11);
}

static void test_every_length_up_to_the_limit_and_not_one_more(void **state) {
    (void) state;
    for (size_t max = 0; max < 300; max++) {
        CLEANUP(str_clear_p) struct str s = STR_INIT(max);
        for (size_t i = 0; i < max; i++)
            assert_int_equal(i % 2 ? str_putc(&s, 'x') : str_printf(&s, "%c", 'x'), 0);
        assert_int_equal(str_putc(&s, 'y'), -EMSGSIZE);
        assert_int_equal(s.len, max);
        assert_int_equal(strlen(str_text(&s)), max);
        assert_true(s.cap <= max + 1);
    }
}

static void test_the_first_error_sticks(void **state) {
    (void) state;
    CLEANUP(str_clear_p) struct str s = STR_INIT(4);

    assert_int_equal(str_puts(&s, "abc"), 0);
    assert_int_equal(str_puts(&s, "de"), -EMSGSIZE);
    assert_int_equal(str_puts(&s, "d"), -EMSGSIZE);
    assert_int_equal(str_printf(&s, "d"), -EMSGSIZE);
    assert_int_equal(str_error(&s), -EMSGSIZE);
    assert_string_equal(str_text(&s), "abc");
    str_reset(&s);
    assert_int_equal(str_puts(&s, "abcd"), 0);
}

static void test_printf_longer_than_the_room_left(void **state) {
    (void) state;
    CLEANUP(str_clear_p) struct str s = STR_INIT(4096);
    char many[1000];

    memset(many, 'm', sizeof many);
    many[sizeof many - 1] = '\0';
    assert_int_equal(str_printf(&s, "<%s>", many), 0);
    assert_int_equal(s.len, 1001);
    assert_int_equal(s.data[1000], '>');

    str_reset(&s);
    s.max = 10;
    assert_int_equal(str_puts(&s, "12345"), 0);
    assert_int_equal(str_printf(&s, "%s", many), -EMSGSIZE);
    assert_string_equal(str_text(&s), "12345"); /* nothing of what did not fit */
}

static void test_consume_takes_from_the_front(void **state) {
    (void) state;
    CLEANUP(str_clear_p) struct str s = STR_INIT(100);

    str_consume(&s, 0);
    str_consume(&s, 5); /* of nothing */
    (void) str_puts(&s, "abcdef");
    str_consume(&s, 2);
    assert_string_equal(str_text(&s), "cdef");
    str_consume(&s, 4);
    assert_string_equal(str_text(&s), "");
    assert_int_equal(s.len, 0);
}

static void test_take_gives_the_text_away(void **state) {
    (void) state;
    CLEANUP(str_clear_p) struct str s = STR_INIT(100);
    CLEANUP(free_p) char *text = NULL;
    CLEANUP(free_p) char *empty = NULL;

    (void) str_puts(&s, "abc");
    text = str_take(&s);
    assert_string_equal(text, "abc");
    assert_null(s.data);
    empty = str_take(&s);
    assert_string_equal(empty, "");

    s.max = 2;
    (void) str_puts(&s, "abc");
    assert_null(str_take(&s));
    assert_int_equal(str_error(&s), 0);
}

static void test_without_memory_the_text_stays(void **state) {
    (void) state;
    CLEANUP(str_clear_p) struct str s = STR_INIT(100000);
    char many[1000] = { 0 };

    (void) str_puts(&s, "abc");
    no_memory = true;
    int r = str_append(&s, many, sizeof many);
    no_memory = false;
    assert_int_equal(r, -ENOMEM);
    assert_string_equal(str_text(&s), "abc");
    assert_int_equal(str_puts(&s, "d"), -ENOMEM); /* sticks though there is memory again */
    str_clear(&s);
    no_memory = true;
    assert_null(str_take(&s));
    no_memory = false;
}

static void test_no_limit_does_not_overflow(void **state) {
    (void) state;
    CLEANUP(str_clear_p) struct str s = STR_INIT(SIZE_MAX);

    assert_int_equal(str_puts(&s, "abc"), 0);
    assert_int_equal(str_append(&s, "", SIZE_MAX - 3), -EMSGSIZE);
    assert_int_equal(s.len, 3);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pieces_come_together),
        cmocka_unit_test(test_every_length_up_to_the_limit_and_not_one_more),
        cmocka_unit_test(test_the_first_error_sticks),
        cmocka_unit_test(test_printf_longer_than_the_room_left),
        cmocka_unit_test(test_consume_takes_from_the_front),
        cmocka_unit_test(test_take_gives_the_text_away),
        cmocka_unit_test(test_without_memory_the_text_stays),
        cmocka_unit_test(test_no_limit_does_not_overflow),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
