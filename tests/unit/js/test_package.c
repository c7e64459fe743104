/* SPDX-License-Identifier: MIT
 * test_package.c - what is read of a package, and what never is. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "supervisor/base/err.h"
#include "supervisor/base/fs.h"
#include "supervisor/js/package.h"

static char folder[64];
static JSGlobalContextRef ctx;

static void put_n(const char *name, const char *text, size_t n) {
    char path[128];
    (void) snprintf(path, sizeof path, "%s/%s", folder, name);
    assert_int_equal(fs_replace(AT_FDCWD, path, text, n, 0644, FS_VOLATILE, NULL), 0);
}

static void put(const char *name, const char *text) {
    put_n(name, text, strlen(text));
}

static int set_up(void **state) {
    char pages[80];

    (void) state;
    ctx = JSGlobalContextCreate(NULL);
    (void) snprintf(folder, sizeof folder, "/tmp/test-package-XXXXXX");
    assert_non_null(mkdtemp(folder));
    (void) snprintf(pages, sizeof pages, "%s/pages", folder);
    assert_int_equal(mkdir(pages, 0755), 0);
    put("manifest.json", "{\"name\":\"N\",\"pages\":[\"pages/a\",\"/pages/b.html\",\"pages/t\"]}");
    return 0;
}

static int tear_down(void **state) {
    (void) state;
    JSGlobalContextRelease(ctx);
    return fs_remove_tree(AT_FDCWD, folder, NULL);
}

static void test_pages_and_strategies(void **state) {
    struct package p;
    struct err e = { 0 };

    (void) state;
    put("app.json", "{\"window\":{\"restartStrategy\":\"homePageAndLatestPage\"},"
                    "\"tabBar\":{\"list\":[{\"pagePath\":\"pages/t\"}]}}");
    put("pages/b.json", "{\"restartStrategy\":\"homePage\"}");
    assert_int_equal(package_open(folder, ctx, &p, &e), 0);
    assert_string_equal(p.name, "N");
    assert_int_equal(p.n_pages, 3);
    assert_string_equal(p.pages[1], "pages/b");
    assert_true(package_has_page(&p, "pages/b"));
    assert_false(package_has_page(&p, "pages/"));
    assert_true(package_is_tab(&p, "pages/t"));
    assert_true(package_keeps_page(&p, "pages/a"));
    assert_false(package_keeps_page(&p, "pages/b")); /* its own file says so */
    assert_false(package_keeps_page(&p, "pages/t")); /* never a tab */
    package_close(&p);
}

/* What WeChat's own tools let through, seen in public programs. */
static void test_json_that_is_only_almost_strict(void **state) {
    struct package p;
    struct err e = { 0 };

    (void) state;
    put("app.json", "\xef\xbb\xbf{\"window\":{\"restartStrategy\":\"homePage\"},"
                    "\"window\":{\"restartStrategy\":\"homePageAndLatestPage\"}}");
    put("pages/b.json", "{\"restartStrategy\":1,\"restartStrategy\":\"homePage\"}");
    if (package_open(folder, ctx, &p, &e) < 0)
        fail_msg("%s", e.text);
    assert_true(package_keeps_page(&p, "pages/a"));
    assert_false(package_keeps_page(&p, "pages/b"));
    package_close(&p);
    put("manifest.json", "{\"name\":\"N\",\"name\":\"M\"}"); /* ours is strict */
    assert_int_equal(package_open(folder, ctx, &p, &e), -EINVAL);
}

static void test_a_broken_one_is_said(void **state) {
    struct package p = { .fd = 77 };
    struct err e = { 0 };

    (void) state;
    put("app.json", "{");
    assert_int_equal(package_open(folder, ctx, &p, &e), -EINVAL);
    assert_int_equal(p.fd, 77);
    assert_non_null(strstr(e.text, "app.json: "));
    put("manifest.json", "[");
    assert_int_equal(package_open(folder, ctx, &p, &e), -EINVAL);
    assert_non_null(strstr(e.text, "manifest.json: "));
    assert_int_equal(package_open("/nowhere", ctx, &p, &e), -ENOENT);
}

static void test_nothing_beyond_is_read(void **state) {
    static const struct {
        const char *path;
        int r;
    } rows[] = {
        { "a.js", 0 },           { "pages/../a.js", 0 },   { "none", -ENOENT },
        { "pages", -EISDIR },    { "../a.js", -EXDEV },    { "/etc/passwd", -EXDEV },
        { "link", -ELOOP },      { "out/passwd", -ELOOP }, { "nul.js", -EILSEQ },
        { "latin.js", -EILSEQ }, { "fifo", -EINVAL },      { "a.js/x", -ENOTDIR },
    };
    struct package p;
    char path[128];

    (void) state;
    put("a.js", "text");
    put_n("nul.js", "a\0b", 3);
    put("latin.js", "\xe4");
    (void) snprintf(path, sizeof path, "%s/link", folder);
    assert_int_equal(symlink("a.js", path), 0);
    (void) snprintf(path, sizeof path, "%s/out", folder);
    assert_int_equal(symlink("/etc", path), 0);
    (void) snprintf(path, sizeof path, "%s/fifo", folder);
    assert_int_equal(mkfifo(path, 0644), 0);
    assert_int_equal(package_open(folder, ctx, &p, NULL), 0);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char *text = (char *) 1;
        int r = package_read(&p, rows[i].path, &text);
        if (r != rows[i].r)
            fail_msg("%s: %s", rows[i].path, strerror(-r));
        if (r < 0) {
            assert_ptr_equal(text, (char *) 1);
            continue;
        }
        assert_string_equal(text, "text");
        free(text);
    }
    package_close(&p);
}

static void test_a_huge_file_is_not_read(void **state) {
    struct package p;
    char path[128], *text = NULL;

    (void) state;
    put("huge.js", "");
    (void) snprintf(path, sizeof path, "%s/huge.js", folder);
    assert_int_equal(truncate(path, (off_t) PACKAGE_SOURCE_MAX + 1), 0);
    assert_int_equal(package_open(folder, ctx, &p, NULL), 0);
    assert_int_equal(package_read(&p, "huge.js", &text), -EFBIG);
    package_close(&p);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(test_##name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(pages_and_strategies),    TEST(json_that_is_only_almost_strict),
        TEST(a_broken_one_is_said),    TEST(nothing_beyond_is_read),
        TEST(a_huge_file_is_not_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
