/* SPDX-License-Identifier: MIT
 * Ids as folders' names: no two meet, none meets a file of the kernel's, all come back. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "cgroups/name.h"

static void test_plain_and_hostile_ids(void **state) {
    static const struct {
        const char *id, *name;
    } rows[] = {
        { "org.example.clock", "app-org.example.clock" },
        { "tasks", "app-tasks" },
        { "cgroup.procs", "app-cgroup.procs" },
        { "memory.max", "app-memory.max" },
        { "_x", "app-_x" },
        { ".", "app-." },
        { "..", "app-.." },
        { "a/b", "app-a%2Fb" },
        { "a b\n", "app-a%20b%0A" },
        { "100%", "app-100%25" },
        { "\xff\x7f\x01", "app-%FF%7F%01" },
        { "app-x", "app-app-x" },
    };
    char name[CGRP_NAME_MAX], id[CGRP_ID_MAX + 1];

    (void) state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        assert_int_equal(cgrp_name_escape(rows[i].id, name), 0);
        assert_string_equal(name, rows[i].name);
        assert_int_equal(cgrp_name_unescape(name, id), 0);
        assert_string_equal(id, rows[i].id);
    }
}

static void test_every_byte_comes_back(void **state) {
    char name[CGRP_NAME_MAX], id[CGRP_ID_MAX + 1];

    (void) state;
    for (int c = 1; c < 256; c++) {
        char in[4] = { 'a', (char) c, 'z', '\0' };
        assert_int_equal(cgrp_name_escape(in, name), 0);
        assert_null(strchr(name, '/'));
        assert_null(strchr(name, '\n'));
        assert_int_equal(cgrp_name_unescape(name, id), 0);
        assert_string_equal(id, in);
    }
}

static void test_lengths(void **state) {
    char in[80], name[CGRP_NAME_MAX] = "untouched", id[CGRP_ID_MAX + 1];

    (void) state;
    memset(in, '\n', sizeof in);
    in[65] = '\0';
    assert_int_equal(cgrp_name_escape("", name), -EINVAL);
    assert_int_equal(cgrp_name_escape(in, name), -EINVAL);
    assert_string_equal(name, "untouched");
    in[64] = '\0';
    assert_int_equal(cgrp_name_escape(in, name), 0);
    assert_int_equal(strlen(name), 4 + 3 * 64);
    assert_int_equal(cgrp_name_unescape(name, id), 0);
    assert_string_equal(id, in);
}

static void test_what_is_not_ours_is_refused(void **state) {
    static const char *const names[] = { "",          "app-",       "app",        "tasks",
                                         "Xapp-x",    "app-%",      "app-%4",     "app-%zz",
                                         "app-%2f",   "app-%00",    "app-%41",    "app-a/b",
                                         "app-a b",   "supervisor", "memory.max", ".",
                                         "app-%2Fx%", "app-%2",     "user.slice", "APP-x" };
    char id[CGRP_ID_MAX + 1] = "untouched", long_name[128] = "app-";

    (void) state;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (cgrp_name_unescape(names[i], id) != -EINVAL)
            fail_msg("'%s' was taken", names[i]);
    memset(long_name + 4, 'a', 65);
    assert_int_equal(cgrp_name_unescape(long_name, id), -EINVAL);
    assert_string_equal(id, "untouched");
}

/* A cut name is refused or is the name of the cut id, never of another one. */
static void test_every_prefix(void **state) {
    const char *whole = "app-a%2Fb%0Ac";
    char cut[32], id[CGRP_ID_MAX + 1], again[CGRP_NAME_MAX];

    (void) state;
    for (size_t n = 0; n <= strlen(whole); n++) {
        (void) snprintf(cut, sizeof cut, "%.*s", (int) n, whole);
        if (cgrp_name_unescape(cut, id) < 0)
            continue;
        assert_int_equal(cgrp_name_escape(id, again), 0);
        assert_string_equal(again, cut);
    }
}

static void test_suffixes(void **state) {
    (void) state;
    assert_true(cgrp_name_suffix_ok(""));
    assert_true(cgrp_name_suffix_ok("-0123456789abcdef"));
    assert_false(cgrp_name_suffix_ok("/x"));
    assert_false(cgrp_name_suffix_ok("x\n"));
    assert_false(cgrp_name_suffix_ok("12345678901234567890123456789012345678901"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_plain_and_hostile_ids),
        cmocka_unit_test(test_every_byte_comes_back),
        cmocka_unit_test(test_lengths),
        cmocka_unit_test(test_what_is_not_ours_is_refused),
        cmocka_unit_test(test_every_prefix),
        cmocka_unit_test(test_suffixes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
