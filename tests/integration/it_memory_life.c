/* SPDX-License-Identifier: MIT
 * An app's own limit, the kernel's OOM killer in its group, room for a cold start, and a new
 * supervisor that watches on. */
#include "tests/integration/memory_kit.h"

#define BUDGET "budget=128M\n" HARNESS_NO_STALLS
#define SHORT  KIT_LIFE("200ms") "[memory]\n" BUDGET

/* The last exit's sentence and signal, as Status has them. */
static void check_exit(const char *id, const char *reason, const char *sentence, int sig) {
    struct varlink_reply reply;
    harness_call(&h, &reply, "Status", "{\"id\":\"%s\"}", id);
    const struct json *exit = json_get(json_get(reply.parameters, "app"), "last_exit");
    assert_string_equal(json_get_string(exit, "reason", ""), reason);
    assert_int_equal(json_get_int(exit, "signal", 0), sig);
    if (!strstr(json_get_string(exit, "message", ""), sentence))
        fail_msg("'%s' is not in '%s'", sentence, json_get_string(exit, "message", ""));
    varlink_reply_clear(&reply);
}

/* Faster than any warning: the kernel ends it at memory_max. That is told apart from our kills and
 * from a crash, with an entry of its own before the end. */
static void test_the_kernel_ends_it_at_its_limit(void **state) {
    (void) state;
    struct varlink_reply reply;
    kit_start(SHORT);
    suspended_hog(A, "10,lies");
    hog_with(C, "5,lies", ",\"memory_max\":\"24M\"");
    open_app(C);
    order(C, "!take 60");
    int at = tape_wait("exit", C, "memory_limit");
    int told = tape_find("decision", C, "oom_kill");
    assert_in_range(told, 0, at);
    assert_true(figure(told_body(&tape.told[told]), "oom_kills") > 0);
    (void) tape_wait("state", C, "stopped");
    check_exit(C, "memory_limit", "It used more memory than it may: reopen it", SIGKILL);
    assert_non_null(why_last(C, "oom_kill", &reply));
    varlink_reply_clear(&reply);
    /* Its limit is its own: nobody else was asked for anything. */
    assert_int_equal(tape_count("decision", A, NULL), 0);
    harness_assert_state(&h, A, "suspended");
    kit_stop();
}

/* A crash stays one, and so does a SIGKILL from elsewhere. */
static void test_other_ends_are_not_the_kernels(void **state) {
    (void) state;
    kit_start(SHORT);
    hog_with(C, "5,lies", ",\"memory_max\":\"64M\"");
    open_app(C);
    assert_int_equal(kill(harness_pid(&h, C), SIGKILL), 0);
    (void) tape_wait("exit", C, "crashed");
    open_app(C);
    order(C, "!exit 3");
    (void) tape_wait_from(tape.n, "exit", C, "crashed");
    assert_int_equal(tape_count("decision", C, "oom_kill"), 0);
    kit_stop();
}

/* Ended by the kernel before it was ready: who waits for it hears that memory was the reason. */
static void test_a_start_that_the_kernel_ends(void **state) {
    (void) state;
    struct varlink_reply reply;
    kit_start(SHORT);
    hog_with(C, "60,lies", ",\"memory_max\":\"24M\"");
    harness_call(&h, &reply, "Open", "{\"id\":\"" C "\"}");
    assert_non_null(reply.error);
    assert_non_null(strstr(reply.error, "StartFailed"));
    assert_string_equal(json_get_string(reply.parameters, "stage", ""), "memory");
    varlink_reply_clear(&reply);
    (void) tape_wait("exit", C, "memory_limit");
    kit_stop();
}

/* Over its own limit it is warned alone, by source limit, and what it frees is no alarm. */
static void test_own_limit_warns_it_alone(void **state) {
    (void) state;
    kit_start(KIT_LIFE("0") "[memory]\n" KIT_BUDGET);
    hog(A, "10,lies");
    hog_with(C, "10,frees", ",\"memory_max\":\"96M\"");
    open_app(C);
    /* 85 of 96: level 5, and far from what the kernel would act on. */
    order_done(C, "!take %d", (int) ((85 * MB - memory_number(C, "current")) / MB));
    int at = tape_wait("warned", C, "limit");
    assert_int_equal(tape.told[at].level, 5);
    harness_wait_log(&h, C, "warning 5 limit");
    while (tape.told[at].freed <= 0) /* told when it is measured, two seconds later */
        at = tape_wait_from(at + 1, "warned", C, "limit");
    assert_true(tape.told[at].freed > 10 * MB);
    assert_true(memory_number(C, "freed") >= tape.told[at].freed);
    tape_catch_up();
    assert_int_equal(tape_count("warned", A, NULL), 0);
    assert_int_equal(tape_count("decision", NULL, "kill"), 0);
    assert_int_equal(memory_number(NULL, "level"), 0); /* all together have enough */
    harness_assert_state(&h, C, "foreground");
    kit_stop();
}

/* Two alarms of the highest level with nothing freed between them. */
static void test_alarms_end_it(void **state) {
    (void) state;
    struct varlink_reply reply;
    kit_start(SHORT);
    suspended_hog(A, "10,lies");
    hog_with(C, "10,lies", ",\"memory_high\":\"32M\",\"memory_max\":\"64M\"");
    open_app(C);
    order(C, "!take 25");
    (void) tape_wait("warned", C, "limit");
    int at = tape_wait("decision", C, "kill");
    const struct json *d = told_body(&tape.told[at]);
    assert_string_equal(json_get_string(d, "source", ""), "limit");
    assert_int_equal(json_get_int(d, "level", 0), 15);
    assert_int_equal(figure(d, "limit"), 32 * MB);
    assert_non_null(strstr(json_get_string(d, "text", ""), "nothing freed"));
    const struct json *first = json_first(json_get(d, "candidates"));
    assert_string_equal(json_get_string(first, "id", ""), C);
    assert_null(json_next(first));
    (void) tape_wait("exit", C, "memory_alarms");
    (void) tape_wait("state", C, "stopped");
    check_exit(C, "memory_alarms", "It ignored repeated memory warnings: reopen it", SIGKILL);
    assert_non_null(why_last(C, "kill", &reply));
    varlink_reply_clear(&reply);
    assert_int_equal(tape_count("decision", A, NULL), 0);
    kit_stop();
}

/* --- admission ---------------------------------------------------------------------------- */

static void test_room_is_made_for_a_start(void **state) {
    (void) state;
    kit_start(SHORT);
    suspended_hog(A, "40,lies");
    hog(C, "40,lies");
    hog_with(B, "4,lies", ",\"memory_need\":\"64M\"");
    open_app(B); /* 46 are left, 86 without A */
    int killed = tape_wait("decision", A, "kill");
    const struct json *d = told_body(&tape.told[killed]);
    assert_int_equal(figure(d, "need"), 64 * MB);
    assert_in_range(figure(d, "room"), 30 * MB, 50 * MB);
    assert_non_null(strstr(json_get_string(d, "text", ""), "room for a start"));
    (void) tape_wait("exit", A, "memory_pressure");
    assert_true(tape_wait("state", B, "foreground") > killed);
    harness_assert_state(&h, C, "background"); /* since B is in front, and for nothing else */
    assert_int_equal(tape_count("decision", C, NULL), 0);
    kit_stop();
}

/* More than all but the one in front could give: it is refused, and nobody dies for nothing. */
static void test_a_start_without_room_is_refused(void **state) {
    (void) state;
    struct varlink_reply reply;
    kit_start(SHORT);
    suspended_hog(A, "20,lies");
    hog(C, "40,lies");
    hog_with(B, "4,lies", ",\"memory_need\":\"120M\"");
    harness_call(&h, &reply, "Open", "{\"id\":\"" B "\"}");
    assert_non_null(reply.error);
    assert_non_null(strstr(reply.error, "StartFailed"));
    assert_string_equal(json_get_string(reply.parameters, "stage", ""), "memory");
    assert_non_null(strstr(json_get_string(reply.parameters, "detail", ""), "120.0M"));
    varlink_reply_clear(&reply);
    (void) tape_wait("exit", B, "memory_pressure");
    harness_assert_state(&h, A, "suspended");
    harness_assert_state(&h, C, "foreground");
    const struct json *refused = why_last(B, "refuse", &reply);
    assert_non_null(refused);
    assert_int_equal(figure(refused, "need"), 120 * MB);
    assert_in_range(figure(refused, "room"), 50 * MB, 70 * MB);
    varlink_reply_clear(&reply);

    /* There is room once the one in front has gone. */
    harness_ok(&h, "Close", "{\"id\":\"" C "\"}");
    open_app(B);
    (void) tape_wait("exit", A, "memory_pressure");
    harness_assert_state(&h, B, "foreground");
    kit_stop();
}

/* Who closes it while it waits for room is answered at once. */
static void test_a_start_that_waits_can_be_closed(void **state) {
    (void) state;
    struct varlink_reply reply;
    struct err e = { 0 };
    kit_start(SHORT);
    hog(C, "40,lies");
    hog_with(B, "4,lies", ",\"memory_need\":\"120M\"");
    struct client *opening = harness_send(&h, "Open", false, "{\"id\":\"" B "\"}");
    (void) tape_wait("state", B, "starting");
    harness_ok(&h, "Close", "{\"id\":\"" B "\"}");
    assert_int_equal(client_receive(opening, HARNESS_PATIENCE_MS, &reply, &e), 0);
    assert_non_null(reply.error);
    assert_string_equal(json_get_string(reply.parameters, "stage", ""), "closed");
    varlink_reply_clear(&reply);
    client_close(opening);
    (void) tape_wait("exit", B, "closed");
    kit_stop();
}

/* --- the next supervisor ------------------------------------------------------------------ */

/* It knows what the suspended ones hold, and who has been idle for longest. */
static void test_adopted_apps_are_watched(void **state) {
    (void) state;
    kit_start(SHORT);
    suspended_hog(B, "30,frees");
    suspended_hog(A, "30,lies");
    hog_with(C, "20,lies", ",\"memory_max\":\"100M\"");
    open_app(C);
    tape_end();
    assert_true(WIFSIGNALED(harness_signal_and_wait(&h, SIGKILL)));
    harness_restart(&h);
    tape_begin();
    assert_in_range(memory_number(A, "current"), 30 * MB, 34 * MB);
    order(C, "!take 55");
    int at = tape_wait("decision", NULL, "kill");
    assert_true(strcmp(tape.told[at].id, A) == 0 || strcmp(tape.told[at].id, B) == 0);
    const struct json *d = told_body(&tape.told[at]);
    const struct json *first = json_first(json_get(d, "candidates"));
    assert_string_equal(json_get_string(first, "id", ""), tape.told[at].id);
    assert_null(strstr(json_get_string(first, "text", ""), "0B to come back"));
    (void) tape_wait("exit", tape.told[at].id, "memory_pressure");
    (void) tape_wait("warned", C, "budget");
    harness_assert_state(&h, C, "foreground");

    /* Its own limit, too. */
    order(C, "!take 60");
    (void) tape_wait("exit", C, NULL);
    (void) tape_wait("state", C, "stopped");
    assert_true(tape_find("decision", C, "oom_kill") >= 0);
    kit_stop();
}

/* Ended by the kernel while no supervisor was there to see it. */
static void test_killed_by_the_kernel_meanwhile(void **state) {
    (void) state;
    kit_start(SHORT);
    hog_with(C, "5,lies", ",\"memory_max\":\"24M\"");
    open_app(C);
    pid_t pid = harness_pid(&h, C);
    /* It takes its order from its socket when nobody is there any more to watch what it does. */
    assert_int_equal(kill(pid, SIGSTOP), 0);
    harness_wait_proc_state(pid, "T");
    order(C, "!take 60");
    tape_end();
    assert_true(WIFSIGNALED(harness_signal_and_wait(&h, SIGKILL)));
    assert_int_equal(kill(pid, SIGCONT), 0);
    harness_wait_gone(pid);
    harness_restart(&h);
    tape_begin();
    struct varlink_reply reply;
    harness_call(&h, &reply, "Status", "{\"id\":\"" C "\"}");
    const struct json *exit = json_get(json_get(reply.parameters, "app"), "last_exit");
    assert_string_equal(json_get_string(exit, "reason", ""), "memory_limit");
    assert_non_null(strstr(json_get_string(exit, "message", ""), "It used more memory"));
    varlink_reply_clear(&reply);
    assert_non_null(why_last(C, "oom_kill", &reply));
    varlink_reply_clear(&reply);
    kit_stop();
}

#define MEMORY(test) cmocka_unit_test_teardown(test, kit_end)

int main(void) {
    const struct CMUnitTest tests[] = {
        MEMORY(test_the_kernel_ends_it_at_its_limit),
        MEMORY(test_other_ends_are_not_the_kernels),
        MEMORY(test_a_start_that_the_kernel_ends),
        MEMORY(test_own_limit_warns_it_alone),
        MEMORY(test_alarms_end_it),
        MEMORY(test_room_is_made_for_a_start),
        MEMORY(test_a_start_without_room_is_refused),
        MEMORY(test_a_start_that_waits_can_be_closed),
        MEMORY(test_adopted_apps_are_watched),
        MEMORY(test_killed_by_the_kernel_meanwhile),
    };
    return cmocka_run_group_tests_name("daemon/memory_life", tests, NULL, NULL);
}
