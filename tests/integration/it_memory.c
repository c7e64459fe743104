/* SPDX-License-Identifier: MIT
 * A budget runs short on real processes: levels, warnings, what spares an app, what the kernel is
 * told, and what is no need. Apps grow when told to, and no step is taken before the supervisor has
 * looked at the last one: who gets how much CPU decides nothing here. */
#include "tests/integration/memory_kit.h"

#include "supervisor/base/fs.h"

#define SHORT KIT_LIFE("200ms") "[memory]\n" KIT_BUDGET
#define NEVER KIT_LIFE("0") "[memory]\n" KIT_BUDGET /* background apps stay there */

/* Levels are told with their figures, warnings come at each and again while it holds, and it is
 * over when what was taken has been given back. */
static void test_levels_are_told(void **state) {
    (void) state;
    kit_start(SHORT);
    hog(C, "20,lies");
    int at = fill_to_moderate(C);
    const struct json *memory = told_body(&tape.told[at]);
    assert_string_equal(json_get_string(memory, "source", ""), "budget");
    assert_int_equal(figure(memory, "limit"), 256 * MB);
    assert_in_range(figure(memory, "usage") - figure(memory, "cache"), 217 * MB, 236 * MB);
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

    at = step_until(C, at + 1, "memory", NULL, NULL);
    assert_int_equal(tape.told[at].level, 10);
    harness_wait_log(&h, C, "warning 10 budget");
    order(C, "!drop 200");
    at = tape_wait_level(at, 0);
    assert_int_equal(memory_number(NULL, "level"), 0);

    /* Nobody but the one in front was there, and it is not killed at these levels. */
    assert_int_equal(tape_count("decision", NULL, "kill"), 0);
    harness_assert_state(&h, C, "foreground");
    kit_stop();
}

/* What it had is read when it is warned, also of the first warning after a long calm. */
static void test_what_a_warning_brought_is_measured(void **state) {
    (void) state;
    kit_start(SHORT);
    hog(C, "20,frees");
    order_done(C, "!take %d", (int) ((KIT_MODERATE - memory_number(NULL, "current")) / MB));
    int at = tape_wait("warned", C, "budget");
    while (tape.told[at].freed < 0)
        at = tape_wait_from(at + 1, "warned", C, "budget");
    assert_in_range(tape.told[at].freed, 80 * MB, 120 * MB); /* half */
    (void) tape_wait_level(0, 0);
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
    assert_int_equal(figure(d, "limit"), 256 * MB);
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
    assert_true(tape.told[gone].freed > 19 * MB);
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
    assert_in_range(tape.told[measured].freed, 15 * MB, 21 * MB);

    (void) fill_to_moderate(C);
    int at = step_until(C, 0, "decision", NULL, "kill");
    assert_string_equal(tape.told[at].id, A);
    assert_true(tape_wait_level(0, 10) < at);
    check_kill(at, A, B);
    (void) tape_wait_levels(at, 0, 5);
    wait_look();
    harness_assert_state(&h, B, "suspended");
    harness_assert_state(&h, C, "foreground");
    assert_int_equal(tape_count("decision", NULL, "kill"), 1);
    /* Only running ones are warned: B heard nothing while it was stopped. */
    assert_int_equal(tape_count("warned", B, "budget"), 0);
    kit_stop();
}

static void wait_score(const char *id, int want) {
    char path[48], text[16] = "";
    (void) snprintf(path, sizeof path, "/proc/%d/oom_score_adj", harness_pid(&h, id));
    for (int i = 0; i < HARNESS_PATIENCE_MS; i++) { /* nobody tells of it */
        if (fs_read_into(AT_FDCWD, path, text, sizeof text) > 0 && atoi(text) == want)
            return;
        (void) poll(NULL, 0, 1);
    }
    fail_msg("%s has the score %s, not %d", id, text, want);
}

static void wait_scores(const char *suspended, int of_suspended, int of_background) {
    wait_score(suspended, of_suspended);
    wait_score(B, of_background);
    wait_score(C, 0);
}

/* Drops it all when no supervisor is there to see it. */
static void drop_unseen(const char *id) {
    char path[48], text[8192];
    long kb = 1 << 20;
    pid_t pid = harness_pid(&h, id);

    assert_int_equal(kill(pid, SIGSTOP), 0);
    harness_wait_proc_state(pid, "T");
    order(id, "!drop 256");
    tape_end();
    assert_true(WIFSIGNALED(harness_signal_and_wait(&h, SIGKILL)));
    assert_int_equal(kill(pid, SIGCONT), 0);
    (void) snprintf(path, sizeof path, "/proc/%d/status", pid);
    for (int i = 0; i < HARNESS_PATIENCE_MS && kb > 100 * 1024; i++) {
        assert_true(fs_read_into(AT_FDCWD, path, text, sizeof text) > 0);
        assert_int_equal(sscanf(strstr(text, "RssAnon:"), "RssAnon: %ld", &kb), 1);
        (void) poll(NULL, 0, 1);
    }
    assert_true(kb <= 100 * 1024);
    harness_restart(&h);
    tape_begin();
}

/* The kernel's choice agrees with ours; more so while memory is short, and no longer than that. */
static void test_oom_scores_follow_the_level(void **state) {
    (void) state;
    kit_start(SHORT);
    suspended_hog(A, "8,lies");
    suspended_hog(D, "8,lies");
    kit_reload(NEVER);
    hog(B, "10,lies");
    hog(C, "10,lies");
    (void) tape_wait("state", B, "background");
    wait_score(A, 900);
    wait_scores(D, 900, 300);

    /* One kill is enough to be out of need, not to leave the level. */
    (void) fill_to_moderate(C);
    int at = step_until(C, 0, "decision", NULL, "kill");
    const char *left = strcmp(tape.told[at].id, A) == 0 ? D : A;
    (void) tape_wait_from(at, "exit", tape.told[at].id, "memory_pressure");
    wait_scores(left, 1000, 999);
    assert_int_equal(memory_number(NULL, "level"), 10);
    order(C, "!drop 256");
    (void) tape_wait_level(at, 0);
    wait_scores(left, 900, 300);

    /* The next supervisor puts right what it finds. */
    at = fill_to_moderate(C);
    at = step_until(C, at + 1, "memory", NULL, NULL);
    assert_int_equal(tape.told[at].level, 10);
    wait_score(B, 999);
    drop_unseen(C);
    wait_score(B, 300);
    assert_int_equal(memory_number(NULL, "level"), 0);
    kit_stop();
}

/* --- what is no need ---------------------------------------------------------------------- */

static void test_page_cache_alone_is_no_need(void **state) {
    (void) state;
    char path[64], said[80];
    (void) snprintf(path, sizeof path, "/var/tmp/it-memory-%d", getpid());
    kit_start(KIT_LIFE("200ms") "[memory]\nbudget=64M\n" HARNESS_NO_STALLS);
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
    int at = fill_to_moderate(C);
    at = step_until(C, at + 1, "memory", NULL, NULL);
    assert_int_equal(tape.told[at].level, 10);
    assert_int_equal(memory_number(NULL, "level"), 10);
    wait_score(A, 900);
    order(C, "!drop 200");
    (void) tape_wait_level(at, 0);
    tape_catch_up();
    assert_int_equal(tape_count("warned", C, NULL), 0);
    assert_int_equal(tape_count("decision", NULL, NULL), 0);
    harness_assert_state(&h, A, "suspended");
    kit_stop();
}

/* So many permille of it are in use now. */
static void reload_with_budget(int64_t used, int permille) {
    char config[512];
    (void) snprintf(config, sizeof config, "%s[memory]\nbudget=%lldK\n%s", KIT_LIFE("200ms"),
                    (long long) (used / 1024 * 1000 / permille), HARNESS_NO_STALLS);
    kit_reload(config);
}

/* A budget that comes, tightens and goes with the configuration. */
static void test_reload_with_another_budget(void **state) {
    (void) state;
    static const char none[] = KIT_LIFE("200ms") "[memory]\n" HARNESS_NO_STALLS;
    kit_start(none);
    assert_int_equal(memory_number(NULL, "budget"), -1);
    suspended_hog(A, "30,lies");
    hog(C, "100,lies");
    /* More than all of it is in use: it gets a hard limit only when it holds. */
    reload_with_budget(memory_number(NULL, "current"), 1100);
    int at = tape_wait_levels(0, 10, 15);
    (void) tape_wait("exit", A, "memory_pressure");
    assert_true(tape_find("decision", A, "kill") >= 0);
    at = tape_wait_levels(at + 1, 0, 5);
    harness_assert_state(&h, C, "foreground");

    /* Tighter: told, and nobody there to kill for it but the one in front. */
    reload_with_budget(memory_number(NULL, "current"), 945);
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
        MEMORY(test_what_a_warning_brought_is_measured),
        MEMORY(test_one_that_frees_is_spared),
        MEMORY(test_oom_scores_follow_the_level),
        MEMORY(test_page_cache_alone_is_no_need),
        MEMORY(test_policy_off_only_tells),
        MEMORY(test_reload_with_another_budget),
    };
    return cmocka_run_group_tests_name("daemon/memory", tests, NULL, NULL);
}
