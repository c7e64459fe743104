/* SPDX-License-Identifier: MIT
 * When an update comes, and for whom: shares of the machines, before a start or beside the run,
 * after a failure, from an index that has expired, by a key that takes over.
 * Source: design.md §7, §10. */
#include "update_kit.h"

#include "supervisor/base/fs.h"
#include "units/index.h"

static unsigned index_requests(void) {
    return count_of(asked_for(), "/as-told/index ");
}

static void version_one_runs(void) {
    pack(1, NULL);
    publish(1, "1", "");
    install_over_http(1);
    opens_as(1);
    hears("check", -1, NULL);
}

/* --- for whom ----------------------------------------------------------------------------- */

static void test_a_share_of_the_machines(void **state) {
    (void) state;
    CLEANUP(free_p) char *machine = NULL;
    char options[32];

    if (fs_read(AT_FDCWD, "/etc/machine-id", 128, &machine, NULL, NULL) == 0)
        machine[strcspn(machine, "\n")] = '\0';
    unsigned place = index_place(machine ? machine : "", ONE);
    version_one_runs();
    pack(2, NULL);
    (void) snprintf(options, sizeof options, "--rollout %u", place);
    publish(2, "2", options);
    checks(false, -1);
    assert_true(harness_daemon_said(&h, "not for this device yet"));
    (void) snprintf(options, sizeof options, "--rollout %u", place + 1);
    publish(3, "2", options);
    checks(true, 2);
    hears("ready", 2, NULL);
    finish();
}

static void test_a_version_is_taken_back_before_it_ran(void **state) {
    (void) state;
    version_one_runs();
    pack(2, NULL);
    publish(2, "1 2", "");
    checks(true, 2);
    hears("ready", 2, NULL);
    versions(1, 2, -1);
    publish(3, "1 2", "--downgrade-to 1");
    checks(false, -1);
    versions(1, -1, -1);
    restart();
    opens_as(1);
    finish();
}

/* --- before a start ----------------------------------------------------------------------- */

/* Ends the daemon, has the app's record say another time of its last Open, and starts it. */
static void was_opened(const char *when) {
    assert_int_equal(harness_signal_and_wait(&h, SIGTERM), 0);
    sh("python3 -c 'import json, time\n"
       "path = \"%s/apps/" ONE "/record\"\n"
       "d = json.load(open(path))\n"
       "now, day = int(time.time() * 1000000), 86400 * 1000000\n"
       "d[\"opened_usec\"] = now %s\n"
       "json.dump(d, open(path, \"w\"))'",
       h.state, when);
    harness_restart(&h);
}

static void test_unused_for_long(void **state) {
    (void) state;
    version_one_runs();
    pack(2, NULL);
    publish(2, "1 2", "");

    was_opened("- 6 * day");
    opens_as(1); /* checked beside the run: the next one is version 2 */
    hears("ready", 2, NULL);
    restart();
    opens_as(2);
    restart();

    pack(3, NULL);
    publish(3, "3", "");
    was_opened("- 8 * day");
    opens_as(3); /* checked first, although it ended a moment ago */
    restart();

    pack(4, NULL);
    publish(4, "4", "");
    was_opened("+ 8 * day"); /* the clock was set back */
    opens_as(3);
    hears("ready", 4, NULL);
    finish();
}

static void test_installed_long_ago_and_never_opened(void **state) {
    (void) state;
    pack(1, NULL);
    publish(1, "1", "");
    install_over_http(1);
    pack(2, NULL);
    publish(2, "1 2", "");
    was_opened("- 8 * day");
    opens_as(2);
    finish();
}

/* --- beside the run ----------------------------------------------------------------------- */

static void test_checks_at_once_are_one(void **state) {
    (void) state;
    struct varlink_reply reply;
    struct err e = { 0 };

    version_one_runs();
    unsigned before = index_requests();
    pack(2, NULL);
    publish(2, "1 2", "");
    sh("echo gate >www/behaviour");
    struct client *both[2];
    for (size_t i = 0; i < 2; i++)
        both[i] = harness_send(&h, "CheckUpdate", false, ID);
    raw_barrier(&h);
    sh("touch www/gate");
    for (size_t i = 0; i < 2; i++) {
        if (client_receive(both[i], HARNESS_PATIENCE_MS, &reply, &e) < 0)
            fail_msg("%s", e.text);
        assert_null(reply.error);
        assert_int_equal(json_get_int(reply.parameters, "version_code", -1), 2);
        varlink_reply_clear(&reply);
        (void) client_close(both[i]);
    }
    hears("ready", 2, NULL);
    assert_int_equal(index_requests(), before + 1);
    finish();
}

/* What runs sees its own version only, whatever is staged, replaced and collected meanwhile. */
static void test_a_run_keeps_its_files(void **state) {
    (void) state;
    CLEANUP(free_p) char *text = NULL;
    char path[128];

    version_one_runs();
    for (int code = 2; code <= 4; code++) {
        pack(code, NULL);
        publish((unsigned) code, code == 2 ? "2" : code == 3 ? "3" : "4", "");
        checks(true, code);
        hears("ready", code, NULL);
    }
    (void) snprintf(path, sizeof path, "/proc/%d/cwd/manifest.json", (int) harness_pid(&h, ONE));
    assert_int_equal(fs_read(AT_FDCWD, path, 1 << 16, &text, NULL, NULL), 0);
    assert_non_null(strstr(text, "\"code\":1,"));
    checks(true, 4); /* stands in line behind the collection */
    sh("test \"$(ls %s/apps/" ONE "/versions | cut -d- -f1 | sort | xargs)\" = '1 4'", h.state);
    restart();
    opens_as(4);
    versions(4, -1, 1);
    finish();
}

/* --- after a failure ---------------------------------------------------------------------- */

static int start_impatient(void **state) {
    (void) state;
    return start_with(CONFIG "check_interval=200ms\n");
}

/* By itself: nobody asks and nothing is started. */
static void test_a_failed_download_is_tried_again(void **state) {
    (void) state;
    version_one_runs();
    pack(2, NULL);
    publish(2, "1 2", "");
    sh("mv www/one-2.ma .");
    checks(true, 2);
    hears("failed", 2, "missing");
    hears("failed", 2, "missing");
    hears("failed", 2, "missing");
    sh("mv one-2.ma www");
    hears("ready", 2, NULL);
    finish();
}

static void test_a_failed_check_is_not_repeated_by_each_start(void **state) {
    (void) state;
    pack(1, NULL);
    publish(1, "1", "");
    install_over_http(1);
    sh("echo status 503 >www/behaviour");
    opens_as(1);
    hears("failed", -1, "network");
    why_says("check_failed", "answered 503");
    assert_int_equal(checks_begun(), 1);
    for (int i = 0; i < 2; i++) {
        restart();
        opens_as(1);
    }
    assert_int_equal(checks_begun(), 1);
    check_is_refused("network"); /* who asks is answered */
    assert_int_equal(checks_begun(), 2);
    sh("rm www/behaviour");
    checks(false, -1);
    finish();
}

/* --- expiry ------------------------------------------------------------------------------- */

static void test_an_expired_index_stops_nothing_but_updates(void **state) {
    (void) state;
    struct varlink_reply reply;

    version_one_runs();
    pack(2, NULL);
    publish(2, "1 2", "--expires 2001-01-01T00:00:00Z");
    checks(false, -1);
    why_says("stale", "has expired");
    assert_true(harness_daemon_said(&h, "its update index has expired"));
    versions(1, -1, -1);
    restart();
    opens_as(1);
    publish(3, "1", "--expires 2001-01-01T00:00:00Z"); /* the same where nothing newer is there */
    checks(false, -1);
    why_says("stale", "has expired");
    harness_ok(&h, "Remove", ID);
    harness_call(&h, &reply, "Install", "{\"source\":\"http://127.0.0.1:%d/as-told/index\"}", port);
    assert_non_null(reply.error);
    assert_string_equal(json_get_string(reply.parameters, "reason", ""), "expired");
    varlink_reply_clear(&reply);
    finish();
}

/* --- keys [34] ---------------------------------------------------------------------------- */

static void publish_by(const char *key, unsigned sequence, const char *codes, const char *options) {
    char file[32];
    make_index(sequence, codes, options);
    (void) snprintf(file, sizeof file, "%s.sec", key);
    publish_json(file);
}

static void test_a_key_takes_over(void **state) {
    (void) state;
    for (const char *const *k = (const char *const[]){ "b", "c", NULL }; *k; k++)
        sh("minisign -G -W -p %s.pub -s %s.sec", *k, *k);
    version_one_runs();
    for (int code = 2; code <= 5; code++)
        pack(code, NULL);

    publish_by("b", 10, "2", "--next-key b.pub"); /* it may not appoint itself */
    check_is_refused("signature");
    sh("cp b.pub %s/trust/", h.state); /* trusted, but not for this app */
    check_is_refused("trust");
    sh("rm %s/trust/b.pub", h.state);

    publish_by("key", 10, "2", "--next-key b.pub"); /* the present one does */
    checks(true, 2);
    hears("ready", 2, NULL);

    publish_by("key", 11, "3", ""); /* whose word then counts no more */
    check_is_refused("trust");
    publish_by("key", 4000000, "3", "--next-key c.pub");
    check_is_refused("trust");
    publish_by("c", 12, "3", ""); /* one in between was missed: refused */
    check_is_refused("signature");

    publish_by("b", 1, "3", ""); /* it counts anew, and is in no folder of trusted keys */
    checks(true, 3);
    hears("ready", 3, NULL);
    publish_by("key", 12, "4", "--next-key b.pub"); /* for devices that were off */
    checks(true, 4);
    hears("ready", 4, NULL);
    publish_by("b", 2, "5", ""); /* which moved nothing */
    checks(true, 5);
    hears("ready", 5, NULL);
    publish_by("b", 1, "5", "");
    check_is_refused("downgrade");
    finish();
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_a_share_of_the_machines, start, end),
        cmocka_unit_test_setup_teardown(test_a_version_is_taken_back_before_it_ran, start, end),
        cmocka_unit_test_setup_teardown(test_unused_for_long, start, end),
        cmocka_unit_test_setup_teardown(test_installed_long_ago_and_never_opened, start, end),
        cmocka_unit_test_setup_teardown(test_checks_at_once_are_one, start, end),
        cmocka_unit_test_setup_teardown(test_a_run_keeps_its_files, start, end),
        cmocka_unit_test_setup_teardown(test_a_failed_download_is_tried_again, start_impatient,
                                        end),
        cmocka_unit_test_setup_teardown(test_a_failed_check_is_not_repeated_by_each_start, start,
                                        end),
        cmocka_unit_test_setup_teardown(test_an_expired_index_stops_nothing_but_updates, start,
                                        end),
        cmocka_unit_test_setup_teardown(test_a_key_takes_over, start, end),
    };
    return cmocka_run_group_tests_name("when updates come", tests, NULL, NULL);
}
