/* SPDX-License-Identifier: MIT
 * A version on trial, as stories: what ends how, and what is current then. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "units/store.h"
#include "units/trial.h"
#include "units/updates.h"

#define FILE_HASH "ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff"

#define BOOT      "01234567-89ab-cdef-0123-456789abcdef"
#define NEXT_BOOT "11234567-89ab-cdef-0123-456789abcdef"

struct scene {
    struct store_state s;
    struct updates u;
};

static void put(struct store_version *v, uint64_t code) {
    char hash[STORE_HASH_HEX + 1];
    (void) snprintf(hash, sizeof hash, "%064llx", (unsigned long long) code);
    assert_int_equal(store_version_set(v, code, hash, false), 0);
}

static struct scene two_over_one(unsigned tries) {
    struct scene x = { 0 };
    put(&x.s.current, 1);
    put(&x.s.pending, 2);
    (void) strcpy(x.u.pending_file, FILE_HASH);
    trial_begin(&x.s, &x.u, tries);
    return x;
}

static void are(const struct scene *x, uint64_t current, uint64_t previous, uint64_t pending) {
    assert_int_equal(x->s.current.code, current);
    assert_int_equal(x->s.previous.code, previous);
    assert_int_equal(x->s.pending.code, pending);
}

/* What came of a try that nobody saw the end of; *changed: there is something to save. */
static enum trial_verdict take(struct scene *x, const char *boot, bool *changed) {
    enum trial_verdict unseen = TRIAL_NONE;
    int r = trial_take(&x->s, &x->u, boot, &unseen);
    assert_true(r >= 0);
    *changed = r > 0;
    return unseen;
}

static enum trial_verdict run(struct scene *x, bool lived, enum exit_reason reason, bool machine) {
    bool changed;
    assert_int_equal(take(x, BOOT, &changed), TRIAL_NONE);
    assert_int_equal(changed, trial_is_on(&x->u));
    enum trial_verdict v = trial_judge(&x->u, lived, reason, machine);
    assert_int_equal(trial_settle(&x->s, &x->u, v, "it crashed"), 0);
    return v;
}

static void test_a_version_that_lives_is_kept(void **state) {
    (void) state;
    struct scene x = two_over_one(3);
    are(&x, 2, 1, 0);
    assert_string_equal(x.u.current_file, FILE_HASH);
    assert_true(trial_is_on(&x.u));
    assert_int_equal(run(&x, true, EXIT_CRASHED_REASON, false), TRIAL_KEEP);
    assert_false(trial_is_on(&x.u));
    are(&x, 2, 1, 0);
    assert_int_equal(run(&x, false, EXIT_CRASHED_REASON, false), TRIAL_NONE);
    assert_int_equal(x.u.n_failed, 0);
    updates_clear(&x.u);
}

static void test_three_crashes_go_back(void **state) {
    (void) state;
    struct scene x = two_over_one(3);
    assert_int_equal(run(&x, false, EXIT_CRASHED_REASON, false), TRIAL_AGAIN);
    assert_int_equal(x.u.tries, 2);
    assert_int_equal(run(&x, false, EXIT_START_TIMEOUT_REASON, false), TRIAL_AGAIN);
    assert_int_equal(x.u.tries, 1);
    are(&x, 2, 1, 0);
    assert_int_equal(run(&x, false, EXIT_UNRESPONSIVE_REASON, false), TRIAL_BACK);
    are(&x, 1, 2, 0); /* the failed one stays in the store until this one lives */
    assert_true(x.u.retreat);
    assert_string_equal(updates_failed_code(&x.u, 2)->hash, FILE_HASH);
    assert_string_equal(updates_failed_code(&x.u, 2)->reason, "it crashed");
    assert_int_equal(run(&x, true, EXIT_CLOSED_REASON, false), TRIAL_KEEP);
    are(&x, 1, 0, 0);
    assert_false(trial_is_on(&x.u));
    assert_non_null(updates_failed_code(&x.u, 2));
    updates_clear(&x.u);
}

static void test_a_folder_fails_by_its_list_of_files(void **state) {
    (void) state;
    struct scene x = two_over_one(1);
    x.u.current_file[0] = '\0';
    assert_int_equal(run(&x, false, EXIT_START_FAILED_REASON, false), TRIAL_BACK);
    assert_string_equal(updates_failed_code(&x.u, 2)->hash, x.s.previous.files_hash);
    updates_clear(&x.u);
}

static void test_if_both_fail_it_is_the_environment(void **state) {
    (void) state;
    struct scene x = two_over_one(1);
    assert_int_equal(run(&x, false, EXIT_CRASHED_REASON, false), TRIAL_BACK);
    assert_int_equal(run(&x, false, EXIT_CRASHED_REASON, false), TRIAL_ENVIRONMENT);
    are(&x, 1, 0, 2);
    assert_false(trial_is_on(&x.u));
    assert_null(updates_failed_code(&x.u, 2));
    assert_string_equal(x.u.pending_file, FILE_HASH);
    trial_begin(&x.s, &x.u, 3); /* tried again, with all its tries */
    are(&x, 2, 1, 0);
    assert_int_equal(x.u.tries, 3);
    assert_string_equal(x.u.current_file, FILE_HASH);
    updates_clear(&x.u);
}

static void test_a_newer_one_is_not_pushed_out_by_the_one_that_failed(void **state) {
    (void) state;
    struct scene x = two_over_one(1);
    assert_int_equal(run(&x, false, EXIT_CRASHED_REASON, false), TRIAL_BACK);
    put(&x.s.pending, 3);
    assert_int_equal(run(&x, false, EXIT_CRASHED_REASON, false), TRIAL_ENVIRONMENT);
    are(&x, 1, 0, 3);
    updates_clear(&x.u);
}

/* Whatever ends it that is not its own doing. */
static void test_others_do_not_use_up_a_try(void **state) {
    (void) state;
    for (enum exit_reason r = EXIT_REASON_NONE; r < EXIT_REASON_COUNT; r++) {
        struct scene x = two_over_one(1);
        bool own = r == EXIT_CRASHED_REASON || r == EXIT_START_FAILED_REASON ||
                   r == EXIT_START_TIMEOUT_REASON || r == EXIT_UNRESPONSIVE_REASON;
        assert_int_equal(run(&x, false, r, false), own ? TRIAL_BACK : TRIAL_GIVE_BACK);
        if (!own) {
            are(&x, 2, 1, 0);
            assert_int_equal(x.u.tries, 1);
            assert_false(x.u.taken);
            assert_int_equal(x.u.n_failed, 0);
        }
        updates_clear(&x.u);
    }
    struct scene x = two_over_one(1); /* no room for its process */
    assert_int_equal(run(&x, false, EXIT_START_FAILED_REASON, true), TRIAL_GIVE_BACK);
    are(&x, 2, 1, 0);
    updates_clear(&x.u);
}

static void test_a_power_cut_takes_no_try(void **state) {
    (void) state;
    struct scene x = two_over_one(1);
    bool changed;
    assert_int_equal(take(&x, BOOT, &changed), TRIAL_NONE);
    assert_true(changed);
    assert_int_equal(take(&x, NEXT_BOOT, &changed), TRIAL_NONE);
    assert_true(changed); /* whose it is now has to be known as well */
    are(&x, 2, 1, 0);
    assert_int_equal(x.u.tries, 1);
    x.u.boot[0] = '\0'; /* of a supervisor that did not note it */
    assert_int_equal(take(&x, BOOT, &changed), TRIAL_NONE);
    assert_int_equal(x.u.tries, 1);
    updates_clear(&x.u);
}

/* A version that takes the supervisor down with it must not be tried for ever. */
static void test_an_end_that_nobody_saw_uses_up_its_try(void **state) {
    (void) state;
    struct scene x = two_over_one(2);
    bool changed;
    assert_int_equal(take(&x, BOOT, &changed), TRIAL_NONE);
    assert_int_equal(take(&x, BOOT, &changed), TRIAL_AGAIN);
    assert_true(changed);
    assert_int_equal(x.u.tries, 1);
    assert_true(x.u.taken);
    assert_int_equal(take(&x, BOOT, &changed), TRIAL_BACK);
    assert_true(changed);
    are(&x, 1, 2, 0);
    assert_true(x.u.retreat);
    assert_true(x.u.taken);
    assert_string_equal(updates_failed_code(&x.u, 2)->reason, TRIAL_UNSEEN);
    assert_int_equal(take(&x, BOOT, &changed), TRIAL_NONE); /* no evidence against this one */
    assert_false(changed);
    are(&x, 1, 2, 0);
    updates_clear(&x.u);
}

static void test_a_first_version_is_not_on_trial(void **state) {
    (void) state;
    struct scene x = { 0 };
    put(&x.s.pending, 1);
    trial_begin(&x.s, &x.u, 3);
    are(&x, 1, 0, 0);
    assert_false(trial_is_on(&x.u));
    updates_clear(&x.u);
}

static void test_by_hand_it_goes_back_and_holds(void **state) {
    (void) state;
    struct scene x = two_over_one(3);
    put(&x.s.pending, 3);
    assert_int_equal(trial_roll_back(&x.s, &x.u), 0);
    are(&x, 1, 0, 0);
    assert_int_equal(x.u.held, 2);
    assert_false(trial_is_on(&x.u));
    assert_int_equal(trial_roll_back(&x.s, &x.u), -ENOENT);
    are(&x, 1, 0, 0);
    updates_clear(&x.u);

    struct scene y = two_over_one(1); /* what failed is nothing to go back to */
    assert_int_equal(run(&y, false, EXIT_CRASHED_REASON, false), TRIAL_BACK);
    assert_int_equal(trial_roll_back(&y.s, &y.u), -ENOENT);
    updates_clear(&y.u);
}

static void test_an_installation_ends_the_trial(void **state) {
    (void) state;
    struct scene x = two_over_one(3);
    bool changed;
    assert_int_equal(take(&x, BOOT, &changed), TRIAL_NONE);
    trial_installed(&x.u, true); /* current goes on */
    assert_int_equal(x.u.tries, 3);
    assert_true(x.u.taken);
    assert_string_equal(x.u.current_file, FILE_HASH);
    trial_installed(&x.u, false);
    assert_false(trial_is_on(&x.u));
    assert_false(x.u.taken);
    assert_string_equal(x.u.current_file, "");
    updates_clear(&x.u);
}

/* Not before it has lived: the one to fall back to would be forbidden. */
static void test_the_floor_is_raised_by_a_version_that_lived(void **state) {
    (void) state;
    struct scene x = two_over_one(2);
    x.u.minimum = 2;
    trial_raise_floor(&x.s, &x.u);
    assert_int_equal(x.u.floor, 0);
    assert_int_equal(run(&x, false, EXIT_CRASHED_REASON, false), TRIAL_AGAIN);
    assert_int_equal(x.u.floor, 0);
    assert_int_equal(run(&x, true, EXIT_CLOSED_REASON, false), TRIAL_KEEP);
    assert_int_equal(x.u.floor, 2);
    x.u.minimum = 3; /* it is forbidden itself: nothing to prove by it */
    trial_raise_floor(&x.s, &x.u);
    assert_int_equal(x.u.floor, 2);
    x.u.minimum = 1;
    trial_raise_floor(&x.s, &x.u);
    assert_int_equal(x.u.floor, 2);
    updates_clear(&x.u);
}

static void test_names(void **state) {
    (void) state;
    for (int v = 0; v < TRIAL_VERDICT_COUNT; v++)
        assert_true(trial_verdict_name((enum trial_verdict) v)[0] != '?');
    assert_string_equal(trial_verdict_name(TRIAL_VERDICT_COUNT), "?");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_version_that_lives_is_kept),
        cmocka_unit_test(test_three_crashes_go_back),
        cmocka_unit_test(test_a_folder_fails_by_its_list_of_files),
        cmocka_unit_test(test_if_both_fail_it_is_the_environment),
        cmocka_unit_test(test_a_newer_one_is_not_pushed_out_by_the_one_that_failed),
        cmocka_unit_test(test_others_do_not_use_up_a_try),
        cmocka_unit_test(test_a_power_cut_takes_no_try),
        cmocka_unit_test(test_an_end_that_nobody_saw_uses_up_its_try),
        cmocka_unit_test(test_a_first_version_is_not_on_trial),
        cmocka_unit_test(test_by_hand_it_goes_back_and_holds),
        cmocka_unit_test(test_an_installation_ends_the_trial),
        cmocka_unit_test(test_the_floor_is_raised_by_a_version_that_lived),
        cmocka_unit_test(test_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
