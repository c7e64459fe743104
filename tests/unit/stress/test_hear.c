/* SPDX-License-Identifier: MIT
 * What the supervisor tells, as kills, marks and times. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>

#include "record_kit.h"

static void test_kill_from_decision_to_end(void **state) {
    (void) state;
    struct record r;

    kit_init(&r, 3);
    kit_state(&r, 10, 1, "suspended", "timeout");
    kit_decide(&r, 20, 1, "kill");
    kit_state(&r, 21, 1, "stopping", "memory_pressure");
    assert_int_equal(r.n_kills, 1); /* the state is the same kill */
    const struct record_kill *k = &r.kill[0];
    assert_true(k->gone == RECORD_NONE && k->at == 20000);
    kit_exit(&r, 25, 1, "memory_pressure");
    assert_int_equal(k->gone, 25000);
    assert_int_equal(k->from, STATE_SUSPENDED);
    assert_int_equal(k->sigkill_us, 250);
    assert_int_equal(k->level, 10);
    assert_int_equal(k->bystander, -1);
    assert_true(k->explained && !k->by_kernel && !k->beside);
    assert_string_equal(k->reason, "memory_pressure");
    assert_string_equal(k->text, "it had to go\nx: first");
    assert_int_equal(r.app[0].kill, -1);
    assert_int_equal(r.mark[0].kind, MARK_KILL);
    assert_int_equal(r.n_marks, 1); /* no "ended" beside it */
    record_clear(&r);
}

static void test_front_killed_beside_a_background_one(void **state) {
    (void) state;
    struct record r;

    kit_init(&r, 3);
    kit_state(&r, 10, 1, "foreground", "ready");
    kit_state(&r, 10, 2, "background", "hide");
    kit_decide(&r, 20, 1, "kill");
    assert_int_equal(r.kill[0].from, STATE_FOREGROUND);
    assert_int_equal(r.kill[0].bystander, 1);
    kit_exit(&r, 30, 1, "memory_pressure");
    kit_decide(&r, 40, 2, "kill");
    kit_state(&r, 41, 2, "stopping", "memory_pressure");
    kit_state(&r, 42, 3, "foreground", "ready");
    kit_exit(&r, 43, 2, "memory_pressure");
    kit_decide(&r, 50, 3, "kill"); /* alone now */
    assert_int_equal(r.kill[2].bystander, -1);
    record_clear(&r);
}

/* It was on its way out: nobody should have gone before it. */
static void test_kill_of_one_that_is_stopping(void **state) {
    (void) state;
    struct record r;

    kit_init(&r, 3);
    kit_state(&r, 10, 1, "foreground", "ready");
    kit_state(&r, 10, 2, "suspended", "timeout");
    kit_state(&r, 20, 1, "stopping", "closed");
    kit_decide(&r, 21, 1, "kill");
    kit_exit(&r, 22, 1, "closed");
    assert_int_equal(r.n_kills, 1);
    assert_int_equal(r.kill[0].from, STATE_STOPPING);
    assert_int_equal(r.kill[0].gone, 22000);
    assert_string_equal(r.kill[0].reason, "closed");
    record_clear(&r);
}

static void test_second_kill_before_the_first_is_gone(void **state) {
    (void) state;
    struct record r;

    kit_init(&r, 4);
    for (unsigned i = 1; i <= 4; i++)
        kit_state(&r, 10, i, "suspended", "timeout");
    kit_decide(&r, 20, 1, "kill");
    kit_decide(&r, 21, 2, "kill");
    assert_false(r.kill[0].beside);
    assert_true(r.kill[1].beside);
    kit_decide(&r, 30, 1, "stuck"); /* passed over from now on */
    kit_exit(&r, 31, 2, "memory_pressure");
    kit_decide(&r, 32, 3, "kill");
    assert_true(r.kill[0].stuck);
    assert_false(r.kill[2].beside);
    record_clear(&r);
}

static void test_kernel_kill(void **state) {
    (void) state;
    struct record r;

    kit_init(&r, 3);
    kit_state(&r, 10, 1, "foreground", "ready");
    kit_decide(&r, 20, 1, "oom_kill"); /* told before, … */
    kit_state(&r, 20, 1, "stopping", "memory_limit");
    kit_exit(&r, 21, 1, "memory_limit");
    assert_true(r.kill[0].by_kernel && r.kill[0].explained);
    assert_int_equal(r.kill[0].from, STATE_FOREGROUND);

    kit_state(&r, 30, 2, "foreground", "ready"); /* … after, … */
    kit_state(&r, 31, 2, "stopping", "memory_limit");
    kit_decide(&r, 32, 2, "oom_kill");
    kit_exit(&r, 33, 2, "memory_limit");
    assert_true(r.kill[1].explained);

    kit_state(&r, 40, 1, "starting", "open"); /* … and not at all in this run of it. */
    kit_state(&r, 41, 1, "foreground", "ready");
    kit_exit(&r, 42, 1, "memory_limit");
    assert_true(r.kill[2].by_kernel && !r.kill[2].explained);
    assert_int_equal(r.kill[2].from, STATE_FOREGROUND);
    assert_int_equal(r.n_kills, 3);
    record_clear(&r);
}

static void test_kill_that_nobody_explained(void **state) {
    (void) state;
    struct record r;

    kit_init(&r, 2);
    kit_state(&r, 10, 1, "suspended", "timeout");
    kit_state(&r, 20, 1, "stopping", "memory_pressure");
    kit_exit(&r, 21, 1, "memory_pressure");
    assert_int_equal(r.n_kills, 1);
    assert_false(r.kill[0].explained);
    assert_true(r.kill[0].sigkill_us == RECORD_NONE);
    record_clear(&r);
}

static void test_ends_and_marks(void **state) {
    (void) state;
    struct record r;

    kit_init(&r, 2);
    kit_state(&r, 5, 1, "foreground", "ready");
    kit_exit(&r, 10, 1, "closed");
    kit_exit(&r, 11, 2, "closed");
    kit_exit(&r, 12, 2, "crashed");
    assert_int_equal(r.n_ends, 2);
    assert_string_equal(r.ends[0].reason, "closed");
    assert_int_equal(r.ends[0].n, 2);
    assert_int_equal(kit_hear(&r, 13, 1, "warned", "{\"level\":5,\"source\":\"budget\"}"), 0);
    assert_int_equal(
        kit_hear(&r, 14, 1, "warned", "{\"level\":5,\"source\":\"budget\",\"freed\":8192}"), 0);
    kit_decide(&r, 15, 1, "reclaim");
    assert_int_equal(kit_hear(&r, 16, 1, "memory", "{\"level\":15,\"source\":\"budget\"}"), 0);
    assert_int_equal(r.mark[3].kind, MARK_WARN);
    assert_int_equal(r.mark[4].kind, MARK_FREED);
    assert_int_equal(r.mark[4].bytes, 8192);
    assert_int_equal(r.mark[5].kind, MARK_RECLAIM);
    assert_int_equal(r.mark[5].bytes, 4096);
    assert_int_equal(r.n_levels, 1);
    assert_int_equal(r.level[0].level, 15);
    assert_int_equal(r.level[0].at, 16000);
    record_clear(&r);
}

static void show(struct record *r, unsigned app, unsigned turn, unsigned shown, unsigned whole) {
    char body[256];
    (void) snprintf(body, sizeof body,
                    "{\"path\":\"stress/show\",\"data\":{\"turn\":%u,\"shown_us\":%u,\"whole_us\":"
                    "%u}}",
                    turn, shown, whole);
    assert_int_equal(kit_hear(r, 50, app, "page", body), 0);
}

static void test_show_belongs_to_its_turn(void **state) {
    (void) state;
    struct record r;

    kit_init(&r, 2);
    for (int i = 0; i < 2; i++) {
        struct record_turn *t = record_add_turn(&r);
        t->app = i;
        t->sent_us = 1000;
        t->shown_us = t->whole_us = RECORD_NONE;
    }
    show(&r, 2, 1, 1500, 1600); /* another app's turn */
    show(&r, 1, 9, 1500, 1600); /* no such turn */
    show(&r, 1, 0, 1500, 1600);
    show(&r, 1, 1, 900, 1600);  /* before it was asked for */
    show(&r, 1, 1, 1500, 1400); /* whole before it was shown */
    assert_true(r.turn[0].shown_us == RECORD_NONE);
    show(&r, 1, 1, 1500, 1700);
    assert_int_equal(r.turn[0].shown_us, 500);
    assert_int_equal(r.turn[0].whole_us, 700);
    show(&r, 1, 1, 9999, 9999); /* the first one counts */
    assert_int_equal(r.turn[0].shown_us, 500);
    assert_true(r.turn[1].shown_us == RECORD_NONE);
    record_clear(&r);
}

static void test_snapshot_and_unknown_apps(void **state) {
    (void) state;
    struct record r;

    kit_init(&r, 1);
    assert_int_equal(kit_hear_text(&r, "{\"seq\":1,\"at_usec\":1,\"type\":\"snapshot\","
                                       "\"snapshot\":{\"apps\":[{\"id\":\"org.example.new\","
                                       "\"state\":\"suspended\"}],\"dialogs\":[]}}"),
                     0);
    int i = record_find(&r, "org.example.new");
    assert_true(i >= 0);
    assert_int_equal(r.app[i].state, STATE_SUSPENDED);
    assert_null(r.app[i].manner);
    kit_state(&r, 10, 1, "suspended", "timeout");
    assert_int_equal(record_warm(&r), 1); /* ours alone */
    assert_string_equal(record_short(&r, 0), "a01");
    assert_string_equal(record_short(&r, i), "org.example.new");
    record_clear(&r);
}

static void test_hostile_events(void **state) {
    (void) state;
    static const char *const events[] = {
        "{}",
        "[]",
        "7",
        "{\"type\":7}",
        "{\"type\":\"state\"}",
        "{\"type\":\"state\",\"state\":{\"to\":\"stopped\"}}",
        "{\"type\":\"state\",\"app_id\":\"a\",\"state\":{\"to\":\"asleep\"}}",
        "{\"type\":\"state\",\"app_id\":\"a\",\"state\":7}",
        "{\"type\":\"exit\",\"exit\":{}}",
        "{\"type\":\"snapshot\",\"snapshot\":{\"apps\":[{}]}}",
    };
    static const char *const harmless[] = {
        "{\"type\":\"dialog\"}",
        "{\"type\":\"decision\",\"decision\":{\"action\":\"kill\"}}",
        ("{\"type\":\"decision\",\"app_id\":\"a\",\"decision\":{\"action\":\"kill\","
         "\"candidates\":7,\"figures\":[],\"freed\":\"x\"}}"),
        "{\"type\":\"page\",\"app_id\":\"a\",\"page\":{\"path\":\"stress/show\",\"data\":7}}",
        "{\"type\":\"memory\",\"memory\":{\"level\":\"x\"}}",
        "{\"type\":\"snapshot\",\"snapshot\":{}}",
    };
    struct record r;

    kit_init(&r, 1);
    for (size_t i = 0; i < sizeof events / sizeof events[0]; i++)
        assert_int_equal(kit_hear_text(&r, events[i]), -EPROTO);
    for (size_t i = 0; i < sizeof harmless / sizeof harmless[0]; i++)
        assert_int_equal(kit_hear_text(&r, harmless[i]), 0);
    record_clear(&r);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_kill_from_decision_to_end),
        cmocka_unit_test(test_front_killed_beside_a_background_one),
        cmocka_unit_test(test_kill_of_one_that_is_stopping),
        cmocka_unit_test(test_second_kill_before_the_first_is_gone),
        cmocka_unit_test(test_kernel_kill),
        cmocka_unit_test(test_kill_that_nobody_explained),
        cmocka_unit_test(test_ends_and_marks),
        cmocka_unit_test(test_show_belongs_to_its_turn),
        cmocka_unit_test(test_snapshot_and_unknown_apps),
        cmocka_unit_test(test_hostile_events),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
