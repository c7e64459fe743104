/* SPDX-License-Identifier: MIT
 * test_output_reader.c - readers of kept lines, against the files alone and against the thread. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "supervisor/base/err.h"
#include "supervisor/base/fs.h"
#include "supervisor/daemon/output.h"

static char dir[] = "/tmp/test_output_reader.XXXXXX";
static char fifos[64], logs[64];
static sd_event *event;
static struct output *output;

static int set_up(void **state) {
    (void) state;
    snprintf(fifos, sizeof fifos, "%s/output", dir);
    snprintf(logs, sizeof logs, "%s/log", dir);
    assert_int_equal(fs_remove_tree(AT_FDCWD, logs, NULL), 0);
    assert_true(sd_event_new(&event) >= 0);
    assert_int_equal(output_new(event, fifos, logs, 1024 * 1024, &output, NULL), 0);
    return 0;
}

static int tear_down(void **state) {
    (void) state;
    output = output_free(output);
    event = sd_event_unref(event);
    return 0;
}

static const char *log_path(const char *name) {
    static char path[256];
    snprintf(path, sizeof path, "%s/%s", logs, name);
    return path;
}

static void append(const char *name, const char *text, size_t n) {
    int fd = open(log_path(name), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    assert_int_equal(write(fd, text, n), (ssize_t) n);
    close(fd);
}
static void append_text(const char *name, const char *text) {
    append(name, text, strlen(text));
}

static void rotate(void) {
    char now[256];
    snprintf(now, sizeof now, "%s", log_path("a"));
    assert_int_equal(rename(now, log_path("a.1")), 0);
}

/* Takes the place of libc's: what the thread may do between two system calls of a reader is done
 * before the reader's next openat() of `hook_name`. */
static const char *hook_name;
static void (*hook)(void);
int openat(int at, const char *name, int flags, ...) {
    mode_t mode = 0;
    if (flags & O_CREAT) {
        va_list ap;
        va_start(ap, flags);
        mode = (mode_t) va_arg(ap, unsigned);
        va_end(ap);
    }
    if (hook_name && strcmp(name, hook_name) == 0) {
        hook_name = NULL;
        hook();
    }
    return (int) syscall(SYS_openat, at, name, flags, mode);
}

static void grown(struct output_reader *r, void *userdata) {
    (void) r;
    ++*(int *) userdata;
}

static struct output_reader *reader(bool follow, int *n_grown) {
    struct output_reader *r;
    assert_int_equal(output_reader_new(output, "a", follow, grown, n_grown, &r, NULL), 0);
    return r;
}

static void assert_next(struct output_reader *r, const char *want) {
    const char *line;
    assert_int_equal(output_read(r, &line), 1);
    assert_string_equal(line, want);
}

static void assert_end(struct output_reader *r) {
    const char *line = (const char *) 0x1;
    assert_int_equal(output_read(r, &line), 0);
    assert_ptr_equal(line, (const char *) 0x1);
}

static void test_both_files_oldest_first(void **state) {
    (void) state;
    struct output_reader *r = reader(false, NULL);
    assert_end(r);
    assert_end(r);
    output_reader_free(r);
    append_text("a.1", "one\ntwo, ");
    append_text("a", "which goes on\n\nlast, no end");
    r = reader(false, NULL);
    append_text("a", " and more\nlater\n"); /* not of what was there */
    assert_next(r, "one");
    assert_next(r, "two, which goes on");
    assert_next(r, "");
    assert_next(r, "last, no end");
    assert_end(r);
    assert_end(r);
    assert_null(output_reader_free(r));
    assert_null(output_reader_free(NULL));
}

static void test_rotation_takes_nothing_from_a_snapshot(void **state) {
    (void) state;
    append_text("a.1", "one\n");
    append_text("a", "two\n");
    struct output_reader *r = reader(false, NULL);
    rotate();
    append_text("a", "three\n");
    rotate();
    assert_next(r, "one");
    assert_next(r, "two");
    assert_end(r);
    output_reader_free(r);
}

static void test_follow_goes_over_rotations(void **state) {
    (void) state;
    struct output_reader *r = reader(true, NULL);
    assert_end(r);
    append_text("a", "one\nbeg");
    assert_next(r, "one");
    assert_end(r); /* the line has no end yet */
    append_text("a", "un");
    assert_end(r);
    rotate();
    assert_end(r);
    append_text("a", " and ended\ntwo\n");
    assert_next(r, "begun and ended");
    append_text("a", "three\n");
    rotate();
    append_text("a", "four\n");
    assert_next(r, "two");
    assert_next(r, "three");
    assert_next(r, "four");
    assert_end(r);
    /* Twice between two looks: what stood in between is gone, the rest is there. */
    append_text("a", "five\nsix beg");
    rotate();
    append_text("a", "seven\n");
    rotate();
    append_text("a", "eight\n");
    rotate();
    append_text("a", "nine\n");
    assert_next(r, "five");
    assert_next(r, "six beg"); /* and is not glued to what follows */
    assert_next(r, "eight");
    assert_next(r, "nine");
    assert_end(r);
    /* Forgotten, and begun anew. */
    assert_int_equal(unlink(log_path("a")), 0);
    assert_int_equal(unlink(log_path("a.1")), 0);
    assert_end(r);
    append_text("a", "ten\n");
    assert_next(r, "ten");
    assert_end(r);
    output_reader_free(r);
}

static void write_and_rotate(void) {
    append_text("a", "two\n");
    rotate();
    append_text("a", "three\n");
}

static void test_written_and_rotated_after_the_end_was_seen(void **state) {
    (void) state;
    append_text("a", "one\n");
    struct output_reader *r = reader(true, NULL);
    assert_next(r, "one");
    hook = write_and_rotate;
    hook_name = "a";
    assert_next(r, "two");
    assert_null(hook_name);
    assert_next(r, "three");
    assert_end(r);
    output_reader_free(r);
}

static void rotate_once(void) {
    rotate();
    append_text("a", "two\n");
}

static void rotate_twice(void) {
    rotate_once();
    rotate();
    append_text("a", "three\n");
}

static void test_rotated_while_the_pair_was_opened(void **state) {
    (void) state;
    append_text("a", "one\n");
    hook = rotate_once;
    hook_name = "a.1";
    struct output_reader *r = reader(false, NULL);
    assert_next(r, "one");
    assert_next(r, "two");
    assert_end(r);
    output_reader_free(r);
    assert_int_equal(unlink(log_path("a")), 0);
    assert_int_equal(unlink(log_path("a.1")), 0);
    append_text("a", "one\n");
    hook = rotate_twice;
    hook_name = "a.1";
    r = reader(false, NULL);
    assert_next(r, "two");
    assert_next(r, "three");
    assert_end(r);
    output_reader_free(r);
}

static void test_lines_are_plain_text(void **state) {
    (void) state;
    static const char raw[] = "\x1b[31mred\nnul \0 in it\nbad \xff\xfe\n\ttab\ndos\r\n进度\n";
    append("a", raw, sizeof raw - 1);
    struct output_reader *r = reader(false, NULL);
    assert_next(r, "\\x1b[31mred");
    assert_next(r, "nul \\x00 in it");
    assert_next(r, "bad \xef\xbf\xbd\xef\xbf\xbd");
    assert_next(r, "\ttab");
    assert_next(r, "dos");
    assert_next(r, "进度");
    assert_end(r);
    output_reader_free(r);
}

/* Around the limit, and with characters of every length across it. */
static void test_long_lines_come_in_pieces(void **state) {
    (void) state;
    static const char *const last[] = { "x", "é", "进", "😀" };
    static char text[OUTPUT_LINE_MAX + 16], got[sizeof text];

    for (size_t kind = 0; kind < 4; kind++)
        for (size_t before = OUTPUT_LINE_MAX - 6; before <= OUTPUT_LINE_MAX + 1; before++) {
            size_t pieces = 0, n = before;
            const char *line;
            memset(text, 'y', before);
            memcpy(text + n, last[kind], strlen(last[kind]));
            n += strlen(last[kind]);
            memcpy(text + n, "end\n", 5);
            unlink(log_path("a"));
            append("a", text, n + 4);
            struct output_reader *r = reader(false, NULL);
            got[0] = '\0';
            while (output_read(r, &line) == 1) {
                pieces++;
                assert_true(strlen(line) <= OUTPUT_LINE_MAX);
                strcat(got, line);
            }
            text[n + 3] = '\0';
            assert_string_equal(got, text);
            assert_int_equal(pieces, n + 3 < OUTPUT_LINE_MAX ? 1 : 2);
            output_reader_free(r);
        }
}

static void test_megabyte_without_a_newline(void **state) {
    (void) state;
    static char block[1024 * 1024];
    const char *line;
    size_t all = 0;

    memset(block, 0x80, sizeof block); /* nothing but the middles of characters */
    append("a", block, sizeof block);
    struct output_reader *r = reader(false, NULL);
    while (output_read(r, &line) == 1)
        all += strlen(line) / 3;
    assert_int_equal(all, sizeof block);
    output_reader_free(r);
}

/* ---- with the thread ---- */

static void run_until(const int *n, int want) {
    while (*n < want)
        assert_true(sd_event_run(event, 20 * 1000000) > 0);
}

static void test_grown_is_told_to_who_waits(void **state) {
    (void) state;
    int told = 0, told_other = 0, fd = -1, other_fd = -1;
    struct output_reader *r = reader(true, &told), *other;
    struct output_reader *not_read =
        reader(true, &told_other); /* does not wait: it has not asked */
    assert_int_equal(output_reader_new(output, "b", true, grown, &told_other, &other, NULL), 0);

    assert_int_equal(output_attach(output, "a", (uid_t) -1, (gid_t) -1, &fd, NULL), 0);
    assert_int_equal(output_attach(output, "b", (uid_t) -1, (gid_t) -1, &other_fd, NULL), 0);
    assert_end(r);
    assert_end(other);
    assert_int_equal(write(fd, "one\n", 4), 4);
    run_until(&told, 1);
    assert_next(r, "one");
    assert_end(r);
    assert_int_equal(write(fd, "two", 3), 3);
    run_until(&told, 2);
    assert_end(r);
    close(fd);
    output_detach(output, "a"); /* the thread ends the line */
    run_until(&told, 3);
    assert_next(r, "two");
    assert_end(r);
    assert_int_equal(told_other, 0);
    output_reader_free(r);
    output_reader_free(other);
    output_reader_free(not_read);
    close(other_fd);
}

static void test_unfollowed_output_wakes_nobody(void **state) {
    (void) state;
    int told = 0, fd = -1;

    assert_int_equal(output_attach(output, "a", (uid_t) -1, (gid_t) -1, &fd, NULL), 0);
    struct output_reader *snapshot = reader(false, &told);
    output_reader_free(reader(true, &told)); /* followed for a while */
    assert_int_equal(write(fd, "one\n", 4), 4);
    close(fd);
    output_detach(output, "a");
    output_reader_free(snapshot);
    assert_int_equal(sd_event_run(event, 300 * 1000), 0); /* nothing came */
    assert_int_equal(told, 0);
}

static struct output_reader *pair[2];
static int n_told;

static void free_both(struct output_reader *r, void *userdata) {
    (void) r;
    (void) userdata;
    n_told++;
    pair[0] = output_reader_free(pair[0]);
    pair[1] = output_reader_free(pair[1]);
}

static void test_readers_freed_when_told(void **state) {
    (void) state;
    int fd = -1;

    n_told = 0;
    for (int i = 0; i < 2; i++) {
        assert_int_equal(output_reader_new(output, "a", true, free_both, NULL, &pair[i], NULL), 0);
        assert_end(pair[i]);
    }
    assert_int_equal(output_attach(output, "a", (uid_t) -1, (gid_t) -1, &fd, NULL), 0);
    assert_int_equal(write(fd, "one\n", 4), 4);
    run_until(&n_told, 1);
    assert_int_equal(n_told, 1);
    close(fd);
}

static int number_of(const char *line) {
    int number;
    if (sscanf(line, "line %d", &number) != 1)
        fail_msg("'%s' is no whole line", line);
    return number;
}

/* What is kept at any moment are the last lines, each once. */
static void check_snapshot(void) {
    struct output_reader *r = reader(false, NULL);
    const char *line;
    int last = -1, e;
    while ((e = output_read(r, &line)) == 1) {
        int number = number_of(line);
        assert_true(last < 0 || number == last + 1);
        last = number;
    }
    assert_int_equal(e, 0);
    output_reader_free(r);
}

/* A log that rotates every few lines, and a follower who is never further behind than that: it sees
 * each line, once, in order, whether it waits to be told or asks all the time. */
static void test_follow_under_constant_rotation(void **state) {
    (void) state;
    int told = 0, fd = -1, last = -1;
    struct output_reader *r = reader(true, &told);

    output_set_log_size(output, 256);
    assert_int_equal(output_attach(output, "a", (uid_t) -1, (gid_t) -1, &fd, NULL), 0);
    for (int i = 0; i < 20000;) {
        char text[32];
        for (int k = 0; k < 10; k++, i++) {
            int n = snprintf(text, sizeof text, "line %d\n", i);
            assert_int_equal(write(fd, text, (size_t) n), n);
        }
        while (last < i - 1) {
            const char *line;
            int before = told, e = output_read(r, &line);
            assert_true(e >= 0);
            if (e == 1) {
                assert_int_equal(number_of(line), last + 1);
                last++;
            } else if (i % 20 == 0) {
                run_until(&told, before + 1);
            } else {
                check_snapshot();
            }
        }
    }
    close(fd);
    output_reader_free(r);
}

static void test_bad_ids(void **state) {
    (void) state;
    struct output_reader *r = (struct output_reader *) 0x1;
    struct err e = { 0 };

    assert_int_equal(output_reader_new(output, "../x", true, grown, NULL, &r, &e), -EINVAL);
    assert_non_null(strstr(e.text, "'../x' is not an app's id"));
    assert_int_equal(symlink("/etc/passwd", log_path("a")), 0);
    assert_int_equal(output_reader_new(output, "a", true, grown, NULL, &r, &e), -ELOOP);
    assert_ptr_equal(r, (struct output_reader *) 0x1);
}

static int make_dir(void **state) {
    (void) state;
    return mkdtemp(dir) ? 0 : -1;
}

static int remove_dir(void **state) {
    (void) state;
    return fs_remove_tree(AT_FDCWD, dir, NULL);
}

#define WITH_OUTPUT(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        WITH_OUTPUT(test_both_files_oldest_first),
        WITH_OUTPUT(test_rotation_takes_nothing_from_a_snapshot),
        WITH_OUTPUT(test_follow_goes_over_rotations),
        WITH_OUTPUT(test_written_and_rotated_after_the_end_was_seen),
        WITH_OUTPUT(test_rotated_while_the_pair_was_opened),
        WITH_OUTPUT(test_lines_are_plain_text),
        WITH_OUTPUT(test_long_lines_come_in_pieces),
        WITH_OUTPUT(test_megabyte_without_a_newline),
        WITH_OUTPUT(test_grown_is_told_to_who_waits),
        WITH_OUTPUT(test_unfollowed_output_wakes_nobody),
        WITH_OUTPUT(test_readers_freed_when_told),
        WITH_OUTPUT(test_follow_under_constant_rotation),
        WITH_OUTPUT(test_bad_ids),
    };

    return cmocka_run_group_tests_name("output_reader", tests, make_dir, remove_dir);
}
