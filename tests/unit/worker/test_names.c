/* SPDX-License-Identifier: MIT
 * The paths of a package as one set. */
#include "tests/unit/units/scratch.h"

#include "supervisor/base/err.h"
#include "supervisor/worker/names.h"
#include "supervisor/worker/verdict.h"
#include "units/filelist.h"

#define MAX_PATHS 6

/* Adds them all in order; the fault, or PACKAGE_OK. */
static enum package_fault add_all(const char *const *paths, struct names **ret) {
    struct names *n = names_new();
    struct err e = { 0 };
    struct verdict v = { .e = &e };
    int r = 0;
    assert_non_null(n);
    for (size_t i = 0; r == 0 && i < MAX_PATHS && paths[i]; i++)
        r = names_add(n, paths[i], strlen(paths[i]), i, &v);
    if (r == 0)
        r = names_finish(n, &v);
    assert_int_equal(r, v.fault ? -EINVAL : 0);
    assert_true(!v.fault || e.text[0]);
    if (ret)
        *ret = n;
    else
        names_free(n);
    return v.fault;
}

static void test_folders_are_made_up(void **state) {
    (void) state;
    static const char *const paths[MAX_PATHS] = { "b/c/d", "a", "b/x", "b/", "b/c-", NULL };
    static const struct {
        const char *path;
        bool folder;
        size_t entry;
    } want[] = {
        { "a", false, 1 },    { "b", true, 3 },      { "b/c", true, NAMES_IMPLIED },
        { "b/c-", false, 4 }, { "b/c/d", false, 0 }, { "b/x", false, 2 },
    };
    struct names *n = NULL;
    assert_int_equal(add_all(paths, &n), PACKAGE_OK);
    assert_int_equal(names_count(n), 6);
    for (size_t i = 0; i < 6; i++) {
        const struct name *name = names_get(n, i);
        assert_string_equal(name->path, want[i].path);
        assert_int_equal(name->folder, want[i].folder);
        assert_true(name->entry == want[i].entry);
    }
    assert_null(names_free(n));
}

static void test_what_cannot_be_together(void **state) {
    (void) state;
    static const struct {
        const char *paths[MAX_PATHS];
        enum package_fault fault;
    } rows[] = {
        { { NULL }, PACKAGE_OK },
        { { "a", "b", "ab" }, PACKAGE_OK },
        { { "a/x", "a/y", "b/x" }, PACKAGE_OK },
        { { "a", "a" }, PACKAGE_FORMAT },
        { { "a/", "a/" }, PACKAGE_FORMAT },
        { { "a", "a/" }, PACKAGE_FORMAT },
        { { "a/", "a" }, PACKAGE_FORMAT },
        { { "a", "a/b" }, PACKAGE_FORMAT },
        { { "a/b", "a" }, PACKAGE_FORMAT },
        { { "a/b", "a/b/c/d" }, PACKAGE_FORMAT },
        { { "a", "A" }, PACKAGE_PATH },
        { { "a/x", "A/y" }, PACKAGE_PATH },
        { { "a/", "A" }, PACKAGE_PATH },
        { { "stra\xC3\x9Fu", "STRASSU" }, PACKAGE_PATH },
        { { "\xC3\xA9", "e\xCC\x81" }, PACKAGE_PATH },
        { { "\xCE\xA3", "\xCF\x82" }, PACKAGE_PATH }, /* the two small sigmas */
        { { "\xE1\xBA\x9E", "ss" }, PACKAGE_PATH },   /* the capital sharp s */
        { { "\xEF\xAC\x80", "ff" }, PACKAGE_PATH },   /* a ligature */
        { { "\xC4\xB0", "i" }, PACKAGE_OK },          /* a dotted I is no i but in Turkish */
        { { "\xC2\xB2", "2" }, PACKAGE_OK },          /* compatible is not canonical */
        { { "a/../b" }, PACKAGE_PATH },
        { { "a//b" }, PACKAGE_PATH },
        { { "" }, PACKAGE_PATH },
        { { "/" }, PACKAGE_PATH },
        { { "a/b//" }, PACKAGE_PATH },
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        enum package_fault fault = add_all(rows[i].paths, NULL);
        if (fault != rows[i].fault)
            fail_msg("row %zu: %s, not %s", i, package_fault_name(fault),
                     package_fault_name(rows[i].fault));
    }
}

static void test_limits(void **state) {
    (void) state;
    struct names *n = names_new();
    struct err e = { 0 };
    struct verdict v = { .e = &e };
    char path[PACKAGE_PATH_MAX + 2] = "";

    /* As deep as it may be, and once more. */
    for (int i = 1; i < PACKAGE_DEPTH_MAX; i++)
        strcat(path, "d/");
    strcat(path, "f");
    assert_int_equal(names_add(n, path, strlen(path), 0, &v), 0);
    assert_int_equal(names_count(n), PACKAGE_DEPTH_MAX);
    path[strlen(path) - 1] = 'd';
    strcat(path, "/f");
    assert_int_equal(names_add(n, path, strlen(path), 0, &v), -EINVAL);
    assert_int_equal(v.fault, PACKAGE_LIMITS);

    memset(path, 'x', sizeof path);
    assert_int_equal(names_add(n, path, PACKAGE_PATH_MAX + 1, 0, &v), -EINVAL);
    assert_int_equal(v.fault, PACKAGE_LIMITS);
    v.fault = PACKAGE_OK;
    assert_int_equal(names_add(n, "a\0b", 3, 0, &v), -EINVAL);
    assert_int_equal(v.fault, PACKAGE_PATH);

    v.fault = PACKAGE_OK;
    for (int i = (int) names_count(n); i < PACKAGE_ENTRIES_MAX; i++) {
        (void) snprintf(path, sizeof path, "f%d", i);
        assert_int_equal(names_add(n, path, strlen(path), 0, &v), 0);
    }
    assert_int_equal(names_add(n, "more", 4, 0, &v), -EINVAL);
    assert_int_equal(v.fault, PACKAGE_LIMITS);
    assert_int_equal(names_finish(n, &v), 0);
    names_free(n);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_folders_are_made_up),
        cmocka_unit_test(test_what_cannot_be_together),
        cmocka_unit_test(test_limits),
    };
    return cmocka_run_group_tests_name("worker/names", tests, NULL, NULL);
}
