/* SPDX-License-Identifier: MIT */
/* wrap: realloc malloc calloc getrandom */
#include "supervisor/base/map.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <cmocka.h>

#define MANY 5000

static bool no_memory, no_random;
void *__real_malloc(size_t);
void *__real_calloc(size_t, size_t);
void *__real_realloc(void *, size_t);
ssize_t __real_getrandom(void *, size_t, unsigned);
void *__wrap_malloc(size_t n);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_realloc(void *p, size_t n);
ssize_t __wrap_getrandom(void *buf, size_t n, unsigned flags);
void *__wrap_malloc(size_t n) {
    return no_memory ? NULL : __real_malloc(n);
}
void *__wrap_calloc(size_t n, size_t size) {
    return no_memory ? NULL : __real_calloc(n, size);
}
void *__wrap_realloc(void *p, size_t n) {
    return no_memory ? NULL : __real_realloc(p, n);
}
ssize_t __wrap_getrandom(void *buf, size_t n, unsigned flags) {
    if (no_random) {
        errno = ENOSYS;
        return -1;
    }
    return __real_getrandom(buf, n, flags);
}

static char keys[MANY][32];

static int make_keys(void **state) {
    for (int i = 0; i < MANY; i++)
        (void) snprintf(keys[i], sizeof keys[i], "%.*s%d", i % 9, "abcdefghi", i);
    *state = map_new();
    return *state ? 0 : -1;
}

static int free_map(void **state) {
    *state = map_free(*state);
    return 0;
}

static void test_an_empty_map(void **state) {
    struct map *m = *state;
    size_t at = 0;

    assert_int_equal(map_count(m), 0);
    assert_null(map_get(m, ""));
    assert_null(map_take(m, "x"));
    assert_null(map_next(m, &at));
    assert_null(map_free(NULL));
}

static void test_the_second_of_a_name_changes_nothing(void **state) {
    struct map *m = *state;
    char same[sizeof keys[0]];

    assert_int_equal(map_put(m, keys[0], keys[0]), 0);
    (void) snprintf(same, sizeof same, "%s", keys[0]);
    assert_int_equal(map_put(m, same, same), -EEXIST);
    assert_int_equal(map_count(m), 1);
    assert_ptr_equal(map_get(m, same), keys[0]);
}

static void test_many_in_order_and_half_of_them_out_again(void **state) {
    struct map *m = *state;
    size_t at = 0;

    for (int i = 0; i < MANY; i++)
        assert_int_equal(map_put(m, keys[i], keys[i]), 0);
    for (int i = 0; i < MANY; i++)
        assert_ptr_equal(map_next(m, &at), keys[i]);
    assert_null(map_next(m, &at));

    for (int i = 0; i < MANY; i += 2)
        assert_ptr_equal(map_take(m, keys[i]), keys[i]);
    assert_int_equal(map_count(m), MANY / 2);
    at = 0;
    for (int i = 0; i < MANY; i++) {
        assert_ptr_equal(map_get(m, keys[i]), i % 2 ? keys[i] : NULL);
        if (i % 2)
            assert_ptr_equal(map_next(m, &at), keys[i]);
    }
    for (int i = 0; i < MANY; i += 2)
        assert_int_equal(map_put(m, keys[i], keys[i]), 0);
    for (int i = 0; i < MANY; i++)
        assert_ptr_equal(map_get(m, keys[i]), keys[i]);
}

static void test_the_current_one_may_go_during_a_walk(void **state) {
    struct map *m = *state;
    size_t at = 0, seen = 0;
    char *v;

    for (int i = 0; i < 100; i++)
        assert_int_equal(map_put(m, keys[i], keys[i]), 0);
    while ((v = map_next(m, &at))) {
        assert_ptr_equal(v, keys[seen++]);
        assert_ptr_equal(map_take(m, v), v);
    }
    assert_int_equal(seen, 100);
    assert_int_equal(map_count(m), 0);
}

/* A removed entry's key may be freed memory: nothing may look at it again. */
static void test_the_key_of_a_taken_entry_is_not_touched(void **state) {
    struct map *m = *state;

    for (int i = 0; i < 1000; i++) {
        char *key = strdup(keys[i]);
        assert_int_equal(map_put(m, key, key), 0);
        assert_ptr_equal(map_take(m, keys[i]), key);
        memset(key, 'x', strlen(key)); /* ASan sees more than this does */
        free(key);
    }
    assert_int_equal(map_count(m), 0);
}

/* One comes, one goes, a hundred thousand times: gaps must be closed, not piled up. The
 * time of a map that probed through all its gaps would be quadratic. */
static void test_coming_and_going_does_not_wear_it_out(void **state) {
    struct map *m = *state;

    for (int i = 0; i < 10; i++)
        assert_int_equal(map_put(m, keys[i], keys[i]), 0);
    no_memory = false;
    for (int i = 0; i < 100000; i++) {
        char *in = keys[10 + i % 100];
        assert_int_equal(map_put(m, in, in), 0);
        assert_ptr_equal(map_take(m, in), in);
    }
    assert_int_equal(map_count(m), 10);
    for (int i = 0; i < 10; i++)
        assert_ptr_equal(map_get(m, keys[i]), keys[i]);
}

static void test_without_memory_nothing_changes(void **state) {
    struct map *m = *state;
    int put = 0, r = 0;

    no_memory = true;
    assert_null(map_new());
    no_memory = false;
    no_random = true;
    assert_null(map_new());
    no_random = false;
    for (; put < 8; put++)
        assert_int_equal(map_put(m, keys[put], keys[put]), 0);
    no_memory = true;
    for (; put < MANY && r == 0; put += r == 0)
        r = map_put(m, keys[put], keys[put]);
    no_memory = false;
    assert_int_equal(r, -ENOMEM);
    assert_int_equal(map_count(m), put);
    for (int i = 0; i < put; i++)
        assert_ptr_equal(map_get(m, keys[i]), keys[i]);
    assert_int_equal(map_put(m, keys[put], keys[put]), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_an_empty_map, make_keys, free_map),
        cmocka_unit_test_setup_teardown(test_the_second_of_a_name_changes_nothing, make_keys,
                                        free_map),
        cmocka_unit_test_setup_teardown(test_many_in_order_and_half_of_them_out_again, make_keys,
                                        free_map),
        cmocka_unit_test_setup_teardown(test_the_current_one_may_go_during_a_walk, make_keys,
                                        free_map),
        cmocka_unit_test_setup_teardown(test_the_key_of_a_taken_entry_is_not_touched, make_keys,
                                        free_map),
        cmocka_unit_test_setup_teardown(test_coming_and_going_does_not_wear_it_out, make_keys,
                                        free_map),
        cmocka_unit_test_setup_teardown(test_without_memory_nothing_changes, make_keys, free_map),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
