/* SPDX-License-Identifier: MIT
 * server_scene.c - see server_scene.h. Part of each test_server_*.c, which include it. */
#include "server_scene.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>
#include <unistd.h>

#include "supervisor/base/err.h"
#include "supervisor/base/json.h"
#include "supervisor/daemon/log.h"
#include "supervisor/daemon/loop.h"
#include "supervisor/wire/idl.h"

const char TEST_INTERFACE[] =
    "interface org.example.Test\n"
    "method Echo(text: string, n: ?int, list: ?[]string) -> (text: string, n: ?int)\n"
    "method Later(tag: string) -> (tag: string)\n"
    "method Note(tag: string) -> ()\n"
    "method Stream(count: int, size: int) -> (n: int, fill: string)\n"
    "method Pull(count: int) -> (n: int)\n"
    "method Fail(code: int, reply: ?bool) -> ()\n"
    "method Drop() -> ()\n"
    "method Free() -> ()\n"
    "method Breach(kind: string) -> (n: int)\n"
    "method Missing() -> ()\n"
    "error Nope (code: int)\n";

/* ---- the daemon's log, caught ---- */

char last_line[512];
unsigned lines_logged, errors_logged;

void log_at(enum log_level level, const char *app, const char *fmt, ...) {
    va_list ap;
    (void) app;
    va_start(ap, fmt);
    (void) vsnprintf(last_line, sizeof last_line, fmt, ap);
    va_end(ap);
    lines_logged++;
    if (level == LOG_LEVEL_ERR)
        errors_logged++;
}

/* ---- the service ---- */

void note(struct fixture *f, const char *tag) {
    size_t n = strlen(f->notes);
    (void) snprintf(f->notes + n, sizeof f->notes - n, "%s", tag);
}

void forget_held(struct fixture *f, struct call *call) {
    for (unsigned i = 0; i < f->n_held; i++)
        if (f->held[i] == call)
            f->held[i] = NULL;
}

void on_gone(struct call *call) {
    struct fixture *f = call_context(call);
    assert_true(call_peer_left(call));
    f->gone++;
    if (f->drop_when_gone || f->answer_when_gone)
        forget_held(f, call);
    if (f->drop_when_gone)
        call_drop(call);
    else if (f->answer_when_gone)
        call_reply(call);
}

void hold(struct fixture *f, struct call *call) {
    assert_true(f->n_held < MAX_HELD);
    f->held[f->n_held++] = call;
    call_set_context(call, f, on_gone);
}

int do_echo(struct call *call) {
    struct fixture *f = call_userdata(call);
    const struct json *p = call_parameters(call);
    struct jsonw *w = call_begin(call, false);

    f->handled++;
    jsonw_string(w, "text", json_get_string(p, "text", NULL));
    if (json_get(p, "n"))
        jsonw_int(w, "n", json_get_int(p, "n", 0));
    call_end(call);
    return 0;
}

int do_later(struct call *call) {
    struct fixture *f = call_userdata(call);
    note(f, json_get_string(call_parameters(call), "tag", "?"));
    hold(f, call);
    return 0;
}

void answer_later(struct call *call) {
    const char *tag = json_get_string(call_parameters(call), "tag", "?");
    struct jsonw *w = call_begin(call, false);
    jsonw_string(w, "tag", tag);
    call_end(call);
}

int do_note(struct call *call) {
    note(call_userdata(call), json_get_string(call_parameters(call), "tag", "?"));
    call_reply(call);
    return 0;
}

void stream_one(struct call *call, int n, size_t size, bool continues) {
    struct jsonw *w = call_begin(call, continues);
    char *fill = malloc(size + 1);
    assert_non_null(fill);
    memset(fill, 'x', size);
    jsonw_int(w, "n", n);
    jsonw_string_n(w, "fill", fill, size);
    call_end(call);
    free(fill);
}

/* count replies at once; 0: none, the test sends them. */
int do_stream(struct call *call) {
    struct fixture *f = call_userdata(call);
    const struct json *p = call_parameters(call);
    int count = (int) json_get_int(p, "count", 0);
    size_t size = (size_t) json_get_int(p, "size", 0);

    hold(f, call);
    for (int i = 0; i < count; i++)
        stream_one(call, i, size, true);
    return 0;
}

void on_drained(struct call *call) {
    struct fixture *f = call_userdata(call);
    bool continues = f->pulled + 1 < f->pull_count;
    if (!continues)
        forget_held(f, call);
    struct jsonw *w = call_begin(call, continues);
    jsonw_int(w, "n", f->pulled++);
    call_end(call);
}

int do_pull(struct call *call) {
    struct fixture *f = call_userdata(call);
    f->pull_count = (int) json_get_int(call_parameters(call), "count", 0);
    hold(f, call);
    call_set_drained(call, on_drained);
    return 0;
}

int do_fail(struct call *call) {
    int code = (int) json_get_int(call_parameters(call), "code", 0);
    (void) call_begin(call, false); /* a handler that notices half-way */
    if (json_get_bool(call_parameters(call), "reply", false))
        call_end(call);
    return -code;
}

int do_drop(struct call *call) {
    call_drop(call);
    return 0;
}

int do_free(struct call *call) {
    struct fixture *f = call_userdata(call);
    hold(f, call);
    f->server = server_free(f->server, false);
    return 0;
}

int do_breach(struct call *call) {
    const char *kind = json_get_string(call_parameters(call), "kind", "");
    bool error = strncmp(kind, "error", 5) == 0;
    struct jsonw *w;

    if (error)
        w = call_begin_error(call, strcmp(kind, "error-name") == 0 ? "Unheard" : "Nope");
    else
        w = call_begin(call, false);
    if (strcmp(kind, "type") == 0)
        jsonw_string(w, "n", "text");
    call_end(call);
    return 0;
}

const struct method test_methods[] = {
    { "Echo", do_echo, false },
    { "Later", do_later, false },
    { "Note", do_note, false },
    { "Stream", do_stream, true },
    { "Pull", do_pull, true },
    { "Fail", do_fail, false },
    { "Drop", do_drop, false },
    { "Free", do_free, false },
    { "Missing", NULL, false },
    { "Breach", do_breach, false },
    { 0 },
};

void on_failed(struct call *call, int error) {
    struct jsonw *w = call_begin_error(call, "Nope");
    jsonw_int(w, "code", -error);
    call_end(call);
}

/* ---- set up and down ---- */

void start(struct fixture *f) {
    struct err e = { 0 };
    if (server_new(f->poller, &f->config, &f->server, &e) < 0)
        fail_msg("%s", e.text);
}

int set_up(void **state) {
    struct fixture *f = calloc(1, sizeof *f);
    assert_non_null(f);
    (void) snprintf(f->dir, sizeof f->dir, "/tmp/test-server-XXXXXX");
    assert_non_null(mkdtemp(f->dir));
    (void) snprintf(f->path, sizeof f->path, "%s/socket", f->dir);
    assert_int_equal(sd_event_new(&f->event), 0);
    assert_int_equal(poller_new(f->event, LOOP_CONTROL, &f->poller, NULL), 0);
    assert_int_equal(idl_parse(TEST_INTERFACE, strlen(TEST_INTERFACE), &f->idl, NULL), 0);
    f->config = (struct server_config){
        .path = f->path,
        .fd = -1,
        .mode = 0660,
        .uid = (uid_t) -1,
        .gid = (gid_t) -1,
        .idl = f->idl,
        .methods = test_methods,
        .message_max = 64 * 1024,
        .queue_max = 256 * 1024,
        .failed = on_failed,
        .userdata = f,
    };
    start(f);
    lines_logged = errors_logged = 0;
    last_line[0] = '\0';
    *state = f;
    return 0;
}

/* Fails a test that left the contract broken or a call open. */
int tear_down(void **state) {
    struct fixture *f = *state;
    f->server = server_free(f->server, false);
    for (unsigned i = 0; i < f->n_held; i++)
        if (f->held[i])
            call_drop(f->held[i]);
    f->poller = poller_free(f->poller);
    f->event = sd_event_unref(f->event);
    f->idl = idl_free(f->idl);
    (void) unlink(f->path);
    (void) rmdir(f->dir);
    free(f);
    return errors_logged > 0 ? -1 : 0;
}

/* ---- clients ---- */

/* Runs the loop until it has nothing to do. A loop that spins fails the test. */
void settle(struct fixture *f) {
    int r, turns = 0;
    while ((r = sd_event_run(f->event, 0)) > 0)
        assert_true(turns++ < 100000);
    assert_int_equal(r, 0);
}

struct peer dial(const struct fixture *f) {
    struct sockaddr_un a = { .sun_family = AF_UNIX };
    struct peer p = { .in = STR_INIT(64 * 1024 * 1024) };
    memcpy(a.sun_path, f->path, strlen(f->path) + 1);
    p.fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    assert_true(p.fd >= 0);
    assert_int_equal(connect(p.fd, (struct sockaddr *) &a, sizeof a), 0);
    return p;
}

void hang_up(struct peer *p) {
    if (p->fd >= 0)
        (void) close(p->fd);
    p->fd = -1;
    str_clear(&p->in);
}

void say_bytes(struct fixture *f, struct peer *p, const void *bytes, size_t n) {
    const char *at = bytes;
    while (n > 0) {
        ssize_t sent = send(p->fd, at, n, MSG_NOSIGNAL);
        if (sent < 0 && (errno == EPIPE || errno == ECONNRESET))
            return; /* the test will look at what the server did */
        if (sent < 0) {
            assert_int_equal(errno, EAGAIN);
            assert_true(sd_event_run(f->event, 10000000) > 0);
            continue;
        }
        at += sent;
        n -= (size_t) sent;
    }
}

void say(struct fixture *f, struct peer *p, const char *text) {
    say_bytes(f, p, text, strlen(text) + 1);
}

void call_method_of(struct fixture *f, struct peer *p, const char *method, const char *parameters,
                    const char *flags) {
    char text[1024];
    (void) snprintf(text, sizeof text, "{\"method\":\"org.example.Test.%s\"%s,\"parameters\":%s}",
                    method, flags, parameters);
    say(f, p, text);
}

/* What has come so far, no more waiting: >0 bytes, 0 end, -EAGAIN. */
int take_bytes(struct peer *p) {
    static char bytes[64 * 1024];
    ssize_t n = recv(p->fd, bytes, sizeof bytes, 0);
    if (n < 0)
        return errno == ECONNRESET ? 0 : -errno;
    assert_int_equal(str_append(&p->in, bytes, (size_t) n), 0);
    return (int) n;
}

bool whole_message(const struct peer *p) {
    return p->in.len > 0 && memchr(p->in.data, '\0', p->in.len);
}

/* The next reply, valid until the next call; runs the loop meanwhile. */
const char *hear(struct fixture *f, struct peer *p) {
    static char *last;
    while (!whole_message(p)) {
        int r = take_bytes(p);
        if (r == 0)
            fail_msg("the server closed the connection instead of replying");
        if (r < 0 && sd_event_run(f->event, 10000000) <= 0)
            fail_msg("no reply");
    }
    free(last);
    last = strdup(p->in.data);
    assert_non_null(last);
    str_consume(&p->in, strlen(last) + 1);
    return last;
}

/* Nothing came, and the connection stands. */
void assert_silent(struct fixture *f, struct peer *p) {
    settle(f);
    assert_int_equal(take_bytes(p), -EAGAIN);
    assert_int_equal(p->in.len, 0);
}

void assert_closed(struct fixture *f, struct peer *p) {
    int r;
    settle(f);
    while ((r = take_bytes(p)) > 0)
        settle(f);
    assert_int_equal(r, 0);
}

/* The connection still serves. */
void assert_serves(struct fixture *f, struct peer *p) {
    call_method_of(f, p, "Echo", "{\"text\":\"still here\"}", "");
    assert_hears(f, p, "{\"parameters\":{\"text\":\"still here\"}}");
}

struct call *held(struct fixture *f, unsigned i) {
    settle(f);
    assert_true(i < f->n_held);
    struct call *call = f->held[i];
    assert_non_null(call);
    return call;
}

/* Takes it from the fixture: the test ends it. */
struct call *take_held(struct fixture *f, unsigned i) {
    struct call *call = held(f, i);
    f->held[i] = NULL;
    return call;
}
