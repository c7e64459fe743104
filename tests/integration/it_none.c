/* SPDX-License-Identifier: MIT
 * Where there is no cgroup tree to write to: the story, the kill, the adoption, told by sessions,
 * ancestry and uid. What the design says cannot be held there (limits, a fork in flight) is not
 * asked for. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/lib/census.h"
#include "tests/lib/harness.h"
#include "tests/lib/raw.h"

#define ONE "org.example.one"
#define TWO "org.example.two"

static struct harness h;

static int start(void **state) {
    (void) state;
    char config[256], uids[64];
    harness_need("root", geteuid() == 0, "apps have uids of their own only where root runs this");
    (void) snprintf(config, sizeof config,
                    "[lifecycle]\nsuspend_after=300ms\nstop_timeout=500ms\n[apps]\n%s",
                    census_uids(uids));
    harness_start_backend(&h, config, "none");
    return 0;
}
static int end(void **state) {
    (void) state;
    harness_clean(&h);
    return 0;
}

static void finish(void) {
    raw_assert_sound(&h);
    harness_stop(&h);
}

static void install(const char *id, const char *program, const char *manners, const char *ours) {
    harness_install(&h, &(struct harness_app){
                            .id = id, .program = program, .argument = manners, .ours = ours });
}

static void call(const char *method, const char *id) {
    harness_ok(&h, method, "{\"id\":\"%s\"}", id);
}

static bool are_two(const struct census *c) {
    return c->all == 2 && c->stopped == 0;
}
static bool are_two_stopped(const struct census *c) {
    return c->all == 2 && c->stopped == 2;
}

static void test_it_says_so(void **state) {
    (void) state;
    assert_true(harness_daemon_said(&h, "warning: none"));
    finish();
}

static void test_a_whole_life(void **state) {
    (void) state;
    install(ONE, "probe", "child", "\"ready\":\"notify\"");
    install(TWO, "probe", "", "");
    call("Open", ONE);
    harness_wait_state(&h, ONE, "foreground", "ready");
    uid_t uid = raw_app_uid(&h, ONE);
    pid_t pid = harness_pid(&h, ONE);
    (void) census_wait(uid, are_two, "two processes");
    call("Hide", ONE);
    harness_wait_state(&h, ONE, "suspended", "timeout");
    (void) census_wait(uid, are_two_stopped, "both stopped"); /* the one in its own session too */
    call("Open", ONE);
    harness_wait_state(&h, ONE, "foreground", "open");
    (void) census_wait(uid, are_two, "both going");
    assert_int_equal(harness_pid(&h, ONE), pid);
    call("Open", TWO);
    harness_wait_state(&h, ONE, "background", "other_app");
    harness_wait_state(&h, ONE, "suspended", "timeout");
    call("Close", ONE); /* from suspended; its child ignores SIGTERM */
    harness_wait_exit(&h, ONE, "closed");
    (void) census_wait(uid, census_none, "all dead");
    harness_wait_log(&h, ONE, "unload closed");
    finish();
}

static void test_kill_leaves_no_survivor(void **state) {
    (void) state;
    static const char *const programs[] = { "probe", "rude" };
    static const char *const manners[] = { "stubborn,child", "orphan" };
    for (int i = 0; i < 2; i++) {
        install(ONE, programs[i], manners[i], "");
        uid_t uid = raw_app_uid(&h, ONE);
        for (int round = 0; round < 10; round++) {
            call("Open", ONE);
            (void) census_wait(uid, are_two, "two processes");
            if (round % 2) {
                call("Hide", ONE);
                harness_wait_state(&h, ONE, "suspended", "timeout");
                (void) census_wait(uid, are_two_stopped, "both stopped");
            }
            call("Kill", ONE);
            harness_wait_exit(&h, ONE, "killed");
            (void) census_wait(uid, census_none, "all dead");
        }
    }
    finish();
}

static void test_children_that_outlive_the_main_process(void **state) {
    (void) state;
    install(ONE, "probe", "child", "");
    uid_t uid = raw_app_uid(&h, ONE);
    call("Open", ONE);
    (void) census_wait(uid, are_two, "two processes");
    harness_ok(&h, "Open", "{\"id\":\"" ONE "\",\"path\":\"!exit 0\"}");
    harness_wait_state(&h, ONE, "stopping", "exited");
    harness_wait_exit(&h, ONE, "exited");
    (void) census_wait(uid, census_none, "all dead");

    install(TWO, "rude", "orphan", "");
    uid = raw_app_uid(&h, TWO);
    call("Open", TWO);
    (void) census_wait(uid, are_two, "two processes");
    assert_int_equal(kill(harness_pid(&h, TWO), SIGKILL), 0);
    harness_wait_state(&h, TWO, "stopping", "crashed");
    harness_wait_exit(&h, TWO, "crashed");
    (void) census_wait(uid, census_none, "all dead");
    finish();
}

static void test_crashes_are_told_apart(void **state) {
    (void) state;
    struct varlink_reply reply;
    install(ONE, "probe", "", "");
    harness_ok(&h, "Open", "{\"id\":\"" ONE "\",\"path\":\"!segv\"}");
    const struct json *x = json_get(harness_wait_event(&h, ONE, "exit", &reply), "exit");
    assert_string_equal(json_get_string(x, "reason", ""), "crashed");
    assert_int_equal(json_get_int(x, "signal", 0), SIGSEGV);
    varlink_reply_clear(&reply);
    harness_ok(&h, "Open", "{\"id\":\"" ONE "\",\"path\":\"!exit 3\"}");
    x = json_get(harness_wait_event(&h, ONE, "exit", &reply), "exit");
    assert_int_equal(json_get_int(x, "status", 0), 3);
    varlink_reply_clear(&reply);
    finish();
}

static void restart(int sig) {
    (void) harness_signal_and_wait(&h, sig);
    harness_restart(&h);
}

static void test_adoption(void **state) {
    (void) state;
    static const int signals[] = { SIGKILL, SIGUSR1 };
    for (int i = 0; i < 2; i++) {
        install(ONE, "probe", "child", "\"ready\":\"notify\"");
        install(TWO, "probe", "child", "");
        uid_t one = raw_app_uid(&h, ONE), two = raw_app_uid(&h, TWO);
        call("Open", ONE);
        (void) census_wait(one, are_two, "two processes");
        call("Hide", ONE);
        harness_wait_state(&h, ONE, "suspended", "timeout");
        (void) census_wait(one, are_two_stopped, "both stopped");
        call("Open", TWO);
        (void) census_wait(two, are_two, "two processes");
        pid_t pid = harness_pid(&h, ONE);

        restart(signals[i]);
        harness_assert_state(&h, ONE, "suspended");
        harness_assert_state(&h, TWO, "foreground");
        assert_int_equal(harness_pid(&h, ONE), pid);
        (void) census_wait(one, are_two_stopped, "both stopped");
        (void) census_wait(two, are_two, "both going");
        call("Open", ONE);
        harness_wait_state(&h, ONE, "foreground", "open");
        (void) census_wait(one, are_two, "both going");
        call("Kill", ONE);
        harness_wait_exit(&h, ONE, "killed");
        (void) census_wait(one, census_none, "all dead");
        call("Close", TWO);
        (void) census_wait(two, census_none, "all dead");
    }
    finish();
}

/* Its main process is gone while no supervisor is there, its child lives: not for long. */
static void test_what_is_left_of_an_app_is_cleaned_up(void **state) {
    (void) state;
    install(ONE, "probe", "child", "");
    uid_t uid = raw_app_uid(&h, ONE);
    call("Open", ONE);
    (void) census_wait(uid, are_two, "two processes");
    pid_t pid = harness_pid(&h, ONE);
    (void) harness_signal_and_wait(&h, SIGKILL);
    assert_int_equal(kill(pid, SIGKILL), 0);
    harness_wait_gone(pid);
    harness_restart(&h);
    (void) census_wait(uid, census_none, "all dead");
    call("Close", ONE); /* waits for its end, if that is still to come */
    harness_assert_state(&h, ONE, "stopped");
    call("Open", ONE);
    (void) census_wait(uid, are_two, "two processes");
    finish();
}

#define NONE(test) cmocka_unit_test_setup_teardown(test, start, end)

int main(void) {
    const struct CMUnitTest tests[] = {
        NONE(test_it_says_so),
        NONE(test_a_whole_life),
        NONE(test_kill_leaves_no_survivor),
        NONE(test_children_that_outlive_the_main_process),
        NONE(test_crashes_are_told_apart),
        NONE(test_adoption),
        NONE(test_what_is_left_of_an_app_is_cleaned_up),
    };
    return cmocka_run_group_tests_name("daemon/none", tests, NULL, NULL);
}
