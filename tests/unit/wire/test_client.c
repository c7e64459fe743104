/* SPDX-License-Identifier: MIT
 * test_client.c - the waiting client against a real socket whose other end the test holds.
 *
 * A local connect(2) needs no accept(2), and small messages fit into the socket: most tests play
 * both sides in one thread. */
#include "supervisor/wire/client.h"

#include "supervisor/base/err.h"
#include "supervisor/base/json.h"
#include "supervisor/wire/frame.h"

#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
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

struct fixture {
    char folder[32], path[64];
    int listener, peer; /* peer: the server's end of client */
    struct client *client;
};

static int set_up(void **state) {
    struct sockaddr_un sa = { .sun_family = AF_UNIX };
    struct fixture *f = calloc(1, sizeof *f);

    assert_non_null(f);
    (void) strcpy(f->folder, "/tmp/miniprog-client-XXXXXX");
    assert_non_null(mkdtemp(f->folder));
    (void) snprintf(f->path, sizeof f->path, "%s/s", f->folder);
    (void) memcpy(sa.sun_path, f->path, strlen(f->path));
    f->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(f->listener, (struct sockaddr *) &sa, sizeof sa), 0);
    assert_int_equal(listen(f->listener, 8), 0);
    assert_int_equal(client_open(f->path, &f->client, NULL), 0);
    f->peer = accept4(f->listener, NULL, NULL, SOCK_CLOEXEC);
    assert_true(f->peer >= 0);
    *state = f;
    return 0;
}

static int tear_down(void **state) {
    struct fixture *f = *state;

    (void) client_close(f->client);
    if (f->peer >= 0)
        (void) close(f->peer);
    (void) close(f->listener);
    (void) unlink(f->path);
    (void) rmdir(f->folder);
    free(f);
    return 0;
}

static void peer_writes(struct fixture *f, const char *bytes, size_t n) {
    assert_int_equal(send(f->peer, bytes, n, MSG_NOSIGNAL), n);
}

static void peer_leaves(struct fixture *f) {
    (void) close(f->peer);
    f->peer = -1;
}

/* ---- calls ---- */

static void expect_sent(struct fixture *f, const char *text) {
    char bytes[512];
    ssize_t n = recv(f->peer, bytes, sizeof bytes, MSG_DONTWAIT);

    assert_int_equal(n, strlen(text) + 1);
    assert_memory_equal(bytes, text, strlen(text) + 1);
}

static void test_calls_are_sent(void **state) {
    struct fixture *f = *state;

    assert_int_equal(client_send(f->client, "a.B", NULL, false, false, NULL), 0);
    expect_sent(f, "{\"method\":\"a.B\",\"parameters\":{}}");
    assert_int_equal(client_send(f->client, "a.B", "{\"x\":1}", true, false, NULL), 0);
    expect_sent(f, "{\"method\":\"a.B\",\"more\":true,\"parameters\":{\"x\":1}}");
    assert_int_equal(client_send(f->client, "a.B", "{}", false, true, NULL), 0);
    expect_sent(f, "{\"method\":\"a.B\",\"oneway\":true,\"parameters\":{}}");
}

static void test_a_call_that_is_too_long_is_not_sent(void **state) {
    struct fixture *f = *state;
    char *text = malloc(FRAME_MAX_CLIENT + 1), byte;
    struct err e = { 0 };

    assert_non_null(text);
    memset(text, ' ', FRAME_MAX_CLIENT);
    text[0] = '{';
    text[FRAME_MAX_CLIENT - 1] = '}';
    text[FRAME_MAX_CLIENT] = '\0';
    assert_int_equal(client_send(f->client, "a.B", text, false, false, &e), -EMSGSIZE);
    assert_non_null(strstr(e.text, "the call is longer than 1048576 bytes"));
    assert_int_equal(recv(f->peer, &byte, 1, MSG_DONTWAIT), -1);
    assert_int_equal(errno, EAGAIN);
    free(text);
}

/* ---- replies ---- */

static const char reply[] = "{\"parameters\":{\"pid\":42}}";

static void expect_reply(struct fixture *f, int timeout_ms) {
    struct varlink_reply r;
    struct err e = { 0 };

    if (client_receive(f->client, timeout_ms, &r, &e) != 0)
        fail_msg("%s", e.text);
    assert_null(r.error);
    assert_int_equal(json_get_int(r.parameters, "pid", 0), 42);
    varlink_reply_clear(&r);
}

static void expect_failure(struct fixture *f, int timeout_ms, int code, const char *says) {
    struct varlink_reply r = { .error = "untouched" };
    struct err e = { 0 };

    assert_int_equal(client_receive(f->client, timeout_ms, &r, &e), code);
    assert_string_equal(r.error, "untouched");
    assert_null(r.doc);
    if (!strstr(e.text, says))
        fail_msg("'%s' does not say '%s'", e.text, says);
}

/* A wait that ends too early loses nothing of what came. */
static void test_a_reply_in_two_pieces(void **state) {
    struct fixture *f = *state;

    for (size_t i = 0; i < sizeof reply; i++) {
        peer_writes(f, reply, i);
        expect_failure(f, 0, -ETIMEDOUT, "no answer in time");
        peer_writes(f, reply + i, sizeof reply - i);
        expect_reply(f, 0);
    }
}

static void test_many_replies_at_once(void **state) {
    struct fixture *f = *state;
    static const char three[] = "{\"continues\":true,\"parameters\":{\"pid\":1}}\0"
                                "{\"parameters\":{\"pid\":42}}\0"
                                "{\"error\":\"a.E\",\"parameters\":{\"why\":\"x\"}}";
    struct varlink_reply r;

    peer_writes(f, three, sizeof three);
    assert_int_equal(client_receive(f->client, -1, &r, NULL), 0);
    assert_true(r.continues);
    varlink_reply_clear(&r);
    expect_reply(f, -1);
    assert_int_equal(client_receive(f->client, -1, &r, NULL), 0);
    assert_string_equal(r.error, "a.E");
    assert_string_equal(json_get_string(r.parameters, "why", ""), "x");
    varlink_reply_clear(&r);
    expect_failure(f, 1, -ETIMEDOUT, "no answer in time");
}

static void test_a_peer_that_leaves(void **state) {
    struct fixture *f = *state;
    struct err e = { 0 };

    peer_writes(f, reply, sizeof reply);
    peer_writes(f, reply, 5);
    peer_leaves(f);
    expect_reply(f, -1);
    expect_failure(f, -1, -ECONNRESET, "the other side closed the connection");
    /* SIGPIPE would end the test here. */
    assert_int_equal(client_send(f->client, "a.B", NULL, false, false, &e), -ECONNRESET);
    assert_non_null(strstr(e.text, "the other side closed the connection"));
}

/* With a call of ours unread in it, a closed socket answers ECONNRESET instead of an end. */
static void test_a_peer_that_leaves_without_reading(void **state) {
    struct fixture *f = *state;

    assert_int_equal(client_send(f->client, "a.B", NULL, false, false, NULL), 0);
    peer_leaves(f);
    expect_failure(f, -1, -ECONNRESET, "the other side closed the connection");
}

static void test_what_is_no_reply(void **state) {
    struct fixture *f = *state;
    static const char *const bad[] = { "", "[]", "{\"error\":1}", "hello", "{\"a\":1,\"a\":1}" };

    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        peer_writes(f, bad[i], strlen(bad[i]) + 1);
        expect_failure(f, -1, -EBADMSG, "the reply is no Varlink");
    }
    peer_writes(f, reply, sizeof reply);
    expect_reply(f, -1);
}

/* ---- with a peer that works at the same time ---- */

struct flood {
    int fd;
    size_t bytes; /* of white space, before the reply */
};

static void *flood(void *arg) {
    const struct flood *job = arg;
    static char blanks[256 * 1024];

    memset(blanks, ' ', sizeof blanks);
    for (size_t left = job->bytes; left > 0;) {
        ssize_t n =
            send(job->fd, blanks, left < sizeof blanks ? left : sizeof blanks, MSG_NOSIGNAL);
        if (n < 0)
            return NULL;
        left -= (size_t) n;
    }
    (void) send(job->fd, reply, sizeof reply, MSG_NOSIGNAL);
    return NULL;
}

static void test_a_reply_far_longer_than_a_call(void **state) {
    struct fixture *f = *state;
    struct flood job = { f->peer, 3 * FRAME_MAX_CLIENT };
    pthread_t thread;

    assert_int_equal(pthread_create(&thread, NULL, flood, &job), 0);
    expect_reply(f, -1);
    assert_int_equal(pthread_join(thread, NULL), 0);
}

static void test_a_reply_without_end(void **state) {
    struct fixture *f = *state;
    struct flood job = { f->peer, 2 * CLIENT_REPLY_MAX };
    pthread_t thread;

    assert_int_equal(pthread_create(&thread, NULL, flood, &job), 0);
    expect_failure(f, -1, -EBADMSG, "the reply is longer than 67108864 bytes");
    expect_failure(f, -1, -EBADMSG, "the reply is longer than 67108864 bytes");
    f->client = client_close(f->client);
    assert_int_equal(pthread_join(thread, NULL), 0);
}

struct server {
    int fd;
    const char *answer;
    pthread_t client; /* to be disturbed before the answer */
    bool disturb;
};

/* Reads one call to its NUL, then answers. */
static void *serve_one(void *arg) {
    const struct server *s = arg;
    char byte;

    while (recv(s->fd, &byte, 1, 0) == 1 && byte != '\0')
        ;
    for (int i = 0; s->disturb && i < 200; i++)
        (void) pthread_kill(s->client, SIGUSR1);
    (void) send(s->fd, s->answer, strlen(s->answer) + 1, MSG_NOSIGNAL);
    return NULL;
}

static int call_server(struct fixture *f, const char *answer, bool disturb,
                       struct varlink_reply *ret, struct err *e) {
    struct server s = { f->peer, answer, pthread_self(), disturb };
    pthread_t thread;

    assert_int_equal(pthread_create(&thread, NULL, serve_one, &s), 0);
    int r = client_call(f->client, "a.B", "{\"x\":1}", ret, e);
    assert_int_equal(pthread_join(thread, NULL), 0);
    return r;
}

static void test_a_call_and_its_answer(void **state) {
    struct fixture *f = *state;
    struct varlink_reply r;

    assert_int_equal(call_server(f, reply, false, &r, NULL), 0);
    assert_int_equal(json_get_int(r.parameters, "pid", 0), 42);
    varlink_reply_clear(&r);

    assert_int_equal(call_server(f, "{\"error\":\"a.E\"}", false, &r, NULL), 0);
    assert_string_equal(r.error, "a.E");
    varlink_reply_clear(&r);
}

static void test_a_stream_that_nobody_asked_for(void **state) {
    struct fixture *f = *state;
    struct varlink_reply r = { .error = "untouched" };
    struct err e = { 0 };

    assert_int_equal(call_server(f, "{\"continues\":true}", false, &r, &e), -EBADMSG);
    assert_string_equal(r.error, "untouched");
    assert_non_null(strstr(e.text, "a stream of replies"));
}

static void ignore_signal(int signal) {
    (void) signal;
}

static void test_signals_do_not_end_a_wait(void **state) {
    struct fixture *f = *state;
    struct sigaction interrupt = { .sa_handler = ignore_signal }, before;
    struct varlink_reply r;

    assert_int_equal(sigaction(SIGUSR1, &interrupt, &before), 0); /* without SA_RESTART */
    assert_int_equal(call_server(f, reply, true, &r, NULL), 0);
    varlink_reply_clear(&r);
    (void) sigaction(SIGUSR1, &before, NULL);
}

#define WITH_PEER(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        WITH_PEER(test_calls_are_sent),
        WITH_PEER(test_a_call_that_is_too_long_is_not_sent),
        WITH_PEER(test_a_reply_in_two_pieces),
        WITH_PEER(test_many_replies_at_once),
        WITH_PEER(test_a_peer_that_leaves),
        WITH_PEER(test_a_peer_that_leaves_without_reading),
        WITH_PEER(test_what_is_no_reply),
        WITH_PEER(test_a_reply_far_longer_than_a_call),
        WITH_PEER(test_a_reply_without_end),
        WITH_PEER(test_a_call_and_its_answer),
        WITH_PEER(test_a_stream_that_nobody_asked_for),
        WITH_PEER(test_signals_do_not_end_a_wait),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
