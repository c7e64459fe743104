/* SPDX-License-Identifier: MIT
 * The daemon goes, the apps stay: kill -9, SIGUSR1, and what the next daemon makes of it. */
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
#include "tests/integration/freezer_kit.h"
#include "tests/lib/harness.h"

#define ONE   "org.example.one"
#define TWO   "org.example.two"
#define THREE "org.example.three"

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

static void probe(const char *id, const char *manners, const char *ours) {
    harness_install(&h, &(struct harness_app){
                            .id = id, .program = "probe", .argument = manners, .ours = ours });
}

static void open_app(const char *id) {
    harness_ok(&h, "Open", "{\"id\":\"%s\"}", id);
}

static void kill_and_restart(int sig) {
    int status = harness_signal_and_wait(&h, sig);
    if (sig == SIGKILL)
        assert_true(WIFSIGNALED(status));
    else
        assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    harness_restart(&h);
}

/* The same process in the same state, with its counters; and it goes on living. */
static void survives(int sig) {
    probe(ONE, "", "\"ready\":\"notify\"");
    probe(TWO, "", "");
    open_app(ONE);
    harness_wait_log(&h, ONE, "show");
    harness_ok(&h, "Hide", "{\"id\":\"" ONE "\"}");
    harness_wait_state(&h, ONE, "suspended", "timeout");
    open_app(TWO);
    harness_wait_log(&h, TWO, "show");
    pid_t one = harness_pid(&h, ONE), two = harness_pid(&h, TWO);
    int64_t since = harness_number(&h, ONE, "since_usec");

    kill_and_restart(sig);
    harness_assert_state(&h, ONE, "suspended");
    harness_assert_state(&h, TWO, "foreground");
    assert_int_equal(harness_pid(&h, ONE), one);
    assert_int_equal(harness_pid(&h, TWO), two);
    assert_int_equal(harness_number(&h, ONE, "since_usec"), since);
    assert_int_equal(harness_number(&h, ONE, "cold_starts"), 1);
    harness_wait_proc_state(one, "T");
    harness_wait_proc_state(two, "SR");

    open_app(ONE); /* hot: its library has connected anew, and hears it */
    harness_wait_state(&h, ONE, "foreground", "open");
    assert_int_equal(harness_number(&h, ONE, "hot_starts"), 1);
    harness_wait_state(&h, TWO, "background", "other_app");
    harness_wait_state(&h, TWO, "suspended", "timeout");
    harness_ok(&h, "Close", "{\"id\":\"" ONE "\"}");
    harness_wait_exit(&h, ONE, "closed");
    harness_wait_log(&h, ONE, "unload closed");
    harness_stop(&h);
}

static void test_apps_survive_kill_9(void **state) {
    (void) state;
    survives(SIGKILL);
}

static void test_apps_survive_sigusr1(void **state) {
    (void) state;
    survives(SIGUSR1);
}

static void test_events_queued_before_are_heard_after(void **state) {
    (void) state;
    probe(ONE, "", "");
    open_app(ONE);
    harness_wait_log(&h, ONE, "show");
    harness_ok(&h, "Hide", "{\"id\":\"" ONE "\"}");
    harness_wait_state(&h, ONE, "suspended", "timeout");
    kill_and_restart(SIGKILL);
    harness_ok(&h, "Open", "{\"id\":\"" ONE "\",\"path\":\"later\"}");
    harness_wait_log(&h, ONE, "show later");
    char *log = harness_log(&h, ONE);
    const char *first = strstr(log, "launch");
    assert_non_null(first);
    assert_null(strstr(first + 1, "launch")); /* `after`: nothing is heard twice */
    free(log);
    harness_stop(&h);
}

static void test_an_app_that_died_meanwhile_is_recorded(void **state) {
    (void) state;
    probe(ONE, "", "");
    open_app(ONE);
    harness_wait_log(&h, ONE, "show");
    pid_t pid = harness_pid(&h, ONE);
    (void) harness_signal_and_wait(&h, SIGKILL);
    (void) kill(pid, SIGKILL);
    harness_wait_gone(pid);
    harness_restart(&h);
    harness_assert_state(&h, ONE, "stopped");
    assert_int_equal(harness_number(&h, ONE, "cold_starts"), 1);
    open_app(ONE);
    harness_stop(&h);
}

/* Its exit status is the next daemon's to know, although PID 1 reaps it: the kernel keeps it for a
 * pidfd. */
static void test_an_adopted_app_that_ends_is_noticed(void **state) {
    (void) state;
    struct varlink_reply reply;
    probe(ONE, "", "");
    open_app(ONE);
    harness_wait_log(&h, ONE, "show");
    pid_t pid = harness_pid(&h, ONE);
    kill_and_restart(SIGKILL);
    (void) kill(pid, SIGSEGV);
    const struct json *exit = json_get(harness_wait_event(&h, ONE, "exit", &reply), "exit");
    const char *message = json_get_string(exit, "message", "");
    if (json_get_int(exit, "signal", 0) != SIGSEGV && !strstr(message, "status"))
        fail_msg("neither the signal nor why it is not known: %s", message);
    varlink_reply_clear(&reply);
    harness_wait_state(&h, ONE, "stopped", NULL);
    harness_stop(&h);
}

static void test_output_goes_on_and_kills_nobody(void **state) {
    (void) state;
    harness_install(
        &h,
        &(struct harness_app){
            .id = ONE, .script = "i=0\nwhile :; do i=$((i+1)); echo line $i; sleep 0.05; done" });
    open_app(ONE);
    harness_wait_log(&h, ONE, "line 2");
    pid_t pid = harness_pid(&h, ONE);
    kill_and_restart(SIGKILL);
    assert_int_equal(harness_pid(&h, ONE), pid);
    char *log = harness_log(&h, ONE);
    char want[32];
    const char *last = NULL;
    for (const char *at = log; (at = strstr(at, "line ")); at++)
        last = at;
    (void) snprintf(want, sizeof want, "line %d", (last ? atoi(last + 5) : 0) + 5);
    free(log);
    harness_wait_log(&h, ONE, want);
    harness_stop(&h);
}

static void test_a_stop_that_was_cut_short_is_finished(void **state) {
    (void) state;
    probe(ONE, "stubborn,child", "\"stop_timeout\":\"3s\"");
    open_app(ONE);
    harness_wait_log(&h, ONE, "show");
    struct client *closing = harness_send(&h, "Close", false, "{\"id\":\"" ONE "\"}");
    harness_wait_state(&h, ONE, "stopping", "closed");
    kill_and_restart(SIGKILL);
    client_close(closing);
    harness_wait_exit(&h, ONE, "closed");
    harness_stop(&h);
}

static void test_a_start_that_was_cut_short_is_finished(void **state) {
    (void) state;
    probe(ONE, "late", "\"ready\":\"notify\"");
    struct client *opening = harness_send(&h, "Open", false, "{\"id\":\"" ONE "\"}");
    harness_wait_state(&h, ONE, "starting", "open");
    harness_wait_log(&h, ONE, "up");
    kill_and_restart(SIGKILL);
    client_close(opening);
    harness_assert_state(&h, ONE, "starting");
    assert_true(harness_pid(&h, ONE) > 0);
    harness_ok(&h, "Close", "{\"id\":\"" ONE "\"}");
    harness_wait_exit(&h, ONE, "closed");
    harness_stop(&h);
}

/* The supervisor dies as soon as the app runs, before it could note that: it was started all the
 * same. */
static void test_a_start_that_nobody_could_note_is_counted(void **state) {
    (void) state;
    siginfo_t end;

    probe(ONE, "", "");
    assert_int_equal(setenv("MINIPROG_KILLPOINT", "TRY_SPAWNED:1:kill", 1), 0);
    kill_and_restart(SIGKILL);
    assert_int_equal(unsetenv("MINIPROG_KILLPOINT"), 0);
    struct client *opening = harness_send(&h, "Open", false, "{\"id\":\"" ONE "\"}");
    assert_int_equal(waitid(P_PID, (id_t) h.daemon, &end, WEXITED | WNOWAIT), 0);
    client_close(opening);
    kill_and_restart(SIGKILL);
    assert_int_equal(harness_number(&h, ONE, "cold_starts"), 1);
    harness_stop(&h);
}

static void test_what_no_state_explains_is_killed(void **state) {
    (void) state;
    char path[96];
    probe(ONE, "child", "");
    open_app(ONE);
    harness_wait_log(&h, ONE, "show");
    pid_t pid = harness_pid(&h, ONE);
    (void) harness_signal_and_wait(&h, SIGKILL);
    (void) snprintf(path, sizeof path, "%s/state/" ONE, h.runtime);
    assert_int_equal(remove(path), 0);
    harness_restart(&h);
    harness_wait_gone(pid);
    harness_assert_state(&h, ONE, "stopped");
    harness_stop(&h);
}

static void damage_run_state(const char *id) {
    char path[128];
    (void) snprintf(path, sizeof path, "%s/state/%s", h.runtime, id);
    assert_int_equal(truncate(path, 40), 0);
}

static void test_a_damaged_run_state_is_survived(void **state) {
    (void) state;
    probe(ONE, "", "");
    open_app(ONE);
    harness_wait_log(&h, ONE, "show");
    pid_t pid = harness_pid(&h, ONE);
    (void) harness_signal_and_wait(&h, SIGKILL);
    damage_run_state(ONE);
    harness_restart(&h);
    open_app(ONE);
    harness_wait_gone(pid);
    harness_stop(&h);
}

/* Its process, held in the freezer, is what the next supervisor finds and does not know. */
static pid_t leave_over(const char *ours) {
    probe(ONE, "", ours);
    open_app(ONE);
    harness_wait_log(&h, ONE, "show");
    pid_t pid = harness_pid(&h, ONE);
    freezer_freeze(pid);
    (void) harness_signal_and_wait(&h, SIGKILL);
    damage_run_state(ONE);
    harness_restart(&h);
    return pid;
}

static void test_a_start_waits_for_what_is_left_over(void **state) {
    (void) state;
    struct varlink_reply reply;
    struct err e = { 0 };

    pid_t pid = leave_over("");
    struct client *opening = harness_send(&h, "Open", false, "{\"id\":\"" ONE "\"}");
    harness_wait_state(&h, ONE, "starting", "open");
    assert_int_equal(kill(pid, 0), 0);
    freezer_thaw();
    assert_int_equal(client_receive(opening, HARNESS_PATIENCE_MS, &reply, &e), 0);
    assert_null(reply.error);
    varlink_reply_clear(&reply);
    client_close(opening);
    harness_wait_gone(pid);
    harness_stop(&h);
}

/* But not for ever: the caller is told when start_timeout has passed. */
static void test_what_does_not_go_fails_the_start(void **state) {
    (void) state;
    struct varlink_reply reply;

    pid_t pid = leave_over("\"start_timeout\":\"1s\"");
    harness_call(&h, &reply, "Open", "{\"id\":\"" ONE "\"}");
    assert_non_null(reply.error);
    assert_string_equal(reply.error, "org.miniprog.Supervisor.StartFailed");
    varlink_reply_clear(&reply);
    assert_int_equal(kill(pid, 0), 0);
    freezer_thaw();
    harness_wait_gone(pid);
    open_app(ONE);
    harness_stop(&h);
}

static int thaw_and_end(void **state) {
    freezer_thaw();
    int r = end(state);
    freezer_clear();
    return r;
}

static void test_a_second_daemon_is_refused(void **state) {
    (void) state;
    char command[512];
    const char *build = getenv("MINIPROG_BUILD");
    (void) snprintf(command, sizeof command,
                    "%s/miniprogd --config %s --runtime-dir %s --state-dir %s 2>%s/second.txt",
                    build ? build : "build/debug", h.config, h.runtime, h.state, h.base);
    int status = system(command);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 1);
    (void) snprintf(command, sizeof command, "grep -q 'another miniprogd' %s/second.txt", h.base);
    assert_int_equal(system(command), 0);
    harness_ok(&h, "List", "{}");
    harness_stop(&h);
}

#define ADOPT(test) cmocka_unit_test_setup_teardown(test, start, end)

int main(void) {
    const struct CMUnitTest tests[] = {
        ADOPT(test_apps_survive_kill_9),
        ADOPT(test_apps_survive_sigusr1),
        ADOPT(test_events_queued_before_are_heard_after),
        ADOPT(test_an_app_that_died_meanwhile_is_recorded),
        ADOPT(test_an_adopted_app_that_ends_is_noticed),
        ADOPT(test_output_goes_on_and_kills_nobody),
        ADOPT(test_a_stop_that_was_cut_short_is_finished),
        ADOPT(test_a_start_that_was_cut_short_is_finished),
        ADOPT(test_a_start_that_nobody_could_note_is_counted),
        ADOPT(test_what_no_state_explains_is_killed),
        ADOPT(test_a_damaged_run_state_is_survived),
        cmocka_unit_test_setup_teardown(test_a_start_waits_for_what_is_left_over, start,
                                        thaw_and_end),
        cmocka_unit_test_setup_teardown(test_what_does_not_go_fails_the_start, start, thaw_and_end),
        ADOPT(test_a_second_daemon_is_refused),
    };
    return cmocka_run_group_tests_name("daemon/adopt", tests, NULL, NULL);
}
