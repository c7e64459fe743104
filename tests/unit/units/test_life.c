/* SPDX-License-Identifier: MIT
 * What must hold of the lifecycle table, and the stories of design.md §4. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "units/life.h"

static void test_every_cell_is_a_decision(void **state) {
    (void) state;
    for (int s = 0; s < LIFE_STATE_COUNT; s++)
        for (int ev = 0; ev < LIFE_EVENT_COUNT; ev++) {
            enum life_state next;
            enum life_action act;
            int r = life_step(s, ev, &next, &act);
            if (r != 1 && r != 0 && r != -EPROTO)
                fail_msg("no decision for %s in %s: %d", life_event_name(ev), life_state_name(s),
                         r);
        }
}

static void test_results_are_untouched_where_nothing_is_to_be_done(void **state) {
    (void) state;
    enum life_state next = LIFE_STATE_COUNT;
    enum life_action act = LIFE_ACTION_COUNT;

    assert_int_equal(life_step(LIFE_STOPPED, LIFE_EV_CLOSE, &next, &act), 0);
    assert_int_equal(life_step(LIFE_STOPPED, LIFE_EV_EMPTY, &next, &act), -EPROTO);
    assert_int_equal(life_step(LIFE_STATE_COUNT, LIFE_EV_OPEN, &next, &act), -EINVAL);
    assert_int_equal(life_step(LIFE_STOPPED, LIFE_EVENT_COUNT, &next, &act), -EINVAL);
    assert_int_equal(life_step((enum life_state) - 1, LIFE_EV_OPEN, &next, &act), -EINVAL);
    assert_int_equal(next, LIFE_STATE_COUNT);
    assert_int_equal(act, LIFE_ACTION_COUNT);
}

/* The set of states that can be reached from `from`, as a bit mask. */
static unsigned reach(int from) {
    unsigned seen = 1u << from, before;
    do {
        before = seen;
        for (int s = 0; s < LIFE_STATE_COUNT; s++)
            for (int ev = 0; (seen >> s & 1) && ev < LIFE_EVENT_COUNT; ev++) {
                enum life_state next;
                enum life_action act;
                if (life_step(s, ev, &next, &act) == 1)
                    seen |= 1u << next;
            }
    } while (seen != before);
    return seen;
}

static void test_no_state_is_an_island_or_a_trap(void **state) {
    (void) state;
    assert_int_equal(reach(LIFE_STOPPED), (1u << LIFE_STATE_COUNT) - 1);
    for (int s = 0; s < LIFE_STATE_COUNT; s++)
        if (!(reach(s) >> LIFE_STOPPED & 1))
            fail_msg("%s can never get back to stopped", life_state_name(s));
}

static void test_what_comes_from_outside_is_never_a_bug(void **state) {
    (void) state;
    static const enum life_event outside[] = { LIFE_EV_OPEN,  LIFE_EV_READY,  LIFE_EV_HIDE,
                                               LIFE_EV_CLOSE, LIFE_EV_MEMORY, LIFE_EV_KILL };
    for (int s = 0; s < LIFE_STATE_COUNT; s++)
        for (size_t i = 0; i < sizeof outside / sizeof outside[0]; i++) {
            enum life_state next;
            enum life_action act;
            if (life_step(s, outside[i], &next, &act) < 0)
                fail_msg("%s in %s is called a bug", life_event_name(outside[i]),
                         life_state_name(s));
        }
}

/* Whatever the live state, an empty group is the end, and kill kills. */
static void test_the_end_is_the_same_from_every_live_state(void **state) {
    (void) state;
    for (int s = 0; s < LIFE_STATE_COUNT; s++) {
        enum life_state next = LIFE_STATE_COUNT;
        enum life_action act = LIFE_ACTION_COUNT;
        if (!life_is_live(s))
            continue;
        assert_int_equal(life_step(s, LIFE_EV_EMPTY, &next, &act), 1);
        assert_int_equal(next, LIFE_STOPPED);
        assert_int_equal(act, LIFE_DO_ENDED);
        assert_int_equal(life_step(s, LIFE_EV_KILL, &next, &act), 1);
        assert_int_equal(next, LIFE_STOPPING);
        assert_int_equal(act, LIFE_DO_KILL);
    }
}

/* A timer that comes due elsewhere changes nothing: an app in front is never stopped by the clock.
 */
static void test_a_timer_acts_in_its_own_state_only(void **state) {
    (void) state;
    static const struct {
        enum life_event ev;
        enum life_state own;
    } timers[] = {
        { LIFE_EV_START_TIMEOUT, LIFE_STARTING },
        { LIFE_EV_SUSPEND, LIFE_BACKGROUND },
        { LIFE_EV_DESTROY, LIFE_SUSPENDED },
        { LIFE_EV_STOP_TIMEOUT, LIFE_STOPPING },
    };
    for (size_t i = 0; i < sizeof timers / sizeof timers[0]; i++)
        for (int s = 0; s < LIFE_STATE_COUNT; s++) {
            enum life_state next;
            enum life_action act;
            int r = life_step(s, timers[i].ev, &next, &act);
            if ((r == 1) != (s == (int) timers[i].own))
                fail_msg("%s in %s: %d", life_event_name(timers[i].ev), life_state_name(s), r);
        }
    enum life_state next;
    enum life_action act;
    assert_int_equal(life_step(LIFE_FOREGROUND, LIFE_EV_SUSPEND, &next, &act), -EPROTO);
    assert_int_equal(life_step(LIFE_BACKGROUND, LIFE_EV_DESTROY, &next, &act), -EPROTO);
}

/* One story a row: what happens, the state it leads to, what is to be done. NONE: nothing. */
struct scene {
    enum life_event ev;
    enum life_state then;
    enum life_action act;
};
#define SCENE(e, s, a)                                                                             \
    { LIFE_EV_##e, LIFE_##s, LIFE_DO_##a }

static const struct story {
    const char *name;
    struct scene scene[8];
    size_t n;
} stories[] = {
    { "opened, hidden, suspended, brought back hot, closed",
      { SCENE(OPEN, STARTING, START), SCENE(READY, FOREGROUND, LAUNCH),
        SCENE(HIDE, BACKGROUND, HIDE), SCENE(SUSPEND, SUSPENDED, SUSPEND),
        SCENE(OPEN, FOREGROUND, RESUME), SCENE(CLOSE, STOPPING, STOP),
        SCENE(EMPTY, STOPPED, ENDED) },
      7 },
    { "brought back before it was suspended",
      { SCENE(OPEN, STARTING, START), SCENE(READY, FOREGROUND, LAUNCH),
        SCENE(HIDE, BACKGROUND, HIDE), SCENE(OPEN, FOREGROUND, SHOW) },
      4 },
    { "an open while it starts joins that start",
      { SCENE(OPEN, STARTING, START), SCENE(OPEN, STARTING, NONE),
        SCENE(READY, FOREGROUND, LAUNCH) },
      3 },
    { "an open of the one in front changes nothing",
      { SCENE(OPEN, STARTING, START), SCENE(READY, FOREGROUND, LAUNCH),
        SCENE(OPEN, FOREGROUND, NONE) },
      3 },
    { "never gets ready and ignores SIGTERM",
      { SCENE(OPEN, STARTING, START), SCENE(START_TIMEOUT, STOPPING, STOP),
        SCENE(STOP_TIMEOUT, STOPPING, KILL), SCENE(EMPTY, STOPPED, ENDED) },
      4 },
    { "ready while it is being stopped: too late",
      { SCENE(OPEN, STARTING, START), SCENE(CLOSE, STOPPING, STOP), SCENE(READY, STOPPING, NONE),
        SCENE(EMPTY, STOPPED, ENDED) },
      4 },
    { "suspended for too long",
      { SCENE(OPEN, STARTING, START), SCENE(READY, FOREGROUND, LAUNCH),
        SCENE(HIDE, BACKGROUND, HIDE), SCENE(SUSPEND, SUSPENDED, SUSPEND),
        SCENE(DESTROY, STOPPING, STOP), SCENE(EMPTY, STOPPED, ENDED) },
      6 },
    { "a suspended memory victim is not woken up to die",
      { SCENE(OPEN, STARTING, START), SCENE(READY, FOREGROUND, LAUNCH),
        SCENE(HIDE, BACKGROUND, HIDE), SCENE(SUSPEND, SUSPENDED, SUSPEND),
        SCENE(MEMORY, STOPPING, KILL), SCENE(EMPTY, STOPPED, ENDED) },
      6 },
    { "a memory victim in front may save, for a second",
      { SCENE(OPEN, STARTING, START), SCENE(READY, FOREGROUND, LAUNCH),
        SCENE(MEMORY, STOPPING, UNLOAD), SCENE(STOP_TIMEOUT, STOPPING, KILL),
        SCENE(EMPTY, STOPPED, ENDED) },
      5 },
    { "memory does not wait for an orderly stop",
      { SCENE(OPEN, STARTING, START), SCENE(CLOSE, STOPPING, STOP), SCENE(MEMORY, STOPPING, KILL),
        SCENE(EMPTY, STOPPED, ENDED) },
      4 },
    { "the main process ends, its children do not",
      { SCENE(OPEN, STARTING, START), SCENE(READY, FOREGROUND, LAUNCH),
        SCENE(MAIN_EXIT, STOPPING, STOP), SCENE(STOP_TIMEOUT, STOPPING, KILL),
        SCENE(EMPTY, STOPPED, ENDED) },
      5 },
    { "the group is empty before the main process is waited for, and it is opened again",
      { SCENE(OPEN, STARTING, START), SCENE(EMPTY, STOPPED, ENDED), SCENE(MAIN_EXIT, STOPPED, NONE),
        SCENE(OPEN, STARTING, START) },
      4 },
    { "an open waits for the end of a stop, outside of the table",
      { SCENE(OPEN, STARTING, START), SCENE(READY, FOREGROUND, LAUNCH),
        SCENE(CLOSE, STOPPING, STOP), SCENE(OPEN, STOPPING, NONE), SCENE(EMPTY, STOPPED, ENDED),
        SCENE(OPEN, STARTING, START) },
      6 },
};

static void test_stories(void **state) {
    (void) state;
    for (size_t i = 0; i < sizeof stories / sizeof stories[0]; i++) {
        enum life_state s = LIFE_STOPPED;
        for (size_t k = 0; k < stories[i].n; k++) {
            const struct scene *sc = &stories[i].scene[k];
            enum life_action act = LIFE_DO_NONE;
            if (life_step(s, sc->ev, &s, &act) < 0 || s != sc->then || act != sc->act)
                fail_msg("%s, step %zu (%s): %s/%s, not %s/%s", stories[i].name, k,
                         life_event_name(sc->ev), life_state_name(s), life_action_name(act),
                         life_state_name(sc->then), life_action_name(sc->act));
        }
    }
}

/* The smallest daemon: what its actions did to an app that may or may not have processes. */
struct model {
    enum life_state state;
    bool spawned; /* between START and ENDED */
    bool held;    /* SIGSTOPped */
    bool launched, stopping;
    enum life_action last;
};

static const char *perform(struct model *m, enum life_action act) {
    if (!m->spawned && act != LIFE_DO_START)
        return "something other than START without a process";
    switch (act) {
    case LIFE_DO_START:
        if (m->spawned)
            return "START of what runs";
        *m = (struct model){ .state = m->state, .spawned = true };
        break;
    case LIFE_DO_LAUNCH:
        if (m->launched)
            return "LAUNCH twice in a run";
        m->launched = true;
        break;
    case LIFE_DO_SUSPEND:
        if (m->held)
            return "SUSPEND of what is suspended";
        m->held = true;
        break;
    case LIFE_DO_RESUME:
        if (!m->held)
            return "RESUME of what runs";
        m->held = false;
        break;
    case LIFE_DO_SHOW:
    case LIFE_DO_HIDE:
        if (m->held)
            return "an event to a stopped process";
        if (act == m->last)
            return "SHOW or HIDE twice in a row";
        break;
    case LIFE_DO_UNLOAD:
        if (m->held)
            return "UNLOAD without SIGCONT";
        /* fall through */
    case LIFE_DO_STOP:
        if (m->stopping)
            return "an orderly stop twice in a run";
        m->stopping = true;
        m->held = false; /* STOP continues it first */
        break;
    case LIFE_DO_KILL:
        m->stopping = true;
        break;
    case LIFE_DO_ENDED:
        m->spawned = false;
        break;
    case LIFE_DO_NONE:
    case LIFE_ACTION_COUNT:
        return "GO without an action";
    }
    m->last = act;
    return NULL;
}

/* What must be so between any two events. */
static const char *inspect(const struct model *m) {
    if (life_is_live(m->state) != m->spawned)
        return "live and spawned differ";
    if (m->state == LIFE_SUSPENDED && !m->held)
        return "suspended but running";
    if (life_is_running(m->state) && (m->held || !m->launched))
        return "said to run, but held or never launched";
    if (m->spawned && (m->state == LIFE_STOPPING) != m->stopping)
        return "stopping and being stopped differ";
    return NULL;
}

static uint32_t next_random(uint32_t *seed) {
    *seed ^= *seed << 13;
    *seed ^= *seed >> 17;
    *seed ^= *seed << 5;
    return *seed;
}

/* 100,000 events in any order, the impossible ones too: those must change nothing. */
static void test_random_walks_hold_the_invariants(void **state) {
    (void) state;
    unsigned seen_edges[LIFE_STATE_COUNT] = { 0 };

    for (uint32_t walk = 1; walk <= 10; walk++) {
        uint32_t seed = walk * 2654435761u;
        struct model m = { .state = LIFE_STOPPED };

        for (int step = 0; step < 10000; step++) {
            enum life_event ev = next_random(&seed) % LIFE_EVENT_COUNT;
            enum life_state next = m.state;
            enum life_action act;
            const char *wrong = NULL;
            int r = life_step(m.state, ev, &next, &act);

            if (r == 1) {
                seen_edges[m.state] |= 1u << next;
                wrong = perform(&m, act);
                m.state = next;
            }
            if (!wrong)
                wrong = inspect(&m);
            if (wrong)
                fail_msg("walk %u, step %d, %s: %s", walk, step, life_event_name(ev), wrong);
        }
    }
    for (int s = 0; s < LIFE_STATE_COUNT; s++)
        if (seen_edges[s] == 0)
            fail_msg("the walks never left %s", life_state_name(s));
}

static void test_names_are_told_and_read(void **state) {
    (void) state;
    for (int s = 0; s < LIFE_STATE_COUNT; s++) {
        enum life_state back = LIFE_STATE_COUNT;
        assert_int_equal(life_state_parse(life_state_name(s), &back), 0);
        assert_int_equal(back, s);
    }
    enum life_state untouched = LIFE_STATE_COUNT;
    assert_int_equal(life_state_parse("Stopped", &untouched), -EINVAL);
    assert_int_equal(life_state_parse("", &untouched), -EINVAL);
    assert_int_equal(untouched, LIFE_STATE_COUNT);
    assert_string_equal(life_event_name(LIFE_EV_MAIN_EXIT), "main_exit");
    assert_string_equal(life_action_name(LIFE_DO_RESUME), "resume");
    assert_string_equal(life_state_name(LIFE_STATE_COUNT), "?");
    assert_string_equal(life_event_name(LIFE_EVENT_COUNT), "?");
    assert_string_equal(life_action_name(LIFE_ACTION_COUNT), "?");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_cell_is_a_decision),
        cmocka_unit_test(test_results_are_untouched_where_nothing_is_to_be_done),
        cmocka_unit_test(test_no_state_is_an_island_or_a_trap),
        cmocka_unit_test(test_what_comes_from_outside_is_never_a_bug),
        cmocka_unit_test(test_the_end_is_the_same_from_every_live_state),
        cmocka_unit_test(test_a_timer_acts_in_its_own_state_only),
        cmocka_unit_test(test_stories),
        cmocka_unit_test(test_random_walks_hold_the_invariants),
        cmocka_unit_test(test_names_are_told_and_read),
    };
    return cmocka_run_group_tests_name("units/life", tests, NULL, NULL);
}
