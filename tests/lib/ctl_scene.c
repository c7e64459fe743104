/* SPDX-License-Identifier: MIT
 * ctl_scene.c - supervisor, terminal and stopwatch of a scene in one poll(2) loop. */
#include "tests/lib/ctl_scene.h"

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
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "supervisor/base/err.h"
#include "supervisor/base/json.h"
#include "supervisor/base/str.h"
#include "supervisor/wire/idl.h"
#include "supervisor/wire/interfaces.h"
#include "supervisor/wire/varlink.h"

#define TIMEOUT_S   30
#define CAPTURE_MAX ((size_t) 256 * 1024 * 1024)
#define ARGS_MAX    32
#define ENV_MAX     64

struct stage {
    const struct scene *s;
    char folder[64], path[96];
    int listen_fd, conn_fd, out_fd, err_fd;
    pid_t pid;
    struct str call, script, out, err;
    size_t sent;
    bool called, acted;
};

void assert_has(const char *text, const char *part) {
    if (!strstr(text, part))
        fail_msg("'%s' is not in:\n%s", part, text);
}

void assert_has_not(const char *text, const char *part) {
    if (strstr(text, part))
        fail_msg("'%s' is in:\n%s", part, text);
}

void assert_one_sentence(const char *err) {
    const char *end = strchr(err, '\n');

    assert_int_equal(strncmp(err, "miniprogctl: ", strlen("miniprogctl: ")), 0);
    assert_non_null(end);
    assert_string_equal(end, "\n");
}

static void close_fd(int *fd) {
    if (*fd >= 0)
        (void) close(*fd);
    *fd = -1;
}

static void listen_there(struct stage *st) {
    struct sockaddr_un sa = { .sun_family = AF_UNIX };

    strcpy(st->folder, "/tmp/ctl-scene-XXXXXX");
    assert_non_null(mkdtemp(st->folder));
    (void) snprintf(st->path, sizeof st->path, "%s/control", st->folder);
    strcpy(sa.sun_path, st->path);
    st->listen_fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(st->listen_fd >= 0);
    assert_int_equal(bind(st->listen_fd, (struct sockaddr *) &sa, sizeof sa), 0);
    assert_int_equal(listen(st->listen_fd, 1), 0);
}

/* The program and its words; all made before the fork. */
static void make_argv(char *words, char **argv) {
    size_t n = 1;
    char *word, *rest = words;

    while ((word = strtok_r(rest, " ", &rest)) && n < ARGS_MAX - 1) {
        for (char *c = word; *c; c++)
            if (*c == '~')
                *c = ' ';
        argv[n++] = word;
    }
    argv[n] = NULL;
}

/* Absolute: the scene may be played elsewhere. */
static char *program(void) {
    const char *named = getenv("MINIPROGCTL"), *build = getenv("MINIPROG_BUILD");
    char path[4096];
    char *whole;

    (void) snprintf(path, sizeof path, "%s/miniprogctl", build ? build : "build/debug");
    whole = realpath(named ? named : path, NULL);
    if (!whole)
        fail_msg("there is no '%s': build it first", named ? named : path);
    return whole;
}

/* Nothing of the tester's own terminal or language; only what sanitizers read. */
static void make_env(const struct stage *st, char *control, size_t size, char **env) {
    static const char *const always[] = { "TERM=xterm-256color", "LC_ALL=C.UTF-8", "TZ=UTC",
                                          "PATH=/usr/bin:/bin" };
    static const char *const passed[] = { "ASAN_OPTIONS", "UBSAN_OPTIONS", "LSAN_OPTIONS" };
    size_t n = 0;

    for (size_t i = 0; i < 4 && st->s->env[i]; i++)
        env[n++] = (char *) st->s->env[i];
    (void) snprintf(control, size, "MINIPROG_CONTROL=%s", st->path);
    env[n++] = control;
    for (size_t i = 0; i < sizeof always / sizeof *always; i++)
        env[n++] = (char *) always[i];
    for (size_t i = 0; i < 3; i++)
        for (char **e = environ; *e; e++)
            if (strncmp(*e, passed[i], strlen(passed[i])) == 0)
                env[n++] = *e;
    env[n] = NULL;
}

static void start(struct stage *st) {
    char *argv[ARGS_MAX], *env[ENV_MAX], control[128];
    char *words = strdup(st->s->args);
    int out[2] = { -1, -1 }, err[2];
    struct winsize size = { .ws_row = 25, .ws_col = (unsigned short) st->s->columns };

    assert_non_null(words);
    argv[0] = program();
    make_argv(words, argv);
    make_env(st, control, sizeof control, env);
    assert_int_equal(pipe2(err, O_CLOEXEC), 0);
    if (st->s->columns)
        assert_int_equal(openpty(&out[0], &out[1], NULL, NULL, &size), 0);
    else if (!st->s->out_fd)
        assert_int_equal(pipe2(out, O_CLOEXEC), 0);
    st->pid = fork();
    assert_true(st->pid >= 0);
    if (st->pid == 0) {
        int fd = st->s->out_fd ? st->s->out_fd : out[1];
        if (dup2(err[1], STDERR_FILENO) < 0 || (fd >= 0 && dup2(fd, STDOUT_FILENO) < 0))
            _exit(126);
        if (fd < 0)
            (void) close(STDOUT_FILENO);
        if (st->s->cwd && chdir(st->s->cwd) < 0)
            _exit(126);
        if (out[0] >= 0)
            (void) close(out[0]);
        (void) execve(argv[0], argv, env);
        _exit(127);
    }
    free(words);
    free(argv[0]);
    close_fd(&out[1]);
    close_fd(&err[1]);
    st->out_fd = out[0];
    st->err_fd = err[0];
}

static void make_script(struct stage *st) {
    if (st->s->raw)
        assert_int_equal(str_append(&st->script, st->s->raw, st->s->raw_len), 0);
    for (const char *const *m = st->s->replies; m && *m; m++)
        assert_int_equal(str_append(&st->script, *m, strlen(*m) + 1), 0);
}

/* Reads what is there into `to`; false at the end. */
static bool take(int fd, struct str *to) {
    char bytes[65536];
    ssize_t n = read(fd, bytes, sizeof bytes);

    if (n < 0 && (errno == EINTR || errno == EAGAIN))
        return true;
    if (n <= 0) /* a terminal whose program has ended says EIO */
        return false;
    assert_int_equal(str_append(to, bytes, (size_t) n), 0);
    return true;
}

static void serve(struct stage *st, short revents) {
    if (!st->called) {
        if ((revents & (POLLIN | POLLHUP)) && !take(st->conn_fd, &st->call))
            close_fd(&st->conn_fd);
        st->called = st->call.len > 0 && st->call.data[st->call.len - 1] == '\0';
        if (!st->called)
            return;
    }
    if (st->sent < st->script.len) {
        ssize_t n = send(st->conn_fd, st->script.data + st->sent, st->script.len - st->sent,
                         MSG_NOSIGNAL | MSG_DONTWAIT);
        if (n > 0)
            st->sent += (size_t) n;
        else if (n < 0 && errno != EAGAIN)
            close_fd(&st->conn_fd);
    }
    if (st->sent == st->script.len && (!st->s->stay || (revents & POLLHUP)))
        close_fd(&st->conn_fd);
}

static void act(struct stage *st) {
    if (st->acted || !st->s->until || !strstr(str_text(&st->out), st->s->until))
        return;
    st->acted = true;
    switch (st->s->then) {
    case SCENE_NOTHING:
        break;
    case SCENE_INTERRUPT:
        assert_int_equal(kill(st->pid, SIGINT), 0);
        break;
    case SCENE_GOODBYE:
        close_fd(&st->conn_fd);
        break;
    case SCENE_HANG_UP:
        close_fd(&st->out_fd);
        break;
    }
}

static void loop(struct stage *st) {
    time_t end = time(NULL) + TIMEOUT_S;

    while (st->err_fd >= 0 || st->out_fd >= 0) {
        bool sending = st->conn_fd >= 0 && st->called && st->sent < st->script.len;
        struct pollfd fds[] = {
            { .fd = st->conn_fd < 0 && !st->called ? st->listen_fd : -1, .events = POLLIN },
            { .fd = st->conn_fd,
              .events = sending      ? POLLOUT
                        : st->called ? 0
                                     : POLLIN },
            { .fd = st->out_fd, .events = POLLIN },
            { .fd = st->err_fd, .events = POLLIN },
        };
        if (time(NULL) >= end || poll(fds, 4, 1000) < 0) {
            (void) kill(st->pid, SIGKILL);
            fail_msg("'%s' did not end; so far it said: %s%s", st->s->args, str_text(&st->out),
                     str_text(&st->err));
        }
        if (fds[0].revents & POLLIN)
            st->conn_fd = accept4(st->listen_fd, NULL, NULL, SOCK_CLOEXEC);
        if (st->conn_fd >= 0 && fds[1].fd == st->conn_fd && fds[1].revents)
            serve(st, fds[1].revents);
        if (fds[2].revents && !take(st->out_fd, &st->out))
            close_fd(&st->out_fd);
        if (fds[3].revents && !take(st->err_fd, &st->err))
            close_fd(&st->err_fd);
        act(st);
    }
}

static void check(const struct idl *idl, const struct idl_type *type, const struct json *value,
                  const char *what) {
    char where[64] = "";
    struct err e = { 0 };

    if (!type)
        fail_msg("%s is not in the interface", what);
    if (idl_check(idl, type, value, where, sizeof where, &e) < 0)
        fail_msg("%s: '%s': %s", what, where, e.text);
}

static void check_reply(const struct idl *idl, const struct idl_method *method, const char *text) {
    struct varlink_reply reply;
    struct err e = { 0 };
    size_t prefix = strlen(WIRE_SUPERVISOR ".");

    if (varlink_reply_parse(text, strlen(text), &reply, &e) < 0)
        fail_msg("a scripted reply is none: %s: %s", e.text, text);
    if (!reply.error)
        check(idl, idl_method_out(method), reply.parameters, text);
    else if (strncmp(reply.error, WIRE_SUPERVISOR ".", prefix) == 0)
        check(idl, idl_error(idl, reply.error + prefix), reply.parameters, text);
    else
        check(wire_service(), idl_error(wire_service(), strrchr(reply.error, '.') + 1),
              reply.parameters, text);
    varlink_reply_clear(&reply);
}

/* The call must be one of the interface, and the script an answer to it. */
static void judge(struct stage *st, struct result *r) {
    const struct idl *idl = wire_supervisor();
    const struct idl_method *method;
    struct str text = STR_INIT(CAPTURE_MAX);
    struct varlink_call call;
    struct err e = { 0 };
    char interface[64];
    const char *member;

    if (!st->called) {
        assert_true(st->s->no_call);
        return;
    }
    assert_false(st->s->no_call);
    if (varlink_call_parse(st->call.data, st->call.len - 1, &call, &e) < 0)
        fail_msg("the call is none: %s: %s", e.text, st->call.data);
    assert_int_equal(varlink_split(call.method, interface, sizeof interface, &member), 0);
    assert_string_equal(interface, WIRE_SUPERVISOR);
    method = idl_method(idl, member);
    assert_non_null(method);
    check(idl, idl_method_in(method), call.parameters, st->call.data);
    if (call.parameters)
        assert_int_equal(json_print(call.parameters, &text), 0);
    r->method = strdup(member);
    r->parameters = strdup(call.parameters ? str_text(&text) : "{}");
    r->more = call.more;
    for (const char *const *m = st->s->replies; m && *m && !st->s->hostile; m++)
        check_reply(idl, method, *m);
    varlink_call_clear(&call);
    str_clear(&text);
}

static char *without_cr(struct str *text, size_t *ret_len) {
    size_t n = 0;

    for (size_t i = 0; i < text->len; i++)
        if (text->data[i] != '\r')
            text->data[n++] = text->data[i];
    if (text->data)
        text->data[n] = '\0';
    if (ret_len)
        *ret_len = n;
    return text->data ? str_take(text) : strdup("");
}

struct result scene_play(const struct scene *s) {
    struct stage st = { .s = s,
                        .listen_fd = -1,
                        .conn_fd = -1,
                        .out_fd = -1,
                        .err_fd = -1,
                        .call = STR_INIT(CAPTURE_MAX),
                        .script = STR_INIT(CAPTURE_MAX),
                        .out = STR_INIT(CAPTURE_MAX),
                        .err = STR_INIT(CAPTURE_MAX) };
    struct result r = { 0 };
    int status;

    make_script(&st);
    listen_there(&st);
    start(&st);
    loop(&st);
    assert_int_equal(waitpid(st.pid, &status, 0), st.pid);
    r.status = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    judge(&st, &r);
    r.out = without_cr(&st.out, &r.out_len);
    r.err = without_cr(&st.err, NULL);
    close_fd(&st.listen_fd);
    close_fd(&st.conn_fd);
    (void) unlink(st.path);
    (void) rmdir(st.folder);
    str_clear(&st.call);
    str_clear(&st.script);
    return r;
}

void result_clear(struct result *r) {
    free(r->out);
    free(r->err);
    free(r->method);
    free(r->parameters);
    *r = (struct result){ 0 };
}
