/* SPDX-License-Identifier: MIT
 * server_scene.h - a small service, its loop, and clients of it, all in one thread.
 *
 * Unix sockets act at once, so a test runs the loop until it has nothing to do and then knows what
 * the server did; no test waits for time to pass. */
#ifndef TEST_SERVER_SCENE_H
#define TEST_SERVER_SCENE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "supervisor/base/str.h"
#include "supervisor/daemon/poller.h"
#include "supervisor/daemon/server.h"

#define MAX_HELD 64

extern const char TEST_INTERFACE[];
extern const struct method test_methods[];
#define TEST_METHODS 10

struct fixture {
    sd_event *event;
    struct poller *poller;
    struct idl *idl;
    struct server *server;
    struct server_config config;
    char dir[64], path[96];
    struct call *held[MAX_HELD]; /* open calls, in the order in which they came */
    unsigned n_held;
    unsigned gone, handled;
    bool drop_when_gone, answer_when_gone;
    char notes[256]; /* the tags of Note and Later, in order */
    int pulled, pull_count;
};

/* The daemon's log, caught. A test that ends with errors_logged above 0 fails. */
extern char last_line[512];
extern unsigned lines_logged, errors_logged;

int set_up(void **state);
int tear_down(void **state);
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

void start(struct fixture *f); /* a server from f->config */
void settle(struct fixture
                *f); /* runs the loop until it has nothing to do; one that spins fails the test */

/* ---- the service's side ---- */

int do_echo(struct call *call);
void on_gone(struct call *call);
void on_drained(struct call *call);
void answer_later(struct call *call);
void stream_one(struct call *call, int n, size_t size, bool continues);
/* The i-th call that was held open; take: the test ends it, else the scene does. */
struct call *held(struct fixture *f, unsigned i);
struct call *take_held(struct fixture *f, unsigned i);

/* ---- the peers' side ---- */

struct peer {
    int fd;
    struct str in;
};

struct peer dial(const struct fixture *f);
void hang_up(struct peer *p);
void say_bytes(struct fixture *f, struct peer *p, const void *bytes, size_t n);
void say(struct fixture *f, struct peer *p, const char *text); /* with its NUL */
/* flags: "", or as ",\"more\":true". */
void call_method_of(struct fixture *f, struct peer *p, const char *method, const char *parameters,
                    const char *flags);
/* Takes what has come so far: bytes, 0 at the end, -EAGAIN. */
int take_bytes(struct peer *p);
/* The next reply, valid until the next call; runs the loop meanwhile. */
const char *hear(struct fixture *f, struct peer *p);
#define assert_hears(f, p, text) assert_string_equal(hear(f, p), text)
void assert_silent(struct fixture *f, struct peer *p); /* nothing came, and the connection stands */
void assert_closed(struct fixture *f, struct peer *p);
void assert_serves(struct fixture *f, struct peer *p);

#endif
