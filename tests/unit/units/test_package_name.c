/* SPDX-License-Identifier: MIT
 * Paths in package files: what W3C allows, what it does not, and what only looks like a name. */
#include "scratch.h"

#include "units/filelist.h"
#include "units/package_name.h"

static void test_plain_paths(void **state) {
    (void) state;
    static const char *const paths[] = {
        "manifest.json",
        "a",
        ".hidden",
        "a/b/c.d/e",
        "pages/中文.js",
        "pages/e\xCC\x81.js", /* e and a combining accent */
        "a b",
        "what?",
        "100%",
        "\xF0\x9F\x95\x90", /* U+1F550 */
        "\xF3\xA0\x81\xA7", /* U+E0067, between the two tags that are not allowed */
        "\xEF\xBF\xAF",     /* U+FFEF, before the specials */
        "...a",
    };
    for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++)
        if (package_path_fault(paths[i]))
            fail_msg("'%s' %s", paths[i], package_path_fault(paths[i]));
}

static void test_what_is_no_name(void **state) {
    (void) state;
    static const char *const paths[] = {
        "",
        "/",
        "/a",
        "a/",
        "a//b",
        ".",
        "..",
        "../a",
        "a/../b",
        "a/./b",
        "a/..",
        "./a",
        "...",
        "a.",
        "a./b",
        "a\\b",
        "..\\x",
        "C:",
        "C:/x",
        "a:b",
        "a\"b",
        "a*",
        "a<",
        "a>",
        "a|b",
        "a\nb",
        "a\tb",
        "a\x01",
        "a\x7F",
        "a\xC2\x80",
        "a\xC2\x9F",
        "a\xFF",
        "a\xC0\xAE",
        "\xED\xA0\x80", /* bytes that are no UTF-8 */
        "\xEE\x80\x80",
        "\xEF\xA3\xBF", /* private use */
        "\xF3\xB0\x80\x80",
        "\xF4\x8F\xBF\xBD", /* its planes */
        "\xEF\xB7\x90",
        "\xEF\xB7\xAF", /* U+FDD0, U+FDEF */
        "\xEF\xBF\xB0",
        "\xEF\xBF\xBD",
        "\xEF\xBF\xBF", /* U+FFF0, U+FFFD, U+FFFF */
        "\xF0\x9F\xBF\xBE",
        "\xF0\xAF\xBF\xBF", /* U+1FFFE, U+2FFFF */
        "\xF3\xA0\x80\x81",
        "\xF3\xA0\x81\xBF", /* U+E0001, U+E007F */
        "a\xE2\x80\xAE.b",
        "\xE2\x80\xAA",
        "\xE2\x81\xA6",
        "\xE2\x81\xA9", /* bidi */
    };
    for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++)
        if (!package_path_fault(paths[i]))
            fail_msg("row %zu, '%s', was taken", i, paths[i]);
}

static void test_the_longest_name(void **state) {
    (void) state;
    char path[2 * PACKAGE_NAME_MAX + 8];
    memset(path, 'a', sizeof path);
    path[PACKAGE_NAME_MAX] = '\0';
    assert_null(package_path_fault(path));
    path[PACKAGE_NAME_MAX] = 'a';
    path[PACKAGE_NAME_MAX + 1] = '\0';
    assert_string_equal(package_path_fault(path), "is longer than 255 bytes");
    path[PACKAGE_NAME_MAX + 1] = 'a';
    path[sizeof path - 1] = '\0';
    assert_non_null(package_path_fault(path));
    path[PACKAGE_NAME_MAX] = '/';
    path[2 * PACKAGE_NAME_MAX + 1] = '\0';
    assert_null(package_path_fault(path));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_plain_paths),
        cmocka_unit_test(test_what_is_no_name),
        cmocka_unit_test(test_the_longest_name),
    };
    return cmocka_run_group_tests_name("units/package_name", tests, NULL, NULL);
}
