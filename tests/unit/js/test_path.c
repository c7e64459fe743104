/* SPDX-License-Identifier: MIT
 * test_path.c - paths and page addresses as scripts write them. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "supervisor/js/path.h"

static void test_paths_are_resolved_within_the_package(void **state) {
    static const struct {
        const char *from, *name;
        int r;
        const char *path;
    } rows[] = {
        { "", "a", 0, "a" },
        { "app.js", "./a", 0, "a" },
        { "app.js", "a//b/./c/", 0, "a/b/c" },
        { "pages/x/x.js", "../../a", 0, "a" },
        { "pages/x/x.js", "../y/../z", 0, "pages/z" },
        { "pages/x/x.js", "/utils/a.js", 0, "utils/a.js" },
        { "pages/x.js", "y", 0, "pages/y" },
        { "pages/x.js", "..", 0, "" },
        { "pages/x.js", "..a/...", 0, "pages/..a/..." },
        { "pages/x.js", "../..", -EACCES, NULL },
        { "app.js", "..", -EACCES, NULL },
        { "app.js", "a/../../b", -EACCES, NULL },
        { "app.js", "/..", -EACCES, NULL },
        { "app.js", "", -EINVAL, NULL },
        { "app.js", "a\nb", -EINVAL, NULL },
    };
    char path[PATH_TEXT_MAX];

    (void) state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        assert_int_equal(path_resolve(rows[i].from, rows[i].name, path), rows[i].r);
        if (rows[i].path)
            assert_string_equal(path, rows[i].path);
    }
}

static void test_long_paths_are_refused(void **state) {
    char name[2 * PATH_TEXT_MAX], path[PATH_TEXT_MAX];

    (void) state;
    memset(name, 'a', sizeof name);
    for (size_t n = PATH_TEXT_MAX - 3; n < PATH_TEXT_MAX + 3; n++) {
        char saved = name[n];
        name[n] = '\0';
        assert_int_equal(path_resolve("", name, path), n < PATH_TEXT_MAX ? 0 : -ENAMETOOLONG);
        name[n] = saved;
    }
}

static void test_routes(void **state) {
    static const char *const rows[][2] = {
        { "pages/a", "pages/a" },
        { "/pages/a?x=1", "pages/a" },
        { "//pages/a.html", "pages/a" },
        { "pages/a.js#h", "pages/a" },
        { "", "" },
        { ".js", ".js" },
    };
    char route[PATH_TEXT_MAX];

    (void) state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        path_route(rows[i][0], route);
        assert_string_equal(route, rows[i][1]);
    }
}

static void test_queries(void **state) {
    static const struct {
        const char *address;
        size_t n;
        const char *members;
    } rows[] = {
        { "p", 0, "" },
        { "p?", 0, "" },
        { "p?a=1", 1, "\"a\":\"1\"" },
        { "p?a=1&b&c=", 3, "\"a\":\"1\",\"b\":\"\",\"c\":\"\"" },
        { "p?a=b=c#x", 1, "\"a\":\"b=c\"" },
        { "p?a=%20&=x&&", 1, "\"a\":\"%20\"" }, /* nothing is decoded */
        { "p?a=1&b=2&a=3", 2, "\"b\":\"2\",\"a\":\"3\"" },
        { "p?ab=1&a=2", 2, "\"ab\":\"1\",\"a\":\"2\"" },
        { "p?\"=\\", 1, "\"\\\"\":\"\\\\\"" },
    };

    (void) state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct str out = STR_INIT(1024);
        assert_int_equal(path_query(rows[i].address, &out), rows[i].n);
        assert_string_equal(str_text(&out), rows[i].members);
        str_clear(&out);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_paths_are_resolved_within_the_package),
        cmocka_unit_test(test_long_paths_are_refused),
        cmocka_unit_test(test_routes),
        cmocka_unit_test(test_queries),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
