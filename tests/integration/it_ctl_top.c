/* SPDX-License-Identifier: MIT
 * it_ctl_top.c - miniprogctl top on a terminal of its own, against a supervisor that answers what
 * it is told to: what is drawn, what keys ask for, and how the terminal is left. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pty.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <termios.h>
#include <utmp.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "supervisor/base/json.h"
#include "supervisor/base/cleanup.h"
#include "supervisor/base/str.h"
#include "supervisor/wire/varlink.h"
#include "tests/lib/ctl_scene.h"

#define PATIENCE_S 30
#define CONNS      8
#define CAPTURE    ((size_t) 64 * 1024 * 1024)

#define APP(id, state, more)                                                                       \
    "{\"id\":\"" id "\",\"name\":\"X\",\"version_code\":1,\"version_name\":\"1.0\",\"state\":"     \
    "\"" state "\",\"since_usec\":1,\"cold_starts\":1,\"hot_starts\":2" more "}"
#define MEM(id, state)                                                                             \
    "{\"id\":\"" id "\",\"state\":\"" state "\",\"current\":52428800,\"peak\":52428800,"           \
    "\"reclaimed\":0,\"warned\":0,\"freed\":0,\"resume_usec\":2500}"
#define CRASHED ",\"last_exit\":{\"reason\":\"crashed\",\"at_usec\":1,\"message\":\"\"}"
#define APP_A   APP("org.example.a", "suspended", "")
#define APP_B   APP("org.example.b", "foreground", "")
#define APP_C   APP("org.example.c", "stopped", CRASHED)
#define MEM_A   MEM("org.example.a", "suspended")
#define MEM_B   MEM("org.example.b", "foreground")
static const char list[] = "{\"parameters\":{\"apps\":[" APP_A "," APP_B "," APP_C "]}}";
static const char memory[] =
    "{\"parameters\":{\"level\":10,\"backend\":\"hybrid\",\"total\":8589934592,\"available\":"
    "6442450944,\"current\":104857600,\"budget\":134217728,\"sources\":[],\"apps\":[" MEM_A
    "," MEM_B "],\"next_victim\":\"org.example.a\"}}";
static const char snapshot[] =
    "{\"continues\":true,\"parameters\":{\"event\":{\"seq\":1,\"at_usec\":1,\"type\":\"snapshot\","
    "\"snapshot\":{\"apps\":[],\"dialogs\":[]}}}}";
static const char told[] =
    "{\"continues\":true,\"parameters\":{\"event\":{\"seq\":2,\"at_usec\":1,\"type\":\"state\","
    "\"app_id\":\"org.example.b\",\"state\":{\"from\":\"starting\",\"to\":\"foreground\","
    "\"cause\":\"ready\"}}}}";

static struct {
    char folder[64], path[96];
    int listen_fd, conn[CONNS];
    bool watches[CONNS];
    struct str in[CONNS];
    const char *list, *memory; /* what List and Memory are answered */
    bool silent;               /* keys' calls are not answered */
    struct str calls;          /* what keys asked: "Open {...}\n" */
    int master, slave;
    pid_t pid;
    struct str out;
    struct termios before;
} s;

static void close_conn(int i) {
    if (s.conn[i] >= 0)
        (void) close(s.conn[i]);
    s.conn[i] = -1;
    s.watches[i] = false;
    str_reset(&s.in[i]);
}

static void answer(int i, const char *text) {
    (void) !send(s.conn[i], text, strlen(text) + 1, MSG_NOSIGNAL);
}

static void on_call(int i, const char *text, size_t n) {
    struct varlink_call call;
    CLEANUP(str_clear_p) struct str parameters = STR_INIT(CAPTURE);

    assert_int_equal(varlink_call_parse(text, n, &call, NULL), 0);
    const char *name = strrchr(call.method, '.') + 1;
    if (strcmp(name, "Watch") == 0) {
        s.watches[i] = true;
        answer(i, snapshot);
    } else if (strcmp(name, "List") == 0) {
        answer(i, s.list);
    } else if (strcmp(name, "Memory") == 0) {
        answer(i, s.memory);
    } else {
        assert_int_equal(json_print(call.parameters, &parameters), 0);
        (void) str_printf(&s.calls, "%s %s\n", name, str_text(&parameters));
        if (s.silent)
            ;
        else if (strcmp(name, "Open") == 0)
            answer(i, "{\"parameters\":{\"start\":\"hot\",\"pid\":7,\"version_code\":1}}");
        else if (strcmp(name, "Warn") == 0)
            answer(i, "{\"parameters\":{\"delivered\":0}}");
        else if (strcmp(name, "Hide") == 0)
            answer(i, "{\"error\":\"org.miniprog.Supervisor.BadState\",\"parameters\":{\"id\":"
                      "\"org.example.c\",\"state\":\"stopped\"}}");
        else
            answer(i, "{}");
    }
    varlink_call_clear(&call);
}

static void on_readable(int i) {
    char buf[4096];
    ssize_t n = read(s.conn[i], buf, sizeof buf);

    if (n <= 0) {
        close_conn(i);
        return;
    }
    assert_int_equal(str_append(&s.in[i], buf, (size_t) n), 0);
    for (char *end; s.in[i].len && (end = memchr(s.in[i].data, '\0', s.in[i].len));) {
        on_call(i, s.in[i].data, (size_t) (end - s.in[i].data));
        str_consume(&s.in[i], (size_t) (end - s.in[i].data) + 1);
    }
}

/* One round of the supervisor and the terminal; false: the terminal has no other side any more. */
static bool turn(void) {
    struct pollfd fds[2 + CONNS] = { { .fd = s.listen_fd, .events = POLLIN },
                                     { .fd = s.master, .events = POLLIN } };
    char buf[65536];

    for (int i = 0; i < CONNS; i++)
        fds[2 + i] = (struct pollfd){ .fd = s.conn[i], .events = POLLIN };
    (void) poll(fds, 2 + CONNS, 100);
    if (fds[0].revents)
        for (int i = 0; i < CONNS; i++)
            if (s.conn[i] < 0) {
                s.conn[i] = accept4(s.listen_fd, NULL, NULL, SOCK_CLOEXEC);
                break;
            }
    for (int i = 0; i < CONNS; i++)
        if (fds[2 + i].revents && s.conn[i] == fds[2 + i].fd)
            on_readable(i);
    if (!fds[1].revents)
        return true;
    ssize_t n = read(s.master, buf, sizeof buf);
    if (n > 0)
        assert_int_equal(str_append(&s.out, buf, (size_t) n), 0);
    return n > 0;
}

static void until(const char *text) {
    time_t end = time(NULL) + PATIENCE_S;
    while (!strstr(str_text(&s.out), text)) {
        if (time(NULL) > end)
            fail_msg("'%s' is not shown:\n%s", text, str_text(&s.out));
        (void) turn();
    }
}

static void until_called(const char *call) {
    time_t end = time(NULL) + PATIENCE_S;
    while (!strstr(str_text(&s.calls), call)) {
        if (time(NULL) > end)
            fail_msg("'%s' is not called:\n%s", call, str_text(&s.calls));
        (void) turn();
    }
}

/* What was shown so far is not looked at again. */
static void press(const char *keys) {
    str_reset(&s.out);
    assert_int_equal(write(s.master, keys, strlen(keys)), strlen(keys));
}

static void start(unsigned rows, unsigned columns) {
    struct sockaddr_un sa = { .sun_family = AF_UNIX };
    struct winsize size = { .ws_row = (unsigned short) rows, .ws_col = (unsigned short) columns };
    char program[4096], control[128];
    const char *build = getenv("MINIPROG_BUILD");

    memset(&s, 0, sizeof s);
    s.list = list;
    s.memory = memory;
    s.calls = s.out = (struct str) STR_INIT(CAPTURE);
    for (int i = 0; i < CONNS; i++) {
        s.conn[i] = -1;
        s.in[i] = (struct str) STR_INIT(CAPTURE);
    }
    strcpy(s.folder, "/tmp/ctl-top-XXXXXX");
    assert_non_null(mkdtemp(s.folder));
    (void) snprintf(s.path, sizeof s.path, "%s/control", s.folder);
    (void) strcpy(sa.sun_path, s.path);
    s.listen_fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(s.listen_fd, (struct sockaddr *) &sa, sizeof sa), 0);
    assert_int_equal(listen(s.listen_fd, CONNS), 0);
    (void) snprintf(program, sizeof program, "%s/miniprogctl", build ? build : "build/debug");
    (void) snprintf(control, sizeof control, "MINIPROG_CONTROL=%s", s.path);
    const char *env[] = {
        control, "TERM=xterm", "LC_ALL=C.UTF-8", "TZ=UTC", "ASAN_OPTIONS=", NULL
    };
    assert_int_equal(openpty(&s.master, &s.slave, NULL, NULL, &size), 0);
    assert_int_equal(tcgetattr(s.slave, &s.before), 0);
    s.pid = fork();
    if (s.pid == 0) {
        (void) close(s.master);
        if (login_tty(dup(s.slave)) < 0) /* so that Ctrl-C and its like are signals */
            _exit(126);
        (void) execle(program, "miniprogctl", "top", NULL, env);
        _exit(127);
    }
}

static int exit_status(void) {
    time_t end = time(NULL) + PATIENCE_S;
    int status;
    while (waitpid(s.pid, &status, WNOHANG) == 0) {
        if (time(NULL) > end)
            fail_msg("top does not end:\n%s", str_text(&s.out));
        (void) turn();
    }
    s.pid = 0;
    struct pollfd rest = { .fd = s.master, .events = POLLIN };
    while (poll(&rest, 1, 0) > 0 && (rest.revents & POLLIN) && turn())
        ;
    return status;
}

static void assert_modes_are_back(void) {
    struct termios now;

    assert_int_equal(tcgetattr(s.slave, &now), 0);
    assert_int_equal(now.c_iflag, s.before.c_iflag);
    assert_int_equal(now.c_oflag, s.before.c_oflag);
    assert_int_equal(now.c_cflag, s.before.c_cflag);
    assert_int_equal(now.c_lflag, s.before.c_lflag);
    assert_memory_equal(now.c_cc, s.before.c_cc, sizeof now.c_cc);
}

/* Modes, screen, cursor and colours are what they were. */
static void assert_terminal_is_back(void) {
    static const char leave[] = "\033[0m\033[?25h\033[?1049l";

    assert_modes_are_back();
    const char *last = strstr(str_text(&s.out), leave);
    assert_non_null(last);
    assert_null(strstr(last + 1, leave));
    assert_null(strstr(last, "\033[?1049h"));
    assert_null(strchr(last + sizeof leave - 1, '\033'));
}

static int end(void **state) {
    (void) state;
    if (s.pid > 0) {
        (void) kill(s.pid, SIGKILL);
        (void) waitpid(s.pid, NULL, 0);
    }
    for (int i = 0; i < CONNS; i++) {
        close_conn(i);
        str_clear(&s.in[i]);
    }
    (void) close(s.listen_fd);
    (void) close(s.master);
    (void) close(s.slave);
    (void) unlink(s.path);
    (void) rmdir(s.folder);
    str_clear(&s.calls);
    str_clear(&s.out);
    return 0;
}

/* ---- tests ---- */

static void test_it_shows_and_leaves(void **state) {
    (void) state;
    start(24, 110);
    until("leave");
    assert_has(s.out.data, "\033[?1049h\033[?25l");
    until("next to go");
    assert_has(s.out.data, "3 installed, 2 live");
    assert_has(s.out.data, "level 10 (low)");
    assert_has(s.out.data, "100.0M of 128.0M  78%");
    assert_has(s.out.data, "2.5ms");
    assert_has(s.out.data, "crashed");
    /* Who goes last stands first; what does not run, last. */
    const char *at = s.out.data;
    static const char *const order[] = { "org.example.b", "org.example.a", "org.example.c" };
    for (size_t i = 0; i < 3; i++) {
        at = strstr(at, order[i]);
        assert_non_null(at);
    }
    press("q");
    assert_int_equal(exit_status(), 0);
    assert_terminal_is_back();
}

static void test_what_is_told_is_shown_at_once(void **state) {
    (void) state;
    start(24, 110);
    until("next to go");
    str_reset(&s.out);
    for (int i = 0; i < CONNS; i++)
        if (s.watches[i])
            answer(i, told);
    until("● foreground\033[0m\033[2m (ready)");
    press("q");
    assert_int_equal(exit_status(), 0);
}

static void test_keys_act_on_the_chosen_app(void **state) {
    (void) state;
    start(24, 110);
    until("next to go");
    press("o");
    until_called("Open {\"id\":\"org.example.b\"}");
    until("Open org.example.b: hot, in ");
    press("\033[B");
    until("> \033[7morg.example.a");
    press("w");
    until_called("Warn {\"id\":\"org.example.a\",\"level\":10}");
    until("it does not listen");
    press("\033OB\033[B"); /* no further than the last */
    until("> \033[7morg.example.c");
    press("h");
    until_called("Hide {\"id\":\"org.example.c\"}");
    until("'org.example.c' does not run");
    press("\033[A");
    until("> \033[7morg.example.a");
    press("c");
    until_called("Close {\"id\":\"org.example.a\"}");
    until("Close org.example.a: done in ");
    press("xyz\033[99;99~k"); /* mean nothing */
    press("q");
    assert_int_equal(exit_status(), 0);
    assert_null(strstr(s.calls.data, "Kill"));
    assert_terminal_is_back();
}

/* A start that takes its time holds up nothing; four of them are enough. */
static void test_calls_may_wait(void **state) {
    (void) state;
    start(24, 110);
    until("next to go");
    s.silent = true;
    press("oooo");
    until_called("Open {\"id\":\"org.example.b\"}\nOpen {\"id\":\"org.example.b\"}\n"
                 "Open {\"id\":\"org.example.b\"}\nOpen {\"id\":\"org.example.b\"}\n");
    press("o");
    until("4 calls have not been answered yet");
    press("\033[B");
    until("> \033[7morg.example.a");
    press("q");
    assert_int_equal(exit_status(), 0);
    assert_terminal_is_back();
}

static void test_it_follows_the_size(void **state) {
    (void) state;
    struct winsize size = { .ws_row = 8, .ws_col = 40 };
    start(24, 110);
    until("RECLAIMED");
    str_reset(&s.out);
    assert_int_equal(ioctl(s.master, TIOCSWINSZ, &size), 0);
    until("\033[8;1H");
    until("foreground");
    assert_has_not(s.out.data, "RECLAIMED");
    assert_has_not(s.out.data, "\033[9;1H");
    for (size.ws_row = 1; size.ws_row < 8; size.ws_row++) { /* however small */
        size.ws_col = size.ws_row;
        str_reset(&s.out);
        assert_int_equal(ioctl(s.master, TIOCSWINSZ, &size), 0);
        until("\033[1;1H");
    }
    press("q");
    assert_int_equal(exit_status(), 0);
    assert_terminal_is_back();
}

static void test_signals_leave_the_terminal_as_it_was(void **state) {
    static const struct {
        int sig; /* 0: Ctrl-C on the terminal */
        int ended_by;
    } rows[] = {
        { 0, 0 }, { SIGINT, 0 }, { SIGTERM, SIGTERM }, { SIGHUP, SIGHUP }, { SIGQUIT, SIGQUIT }
    };
    (void) state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        start(24, 80);
        until("next to go");
        if (rows[i].sig)
            assert_int_equal(kill(s.pid, rows[i].sig), 0);
        else
            press("\003");
        int status = exit_status();
        if (rows[i].ended_by)
            assert_true(WIFSIGNALED(status) && WTERMSIG(status) == rows[i].ended_by);
        else
            assert_int_equal(status, 0);
        assert_terminal_is_back();
        if (i + 1 < sizeof rows / sizeof *rows)
            (void) end(NULL);
    }
}

/* Ctrl-Z gives the terminal to the shell, fg takes it again. */
static void test_stopped_and_continued(void **state) {
    (void) state;
    int status;
    start(24, 80);
    until("next to go");
    press("\032");
    until("\033[?1049l");
    assert_int_equal(waitpid(s.pid, &status, WUNTRACED), s.pid);
    assert_true(WIFSTOPPED(status));
    assert_terminal_is_back();
    str_reset(&s.out);
    assert_int_equal(kill(s.pid, SIGCONT), 0);
    until("\033[?1049h");
    until("next to go");
    press("q");
    assert_int_equal(exit_status(), 0);
    assert_terminal_is_back();
}

static void test_the_supervisor_goes(void **state) {
    (void) state;
    start(24, 110);
    until("next to go");
    for (int i = 0; i < CONNS; i++)
        close_conn(i);
    int status = exit_status();
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 4);
    assert_has(s.out.data, "closed the connection (is it still running?)");
    assert_modes_are_back();
    assert_true(strstr(s.out.data, "\033[?1049l") < strstr(s.out.data, "closed the connection"));
}

static void test_a_hostile_answer(void **state) {
    static const char *const bad[] = { "{\"parameters\":{}}", "{\"parameters\":{\"apps\":[{}]}}",
                                       "{\"error\":\"org.other.Odd\"}", "[]" };
    (void) state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        start(24, 110);
        until("next to go");
        s.list = bad[i];
        int status = exit_status(); /* with the next question */
        assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 1);
        assert_has(s.out.data, "miniprogctl: ");
        if (i + 1 < sizeof bad / sizeof *bad)
            (void) end(NULL);
    }
}

#define TOP(test) cmocka_unit_test_teardown(test, end)

int main(void) {
    const struct CMUnitTest tests[] = {
        TOP(test_it_shows_and_leaves),        TOP(test_what_is_told_is_shown_at_once),
        TOP(test_keys_act_on_the_chosen_app), TOP(test_calls_may_wait),
        TOP(test_it_follows_the_size),        TOP(test_signals_leave_the_terminal_as_it_was),
        TOP(test_stopped_and_continued),      TOP(test_the_supervisor_goes),
        TOP(test_a_hostile_answer),
    };
    return cmocka_run_group_tests_name("ctl/top", tests, NULL, NULL);
}
