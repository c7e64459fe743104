/* SPDX-License-Identifier: MIT
 * A budget runs short on real processes: who is warned, who is killed, in which order. */
#include "tests/integration/memory_kit.h"

#define BUDGET "budget=128M\n" KIT_NO_STALLS /* 85, 92, 97 %: 108.8, 117.8, 124.2 MB */
#define SHORT  KIT_LIFE("200ms") "[memory]\n" BUDGET
#define NEVER  KIT_LIFE("0") "[memory]\n" BUDGET /* background apps stay there */

/* Levels are told with their figures, warnings come at each and again while it holds, and it is
 * over when what was taken has been given back. */
static void test_levels_are_told(void **state) {
    (void) state;
    kit_start(SHORT);
    hog(C, "20,lies");
    order(C, "!take 91");
    int at = tape_wait_level(0, 5);
    const struct json *memory = told_body(&tape.told[at]);
    assert_string_equal(json_get_string(memory, "source", ""), "budget");
    assert_int_equal(figure(memory, "limit"), 128 * MB);
    assert_in_range(figure(memory, "usage") - figure(memory, "cache"), 108 * MB, 128 * MB);
    (void) tape_wait_from(at, "warned", C, "budget");
    assert_int_equal(memory_number(NULL, "level"), 5);
    harness_wait_log(&h, C, "warning 5 budget");

    /* Twice, and what it freed is measured in between: nothing. */
    int measured = tape_wait_from(at, "warned", C, "budget");
    while (tape.told[measured].freed < 0)
        measured = tape_wait_from(measured + 1, "warned", C, "budget");
    assert_int_equal(tape.told[measured].freed, 0);
    int again = tape_wait_from(measured + 1, "warned", C, "budget");
    assert_int_equal(tape.told[again].freed, -1);

    order(C, "!take 9");
    at = tape_wait_level(at, 10);
    harness_wait_log(&h, C, "warning 10 budget");
    order(C, "!drop 60");
    at = tape_wait_level(at, 0);
    assert_int_equal(memory_number(NULL, "level"), 0);

    /* Nobody but the one in front was there, and it is not killed at these levels. */
    assert_int_equal(tape_count("decision", NULL, "kill"), 0);
    harness_assert_state(&h, C, "foreground");
    kit_stop();
}

/* The kill's record: event and Why say who was considered, with which figures; then it ends, and
 * its memory comes back. */
static void check_kill(int at, const char *id, const char *next) {
    struct varlink_reply reply;
    const struct json *d = told_body(&tape.told[at]);

    assert_int_equal(json_get_int(d, "level", 0), 10);
    assert_string_equal(json_get_string(d, "source", ""), "budget");
    assert_non_null(strstr(json_get_string(d, "text", ""), id));
    assert_int_equal(figure(d, "limit"), 128 * MB);
    assert_true(figure(d, "usage") > 0 && figure(d, "cache") >= 0);
    assert_true(figure(d, "to_kill_usec") > 0);
    const struct json *first = json_first(json_get(d, "candidates"));
    assert_string_equal(json_get_string(first, "id", ""), id);
    assert_non_null(strstr(json_get_string(first, "text", ""), "to come back"));
    assert_string_equal(json_get_string(json_next(first), "id", ""), next);
    assert_non_null(
        strstr(json_get_string(json_next(first), "text", ""), "by what was freed when warned"));
    assert_null(json_next(json_next(first)));

    int stopping = tape_wait_from(at, "state", id, "stopping");
    int gone = tape_wait_from(stopping, "decision", id, "gone");
    assert_in_range(tape.told[gone].freed, 19 * MB, 23 * MB);
    int ended = tape_wait_from(gone, "exit", id, "memory_pressure");
    assert_non_null(strstr(json_get_string(told_body(&tape.told[ended]), "message", ""),
                           "Memory ran short: reopen it"));
    (void) tape_wait_from(ended, "state", id, "stopped");

    const struct json *kept = why_last(id, "kill", &reply);
    assert_non_null(kept);
    assert_int_equal(figure(kept, "usage"), figure(d, "usage"));
    assert_string_equal(json_get_string(kept, "text", ""), json_get_string(d, "text", "-"));
    assert_string_equal(json_get_string(json_first(json_get(kept, "candidates")), "id", ""), id);
    varlink_reply_clear(&reply);
}

/* Both were warned before they were suspended; the one that gave something back is spared, though
 * it has as much left, and the need is met by one kill. */
static void test_one_that_frees_is_spared(void **state) {
    (void) state;
    kit_start(SHORT);
    suspended_hog(B, "40,frees");
    suspended_hog(A, "20,lies");
    hog(C, "20,lies");
    int measured = tape_wait("warned", B, "suspend");
    while (tape.told[measured].freed < 0)
        measured = tape_wait_from(measured + 1, "warned", B, "suspend");
    assert_in_range(tape.told[measured].freed, 19 * MB, 21 * MB);

    order(C, "!take 59");
    int at = tape_wait("decision", NULL, "kill");
    assert_string_equal(tape.told[at].id, A);
    assert_true(tape_wait_level(0, 10) < at);
    check_kill(at, A, B);
    (void) tape_wait_levels(at, 0, 5);
    tape_catch_up();
    harness_assert_state(&h, B, "suspended");
    harness_assert_state(&h, C, "foreground");
    assert_int_equal(tape_count("decision", NULL, "kill"), 1);
    /* Only running ones are warned: B heard nothing while it was stopped. */
    assert_int_equal(tape_count("warned", B, "budget"), 0);
    kit_stop();
}

/* A leak in front at full speed: suspended ones go for it, one after another, until the need is
 * met; what the kernel takes at the hard limit meanwhile is never the one in front. */
static void test_the_one_in_front_outlives_the_suspended(void **state) {
    (void) state;
    kit_needs_quiet();
    static const char *const ids[] = { A, B, D, "org.example.e", "org.example.f" };
    kit_start(SHORT);
    for (int i = 0; i < 5; i++)
        suspended_hog(ids[i], "14,lies");
    hog(C, "10,lies");
    order(C, "!take 100"); /* 110 of 128: there is room for none of them */
    for (int i = 0; i < 5; i++)
        (void) tape_wait("state", ids[i], "stopped");
    harness_wait_log(&h, C, "holds 110");
    tape_catch_up();
    harness_assert_state(&h, C, "foreground");
    assert_int_equal(tape_count("exit", C, NULL), 0);
    int ours = tape_count("exit", NULL, "memory_pressure");
    int kernels = tape_count("exit", NULL, "memory_limit");
    print_message("ended by the supervisor: %d, by the kernel: %d\n", ours, kernels);
    assert_int_equal(ours + kernels, 5);
    assert_int_equal(tape_count("decision", NULL, "oom_kill"), kernels);
    assert_one_at_a_time();
    kit_stop();
}

/* By us; or by the kernel, which a machine under load lets win. */
static int wait_memory_exit(int from) {
    for (;; from++) {
        from = tape_wait_from(from, "exit", NULL, NULL);
        if (strncmp(tape.told[from].what, "memory_", 7) == 0)
            return from;
    }
}

/* At the critical level background ones follow, with a second to say goodbye; the one in front
 * comes last, and only when it is alone. */
static void test_foreground_is_last(void **state) {
    (void) state;
    kit_start(NEVER);
    hog(A, "20,lies");
    hog(B, "20,lies");
    hog(C, "20,lies");
    (void) tape_wait("state", B, "background");
    order(C, "!take 67");
    int first = wait_memory_exit(0);
    assert_true(strcmp(tape.told[first].id, A) == 0 || strcmp(tape.told[first].id, B) == 0);
    /* Enough for now. */
    (void) tape_wait_levels(tape_wait("memory", NULL, NULL) + 1, 0, 5);
    harness_assert_state(&h, C, "foreground");

    /* A background app and the one in front: the latter is alone in the end, and then it goes. */
    order(C, "!take 19");
    int high = tape_wait_levels(first, 10, 15);
    int second = wait_memory_exit(first + 1);
    assert_true(strcmp(tape.told[second].id, A) == 0 || strcmp(tape.told[second].id, B) == 0);
    (void) tape_wait_levels(high, 0, 5);
    harness_assert_state(&h, C, "foreground");
    order(C, "!take 19");
    int last = wait_memory_exit(second + 1);
    assert_string_equal(tape.told[last].id, C);
    assert_one_at_a_time();
    kit_stop();
}

/* What answers a warning by taking more, or by forking without end, ends as cleanly as any. */
static void test_bad_manners_die_cleanly(void **state) {
    (void) state;
    kit_needs_quiet();
    static const char *const ids[] = { A, B, D };
    kit_start(NEVER);
    hog(A, "20,lies");
    hog(B, "10,grows");
    hog_with(D, "10,forks", ",\"pids_max\":60");
    open_app(D);
    hog(C, "60,lies");
    (void) tape_wait("state", D, "background");
    order(C, "!take 10"); /* they are warned, and do their worst */
    (void) tape_wait("warned", D, "budget");
    order(C, "!take 40"); /* 110 of 128 */
    for (int i = 0; i < 3; i++) {
        int at = tape_wait("exit", ids[i], NULL);
        assert_non_null(strstr(tape.told[at].what, "memory_"));
    }
    tape_catch_up();
    harness_assert_state(&h, C, "foreground");
    assert_one_at_a_time();
    kit_stop(); /* checks that no process and no group is left */
}

static void test_page_cache_alone_is_no_need(void **state) {
    (void) state;
    char path[64], said[80];
    (void) snprintf(path, sizeof path, "/var/tmp/it-memory-%d", getpid());
    kit_start(KIT_LIFE("200ms") "[memory]\nbudget=64M\n" KIT_NO_STALLS);
    kit_make_file(path, 128);
    suspended_hog(A, "5,lies");
    hog(C, "5,lies");
    order(C, "!read %s", path);
    (void) snprintf(said, sizeof said, "cached %s", path);
    harness_wait_log(&h, C, said);
    (void) unlink(path);
    assert_true(memory_number(C, "peak") > 40 * MB); /* it was there, and it was counted */
    tape_catch_up();
    assert_int_equal(memory_number(NULL, "level"), 0);
    assert_int_equal(tape_count("memory", NULL, NULL), 0);
    assert_int_equal(tape_count("warned", C, NULL), 0);
    assert_int_equal(tape_count("decision", NULL, NULL), 0);
    harness_assert_state(&h, A, "suspended");
    kit_stop();
}

static void test_policy_off_only_tells(void **state) {
    (void) state;
    kit_start(SHORT "policy=off\n");
    suspended_hog(A, "20,lies");
    hog(C, "20,lies");
    order(C, "!take 80");
    int at = tape_wait_level(0, 10);
    assert_int_equal(memory_number(NULL, "level"), 10);
    order(C, "!drop 80");
    (void) tape_wait_level(at, 0);
    tape_catch_up();
    assert_int_equal(tape_count("warned", C, NULL), 0);
    assert_int_equal(tape_count("decision", NULL, NULL), 0);
    harness_assert_state(&h, A, "suspended");
    kit_stop();
}

/* A budget that comes, tightens and goes with the configuration. */
static void test_reload_with_another_budget(void **state) {
    (void) state;
    static const char none[] = KIT_LIFE("200ms") "[memory]\n" KIT_NO_STALLS;
    static const char tight[] = KIT_LIFE("200ms") "[memory]\nbudget=64M\n" KIT_NO_STALLS;
    kit_start(none);
    assert_int_equal(memory_number(NULL, "budget"), -1);
    suspended_hog(A, "30,lies");
    hog(C, "40,lies");
    kit_reload(tight);
    int at = tape_wait_levels(0, 10, 15);
    (void) tape_wait("exit", A, "memory_pressure");
    assert_true(tape_find("decision", A, "kill") >= 0);
    at = tape_wait_level(at, 0);
    harness_assert_state(&h, C, "foreground");

    /* Below what is in use: told, and nobody there to kill for it but the one in front. */
    kit_reload(KIT_LIFE("200ms") "[memory]\nbudget=43M\n" KIT_NO_STALLS);
    at = tape_wait_level(at, 10);
    kit_reload(none);
    (void) tape_wait_level(at, 0);
    harness_assert_state(&h, C, "foreground");
    kit_stop();
}

#define MEMORY(test) cmocka_unit_test_teardown(test, kit_end)

int main(void) {
    const struct CMUnitTest tests[] = {
        MEMORY(test_levels_are_told),
        MEMORY(test_one_that_frees_is_spared),
        MEMORY(test_the_one_in_front_outlives_the_suspended),
        MEMORY(test_foreground_is_last),
        MEMORY(test_bad_manners_die_cleanly),
        MEMORY(test_page_cache_alone_is_no_need),
        MEMORY(test_policy_off_only_tells),
        MEMORY(test_reload_with_another_budget),
    };
    return cmocka_run_group_tests_name("daemon/memory", tests, NULL, NULL);
}
