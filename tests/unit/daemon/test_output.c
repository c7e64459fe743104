/* SPDX-License-Identifier: MIT
 * test_output.c - FIFOs that come and go, and the thread that takes what is in them. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "supervisor/base/err.h"
#include "supervisor/base/cleanup.h"
#include "supervisor/base/fs.h"
#include "supervisor/daemon/output.h"

#define NOBODY ((uid_t) -1)

static char dir[] = "/tmp/test_output.XXXXXX";
static char fifos[64], logs[64];
static sd_event *event;
static struct output *output;

static void start(void) {
    struct err e = { 0 };
    if (output_new(event, fifos, logs, 1024 * 1024, &output, &e) < 0)
        fail_msg("%s", e.text);
}

static int set_up(void **state) {
    (void) state;
    snprintf(fifos, sizeof fifos, "%s/output", dir);
    snprintf(logs, sizeof logs, "%s/log", dir);
    assert_int_equal(fs_remove_tree(AT_FDCWD, fifos, NULL), 0);
    assert_int_equal(fs_remove_tree(AT_FDCWD, logs, NULL), 0);
    assert_true(sd_event_new(&event) >= 0);
    start();
    return 0;
}

static int tear_down(void **state) {
    (void) state;
    output = output_free(output);
    event = sd_event_unref(event);
    return 0;
}

static int attach(const char *id) {
    struct err e = { 0 };
    int fd = -1;
    if (output_attach(output, id, NOBODY, (gid_t) -1, &fd, &e) < 0)
        fail_msg("%s", e.text);
    return fd;
}

static void say(int fd, const char *text) {
    assert_int_equal(write(fd, text, strlen(text)), (ssize_t) strlen(text));
}

static const char *log_text(const char *name) {
    static char buf[2 * 1024 * 1024];
    char path[256];
    snprintf(path, sizeof path, "%s/%s", logs, name);
    ssize_t n = fs_read_into(AT_FDCWD, path, buf, sizeof buf);
    if (n == -ENOENT)
        return "(none)";
    assert_true(n >= 0);
    return buf;
}

static bool has_fifo(const char *id) {
    char path[256];
    struct stat st;
    snprintf(path, sizeof path, "%s/%s", fifos, id);
    return lstat(path, &st) == 0 && S_ISFIFO(st.st_mode);
}

static int count_fds(void) {
    DIR *d = opendir("/proc/self/fd");
    int n = 0;
    while (readdir(d))
        n++;
    closedir(d);
    return n;
}

/* Takes the place of libc's: an app so fast that there is more behind each read of its FIFO. */
static atomic_int flood_fd = -1;
static _Atomic ino_t flood_ino;
static atomic_bool slow; /* or a thread that is slow to read one */
ssize_t read(int fd, void *buf, size_t size) {
    static const char line[] = "################\n";
    if (slow && size > 1024)
        (void) poll(NULL, 0, 2);
    ssize_t n = syscall(SYS_read, fd, buf, size);
    struct stat st;
    int out = flood_fd;
    if (out >= 0 && fd != out && fstat(fd, &st) == 0 && S_ISFIFO(st.st_mode) &&
        st.st_ino == flood_ino)
        (void) !write(out, line, sizeof line - 1);
    return n;
}

static void print_behind_each_read(int fd) {
    struct stat st = { .st_ino = 0 };
    (void) fstat(fd, &st);
    flood_ino = st.st_ino;
    flood_fd = fd;
}

static int told;

static void grown(struct output_reader *r, void *userdata) {
    (void) r;
    (void) userdata;
    told++;
}

/* Until the thread has written this line of the app's. */
static void wait_for_line(const char *id, const char *want) {
    struct output_reader *r;
    const char *line = "";

    assert_int_equal(output_reader_new(output, id, true, grown, NULL, &r, NULL), 0);
    for (;;) {
        int n = output_read(r, &line);
        assert_true(n >= 0);
        if (n == 1 && strcmp(line, want) == 0)
            break;
        int before = told;
        while (n == 0 && told == before)
            assert_true(sd_event_run(event, 20 * 1000000) > 0);
    }
    output_reader_free(r);
}

static void count(void *userdata) {
    ++*(int *) userdata;
}

static unsigned lines_kept(const char *id) {
    struct output_reader *r;
    const char *line;
    unsigned n = 0;

    assert_int_equal(output_reader_new(output, id, false, NULL, NULL, &r, NULL), 0);
    while (output_read(r, &line) == 1)
        n++;
    output_reader_free(r);
    return n;
}

/* Whoever asks what was printed has all of it, whether the run goes on or has just ended. */
static void test_settled_is_all_that_was_printed(void **state) {
    (void) state;
    struct output_wait *w, *other;
    int settled = 0, fd = -1;

    assert_int_equal(output_settle(output, "a", count, &settled, &w), 0); /* nothing ran yet */
    slow = true;
    for (int i = 0; i < 100; i++) {
        if (fd < 0)
            assert_int_equal(output_attach(output, "a", (uid_t) -1, (gid_t) -1, &fd, NULL), 0);
        assert_int_equal(write(fd, "line\n", 5), 5);
        if (i % 3 == 0) {
            output_detach(output, "a");
            close_p(&fd);
            fd = -1;
        }
        assert_int_equal(output_settle(output, "a", count, &settled, &w), 1);
        while (settled <= i)
            assert_true(sd_event_run(event, 20 * 1000000) > 0);
        assert_int_equal(lines_kept("a"), i + 1);
    }
    /* One that is cancelled is not told, and one that waits at the end is given back. */
    assert_int_equal(output_settle(output, "a", count, &settled, &w), 1);
    output_settle_cancel(w);
    assert_int_equal(output_settle(output, "a", count, &settled, &other), 1);
    while (settled == 100)
        assert_true(sd_event_run(event, 20 * 1000000) > 0);
    assert_int_equal(settled, 101);
    slow = false;
    assert_int_equal(output_settle(output, "a", count, &settled, &w), 1);
    output_settle_cancel(NULL);
    close_p(&fd);
}

static void test_what_is_printed_is_in_the_log(void **state) {
    (void) state;
    struct stat st;
    int fd = attach("org.example.a");

    assert_int_equal(stat(fifos, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0700);
    assert_int_equal(stat(logs, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0700);
    assert_int_equal(fcntl(fd, F_GETFL) & (O_ACCMODE | O_NONBLOCK), O_RDWR);
    say(fd, "one\n");
    wait_for_line("org.example.a", "one");
    say(fd, "two\nno end");
    close(fd);
    output_detach(output, "org.example.a");
    assert_false(has_fifo("org.example.a"));
    wait_for_line("org.example.a", "no end");
    assert_string_equal(log_text("org.example.a"), "one\ntwo\nno end\n");
}

static void test_last_words_before_the_next_runs_first(void **state) {
    (void) state;
    static char big[60000];
    char line[32];
    int fd;

    memset(big, 'x', sizeof big - 1);
    big[sizeof big - 2] = '\n';
    for (int i = 0; i < 50; i++) {
        fd = attach("a");
        say(fd, big);
        snprintf(line, sizeof line, "end of %d", i);
        say(fd, line);
        close(fd);
        output_detach(output, "a");
    }
    output_detach(output, "a"); /* is not there: nothing */
    tear_down(NULL);
    const char *at = log_text("a");
    for (int i = 50 - 16; i < 50; i++) { /* those that one file of 1 MiB holds whole */
        snprintf(line, sizeof line, "\nend of %d\n", i);
        at = strstr(at, line);
        if (!at)
            fail_msg("no '%s' after the one before", line);
    }
}

/* The daemon ends; the app prints on, and does not notice. */
static void test_app_outlives_the_daemon(void **state) {
    (void) state;
    int status, fd = attach("a");

    say(fd, "before\nbegun");
    output = output_free(output);
    assert_string_equal(log_text("a"), "before\nbegun");
    assert_true(has_fifo("a"));
    pid_t pid = fork();
    if (pid == 0)
        _exit(write(fd, " and ended\nmeanwhile\n", 21) != 21);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0); /* no SIGPIPE */
    start();
    assert_int_equal(output_attach(output, "a", NOBODY, (gid_t) -1, NULL, NULL), 0);
    wait_for_line("a", "meanwhile");
    say(fd, "after\n");
    wait_for_line("a", "after");
    assert_string_equal(log_text("a"), "before\nbegun and ended\nmeanwhile\nafter\n");
    close(fd);
}

static void test_new_run_gets_a_new_fifo(void **state) {
    (void) state;
    int old = attach("a"), fd;

    tear_down(NULL); /* leaves its FIFO, as a daemon that died */
    assert_true(sd_event_new(&event) >= 0);
    start();
    fd = attach("a");
    say(old, "from a run before\n");
    say(fd, "from this one\n");
    wait_for_line("a", "from this one");
    assert_string_equal(log_text("a"), "from this one\n");
    close(old);
    close(fd);
    /* Nor is what is no FIFO taken for one. */
    output_detach(output, "a");
    char path[128];
    snprintf(path, sizeof path, "%s/a", fifos);
    close(open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
    assert_int_equal(output_attach(output, "a", NOBODY, (gid_t) -1, NULL, NULL), 0);
    assert_true(has_fifo("a"));
}

static void test_app_may_reopen_its_output(void **state) {
    (void) state;
    int fd = -1, status;

    if (geteuid() != 0) {
        print_message("skipped: only root can run as another user\n");
        skip();
    }
    assert_int_equal(output_attach(output, "a", 70011, 70012, &fd, NULL), 0);
    pid_t pid = fork();
    if (pid == 0) {
        char name[32];
        snprintf(name, sizeof name, "/proc/self/fd/%d", fd);
        if (setresgid(70012, 70012, 70012) < 0 || setresuid(70011, 70011, 70011) < 0)
            _exit(1);
        int own = open(name, O_WRONLY | O_CLOEXEC);
        _exit(own < 0 ? 2 : write(own, "reopened\n", 9) != 9 ? 3 : 0);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
    wait_for_line("a", "reopened");
    close(fd);
}

static void test_flood_of_one_does_not_silence_others(void **state) {
    (void) state;
    int flood = attach("flood"), fd = attach("quiet");
    char line[32];

    output_set_log_size(output, 256 * 1024);
    fcntl(flood, F_SETFL, O_RDWR | O_NONBLOCK);
    print_behind_each_read(flood);
    say(flood, "it begins\n");
    for (int i = 0; i < 20; i++) {
        snprintf(line, sizeof line, "line %d", i);
        say(fd, line);
        say(fd, "\n");
        wait_for_line("quiet", line);
    }
    /* And when it ends while something still prints, that ends too. */
    output_detach(output, "flood");
    say(fd, "still here\n");
    wait_for_line("quiet", "still here");
    output = output_free(output);
    print_behind_each_read(-1);
    assert_true(strlen(log_text("flood")) <= 256 * 1024);
    assert_true(strlen(log_text("flood.1")) <= 256 * 1024);
    close(fd);
    close(flood);
}

static void test_forget_removes_both_files(void **state) {
    (void) state;
    int fd = attach("a");

    output_set_log_size(output, 8);
    say(fd, "one\ntwo\nthree\n");
    wait_for_line("a", "three");
    assert_string_equal(log_text("a.1"), "one\ntwo\n");
    output_forget(output, "a"); /* while it prints: its log begins anew */
    say(fd, "four\n");
    wait_for_line("a", "four");
    assert_string_equal(log_text("a"), "four\n");
    assert_string_equal(log_text("a.1"), "(none)");
    say(fd, "five\n");
    close(fd);
    output_detach(output, "a");
    output_forget(output, "a"); /* after what was left of it */
    output_forget(output, "../a");
    tear_down(NULL);
    assert_string_equal(log_text("a"), "(none)");
    assert_true(sd_event_new(&event) >= 0);
    start();
    close(attach("b"));
    output = output_free(output);
    start();
    output_forget(output, "b"); /* with no thread yet */
    assert_string_equal(log_text("b"), "(none)");
}

static void test_bad_calls_change_nothing(void **state) {
    (void) state;
    static const char *const ids[] = { "", ".", "..", "a/b", "../a", "a\n", "1a", "a.1", "a..b" };
    struct err e = { 0 };
    int fd = 4711, before;

    for (size_t i = 0; i < sizeof ids / sizeof ids[0]; i++) {
        assert_int_equal(output_attach(output, ids[i], NOBODY, (gid_t) -1, &fd, &e), -EINVAL);
        output_detach(output, ids[i]);
    }
    int first = attach("a");
    before = count_fds();
    assert_int_equal(output_attach(output, "a", NOBODY, (gid_t) -1, &fd, &e), -EEXIST);
    assert_non_null(strstr(e.text, "cannot take the output of 'a'"));
    assert_int_equal(fd, 4711);
    assert_int_equal(count_fds(), before);
    close(first);
    struct output *other = (struct output *) 0x1;
    assert_int_equal(output_new(event, "/no/such/dir/x", logs, 1, &other, &e), -ENOENT);
    assert_ptr_equal(other, (struct output *) 0x1);
}

static void test_500_apps_come_and_go(void **state) {
    (void) state;
    static int fds[500];
    char id[16];
    int before = count_fds();

    for (int i = 0; i < 500; i++) {
        snprintf(id, sizeof id, "app%d", i);
        fds[i] = attach(id);
        say(fds[i], "here\n");
    }
    for (int i = 0; i < 500; i++) {
        snprintf(id, sizeof id, "app%d", i);
        wait_for_line(id, "here");
        close(fds[i]);
        output_detach(output, id);
    }
    output = output_free(output);
    start();
    assert_int_equal(count_fds(), before);
}

static int make_dir(void **state) {
    (void) state;
    return mkdtemp(dir) && chmod(dir, 0755) == 0 ? 0 : -1;
}

static int remove_dir(void **state) {
    (void) state;
    return fs_remove_tree(AT_FDCWD, dir, NULL);
}

#define WITH_OUTPUT(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        WITH_OUTPUT(test_what_is_printed_is_in_the_log),
        WITH_OUTPUT(test_settled_is_all_that_was_printed),
        WITH_OUTPUT(test_last_words_before_the_next_runs_first),
        WITH_OUTPUT(test_app_outlives_the_daemon),
        WITH_OUTPUT(test_new_run_gets_a_new_fifo),
        WITH_OUTPUT(test_app_may_reopen_its_output),
        WITH_OUTPUT(test_flood_of_one_does_not_silence_others),
        WITH_OUTPUT(test_forget_removes_both_files),
        WITH_OUTPUT(test_bad_calls_change_nothing),
        WITH_OUTPUT(test_500_apps_come_and_go),
    };

    return cmocka_run_group_tests_name("output", tests, make_dir, remove_dir);
}
