/* SPDX-License-Identifier: MIT
 * fake.c - a supervisor for the tests of libminiprog: a listening socket in the same thread. Part
 * of each test_*.c that includes it.
 *
 * The test plays both sides: it dispatches the library and then looks at what arrived. Every call
 * is held against the interface file. Nothing waits for time to pass but for a descriptor. */
#include <errno.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#include "supervisor/base/err.h"
#include "supervisor/base/json.h"
#include "supervisor/base/str.h"
#include "supervisor/sdk/sdk.h"
#include "supervisor/wire/idl.h"
#include "supervisor/wire/interfaces.h"
#include "supervisor/wire/varlink.h"

#define HELPER      __attribute__((unused)) static
#define DEADLINE_MS 20000
#define PEERS       16

/* A connection of the library's, as the supervisor has it. */
struct peer {
    struct fake *of;
    int fd;
    struct frame in;
};

/* A call that arrived. */
struct arrival {
    char method[32];      /* "Ready" */
    char parameters[512]; /* compact JSON, cut */
    size_t size;          /* of the parameters */
    bool more;
    struct peer *peer;
};

struct fake {
    char dir[32], path[64];
    int listener;
    struct peer peers[PEERS];
    struct miniprog *m;
    struct str heard; /* what the callbacks were told, a word and a semicolon each */
    unsigned calls;   /* callbacks that ran since the last assert_heard() */
};

__attribute__((format(printf, 2, 3))) HELPER void hear(struct fake *f, const char *fmt, ...) {
    va_list ap;

    va_start(ap, fmt);
    assert_int_equal(str_vprintf(&f->heard, fmt, ap), 0);
    va_end(ap);
    if (fmt[strlen(fmt) - 1] == ';') /* the callback's last word */
        f->calls++;
}

/* Compares what was heard since the last time. */
#define assert_heard(f, text)                                                                      \
    do {                                                                                           \
        assert_string_equal(str_text(&(f)->heard), text);                                          \
        str_reset(&(f)->heard);                                                                    \
        (f)->calls = 0;                                                                            \
    } while (0)

HELPER void hear_launch(struct fake *f, const char *what, const struct miniprog_launch *l) {
    hear(f, "%s %s %d", what, l->path, l->scene);
    for (size_t i = 0; i < l->query_count; i++)
        hear(f, " %s=%s", l->query[i].name, l->query[i].value);
    if (l->referrer_app_id)
        hear(f, " from %s", l->referrer_app_id);
    if (l->referrer_data)
        hear(f, " with %s", l->referrer_data);
    hear(f, ";");
}

HELPER void on_launch(struct miniprog *m, const struct miniprog_launch *l, void *data) {
    (void) m;
    hear_launch(data, "launch", l);
}
HELPER void on_show(struct miniprog *m, const struct miniprog_launch *l, void *data) {
    (void) m;
    hear_launch(data, "show", l);
}
HELPER void on_hide(struct miniprog *m, int reason, void *data) {
    (void) m;
    hear(data, "hide %d;", reason);
}
HELPER void on_warning(struct miniprog *m, int level, const char *source, void *data) {
    (void) m;
    hear(data, "memory %d %s;", level, source);
}
HELPER void on_check(struct miniprog *m, bool has_update, void *data) {
    (void) m;
    hear(data, "check %s;", has_update ? "yes" : "no");
}
HELPER void on_update(struct miniprog *m, int64_t version_code, void *data) {
    (void) m;
    hear(data, "ready %lld;", (long long) version_code);
}
HELPER void on_failed(struct miniprog *m, const char *reason, void *data) {
    (void) m;
    hear(data, "failed %s;", reason);
}
HELPER void on_unload(struct miniprog *m, const char *reason, uint64_t timeout, void *data) {
    (void) m;
    hear(data, "unload %s %llu;", reason, (unsigned long long) timeout);
}

static const struct miniprog_callbacks all_callbacks = {
    .size = sizeof(struct miniprog_callbacks),
    .launch = on_launch,
    .show = on_show,
    .hide = on_hide,
    .memory_warning = on_warning,
    .update_check = on_check,
    .update_ready = on_update,
    .update_failed = on_failed,
    .unload = on_unload,
};

HELPER void on_done(struct miniprog *m, int error, void *data) {
    (void) m;
    hear(data, "done %d;", error);
}
HELPER void on_dialog(struct miniprog *m, int error, bool confirm, void *data) {
    (void) m;
    hear(data, "dialog %d %s;", error, confirm ? "yes" : "no");
}
HELPER void on_info(struct miniprog *m, int error, const struct miniprog_info *i, void *data) {
    (void) m;
    hear(data, "info %d", error);
    if (i)
        hear(data, " %s %lld %lld %s %s %s", i->id, (long long) i->version_code,
             (long long) i->host_version_code, i->base_library, i->hot ? "hot" : "cold",
             i->exit_state ? i->exit_state : "none");
    hear(data, ";");
}

HELPER void drop_peer(struct peer *p) {
    if (p->fd >= 0)
        (void) close(p->fd);
    p->fd = -1;
    frame_clear(&p->in);
}

/* The supervisor starts; its address stays the same. */
HELPER void fake_listen(struct fake *f) {
    struct sockaddr_un name = { .sun_family = AF_UNIX };

    (void) snprintf(name.sun_path, sizeof name.sun_path, "%s", f->path);
    (void) unlink(f->path);
    f->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    assert_true(f->listener >= 0);
    assert_int_equal(bind(f->listener, (struct sockaddr *) &name, sizeof name), 0);
    assert_int_equal(listen(f->listener, PEERS), 0);
}

/* The supervisor is gone, as after kill -9. */
HELPER void fake_die(struct fake *f) {
    (void) close(f->listener);
    f->listener = -1;
    for (unsigned i = 0; i < PEERS; i++)
        drop_peer(&f->peers[i]);
}

HELPER int fake_setup(void **state) {
    struct fake *f = calloc(1, sizeof *f);
    char address[80];

    assert_non_null(f);
    f->heard = (struct str) STR_INIT(1 << 20);
    for (unsigned i = 0; i < PEERS; i++)
        f->peers[i].fd = -1;
    (void) snprintf(f->dir, sizeof f->dir, "/tmp/test-sdk-XXXXXX");
    assert_non_null(mkdtemp(f->dir));
    (void) snprintf(f->path, sizeof f->path, "%s/socket", f->dir);
    (void) snprintf(address, sizeof address, "unix:%s", f->path);
    assert_int_equal(setenv("MINIPROG_ADDRESS", address, 1), 0);
    fake_listen(f);
    *state = f;
    return 0;
}

HELPER int fake_teardown(void **state) {
    struct fake *f = *state;

    f->m = miniprog_close(f->m);
    fake_die(f);
    (void) unlink(f->path);
    (void) rmdir(f->dir);
    str_clear(&f->heard);
    free(f);
    return 0;
}

HELPER void fake_open(struct fake *f, const struct miniprog_callbacks *callbacks) {
    assert_int_equal(miniprog_open(&f->m, callbacks, f), 0);
}

/* ---- what the supervisor sees ---- */

HELPER void fake_accept(struct fake *f) {
    int fd = f->listener < 0 ? -1 : accept4(f->listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

    for (unsigned i = 0; fd >= 0 && i < PEERS; i++)
        if (f->peers[i].fd < 0) {
            f->peers[i].of = f;
            f->peers[i].fd = fd;
            frame_init(&f->peers[i].in, FRAME_MAX_APP);
            return;
        }
    assert_true(fd < 0);
}

HELPER void keep_arrival(struct arrival *a, struct peer *p, const char *text, size_t len) {
    struct varlink_call call;
    struct str out = STR_INIT(1 << 20);
    struct err e = { 0 };
    char where[64] = "";
    const char *dot;

    assert_int_equal(varlink_call_parse(text, len, &call, &e), 0);
    dot = strrchr(call.method, '.');
    assert_non_null(dot);
    assert_memory_equal(call.method, WIRE_APP ".", sizeof WIRE_APP);
    const struct idl_method *method = idl_method(wire_app(), dot + 1);
    assert_non_null(method);
    if (idl_check(wire_app(), idl_method_in(method), call.parameters, where, sizeof where, &e) < 0)
        fail_msg("%s: %s: %s", call.method, where, e.text);

    (void) snprintf(a->method, sizeof a->method, "%s", dot + 1);
    if (call.parameters)
        assert_int_equal(json_print(call.parameters, &out), 0);
    (void) snprintf(a->parameters, sizeof a->parameters, "%s", str_text(&out));
    a->size = out.len;
    a->more = call.more;
    a->peer = p;
    str_clear(&out);
    varlink_call_clear(&call);
}

/* The next call that is there already. */
HELPER bool fake_poll(struct fake *f, struct arrival *ret) {
    char bytes[65536];
    const char *text;
    size_t len;

    fake_accept(f);
    for (unsigned i = 0; i < PEERS; i++) {
        struct peer *p = &f->peers[i];
        if (p->fd < 0)
            continue;
        ssize_t n = recv(p->fd, bytes, sizeof bytes, MSG_DONTWAIT);
        if (n > 0)
            assert_int_equal(frame_push(&p->in, bytes, (size_t) n), 0);
        int r = frame_next(&p->in, &text, &len);
        assert_true(r >= 0);
        if (r == 1) {
            keep_arrival(ret, p, text, len);
            return true;
        }
        if (n == 0)
            drop_peer(p);
    }
    return false;
}

/* Waits until the library or the supervisor has something to do; then dispatches. */
HELPER void fake_turn(struct fake *f) {
    struct pollfd p[PEERS + 2] = { { .fd = miniprog_fd(f->m), .events = POLLIN },
                                   { .fd = f->listener, .events = POLLIN } };

    for (unsigned i = 0; i < PEERS; i++)
        p[i + 2] = (struct pollfd){ .fd = f->peers[i].fd, .events = POLLIN };
    int r = poll(p, PEERS + 2, DEADLINE_MS);
    if (r <= 0)
        fail_msg("nothing happened; heard so far: '%s'", str_text(&f->heard));
    assert_int_equal(miniprog_dispatch(f->m), 0);
}

/* Waits for a call of that method; any other is a failure. */
HELPER struct arrival fake_expect(struct fake *f, const char *method) {
    struct arrival a = { .peer = NULL };

    while (!fake_poll(f, &a))
        fake_turn(f);
    assert_string_equal(a.method, method);
    return a;
}

/* Dispatches until there is nothing to do; back-off alone does not count. */
HELPER void fake_settle(struct fake *f) {
    struct pollfd p = { .fd = miniprog_fd(f->m), .events = POLLIN };

    while (poll(&p, 1, 0) > 0)
        assert_int_equal(miniprog_dispatch(f->m), 0);
}

/* Waits until n callbacks ran since the last assert_heard(). */
HELPER void fake_hear(struct fake *f, unsigned n) {
    while (f->calls < n)
        fake_turn(f);
}

/* The back-off is over, so that a test of many connections need not wait for each. */
HELPER void hurry(struct fake *f) {
    for (unsigned i = 0; i < LANE_COUNT; i++)
        if (f->m->lanes[i].fd < 0)
            f->m->lanes[i].retry_at = 0;
    lane_pump(f->m);
}

HELPER void wait_broken(struct fake *f, enum lane_id id) {
    while (f->m->lanes[id].fd >= 0)
        fake_turn(f);
}

/* ---- what the supervisor says ---- */

HELPER void say_bytes(struct peer *p, const char *bytes, size_t n) {
    while (n > 0) {
        ssize_t w = send(p->fd, bytes, n, MSG_NOSIGNAL);
        if (w < 0 && errno == EAGAIN) { /* the library is to read some first */
            assert_int_equal(miniprog_dispatch(p->of->m), 0);
            continue;
        }
        assert_true(w > 0);
        bytes += w;
        n -= (size_t) w;
    }
}

/* A message is text and its NUL. */
HELPER void say(struct peer *p, const char *text) {
    say_bytes(p, text, strlen(text) + 1);
}

HELPER void say_event(struct peer *p, const char *event) {
    struct str s = STR_INIT(1 << 20);

    assert_int_equal(str_printf(&s, "{\"parameters\":{\"event\":%s},\"continues\":true}", event),
                     0);
    say(p, str_text(&s));
    str_clear(&s);
}

#define SHOW_BODY "{\"path\":\"p\",\"query\":{},\"scene\":1001}"

/* The supervisor's numbered hide, a short event. */
HELPER void say_hide(struct peer *p, int seq, int reason) {
    char text[128];

    (void) snprintf(text, sizeof text, "{\"seq\":%d,\"type\":\"hide\",\"hide\":{\"reason\":%d}}",
                    seq, reason);
    say_event(p, text);
}

#define OK "{}" /* an empty reply; Varlink lets everything be left out */
