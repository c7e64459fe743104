/* SPDX-License-Identifier: MIT
 * test_frame.c - bytes to messages, however they arrive. */
#include "supervisor/wire/frame.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define MAX 16

/* Three messages, an empty one among them, and a beginning. */
static const char stream[] = "{\"a\":1}\0\0{\"bc\":\"d\"}\0{\"ne";
#define STREAM_LEN (sizeof stream - 1)
static const char *const messages[] = { "{\"a\":1}", "", "{\"bc\":\"d\"}" };
#define MESSAGES (sizeof messages / sizeof *messages)

static size_t expect_messages(struct frame *f, size_t from) {
    const char *text;
    size_t len;

    while (frame_next(f, &text, &len) == 1) {
        assert_true(from < MESSAGES);
        assert_int_equal(len, strlen(messages[from]));
        assert_string_equal(text, messages[from]);
        from++;
    }
    return from;
}

static void expect_rest(struct frame *f) {
    assert_int_equal(f->in.len, 4);
    assert_memory_equal(f->in.data, "{\"ne", 4);
}

static void test_every_split_gives_the_same_messages(void **state) {
    (void) state;
    for (size_t i = 0; i <= STREAM_LEN; i++)
        for (size_t j = i; j <= STREAM_LEN; j++) {
            struct frame f;
            size_t got = 0;
            frame_init(&f, MAX);
            assert_int_equal(frame_push(&f, stream, i), 0);
            got = expect_messages(&f, got);
            assert_int_equal(frame_push(&f, stream + i, j - i), 0);
            got = expect_messages(&f, got);
            assert_int_equal(frame_push(&f, stream + j, STREAM_LEN - j), 0);
            got = expect_messages(&f, got);
            assert_int_equal(got, MESSAGES);
            expect_rest(&f);
            frame_clear(&f);
        }
}

static void test_byte_by_byte(void **state) {
    (void) state;
    struct frame f;
    size_t got = 0;

    frame_init(&f, MAX);
    for (size_t i = 0; i < STREAM_LEN; i++) {
        assert_int_equal(frame_push(&f, stream + i, 1), 0);
        got = expect_messages(&f, got);
    }
    assert_int_equal(got, MESSAGES);
    expect_rest(&f);
    frame_clear(&f);
}

static void test_pushes_may_come_between_messages(void **state) {
    (void) state;
    struct frame f;
    const char *text;
    size_t len;

    frame_init(&f, MAX);
    assert_int_equal(frame_push(&f, "one\0two\0thr", 11), 0);
    assert_int_equal(frame_next(&f, &text, &len), 1);
    assert_string_equal(text, "one");
    assert_int_equal(frame_push(&f, "ee\0", 3), 0);
    assert_int_equal(frame_next(&f, &text, &len), 1);
    assert_string_equal(text, "two");
    assert_int_equal(frame_next(&f, &text, &len), 1);
    assert_string_equal(text, "three");
    assert_int_equal(frame_next(&f, &text, &len), 0);
    frame_clear(&f);
}

static void test_nuls_in_a_row_are_empty_messages(void **state) {
    (void) state;
    struct frame f;
    const char *text;
    size_t len = 7;

    frame_init(&f, MAX);
    assert_int_equal(frame_push(&f, "\0\0\0", 3), 0);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(frame_next(&f, &text, &len), 1);
        assert_int_equal(len, 0);
        assert_string_equal(text, "");
    }
    assert_int_equal(frame_next(&f, &text, &len), 0);
    frame_clear(&f);
}

static void test_results_stay_when_there_is_no_message(void **state) {
    (void) state;
    struct frame f;
    const char *text = "untouched";
    size_t len = 4711;

    frame_init(&f, MAX);
    assert_int_equal(frame_next(&f, &text, &len), 0);
    assert_int_equal(frame_push(&f, "half", 4), 0);
    assert_int_equal(frame_next(&f, &text, &len), 0);
    assert_string_equal(text, "untouched");
    assert_int_equal(len, 4711);
    frame_clear(&f);
}

static void test_the_longest_message_passes_and_one_more_byte_does_not(void **state) {
    (void) state;
    char bytes[MAX + 2];
    struct frame f;
    const char *text = NULL;
    size_t len;

    memset(bytes, 'x', sizeof bytes);
    bytes[MAX] = '\0';
    frame_init(&f, MAX);
    assert_int_equal(frame_push(&f, bytes, MAX + 1), 0);
    assert_int_equal(frame_next(&f, &text, &len), 1);
    assert_int_equal(len, MAX);
    frame_clear(&f);

    /* Refused as soon as it is too long, not only when its NUL comes. */
    bytes[MAX] = 'x';
    frame_init(&f, MAX);
    assert_int_equal(frame_push(&f, bytes, MAX), 0);
    assert_int_equal(frame_push(&f, "x", 1), -EMSGSIZE);
    text = NULL;
    assert_int_equal(frame_next(&f, &text, &len), -EMSGSIZE);
    assert_null(text);
    assert_int_equal(frame_push(&f, "\0", 1), -EMSGSIZE);
    frame_clear(&f);

    bytes[MAX + 1] = '\0';
    frame_init(&f, MAX);
    assert_int_equal(frame_push(&f, bytes, MAX + 2), -EMSGSIZE);
    frame_clear(&f);
}

static void test_a_good_message_before_a_long_one_is_handed_out(void **state) {
    (void) state;
    char bytes[MAX + 4];
    struct frame f;
    const char *text;
    size_t len;

    memset(bytes, 'x', sizeof bytes);
    bytes[1] = '\0';
    frame_init(&f, MAX);
    assert_int_equal(frame_push(&f, bytes, sizeof bytes), 0);
    assert_int_equal(frame_next(&f, &text, &len), 1);
    assert_string_equal(text, "x");
    assert_int_equal(frame_next(&f, &text, &len), -EMSGSIZE);
    frame_clear(&f);
}

/* A caller that pushes and never takes is stopped, and so is the memory. */
static void test_what_waits_is_bounded(void **state) {
    (void) state;
    static const char zeros[4096];
    struct frame f;
    size_t pushed = 0;
    int r;

    frame_init(&f, MAX);
    while ((r = frame_push(&f, zeros, sizeof zeros)) == 0)
        pushed += sizeof zeros;
    assert_int_equal(r, -EMSGSIZE);
    assert_true(pushed <= MAX + 1 + FRAME_PUSH_MAX);
    assert_true(pushed >= FRAME_PUSH_MAX);
    assert_true(f.in.cap <= 2 * (MAX + 1 + FRAME_PUSH_MAX));
    frame_clear(&f);
}

/* Bytes were lost, so whatever comes after them is no message. */
static void test_a_failure_is_for_good(void **state) {
    (void) state;
    const size_t n = MAX + 1 + FRAME_PUSH_MAX + 1;
    char *zeros = calloc(1, n);
    struct frame f;
    const char *text;
    size_t len;

    assert_non_null(zeros);
    frame_init(&f, MAX);
    assert_int_equal(frame_push(&f, zeros, n), -EMSGSIZE);
    assert_int_equal(frame_push(&f, "a", 2), -EMSGSIZE);
    assert_int_equal(frame_next(&f, &text, &len), -EMSGSIZE);
    frame_clear(&f);
    free(zeros);
}

static void test_memory_is_given_back(void **state) {
    (void) state;
    const size_t n = 50000;
    struct frame f;
    const char *text;
    size_t len;
    char *bytes = calloc(1, n + 1);

    assert_non_null(bytes);
    memset(bytes, 'x', n);
    frame_init(&f, FRAME_MAX_APP);
    assert_null(f.in.data);
    assert_int_equal(frame_push(&f, bytes, n + 1), 0);
    assert_int_equal(frame_next(&f, &text, &len), 1);
    assert_int_equal(len, n);
    assert_int_equal(frame_next(&f, &text, &len), 0);
    assert_null(f.in.data);
    assert_int_equal(f.in.cap, 0);

    assert_int_equal(frame_push(&f, "again", 6), 0);
    assert_int_equal(frame_next(&f, &text, &len), 1);
    assert_string_equal(text, "again");
    frame_clear(&f);
    assert_null(f.in.data);
    free(bytes);
}

/* A frame may be used again after it was cleared in the middle of a message. */
static void test_clear_forgets(void **state) {
    (void) state;
    struct frame f;
    const char *text;
    size_t len;

    frame_init(&f, MAX);
    assert_int_equal(frame_push(&f, "one\0tw", 6), 0);
    assert_int_equal(frame_next(&f, &text, &len), 1);
    frame_clear(&f);
    assert_int_equal(frame_push(&f, "new", 4), 0);
    assert_int_equal(frame_next(&f, &text, &len), 1);
    assert_string_equal(text, "new");
    frame_clear(&f);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_split_gives_the_same_messages),
        cmocka_unit_test(test_byte_by_byte),
        cmocka_unit_test(test_pushes_may_come_between_messages),
        cmocka_unit_test(test_nuls_in_a_row_are_empty_messages),
        cmocka_unit_test(test_results_stay_when_there_is_no_message),
        cmocka_unit_test(test_the_longest_message_passes_and_one_more_byte_does_not),
        cmocka_unit_test(test_a_good_message_before_a_long_one_is_handed_out),
        cmocka_unit_test(test_what_waits_is_bounded),
        cmocka_unit_test(test_a_failure_is_for_good),
        cmocka_unit_test(test_memory_is_given_back),
        cmocka_unit_test(test_clear_forgets),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
