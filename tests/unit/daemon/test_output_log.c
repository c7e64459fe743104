/* SPDX-License-Identifier: MIT
 * test_output_log.c - two files, never more, and nothing lost in silence. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "supervisor/base/fs.h"
#include "supervisor/daemon/output_log.h"

static char dir[] = "/tmp/test_output_log.XXXXXX";
static int dir_fd = -1;
static struct output_log log_;

static int set_up(void **state) {
    (void) state;
    (void) unlinkat(dir_fd, "a", 0);
    (void) unlinkat(dir_fd, "a.1", 0);
    log_ = (struct output_log) OUTPUT_LOG_INIT;
    return 0;
}

static int tear_down(void **state) {
    (void) state;
    output_log_close(&log_);
    return 0;
}

static void put(uint64_t cap, const char *text) {
    output_log_append(&log_, dir_fd, "a", cap, text, strlen(text));
}

/* Contents of a file, "(none)" if it is not there; two at a time. */
static const char *text_of(const char *name) {
    static char bufs[2][1 << 20];
    static int turn;
    char *buf = bufs[turn ^= 1];
    ssize_t n = fs_read_into(dir_fd, name, buf, sizeof bufs[0]);
    if (n == -ENOENT)
        return "(none)";
    assert_true(n >= 0);
    return buf;
}

static void assert_files(const char *old, const char *now) {
    assert_string_equal(text_of("a.1"), old);
    assert_string_equal(text_of("a"), now);
}

static void test_nothing_is_made_for_nothing(void **state) {
    (void) state;
    output_log_append(&log_, dir_fd, "a", 10, "", 0);
    output_log_end(&log_, dir_fd, "a", 10);
    assert_files("(none)", "(none)");
}

static void test_rotates_between_lines(void **state) {
    (void) state;
    struct stat st;
    put(10, "one\ntwo\n");
    assert_files("(none)", "one\ntwo\n");
    put(10, "three\n");
    assert_files("one\ntwo\n", "three\n");
    put(10, "4\n5\n6\n7\n");
    assert_files("three\n4\n5\n", "6\n7\n");
    assert_int_equal(fstatat(dir_fd, "a", &st, 0), 0);
    assert_int_equal(st.st_mode & 07777, 0600);
}

static void test_one_call_may_fill_many_files(void **state) {
    (void) state;
    put(4, "a\nb\nc\nd\ne\nf\ng\n");
    assert_files("e\nf\n", "g\n");
}

static void test_a_line_longer_than_a_file_is_cut(void **state) {
    (void) state;
    put(10, "x\n");
    put(10, "0123456789abcdefghijKLM\n");
    assert_files("abcdefghij", "KLM\n");
}

static void test_a_line_that_has_begun_goes_on(void **state) {
    (void) state;
    put(10, "01234");
    put(10, "56789abc\n");
    assert_files("0123456789", "abc\n");
}

static void test_smaller_cap_takes_hold(void **state) {
    (void) state;
    put(100, "a long line that is there already\n");
    put(10, "new\n");
    assert_files("a long line that is there already\n", "new\n");
    put(1, "z\n");
    assert_files("z", "\n");
}

static void test_next_daemon_goes_on(void **state) {
    (void) state;
    put(20, "begun");
    output_log_close(&log_);
    log_ = (struct output_log) OUTPUT_LOG_INIT;
    put(20, " and ended\n");
    assert_files("(none)", "begun and ended\n");
    assert_int_equal(log_.size, 16);
    put(20, "begun again");
    output_log_close(&log_);
    log_ = (struct output_log) OUTPUT_LOG_INIT;
    output_log_end(&log_, dir_fd, "a", 20); /* nothing of its own: nothing to end */
    assert_files("begun and ended\n", "begun again");
    log_.lost = 1;
    put(100, "x\n"); /* it sees in the file that a line has begun */
    assert_files("begun and ended\n", "begun again\n[1 bytes lost]\nx\n");
}

static void test_end_ends_the_line(void **state) {
    (void) state;
    put(100, "no newline");
    output_log_end(&log_, dir_fd, "a", 100);
    output_log_end(&log_, dir_fd, "a", 100);
    assert_files("(none)", "no newline\n");
}

static void set_file_limit(rlim_t bytes) {
    struct rlimit limit;
    getrlimit(RLIMIT_FSIZE, &limit);
    limit.rlim_cur = bytes;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

/* A limit stands in for a full disk: writes become short, then fail. */
static void test_what_is_lost_is_told(void **state) {
    (void) state;
    signal(SIGXFSZ, SIG_IGN);
    put(1000, "kept\n");
    set_file_limit(8);
    put(1000, "0123456789\n"); /* three bytes fit */
    put(1000, "gone\n");
    assert_int_equal(log_.lost, 8 + 5);
    assert_files("(none)", "kept\n012");
    set_file_limit(RLIM_INFINITY);
    put(1000, "again\n");
    assert_files("(none)", "kept\n012\n[13 bytes lost]\nagain\n");
    assert_int_equal(log_.lost, 0);
    set_file_limit(8);
    put(1000, "gone\n");
    set_file_limit(RLIM_INFINITY);
    output_log_end(&log_, dir_fd, "a", 1000);
    assert_files("(none)", "kept\n012\n[13 bytes lost]\nagain\n[5 bytes lost]\n");
    signal(SIGXFSZ, SIG_DFL);
}

static void test_no_file_can_be_made(void **state) {
    (void) state;
    int fd = dir_fd;

    dir_fd = -1;
    put(100, "gone\n");
    dir_fd = fd;
    assert_int_equal(log_.lost, 5);
    put(100, "here\n");
    assert_files("(none)", "[5 bytes lost]\nhere\n");
    assert_int_equal(mkdirat(dir_fd, "a.1", 0755), 0); /* and none moved */
    put(30, "0123456789\n");
    assert_int_equal(log_.lost, 11);
    assert_int_equal(unlinkat(dir_fd, "a.1", AT_REMOVEDIR), 0);
    put(30, "x\n");
    assert_files("[5 bytes lost]\nhere\n", "[11 bytes lost]\nx\n");
}

static void test_a_link_in_its_place_is_not_followed(void **state) {
    (void) state;
    assert_int_equal(symlinkat("victim", dir_fd, "a"), 0);
    put(100, "gone\n");
    assert_int_equal(log_.lost, 5);
    assert_string_equal(text_of("victim"), "(none)");
    unlinkat(dir_fd, "a", 0);
    assert_int_equal(mkfifoat(dir_fd, "a", 0600), 0);
    put(100, "gone\n");
    assert_int_equal(log_.lost, 10);
}

/* Whatever comes in whatever pieces: the two files are the end of it, each within the cap, and no
 * line that fits a file is cut. */
static void test_random_pieces(void **state) {
    (void) state;
    static char all[200000];
    unsigned seed = 1;

    for (int round = 0; round < 30; round++) {
        uint64_t cap = 64 + (uint64_t) (rand_r(&seed) % 500);
        size_t total = 0;
        set_up(NULL);
        for (int i = 0; i < 60; i++) {
            char piece[1500];
            size_t n = 0, lines = 1 + (size_t) (rand_r(&seed) % 20);
            while (lines-- > 0) {
                size_t len = (size_t) (rand_r(&seed) % 64);
                memset(piece + n, 'a' + i % 26, len);
                n += len;
                piece[n++] = '\n';
            }
            output_log_append(&log_, dir_fd, "a", cap, piece, n);
            memcpy(all + total, piece, n);
            total += n;
        }
        const char *old = text_of("a.1"), *now = text_of("a");
        if (strcmp(old, "(none)") == 0)
            old = "";
        size_t a = strlen(old), b = strlen(now);
        assert_true(a <= cap && b <= cap && a + b <= total);
        assert_memory_equal(all + total - b, now, b);
        assert_memory_equal(all + total - b - a, old, a);
        assert_true(a == 0 || old[a - 1] == '\n');
        assert_true(a + b == total || a > cap - 64);
        output_log_close(&log_);
    }
}

static int make_dir(void **state) {
    (void) state;
    if (!mkdtemp(dir))
        return -1;
    dir_fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return dir_fd < 0 ? -1 : 0;
}

static int remove_dir(void **state) {
    (void) state;
    close(dir_fd);
    return fs_remove_tree(AT_FDCWD, dir, NULL);
}

#define WITH_LOG(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        WITH_LOG(test_nothing_is_made_for_nothing),
        WITH_LOG(test_rotates_between_lines),
        WITH_LOG(test_one_call_may_fill_many_files),
        WITH_LOG(test_a_line_longer_than_a_file_is_cut),
        WITH_LOG(test_a_line_that_has_begun_goes_on),
        WITH_LOG(test_smaller_cap_takes_hold),
        WITH_LOG(test_next_daemon_goes_on),
        WITH_LOG(test_end_ends_the_line),
        WITH_LOG(test_what_is_lost_is_told),
        WITH_LOG(test_no_file_can_be_made),
        WITH_LOG(test_a_link_in_its_place_is_not_followed),
        WITH_LOG(test_random_pieces),
    };

    return cmocka_run_group_tests_name("output_log", tests, make_dir, remove_dir);
}
