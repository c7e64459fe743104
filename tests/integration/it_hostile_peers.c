/* SPDX-License-Identifier: MIT
 * Clients that say nothing, never read, come in crowds or are somebody else: each loses its own
 * connection at most. */
#include <errno.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "supervisor/wire/interfaces.h"
#include "tests/lib/harness.h"
#include "tests/lib/raw.h"

#define ONE    "org.example.one"
#define TWO    "org.example.two"
#define NOBODY 65534
#define LIST   "{\"method\":\"" WIRE_SUPERVISOR ".List\"}"
#define INFO   "{\"method\":\"" WIRE_APP ".GetInfo\"}"

static struct harness h;

static int start(void **state) {
    (void) state;
    harness_start(&h, NULL);
    return 0;
}
static int end(void **state) {
    (void) state;
    harness_clean(&h);
    return 0;
}

static void probe(const char *id, const char *manners) {
    harness_install(&h, &(struct harness_app){ .id = id, .program = "probe", .argument = manners });
    harness_ok(&h, "Open", "{\"id\":\"%s\"}", id);
}

static void finish(void) {
    raw_assert_sound(&h);
    harness_stop(&h);
}

static bool is_served(struct raw *r, const char *call) {
    raw_call(r, call);
    return raw_hear(r) != NULL;
}

static void test_a_client_that_says_nothing(void **state) {
    (void) state;
    struct raw silent = raw_open(h.control), halfway = raw_open(h.control);
    raw_say(&halfway, LIST, strlen(LIST));
    probe(ONE, "");
    harness_wait_log(&h, ONE, "show");
    harness_ok(&h, "Close", "{\"id\":\"" ONE "\"}");
    raw_call(&halfway, ""); /* the NUL, at last */
    assert_non_null(raw_hear(&halfway));
    assert_true(is_served(&silent, LIST));
    raw_close(&halfway);
    raw_close(&silent);
    finish();
}

/* Each Warn is two events to each watcher: that it was sent, and why. */
static void make_events(int n) {
    for (int i = 0; i < n; i++)
        harness_ok(&h, "Warn", "{\"level\":5,\"id\":\"" ONE "\"}");
}

static bool has_hung_up(struct raw *r) {
    struct pollfd p = { .fd = r->fd, .events = POLLRDHUP };
    return poll(&p, 1, 0) == 1 && p.revents & (POLLRDHUP | POLLHUP);
}

static void test_a_watcher_that_never_reads(void **state) {
    (void) state;
    probe(ONE, "");
    harness_wait_log(&h, ONE, "show");
    struct raw lazy = raw_open(h.control), keen = raw_open(h.control);
    raw_call(&lazy, "{\"method\":\"" WIRE_SUPERVISOR ".Watch\",\"more\":true}");
    raw_call(&keen, "{\"method\":\"" WIRE_SUPERVISOR ".Watch\",\"more\":true}");
    assert_non_null(raw_hear(&keen)); /* the snapshot */
    int made = 0;
    for (; !has_hung_up(&lazy); made += 100) {
        if (made > 100000)
            fail_msg("%d events later it is still not disconnected", made);
        make_events(100);
        for (int heard = 0; heard < 100;) { /* who reads hears them all */
            const char *event = raw_hear(&keen);
            assert_non_null(event);
            heard += strstr(event, "\"type\":\"warned\"") != NULL;
        }
        for (int i = 0; i < 100; i++) {
            struct varlink_reply reply;
            (void) harness_wait_event(&h, ONE, "warned", &reply);
            varlink_reply_clear(&reply);
        }
    }
    size_t got = 0;
    while (raw_hear(&lazy))
        got += lazy.handed;
    assert_true(got < 2 * 1024 * 1024); /* 1 MiB, and what the socket holds */
    assert_true(got > 0);
    assert_true(harness_daemon_said(&h, "bytes behind, disconnecting it"));
    raw_close(&lazy);
    raw_close(&keen);
    finish();
}

/* It is sent replies that it does not take: it is not read any more, and that is all. */
static void test_a_caller_that_never_reads(void **state) {
    (void) state;
    struct raw deaf = raw_open(h.control);
    static const char call[] =
        "{\"method\":\"" WIRE_SERVICE ".GetInterfaceDescription\",\"parameters\":{"
        "\"interface\":\"" WIRE_SUPERVISOR "\"}}";
    struct pollfd p = { .fd = deaf.fd, .events = POLLOUT };
    size_t sent = 0;
    /* Until the daemon takes no more: it answered another one meanwhile. */
    for (;;) {
        ssize_t n = send(deaf.fd, call, sizeof call, MSG_DONTWAIT | MSG_NOSIGNAL);
        if (n > 0) {
            sent += (size_t) n;
            assert_true(sent < (size_t) 64 * 1024 * 1024);
            continue;
        }
        assert_int_equal(errno, EAGAIN);
        harness_ok(&h, "List", "{}");
        if (poll(&p, 1, 0) == 0)
            break;
    }
    probe(ONE, "");
    harness_ok(&h, "Close", "{\"id\":\"" ONE "\"}");
    assert_non_null(raw_hear(&deaf)); /* it is still served once it reads */
    raw_close(&deaf);
    finish();
}

/* Its last words are still obeyed, and its place is free again. */
static void test_clients_that_come_and_go(void **state) {
    (void) state;
    probe(ONE, "");
    int before = harness_daemon_fds(&h);
    for (int i = 0; i < 500; i++) {
        struct raw r = raw_open(h.control);
        raw_call(&r, "{\"method\":\"" WIRE_SUPERVISOR ".Watch\",\"more\":true}");
        if (i % 2)
            assert_non_null(raw_hear(&r));
        raw_close(&r);
        if (i % 2 == 0)
            harness_ok(&h, "List", "{}");
    }
    struct raw last = raw_open(h.control);
    raw_call(&last,
             "{\"method\":\"" WIRE_SUPERVISOR ".Close\",\"parameters\":{\"id\":\"" ONE "\"}}");
    raw_close(&last);
    harness_wait_state(&h, ONE, "stopped", "closed");
    raw_barrier(&h);
    assert_true(harness_daemon_fds(&h) <= before);
    finish();
}

static void test_seventeen_of_one_user(void **state) {
    (void) state;
    struct raw r[16], late;
    for (int i = 0; i < 14; i++) { /* the harness has two */
        r[i] = raw_open(h.control);
        assert_true(is_served(&r[i], LIST));
    }
    late = raw_open(h.control);
    assert_false(is_served(&late, LIST));
    raw_close(&late);
    assert_true(harness_daemon_said(&h, "is turned away: its user has 16 connections"));
    harness_ok(&h, "List", "{}");
    raw_end(&r[0]);
    raw_wait_hangup(&r[0]);
    raw_close(&r[0]);
    r[0] = raw_open(h.control);
    assert_true(is_served(&r[0], LIST));
    for (int i = 0; i < 14; i++)
        raw_close(&r[i]);
    finish();
}

/* The folder leads to the socket for anybody; its mode is opened for the test, so that it is the
 * daemon that looks at who comes. */
static void test_a_user_without_permission(void **state) {
    (void) state;
    struct raw r;
    assert_int_equal(raw_connect_as(h.control, NOBODY, NOBODY, &r), -EACCES);
    assert_int_equal(chmod(h.control, 0666), 0);
    assert_int_equal(raw_connect_as(h.control, NOBODY, NOBODY, &r), 0);
    assert_false(is_served(&r, LIST));
    raw_close(&r);
    assert_true(harness_daemon_said(&h, "of uid 65534 is turned away: it has no permission"));
    finish();
}

/* A group that is let in, and users with connections enough for the cap of all. */
static void test_more_clients_than_max_clients(void **state) {
    (void) state;
    struct raw r[64], late;
    (void) harness_signal_and_wait(&h, SIGTERM);
    harness_write_config(&h, "[control]\ngroup=nogroup\n");
    harness_restart(&h);
    for (int i = 0; i < 62; i++) { /* the harness has two */
        assert_int_equal(raw_connect_as(h.control, (uid_t) (60000 + i / 16), NOBODY, &r[i]), 0);
        assert_true(is_served(&r[i], LIST));
    }
    assert_int_equal(raw_connect_as(h.control, 60100, NOBODY, &late), 0);
    assert_false(is_served(&late, LIST));
    raw_close(&late);
    assert_true(harness_daemon_said(&h, "is turned away: there are 64 connections"));
    harness_ok(&h, "List", "{}");
    for (int i = 0; i < 62; i++)
        raw_close(&r[i]);
    finish();
}

/* SO_PEERPIDFD, Linux 6.5: without it a peer can only be taken at its uid's word. */
static bool kernel_hands_out_pidfds(void) {
    int pair[2], pidfd = -1;
    socklen_t size = sizeof pidfd;
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
    bool works = getsockopt(pair[0], SOL_SOCKET, 77, &pidfd, &size) == 0;
    if (works)
        (void) close(pidfd);
    (void) close(pair[0]);
    (void) close(pair[1]);
    return works;
}

/* An app's socket is the app's alone: its folder keeps strangers out, and who gets by is asked for
 * its uid, root too. */
static void test_a_stranger_on_an_apps_socket(void **state) {
    (void) state;
    char path[128];
    struct raw r;
    probe(ONE, "mute");
    probe(TWO, "mute");
    uid_t one = raw_app_uid(&h, ONE), two = raw_app_uid(&h, TWO);
    assert_int_not_equal(one, two);
    raw_app_path(&h, ONE, "socket", path);
    assert_int_equal(raw_connect_as(path, NOBODY, NOBODY, &r), -EACCES);
    assert_int_equal(raw_connect_as(path, two, (gid_t) two, &r), -EACCES);
    assert_int_equal(raw_connect_as(path, two, (gid_t) one, &r), 0);
    assert_false(is_served(&r, INFO));
    raw_close(&r);
    r = raw_open(path); /* root */
    assert_false(is_served(&r, INFO));
    raw_close(&r);
    assert_int_equal(raw_connect_as(path, one, (gid_t) one, &r), 0); /* its uid, not its group */
    assert_int_equal(is_served(&r, INFO), !kernel_hands_out_pidfds());
    raw_close(&r);
    r = raw_open_app(&h, ONE);
    assert_true(is_served(&r, INFO));
    raw_close(&r);
    assert_true(harness_daemon_said(&h, "[" ONE "] peer"));
    finish();
}

static void test_nine_connections_of_an_app(void **state) {
    (void) state;
    struct raw r[8], late;
    probe(ONE, "mute");
    for (int i = 0; i < 8; i++) {
        r[i] = raw_open_app(&h, ONE);
        assert_true(is_served(&r[i], INFO));
    }
    late = raw_open_app(&h, ONE);
    assert_false(is_served(&late, INFO));
    raw_close(&late);
    assert_true(is_served(&r[0], INFO));
    for (int i = 0; i < 8; i++)
        raw_close(&r[i]);
    finish();
}

/* --- notify sockets ----------------------------------------------------------------------- */

static void test_a_notify_datagram_of_another_user(void **state) {
    (void) state;
    static const char ready[] = "READY=1\n";
    char junk[5000];
    harness_install(&h, &(struct harness_app){ .id = ONE,
                                               .program = "probe",
                                               .argument = "mute",
                                               .ours = "\"ready\":\"notify\"" });
    struct client *opening = harness_send(&h, "Open", false, "{\"id\":\"" ONE "\"}");
    harness_wait_log(&h, ONE, "up");
    uid_t uid = raw_app_uid(&h, ONE);
    raw_notify(&h, ONE, NOBODY, (gid_t) uid, ready, sizeof ready - 1);
    memset(junk, 'x', sizeof junk);
    raw_notify(&h, ONE, uid, (gid_t) uid, junk, sizeof junk); /* longer than any message */
    raw_notify(&h, ONE, uid, (gid_t) uid, "", 0);
    raw_notify(&h, ONE, uid, (gid_t) uid, "READY=0\nREADY=\n=\n\nSTATUS=\x1b[2J\nX", 32);
    memset(junk, '\n', 4000);
    raw_notify(&h, ONE, uid, (gid_t) uid, junk, 4000);
    raw_barrier(&h);
    harness_assert_state(&h, ONE, "starting");
    raw_notify(&h, ONE, uid, (gid_t) uid, ready, sizeof ready - 1);
    harness_wait_state(&h, ONE, "foreground", "ready");
    client_close(opening);
    finish();
}

#define PEERS(test) cmocka_unit_test_setup_teardown(test, start, end)

int main(void) {
    const struct CMUnitTest tests[] = {
        PEERS(test_a_client_that_says_nothing),    PEERS(test_a_watcher_that_never_reads),
        PEERS(test_a_caller_that_never_reads),     PEERS(test_clients_that_come_and_go),
        PEERS(test_seventeen_of_one_user),         PEERS(test_a_user_without_permission),
        PEERS(test_more_clients_than_max_clients), PEERS(test_a_stranger_on_an_apps_socket),
        PEERS(test_nine_connections_of_an_app),    PEERS(test_a_notify_datagram_of_another_user),
    };
    return cmocka_run_group_tests_name("daemon/hostile peers", tests, NULL, NULL);
}
