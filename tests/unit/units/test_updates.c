/* SPDX-License-Identifier: MIT
 * What a state remembers of updates: it comes back as it went, and nothing of others is lost. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "supervisor/base/err.h"
#include "units/updates.h"

#define HASH_A "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define HASH_B "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
/* of a key made for this test */
#define KEY "RWQAAQIDBAUGB6urq6urq6urq6urq6urq6urq6urq6urq6urq6urq6ur"

static void test_all_comes_back(void **state) {
    (void) state;
    struct updates u = { .tries = 2,
                         .taken = true,
                         .retreat = true,
                         .held = 7,
                         .floor = 3,
                         .sequence = 12,
                         .minimum = 4,
                         .seen = 1700000000,
                         .offered = 9,
                         .key = KEY,
                         .current_file = HASH_A,
                         .pending_file = HASH_B };
    struct updates v;
    char *rest = strdup("{\"other\":[1,2],\"update\":{\"tries\":9,\"new\":true}}");

    u.url = strdup("https://apps.example/index");
    u.unknown = strdup("{\"later\":{\"x\":1}}");
    assert_int_equal(updates_note_failed(&u, HASH_A, 5, "it crashed"), 0);
    assert_int_equal(updates_write(&u, &rest, NULL), 0);
    assert_non_null(strstr(rest, "\"other\":[1,2]"));
    assert_int_equal(updates_read(rest, &v, NULL), 0);
    assert_int_equal(v.tries, 2);
    assert_true(v.taken);
    assert_true(v.retreat);
    assert_int_equal(v.held, 7);
    assert_int_equal(v.floor, 3);
    assert_int_equal(v.sequence, 12);
    assert_int_equal(v.minimum, 4);
    assert_int_equal(v.seen, 1700000000);
    assert_int_equal(v.offered, 9);
    assert_string_equal(v.key, KEY);
    assert_string_equal(v.url, "https://apps.example/index");
    assert_string_equal(v.current_file, HASH_A);
    assert_string_equal(v.pending_file, HASH_B);
    assert_int_equal(v.n_failed, 1);
    assert_int_equal(v.failed[0].code, 5);
    assert_string_equal(v.failed[0].reason, "it crashed");
    assert_string_equal(v.unknown, "{\"later\":{\"x\":1}}");
    updates_clear(&u);
    updates_clear(&v);
    free(rest);
}

static void test_nothing_is_nothing(void **state) {
    (void) state;
    static const char *const texts[] = {
        NULL, "{}", "[]", "{\"update\":3}", "{\"update\":{}}", "{\"update\":", ""
    };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        struct updates u = { .tries = 77 };
        const struct updates empty = { 0 };
        assert_int_equal(updates_read(texts[i], &u, NULL), 0);
        assert_memory_equal(&u, &empty, sizeof u);
    }
}

static void test_what_is_not_of_its_form_is_passed_over(void **state) {
    (void) state;
    struct updates u;
    assert_int_equal(updates_read("{\"update\":{\"tries\":-1,\"held\":\"x\",\"key\":\"RWQ\","
                                  "\"current_file\":\"zz\",\"url\":4,\"failed\":[{\"hash\":\"q\"},"
                                  "3,{\"hash\":\"" HASH_B "\",\"code\":-4}]}}",
                                  &u, NULL),
                     0);
    assert_int_equal(u.tries, 0);
    assert_int_equal(u.held, 0);
    assert_string_equal(u.key, "");
    assert_string_equal(u.current_file, "");
    assert_null(u.url);
    assert_int_equal(u.n_failed, 1);
    assert_int_equal(u.failed[0].code, 0);
    updates_clear(&u);
}

static void test_every_prefix_is_survived(void **state) {
    (void) state;
    const char *text = "{\"update\":{\"tries\":2,\"taken\":true,\"url\":\"https://a/b\",\"failed\":"
                       "[{\"hash\":\"" HASH_A "\",\"code\":5,\"reason\":\"r\"}],\"more\":[]}}";
    for (size_t n = 0; n <= strlen(text); n++) {
        char part[512];
        struct updates u;
        (void) snprintf(part, sizeof part, "%.*s", (int) n, text);
        assert_int_equal(updates_read(part, &u, NULL), 0);
        assert_int_equal(u.tries, n == strlen(text) ? 2 : 0);
        updates_clear(&u);
    }
}

static void test_a_rest_that_is_no_object_is_left_alone(void **state) {
    (void) state;
    struct updates u = { .tries = 1 };
    char *rest = strdup("[1]");
    struct err e = { 0 };
    assert_int_equal(updates_write(&u, &rest, &e), -EINVAL);
    assert_string_equal(rest, "[1]");
    free(rest);
}

static void test_failures_are_few_and_each_once(void **state) {
    (void) state;
    struct updates u = { 0 };
    char hash[65];

    for (unsigned i = 1; i <= UPDATES_FAILED_MAX + 3; i++) {
        (void) snprintf(hash, sizeof hash, "%064x", i);
        assert_int_equal(updates_note_failed(&u, hash, i, "x"), 0);
    }
    assert_int_equal(u.n_failed, UPDATES_FAILED_MAX);
    assert_int_equal(u.failed[0].code, 4); /* the oldest went */
    (void) snprintf(hash, sizeof hash, "%064x", 5);
    assert_int_equal(updates_note_failed(&u, hash, 5, "again"), 0);
    assert_int_equal(u.n_failed, UPDATES_FAILED_MAX);
    assert_string_equal(u.failed[UPDATES_FAILED_MAX - 1].reason, "again");
    assert_string_equal(updates_failed_code(&u, 5)->reason, "again");
    updates_forgive(&u, hash);
    assert_null(updates_failed_code(&u, 5));
    assert_int_equal(u.n_failed, UPDATES_FAILED_MAX - 1);
    updates_clear(&u);
}

#define MINUTE (UINT64_C(60) * 1000000)

static void test_waits_grow_up_to_the_most(void **state) {
    (void) state;
    static const uint64_t waits[] = { 1, 2, 4, 8, 16, 30, 30 };
    uint64_t before = 0;
    for (size_t i = 0; i < sizeof waits / sizeof waits[0]; i++) {
        before = updates_next_wait(before, 30 * MINUTE);
        assert_int_equal(before, waits[i] * MINUTE);
    }
    assert_int_equal(updates_next_wait(0, MINUTE / 2), MINUTE / 2);
    assert_int_equal(updates_next_wait(MINUTE, MINUTE / 2), MINUTE / 2); /* it was reloaded */
    assert_int_equal(updates_next_wait(UINT64_MAX / 2 + 1, UINT64_MAX), UINT64_MAX);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_all_comes_back),
        cmocka_unit_test(test_nothing_is_nothing),
        cmocka_unit_test(test_what_is_not_of_its_form_is_passed_over),
        cmocka_unit_test(test_every_prefix_is_survived),
        cmocka_unit_test(test_a_rest_that_is_no_object_is_left_alone),
        cmocka_unit_test(test_failures_are_few_and_each_once),
        cmocka_unit_test(test_waits_grow_up_to_the_most),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
