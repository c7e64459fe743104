/* SPDX-License-Identifier: MIT
 * Calls that meet: a call is decided on arrival, its reply may wait, and apps never wait for each
 * other. An app that waits here is `mute` and ready by notify: the test says READY=1 for it. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "supervisor/base/err.h"
#include "supervisor/wire/interfaces.h"
#include "tests/lib/harness.h"
#include "tests/lib/raw.h"

#define ONE "org.example.one"
#define TWO "org.example.two"
#define S   WIRE_SUPERVISOR

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

/* A slow app would hold up the supervisor's end. */
static void kill_all(void) {
    struct varlink_reply list;
    harness_call(&h, &list, "List", "{}");
    const struct json *apps = json_get(list.parameters, "apps");
    for (const struct json *a = json_first(apps); a; a = json_next(a))
        harness_ok(&h, "Kill", "{\"id\":\"%s\"}", json_get_string(a, "id", ""));
    varlink_reply_clear(&list);
}

static void finish(void) {
    kill_all();
    raw_assert_sound(&h);
    harness_stop(&h);
}

static void install(const char *id, const char *manners, const char *ours) {
    harness_install(&h, &(struct harness_app){
                            .id = id, .program = "probe", .argument = manners, .ours = ours });
}

/* One that starts until it is told, and stops only when it is killed. */
static void slow_app(const char *id) {
    install(id, "mute,stubborn",
            "\"ready\":\"notify\",\"start_timeout\":\"10min\",\"stop_timeout\":\"10min\"");
}

/* One that starts has none for a moment. */
static pid_t process_of(const char *id) {
    pid_t pid;
    while ((pid = harness_pid(&h, id)) == 0)
        harness_assert_state(&h, id, "starting");
    return pid;
}

static void end_it(const char *id) {
    assert_int_equal(kill(process_of(id), SIGKILL), 0);
}

static void say_ready(const char *id) {
    raw_barrier(&h); /* its notify socket is there by now */
    raw_notify(&h, id, 0, 0, "READY=1", 7);
}

static struct client *send_to(const char *method, const char *id) {
    return harness_send(&h, method, false, "{\"id\":\"%s\"}", id);
}

/* Its reply, which has come or will; want: "" success, a start ("cold"), or a stage. */
static void answers(struct client *c, const char *want) {
    struct varlink_reply reply;
    struct err e = { 0 };
    if (client_receive(c, HARNESS_PATIENCE_MS, &reply, &e) < 0)
        fail_msg("%s", e.text);
    const char *got = json_get_string(reply.parameters, reply.error ? "stage" : "start", "");
    if (strcmp(got, want) != 0)
        fail_msg("'%s' (%s), not '%s'", got, reply.error ? reply.error : "no error", want);
    varlink_reply_clear(&reply);
    client_close(c);
}

static void assert_waits(struct client *c) {
    struct pollfd p = { .fd = client_fd(c), .events = POLLIN };
    raw_barrier(&h);
    assert_int_equal(poll(&p, 1, 0), 0);
}

/* --- Open --------------------------------------------------------------------------------- */

static void test_open_joins_a_start(void **state) {
    (void) state;
    slow_app(ONE);
    struct client *first = send_to("Open", ONE);
    harness_wait_state(&h, ONE, "starting", "open");
    struct client *second = send_to("Open", ONE), *third = send_to("Open", ONE);
    assert_waits(first);
    assert_waits(third);
    say_ready(ONE);
    answers(first, "cold");
    answers(second, "cold");
    answers(third, "cold");
    assert_int_equal(harness_number(&h, ONE, "cold_starts"), 1);
    answers(send_to("Open", ONE), "current");
    finish();
}

static void test_a_failed_start_fails_all_that_joined(void **state) {
    (void) state;
    install(ONE, "mute", "\"ready\":\"notify\",\"start_timeout\":\"300ms\"");
    struct client *first = send_to("Open", ONE), *second = send_to("Open", ONE);
    answers(first, "ready");
    answers(second, "ready");
    finish();
}

static void test_open_while_stopping_starts_cold(void **state) {
    (void) state;
    slow_app(ONE);
    struct client *opening = send_to("Open", ONE);
    harness_wait_log(&h, ONE, "up"); /* and ignores SIGTERM */
    say_ready(ONE);
    answers(opening, "cold");
    pid_t pid = harness_pid(&h, ONE);
    struct client *closing = send_to("Close", ONE);
    harness_wait_state(&h, ONE, "stopping", "closed");
    struct client *a = send_to("Open", ONE), *b = send_to("Open", ONE);
    assert_waits(a);
    end_it(ONE);
    answers(closing, "");
    harness_wait_state(&h, ONE, "stopped", "closed");
    harness_wait_state(&h, ONE, "starting", "open");
    say_ready(ONE);
    answers(a, "cold");
    answers(b, "cold");
    assert_int_not_equal(harness_pid(&h, ONE), pid);
    assert_int_equal(harness_number(&h, ONE, "cold_starts"), 2);
    finish();
}

/* --- what ends waiting Opens -------------------------------------------------------------- */

static void test_close_kill_and_remove_fail_waiting_opens(void **state) {
    (void) state;
    static const char *const methods[] = { "Close", "Kill", "Remove" };
    for (int i = 0; i < 3; i++) {
        slow_app(ONE);
        /* that wait for the start */
        struct client *a = send_to("Open", ONE), *b = send_to("Open", ONE);
        harness_wait_state(&h, ONE, "starting", "open");
        assert_waits(b); /* calls of two connections come in any order */
        pid_t pid = process_of(ONE);
        struct client *ending = send_to(methods[i], ONE);
        answers(a, "closed");
        answers(b, "closed");
        /* that wait for the end */
        if (i < 2) {
            a = send_to("Open", ONE);
            assert_waits(a);
            b = send_to(methods[i], ONE);
            answers(a, "closed");
            (void) kill(pid, SIGKILL); /* it may have ended before it ignored SIGTERM */
            answers(b, "");
        }
        (void) kill(pid, SIGKILL);
        answers(ending, "");
        if (i < 2)
            harness_assert_state(&h, ONE, "stopped");
        else
            harness_error(&h, "NoSuchApp", "Open", "{\"id\":\"" ONE "\"}");
    }
    finish();
}

static void test_open_and_remove_while_it_is_removed(void **state) {
    (void) state;
    slow_app(ONE);
    struct client *opening = send_to("Open", ONE);
    harness_wait_log(&h, ONE, "up"); /* and ignores SIGTERM */
    say_ready(ONE);
    answers(opening, "cold");
    struct client *removing = send_to("Remove", ONE);
    harness_wait_state(&h, ONE, "stopping", "removed");
    answers(send_to("Open", ONE), "closed");
    harness_error(&h, "Busy", "Remove", "{\"id\":\"" ONE "\"}");
    end_it(ONE);
    answers(removing, "");
    harness_error(&h, "NoSuchApp", "Status", "{\"id\":\"" ONE "\"}");
    finish();
}

static void test_the_end_of_the_supervisor_fails_waiting_opens(void **state) {
    (void) state;
    slow_app(ONE);
    slow_app(TWO);
    struct client *one = send_to("Open", ONE), *two = send_to("Open", TWO);
    harness_wait_state(&h, TWO, "starting", "open");
    assert_waits(one);
    const pid_t pids[] = { process_of(ONE), process_of(TWO) };
    harness_signal(&h, SIGTERM);
    answers(one, "closed");
    answers(two, "closed");
    (void) kill(pids[0], SIGKILL); /* they may have ended before they ignored SIGTERM */
    (void) kill(pids[1], SIGKILL);
    int status;
    assert_int_equal(waitpid(h.daemon, &status, 0), h.daemon);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    h.daemon = 0;
    h.client = client_close(h.client);
    h.watcher = client_close(h.watcher);
    harness_restart(&h);
    harness_assert_state(&h, ONE, "stopped");
    finish();
}

/* It leaves at once, whoever waits: a sanitizer sees what it did not give back. */
static void test_a_supervisor_that_leaves_drops_its_callers(void **state) {
    (void) state;
    char folder[128];
    struct client *c[6];
    slow_app(ONE);
    install(TWO, "mute,stubborn", "\"ready\":\"exec\",\"stop_timeout\":\"10min\"");
    harness_make(&h, &(struct harness_app){ .id = "org.example.three", .code = 1 }, folder);
    harness_ok(&h, "Open", "{\"id\":\"" TWO "\"}");
    harness_wait_log(&h, TWO, "up"); /* and ignores SIGTERM */
    c[0] = send_to("Open", ONE);
    c[1] = send_to("Close", TWO);
    c[2] = send_to("Remove", TWO);
    harness_wait_state(&h, TWO, "stopping", NULL);
    assert_waits(c[0]);
    for (int i = 3; i < 6; i++)
        c[i] = harness_send(&h, "Install", false, "{\"source\":\"%s\",\"unsigned\":true}", folder);
    assert_int_equal(harness_signal_and_wait(&h, SIGUSR1), 0);
    for (int i = 0; i < 6; i++)
        client_close(c[i]);
    harness_restart(&h);
    harness_assert_state(&h, ONE, "starting");
    harness_ok(&h, "Kill", "{\"id\":\"" ONE "\"}");
    harness_ok(&h, "Kill", "{\"id\":\"" TWO "\"}");
    finish();
}

static void test_kill_hastens_a_close(void **state) {
    (void) state;
    install(ONE, "mute,stubborn", "\"stop_timeout\":\"10min\"");
    harness_ok(&h, "Open", "{\"id\":\"" ONE "\"}");
    harness_wait_log(&h, ONE, "up");
    struct client *a = send_to("Close", ONE), *b = send_to("Close", ONE);
    harness_wait_state(&h, ONE, "stopping", "closed");
    assert_waits(b);
    harness_ok(&h, "Kill", "{\"id\":\"" ONE "\"}");
    answers(a, "");
    answers(b, "");
    harness_wait_exit(&h, ONE, "closed"); /* the first cause counts */
    finish();
}

/* --- Hide --------------------------------------------------------------------------------- */

static void hide_is_refused(const char *in_state) {
    struct varlink_reply reply;
    harness_call(&h, &reply, "Hide", "{\"id\":\"" ONE "\"}");
    assert_non_null(reply.error);
    assert_string_equal(reply.error, S ".BadState");
    assert_string_equal(json_get_string(reply.parameters, "state", ""), in_state);
    varlink_reply_clear(&reply);
    harness_assert_state(&h, ONE, in_state);
}

static void hide_succeeds(const char *in_state) {
    int64_t since = harness_number(&h, ONE, "since_usec");
    harness_ok(&h, "Hide", "{\"id\":\"" ONE "\"}");
    harness_assert_state(&h, ONE, in_state);
    assert_int_equal(harness_number(&h, ONE, "since_usec"), since); /* nothing has changed */
}

static void test_hide_in_each_state(void **state) {
    (void) state;
    slow_app(ONE);
    hide_is_refused("stopped");
    struct client *opening = send_to("Open", ONE);
    harness_wait_state(&h, ONE, "starting", "open");
    hide_is_refused("starting");
    harness_wait_log(&h, ONE, "up");
    say_ready(ONE);
    answers(opening, "cold");
    harness_write_config(&h, "[lifecycle]\nsuspend_after=0\n");
    harness_signal(&h, SIGHUP);
    harness_ok(&h, "List", "{}");
    harness_ok(&h, "Hide", "{\"id\":\"" ONE "\"}");
    hide_succeeds("background");
    harness_write_config(&h, "[lifecycle]\nsuspend_after=1ms\n");
    harness_signal(&h, SIGHUP);
    harness_ok(&h, "List", "{}");
    answers(send_to("Open", ONE), "hot");
    harness_ok(&h, "Hide", "{\"id\":\"" ONE "\"}");
    harness_wait_state(&h, ONE, "suspended", "timeout");
    hide_succeeds("suspended");
    struct client *closing = send_to("Close", ONE);
    harness_wait_state(&h, ONE, "stopping", "closed");
    hide_is_refused("stopping");
    end_it(ONE);
    answers(closing, "");
    finish();
}

/* --- callers ------------------------------------------------------------------------------ */

static void test_a_caller_that_leaves_cancels_nothing(void **state) {
    (void) state;
    slow_app(ONE);
    client_close(send_to("Open", ONE));
    harness_wait_state(&h, ONE, "starting", "open");
    harness_wait_log(&h, ONE, "up");
    say_ready(ONE);
    harness_wait_state(&h, ONE, "foreground", "ready");
    client_close(send_to("Hide", ONE));
    harness_wait_state(&h, ONE, "background", "hide");
    client_close(send_to("Close", ONE));
    harness_wait_state(&h, ONE, "stopping", "closed");
    client_close(send_to("Open", ONE)); /* waits for the end, and has nobody to tell */
    raw_barrier(&h);
    end_it(ONE);
    harness_wait_state(&h, ONE, "stopped", "closed");
    harness_wait_state(&h, ONE, "starting", "open");
    pid_t pid = process_of(ONE);
    client_close(send_to("Remove", ONE));
    harness_wait_state(&h, ONE, "stopping", "removed");
    (void) kill(pid, SIGKILL);
    harness_wait_state(&h, ONE, "stopped", "removed");
    harness_install(&h, &(struct harness_app){ .id = TWO }); /* the disk lane is past the removal */
    harness_error(&h, "NoSuchApp", "Status", "{\"id\":\"" ONE "\"}");
    finish();
}

static bool hears_nothing(struct raw *r) {
    struct pollfd p = { .fd = r->fd, .events = POLLIN };
    raw_barrier(&h);
    return poll(&p, 1, 0) == 0;
}

static void test_replies_come_in_the_order_of_calls(void **state) {
    (void) state;
    slow_app(ONE);
    struct raw r = raw_open(h.control);
    raw_call(&r, "{\"method\":\"" S ".Open\",\"parameters\":{\"id\":\"" ONE "\"}}");
    raw_call(&r, "{\"method\":\"" S ".Status\",\"parameters\":{\"id\":\"" ONE "\"}}");
    raw_call(&r, "{\"method\":\"" S ".Hide\",\"parameters\":{\"id\":\"" ONE "\"}}");
    raw_call(&r, "{\"method\":\"" S ".Status\",\"parameters\":{\"id\":\"none\"}}");
    harness_wait_state(&h, ONE, "starting", "open");
    assert_true(hears_nothing(&r)); /* behind a call that waits nothing is looked at */
    harness_assert_state(&h, ONE, "starting");
    say_ready(ONE);
    static const char *const want[] = { "\"start\":\"cold\"", "\"state\":\"foreground\"", "{",
                                        "NoSuchApp" };
    for (int i = 0; i < 4; i++) {
        const char *reply = raw_hear(&r);
        if (!reply || !strstr(reply, want[i]))
            fail_msg("reply %d has no '%s': %s", i, want[i], reply ? reply : "hung up");
    }
    harness_wait_state(&h, ONE, "background", "hide");
    raw_close(&r);
    finish();
}

/* Where PID 1 does not reap, as in many containers, the supervisor gives up waiting for it. */
static void test_closing_an_adopted_app_that_has_just_died(void **state) {
    (void) state;
    static const char *const manners[] = { "mute", "mute,child" };
    for (int i = 0; i < 2; i++) {
        install(ONE, manners[i], "\"stop_timeout\":\"100ms\"");
        harness_ok(&h, "Open", "{\"id\":\"" ONE "\"}");
        pid_t pid = harness_pid(&h, ONE);
        (void) harness_signal_and_wait(&h, SIGKILL);
        harness_restart(&h);
        assert_int_equal(kill(pid, SIGKILL), 0);
        harness_ok(&h, "Close", "{\"id\":\"" ONE "\"}");
        harness_assert_state(&h, ONE, "stopped");
    }
    finish();
}

/* --- apps never wait for each other ------------------------------------------------------- */

static void test_slow_apps_delay_nobody(void **state) {
    (void) state;
    char id[32];
    struct client *slow[8];
    install(TWO, "", "\"ready\":\"notify\"");
    for (int i = 0; i < 8; i++) {
        (void) snprintf(id, sizeof id, "org.example.slow%d", i);
        slow_app(id);
        slow[i] = send_to("Open", id);
        harness_wait_state(&h, id, "starting", "open");
    }
    for (int i = 0; i < 20; i++) {
        answers(send_to("Open", TWO), "cold");
        harness_ok(&h, "Hide", "{\"id\":\"" TWO "\"}");
        answers(send_to("Open", TWO), "hot");
        harness_ok(&h, "Close", "{\"id\":\"" TWO "\"}");
    }
    for (int i = 0; i < 8; i++) {
        (void) snprintf(id, sizeof id, "org.example.slow%d", i);
        harness_assert_state(&h, id, "starting");
        say_ready(id);
        answers(slow[i], "cold");
    }
    finish();
}

/* Six connections send sixty calls each, all at once, about three apps: each call has one reply, in
 * order, and the supervisor is whole. */
static void test_a_storm_of_calls(void **state) {
    (void) state;
    static const char *const ids[] = { ONE, TWO, "org.example.three" };
    static const char *const methods[] = { "Open", "Open", "Open", "Hide", "Close", "Kill" };
    struct raw r[6];
    char call[256];
    unsigned dice = 12345;
    harness_write_config(&h, "[lifecycle]\nsuspend_after=1ms\nmax_warm=1\n");
    harness_signal(&h, SIGHUP);
    install(ids[0], "", "\"ready\":\"notify\"");
    install(ids[1], "child", "\"stop_timeout\":\"20ms\"");
    harness_install(&h, &(struct harness_app){ .id = ids[2] });
    for (int i = 0; i < 6; i++)
        r[i] = raw_open(h.control);
    for (int n = 0; n < 60; n++)
        for (int i = 0; i < 6; i++) {
            dice = dice * 1103515245u + 12345u;
            (void) snprintf(call, sizeof call,
                            "{\"method\":\"" S ".%s\",\"parameters\":{\"id\":\"%s\"}}",
                            methods[(dice >> 16 & 255) % 6], ids[(dice >> 24) % 3]);
            raw_call(&r[i], call);
        }
    for (int i = 0; i < 6; i++) {
        for (int n = 0; n < 60; n++)
            assert_non_null(raw_hear(&r[i]));
        raw_close(&r[i]);
    }
    for (int i = 0; i < 3; i++) {
        harness_ok(&h, "Close", "{\"id\":\"%s\"}", ids[i]);
        harness_ok(&h, "Open", "{\"id\":\"%s\"}", ids[i]);
    }
    finish();
}

#define MEET(test) cmocka_unit_test_setup_teardown(test, start, end)

int main(void) {
    const struct CMUnitTest tests[] = {
        MEET(test_open_joins_a_start),
        MEET(test_a_failed_start_fails_all_that_joined),
        MEET(test_open_while_stopping_starts_cold),
        MEET(test_close_kill_and_remove_fail_waiting_opens),
        MEET(test_open_and_remove_while_it_is_removed),
        MEET(test_the_end_of_the_supervisor_fails_waiting_opens),
        MEET(test_a_supervisor_that_leaves_drops_its_callers),
        MEET(test_kill_hastens_a_close),
        MEET(test_hide_in_each_state),
        MEET(test_a_caller_that_leaves_cancels_nothing),
        MEET(test_replies_come_in_the_order_of_calls),
        MEET(test_closing_an_adopted_app_that_has_just_died),
        MEET(test_slow_apps_delay_nobody),
        MEET(test_a_storm_of_calls),
    };
    return cmocka_run_group_tests_name("daemon/concurrency", tests, NULL, NULL);
}
