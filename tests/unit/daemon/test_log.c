/* SPDX-License-Identifier: MIT
 * test_log.c - where lines go, what becomes of hostile ones, and that nothing waits. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "supervisor/daemon/log.h"

static int real_stderr = -1;

static void stderr_to(int fd) {
    assert_int_equal(dup2(fd, STDERR_FILENO), STDERR_FILENO);
}

static int stderr_back(void **state) {
    int null = open("/dev/null", O_WRONLY | O_CLOEXEC);

    (void) state;
    (void) unsetenv("JOURNAL_STREAM");
    (void) dup2(null, STDERR_FILENO);
    log_init(LOG_LEVEL_INFO);
    log_info(NULL, "takes the count of lost lines with it");
    (void) dup2(real_stderr, STDERR_FILENO);
    log_init(LOG_LEVEL_INFO);
    return close(null);
}

static char *drain(int fd) {
    static char text[512 * 1024];
    size_t at = 0;
    ssize_t n;
    fcntl(fd, F_SETFL, O_NONBLOCK);
    while ((n = read(fd, text + at, sizeof text - 1 - at)) > 0)
        at += (size_t) n;
    text[at] = '\0';
    return text;
}

static void make_pipe(int fds[2]) {
    assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
    stderr_to(fds[1]);
}

/* By an open file of its own, so that the pipe's flags stay as they are. */
static void fill_pipe(int fd) {
    char name[32], block[4096];
    snprintf(name, sizeof name, "/proc/self/fd/%d", fd);
    int own = open(name, O_WRONLY | O_NONBLOCK | O_CLOEXEC);
    memset(block, '#', sizeof block);
    while (write(own, block, sizeof block) > 0)
        ;
    assert_int_equal(errno, EAGAIN);
    close(own);
}

static void close_pipe(int fds[2]) {
    close(fds[0]);
    close(fds[1]);
}

static void test_lines_have_level_and_app(void **state) {
    (void) state;
    int fds[2];

    make_pipe(fds);
    log_init(LOG_LEVEL_INFO);
    log_info(NULL, "started with %d apps", 3);
    log_notice("org.example.a", "cold start");
    log_warning(NULL, "no limits");
    log_err("org.example.a", "broke: %s", "because");
    log_debug(NULL, "not told");
    assert_string_equal(drain(fds[0]), "miniprogd: started with 3 apps\n"
                                       "miniprogd: [org.example.a] cold start\n"
                                       "miniprogd: warning: no limits\n"
                                       "miniprogd: error: [org.example.a] broke: because\n");
    log_init(LOG_LEVEL_ERR);
    log_warning(NULL, "not told");
    assert_string_equal(drain(fds[0]), "");
    log_init(LOG_LEVEL_DEBUG);
    log_debug(NULL, "told");
    assert_string_equal(drain(fds[0]), "miniprogd: debug: told\n");
    close_pipe(fds);
}

static void test_hostile_text_is_one_plain_line(void **state) {
    (void) state;
    static char longest[100000];
    int fds[2];

    make_pipe(fds);
    log_init(LOG_LEVEL_INFO);
    log_info("a\nb", "x\nminiprogd: error: forged\x1b[2J\xff");
    assert_string_equal(drain(fds[0]), "miniprogd: [a\\x0ab] x\\x0aminiprogd: error: forged"
                                       "\\x1b[2J\xef\xbf\xbd\n");
    memset(longest, 'x', sizeof longest - 1);
    log_info(longest, "%s", longest);
    char *text = drain(fds[0]);
    assert_true(strlen(text) < 4096);
    assert_ptr_equal(strchr(text, '\n'), text + strlen(text) - 1);
    memset(longest, 1, sizeof longest - 1);
    log_info(longest, "%s", longest);
    assert_true(strlen(drain(fds[0])) < 4096);
    close_pipe(fds);
}

static void lose_three_and_count(int fds[2]) {
    fill_pipe(fds[1]);
    for (int i = 0; i < 3; i++) {
        errno = E2BIG;
        log_info(NULL, "lost %d", i);
        assert_int_equal(errno, E2BIG);
    }
    assert_null(strstr(drain(fds[0]), "lost"));
    log_info(NULL, "after");
    assert_string_equal(drain(fds[0]),
                        "miniprogd: warning: 3 lines could not be written before this one\n"
                        "miniprogd: after\n");
    log_info(NULL, "and on");
    assert_string_equal(drain(fds[0]), "miniprogd: and on\n");
}

/* That this test ends at all is the point: the pipe is full and nobody reads. */
static void test_full_pipe_drops_and_counts(void **state) {
    (void) state;
    int fds[2];

    make_pipe(fds); /* not initialised: asked by poll(2), standard error as it is */
    lose_three_and_count(fds);
    log_init(LOG_LEVEL_INFO); /* opened anew */
    lose_three_and_count(fds);
    assert_false(fcntl(STDERR_FILENO, F_GETFL) & O_NONBLOCK);
    close_pipe(fds);
}

static void test_reader_that_left(void **state) {
    (void) state;
    int fds[2], pair[2];

    signal(SIGPIPE, SIG_IGN);
    make_pipe(fds);
    log_init(LOG_LEVEL_INFO);
    close(fds[0]);
    log_info(NULL, "to nobody");
    close(fds[1]);
    signal(SIGPIPE, SIG_DFL);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
    stderr_to(pair[0]);
    log_init(LOG_LEVEL_INFO);
    log_info(NULL, "by socket");
    assert_non_null(strstr(drain(pair[1]), "1 line could not be written before this one\n"
                                           "miniprogd: by socket\n"));
    for (int i = 0; i < 20000; i++)
        log_info(NULL, "more than a socket holds");
    drain(pair[1]);
    close(pair[1]);
    log_info(NULL, "to nobody");
    close(pair[0]);
}

static void test_file_keeps_its_shared_position(void **state) {
    (void) state;
    char name[] = "/tmp/test_log.XXXXXX";
    int fd = mkstemp(name);

    stderr_to(fd);
    log_init(LOG_LEVEL_INFO);
    assert_int_equal(write(fd, "one\n", 4), 4);
    log_info(NULL, "two");
    assert_int_equal(write(fd, "three\n", 6), 6);
    assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
    assert_string_equal(drain(fd), "one\nminiprogd: two\nthree\n");
    close(fd);
    unlink(name);
}

static void set_journal_stream(bool right) {
    char value[64];
    struct stat st;
    fstat(STDERR_FILENO, &st);
    snprintf(value, sizeof value, "%llu:%llu", (unsigned long long) st.st_dev,
             (unsigned long long) st.st_ino + !right);
    setenv("JOURNAL_STREAM", value, 1);
}

static void test_journal_stream_of_somebody_else(void **state) {
    (void) state;
    static const char *const odd[] = {
        "", ":", "1", "x:y", "1:", ":1", "99999999999999999999999999999:1"
    };
    int fds[2];

    make_pipe(fds);
    set_journal_stream(false);
    log_init(LOG_LEVEL_INFO);
    log_info(NULL, "to the pipe");
    assert_string_equal(drain(fds[0]), "miniprogd: to the pipe\n");
    for (size_t i = 0; i < sizeof odd / sizeof odd[0]; i++) {
        setenv("JOURNAL_STREAM", odd[i], 1);
        log_init(LOG_LEVEL_INFO);
        log_info(NULL, "to the pipe");
        assert_string_equal(drain(fds[0]), "miniprogd: to the pipe\n");
    }
    close_pipe(fds);
}

/* In a mount namespace of its own with a journald of its own. */
static int talk_to_a_journal(void) {
    struct sockaddr_un address = { .sun_family = AF_UNIX,
                                   .sun_path = "/run/systemd/journal/socket" };
    static const char want[] = "MESSAGE=[org.example.a] it broke\nPRIORITY=3\n"
                               "SYSLOG_IDENTIFIER=miniprogd\nMINIPROG_APP=org.example.a\n";
    char got[4096];
    ssize_t n;
    int fds[2], fd;

    if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
        mount("tmpfs", "/run", "tmpfs", 0, NULL) < 0)
        return 77;
    if (mkdir("/run/systemd", 0755) < 0 || mkdir("/run/systemd/journal", 0755) < 0)
        return 1;
    fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (bind(fd, (struct sockaddr *) &address, sizeof address) < 0 || pipe2(fds, O_CLOEXEC) < 0)
        return 2;
    dup2(fds[1], STDERR_FILENO);
    set_journal_stream(true);
    log_init(LOG_LEVEL_INFO);
    log_err("org.example.a", "it broke");
    n = recv(fd, got, sizeof got, MSG_DONTWAIT);
    if (n != (ssize_t) strlen(want) || memcmp(got, want, strlen(want)) != 0)
        return 3;
    log_with(LOG_LEVEL_INFO, NULL,
             &(struct log_fields){ .message_id = LOG_ID_STATE, .state = "front", .version = 7 },
             "moved");
    n = recv(fd, got, sizeof got - 1, MSG_DONTWAIT);
    got[n > 0 ? n : 0] = '\0';
    if (!strstr(got, "\nMESSAGE_ID=" LOG_ID_STATE "\nMINIPROG_STATE=front\nMINIPROG_VERSION=7\n"))
        return 6;
    /* A journald that does not read holds nobody up, and learns what it missed. */
    for (int i = 0; i < 5000; i++)
        log_info(NULL, "flood");
    while ((n = recv(fd, got, sizeof got, MSG_DONTWAIT)) > 0)
        ;
    log_info(NULL, "after");
    n = recv(fd, got, sizeof got - 1, MSG_DONTWAIT);
    got[n > 0 ? n : 0] = '\0';
    if (!strstr(got, " lines could not be written") || !strstr(got, "PRIORITY=4\n"))
        return 4;
    return strcmp(drain(fds[0]), "") == 0 ? 0 : 5;
}

static void test_journal_gets_fields(void **state) {
    (void) state;
    int status;
    pid_t pid = fork();

    if (pid == 0)
        _exit(talk_to_a_journal());
    assert_int_equal(waitpid(pid, &status, 0), pid);
    if (WIFEXITED(status) && WEXITSTATUS(status) == 77) {
        print_message("skipped: no mount namespace for a journal's socket (needs root)\n");
        skip();
    }
    assert_int_equal(status, 0);
}

static void test_level_names(void **state) {
    (void) state;
    static const char *const good[] = { "err", "warning", "notice", "info", "debug" };
    static const char *const bad[] = { "", "ERR", "error", "3", "info " };
    enum log_level level;

    for (int i = 0; i < 5; i++) {
        assert_int_equal(log_level_parse(good[i], &level), 0);
        assert_int_equal(level, 3 + i);
        level = (enum log_level) 42;
        assert_int_equal(log_level_parse(bad[i], &level), -EINVAL);
        assert_int_equal(level, 42);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(test_full_pipe_drops_and_counts, stderr_back), /* first */
        cmocka_unit_test_teardown(test_lines_have_level_and_app, stderr_back),
        cmocka_unit_test_teardown(test_hostile_text_is_one_plain_line, stderr_back),
        cmocka_unit_test_teardown(test_reader_that_left, stderr_back),
        cmocka_unit_test_teardown(test_file_keeps_its_shared_position, stderr_back),
        cmocka_unit_test_teardown(test_journal_stream_of_somebody_else, stderr_back),
        cmocka_unit_test_teardown(test_journal_gets_fields, stderr_back),
        cmocka_unit_test(test_level_names),
    };

    real_stderr = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 10);
    return cmocka_run_group_tests_name("log", tests, NULL, NULL);
}
