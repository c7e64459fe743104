/* SPDX-License-Identifier: MIT
 * What Install does to an app that is there: replaces, refuses to go back, waits for a live one;
 * and ids that look like the kernel's file names. And what Remove leaves. */
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
#include "tests/lib/harness.h"
#include "tests/lib/raw.h"

#define ONE          "org.example.one"
#define TWO          "org.example.two"
#define COUNT(array) (sizeof(array) / sizeof(array)[0])

/* Says which version it is, by its own file and by the environment, and lives on. */
#define TELL(name) "echo " name " $MINIPROG_VERSION\nexec sleep 1000000"

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

static void finish(void) {
    raw_assert_sound(&h);
    harness_stop(&h);
}

/* Installs it, and holds the reply against what is expected. */
static void install(int code, const char *script, bool pending) {
    char folder[128];
    struct varlink_reply reply;
    harness_make(&h, &(struct harness_app){ .id = ONE, .code = code, .script = script }, folder);
    harness_call(&h, &reply, "Install", "{\"source\":\"%s\",\"unsigned\":true}", folder);
    if (reply.error)
        fail_msg("%s: %s", reply.error, json_get_string(reply.parameters, "detail", ""));
    assert_string_equal(json_get_string(reply.parameters, "id", ""), ONE);
    assert_int_equal(json_get_int(reply.parameters, "version_code", 0), code);
    assert_int_equal(json_get_bool(reply.parameters, "pending", !pending), pending);
    varlink_reply_clear(&reply);
}

static void is_refused(int code, const char *reason) {
    char folder[128];
    struct varlink_reply reply;
    harness_make(&h, &(struct harness_app){ .id = ONE, .code = code }, folder);
    harness_call(&h, &reply, "Install", "{\"source\":\"%s\",\"unsigned\":true}", folder);
    assert_non_null(reply.error);
    assert_string_equal(json_get_string(reply.parameters, "reason", ""), reason);
    varlink_reply_clear(&reply);
}

static void assert_versions(int64_t current, int64_t pending, int64_t previous) {
    assert_int_equal(harness_number(&h, ONE, "version_code"), current);
    assert_int_equal(harness_number(&h, ONE, "pending_version"), pending);
    assert_int_equal(harness_number(&h, ONE, "previous_version"), previous);
}

static void restart_daemon(void) {
    (void) harness_signal_and_wait(&h, SIGKILL);
    harness_restart(&h);
}

static void test_a_stopped_app_has_it_at_once(void **state) {
    (void) state;
    install(3, TELL("three"), false);
    assert_versions(3, -1, -1);
    uid_t uid = raw_app_uid(&h, ONE);
    install(4, TELL("four"), false);
    assert_versions(4, -1, 3);
    assert_int_equal(raw_app_uid(&h, ONE), uid);
    harness_ok(&h, "Open", "{\"id\":\"" ONE "\"}");
    harness_wait_log(&h, ONE, "four 4");
    finish();
}

static void test_a_lower_version_is_refused(void **state) {
    (void) state;
    install(3, TELL("three"), false);
    is_refused(2, "downgrade");
    assert_versions(3, -1, -1);
    harness_ok(&h, "Open", "{\"id\":\"" ONE "\"}");
    is_refused(2, "downgrade");
    assert_versions(3, -1, -1);
    restart_daemon();
    is_refused(1, "downgrade");
    harness_ok(&h, "Remove", "{\"id\":\"" ONE "\"}");
    install(1, TELL("one"), false); /* removed is forgotten */
    finish();
}

static void test_the_same_version_replaces(void **state) {
    (void) state;
    install(3, TELL("first"), false);
    install(3, TELL("second"), false);
    assert_int_equal(harness_number(&h, ONE, "version_code"), 3);
    harness_ok(&h, "Open", "{\"id\":\"" ONE "\"}");
    harness_wait_log(&h, ONE, "second 3");
    install(3, TELL("second"), false); /* byte for byte what runs: nothing is pending */
    install(3, TELL("third"), true);
    assert_int_equal(harness_number(&h, ONE, "pending_version"), 3);
    harness_ok(&h, "Close", "{\"id\":\"" ONE "\"}");
    harness_ok(&h, "Open", "{\"id\":\"" ONE "\"}");
    harness_wait_log(&h, ONE, "third 3");
    finish();
}

/* What runs goes on with its own files; the next cold start has the new ones. */
static void test_a_live_app_has_it_at_its_next_cold_start(void **state) {
    (void) state;
    install(1,
            "echo one $MINIPROG_VERSION\ntrap 'cat bin/run; exit 0' TERM\n"
            "while :; do sleep 1000 & wait; done",
            false);
    harness_ok(&h, "Open", "{\"id\":\"" ONE "\"}");
    harness_wait_log(&h, ONE, "one 1");
    pid_t pid = harness_pid(&h, ONE);
    install(2, TELL("two"), true);
    install(3, TELL("three"), true); /* takes two's place */
    assert_versions(1, 3, -1);
    assert_int_equal(harness_pid(&h, ONE), pid);
    harness_ok(&h, "Hide", "{\"id\":\"" ONE "\"}");
    harness_wait_state(&h, ONE, "suspended", "timeout");
    harness_ok(&h, "Open", "{\"id\":\"" ONE "\"}"); /* hot: still the old one */
    assert_versions(1, 3, -1);
    restart_daemon();
    assert_versions(1, 3, -1);
    harness_ok(&h, "Close", "{\"id\":\"" ONE "\"}");
    char *log = harness_log(&h, ONE);
    assert_non_null(strstr(log, "trap 'cat bin/run")); /* its own file, in its own version */
    free(log);
    assert_versions(1, 3, -1);
    struct varlink_reply reply;
    harness_call(&h, &reply, "Open", "{\"id\":\"" ONE "\"}");
    assert_int_equal(json_get_int(reply.parameters, "version_code", 0), 3);
    varlink_reply_clear(&reply);
    harness_wait_log(&h, ONE, "three 3");
    assert_versions(3, -1, 1);
    restart_daemon();
    assert_versions(3, -1, 1);
    finish();
}

static void test_a_refused_package_leaves_the_pending_one(void **state) {
    (void) state;
    install(1, TELL("one"), false);
    harness_ok(&h, "Open", "{\"id\":\"" ONE "\"}");
    install(2, TELL("two"), true);
    harness_error(&h, "BadPackage", "Install",
                  "{\"source\":\"/no/such/folder\",\"unsigned\":true}");
    assert_versions(1, 2, -1);
    finish();
}

/* An id is a name in the cgroup trees, in the runtime folder and in the state folder. */
static void test_ids_that_look_like_files(void **state) {
    (void) state;
    static const char *const ids[] = {
        "tasks",
        "cgroup.procs",
        "cgroup.kill",
        "memory.max",
        "pids.max",
        "notify",
        "control",
        "state",
        "lock",
        "apps",
        "anchor",
        "supervisor",
        "app-x",
        "staging",
        "trash",
        "log",
        "tmp",
        "state.tmp",
        "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa.bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb",
    };
    harness_write_config(&h, "[lifecycle]\nmax_warm=0\nsuspend_after=100ms\n");
    harness_signal(&h, SIGHUP);
    for (size_t i = 0; i < COUNT(ids); i++) {
        harness_install(&h, &(struct harness_app){ .id = ids[i], .script = TELL("up") });
        harness_ok(&h, "Open", "{\"id\":\"%s\"}", ids[i]);
        harness_wait_log(&h, ids[i], "up 1");
        harness_ok(&h, "Hide", "{\"id\":\"%s\"}", ids[i]);
        harness_wait_state(&h, ids[i], "suspended", "timeout");
    }
    restart_daemon();
    for (size_t i = 0; i < COUNT(ids); i++) {
        harness_assert_state(&h, ids[i], "suspended");
        harness_ok(&h, "Open", "{\"id\":\"%s\"}", ids[i]);
    }
    harness_ok(&h, "Remove", "{\"id\":\"tasks\"}");
    harness_ok(&h, "Remove", "{\"id\":\"cgroup.procs\"}");
    finish();
}

/* They are taken one after the other; a caller that leaves cancels nothing. */
static void test_many_at_once(void **state) {
    (void) state;
    struct client *c[10];
    char folder[128], id[32];
    struct err e = { 0 };
    for (int i = 0; i < 10; i++) {
        (void) snprintf(id, sizeof id, "org.example.n%d", i / 2);
        if (i % 2 == 0)
            harness_make(&h, &(struct harness_app){ .id = id, .code = 1 }, folder);
        c[i] = harness_send(&h, "Install", false, "{\"source\":\"%s\",\"unsigned\":true}", folder);
    }
    client_close(c[9]);
    for (int i = 0; i < 9; i++) {
        struct varlink_reply reply;
        if (client_receive(c[i], HARNESS_PATIENCE_MS, &reply, &e) < 0)
            fail_msg("%s", e.text);
        assert_null(reply.error);
        varlink_reply_clear(&reply);
        client_close(c[i]);
    }
    for (int i = 0; i < 5; i++) {
        (void) snprintf(id, sizeof id, "org.example.n%d", i);
        harness_assert_state(&h, id, "stopped");
    }
    finish();
}

/* A start that waits for the disk to know of the new version, and a Remove behind it. */
static void test_remove_waits_for_what_is_written(void **state) {
    (void) state;
    struct client *c[2];
    struct varlink_reply reply;
    struct err e = { 0 };
    install(1, TELL("first"), false);
    harness_ok(&h, "Open", "{\"id\":\"" ONE "\"}");
    install(2, TELL("second"), true);
    harness_ok(&h, "Close", "{\"id\":\"" ONE "\"}");
    c[0] = harness_send(&h, "Open", false, "{\"id\":\"" ONE "\"}");
    c[1] = harness_send(&h, "Remove", false, "{\"id\":\"" ONE "\"}");
    for (int i = 0; i < 2; i++) {
        if (client_receive(c[i], HARNESS_PATIENCE_MS, &reply, &e) < 0)
            fail_msg("%s", e.text);
        if (i == 1 && reply.error)
            fail_msg("%s", json_get_string(reply.parameters, "detail", reply.error));
        varlink_reply_clear(&reply);
        client_close(c[i]);
    }
    harness_error(&h, "NoSuchApp", "Status", "{\"id\":\"" ONE "\"}");
    finish();
}

static void test_remove_keeps_data_when_asked(void **state) {
    (void) state;
    char data[128], file[160];
    struct stat st;
    harness_install(
        &h, &(struct harness_app){ .id = ONE,
                                   .script = "echo mine >$MINIPROG_DATA/file\necho done\nexec "
                                             "sleep 1000000" });
    harness_ok(&h, "Open", "{\"id\":\"" ONE "\"}");
    harness_wait_log(&h, ONE, "done");
    uid_t uid = raw_app_uid(&h, ONE);
    (void) snprintf(data, sizeof data, "%s/apps/" ONE "/data", h.state);
    (void) snprintf(file, sizeof file, "%s/file", data);
    harness_ok(&h, "Remove", "{\"id\":\"" ONE "\",\"keep_data\":true}");
    assert_int_equal(stat(file, &st), 0);
    assert_int_equal(st.st_uid, uid);
    harness_error(&h, "NoSuchApp", "Status", "{\"id\":\"" ONE "\"}");

    harness_install(&h, &(struct harness_app){ .id = TWO });
    assert_int_not_equal(raw_app_uid(&h, TWO), uid); /* in use as long as its data are there */
    (void) harness_signal_and_wait(&h, SIGTERM);
    harness_restart(&h);
    harness_install(&h, &(struct harness_app){ .id = "org.example.three" });
    assert_int_not_equal(raw_app_uid(&h, "org.example.three"), uid);

    harness_install(&h, &(struct harness_app){ .id = ONE, .script = "cat $MINIPROG_DATA/file" });
    assert_int_equal(raw_app_uid(&h, ONE), uid);
    harness_ok(&h, "Open", "{\"id\":\"" ONE "\"}");
    harness_wait_log(&h, ONE, "mine");
    harness_ok(&h, "Remove", "{\"id\":\"" ONE "\"}");
    assert_int_equal(stat(data, &st), -1);
    finish();
}

#define INSTALL(test) cmocka_unit_test_setup_teardown(test, start, end)

int main(void) {
    const struct CMUnitTest tests[] = {
        INSTALL(test_a_stopped_app_has_it_at_once),
        INSTALL(test_a_lower_version_is_refused),
        INSTALL(test_the_same_version_replaces),
        INSTALL(test_a_live_app_has_it_at_its_next_cold_start),
        INSTALL(test_a_refused_package_leaves_the_pending_one),
        INSTALL(test_ids_that_look_like_files),
        INSTALL(test_many_at_once),
        INSTALL(test_remove_waits_for_what_is_written),
        INSTALL(test_remove_keeps_data_when_asked),
    };
    return cmocka_run_group_tests_name("daemon/install", tests, NULL, NULL);
}
