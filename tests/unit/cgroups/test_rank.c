/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "cgroups/alarm.h"
#include "cgroups/depth.h"
#include "cgroups/rank.h"

#define MB (UINT64_C(1) << 20)
#define S  UINT64_C(1000000)

static struct cgrp_app made(const char *id, enum cgrp_app_state state, uint64_t since_s,
                            uint64_t mb) {
    struct cgrp_app a = { .state = state, .idle_since = since_s * S, .bytes = mb * MB };

    (void) snprintf(a.id, sizeof a.id, "%s", id);
    return a;
}

static struct cgrp_app answered(struct cgrp_app a, uint64_t had_mb, uint64_t freed_mb) {
    a.warn.measured = true;
    a.warn.had = had_mb * MB;
    a.warn.freed = freed_mb * MB;
    return a;
}

/* Each criterion decides where all before it are equal, against all after it. */
static void test_each_criterion_decides(void **state) {
    const uint64_t now = 100 * S;
    const struct {
        const char *name;
        struct cgrp_app first, second;
        enum cgrp_rank_by by;
    } rows[] = {
        { "suspended before background, though it freed, is fresh and small",
          answered(made("a", CGRP_APP_SUSPENDED, 99, 1), 100, 99),
          answered(made("b", CGRP_APP_BACKGROUND, 0, 99), 100, 0), CGRP_BY_STATE },
        { "stopping before suspended", made("a", CGRP_APP_STOPPING, 99, 1),
          made("b", CGRP_APP_SUSPENDED, 0, 99), CGRP_BY_STATE },
        { "background before starting", made("a", CGRP_APP_BACKGROUND, 99, 1),
          made("b", CGRP_APP_STARTING, 0, 99), CGRP_BY_STATE },
        { "starting before the front", made("a", CGRP_APP_STARTING, 99, 1),
          made("b", CGRP_APP_FOREGROUND, 0, 99), CGRP_BY_STATE },
        { "less than a tenth freed before exactly a tenth",
          answered(made("a", CGRP_APP_SUSPENDED, 99, 1), 100, 9),
          answered(made("b", CGRP_APP_SUSPENDED, 0, 99), 100, 10), CGRP_BY_FREED },
        { "less than a tenth freed before never warned",
          answered(made("a", CGRP_APP_SUSPENDED, 99, 1), 100, 0),
          made("b", CGRP_APP_SUSPENDED, 0, 99), CGRP_BY_FREED },
        { "idle for 64 s before idle for 63 s", made("a", CGRP_APP_SUSPENDED, 36, 1),
          made("b", CGRP_APP_SUSPENDED, 37, 99), CGRP_BY_IDLE },
        { "within one class the bigger one", made("a", CGRP_APP_SUSPENDED, 67, 2),
          made("b", CGRP_APP_SUSPENDED, 37, 1), CGRP_BY_BYTES },
        { "equal in all: the lower slot", made("a", CGRP_APP_SUSPENDED, 40, 1),
          made("b", CGRP_APP_SUSPENDED, 40, 1), CGRP_BY_SLOT },
    };
    (void) state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct cgrp_app app[2] = { rows[i].first, rows[i].second };
        struct cgrp_app turned[2] = { rows[i].second, rows[i].first };
        struct cgrp_table t = { app, 2 };
        enum cgrp_rank_by by = CGRP_BY_SLOT;
        print_message("%s\n", rows[i].name);
        assert_true(cgrp_rank_compare(&t, 0, 1, now, &by) < 0);
        assert_int_equal(by, rows[i].by);
        assert_true(cgrp_rank_compare(&t, 1, 0, now, NULL) > 0);
        t.app = turned;
        if (by != CGRP_BY_SLOT)
            assert_int_equal(cgrp_rank_first(&t, CGRP_APP_FOREGROUND, now), 1);
    }
}

static void test_idle_classes(void **state) {
    static const struct {
        uint64_t idle_us;
        unsigned class;
    } rows[] = { { 0, 0 },     { 2 * S - 1, 0 }, { 2 * S, 1 },   { 4 * S - 1, 1 },
                 { 4 * S, 2 }, { 1024 * S, 10 }, { 1023 * S, 9 } };
    const uint64_t now = 5000 * S;
    (void) state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct cgrp_app a = { .state = CGRP_APP_SUSPENDED, .idle_since = now - rows[i].idle_us };
        assert_int_equal(cgrp_app_idle_class(&a, now), rows[i].class);
    }
    /* Who is in front is not idle, and nobody is from the future. */
    struct cgrp_app front = { .state = CGRP_APP_FOREGROUND };
    struct cgrp_app future = { .state = CGRP_APP_SUSPENDED, .idle_since = now + S };
    assert_int_equal(cgrp_app_idle_class(&front, now), 0);
    assert_int_equal(cgrp_app_idle_class(&future, now), 0);
}

static void test_kept_all(void **state) {
    (void) state;
    struct cgrp_app a = { .warn = { .measured = false, .had = 100, .freed = 0 } };

    assert_false(cgrp_app_kept_all(&a)); /* not known yet */
    a.warn.measured = true;
    assert_true(cgrp_app_kept_all(&a));
    a.warn.had = 19; /* 1.9 is a tenth */
    a.warn.freed = 1;
    assert_true(cgrp_app_kept_all(&a));
    a.warn.freed = 2;
    assert_false(cgrp_app_kept_all(&a));
    a.warn.had = a.warn.freed = 0; /* it had nothing to free */
    assert_false(cgrp_app_kept_all(&a));
}

/* The first few of many are those that sorting all would give, in the same order. */
static void test_the_first_of_many(void **state) {
    enum { MANY = 300 };
    static struct cgrp_app app[MANY];
    struct cgrp_table t = { app, MANY };
    int all[MANY], few[16], untouched[18];
    uint32_t x = 7;

    (void) state;
    for (int i = 0; i < MANY; i++) {
        x = x * 1664525 + 1013904223;
        app[i] = made("x", (enum cgrp_app_state)(x >> 8) % CGRP_APP_STATE_COUNT, (x >> 12) % 90,
                      (x >> 20) % 5);
        app[i].kill.at = (x >> 5) % 7 == 0;
    }
    int n = cgrp_rank(&t, CGRP_APP_FOREGROUND, 100 * S, all, MANY);
    assert_true(n > 100);
    for (int i = 0; i < n; i++) {
        assert_true(app[all[i]].state != CGRP_APP_NONE && !app[all[i]].kill.at);
        if (i > 0)
            assert_true(cgrp_rank_compare(&t, all[i - 1], all[i], 100 * S, NULL) < 0);
    }
    assert_int_equal(cgrp_rank(&t, CGRP_APP_FOREGROUND, 100 * S, few, 16), 16);
    assert_memory_equal(few, all, sizeof few);
    memset(untouched, 0x55, sizeof untouched);
    assert_int_equal(cgrp_rank(&t, CGRP_APP_FOREGROUND, 100 * S, untouched + 1, 16), 16);
    assert_int_equal(untouched[0], 0x55555555);
    assert_int_equal(untouched[17], 0x55555555);
    n = cgrp_rank(&t, CGRP_APP_SUSPENDED, 100 * S, all, MANY);
    for (int i = 0; i < n; i++)
        assert_true(app[all[i]].state <= CGRP_APP_SUSPENDED);
    assert_int_equal(cgrp_rank(&t, CGRP_APP_NONE, 100 * S, all, MANY), 0);
    assert_int_equal(cgrp_rank_first(&t, CGRP_APP_NONE, 100 * S), -1);
}

static void test_words(void **state) {
    (void) state;
    char long_id[65], buf[CGRP_RANK_TEXT];
    struct cgrp_app app[2];
    struct cgrp_table t = { app, 2 };

    memset(long_id, 'x', 64);
    long_id[64] = '\0';
    app[0] = answered(made(long_id, CGRP_APP_BACKGROUND, 0, 49), 49, 1);
    app[1] = made("org.example.b", CGRP_APP_BACKGROUND, 0, 1);
    assert_string_equal(cgrp_rank_text(&t, 0, -1, 256 * S, buf),
                        "background, freed 1.0M of 49.0M when last warned (under a tenth), idle "
                        "4min 16s, 49.0M to come back");
    const char *text = cgrp_rank_text(&t, 1, 0, 256 * S, buf);
    assert_non_null(strstr(text, "no warning measured"));
    assert_non_null(strstr(text, long_id));
    assert_non_null(strstr(text, " by what was freed when warned"));
}

static void test_states_have_names(void **state) {
    (void) state;
    enum cgrp_app_state s = CGRP_APP_STARTING;

    for (int i = 0; i < CGRP_APP_STATE_COUNT; i++) {
        assert_int_equal(cgrp_app_state_parse(cgrp_app_state_name((enum cgrp_app_state) i), &s), 0);
        assert_int_equal(s, i);
    }
    s = CGRP_APP_STARTING;
    assert_int_equal(cgrp_app_state_parse("asleep", &s), -EINVAL);
    assert_int_equal(s, CGRP_APP_STARTING);
    assert_string_equal(cgrp_app_state_name((enum cgrp_app_state) 77), "?");
}

static void test_alarms(void **state) {
    (void) state;
    struct cgrp_alarms a = { 0 };

    /* The window slides: the second and the third are within 5 s, the first is not. */
    assert_false(cgrp_alarm_raise(&a, 0, 3, 5 * S));
    assert_false(cgrp_alarm_raise(&a, 4 * S, 3, 5 * S));
    assert_false(cgrp_alarm_raise(&a, 6 * S, 3, 5 * S));
    assert_true(cgrp_alarm_raise(&a, 9 * S, 3, 5 * S));
    cgrp_alarm_clear(&a);
    assert_false(cgrp_alarm_raise(&a, 9 * S, 2, 5 * S));
    assert_true(cgrp_alarm_raise(&a, 14 * S, 2, 5 * S)); /* both ends included */
    cgrp_alarm_clear(&a);
    assert_true(cgrp_alarm_raise(&a, 14 * S, 1, 5 * S));
    cgrp_alarm_clear(&a);
    for (int i = 0; i < 100; i++)
        assert_false(cgrp_alarm_raise(&a, (uint64_t) i, 0, 5 * S)); /* never */
    cgrp_alarm_clear(&a);
    for (int i = 1; i < CGRP_ALARMS_MAX; i++)
        assert_false(cgrp_alarm_raise(&a, (uint64_t) i, 1000, 5 * S));
    assert_true(cgrp_alarm_raise(&a, 100, 1000, 5 * S));
}

static void test_depth_is_learned(void **state) {
    (void) state;
    struct cgrp_depth d = { 0 };
    struct cgrp_resume fast = { 20000, 1 * MB, 40 * MB }, slow = { 600000, 20 * MB, 40 * MB };
    struct cgrp_resume busy = { 600000, 1 * MB, 40 * MB }, fair = { 140000, 20 * MB, 40 * MB };
    struct cgrp_resume untouched = { 600000, 20 * MB, 0 };

    assert_true(cgrp_depth_bytes(&d, 1000) == CGRP_DEPTH_FIRST);
    for (int i = 0; i < 10; i++)
        cgrp_depth_learn(&d, &fast, 150000);
    assert_true(cgrp_depth_bytes(&d, 77 * MB) == 77 * MB); /* all, no more */
    assert_true(cgrp_depth_bytes(&d, UINT64_MAX) == UINT64_MAX);
    /* Slow, but not by what was read back; well enough; nothing was taken. */
    cgrp_depth_learn(&d, &busy, 150000);
    cgrp_depth_learn(&d, &fair, 150000);
    cgrp_depth_learn(&d, &untouched, 150000);
    assert_int_equal(d.permille, 1000);
    cgrp_depth_learn(&d, &slow, 150000); /* four times the budget: a quarter */
    assert_int_equal(d.permille, 250);
    for (int i = 0; i < 10; i++)
        cgrp_depth_learn(&d, &slow, 150000);
    assert_int_equal(d.permille, CGRP_DEPTH_LEAST);
    cgrp_depth_learn(&d, &fast, 150000);
    assert_int_equal(d.permille, CGRP_DEPTH_LEAST + CGRP_DEPTH_STEP);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_criterion_decides),
        cmocka_unit_test(test_idle_classes),
        cmocka_unit_test(test_kept_all),
        cmocka_unit_test(test_the_first_of_many),
        cmocka_unit_test(test_words),
        cmocka_unit_test(test_states_have_names),
        cmocka_unit_test(test_alarms),
        cmocka_unit_test(test_depth_is_learned),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
