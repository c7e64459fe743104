/* SPDX-License-Identifier: MIT
 * Who is killed when a budget runs short, one after another, and how it ends. As in it_memory.c no
 * step is taken before the last one has been seen; the one test that races the kernel's OOM killer
 * on purpose takes either's word. */
#include "tests/integration/memory_kit.h"

#include "tests/integration/freezer_kit.h"

#define SHORT KIT_LIFE("200ms") "[memory]\n" KIT_BUDGET
#define NEVER KIT_LIFE("0") "[memory]\n" KIT_BUDGET /* background apps stay there */
#define E     "org.example.e"
#define F     "org.example.f"

/* A leak in front, step by step: the thresholds see it without any stall, the suspended ones go for
 * it one after another, each only when the need is there again, and it lives. */
static void test_a_leak_takes_one_after_another(void **state) {
    (void) state;
    static const char *const ids[] = { A, B, D, E };
    struct varlink_reply reply;
    int at = 0;

    kit_start(SHORT);
    for (int i = 0; i < 4; i++)
        suspended_hog(ids[i], "16,lies");
    hog(C, "10,lies");
    (void) fill_to_moderate(C);
    for (int i = 1; i <= 4; i++) {
        at = step_until(C, at + 1, "decision", NULL, "kill");
        const char *id = tape.told[at].id;
        int ended = tape_wait_from(at, "exit", id, "memory_pressure");
        (void) tape_wait_levels(at, 0, 5); /* enough for now */
        wait_look();
        assert_int_equal(tape_count("decision", NULL, "kill"), i);
        assert_true(ended > at);
        assert_non_null(why_last(id, "kill", &reply));
        varlink_reply_clear(&reply);
    }
    assert_int_equal(tape_count("exit", NULL, "memory_limit"), 0);
    assert_one_at_a_time();
    harness_assert_state(&h, C, "foreground");
    kit_stop();
}

/* --- the one in front --------------------------------------------------------------------- */

/* At the critical level background ones follow, with a second to say goodbye; the one in front
 * comes last, and only when it is alone. */
static void test_foreground_is_last(void **state) {
    (void) state;
    kit_start(NEVER);
    hog(A, "20,lies");
    hog(B, "20,lies");
    hog(C, "20,lies");
    (void) tape_wait("state", B, "background");
    (void) fill_to_moderate(C);
    int at = 0;
    for (int i = 0; i < 3; i++) {
        at = step_until(C, at + 1, "decision", NULL, "kill");
        const struct told *t = &tape.told[at];
        assert_int_equal(t->level, 15);
        assert_true((strcmp(t->id, C) == 0) == (i == 2));
        int ended = tape_wait_from(at, "exit", t->id, "memory_pressure");
        (void) tape_wait_from(ended, "state", t->id, "stopped");
        (void) tape_wait_levels(at, 0, 10);
    }
    assert_one_at_a_time();
    assert_int_equal(tape_count("exit", NULL, "memory_limit"), 0);
    kit_stop();
}

/* As fast as it can: the supervisor and the kernel's OOM killer, which may come first, both take
 * the suspended ones. */
static void test_a_leak_at_full_speed(void **state) {
    (void) state;
    static const char *const ids[] = { A, B, D, E, F };
    kit_start(SHORT);
    for (int i = 0; i < 5; i++)
        suspended_hog(ids[i], "14,lies");
    hog(C, "10,lies");
    /* Then there is room for none of them. */
    order_done(C, "!take %d", (int) ((KIT_MODERATE - memory_number(C, "current")) / MB));
    for (int i = 0; i < 5; i++)
        (void) tape_wait("state", ids[i], "stopped");
    tape_catch_up();
    harness_assert_state(&h, C, "foreground");
    assert_int_equal(tape_count("exit", C, NULL), 0);
    int ours = tape_count("exit", NULL, "memory_pressure");
    int kernels = tape_count("exit", NULL, "memory_limit");
    print_message("ended by the supervisor: %d, by the kernel: %d\n", ours, kernels);
    assert_int_equal(ours + kernels, 5);
    assert_true(tape_count("decision", NULL, "oom_kill") >= kernels);
    assert_one_at_a_time();
    kit_stop();
}

/* --- a victim that does not go ------------------------------------------------------------ */

static int thaw_and_end(void **state) {
    freezer_thaw();
    int r = kit_end(state);
    freezer_clear();
    return r;
}

static int kill_frozen(const char *how) {
    kit_start(SHORT);
    suspended_hog(B, "40,frees"); /* so that the other one goes first */
    suspended_hog(A, how);
    freezer_freeze(harness_pid(&h, A));
    hog(C, "10,lies");
    (void) fill_to_moderate(C);
    int at = step_until(C, 0, "decision", NULL, "kill");
    assert_string_equal(tape.told[at].id, A);
    return at;
}

/* However great the need is: the next one only when the first is gone or given up. Shared memory
 * stays until its last holder has gone. */
static void test_no_second_kill_beside_a_stuck_one(void **state) {
    (void) state;
    int killed = kill_frozen("30,lies,shared");
    order_done(C, "!take 4"); /* the little that it had for itself is not enough */
    int stuck = tape_wait_from(killed, "decision", A, "stuck");
    assert_int_equal(tape_count("decision", NULL, "kill"), 1);
    int next = tape_wait_from(stuck, "decision", NULL, "kill");
    assert_string_equal(tape.told[next].id, B);
    (void) tape_wait_from(next, "exit", B, "memory_pressure");
    harness_assert_state(&h, A, "stopping");
    freezer_thaw();
    (void) tape_wait_from(next, "exit", A, "memory_pressure");
    tape_catch_up();
    assert_one_at_a_time();
    harness_assert_state(&h, C, "foreground");
    kit_stop();
}

/* By process_mrelease(2): what it had for itself comes back though it gets no CPU to end. */
static void test_memory_of_a_frozen_victim_comes_back(void **state) {
    (void) state;
    int killed = kill_frozen("30,lies");
    (void) tape_wait_levels(killed, 0, 5);
    harness_assert_state(&h, A, "stopping");
    (void) tape_wait_from(killed, "decision", A, "stuck");
    wait_look();
    assert_int_equal(tape_count("decision", NULL, "kill"), 1);
    harness_assert_state(&h, B, "suspended");
    freezer_thaw();
    (void) tape_wait_from(killed, "exit", A, "memory_pressure");
    kit_stop();
}

/* --- manners ------------------------------------------------------------------------------ */

/* Hears nothing, on no channel, and is not asked twice. */
static const char deaf[] = "trap '' TERM HUP INT USR1 USR2\n"
                           "x=$(head -c 16777216 /dev/zero | tr '\\0' x)\n"
                           "echo has ${#x}\n"
                           "while :; do sleep 1000 & wait; done\n";

/* The end of the next one, after as many steps as it needs. What grows or forks may take the last
 * of the budget before it is killed for it; then the kernel ends one of them first. */
static void next_end(int *kills) {
    int ends = tape_count("exit", NULL, NULL);

    for (int taken = 0; tape_count("exit", NULL, NULL) == ends; taken++) {
        if (taken == 64)
            fail_msg("64 MB more, and nobody ends");
        if (tape_count("decision", NULL, "kill") > *kills) {
            const struct told *t = &tape.told[tape_nth("decision", NULL, "kill", (*kills)++)];
            assert_string_not_equal(t->id, C);
            (void) tape_wait("exit", t->id, NULL);
        } else {
            step(C);
        }
    }
}

/* What answers a warning by nothing, by taking more, or by forking without end, ends as cleanly as
 * any, and before the one in front. */
static void test_bad_manners_die_cleanly(void **state) {
    (void) state;
    static const char *const ids[] = { A, B, D, E };
    kit_start(NEVER);
    hog(A, "20,lies");
    hog(B, "10,grows");
    hog_with(D, "10,forks", ",\"pids_max\":16");
    open_app(D);
    harness_install(&h, &(struct harness_app){ .id = E, .script = deaf });
    open_app(E);
    harness_wait_log(&h, E, "has 16777216");
    hog(C, "20,lies");
    (void) tape_wait("state", E, "background");
    (void) fill_to_moderate(C); /* they are warned, and do their worst */
    (void) tape_wait("warned", D, "budget");
    for (int kills = 0; tape_count("exit", NULL, NULL) < 4;)
        next_end(&kills);
    for (int i = 0; i < 4; i++)
        (void) tape_wait("state", ids[i], "stopped");
    tape_catch_up();
    int ours = tape_count("exit", NULL, "memory_pressure");
    int kernels = tape_count("exit", NULL, "memory_limit");
    print_message("ended by the supervisor: %d, by the kernel: %d\n", ours, kernels);
    assert_true(ours > 0);
    assert_int_equal(ours + kernels, 4);
    harness_assert_state(&h, C, "foreground");
    assert_one_at_a_time();
    kit_stop(); /* checks that no process and no group is left */
}

#define MEMORY(test) cmocka_unit_test_teardown(test, kit_end)
#define FREEZE(test) cmocka_unit_test_teardown(test, thaw_and_end)

int main(void) {
    const struct CMUnitTest tests[] = {
        MEMORY(test_a_leak_takes_one_after_another),
        MEMORY(test_foreground_is_last),
        MEMORY(test_a_leak_at_full_speed),
        FREEZE(test_no_second_kill_beside_a_stuck_one),
        FREEZE(test_memory_of_a_frozen_victim_comes_back),
        MEMORY(test_bad_manners_die_cleanly),
    };
    return cmocka_run_group_tests_name("daemon/memory_kills", tests, NULL, NULL);
}
