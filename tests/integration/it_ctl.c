/* SPDX-License-Identifier: MIT
 * it_ctl.c - miniprogctl: what each verb asks, wrong usage, every refusal. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "supervisor/base/str.h"
#include "tests/lib/ctl_scene.h"

#define OURS    "org.miniprog.Supervisor."
#define VARLINK "org.varlink.service."
/* ---- requests ---- */

static const struct {
    const char *args, *method, *parameters;
    const char *reply, *out; /* NULL: {} and silence */
} requests[] = {
    { "list", "List", "{}", "{\"parameters\":{\"apps\":[" SCENE_APP "]}}",
      "org.x\tX\t1.2\tstopped\t-\t-\t" },
    { "status org.x", "Status", "{\"id\":\"org.x\"}", "{\"parameters\":{\"app\":" SCENE_APP "}}",
      "org.x" },
    { "open org.x", "Open", "{\"id\":\"org.x\"}",
      "{\"parameters\":{\"start\":\"cold\",\"pid\":77,\"version_code\":3}}", "cold start in " },
    { "open --query k=v=w org.x pages/a --scene=1011 --query e=", "Open",
      "{\"id\":\"org.x\",\"path\":\"pages/a\",\"query\":{\"k\":\"v=w\",\"e\":\"\"},\"scene\":1011}",
      "{\"parameters\":{\"start\":\"current\",\"pid\":77,\"version_code\":3}}",
      "already in front, pid 77, version 3\n" },
    { "hide org.x", "Hide", "{\"id\":\"org.x\"}", NULL, NULL },
    { "hide --reason 2 org.x", "Hide", "{\"id\":\"org.x\",\"reason\":2}", NULL, NULL },
    { "close org.x", "Close", "{\"id\":\"org.x\"}", NULL, NULL },
    { "kill org.x", "Kill", "{\"id\":\"org.x\"}", NULL, NULL },
    { "install /tmp/../tmp --unsigned", "Install", "{\"source\":\"/tmp\",\"unsigned\":true}",
      "{\"parameters\":{\"id\":\"org.x\",\"version_code\":4,\"pending\":true}}",
      "org.x version 4 is installed; it runs from the next cold start on\n" },
    { "install https://apps.example/x.ma", "Install", "{\"source\":\"https://apps.example/x.ma\"}",
      "{\"parameters\":{\"id\":\"org.x\",\"version_code\":4,\"pending\":false}}",
      "org.x version 4 is installed\n" },
    { "remove org.x", "Remove", "{\"id\":\"org.x\"}", NULL, NULL },
    { "remove org.x --keep-data", "Remove", "{\"id\":\"org.x\",\"keep_data\":true}", NULL, NULL },
    { "check org.x", "CheckUpdate", "{\"id\":\"org.x\"}",
      "{\"parameters\":{\"has_update\":true,\"version_code\":4}}",
      "there is an update: version 4\n" },
    { "check org.x", "CheckUpdate", "{\"id\":\"org.x\"}", "{\"parameters\":{\"has_update\":false}}",
      "there is no update\n" },
    { "apply org.x", "ApplyUpdate", "{\"id\":\"org.x\"}", "{\"parameters\":{\"version_code\":4}}",
      "its version is 4 now\n" },
    { "rollback org.x", "Rollback", "{\"id\":\"org.x\"}", "{\"parameters\":{\"version_code\":3}}",
      "its version is 3 now\n" },
    { "simulate-update org.x failed", "SimulateUpdate", "{\"id\":\"org.x\",\"outcome\":\"failed\"}",
      NULL, NULL },
    { "warn 10", "Warn", "{\"level\":10}", "{\"parameters\":{\"delivered\":2}}",
      "2 apps were warned\n" },
    { "warn critical org.x", "Warn", "{\"level\":15,\"id\":\"org.x\"}",
      "{\"parameters\":{\"delivered\":0}}",
      "no running app has a channel open that it could hear it on\n" },
    { "logs org.x", "Logs", "{\"id\":\"org.x\"}", "{\"parameters\":{\"line\":\"a b\"}}", "a b\n" },
    { "logs -f org.x", "Logs", "{\"id\":\"org.x\",\"follow\":true}",
      "{\"parameters\":{\"line\":\"up\"}}", "up\n" },
    { "watch", "Watch", "{}",
      "{\"parameters\":{\"event\":{\"seq\":1,\"at_usec\":1,\"type\":\"later\"}}}", "later" },
    { "watch org.x", "Watch", "{\"id\":\"org.x\"}",
      "{\"parameters\":{\"event\":{\"seq\":1,\"at_usec\":1,\"type\":\"later\"}}}", "later" },
    { "why org.x", "Why", "{\"id\":\"org.x\"}", "{\"parameters\":{\"decisions\":[]}}", NULL },
    { "answer 3 yes", "Answer", "{\"dialog\":3,\"confirm\":true}", NULL, NULL },
    { "answer 3 no", "Answer", "{\"dialog\":3,\"confirm\":false}", NULL, NULL },
    { "hide -- -x", "Hide", "{\"id\":\"-x\"}", NULL, NULL },
    { "hide a\"b\\", "Hide", "{\"id\":\"a\\\"b\\\\\"}", NULL, NULL },
};

static void test_each_verb_asks_what_the_interface_says(void **state) {
    (void) state;
    for (size_t i = 0; i < sizeof requests / sizeof *requests; i++) {
        const char *const replies[] = { requests[i].reply ? requests[i].reply : "{}", NULL };
        struct scene s = { .args = requests[i].args, .replies = replies };
        struct result r = scene_play(&s);

        assert_string_equal(r.method, requests[i].method);
        assert_string_equal(r.parameters, requests[i].parameters);
        assert_int_equal(r.more, strcmp(r.method, "Logs") == 0 || strcmp(r.method, "Watch") == 0);
        if (r.status != 0)
            fail_msg("'%s' ended with %d: %s", s.args, r.status, r.err);
        if (requests[i].out)
            assert_has(r.out, requests[i].out);
        else
            assert_string_equal(r.out, "");
        result_clear(&r);
    }
}

static void test_a_relative_source_becomes_absolute(void **state) {
    char folder[] = "/tmp/ctl-source-XXXXXX", path[64], want[96];
    const char *const replies[] = {
        "{\"parameters\":{\"id\":\"x\",\"version_code\":1,\"pending\":false}}", NULL
    };
    struct scene s = { .args = "install ./clock", .replies = replies, .cwd = folder };
    struct result r;

    (void) state;
    assert_non_null(mkdtemp(folder));
    (void) snprintf(path, sizeof path, "%s/clock", folder);
    (void) snprintf(want, sizeof want, "{\"source\":\"%s\"}", path);
    assert_int_equal(mkdir(path, 0700), 0);
    r = scene_play(&s);
    assert_int_equal(rmdir(path), 0);
    assert_int_equal(rmdir(folder), 0);
    assert_string_equal(r.parameters, want);
    assert_int_equal(r.status, 0);
    result_clear(&r);
}

/* ---- wrong usage, and nobody there ---- */

static const struct {
    const char *args;
    int status;
    const char *err;
} unasked[] = {
    { "", 2, "miniprogctl: say what to do (see 'miniprogctl --help')\n" },
    { "fly org.x", 2, "there is no verb 'fly'" },
    { "list org.x", 2, "'list' does not take 'org.x'" },
    { "status", 2, "'status' needs more: status ID" },
    { "answer 3", 2, "'answer' needs more: answer N yes|no" },
    { "answer three yes", 2, "N must be a dialog's number, not 'three'" },
    { "answer 3 perhaps", 2, "must be yes or no, not 'perhaps'" },
    { "list --wings", 2, "unknown option '--wings'" },
    { "list -z", 2, "unknown option '-z'" },
    { "list --json=yes", 2, "option '--json' takes no value" },
    { "hide org.x --reason", 2, "option '--reason' needs a value (N)" },
    { "hide org.x --reason 1x", 2, "--reason must be a whole number, not '1x'" },
    { "list --scene 3", 2, "'list' does not take --scene" },
    { "close org.x --unsigned", 2, "'close' does not take --unsigned" },
    { "open org.x --query kv", 2, "--query must be KEY=VALUE, not 'kv'" },
    { "open org.x --query =v", 2, "--query must be KEY=VALUE, not '=v'" },
    { "open org.x --query k=1 --query k=2", 2, "--query names 'k' twice" },
    { "warn 7", 2, "LEVEL must be 5, 10 or 15" },
    { "list --color=blue", 2, "--color must be auto, always or never, not 'blue'" },
    { "hide \xff", 2, "argument 2 is not UTF-8" },
    { "install /nowhere/at/all", 1, "cannot install '/nowhere/at/all': No such file or directory" },
    { "top", 1, "top needs a terminal; for anything else there is memory" },
    { "top --json", 2, "'top' draws a screen" },
    { "list --socket /nowhere/control", 4, "no supervisor listens at '/nowhere/control' (start" },
    { "list --socket /dev/null", 4, "the supervisor at '/dev/null' is gone" },
};

static void test_wrong_usage_and_absence_are_one_sentence(void **state) {
    (void) state;
    for (size_t i = 0; i < sizeof unasked / sizeof *unasked; i++) {
        struct scene s = { .args = unasked[i].args, .no_call = true };
        struct result r = scene_play(&s);

        if (r.status != unasked[i].status)
            fail_msg("'%s' ended with %d: %s", s.args, r.status, r.err);
        assert_has(r.err, unasked[i].err);
        assert_one_sentence(r.err);
        assert_string_equal(r.out, "");
        result_clear(&r);
    }
}

static void test_the_socket_is_found_in_this_order(void **state) {
    static const struct {
        const char *args, *env[3], *socket;
    } rows[] = {
        { "list --socket /a/b", { "MINIPROG_CONTROL=/c/d" }, "'/a/b'" },
        { "list --user", { "MINIPROG_CONTROL=/c/d", "XDG_RUNTIME_DIR=/e" }, "'/c/d'" },
        { "list --user", { "MINIPROG_CONTROL=", "XDG_RUNTIME_DIR=/e" }, "'/e/miniprogd/control'" },
        { "list --user",
          { "MINIPROG_CONTROL=", "XDG_RUNTIME_DIR=" },
          "XDG_RUNTIME_DIR is not set" },
    };

    (void) state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct scene s = { .args = rows[i].args, .no_call = true };
        struct result r;
        for (size_t k = 0; k < 3; k++)
            s.env[k] = rows[i].env[k];
        r = scene_play(&s);
        assert_int_equal(r.status, 4);
        assert_has(r.err, rows[i].socket);
        result_clear(&r);
    }
}

static void test_help_and_version_need_no_daemon(void **state) {
    static const char *const verbs[] = { "list",    "status", "open",  "hide",   "close", "kill",
                                         "install", "remove", "warn",  "logs",   "watch", "why",
                                         "answer",  "pack",   "index", "memory", "top" };
    struct scene s = { .args = "--help", .no_call = true };
    struct result r = scene_play(&s);

    (void) state;
    assert_int_equal(r.status, 0);
    assert_string_equal(r.err, "");
    for (size_t i = 0; i < sizeof verbs / sizeof *verbs; i++) {
        char line[32];
        (void) snprintf(line, sizeof line, "\n  %-7s ", verbs[i]);
        assert_has(r.out, line);
    }
    for (const char *line = r.out; *line; line = strchr(line, '\n') + 1)
        assert_true(strcspn(line, "\n") <= 80);
    result_clear(&r);

    s.args = "open -h";
    r = scene_play(&s);
    assert_int_equal(r.status, 0);
    assert_has(r.out, "usage: miniprogctl open ID [PATH]");
    result_clear(&r);

    s.args = "--version";
    r = scene_play(&s);
    assert_int_equal(r.status, 0);
    assert_string_equal(r.out, "miniprogctl " MINIPROG_VERSION "\n");
    result_clear(&r);
}

/* ---- refusals ---- */

static const struct {
    const char *error, *parameters, *sentence;
} refusals[] = {
    { OURS "NoSuchApp", "{\"id\":\"org.x\"}",
      "miniprogctl: no app 'org.x' is installed (see 'miniprogctl list')\n" },
    { OURS "BadState", "{\"id\":\"a\",\"state\":\"stopped\"}", "'a' does not run" },
    { OURS "BadState", "{\"id\":\"a\",\"state\":\"starting\"}", "'a' is still starting" },
    { OURS "BadState", "{\"id\":\"a\",\"state\":\"stopping\"}", "'a' is just being stopped" },
    { OURS "BadState", "{\"id\":\"a\",\"state\":\"suspended\"}", "while 'a' is suspended" },
    { OURS "BadPackage", "{\"reason\":\"manifest\",\"detail\":\"'exec' is empty\"}",
      "the package's manifest is wrong: 'exec' is empty\n" },
    { OURS "BadPackage", "{\"reason\":\"trust\",\"detail\":\"\"}", "trusted for it\n" },
    { OURS "BadPackage", "{\"reason\":\"gravity\",\"detail\":\"up\"}", "refused (gravity): up\n" },
    { OURS "StartFailed", "{\"id\":\"a\",\"stage\":\"exec\",\"errno\":2,\"detail\":\"bin/clock\"}",
      "the program of 'a' could not be run (No such file or directory): bin/clock\n" },
    { OURS "StartFailed", "{\"id\":\"a\",\"stage\":\"exec\",\"detail\":\"bin/clock\"}",
      "could not be run: bin/clock\n" },
    { OURS "StartFailed", "{\"id\":\"a\",\"stage\":\"fork\",\"errno\":11,\"detail\":\"\"}",
      "no process could be made for 'a' (Resource temporarily unavailable)\n" },
    { OURS "StartFailed", "{\"id\":\"a\",\"stage\":\"ready\",\"detail\":\"10s\"}",
      "'a' was not ready in time: 10s" },
    { OURS "StartFailed", "{\"id\":\"a\",\"stage\":\"exited\",\"detail\":\"status 3\"}",
      "'a' ended before it was ready (see 'miniprogctl logs a'): status 3" },
    { OURS "StartFailed", "{\"id\":\"a\",\"stage\":\"closed\",\"detail\":\"\"}",
      "was closed while" },
    { OURS "StartFailed", "{\"id\":\"a\",\"stage\":\"memory\",\"detail\":\"\"}",
      "not enough free memory" },
    { OURS "StartFailed", "{\"id\":\"a\",\"stage\":\"too_old\",\"detail\":\"\"}",
      "must be updated" },
    { OURS "NoUpdate", "{\"id\":\"a\"}", "there is no update for 'a'" },
    { OURS "NoSuchDialog", "{\"dialog\":3}", "no dialog 3 is open" },
    { OURS "Busy", "{\"detail\":\"it is being updated\"}", "busy, try again: it is being updated" },
    { OURS "Storage", "{\"detail\":\"disk full\"}", "could not store it: disk full" },
    { OURS "NotPermitted", "{\"detail\":\"root only\"}", "does not permit this: root only" },
    { VARLINK "InterfaceNotFound", "{\"interface\":\"org.y\"}", "does not know 'org.y'" },
    { VARLINK "MethodNotFound", "{\"method\":\"Fly\"}", "does not know 'Fly'" },
    { VARLINK "MethodNotImplemented", "{\"method\":\"Fly\"}", "cannot do 'Fly' yet" },
    { VARLINK "InvalidParameter", "{\"parameter\":\"id\"}", "refused the value of 'id'" },
    { VARLINK "PermissionDenied", "{}", "does not let you" },
    { VARLINK "ExpectedMore", "{}", "only as a stream" },
};

static void test_each_error_has_its_sentence(void **state) {
    static const char *const verbs[] = { "status a", "status a --json", "logs a" };

    (void) state;
    for (size_t i = 0; i < sizeof refusals / sizeof *refusals; i++)
        for (size_t k = 0; k < sizeof verbs / sizeof *verbs; k++) {
            char text[512];
            const char *const replies[] = { text, NULL };
            struct scene s = { .args = verbs[k], .replies = replies };
            struct result r;

            (void) snprintf(text, sizeof text, "{\"error\":\"%s\",\"parameters\":%s}",
                            refusals[i].error, refusals[i].parameters);
            r = scene_play(&s);
            assert_int_equal(r.status, 1);
            assert_has(r.err, refusals[i].sentence);
            assert_one_sentence(r.err);
            assert_string_equal(r.out, "");
            result_clear(&r);
        }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_verb_asks_what_the_interface_says),
        cmocka_unit_test(test_a_relative_source_becomes_absolute),
        cmocka_unit_test(test_wrong_usage_and_absence_are_one_sentence),
        cmocka_unit_test(test_the_socket_is_found_in_this_order),
        cmocka_unit_test(test_help_and_version_need_no_daemon),
        cmocka_unit_test(test_each_error_has_its_sentence),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
