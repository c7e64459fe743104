/* SPDX-License-Identifier: MIT
 * The life of an app on a real daemon and real processes: every row of the design's table. */
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
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

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

static void open_app(const char *id, const char *path) {
    if (path)
        harness_ok(&h, "Open", "{\"id\":\"%s\",\"path\":\"%s\"}", id, path);
    else
        harness_ok(&h, "Open", "{\"id\":\"%s\"}", id);
}

static void opens_as(const char *id, const char *start_kind) {
    struct varlink_reply reply;
    harness_call(&h, &reply, "Open", "{\"id\":\"%s\"}", id);
    assert_null(reply.error);
    assert_string_equal(json_get_string(reply.parameters, "start", ""), start_kind);
    assert_int_equal(json_get_int(reply.parameters, "version_code", 0), 1);
    varlink_reply_clear(&reply);
}

static void test_a_whole_life(void **state) {
    (void) state;
    probe(ONE, "", "\"ready\":\"notify\"");
    opens_as(ONE, "cold");
    harness_wait_state(&h, ONE, "starting", "open");
    harness_wait_state(&h, ONE, "foreground", "ready");
    pid_t pid = harness_pid(&h, ONE);
    opens_as(ONE, "current");

    harness_ok(&h, "Hide", "{\"id\":\"" ONE "\"}");
    harness_wait_state(&h, ONE, "background", "hide");
    harness_wait_state(&h, ONE, "suspended", "timeout");
    harness_wait_proc_state(pid, "T");

    opens_as(ONE, "hot");
    harness_wait_state(&h, ONE, "foreground", "open");
    harness_wait_proc_state(pid, "SR");
    assert_int_equal(harness_pid(&h, ONE), pid);
    assert_int_equal(harness_number(&h, ONE, "cold_starts"), 1);
    assert_int_equal(harness_number(&h, ONE, "hot_starts"), 1);

    harness_ok(&h, "Close", "{\"id\":\"" ONE "\"}");
    harness_wait_state(&h, ONE, "stopping", "closed");
    harness_wait_exit(&h, ONE, "closed");
    harness_wait_state(&h, ONE, "stopped", "closed");
    assert_int_equal(harness_proc_state(pid), 0);

    char *log = harness_log(&h, ONE);
    static const char *const order[] = { ("up " ONE),    "launch pages/index", "show pages/index",
                                         "hide 0",       "warning 5 suspend",  "show pages/index",
                                         "unload closed" };
    const char *at = log;
    for (size_t i = 0; i < sizeof order / sizeof order[0]; i++) {
        at = strstr(at, order[i]);
        if (!at)
            fail_msg("'%s' is missing or out of order in:\n%s", order[i], log);
        at += strlen(order[i]);
    }
    free(log);
    harness_stop(&h);
}

/* A process that says that it hangs, and ends: both are there before the daemon looks at either. */
static void test_last_words_are_heard_before_the_end(void **state) {
    static const char words[] = "WATCHDOG=trigger";
    struct sockaddr_un to = { .sun_family = AF_UNIX };

    (void) state;
    probe(ONE, "", "");
    open_app(ONE, NULL);
    pid_t pid = harness_pid(&h, ONE);
    (void) snprintf(to.sun_path, sizeof to.sun_path, "%s/apps/" ONE "/notify", h.runtime);
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    assert_int_equal(kill(h.daemon, SIGSTOP), 0);
    harness_wait_proc_state(h.daemon, "T");
    ssize_t n = sendto(fd, words, sizeof words - 1, 0, (struct sockaddr *) &to, sizeof to);
    (void) kill(pid, SIGKILL);
    harness_wait_proc_state(pid, "Z");
    (void) kill(h.daemon, SIGCONT);
    (void) close(fd);
    assert_int_equal(n, sizeof words - 1);
    harness_wait_exit(&h, ONE, "unresponsive");
    harness_stop(&h);
}

static void test_another_app_comes_in_front(void **state) {
    (void) state;
    probe(ONE, "", "");
    probe(TWO, "", "");
    open_app(ONE, NULL);
    open_app(TWO, NULL);
    harness_wait_state(&h, ONE, "background", "other_app");
    harness_wait_log(&h, ONE, "hide 1");
    harness_assert_state(&h, TWO, "foreground");
    harness_stop(&h);
}

static void test_a_path_is_delivered_by_show(void **state) {
    (void) state;
    probe(ONE, "", "");
    open_app(ONE, "first");
    harness_wait_log(&h, ONE, "launch first");
    open_app(ONE, "second");
    harness_wait_log(&h, ONE, "show second");
    harness_ok(&h, "Hide", "{\"id\":\"" ONE "\"}");
    harness_wait_state(&h, ONE, "suspended", "timeout");
    open_app(ONE, "third");
    harness_wait_log(&h, ONE, "show third");
    open_app(ONE, "!info");
    harness_wait_log(
        &h, ONE, "info id=" ONE " version=1 start=hot launch=first enter=!info scene=1001 state=-");
    harness_stop(&h);
}

static void test_destroyed_after_too_long(void **state) {
    (void) state;
    harness_write_config(&h, "[lifecycle]\nsuspend_after=100ms\ndestroy_after=200ms\n"
                             "stop_timeout=60s\n"); /* for its last words */
    harness_signal(&h, SIGHUP);
    probe(ONE, "", "");
    open_app(ONE, NULL);
    harness_ok(&h, "Hide", "{\"id\":\"" ONE "\"}");
    harness_wait_state(&h, ONE, "stopping", "background_timeout");
    harness_wait_exit(&h, ONE, "background_timeout");
    harness_wait_log(&h, ONE, "unload background_timeout");
    harness_stop(&h);
}

static void test_crashes_are_told_apart(void **state) {
    (void) state;
    struct varlink_reply reply;
    probe(ONE, "", "");
    open_app(ONE, "!segv");
    const struct json *exit = json_get(harness_wait_event(&h, ONE, "exit", &reply), "exit");
    assert_string_equal(json_get_string(exit, "reason", ""), "crashed");
    assert_int_equal(json_get_int(exit, "signal", 0), SIGSEGV);
    assert_non_null(strstr(json_get_string(exit, "message", ""), "SIGSEGV"));
    varlink_reply_clear(&reply);

    open_app(ONE, "!exit 3");
    exit = json_get(harness_wait_event(&h, ONE, "exit", &reply), "exit");
    assert_string_equal(json_get_string(exit, "reason", ""), "crashed");
    assert_int_equal(json_get_int(exit, "status", -1), 3);
    varlink_reply_clear(&reply);

    open_app(ONE, "!exit 0");
    harness_wait_exit(&h, ONE, "exited");
    open_app(ONE, "!quit");
    harness_wait_exit(&h, ONE, "exited");
    harness_stop(&h);
}

/* What the spawn lane waits for cannot be made: it is told, nothing ran, and nobody waits on. */
static void test_a_start_that_cannot_be_prepared(void **state) {
    (void) state;
    char in_the_way[80];
    struct varlink_reply reply;
    probe(ONE, "", "");
    (void) snprintf(in_the_way, sizeof in_the_way, "%s/output/" ONE, h.runtime);
    assert_int_equal(mkdir(in_the_way, 0700), 0);
    for (int i = 0; i < 2; i++) {
        harness_error(&h, "StartFailed", "Open", "{\"id\":\"" ONE "\"}");
        harness_wait_exit(&h, ONE, "start_failed");
        harness_wait_state(&h, ONE, "stopped", "start_failed");
    }
    assert_int_equal(rmdir(in_the_way), 0);
    opens_as(ONE, "cold");
    harness_call(&h, &reply, "Status", "{\"id\":\"" ONE "\"}");
    const struct json *app = json_get(reply.parameters, "app");
    assert_int_equal(json_get_int(app, "cold_starts", -1), 1);
    varlink_reply_clear(&reply);
    harness_stop(&h);
}

static void test_restart_reopens_what_was_in_front(void **state) {
    (void) state;
    probe(ONE, "", "");
    open_app(ONE, "!restart again");
    harness_wait_exit(&h, ONE, "restart");
    harness_wait_state(&h, ONE, "foreground", "ready");
    harness_wait_log(&h, ONE, "launch again");
    harness_stop(&h);
}

static void test_kill_is_at_once(void **state) {
    (void) state;
    probe(ONE, "stubborn,child", "");
    open_app(ONE, NULL);
    harness_wait_log(&h, ONE, "show");
    pid_t pid = harness_pid(&h, ONE);
    harness_ok(&h, "Kill", "{\"id\":\"" ONE "\"}");
    harness_wait_exit(&h, ONE, "killed");
    assert_int_equal(harness_proc_state(pid), 0);
    harness_ok(&h, "Kill", "{\"id\":\"" ONE "\"}");
    harness_ok(&h, "Close", "{\"id\":\"" ONE "\"}");
    harness_stop(&h);
}

static void test_a_stubborn_app_is_killed_in_the_end(void **state) {
    (void) state;
    probe(ONE, "stubborn,child", "\"stop_timeout\":\"200ms\"");
    open_app(ONE, NULL);
    harness_wait_log(&h, ONE, "show");
    harness_ok(&h, "Close", "{\"id\":\"" ONE "\"}");
    harness_wait_exit(&h, ONE, "closed");
    harness_stop(&h);
}

/* The main process ends, its child lives on in a session of its own and ignores SIGTERM. */
static void test_children_that_outlive_the_main_process(void **state) {
    (void) state;
    probe(ONE, "child", "\"stop_timeout\":\"200ms\"");
    open_app(ONE, "!exit 0");
    harness_wait_state(&h, ONE, "stopping", "exited");
    harness_wait_exit(&h, ONE, "exited");
    harness_wait_state(&h, ONE, "stopped", "exited");
    harness_stop(&h);
}

static void test_an_app_that_knows_nothing_of_us(void **state) {
    (void) state;
    harness_install(
        &h, &(struct harness_app){
                .id = ONE,
                .script = "trap 'echo bye; exit 0' TERM\necho hello\nwhile :; do sleep 1; done" });
    opens_as(ONE, "cold");
    harness_wait_log(&h, ONE, "hello");
    pid_t pid = harness_pid(&h, ONE);
    harness_ok(&h, "Hide", "{\"id\":\"" ONE "\"}");
    harness_wait_state(&h, ONE, "suspended", "timeout");
    harness_wait_proc_state(pid, "T");
    harness_ok(&h, "Close", "{\"id\":\"" ONE "\"}");
    harness_wait_log(&h, ONE, "bye"); /* it may still be on its way into the log */
    harness_stop(&h);
}

static void test_warm_limit_takes_the_least_recently_used(void **state) {
    (void) state;
    harness_write_config(&h, "[lifecycle]\nsuspend_after=0\nmax_warm=1\n");
    harness_signal(&h, SIGHUP);
    probe(ONE, "", "");
    probe(TWO, "", "");
    probe(THREE, "", "");
    open_app(ONE, NULL);
    open_app(TWO, NULL);
    open_app(THREE, NULL);
    harness_wait_exit(&h, ONE, "warm_limit");
    harness_assert_state(&h, TWO, "background");

    struct varlink_reply reply;
    harness_call(&h, &reply, "Why", "{\"id\":\"" ONE "\"}");
    const struct json *decision = json_first(json_get(reply.parameters, "decisions"));
    assert_string_equal(json_get_string(decision, "action", ""), "evict");
    varlink_reply_clear(&reply);
    harness_stop(&h);
}

static void test_a_reason_to_run_on(void **state) {
    (void) state;
    probe(ONE, "", "\"background\":[\"audio\"]");
    open_app(ONE, "!keep location");
    harness_wait_log(&h, ONE, "done keep -13"); /* not declared */
    open_app(ONE, "!keep audio");
    harness_wait_log(&h, ONE, "done keep 0");
    pid_t pid = harness_pid(&h, ONE);
    harness_ok(&h, "Hide", "{\"id\":\"" ONE "\"}");
    harness_wait_state(&h, ONE, "background", "hide");

    /* Another one, hidden later without a reason, is suspended; this one never was. */
    probe(TWO, "", "");
    open_app(TWO, NULL);
    harness_ok(&h, "Hide", "{\"id\":\"" TWO "\"}");
    harness_wait_state(&h, TWO, "suspended", "timeout");
    harness_assert_state(&h, ONE, "background");
    assert_int_not_equal(harness_proc_state(pid), 'T');
    harness_stop(&h);
}

static void test_exit_state_is_for_the_next_cold_run(void **state) {
    (void) state;
    probe(ONE, "", "");
    open_app(ONE, "!save hello");
    harness_wait_log(&h, ONE, "done save 0");
    open_app(ONE, "!exit 1");
    harness_wait_exit(&h, ONE, "crashed");
    open_app(ONE, "!info");
    harness_wait_log(&h, ONE, "state={\"text\":\"hello\"}");
    harness_ok(&h, "Close", "{\"id\":\"" ONE "\"}");
    open_app(ONE, "!info");
    harness_wait_log(&h, ONE, "start=cold launch=!info enter=!info scene=1001 state=-");
    harness_stop(&h);
}

/* Its last words are in the socket when its end is seen. */
static void test_what_an_app_says_last_counts(void **state) {
    (void) state;
    probe(ONE, "", "");
    for (int i = 0; i < 20; i++) {
        char want[64];
        harness_ok(&h, "Open", "{\"id\":\"" ONE "\",\"path\":\"!last word %d\"}", i);
        harness_wait_exit(&h, ONE, "exited");
        open_app(ONE, "!info");
        (void) snprintf(want, sizeof want, "state={\"text\":\"word %d\"}", i);
        harness_wait_log(&h, ONE, want);
        harness_ok(&h, "Kill", "{\"id\":\"" ONE "\"}");
        harness_wait_exit(&h, ONE, "killed");
    }
    harness_stop(&h);
}

static void test_warn_reaches_running_apps_only(void **state) {
    (void) state;
    struct varlink_reply reply;
    probe(ONE, "", "");
    probe(TWO, "", "");
    open_app(ONE, NULL);
    harness_wait_log(&h, ONE, "show");
    harness_ok(&h, "Hide", "{\"id\":\"" ONE "\"}");
    harness_wait_state(&h, ONE, "suspended", "timeout");
    open_app(TWO, NULL);
    harness_wait_log(&h, TWO, "show");
    harness_call(&h, &reply, "Warn", "{\"level\":10}");
    assert_int_equal(json_get_int(reply.parameters, "delivered", -1), 1);
    varlink_reply_clear(&reply);
    harness_wait_log(&h, TWO, "warning 10 test");
    harness_error(&h, "org.varlink.service.InvalidParameter", "Warn", "{\"level\":7}");
    harness_stop(&h);
}

static void test_dialogs(void **state) {
    (void) state;
    struct varlink_reply reply;
    probe(ONE, "", "");
    open_app(ONE, "!dialog");
    const struct json *dialog = json_get(harness_wait_event(&h, ONE, "dialog", &reply), "dialog");
    int64_t n = json_get_int(dialog, "dialog", 0);
    assert_string_equal(json_get_string(dialog, "title", ""), "question");
    varlink_reply_clear(&reply);
    assert_int_equal(harness_number(&h, ONE, "dialog"), n);
    harness_ok(&h, "Answer", "{\"dialog\":%d,\"confirm\":true}", (int) n);
    harness_wait_log(&h, ONE, "answer 0 yes");
    harness_error(&h, "NoSuchDialog", "Answer", "{\"dialog\":%d,\"confirm\":true}", (int) n);
    harness_stop(&h);
}

static void test_pages_and_host_updates_reach_watchers(void **state) {
    (void) state;
    struct varlink_reply reply;
    probe(ONE, "", "");
    open_app(ONE, "!page");
    const struct json *page = json_get(harness_wait_event(&h, ONE, "page", &reply), "page");
    assert_string_equal(json_get_string(page, "path", ""), "pages/index");
    assert_int_equal(json_get_int(json_get(page, "data"), "n", 0), 1);
    varlink_reply_clear(&reply);
    open_app(ONE, "!host");
    const struct json *host =
        json_get(harness_wait_event(&h, ONE, "host_update", &reply), "host_update");
    assert_string_equal(json_get_string(host, "reason", ""), "too old");
    varlink_reply_clear(&reply);
    harness_stop(&h);
}

static void test_home_comes_back(void **state) {
    (void) state;
    probe(ONE, "", "");
    harness_write_config(&h, "[lifecycle]\nhome=" ONE "\n");
    harness_signal(&h, SIGHUP);
    harness_wait_state(&h, ONE, "foreground", "ready");
    harness_ok(&h, "Kill", "{\"id\":\"" ONE "\"}");
    harness_wait_state(&h, ONE, "stopped", "killed");
    harness_wait_state(&h, ONE, "foreground", "ready");
    harness_stop(&h);
}

#define LIFE(test) cmocka_unit_test_setup_teardown(test, start, end)

int main(void) {
    const struct CMUnitTest tests[] = {
        LIFE(test_a_whole_life),
        LIFE(test_last_words_are_heard_before_the_end),
        LIFE(test_another_app_comes_in_front),
        LIFE(test_a_path_is_delivered_by_show),
        LIFE(test_destroyed_after_too_long),
        LIFE(test_crashes_are_told_apart),
        LIFE(test_a_start_that_cannot_be_prepared),
        LIFE(test_restart_reopens_what_was_in_front),
        LIFE(test_kill_is_at_once),
        LIFE(test_a_stubborn_app_is_killed_in_the_end),
        LIFE(test_children_that_outlive_the_main_process),
        LIFE(test_an_app_that_knows_nothing_of_us),
        LIFE(test_warm_limit_takes_the_least_recently_used),
        LIFE(test_a_reason_to_run_on),
        LIFE(test_exit_state_is_for_the_next_cold_run),
        LIFE(test_what_an_app_says_last_counts),
        LIFE(test_warn_reaches_running_apps_only),
        LIFE(test_dialogs),
        LIFE(test_pages_and_host_updates_reach_watchers),
        LIFE(test_home_comes_back),
    };
    return cmocka_run_group_tests_name("daemon/life", tests, NULL, NULL);
}
