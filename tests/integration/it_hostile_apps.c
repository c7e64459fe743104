/* SPDX-License-Identifier: MIT
 * Apps that cannot start, do not answer, say too much or will not go: each is its own problem, and
 * another app lives its life meanwhile. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "supervisor/base/err.h"
#include "supervisor/base/fs.h"
#include "tests/lib/harness.h"
#include "tests/lib/raw.h"

#define ONE  "org.example.one"
#define GOOD "org.example.good"

static struct harness h;

static int start(void **state) {
    (void) state;
    harness_start(&h,
                  "[lifecycle]\nsuspend_after=300ms\nmax_foreground=2\n"); /* none hides another */
    harness_install(&h, &(struct harness_app){ .id = GOOD, .program = "probe" });
    return 0;
}
static int end(void **state) {
    (void) state;
    harness_clean(&h);
    return 0;
}

/* The well-behaved one: opened, seen ready, hidden, shown, closed. */
static void others_live_on(int times) {
    for (int i = 0; i < times; i++) {
        harness_ok(&h, "Open", "{\"id\":\"" GOOD "\"}");
        harness_ok(&h, "Hide", "{\"id\":\"" GOOD "\"}");
        harness_ok(&h, "Open", "{\"id\":\"" GOOD "\",\"path\":\"%d\"}", i);
        harness_ok(&h, "Close", "{\"id\":\"" GOOD "\"}");
    }
}

static void finish(void) {
    others_live_on(1);
    raw_assert_sound(&h);
    harness_stop(&h);
}

static void rude(const char *manner) {
    harness_install(&h, &(struct harness_app){ .id = ONE, .program = "rude", .argument = manner });
    harness_ok(&h, "Open", "{\"id\":\"" ONE "\"}");
}

static void script(const char *text, const char *ours) {
    harness_install(&h, &(struct harness_app){ .id = ONE, .script = text, .ours = ours });
}

/* Open fails at this stage, with this errno (0: none) and a sentence that has this; the app is
 * stopped again with that reason. */
static void open_fails(const char *stage, int error, const char *text, const char *reason) {
    struct varlink_reply reply;
    harness_call(&h, &reply, "Open", "{\"id\":\"" ONE "\"}");
    assert_non_null(reply.error);
    assert_string_equal(reply.error, "org.miniprog.Supervisor.StartFailed");
    assert_string_equal(json_get_string(reply.parameters, "id", ""), ONE);
    assert_string_equal(json_get_string(reply.parameters, "stage", ""), stage);
    assert_int_equal(json_get_int(reply.parameters, "errno", 0), error);
    const char *detail = json_get_string(reply.parameters, "detail", "");
    if (!strstr(detail, text) || strchr(detail, '\n'))
        fail_msg("'%s' is not in '%s'", text, detail);
    varlink_reply_clear(&reply);
    harness_wait_exit(&h, ONE, reason);
    harness_wait_state(&h, ONE, "stopped", reason);
    harness_assert_state(&h, ONE, "stopped");
}

static void test_never_ready(void **state) {
    (void) state;
    script("exec sleep 1000000", "\"ready\":\"notify\",\"start_timeout\":\"100ms\"");
    open_fails("ready", 0, "", "start_timeout");
    open_fails("ready", 0, "", "start_timeout"); /* again, with nothing left of the first */
    finish();
}

static void test_ends_before_it_is_ready(void **state) {
    (void) state;
    script("exit 3", "\"ready\":\"notify\"");
    open_fails("exited", 0, "", "start_failed");
    script("exit 0", "\"ready\":\"notify\"");
    open_fails("exited", 0, "", "start_failed");
    script("kill -SEGV $$", "\"ready\":\"notify\"");
    open_fails("exited", 0, "", "start_failed");
    finish();
}

static void replace(const char *path, const char *text, mode_t mode) {
    struct err e = { 0 };
    if (fs_replace(AT_FDCWD, path, text, strlen(text), mode, FS_VOLATILE, &e) < 0)
        fail_msg("%s", e.text);
}

/* A package whose program is this file. */
static void program_is(const char *text) {
    char folder[128], path[160];
    harness_make(&h, &(struct harness_app){ .id = ONE }, folder);
    (void) snprintf(path, sizeof path, "%s/bin/run", folder);
    replace(path, text, 0755);
    harness_ok(&h, "Install", "{\"source\":\"%s\",\"unsigned\":true}", folder);
}

/* A package that names a program outside of it. */
static void program_at(const char *where) {
    char folder[128], path[160], text[512];
    harness_make(&h, &(struct harness_app){ .id = ONE }, folder);
    (void) snprintf(path, sizeof path, "%s/manifest.json", folder);
    (void) snprintf(text, sizeof text,
                    "{\"app_id\":\"" ONE "\",\"name\":\"n\",\"version\":{\"code\":1},"
                    "\"miniprog\":{\"exec\":[\"%s\"]}}",
                    where);
    replace(path, text, 0644);
    harness_ok(&h, "Install", "{\"source\":\"%s\",\"unsigned\":true}", folder);
}

static void test_dies_in_exec(void **state) {
    (void) state;
    program_is("#!/no/such/interpreter\n");
    open_fails("exec", ENOENT, "its interpreter is missing", "start_failed");
    program_is("neither a script nor a program\n");
    open_fails("exec", ENOEXEC, "cannot run 'bin/run'", "start_failed");
    program_at("/etc/passwd");
    open_fails("exec", EACCES, "cannot run '/etc/passwd'", "start_failed");
    program_at("/no/such/program");
    open_fails("exec", ENOENT, "cannot run '/no/such/program'", "start_failed");
    program_at("/root/x/y/z"); /* where an app may not look */
    open_fails("exec", EACCES, "cannot run '/root/x/y/z'", "start_failed");
    program_at("no-such-command");
    open_fails("exec", ENOENT, "cannot run 'no-such-command'", "start_failed");
    program_at("/etc");
    open_fails("exec", EACCES, "cannot run '/etc'", "start_failed");
    script("exec sleep 1000000", ""); /* mended */
    harness_ok(&h, "Open", "{\"id\":\"" ONE "\"}");
    assert_int_equal(harness_number(&h, ONE, "cold_starts"), 1); /* of the others nothing ran */
    finish();
}

static void test_will_not_go(void **state) {
    (void) state;
    script("trap '' TERM HUP INT\nwhile :; do sleep 1000; done", "\"stop_timeout\":\"200ms\"");
    harness_ok(&h, "Open", "{\"id\":\"" ONE "\"}");
    pid_t pid = harness_pid(&h, ONE);
    harness_ok(&h, "Close", "{\"id\":\"" ONE "\"}");
    harness_wait_exit(&h, ONE, "closed");
    assert_int_equal(harness_proc_state(pid), 0);
    finish();
}

static void test_stops_itself(void **state) {
    (void) state;
    script("kill -STOP $$", "\"stop_timeout\":\"200ms\"");
    harness_ok(&h, "Open", "{\"id\":\"" ONE "\"}");
    harness_wait_proc_state(harness_pid(&h, ONE), "T");
    others_live_on(1);
    harness_ok(&h, "Close", "{\"id\":\"" ONE "\"}");
    harness_wait_exit(&h, ONE, "closed");
    finish();
}

static void test_closes_its_channel(void **state) {
    (void) state;
    rude("hangup");
    harness_wait_log(&h, ONE, "hung up");
    harness_ok(&h, "Hide", "{\"id\":\"" ONE "\"}");
    harness_wait_state(&h, ONE, "suspended", "timeout");
    harness_ok(&h, "Open", "{\"id\":\"" ONE "\"}");
    harness_ok(&h, "Close", "{\"id\":\"" ONE "\"}"); /* does not listen: SIGTERM at once */
    finish();
}

static void test_sends_what_is_no_message(void **state) {
    (void) state;
    rude("rubbish");
    harness_wait_log(&h, ONE, "cut off");
    harness_ok(&h, "Kill", "{\"id\":\"" ONE "\"}");
    rude("long");
    harness_wait_log(&h, ONE, "cut off");
    harness_assert_state(&h, ONE, "foreground"); /* the connection is lost, not the app */
    assert_true(harness_daemon_said(&h, "[" ONE "] peer"));
    finish();
}

static void test_floods_its_channel(void **state) {
    (void) state;
    rude("flood");
    harness_wait_log(&h, ONE, "full");
    others_live_on(20);
    harness_ok(&h, "Kill", "{\"id\":\"" ONE "\"}");
    rude("busy");
    harness_wait_log(&h, ONE, "busy");
    others_live_on(20);
    finish();
}

static void test_floods_its_notify_socket(void **state) {
    (void) state;
    rude("notify");
    harness_wait_log(&h, ONE, "talking");
    others_live_on(20);
    harness_ok(&h, "Hide", "{\"id\":\"" ONE "\"}");
    harness_wait_state(&h, ONE, "suspended", "timeout");
    finish();
}

static void test_never_reads_its_events(void **state) {
    (void) state;
    char *log = NULL;
    rude("deaf");
    harness_wait_log(&h, ONE, "deaf");
    do {
        free(log);
        for (int i = 0; i < 500; i++)
            harness_ok(&h, "Warn", "{\"level\":5,\"id\":\"" ONE "\"}");
        for (int i = 0; i < 500; i++) {
            struct varlink_reply reply;
            (void) harness_wait_event(&h, ONE, "warned", &reply);
            varlink_reply_clear(&reply);
        }
        log = harness_log(&h, ONE);
    } while (!strstr(log, "cut off"));
    free(log);
    assert_true(harness_daemon_said(&h, "bytes behind, disconnecting it"));
    finish();
}

static off_t size_of(const char *suffix) {
    char path[128];
    struct stat st;
    (void) snprintf(path, sizeof path, "%s/log/" ONE "%s", h.state, suffix);
    return stat(path, &st) == 0 ? st.st_size : 0;
}

static void test_floods_its_output(void **state) {
    (void) state;
    static const char *const manners[] = { "spew", "oneline" };
    for (int i = 0; i < 2; i++) {
        rude(manners[i]);
        others_live_on(3);
        harness_wait_log(&h, ONE, "end of it");
        assert_true(size_of("") + size_of(".1") <= (off_t) 2 * 1024 * 1024); /* log_size is 1M */
        assert_true(size_of(".1") > 0);
        harness_ok(&h, "Close", "{\"id\":\"" ONE "\"}");
        harness_wait_exit(&h, ONE, "closed");
    }
    finish();
}

/* Written to while the daemon is not there: the next one has it, and nobody died of it. */
static void test_floods_its_output_while_nobody_reads(void **state) {
    (void) state;
    rude("spew");
    pid_t pid = harness_pid(&h, ONE);
    (void) harness_signal_and_wait(&h, SIGKILL);
    harness_wait_proc_state(pid, "S"); /* the FIFO is full */
    harness_restart(&h);
    harness_wait_log(&h, ONE, "end of it");
    assert_int_equal(harness_pid(&h, ONE), pid);
    finish();
}

#define APPS(test) cmocka_unit_test_setup_teardown(test, start, end)

int main(void) {
    const struct CMUnitTest tests[] = {
        APPS(test_never_ready),
        APPS(test_ends_before_it_is_ready),
        APPS(test_dies_in_exec),
        APPS(test_will_not_go),
        APPS(test_stops_itself),
        APPS(test_closes_its_channel),
        APPS(test_sends_what_is_no_message),
        APPS(test_floods_its_channel),
        APPS(test_floods_its_notify_socket),
        APPS(test_never_reads_its_events),
        APPS(test_floods_its_output),
        APPS(test_floods_its_output_while_nobody_reads),
    };
    return cmocka_run_group_tests_name("daemon/hostile apps", tests, NULL, NULL);
}
