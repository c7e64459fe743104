/* SPDX-License-Identifier: MIT
 * A new version takes over at the next cold start, or at once when asked; it has to live, else the
 * one before it is back, by itself and with the reason. */
#include <poll.h>
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

#include "supervisor/base/err.h"
#include "tests/lib/harness.h"
#include "tests/lib/raw.h"

#define ONE    "org.example.one"
#define ID     "{\"id\":\"" ONE "\"}"
#define NOTIFY "\"ready\":\"notify\""
#define CONFIG                                                                                     \
    "[lifecycle]\nsuspend_after=300ms\nstart_timeout=10s\nstop_timeout=2s\n"                       \
    "[update]\nhealthy_after=1h\n"

static struct harness h;

static int start(void **state) {
    (void) state;
    harness_start(&h, CONFIG);
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

static void install(int code, const char *script) {
    const bool probe = script == NULL;
    harness_install(&h, &(struct harness_app){ .id = ONE,
                                               .code = code,
                                               .script = script,
                                               .program = probe ? "probe" : NULL,
                                               .ours = NOTIFY });
}

static void versions(int64_t current, int64_t pending, int64_t previous, int64_t trial) {
    assert_int_equal(harness_number(&h, ONE, "version_code"), current);
    assert_int_equal(harness_number(&h, ONE, "pending_version"), pending);
    assert_int_equal(harness_number(&h, ONE, "previous_version"), previous);
    assert_int_equal(harness_number(&h, ONE, "trial"), trial);
}

static void opens_as(int64_t code) {
    struct varlink_reply reply;
    harness_call(&h, &reply, "Open", ID);
    if (reply.error)
        fail_msg("%s: %s", reply.error, json_get_string(reply.parameters, "detail", ""));
    assert_int_equal(json_get_int(reply.parameters, "version_code", 0), code);
    varlink_reply_clear(&reply);
}

static void order(const char *what) {
    harness_ok(&h, "Open", "{\"id\":\"" ONE "\",\"path\":\"%s\"}", what);
}

/* The next update event; its reason must have `text`. */
static void hears(const char *phase, int64_t code, const char *text) {
    struct varlink_reply reply;
    const struct json *u = json_get(harness_wait_event(&h, ONE, "update", &reply), "update");
    assert_string_equal(json_get_string(u, "phase", ""), phase);
    assert_int_equal(json_get_int(u, "version_code", 0), code);
    if (text && !strstr(json_get_string(u, "reason", ""), text))
        fail_msg("'%s' is not in '%s'", text, json_get_string(u, "reason", ""));
    varlink_reply_clear(&reply);
}

static void blames_the_environment(void) {
    for (bool found = false; !found;) {
        struct varlink_reply reply;
        const struct json *d =
            json_get(harness_wait_event(&h, ONE, "decision", &reply), "decision");
        found = strcmp(json_get_string(d, "action", ""), "environment") == 0;
        varlink_reply_clear(&reply);
    }
}

static void replies_with(const char *method, int64_t code) {
    struct varlink_reply reply;
    harness_call(&h, &reply, method, ID);
    if (reply.error)
        fail_msg("%s: %s", method, reply.error);
    assert_int_equal(json_get_int(reply.parameters, "version_code", 0), code);
    varlink_reply_clear(&reply);
}

static bool app_has(const char *name) {
    char path[128];
    (void) snprintf(path, sizeof path, "%s/apps/" ONE "/data/%s", h.state, name);
    return access(path, F_OK) == 0;
}

static void app_gets(const char *name) {
    char path[128];
    (void) snprintf(path, sizeof path, "%s/apps/" ONE "/data/%s", h.state, name);
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    (void) fclose(f);
}

static void app_loses(const char *name) {
    char path[128];
    (void) snprintf(path, sizeof path, "%s/apps/" ONE "/data/%s", h.state, name);
    assert_int_equal(unlink(path), 0);
}

/* Never ready; its file says that its exec is over. */
#define LINGERS "touch \"$MINIPROG_DATA/runs\"; exec sleep 1000000"

static void wait_for_its_exec(void) {
    for (int i = 0; !app_has("runs"); i++) {
        assert_true(i < HARNESS_PATIENCE_MS);
        (void) poll(NULL, 0, 1);
    }
    app_loses("runs");
}

/* What the end of a run means is written on the disk before it is said; no event tells of it. */
static void wait_trial(int64_t tries) {
    for (int i = 0; harness_number(&h, ONE, "trial") != tries; i++) {
        assert_true(i < HARNESS_PATIENCE_MS);
        (void) poll(NULL, 0, 1);
    }
}

static void test_the_next_cold_start_is_the_new_one(void **state) {
    (void) state;
    install(1, NULL);
    opens_as(1);
    install(2, NULL);
    hears("ready", 2, NULL);
    harness_wait_log(&h, ONE, "update_ready 2");
    versions(1, 2, -1, -1);
    harness_ok(&h, "Hide", ID);
    harness_wait_state(&h, ONE, "suspended", NULL);
    opens_as(1); /* a hot start never swaps */
    harness_ok(&h, "Close", ID);
    opens_as(2);
    hears("apply", 2, NULL);
    hears("trial", 2, NULL);
    hears("healthy", 2, NULL);
    versions(2, -1, 1, -1);
    finish();
}

static void test_a_crashing_one_falls_back(void **state) {
    (void) state;
    install(1, NULL);
    opens_as(1);
    app_gets("kept");
    install(2, "echo try; exit 3");
    hears("ready", 2, NULL);
    harness_ok(&h, "Close", ID);
    opens_as(1); /* the Open that waited is answered by the one that came back */
    hears("apply", 2, NULL);
    hears("trial", 2, NULL);
    hears("trial", 2, NULL);
    hears("trial", 2, NULL);
    hears("rolled_back", 2, "status 3");
    hears("healthy", 1, NULL);
    harness_wait_log(&h, ONE, "update_failed");
    assert_true(app_has("kept"));
    versions(1, -1, -1, -1);
    char *log = harness_log(&h, ONE);
    int tries = 0;
    for (const char *at = log; (at = strstr(at, "try\n")); at++)
        tries++;
    assert_int_equal(tries, 3);
    free(log);

    install(3, NULL); /* and life goes on */
    harness_ok(&h, "Close", ID);
    hears("ready", 3, NULL);
    opens_as(3);
    hears("apply", 3, NULL);
    hears("trial", 3, NULL);
    hears("healthy", 3, NULL);
    versions(3, -1, 1, -1);
    finish();
}

static void test_if_both_fail_the_new_one_waits(void **state) {
    (void) state;
    harness_install(
        &h, &(struct harness_app){
                .id = ONE, .code = 1, .program = "probe", .argument = "frail", .ours = NOTIFY });
    opens_as(1);
    harness_ok(&h, "Hide", ID);
    harness_install(&h, &(struct harness_app){
                            .id = ONE, .code = 2, .script = "exec bin/nothing", .ours = NOTIFY });
    harness_ok(&h, "Close", ID);
    app_gets("broken");
    harness_error(&h, "StartFailed", "Open", ID);
    blames_the_environment();
    versions(1, 2, -1, -1);
    harness_assert_state(&h, ONE, "stopped"); /* no ping-pong */
    app_loses("broken");
    opens_as(1); /* tried again: this time it is the new one's fault alone */
    hears("apply", 2, NULL);
    for (int i = 0; i < 3; i++)
        hears("trial", 2, NULL);
    hears("rolled_back", 2, "status 127");
    hears("healthy", 1, NULL);
    versions(1, -1, -1, -1);
    finish();
}

static void test_who_is_asked_to_end_keeps_its_tries(void **state) {
    (void) state;
    install(1, NULL);
    opens_as(1);
    install(2, LINGERS);
    harness_ok(&h, "Close", ID);
    struct client *opening = harness_send(&h, "Open", false, ID);
    hears("ready", 2, NULL);
    hears("apply", 2, NULL);
    hears("trial", 2, NULL);
    versions(2, -1, 1, 3);
    wait_for_its_exec();
    harness_ok(&h, "Kill", ID);
    (void) client_close(opening);
    harness_assert_state(&h, ONE, "stopped");
    versions(2, -1, 1, 3);

    opening = harness_send(&h, "Open", false, ID);
    wait_for_its_exec();
    (void) harness_signal_and_wait(&h,
                                   SIGKILL); /* it outlives the supervisor, and is still tried */
    (void) client_close(opening);
    harness_restart(&h);
    versions(2, -1, 1, 3);
    harness_ok(&h, "Close", ID);
    versions(2, -1, 1, 3);
    finish();
}

static void kill_with_the_supervisor(void) {
    struct client *opening = harness_send(&h, "Open", false, ID);
    wait_for_its_exec();
    pid_t pid;
    while ((pid = harness_pid(&h, ONE)) == 0) /* the spawn lane's answer is still on its way */
        (void) poll(NULL, 0, 1);
    harness_signal(&h, SIGSTOP); /* so that it cannot see the other's end */
    assert_int_equal(kill(pid, SIGKILL), 0);
    (void) harness_signal_and_wait(&h, SIGKILL);
    (void) client_close(opening);
    harness_wait_gone(pid);
    harness_restart(&h);
}

/* Counted before its exec: a version that takes the supervisor down with it is not tried for ever.
 */
static void test_an_end_that_nobody_saw_uses_up_its_try(void **state) {
    (void) state;
    install(1, NULL);
    opens_as(1);
    install(2, LINGERS);
    harness_ok(&h, "Close", ID);
    kill_with_the_supervisor();
    wait_trial(2);
    versions(2, -1, 1, 2);
    kill_with_the_supervisor();
    wait_trial(1);
    kill_with_the_supervisor();
    wait_trial(-1);
    versions(1, -1, -1, -1);
    opens_as(1);
    harness_wait_log(&h, ONE, "update_failed"); /* it is told why */
    finish();
}

static void test_one_that_needs_no_word_has_to_last(void **state) {
    (void) state;
    harness_stop(&h);
    harness_start(&h, "[update]\nhealthy_after=100ms\n");
    harness_install(&h, &(struct harness_app){ .id = ONE, .code = 1 });
    opens_as(1);
    harness_install(&h, &(struct harness_app){ .id = ONE, .code = 2 });
    harness_ok(&h, "Close", ID);
    hears("ready", 2, NULL);
    opens_as(2);
    hears("apply", 2, NULL);
    hears("trial", 2, NULL);
    hears("healthy", 2, NULL);
    versions(2, -1, 1, -1);
    finish();
}

static void test_one_that_crashes_in_front_comes_back_older(void **state) {
    (void) state;
    harness_install(&h, &(struct harness_app){ .id = ONE, .code = 1 });
    opens_as(1);
    harness_install(&h, &(struct harness_app){ .id = ONE, .code = 2 });
    harness_ok(&h, "Close", ID);
    hears("ready", 2, NULL);
    opens_as(2);
    hears("apply", 2, NULL);
    for (int i = 0; i < 3; i++) {
        hears("trial", 2, NULL);
        harness_wait_state(&h, ONE, "foreground", NULL);
        assert_int_equal(kill(harness_pid(&h, ONE), SIGSEGV), 0);
    }
    hears("rolled_back", 2, "SIGSEGV");
    harness_wait_state(&h, ONE, "foreground", NULL);
    assert_int_equal(harness_number(&h, ONE, "version_code"), 1);
    finish();
}

static void test_applied_at_once(void **state) {
    (void) state;
    install(1, NULL);
    harness_error(&h, "NoUpdate", "ApplyUpdate", ID);
    opens_as(1);
    order("!apply");
    harness_wait_log(&h, ONE, "done apply -11");
    install(2, NULL);
    order("!apply");
    harness_wait_exit(&h, ONE, "update");
    harness_wait_state(&h, ONE, "foreground", NULL);
    assert_int_equal(harness_number(&h, ONE, "version_code"), 2);

    install(3, NULL);
    replies_with("ApplyUpdate", 3);
    harness_wait_state(&h, ONE, "foreground", NULL); /* it was in front, so it is again */
    install(4, NULL);
    harness_ok(&h, "Hide", ID);
    replies_with("ApplyUpdate", 4);
    harness_assert_state(&h, ONE, "stopped");
    versions(4, -1, 3, 3);
    opens_as(4);
    finish();
}

static void test_back_by_hand(void **state) {
    (void) state;
    install(1, NULL);
    harness_error(&h, "NoUpdate", "Rollback", ID);
    install(2, NULL);
    opens_as(2);
    replies_with("Rollback", 1);
    hears("rolled_back", 2, "by hand");
    harness_wait_state(&h, ONE, "foreground", NULL);
    versions(1, -1, -1, -1);
    harness_error(&h, "NoUpdate", "Rollback", ID);
    harness_ok(&h, "Close", ID);
    install(2, NULL);
    replies_with("Rollback", 1); /* nothing is started */
    harness_assert_state(&h, ONE, "stopped");
    opens_as(1);
    finish();
}

static void test_made_up(void **state) {
    (void) state;
    install(1, NULL);
    harness_error(&h, "BadState", "SimulateUpdate", "{\"id\":\"" ONE "\",\"outcome\":\"ready\"}");
    opens_as(1);
    harness_ok(&h, "SimulateUpdate", "{\"id\":\"" ONE "\",\"outcome\":\"failed\"}");
    harness_wait_log(&h, ONE, "update_failed simulated");
    order("!apply");
    harness_wait_log(&h, ONE, "done apply -11");
    harness_ok(&h, "SimulateUpdate", "{\"id\":\"" ONE "\",\"outcome\":\"ready\"}");
    harness_wait_log(&h, ONE, "update_ready 1");
    order("!apply");
    harness_wait_exit(&h, ONE, "update");
    harness_wait_state(&h, ONE, "foreground", NULL);
    finish();
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_the_next_cold_start_is_the_new_one, start, end),
        cmocka_unit_test_setup_teardown(test_a_crashing_one_falls_back, start, end),
        cmocka_unit_test_setup_teardown(test_if_both_fail_the_new_one_waits, start, end),
        cmocka_unit_test_setup_teardown(test_who_is_asked_to_end_keeps_its_tries, start, end),
        cmocka_unit_test_setup_teardown(test_an_end_that_nobody_saw_uses_up_its_try, start, end),
        cmocka_unit_test_setup_teardown(test_one_that_needs_no_word_has_to_last, start, end),
        cmocka_unit_test_setup_teardown(test_one_that_crashes_in_front_comes_back_older, start,
                                        end),
        cmocka_unit_test_setup_teardown(test_applied_at_once, start, end),
        cmocka_unit_test_setup_teardown(test_back_by_hand, start, end),
        cmocka_unit_test_setup_teardown(test_made_up, start, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
