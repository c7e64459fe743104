/* SPDX-License-Identifier: MIT
 * test_timers.c - deadlines in order, whatever is set, moved and cleared meanwhile. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "supervisor/base/list.h"
#include "supervisor/daemon/loop.h"
#include "supervisor/daemon/timers.h"

#define NODES 300

struct item {
    struct timer_node node;
    struct item *clear, *set; /* in its turn */
    unsigned called;
};

static struct fixture {
    sd_event *event;
    struct timers *timers;
    struct item item[NODES];
    uint64_t last; /* time of the one called last */
    unsigned called;
} f;

static void fired(struct timer_node *node) {
    struct item *x = list_entry(node, struct item, node);

    assert_int_equal(node->place, 0);
    assert_true(node->at >= f.last); /* never out of order */
    assert_true(node->at <= loop_boottime());
    f.last = node->at;
    f.called++;
    x->called++;
    if (x->clear)
        timers_clear(f.timers, &x->clear->node);
    if (x->set)
        assert_int_equal(timers_set(f.timers, &x->set->node, loop_boottime()), 0);
}

static int set_up(void **state) {
    (void) state;
    memset(&f, 0, sizeof f);
    assert_true(sd_event_new(&f.event) >= 0);
    assert_int_equal(timers_new(f.event, 0, &f.timers, NULL), 0);
    for (int i = 0; i < NODES; i++)
        f.item[i].node.fired = fired;
    return 0;
}

static int tear_down(void **state) {
    (void) state;
    for (int i = 0; i < NODES; i++)
        timers_clear(f.timers, &f.item[i].node);
    timers_free(f.timers);
    sd_event_unref(f.event);
    return 0;
}

static void set(int i, uint64_t at) {
    assert_int_equal(timers_set(f.timers, &f.item[i].node, at), 0);
}

static void drain(void) {
    while (sd_event_run(f.event, 0) > 0)
        ;
}

/* Times in the past are due at once; one far ahead is not. */
static void test_all_in_order_once(void **state) {
    (void) state;
    unsigned seed = 1;

    for (int i = 1; i < NODES; i++)
        set(i, 1 + (uint64_t) rand_r(&seed) % 1000);
    set(0, loop_boottime() + UINT64_C(3600000000));
    for (int i = 1; i < NODES; i += 3) /* moved, both ways */
        set(i, 1 + (uint64_t) rand_r(&seed) % 1000);
    for (int i = 2; i < NODES; i += 3)
        timers_clear(f.timers, &f.item[i].node);
    drain();
    for (int i = 1; i < NODES; i++)
        assert_int_equal(f.item[i].called, i % 3 == 2 ? 0 : 1);
    assert_int_equal(f.item[0].called, 0);
    timers_clear(f.timers, &f.item[0].node);
    timers_clear(f.timers, &f.item[0].node); /* of none: nothing */
    assert_int_equal(f.item[0].node.place, 0);
}

/* A random walk: whatever is in the heap, the earliest is on top. */
static void test_the_heap_holds(void **state) {
    (void) state;
    uint64_t far = loop_boottime() + UINT64_C(3600000000);
    unsigned seed = 7, in = 0;

    for (int step = 0; step < 20000; step++) {
        struct item *x = &f.item[rand_r(&seed) % NODES];
        if (rand_r(&seed) % 3 == 0) {
            in -= x->node.place != 0;
            timers_clear(f.timers, &x->node);
        } else {
            in += x->node.place == 0;
            set((int) (x - f.item), far + (uint64_t) (rand_r(&seed) % 1000));
        }
    }
    uint64_t earliest = UINT64_MAX;
    unsigned there = 0;
    for (int i = 0; i < NODES; i++) {
        const struct timer_node *node = &f.item[i].node;
        there += node->place != 0;
        if (node->place != 0 && node->at < earliest)
            earliest = node->at;
    }
    assert_int_equal(there, in);
    for (int i = 0; i < NODES; i++)
        if (f.item[i].node.place == 1)
            assert_int_equal(f.item[i].node.at, earliest);
    drain();
    assert_int_equal(f.called, 0);
}

static void test_set_and_cleared_in_a_turn(void **state) {
    (void) state;
    set(0, 1);
    set(1, 2);
    f.item[0].clear = &f.item[1];
    f.item[0].set = &f.item[2];
    drain();
    assert_int_equal(f.item[0].called, 1);
    assert_int_equal(f.item[1].called, 0);
    assert_int_equal(f.item[2].called, 1);
    f.item[2].set = NULL;

    /* Its own, from its own turn: comes again, in another turn at the latest. */
    f.item[3].set = &f.item[3];
    set(3, f.last);
    while (f.item[3].called < 1000)
        assert_true(sd_event_run(f.event, UINT64_C(1000000)) > 0);
    f.item[3].set = NULL;
    drain();
}

static void test_one_that_is_to_come(void **state) {
    (void) state;
    set(0, loop_boottime() + 20000);
    assert_int_equal(f.item[0].called, 0);
    while (f.item[0].called == 0)
        assert_true(sd_event_run(f.event, UINT64_C(10000000)) > 0); /* it waits, and is woken */
}

#define ON_TIMERS(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        ON_TIMERS(test_all_in_order_once),
        ON_TIMERS(test_the_heap_holds),
        ON_TIMERS(test_set_and_cleared_in_a_turn),
        ON_TIMERS(test_one_that_is_to_come),
    };
    return cmocka_run_group_tests_name("timers", tests, NULL, NULL);
}
