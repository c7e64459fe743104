/* SPDX-License-Identifier: MIT
 * Figures, and promises that break when they should. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>

#include "record_kit.h"
#include "supervisor/base/str.h"
#include "tests/stress/plan.h"
#include "tests/stress/summary.h"

#define MB (UINT64_C(1) << 20)

static struct plan plan_of(enum scenario s, unsigned apps) {
    return (struct plan){ .scenario = s,
                          .apps = apps,
                          .target = 800,
                          .manners = "keep",
                          .socket = "",
                          .miniprogd = "",
                          .backend = "auto",
                          .budget = "auto",
                          .out = "",
                          .set = "" };
}

static struct summary summary_of(const struct plan *p, const struct record *r) {
    struct summary s;
    assert_int_equal(summary_make(p, r, &s), 0);
    return s;
}

static void assert_broken(const struct summary *s, const char *text) {
    assert_false(s->held);
    for (unsigned i = 0; i < s->n_broken; i++)
        if (strstr(s->broken[i], text))
            return;
    fail_msg("'%s' is not among what broke; the first is '%s'", text, s->broken[0]);
}

static struct record_turn *turn(struct record *r, int app, enum turn_kind kind, uint64_t shown) {
    struct record_turn *t = record_add_turn(r);
    *t = (struct record_turn){ .app = app,
                               .kind = kind,
                               .at = r->n_turns * 1000000,
                               .until = r->n_turns * 1000000 + 1000000,
                               .shown_us = shown,
                               .whole_us = shown,
                               .replied_us = shown };
    return t;
}

/* Three suspended apps of 10 MB each and one in front, of a budget of 50 MB. */
static void sample(struct record *r, int level) {
    struct record_sample *s = record_add_sample(r);
    s->at = r->n_samples * 100000;
    s->some_us = s->full_us = RECORD_NONE;
    s->total = 1000 * MB;
    s->available = 500 * MB;
    s->budget = 50 * MB;
    s->level = level;
    s->warm = 4;
    s->n = (unsigned) r->n_apps;
    s->bytes = calloc(r->n_apps, sizeof *s->bytes);
    s->state = calloc(r->n_apps, sizeof *s->state);
    for (int i = 0; i < 4; i++) {
        s->bytes[i] = 10 * MB;
        s->state[i] = i < 3 ? STATE_SUSPENDED : STATE_FOREGROUND;
        s->current += s->bytes[i];
    }
}

static void kill_one(struct record *r, unsigned ms, unsigned app, const char *from) {
    kit_state(r, ms, app, from, "x");
    kit_decide(r, ms + 1, app, "kill");
    kit_exit(r, ms + 2, app, "memory_pressure");
}

static void test_times(void **state) {
    (void) state;
    struct plan p = plan_of(SCENARIO_STORM, 4);
    struct record r;

    kit_init(&r, 4);
    for (unsigned i = 100; i >= 1; i--)
        (void) turn(&r, 0, TURN_HOT, i * 10);
    (void) turn(&r, 0, TURN_COLD, 7000);
    (void) turn(&r, 0, TURN_COLD, 9000);
    (void) turn(&r, 0, TURN_COLD, RECORD_NONE); /* it did not say */
    (void) turn(&r, 0, TURN_FAILED, RECORD_NONE);
    (void) turn(&r, 0, TURN_REFUSED, RECORD_NONE);
    struct summary s = summary_of(&p, &r);
    assert_int_equal(s.hot.n, 100);
    assert_int_equal(s.hot.p50, 500);
    assert_int_equal(s.hot.p99, 990);
    assert_int_equal(s.hot.most, 1000);
    assert_int_equal(s.cold.n, 2);
    assert_int_equal(s.cold.p50, 7000);
    assert_int_equal(s.cold.p99, 9000); /* of few, the most */
    assert_int_equal(s.turns, 105);
    assert_int_equal(s.failed, 1);
    assert_int_equal(s.refused, 1);
    assert_int_equal(s.sigkill.n, 0);
    record_clear(&r);
}

static void test_warm_counts_turns_that_do_not_stall(void **state) {
    (void) state;
    static const struct {
        unsigned warm;
        uint64_t stalled; /* of 1,000,000 us in front; 50,000 is a stall */
    } turns[] = { { 3, 0 }, { 5, 49999 }, { 4, 0 }, { 9, 50000 }, { 8, 0 }, { 9, 900000 } };
    struct plan p = plan_of(SCENARIO_STORM, 9);
    struct record r;

    kit_init(&r, 9);
    for (size_t i = 0; i < sizeof turns / sizeof turns[0]; i++) {
        struct record_turn *t = turn(&r, 0, TURN_HOT, 1);
        t->warm = turns[i].warm;
        t->stalled_us = turns[i].stalled;
        t->front_us = 1000000;
    }
    struct summary s = summary_of(&p, &r);
    assert_int_equal(s.warm, 4); /* 5 and 4 one after the other; 9 and 8 stalled between */
    assert_int_equal(s.stalled, 2);
    assert_int_equal(s.stall_permille, (49999 + 50000 + 900000) / 6000);
    record_clear(&r);
}

static void test_storm_wants_pressure(void **state) {
    (void) state;
    struct plan p = plan_of(SCENARIO_STORM, 4);
    struct record r;

    kit_init(&r, 4);
    sample(&r, 5);
    struct summary s = summary_of(&p, &r);
    assert_broken(&s, "Memory never got short (highest level 5)");
    sample(&r, 10);
    s = summary_of(&p, &r);
    assert_true(s.held);
    assert_int_equal(s.n_broken, 0);
    assert_int_equal(s.current_most, 40 * MB);
    record_clear(&r);
}

static void test_wrong_kills_break_it(void **state) {
    (void) state;
    struct plan p = plan_of(SCENARIO_STORM, 4);
    struct record r;

    kit_init(&r, 4);
    kill_one(&r, 10, 1, "suspended");
    kill_one(&r, 20, 2, "foreground"); /* alone */
    struct summary s = summary_of(&p, &r);
    assert_true(s.held);
    assert_int_equal(s.pressure, 2);
    assert_int_equal(s.sigkill.p50, 250);
    assert_int_equal(s.gone.p50, 1000);

    kit_state(&r, 30, 1, "suspended", "timeout");
    kill_one(&r, 40, 2, "foreground");
    s = summary_of(&p, &r);
    assert_int_equal(s.front_first, 1);
    assert_broken(&s, "The app in front was killed 1 time while");
    record_clear(&r);
}

static void test_alarms_may_take_the_one_in_front(void **state) {
    (void) state;
    struct plan p = plan_of(SCENARIO_STORM, 4);
    struct record r;

    kit_init(&r, 4);
    kit_state(&r, 10, 1, "suspended", "timeout");
    kit_state(&r, 10, 2, "foreground", "ready");
    kit_decide(&r, 20, 2, "kill");
    kit_exit(&r, 21, 2, "memory_alarms");
    struct summary s = summary_of(&p, &r);
    assert_true(s.held);
    assert_int_equal(s.alarms, 1);
    assert_int_equal(s.pressure, 0);
    record_clear(&r);
}

static void test_kernel_takes_the_front(void **state) {
    (void) state;
    struct plan p = plan_of(SCENARIO_STORM, 4);
    struct record r;

    kit_init(&r, 4);
    kit_state(&r, 10, 1, "suspended", "timeout");
    kit_state(&r, 10, 2, "foreground", "ready");
    kit_decide(&r, 20, 2, "oom_kill");
    kit_exit(&r, 21, 2, "memory_limit");
    struct summary s = summary_of(&p, &r);
    assert_int_equal(s.kernel, 1);
    assert_broken(&s, "The kernel took the app in front");
    p.memory_max = MB; /* over its own limit it is itself to blame */
    s = summary_of(&p, &r);
    assert_true(s.held);
    record_clear(&r);
}

static void test_other_breaches(void **state) {
    (void) state;
    struct plan p = plan_of(SCENARIO_CHURN, 4);
    struct record r;

    kit_init(&r, 4);
    kit_state(&r, 1, 1, "suspended", "timeout");
    kit_state(&r, 1, 2, "suspended", "timeout");
    kit_state(&r, 1, 3, "suspended", "timeout");
    kit_decide(&r, 2, 1, "kill");
    kit_decide(&r, 3, 2, "kill");
    kit_state(&r, 4, 3, "stopping", "memory_pressure");
    kit_exit(&r, 5, 4, "crashed");
    r.died = true;
    (void) snprintf(turn(&r, 0, TURN_REFUSED, RECORD_NONE)->text, 32, "there is no room");
    struct summary s = summary_of(&p, &r);
    assert_broken(&s, "No app could be opened: there is no room");
    assert_broken(&s, "The supervisor ended");
    assert_broken(&s, "2 kills came before the one before was done");
    assert_broken(&s, "1 kill was not explained");
    assert_broken(&s, "1 app ended without a cause of memory: crashed");
    record_clear(&r);
}

static void test_leak(void **state) {
    (void) state;
    struct plan p = plan_of(SCENARIO_LEAK, 3);
    struct record r;

    kit_init(&r, 3);
    r.leaker = 2;
    (void) turn(&r, 0, TURN_COLD, 1);
    (void) turn(&r, 1, TURN_COLD, 1);
    struct summary s = summary_of(&p, &r);
    assert_broken(&s, "The leaking app was not ended");
    kill_one(&r, 3000, 3, "foreground");
    s = summary_of(&p, &r);
    assert_broken(&s, "a01 did not open");
    (void) turn(&r, 0, TURN_COLD, 1); /* at 3 s: just before its end */
    turn(&r, 0, TURN_HOT, 1)->at = 4000000;
    turn(&r, 1, TURN_FAILED, 1)->at = 4000000;
    s = summary_of(&p, &r);
    assert_broken(&s, "a02 did not open");
    turn(&r, 1, TURN_COLD, 1)->at = 5000000;
    s = summary_of(&p, &r);
    assert_true(s.held);
    record_clear(&r);
}

static void test_density(void **state) {
    (void) state;
    struct plan p = plan_of(SCENARIO_DENSITY, 9);
    struct record r;

    kit_init(&r, 9);
    struct summary s = summary_of(&p, &r);
    assert_broken(&s, "What fits is not known");
    sample(&r, 10); /* 50 MB, 10 MB each: 5 fit */
    for (int i = 0; i < 2; i++) {
        struct record_turn *t = turn(&r, 0, TURN_HOT, 1);
        t->front_us = 1000000;
        t->warm = 3;
    }
    s = summary_of(&p, &r);
    assert_int_equal(s.capacity, 5);
    assert_broken(&s, "3 apps were kept warm of 5 that fit");
    p.target = 600;
    s = summary_of(&p, &r);
    assert_true(s.held);
    r.sample[0].zram = 0;
    sample(&r, 10);
    r.sample[1].warm = 5;
    r.sample[1].zram = 30 * MB; /* compressed bytes are theirs, too */
    s = summary_of(&p, &r);
    assert_int_equal(s.capacity, 2);
    p.apps = 5;
    s = summary_of(&p, &r);
    assert_broken(&s, "All 5 apps fit");
    record_clear(&r);
}

static void test_json_is_json(void **state) {
    (void) state;
    struct plan p = plan_of(SCENARIO_STORM, 4);
    struct str out = STR_INIT(1 << 20);
    struct json *doc = NULL;
    struct record r;

    kit_init(&r, 4);
    sample(&r, 10);
    kill_one(&r, 10, 1, "suspended");
    struct summary s = summary_of(&p, &r);
    const struct outcome it = { &r, &s };
    summary_json(&p, &it, &it, &out);
    assert_int_equal(json_parse(out.data, out.len, &doc, NULL), 0);
    assert_string_equal(json_get_string(doc, "scenario", ""), "storm");
    const struct json *kills = json_get(doc, "kills");
    assert_int_equal(json_get_int(kills, "memory_pressure", -1), 1);
    assert_int_equal(json_get_int(json_get(kills, "event_to_sigkill"), "p50_us", -1), 250);
    assert_int_equal(json_get_int(json_get(doc, "ends"), "memory_pressure", -1), 1);
    assert_true(json_get_bool(json_get(doc, "baseline"), "held", false));
    json_free(doc);
    str_reset(&out);
    summary_text(&p, &it, &it, &out);
    assert_non_null(strstr(out.data, "The promise held."));
    str_clear(&out);
    record_clear(&r);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_times),
        cmocka_unit_test(test_warm_counts_turns_that_do_not_stall),
        cmocka_unit_test(test_storm_wants_pressure),
        cmocka_unit_test(test_wrong_kills_break_it),
        cmocka_unit_test(test_alarms_may_take_the_one_in_front),
        cmocka_unit_test(test_kernel_takes_the_front),
        cmocka_unit_test(test_other_breaches),
        cmocka_unit_test(test_leak),
        cmocka_unit_test(test_density),
        cmocka_unit_test(test_json_is_json),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
