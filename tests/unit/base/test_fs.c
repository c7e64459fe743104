/* SPDX-License-Identifier: MIT */
/* wrap: fsync renameat write */
#include "supervisor/base/fs.h"

#include "supervisor/base/cleanup.h"
#include "supervisor/base/err.h"

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
#include <cmocka.h>

static char dir[] = "/tmp/test_fs.XXXXXX";
static int dir_fd = -1;

/* What was done in which order, and what is to fail. */
static char calls[64];
static char fails; /* 'f' the file's fsync, 'd' the folder's, 'r' renameat, 'w' write */
static size_t write_at_most = SIZE_MAX;

static int done(char what) {
    size_t n = strlen(calls);
    if (n + 1 < sizeof calls)
        calls[n] = what;
    if (fails != what)
        return 0;
    errno = EIO;
    return -1;
}

int __real_fsync(int);
int __wrap_fsync(int fd);
int __wrap_fsync(int fd) {
    struct stat st;
    assert_int_equal(fstat(fd, &st), 0);
    return done(S_ISDIR(st.st_mode) ? 'd' : 'f') < 0 ? -1 : __real_fsync(fd);
}
int __real_renameat(int, const char *, int, const char *);
int __wrap_renameat(int od, const char *o, int nd, const char *n);
int __wrap_renameat(int od, const char *o, int nd, const char *n) {
    return done('r') < 0 ? -1 : __real_renameat(od, o, nd, n);
}
ssize_t __real_write(int, const void *, size_t);
ssize_t __wrap_write(int fd, const void *bytes, size_t n);
ssize_t __wrap_write(int fd, const void *bytes, size_t n) {
    return done('w') < 0 ? -1 : __real_write(fd, bytes, n < write_at_most ? n : write_at_most);
}

static int set_up(void **state) {
    (void) state;
    (void) snprintf(dir, sizeof dir, "/tmp/test_fs.XXXXXX");
    memset(calls, 0, sizeof calls);
    fails = 0;
    write_at_most = SIZE_MAX;
    if (!mkdtemp(dir))
        return -1;
    dir_fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return dir_fd < 0 ? -1 : 0;
}

static int tear_down(void **state) {
    (void) state;
    fails = 0;
    close_p(&dir_fd);
    dir_fd = -1;
    return fs_remove_tree(AT_FDCWD, dir, NULL);
}

static void put(const char *name, const void *bytes, size_t n) {
    CLEANUP(close_p) int fd = openat(dir_fd, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    assert_int_equal(__real_write(fd, bytes, n), n);
}

static void holds(const char *name, const char *want) {
    CLEANUP(free_p) char *text = NULL;
    assert_int_equal(fs_read(dir_fd, name, 1000, &text, NULL, NULL), 0);
    assert_string_equal(text, want);
}

static bool is_there(const char *name) {
    struct stat st;
    return fstatat(dir_fd, name, &st, AT_SYMLINK_NOFOLLOW) == 0;
}

static mode_t mode_of(const char *name) {
    struct stat st;
    assert_int_equal(fstatat(dir_fd, name, &st, AT_SYMLINK_NOFOLLOW), 0);
    return st.st_mode & 07777;
}

static void test_read_takes_up_to_the_most_and_no_more(void **state) {
    (void) state;
    static const size_t sizes[] = { 0, 1, 4095, 4096, 4097, 8192, 20000 };
    static char bytes[20000];

    memset(bytes, 'x', sizeof bytes);
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        CLEANUP(free_p) char *text = NULL;
        char *untouched = bytes;
        size_t len = 0, n = sizes[i];
        struct err e = { 0 };
        put("f", bytes, n);
        assert_int_equal(fs_read(dir_fd, "f", n, &text, &len, NULL), 0);
        assert_int_equal(len, n);
        assert_int_equal(strlen(text), n);
        if (n == 0)
            continue;
        assert_int_equal(fs_read(dir_fd, "f", n - 1, &untouched, &len, &e), -EFBIG);
        assert_ptr_equal(untouched, bytes);
        assert_non_null(strstr(e.text, "'f' has more than"));
    }
}

static void test_read_of_a_file_without_a_size(void **state) {
    (void) state;
    CLEANUP(free_p) char *text = NULL;
    size_t len = 0;

    assert_int_equal(fs_read(AT_FDCWD, "/proc/self/status", 1 << 20, &text, &len, NULL), 0);
    assert_int_equal(strncmp(text, "Name:\ttest_fs\n", 14), 0);
    assert_int_equal(strlen(text), len);
}

static void test_read_of_what_is_no_file(void **state) {
    (void) state;
    char *text = dir;
    struct err e = { 0 };

    put("f", "secret", 6);
    assert_int_equal(symlinkat("f", dir_fd, "link"), 0);
    assert_int_equal(mkfifoat(dir_fd, "fifo", 0600), 0);
    assert_int_equal(fs_read(dir_fd, "missing", 10, &text, NULL, &e), -ENOENT);
    assert_non_null(strstr(e.text, "'missing'"));
    assert_int_equal(fs_read(dir_fd, "link", 10, &text, NULL, NULL), -ELOOP);
    assert_int_equal(fs_read(dir_fd, ".", 10, &text, NULL, NULL), -EISDIR);
    assert_ptr_equal(text, dir);
    assert_int_equal(fs_read(dir_fd, "fifo", 10, &text, NULL, NULL), 0); /* at once, and empty */
    assert_string_equal(text, "");
    free(text);
}

static void test_read_into_leaves_room_for_the_end(void **state) {
    (void) state;
    char buf[4] = "zzz";

    put("f", "abc", 3);
    assert_int_equal(fs_read_into(dir_fd, "f", buf, sizeof buf), 3);
    assert_string_equal(buf, "abc");
    put("f", "abcd", 4);
    assert_int_equal(fs_read_into(dir_fd, "f", buf, sizeof buf), -EFBIG);
    assert_int_equal(fs_read_into(dir_fd, "missing", buf, sizeof buf), -ENOENT);
}

static void test_read_u64(void **state) {
    (void) state;
    static const struct {
        const char *text;
        int r;
        uint64_t value;
    } rows[] = {
        { "4096\n", 0, 4096 },          { "4096", 0, 4096 },
        { "max\n", 0, UINT64_MAX },     { "max 100000\n", 0, UINT64_MAX },
        { "50000 100000\n", 0, 50000 }, { "", -EINVAL, 0 },
        { "\n", -EINVAL, 0 },           { "-1\n", -EINVAL, 0 },
        { "maximum\n", -EINVAL, 0 },    { "99999999999999999999\n", -ERANGE, 0 },
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        uint64_t value = 4711;
        put("f", rows[i].text, strlen(rows[i].text));
        assert_int_equal(fs_read_u64(dir_fd, "f", &value), rows[i].r);
        assert_true(value == (rows[i].r == 0 ? rows[i].value : 4711));
    }
}

static void test_write_existing_is_one_write_and_makes_nothing(void **state) {
    (void) state;
    put("f", "old text", 8);
    assert_int_equal(fs_write_existing(dir_fd, "f", "NEW", 3), 0);
    assert_string_equal(calls, "w");
    holds("f", "NEW text");
    assert_int_equal(fs_write_existing(dir_fd, "missing", "x", 1), -ENOENT);
    assert_false(is_there("missing"));
    assert_int_equal(symlinkat("f", dir_fd, "link"), 0);
    assert_int_equal(fs_write_existing(dir_fd, "link", "x", 1), -ELOOP);
    write_at_most = 1;
    assert_int_equal(fs_write_existing(dir_fd, "f", "xyz", 3), -EIO);
}

static void test_replace_does_it_in_the_order_that_lasts(void **state) {
    (void) state;
    mode_t before = umask(077);

    assert_int_equal(fs_replace(dir_fd, "f", "one", 3, 0644, FS_DURABLE, NULL), 0);
    (void) umask(before);
    assert_string_equal(calls, "wfrd"); /* contents on the disk before the name leads to them */
    holds("f", "one");
    assert_int_equal(mode_of("f"), 0644);
    assert_false(is_there("f.tmp"));

    memset(calls, 0, sizeof calls);
    assert_int_equal(fs_replace(dir_fd, "f", "two", 3, 0600, FS_VOLATILE, NULL), 0);
    assert_string_equal(calls, "wr");
    holds("f", "two");
    assert_int_equal(mode_of("f"), 0600);
}

static void test_replace_goes_on_after_a_short_write(void **state) {
    (void) state;
    write_at_most = 2;
    assert_int_equal(fs_replace(dir_fd, "f", "12345", 5, 0644, FS_VOLATILE, NULL), 0);
    holds("f", "12345");
}

static void test_a_failed_replace_leaves_the_old(void **state) {
    (void) state;
    put("f", "old", 3);
    for (const char *step = "wfr"; *step; step++) {
        struct err e = { 0 };
        fails = *step;
        assert_int_equal(fs_replace(dir_fd, "f", "new", 3, 0644, FS_DURABLE, &e), -EIO);
        assert_non_null(strstr(e.text, "'f"));
        assert_false(is_there("f.tmp"));
        fails = 0;
        holds("f", "old");
    }
    fails = 'd';
    struct err e = { 0 };
    assert_int_equal(fs_replace(dir_fd, "f", "new", 3, 0644, FS_DURABLE, &e), -EIO);
    assert_non_null(strstr(e.text, "not yet durable"));
    fails = 0;
    holds("f", "new");
}

static void test_replace_is_not_led_astray(void **state) {
    (void) state;
    put("victim", "victim", 6);
    assert_int_equal(symlinkat("victim", dir_fd, "f.tmp"), 0);
    assert_int_equal(symlinkat("victim", dir_fd, "f"), 0);
    assert_int_equal(fs_replace(dir_fd, "f", "new", 3, 0644, FS_DURABLE, NULL), 0);
    holds("victim", "victim");
    holds("f", "new");

    put("g.tmp", "left by a crash", 15);
    assert_int_equal(fs_replace(dir_fd, "g", "new", 3, 0644, FS_VOLATILE, NULL), 0);
    holds("g", "new");
}

static void test_replace_by_path(void **state) {
    (void) state;
    char path[100];

    assert_int_equal(mkdirat(dir_fd, "sub", 0755), 0);
    (void) snprintf(path, sizeof path, "%s/sub/f", dir);
    assert_int_equal(fs_replace(AT_FDCWD, path, "x", 1, 0644, FS_DURABLE, NULL), 0);
    assert_string_equal(calls, "wfrd");
    holds("sub/f", "x");
    assert_int_equal(fs_replace(dir_fd, "missing/f", "x", 1, 0644, FS_DURABLE, NULL), -ENOENT);
}

static void test_mkdirs_makes_all_that_is_missing(void **state) {
    (void) state;
    char path[100];
    mode_t before = umask(077);

    assert_int_equal(mkdirat(dir_fd, "a", 0700), 0);
    (void) snprintf(path, sizeof path, "%s/a//b/c/", dir);
    assert_int_equal(fs_mkdirs(path, 0751, NULL), 0);
    (void) umask(before);
    assert_int_equal(mode_of("a"), 0700); /* was there */
    assert_int_equal(mode_of("a/b"), 0751);
    assert_int_equal(mode_of("a/b/c"), 0751);
    assert_int_equal(fs_mkdirs(path, 0700, NULL), 0);
    assert_int_equal(mode_of("a/b/c"), 0751);
}

static void test_mkdirs_over_something_else(void **state) {
    (void) state;
    char path[100];
    struct err e = { 0 };

    put("f", "", 0);
    assert_int_equal(symlinkat(dir, dir_fd, "link"), 0);
    (void) snprintf(path, sizeof path, "%s/f/x", dir);
    assert_int_equal(fs_mkdirs(path, 0755, &e), -ENOTDIR);
    assert_non_null(strstr(e.text, "/f"));
    (void) snprintf(path, sizeof path, "%s/link", dir);
    assert_int_equal(fs_mkdirs(path, 0755, NULL), -ENOTDIR); /* the last one may not be a link */
    (void) snprintf(path, sizeof path, "%s/link/y", dir);
    assert_int_equal(fs_mkdirs(path, 0755, NULL), 0); /* one on the way may, as /var/run is */
    assert_true(is_there("y"));
}

static void test_mkdir_and_open_dir(void **state) {
    (void) state;
    CLEANUP(close_p) int made = -1;
    CLEANUP(close_p) int again = -1;
    int untouched = 4711;

    assert_int_equal(fs_mkdir(dir_fd, "d", 0711, &made, NULL), 0);
    assert_true(made >= 0);
    assert_true(fcntl(made, F_GETFD) & FD_CLOEXEC);
    assert_int_equal(mode_of("d"), 0711);
    assert_int_equal(fs_mkdir(dir_fd, "d", 0700, NULL, NULL), 0);
    assert_int_equal(mode_of("d"), 0711);
    assert_int_equal(fs_open_dir(dir_fd, "d", &again, NULL), 0);
    assert_int_equal(fs_sync_dir(again, NULL), 0);

    put("f", "", 0);
    assert_int_equal(symlinkat("d", dir_fd, "link"), 0);
    assert_int_equal(fs_mkdir(dir_fd, "f", 0700, &untouched, NULL), -ENOTDIR);
    assert_int_equal(fs_mkdir(dir_fd, "link", 0700, &untouched, NULL), -ENOTDIR);
    assert_int_equal(fs_open_dir(dir_fd, "link", &untouched, NULL), -ENOTDIR);
    assert_int_equal(fs_open_dir(dir_fd, "none", &untouched, NULL), -ENOENT);
    assert_int_equal(untouched, 4711);
}

int main(void) {
#define TEST(fn) cmocka_unit_test_setup_teardown(fn, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(test_read_takes_up_to_the_most_and_no_more),
        TEST(test_read_of_a_file_without_a_size),
        TEST(test_read_of_what_is_no_file),
        TEST(test_read_into_leaves_room_for_the_end),
        TEST(test_read_u64),
        TEST(test_write_existing_is_one_write_and_makes_nothing),
        TEST(test_replace_does_it_in_the_order_that_lasts),
        TEST(test_replace_goes_on_after_a_short_write),
        TEST(test_a_failed_replace_leaves_the_old),
        TEST(test_replace_is_not_led_astray),
        TEST(test_replace_by_path),
        TEST(test_mkdirs_makes_all_that_is_missing),
        TEST(test_mkdirs_over_something_else),
        TEST(test_mkdir_and_open_dir),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
