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
    int held = 90;
    kit_start(SHORT);
    hog(C, "90,lies");
    int at = grow_to_level(C, &held, 5);
    const struct json *memory = told_body(&tape.told[at]);
    assert_int_equal(tape.told[at].level, 5);
    assert_string_equal(json_get_string(memory, "source", ""), "budget");
    assert_int_equal(figure(memory, "limit"), 128 * MB);
    assert_in_range(figure(memory, "usage") - figure(memory, "cache"), 108 * MB, 118 * MB);
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

    at = grow_to_level(C, &held, 10);
    harness_wait_log(&h, C, "warning 10 budget");
    order(C, "!drop 60");
    (void) tape_wait_level(at, 0);
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
    assert_in_range(tape.told[gone].freed, 18 * MB, 24 * MB);
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
    int held = 60;
    kit_start(SHORT);
    suspended_hog(B, "40,frees");
    suspended_hog(A, "20,lies");
    hog(C, "60,lies");
    int measured = tape_wait("warned", B, "suspend");
    while (tape.told[measured].freed < 0)
        measured = tape_wait_from(measured + 1, "warned", B, "suspend");
    assert_in_range(tape.told[measured].freed, 18 * MB, 22 * MB);

    (void) grow_to_level(C, &held, 10);
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

/* What is in front takes more and more: suspended ones go for it, one after another, each only when
 * the one before is gone and the need is there again. */
static void test_the_one_in_front_outlives_the_suspended(void **state) {
    (void) state;
    static const char *const ids[] = { A, B, D, "org.example.e", "org.example.f" };
    int held = 30;
    kit_start(SHORT);
    for (int i = 0; i < 5; i++)
        suspended_hog(ids[i], "14,lies");
    hog(C, "30,lies");
    for (int i = 0; i < 5; i++) {
        int at = grow_to_level(C, &held, 10);
        int killed = tape_wait_from(at, "decision", NULL, "kill");
        (void) tape_wait_from(killed, "exit", tape.told[killed].id, "memory_pressure");
        (void) tape_wait_levels(killed, 0, 5);
        assert_int_equal(tape_count("decision", NULL, "kill"), i + 1);
    }
    harness_assert_state(&h, C, "foreground");
    for (int i = 0; i < 5; i++)
        assert_int_equal(tape_count("exit", ids[i], "memory_pressure"), 1);
    assert_int_equal(tape_count("decision", NULL, "oom_kill"), 0);
    assert_one_at_a_time();
    kit_stop();
}

/* The same at full speed, where the kernel may well be first: it takes no other ones. */
static void test_a_leak_at_full_speed(void **state) {
    (void) state;
    static const char *const ids[] = { A, B, D, "org.example.e", "org.example.f" };
    kit_start(SHORT);
    for (int i = 0; i < 5; i++)
        suspended_hog(ids[i], "14,lies");
    hog(C, "10,lies");
    order(C, "!take 100"); /* 110 of 128: there is room for none of them */
    for (int i = 0; i < 5; i++)
        assert_non_null(strstr(tape.told[tape_wait("exit", ids[i], NULL)].what, "memory_"));
    harness_wait_log(&h, C, "holds 110");
    tape_catch_up();
    print_message("ended by the supervisor: %d, by the kernel: %d\n",
                  tape_count("exit", NULL, "memory_pressure"),
                  tape_count("exit", NULL, "memory_limit"));
    assert_int_equal(tape_count("exit", C, NULL), 0);
    assert_true(tape_count("decision", NULL, "oom_kill") >=
                tape_count("exit", NULL, "memory_limit"));
    harness_assert_state(&h, C, "foreground");
    assert_one_at_a_time();
    kit_stop();
}

/* At the critical level background ones follow, with a second to say goodbye; the one in front
 * comes last, and only when it is alone. */
static void test_foreground_is_last(void **state) {
    (void) state;
    int held = 60, killed = -1;
    kit_start(NEVER);
    hog(A, "20,lies");
    hog(B, "20,lies");
    hog(C, "60,lies");
    (void) tape_wait("state", B, "background");
    for (int i = 0; i < 2; i++) {
        int at = grow_to_level(C, &held, 15);
        killed = tape_wait_from(at, "decision", NULL, "kill");
        const char *id = tape.told[killed].id;
        assert_true(strcmp(id, A) == 0 || strcmp(id, B) == 0);
        assert_non_null(
            strstr(json_get_string(told_body(&tape.told[killed]), "text", ""), "after an unload"));
        (void) tape_wait_from(killed, "exit", id, "memory_pressure");
        (void) tape_wait_levels(killed, 0, 10);
        harness_assert_state(&h, C, "foreground");
    }
    (void) grow_to_level(C, &held, 15);
    (void) tape_wait_from(killed, "exit", C, "memory_pressure");
    assert_int_equal(tape_count("decision", NULL, "kill"), 3);
    assert_one_at_a_time();
    kit_stop();
}

/* What answers a warning by taking more, or by forking without end, ends as cleanly as any. */
static void test_bad_manners_die_cleanly(void **state) {
    (void) state;
    static const char *const ids[] = { A, B, D };
    int held = 40;
    kit_start(NEVER);
    hog(A, "15,lies");
    hog(B, "10,grows");
    hog_with(D, "10,forks", ",\"pids_max\":60");
    open_app(D);
    hog(C, "40,lies");
    (void) tape_wait("state", D, "background");
    (void) grow_to_level(C, &held, 5); /* they are warned, and do their worst */
    (void) tape_wait("warned", D, "budget");
    for (int i = 0; i < 3; i++) {
        (void) grow_to_level(C, &held, 15);
        /* A leak of several at once: who is first, we or the kernel, is all the same. */
        for (bool gone = false; !gone;) {
            int ended = 0;
            for (int k = 0; k < 3; k++)
                ended += tape_find("exit", ids[k], NULL) >= 0;
            gone = ended > i;
            if (!gone)
                (void) tape_next();
        }
    }
    for (int i = 0; i < 3; i++)
        assert_non_null(strstr(tape.told[tape_find("exit", ids[i], NULL)].what, "memory_"));
    tape_catch_up();
    harness_assert_state(&h, C, "foreground");
    assert_one_at_a_time();
    kit_stop(); /* checks that no process and no group is left */
}

/* What /proc has of it. */
static int oom_score(const char *id) {
    char path[64], text[16] = "";
    (void) snprintf(path, sizeof path, "/proc/%d/oom_score_adj", harness_pid(&h, id));
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    assert_true(fd >= 0 && read(fd, text, sizeof text - 1) > 0);
    (void) close(fd);
    return atoi(text);
}

/* The kernel is told whom to take by state, and while memory is short in steps that no size of an
 * app can cross. */
static void test_oom_scores(void **state) {
    (void) state;
    int held = 60;
    kit_start(NEVER);
    hog(B, "10,lies");
    hog(C, "60,lies");
    (void) tape_wait("state", B, "background");
    kit_sync();
    assert_int_equal(oom_score(C), 0);
    assert_int_equal(oom_score(B), 300);
    int at = grow_to_level(C, &held, 5);
    kit_sync();
    assert_int_equal(oom_score(C), 0);
    assert_int_equal(oom_score(B), 950);
    order(C, "!drop 50");
    (void) tape_wait_level(at, 0);
    kit_sync();
    assert_int_equal(oom_score(B), 300);
    kit_stop();
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
    int held = 80;
    kit_start(SHORT "policy=off\n");
    suspended_hog(A, "20,lies");
    hog(C, "80,lies");
    int at = grow_to_level(C, &held, 10);
    assert_int_equal(memory_number(NULL, "level"), 10);
    order(C, "!drop 60");
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
        MEMORY(test_a_leak_at_full_speed),
        MEMORY(test_foreground_is_last),
        MEMORY(test_bad_manners_die_cleanly),
        MEMORY(test_oom_scores),
        MEMORY(test_page_cache_alone_is_no_need),
        MEMORY(test_policy_off_only_tells),
        MEMORY(test_reload_with_another_budget),
    };
    return cmocka_run_group_tests_name("daemon/memory", tests, NULL, NULL);
}
