/* SPDX-License-Identifier: MIT
 * What always holds, whatever comes in which order; the stories are in traces/. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "cgroups/policy.h"

#define MB (UINT64_C(1) << 20)
#define MS UINT64_C(1000)
#define N  8

static const struct cgrp_policy_config config = {
    .available = { .enter = { 80, 40 }, .leave = { 100, 60 } },
    .alarm_count = 2,
    .alarm_window = 5000000,
};

struct scene {
    struct cgrp_policy p;
    struct cgrp_app app[N];
    struct cgrp_table t;
    uint64_t now;
};

static void scene_init(struct scene *s) {
    memset(s, 0, sizeof *s);
    cgrp_policy_init(&s->p, &config);
    s->t = (struct cgrp_table){ s->app, N };
    s->now = 100000000;
}

static void put(struct scene *s, int slot, enum cgrp_app_state state, uint64_t bytes) {
    s->app[slot] = (struct cgrp_app){ .state = state, .idle_since = 0, .bytes = bytes };
    (void) snprintf(s->app[slot].id, sizeof s->app[slot].id, "org.example.a%d", slot);
}

static void budget(struct scene *s, uint64_t percent) {
    struct cgrp_fact f = cgrp_fact_of_share(CGRP_FACT_BUDGET, percent * MB, 0, 100 * MB);

    f.at = s->now;
    cgrp_policy_fact(&s->p, &s->t, &f, s->now);
}

/* Takes all actions; how many were of this kind, the last one of them in ret (may be NULL). */
static int take(struct scene *s, enum cgrp_do what, struct cgrp_action *ret) {
    struct cgrp_action a;
    int n = 0;

    for (int i = 0; cgrp_policy_next(&s->p, &s->t, s->now, &a) > 0; i++) {
        assert_true(i < 100);
        if (a.what != what)
            continue;
        n++;
        if (ret)
            *ret = a;
    }
    return n;
}

static void test_nothing_is_wanted_while_nothing_is_wrong(void **state) {
    (void) state;
    struct scene s;
    struct cgrp_action a = { .slot = 77 };

    scene_init(&s);
    for (int i = 0; i < N; i++)
        put(&s, i, CGRP_APP_SUSPENDED, 10 * MB);
    assert_true(cgrp_policy_wake(&s.p, &s.t, s.now) == UINT64_MAX);
    assert_int_equal(cgrp_policy_next(&s.p, &s.t, s.now, &a), 0);
    assert_int_equal(a.slot, 77);
    budget(&s, 84);
    assert_int_equal(take(&s, CGRP_DO_LEVEL, NULL), 0);
    assert_true(cgrp_policy_wake(&s.p, &s.t, s.now) == UINT64_MAX);

    /* While a level holds figures are wanted; after it nothing is again. */
    budget(&s, 90);
    assert_int_equal(take(&s, CGRP_DO_LEVEL, NULL), 1);
    assert_true(cgrp_policy_wake(&s.p, &s.t, s.now) == s.now + CGRP_POLL_US);
    s.now += CGRP_POLL_US;
    budget(&s, 70);
    assert_int_equal(take(&s, CGRP_DO_LEVEL, NULL), 1);
    assert_true(cgrp_policy_wake(&s.p, &s.t, s.now) == UINT64_MAX);
}

static void test_wake_is_when_something_is_due(void **state) {
    (void) state;
    struct scene s;
    struct cgrp_fact test = { .kind = CGRP_FACT_TEST, .source = CGRP_SOURCE_TEST, .level = 5 };

    scene_init(&s);
    put(&s, 0, CGRP_APP_FOREGROUND, 10 * MB);
    test.slot = 0;
    cgrp_policy_fact(&s.p, &s.t, &test, s.now);
    assert_int_equal(take(&s, CGRP_DO_WARN, NULL), 1);
    assert_true(cgrp_policy_wake(&s.p, &s.t, s.now) == s.now + CGRP_MEASURE_US);
    s.now += CGRP_MEASURE_US - 1;
    assert_int_equal(take(&s, CGRP_DO_MEASURED, NULL), 0);
    s.now += 1;
    assert_int_equal(take(&s, CGRP_DO_MEASURED, NULL), 1);
    assert_true(cgrp_policy_wake(&s.p, &s.t, s.now) == UINT64_MAX);

    /* A victim's time runs although its level has gone. */
    put(&s, 1, CGRP_APP_SUSPENDED, 10 * MB);
    budget(&s, 93);
    assert_int_equal(take(&s, CGRP_DO_KILL, NULL), 1);
    budget(&s, 50);
    (void) take(&s, CGRP_DO_KILL, NULL);
    s.app[0].warn.at = 0;
    assert_true(cgrp_policy_wake(&s.p, &s.t, s.now) == s.now + CGRP_STUCK_US);
    s.now += CGRP_STUCK_US;
    assert_int_equal(take(&s, CGRP_DO_STUCK, NULL), 1);
    assert_true(cgrp_policy_wake(&s.p, &s.t, s.now) == UINT64_MAX);
}

/* A wake-up that stays in the past is a busy loop. */
static void test_off_forgets_what_the_kernel_killed(void **state) {
    (void) state;
    struct scene s;
    struct cgrp_policy_config off = config;
    const struct cgrp_fact killed = { .kind = CGRP_FACT_KILLED, .source = CGRP_SOURCE_KERNEL };

    off.off = true;
    scene_init(&s);
    cgrp_policy_init(&s.p, &off);
    put(&s, 0, CGRP_APP_SUSPENDED, 10 * MB);
    cgrp_policy_fact(&s.p, &s.t, &killed, s.now);
    assert_true(cgrp_policy_wake(&s.p, &s.t, s.now) == s.now + CGRP_KERNEL_US);
    s.now += CGRP_KERNEL_US;
    assert_int_equal(take(&s, CGRP_DO_STUCK, NULL), 0);
    assert_true(cgrp_policy_wake(&s.p, &s.t, s.now) == UINT64_MAX);
}

static void test_running_victims_get_an_unload(void **state) {
    static const struct {
        enum cgrp_app_state state;
        bool at_once;
        uint64_t until;
    } rows[] = {
        { CGRP_APP_STOPPING, true, CGRP_STUCK_US },
        { CGRP_APP_SUSPENDED, true, CGRP_STUCK_US },
        { CGRP_APP_BACKGROUND, false, CGRP_UNLOAD_US + CGRP_STUCK_US },
        { CGRP_APP_STARTING, false, CGRP_UNLOAD_US + CGRP_STUCK_US },
        { CGRP_APP_FOREGROUND, false, CGRP_UNLOAD_US + CGRP_STUCK_US },
    };
    (void) state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct scene s;
        struct cgrp_action a;
        struct cgrp_gone gone = { 0 };
        scene_init(&s);
        put(&s, 3, rows[i].state, 10 * MB);
        budget(&s, 99);
        assert_int_equal(take(&s, CGRP_DO_KILL, &a), 1);
        assert_int_equal(a.slot, 3);
        assert_int_equal(a.at_once, rows[i].at_once);
        s.now += rows[i].until - 1;
        budget(&s, 99);
        assert_int_equal(take(&s, CGRP_DO_STUCK, NULL), 0);
        s.now++;
        assert_int_equal(take(&s, CGRP_DO_STUCK, &a), 1);
        assert_int_equal(a.level, CGRP_CRITICAL);
        assert_true(cgrp_policy_empty(&s.p, &s.t, 3, s.now, &gone));
        assert_true(gone.took_us == rows[i].until && gone.bytes == 10 * MB);
        assert_int_equal(s.app[3].state, CGRP_APP_NONE);
        assert_false(cgrp_policy_empty(&s.p, &s.t, 3, s.now, &gone));
    }
}

/* Only what the level allows, and in the one in front nothing at level 10. */
static void test_levels_kill_what_they_may(void **state) {
    (void) state;
    struct scene s;

    for (int kind = CGRP_APP_STOPPING; kind < CGRP_APP_STATE_COUNT; kind++)
        for (uint64_t percent = 80; percent <= 100; percent++) {
            scene_init(&s);
            put(&s, 0, (enum cgrp_app_state) kind, MB);
            budget(&s, percent);
            int want = percent >= 97 || (percent >= 92 && kind <= CGRP_APP_SUSPENDED);
            assert_int_equal(take(&s, CGRP_DO_KILL, NULL), want);
        }
}

static void test_bad_slots_change_nothing(void **state) {
    (void) state;
    struct scene s;
    struct cgrp_fact f = { .kind = CGRP_FACT_LIMIT, .figure = { 99, 0, 100 } };
    static const int slots[] = { -1, -2, 2, N, 1 << 30 };

    scene_init(&s);
    put(&s, 0, CGRP_APP_FOREGROUND, MB);
    for (size_t i = 0; i < sizeof slots / sizeof slots[0]; i++) {
        f.slot = slots[i];
        f.kind = CGRP_FACT_LIMIT;
        cgrp_policy_fact(&s.p, &s.t, &f, s.now);
        f.kind = CGRP_FACT_KILLED;
        cgrp_policy_fact(&s.p, &s.t, &f, s.now);
        f.kind = CGRP_FACT_ROOM;
        cgrp_policy_fact(&s.p, &s.t, &f, s.now);
        cgrp_policy_admit(&s.p, &s.t, slots[i], MB, s.now);
        assert_false(cgrp_policy_empty(&s.p, &s.t, slots[i], s.now, NULL));
    }
    /* Nor does a level that is none: nothing around the events is touched. */
    for (int level = -20; level <= 40; level++) {
        const struct cgrp_sensor *sensor = &s.p.sensor[CGRP_FACT_PSI_SYSTEM];
        struct cgrp_sensor before = *sensor;
        f = (struct cgrp_fact){ .kind = CGRP_FACT_PSI_SYSTEM, .level = level, .slot = -1 };
        if (level >= CGRP_MODERATE && level <= CGRP_CRITICAL)
            continue;
        cgrp_policy_fact(&s.p, &s.t, &f, s.now);
        assert_memory_equal(before.event, sensor->event, sizeof before.event);
        assert_memory_equal(&sensor->last, &f, sizeof f);
    }
    assert_int_equal(take(&s, CGRP_DO_WARN, NULL), 0);
    assert_true(cgrp_policy_wake(&s.p, &s.t, s.now) == UINT64_MAX);
}

/* A start that nobody can make room for is not held up by others, nor does it hold them up. */
static void test_admissions_wait_in_order(void **state) {
    (void) state;
    struct scene s;
    struct cgrp_action a;

    scene_init(&s);
    budget(&s, 60);
    put(&s, 0, CGRP_APP_STARTING, 0);
    put(&s, 1, CGRP_APP_STARTING, 0);
    cgrp_policy_admit(&s.p, &s.t, 0, 80 * MB, s.now);
    s.now += 500 * MS;
    cgrp_policy_admit(&s.p, &s.t, 1, 10 * MB, s.now);
    assert_int_equal(take(&s, CGRP_DO_ADMIT, NULL), 0);
    s.now += 1500 * MS;
    assert_int_equal(take(&s, CGRP_DO_REFUSE, &a), 1);
    assert_int_equal(a.slot, 0);
    assert_true(a.bytes == 40 * MB);
    assert_int_equal(s.app[1].admit.state, CGRP_ADMIT_IN);
    /* One that has gone does not wait. */
    cgrp_policy_admit(&s.p, &s.t, 0, 80 * MB, s.now);
    assert_false(cgrp_policy_empty(&s.p, &s.t, 0, s.now, NULL));
    assert_int_equal(take(&s, CGRP_DO_REFUSE, NULL), 0);
    /* No need is always met. */
    put(&s, 2, CGRP_APP_STARTING, 0);
    budget(&s, 100);
    cgrp_policy_admit(&s.p, &s.t, 2, 0, s.now);
    assert_int_equal(take(&s, CGRP_DO_ADMIT, NULL), 1);
}

/* A walk that no story tells. */
static uint32_t seed;
static uint32_t dice(uint32_t sides) {
    seed = seed * 1664525 + 1013904223;
    return (seed >> 8) % sides;
}

static void random_event(struct scene *s) {
    int slot = (int) dice(N);
    struct cgrp_app *app = &s->app[slot];
    struct cgrp_fact f = { .slot = -1, .at = s->now };

    switch (dice(9)) {
    case 0:
    case 1:
        budget(s, 70 + dice(31));
        break;
    case 2:
        f = cgrp_fact_of_available(dice(200), 1000, &config.available);
        f.at = s->now;
        cgrp_policy_fact(&s->p, &s->t, &f, s->now);
        break;
    case 3:
        f.kind = dice(2) ? CGRP_FACT_PSI_SYSTEM : CGRP_FACT_PSI_APPS;
        f.level = CGRP_LEVEL(dice(3));
        f.figure[3] = 2000000;
        cgrp_policy_fact(&s->p, &s->t, &f, s->now);
        break;
    case 4: /* the group of a victim, or of any other, is empty */
        if (app->state != CGRP_APP_NONE)
            (void) cgrp_policy_empty(&s->p, &s->t, slot, s->now, NULL);
        break;
    case 5:
        f = cgrp_fact_of_share(CGRP_FACT_LIMIT, dice(101), 0, 100);
        f.slot = slot;
        cgrp_policy_fact(&s->p, &s->t, &f, s->now);
        break;
    case 6:
        f.kind = CGRP_FACT_KILLED;
        f.slot = slot;
        cgrp_policy_fact(&s->p, &s->t, &f, s->now);
        break;
    case 7:
        if (app->state == CGRP_APP_NONE) {
            put(s, slot, CGRP_APP_STARTING, 0);
            if (dice(2))
                cgrp_policy_admit(&s->p, &s->t, slot, dice(60) * MB, s->now);
        }
        break;
    case 8: /* life goes on */
        if (app->state != CGRP_APP_NONE && !app->kill.at &&
            app->admit.state != CGRP_ADMIT_WAITING) {
            app->state = (enum cgrp_app_state)(CGRP_APP_STOPPING + dice(5));
            app->bytes = dice(50) * MB;
            app->idle_since = s->now - dice(100) * 1000000;
        }
        break;
    }
}

static int pending(const struct scene *s) {
    int n = 0;

    for (int i = 0; i < N; i++)
        n += s->app[i].state != CGRP_APP_NONE && s->app[i].kill.at && !s->app[i].kill.stuck;
    return n;
}

/* What must be so of each action at the moment it comes; `was` is the table just before. */
static void check_action(const struct scene *s, const struct cgrp_app was[N],
                         const struct cgrp_action *a) {
    char text[CGRP_ACTION_TEXT];

    assert_true(a->slot >= -1 && a->slot < N);
    assert_true(strlen(cgrp_action_text(&s->t, a, text)) > 5);
    if (a->what == CGRP_DO_STUCK)
        assert_true(was[a->slot].kill.at > 0);
    if (a->what != CGRP_DO_KILL)
        return;
    const struct cgrp_app *victim = &was[a->slot];
    assert_int_equal(victim->kill.at, 0);
    assert_true(victim->state != CGRP_APP_NONE);
    assert_int_equal(a->at_once,
                     victim->state == CGRP_APP_SUSPENDED || victim->state == CGRP_APP_STOPPING);
    if (a->why == CGRP_WHY_ALARMS)
        return; /* its own doing, whoever else is dying */
    int others = 0;
    for (int i = 0; i < N; i++) {
        const struct cgrp_app *o = &was[i];
        bool live = o->state != CGRP_APP_NONE && o->admit.state != CGRP_ADMIT_WAITING;
        others += live && o->kill.at && !o->kill.stuck;
        /* Never a running one while a suspended one lives, never the one in front before. */
        if (live && !o->kill.at)
            assert_true(o->state >= victim->state);
    }
    assert_int_equal(others, 0);
    if (a->why == CGRP_WHY_ROOM)
        assert_true(victim->state <= CGRP_APP_BACKGROUND);
    else
        assert_true(a->level >= CGRP_CRITICAL || victim->state <= CGRP_APP_SUSPENDED);
}

static void test_random_walks_hold(void **state) {
    (void) state;
    int kills = 0, admitted = 0, refused = 0, stuck = 0;

    for (uint32_t walk = 1; walk <= 300; walk++) {
        struct scene s;
        scene_init(&s);
        seed = walk;
        for (int step = 0; step < 400; step++) {
            struct cgrp_app was[N];
            struct cgrp_action a;
            int n = 0;
            s.now += dice(300) * MS;
            random_event(&s);
            memcpy(was, s.app, sizeof was);
            while (cgrp_policy_next(&s.p, &s.t, s.now, &a) > 0) {
                check_action(&s, was, &a);
                memcpy(was, s.app, sizeof was);
                kills += a.what == CGRP_DO_KILL;
                admitted += a.what == CGRP_DO_ADMIT;
                refused += a.what == CGRP_DO_REFUSE;
                stuck += a.what == CGRP_DO_STUCK;
                assert_true(n++ < 5 * N);
            }
            /* Nothing is due any more, and what comes next is in the future. */
            assert_true(cgrp_policy_wake(&s.p, &s.t, s.now) > s.now);
            if (pending(&s) > 0)
                assert_true(cgrp_policy_wake(&s.p, &s.t, s.now) <= s.now + 3000 * MS);
        }
    }
    /* The walks have been everywhere. */
    assert_true(kills > 1000 && admitted > 100 && refused > 100 && stuck > 100);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_nothing_is_wanted_while_nothing_is_wrong),
        cmocka_unit_test(test_wake_is_when_something_is_due),
        cmocka_unit_test(test_off_forgets_what_the_kernel_killed),
        cmocka_unit_test(test_running_victims_get_an_unload),
        cmocka_unit_test(test_levels_kill_what_they_may),
        cmocka_unit_test(test_bad_slots_change_nothing),
        cmocka_unit_test(test_admissions_wait_in_order),
        cmocka_unit_test(test_random_walks_hold),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
