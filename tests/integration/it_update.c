/* SPDX-License-Identifier: MIT
 * The whole way of an update: packages and an index made by the worker, signed with minisign,
 * served over HTTP; what is heard, what runs when, and what is refused. */
#include "update_kit.h"

/* Version 1 runs, version 2 is published; 1 hears of it and goes on; the next cold start is 2. 3
 * crashes and falls back to 2; 4 is applied at once. */
static void test_the_story(void **state) {
    (void) state;
    pack(1, NULL);
    publish(1, "1", "");
    install_over_http(1);
    opens_as(1);
    harness_wait_log(&h, ONE, "update_check no");
    pack(2, NULL);
    publish(2, "1 2", "");
    checks(true, 2);
    hears("available", 2, NULL);
    hears("download", 2, NULL);
    hears("verify", 2, NULL);
    hears("unpack", 2, NULL);
    hears("ready", 2, NULL);
    harness_wait_log(&h, ONE, "update_check yes");
    harness_wait_log(&h, ONE, "update_ready 2");
    harness_assert_state(&h, ONE, "foreground");
    versions(1, 2, -1);
    restart();
    opens_as(2);
    hears("healthy", 2, NULL);
    versions(2, -1, 1);

    pack(3, "exit 9");
    publish(3, "2 3", "");
    checks(true, 3);
    hears("ready", 3, NULL);
    restart();
    opens_as(2);
    hears("rolled_back", 3, NULL);
    harness_wait_log(&h, ONE, "update_failed");
    hears("healthy", 2, NULL);
    checks(false, -1); /* that package has failed here */

    pack(4, NULL);
    publish(4, "3 4", "");
    checks(true, 4);
    hears("ready", 4, NULL);
    harness_ok(&h, "Open", "{\"id\":\"" ONE "\",\"path\":\"!apply\"}");
    harness_wait_exit(&h, ONE, "update");
    hears("healthy", 4, NULL);
    versions(4, -1, 2);
    finish();
}

static unsigned index_requests(void) {
    return count_of(asked_for(), "/as-told/index ");
}

static void test_a_cold_start_checks_once_in_a_while(void **state) {
    (void) state;
    pack(1, NULL);
    publish(1, "1", "");
    install_over_http(1);
    assert_int_equal(index_requests(), 1);
    opens_as(1);
    hears("check", -1, NULL);
    assert_int_equal(index_requests(), 2);
    restart();
    opens_as(1);
    restart();
    opens_as(1);
    assert_int_equal(index_requests(), 2); /* the same interval */
    checks(false, -1);
    assert_int_equal(index_requests(), 3); /* who asks is answered */
    finish();
}

static void test_what_is_not_as_signed_changes_nothing(void **state) {
    (void) state;
    pack(1, NULL);
    publish(5, "1", "");
    install_over_http(1);
    opens_as(1);
    hears("check", -1, NULL);

    sh("cp www/index index.good");
    sh("sed 's/%s/org.example.two/' index.good >www/index", ONE);
    check_is_refused("signature");
    sh("minisign -G -W -p other.pub -s other.sec");
    sh("minisign -S -s other.sec -m index.json && cat index.json.minisig index.json >www/index");
    check_is_refused("signature"); /* a key nobody trusts */
    sh("cp other.pub %s/trust/", h.state);
    check_is_refused("trust"); /* trusted, but not who signed the app before */
    publish(4, "1", "");
    check_is_refused("downgrade");
    sh("rm www/index");
    check_is_refused("missing");

    pack(2, NULL);
    publish(6, "1 2", "");
    sh("printf x | dd of=www/one-2.ma bs=1 seek=100 conv=notrunc");
    checks(true, 2);
    hears("failed", 2, "hash");
    harness_wait_log(&h, ONE, "update_failed hash");
    sh("rm www/one-2.ma");
    checks(true, 2);
    hears("failed", 2, NULL);
    harness_assert_state(&h, ONE, "foreground");
    versions(1, -1, -1);
    pack(2, NULL); /* the same bytes again: reproducible, so the index still fits */
    checks(true, 2);
    hears("ready", 2, NULL);
    versions(1, 2, -1);
    finish();
}

static void test_a_key_is_pinned(void **state) {
    (void) state;
    char folder[128];
    pack(1, NULL);
    publish(1, "1", "");
    install_over_http(1);
    harness_make(&h, &(struct harness_app){ .id = ONE, .code = 9 }, folder);
    struct varlink_reply reply;
    harness_call(&h, &reply, "Install", "{\"source\":\"%s\",\"unsigned\":true}", folder);
    assert_non_null(reply.error);
    assert_string_equal(json_get_string(reply.parameters, "reason", ""), "trust");
    varlink_reply_clear(&reply);
    versions(1, -1, -1);
    finish();
}

static void is_refused(const char *file, bool is_unsigned, const char *reason) {
    struct varlink_reply reply;
    harness_call(&h, &reply, "Install", "{\"source\":\"%s/www/%s\",\"unsigned\":%s}", h.packages,
                 file, is_unsigned ? "true" : "false");
    if (!reply.error)
        fail_msg("%s was installed", file);
    assert_string_equal(json_get_string(reply.parameters, "reason", ""), reason);
    varlink_reply_clear(&reply);
}

static void test_package_files(void **state) {
    (void) state;
    pack(1, NULL);
    pack(2, NULL);
    is_refused("one-1.ma", false, "signature"); /* it has none beside it */
    sh("minisign -S -s key.sec -m www/one-1.ma");
    harness_ok(&h, "Install", "{\"source\":\"%s/www/one-1.ma\"}", h.packages);
    versions(1, -1, -1);
    is_refused("one-1.ma", false, "same_version");
    is_refused("one-2.ma", true, "trust");
    sh("cp www/one-1.ma.minisig www/one-2.ma.minisig");
    is_refused("one-2.ma", false, "signature");
    sh("minisign -S -s key.sec -m www/one-2.ma");
    harness_ok(&h, "Install", "{\"source\":\"http://127.0.0.1:%d/plain/one-2.ma\"}", port);
    versions(2, -1, 1);
    is_refused("one-1.ma", false, "downgrade");
    harness_ok(&h, "Remove", ID);
    harness_ok(&h, "Install", "{\"source\":\"%s/www/one-1.ma\",\"unsigned\":true}", h.packages);
    opens_as(1);
    finish();
}

static void test_the_server_may_order_back_and_forbid(void **state) {
    (void) state;
    pack(1, NULL);
    pack(2, NULL);
    publish(1, "1 2", "");
    install_over_http(2);
    opens_as(2);
    hears("check", -1, NULL);
    publish(2, "1 2", "--downgrade-to 1");
    checks(true, 1);
    hears("ready", 1, NULL);
    restart();
    opens_as(1);
    hears("healthy", 1, NULL);

    pack(3, NULL);
    sh("mv www/one-3.ma .");
    publish(3, "1", "--minimum-usable 1");
    checks(false, -1);
    sh("mv one-3.ma www");
    publish(4, "3", "--minimum-usable 2");
    sh("mv www/one-3.ma .");
    checks(true, 3);
    hears("failed", 3, NULL);
    restart();
    harness_error(&h, "StartFailed", "Open", ID); /* too old, and it goes on trying */
    sh("mv one-3.ma www");
    checks(true, 3);
    hears("ready", 3, NULL);
    opens_as(3);
    finish();
}

/* Known, but not here yet: the start waits for it, but not for ever. */
static void test_a_start_waits_for_what_is_known(void **state) {
    (void) state;
    pack(1, NULL);
    publish(1, "1", "");
    install_over_http(1);
    pack(2, NULL);
    publish(2, "1 2", "");
    sh("mv www/one-2.ma .");
    checks(true, 2);
    hears("failed", 2, "missing");
    opens_as(1); /* still not there */
    hears("failed", 2, "missing");
    restart();
    sh("mv one-2.ma www");
    opens_as(2);
    versions(2, -1, 1);

    pack(3, NULL);
    publish(3, "3", "");
    sh("mv www/one-3.ma .");
    checks(true, 3);
    hears("failed", 3, "missing");
    restart();
    sh("mkfifo www/one-3.ma"); /* a server that never answers */
    harness_write_config(&h, CONFIG_PATIENT("300ms"));
    harness_signal(&h, SIGHUP);
    opens_as(2);
    finish();
}

/* The supervisor ends, something happens to its store, the next one starts. */
static void meanwhile(const char *command) {
    assert_int_equal(harness_signal_and_wait(&h, SIGTERM), 0);
    sh("cd %s/apps && %s", h.state, command);
    harness_restart(&h);
}

/* An index from before is no more heeded because its sequence was forgotten. */
static void test_a_state_that_was_lost_lets_nothing_old_in(void **state) {
    (void) state;
    struct varlink_reply reply;
    pack(1, NULL);
    pack(2, NULL);
    publish(5, "1", "");
    install_over_http(1);
    sh("cp %s/apps/" ONE "/state before", h.state);
    publish(6, "1 2", "");
    checks(true, 2);
    hears("ready", 2, NULL);
    publish(5, "1", "");
    meanwhile("cp -p ../../packages/before " ONE "/state");
    versions(1, -1, -1);
    check_is_refused("downgrade");
    meanwhile(": >" ONE "/state");
    versions(1, -1, -1); /* of its copy: what an older state had put aside is gone */
    check_is_refused("downgrade");
    meanwhile("rm -r " ONE);
    harness_error(&h, "NoSuchApp", "Status", ID);
    harness_call(&h, &reply, "Install", "{\"source\":\"http://127.0.0.1:%d/plain/index\"}", port);
    assert_non_null(reply.error);
    assert_string_equal(json_get_string(reply.parameters, "reason", ""), "downgrade");
    varlink_reply_clear(&reply);
    publish(6, "1 2", "");
    install_over_http(2);
    opens_as(2);
    finish();
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_the_story, start, end),
        cmocka_unit_test_setup_teardown(test_a_cold_start_checks_once_in_a_while, start, end),
        cmocka_unit_test_setup_teardown(test_what_is_not_as_signed_changes_nothing, start, end),
        cmocka_unit_test_setup_teardown(test_a_key_is_pinned, start, end),
        cmocka_unit_test_setup_teardown(test_package_files, start, end),
        cmocka_unit_test_setup_teardown(test_a_state_that_was_lost_lets_nothing_old_in, start, end),
        cmocka_unit_test_setup_teardown(test_a_start_waits_for_what_is_known, start, end),
        cmocka_unit_test_setup_teardown(test_the_server_may_order_back_and_forbid, start, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
