/* SPDX-License-Identifier: MIT
 * The wx API from JavaScript, on the real supervisor: each row of the table is tried by
 * tests/integration/js/api, which says "ok PATH" and asks for what only the outside can do. */
#include "tests/integration/js_kit.h"

#define API "org.example.api-js"

static struct harness h;

static int end(void **state) {
    (void) state;
    js_clean(&h, API);
    return 0;
}

static void wait_for(const char *what) {
    char line[128];
    (void) snprintf(line, sizeof line, "please %s", what);
    harness_wait_log(&h, API, line);
}

static void check_dialogs(void) {
    char content[2048];

    wait_for("answer yes");
    js_answer(&h, API, true, content);
    /* Cut to fit, by whole characters, in one line. */
    assert_memory_equal(content, "TTTTTTTTTT", 10);
    assert_non_null(strstr(content, "…|line line line"));
    assert_null(strchr(content, '\n'));
    wait_for("answer no");
    js_answer(&h, API, false, content);
    assert_string_equal(content, "no|");
}

/* Reports of pages come before and after it. */
static void check_toast(void) {
    struct varlink_reply reply;

    for (;;) {
        const struct json *event = harness_wait_event(&h, API, "page", &reply);
        const struct json *page = json_get(event, "page");
        const struct json *toast = json_get(json_get(page, "data"), "toast");
        bool found = toast != NULL;
        if (found) {
            assert_string_equal(json_get_string(page, "path", ""), "pages/index");
            assert_string_equal(json_get_string(toast, "title", ""), "hello");
            assert_string_equal(json_get_string(toast, "icon", ""), "none");
            assert_int_equal(json_get_int(toast, "duration", 0), 10);
        }
        varlink_reply_clear(&reply);
        if (found)
            return;
    }
}

static void hide_and_open(const char *what) {
    wait_for(what);
    harness_ok(&h, "Hide", "{\"id\":\"" API "\",\"reason\":2}");
    harness_wait_state(&h, API, "background", "hide");
    js_open(&h, API);
}

static void play(void) {
    harness_ok(&h, "Open", "{\"id\":\"" API "\",\"query\":{\"first\":\"yes\"}}");
    check_dialogs();
    check_toast();
    wait_for("fail an update");
    harness_ok(&h, "SimulateUpdate", "{\"id\":\"" API "\",\"outcome\":\"failed\"}");
    wait_for("warn");
    harness_ok(&h, "Warn", "{\"level\":10,\"id\":\"" API "\"}");
    wait_for("warn again");
    harness_ok(&h, "Warn", "{\"level\":10,\"id\":\"" API "\"}");
    hide_and_open("hide and open");
    hide_and_open("hide and open again");
    wait_for("open nothing");
    harness_ok(&h, "Open", "{\"id\":\"" API "\",\"path\":\"pages/none\",\"query\":{\"a\":\"1\"}}");
    harness_wait_exit(&h, API, "restart");
    wait_for("make an update");
    harness_ok(&h, "SimulateUpdate", "{\"id\":\"" API "\",\"outcome\":\"ready\"}");
    harness_wait_exit(&h, API, "update");
    wait_for("wait for the end");
    harness_wait_exit(&h, API, "exited");
    harness_wait_log(&h, API, "ok exitMiniProgram"); /* what it said last */
}

/* Each row of the table but those that only lead to others. */
static void assert_all_rows(const char *log) {
    char command[600], row[256], said[300];
    size_t rows = 0, missing = 0;

    (void) snprintf(command, sizeof command, "%s --api", js_program());
    FILE *f = popen(command, "re");
    assert_non_null(f);
    while (fscanf(f, "%255[^\t]%*[^\n]%*c", row) == 1) {
        (void) snprintf(said, sizeof said, "ok %s\n", row);
        if (!strstr(log, said)) {
            print_message("no test said: ok %s\n", row);
            missing++;
        }
        rows++;
    }
    assert_int_equal(pclose(f), 0);
    assert_true(rows > 100);
    assert_int_equal(missing, 0);
}

static void test_every_row_of_the_table(void **state) {
    (void) state;
    js_start(&h, "[lifecycle]\nsuspend_after=1h\nstop_timeout=5s\n[apps]\nlog_size=4M\n");
    js_install(&h, "tests/integration/js/api");
    play();
    CLEANUP(free_p) char *log = harness_log(&h, API);
    if (strstr(log, "not ok"))
        fail_msg("%s", log);
    assert_all_rows(log);
    assert_non_null(strstr(log, "[error] applyUpdate: ")); /* too early: only the log hears */
    assert_non_null(strstr(log, "[log]   inner\n      lines\n"));
    harness_stop(&h);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(test_every_row_of_the_table, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
