/* SPDX-License-Identifier: MIT
 * test_poller.c - who is served when, and nodes that go in the middle of things. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "supervisor/daemon/poller.h"

#define ENDS 4

struct end {
    struct poll_node node;
    int mine, theirs; /* a socket pair */
    unsigned called;
    uint32_t fired;
    struct end *remove;     /* in its turn */
    bool ask_again, forget; /* in its turn */
};

static struct fixture {
    sd_event *event;
    struct poller *poller;
    struct end end[ENDS];
    char order[64]; /* who was called, as digits */
} f;

static void ready(struct poll_node *node, uint32_t fired) {
    struct end *x = list_entry(node, struct end, node);
    size_t n = strlen(f.order);

    x->called++;
    x->fired = fired;
    if (n + 1 < sizeof f.order)
        f.order[n] = (char) ('0' + (x - f.end));
    if (x->remove)
        poller_remove(f.poller, &x->remove->node);
    if (x->ask_again)
        poller_again(f.poller, node);
    if (x->forget)
        poller_later(f.poller, node);
}

static int set_up(void **state) {
    (void) state;
    memset(&f, 0, sizeof f);
    assert_true(sd_event_new(&f.event) >= 0);
    assert_int_equal(poller_new(f.event, 0, &f.poller, NULL), 0);
    for (int i = 0; i < ENDS; i++) {
        int pair[2];
        assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair),
                         0);
        f.end[i].mine = pair[0];
        f.end[i].theirs = pair[1];
        poll_node_init(&f.end[i].node, ready);
    }
    return 0;
}

static int tear_down(void **state) {
    (void) state;
    for (int i = 0; i < ENDS; i++) {
        poller_remove(f.poller, &f.end[i].node);
        (void) close(f.end[i].mine);
        (void) close(f.end[i].theirs);
    }
    poller_free(f.poller);
    sd_event_unref(f.event);
    return 0;
}

static void watch(int i, uint32_t events) {
    assert_int_equal(poller_watch(f.poller, &f.end[i].node, f.end[i].mine, events), 0);
}

static void poke(int i) {
    assert_int_equal(write(f.end[i].theirs, "x", 1), 1);
}

static void turns(int n) {
    while (n-- > 0)
        assert_int_equal(sd_event_run(f.event, 0) > 0, 1);
}

static void quiet(void) {
    assert_int_equal(sd_event_run(f.event, 0), 0);
}

static void test_level_triggered_and_changed(void **state) {
    (void) state;
    watch(0, EPOLLIN);
    quiet();
    poke(0);
    turns(3);
    assert_int_equal(f.end[0].called, 3);
    assert_int_equal(f.end[0].fired, EPOLLIN);
    watch(0, 0);
    quiet();
    watch(0, EPOLLOUT);
    turns(1);
    assert_int_equal(f.end[0].fired, EPOLLOUT);
    poller_unwatch(f.poller, &f.end[0].node);
    (void) close(f.end[0].theirs); /* a hang-up comes unasked, but not to one who is out */
    quiet();
    watch(0, 0);
    turns(1);
    assert_true(f.end[0].fired & EPOLLHUP);
    assert_int_equal(f.end[0].node.fd, f.end[0].mine);
}

static void test_one_that_is_always_ready_waits_for_others(void **state) {
    (void) state;
    for (int i = 0; i < ENDS; i++)
        watch(i, EPOLLIN);
    for (int i = 0; i < ENDS; i++)
        poke(i);
    turns(3 * ENDS);
    for (int i = 0; i < ENDS; i++)
        assert_int_equal(f.end[i].called, 3);
    assert_memory_equal(f.order, "012301230123", 12);
}

static void test_a_node_that_another_takes_out(void **state) {
    (void) state;
    watch(0, EPOLLIN);
    watch(1, EPOLLIN);
    poke(0);
    poke(1);
    f.end[0].remove = &f.end[1];
    f.end[1].remove = &f.end[0];
    turns(1); /* whoever was first has taken out the other */
    turns(1);
    assert_int_equal(f.end[0].called + f.end[1].called, 2);
    assert_true(f.end[0].called == 0 || f.end[1].called == 0);

    /* Those that asked for a turn: the same, in the midst of their batch. */
    f.end[0].called = f.end[1].called = 0;
    poller_remove(f.poller, &f.end[0].node);
    poller_remove(f.poller, &f.end[1].node);
    poller_again(f.poller, &f.end[0].node);
    poller_again(f.poller, &f.end[1].node);
    turns(1);
    quiet();
    assert_int_equal(f.end[0].called, 1);
    assert_int_equal(f.end[0].fired, 0);
    assert_int_equal(f.end[1].called, 0);
}

static void test_again_is_the_next_turn_and_no_spin_of_its_own(void **state) {
    (void) state;
    watch(1, EPOLLIN);
    poke(1);
    f.end[0].ask_again = true;
    poller_again(f.poller, &f.end[0].node);
    poller_again(f.poller, &f.end[0].node); /* asked twice: once */
    turns(10);
    assert_in_range(f.end[0].called, 4, 6); /* others in between */
    assert_in_range(f.end[1].called, 4, 6);
    f.end[0].ask_again = false;
    poller_unwatch(f.poller, &f.end[1].node);
    turns(1);
    quiet();
}

static void test_later_comes_back(void **state) {
    (void) state;
    watch(0, EPOLLIN);
    watch(1, EPOLLIN);
    poke(0);
    poke(1);
    f.end[0].forget = f.end[1].forget = true;
    turns(2);
    quiet(); /* both are ready, and neither is waited for */
    f.end[0].forget = f.end[1].forget = false;
    poller_remove(f.poller, &f.end[1].node); /* and it is forgotten */
    assert_int_equal(sd_event_run(f.event, 20 * POLLER_LATER_US) > 0, 1);
    assert_int_equal(f.end[0].called, 2);
    assert_int_equal(f.end[0].fired, 0);
    assert_int_equal(f.end[0].node.fd, -1);
    quiet();
    assert_int_equal(f.end[1].called, 1);
}

static void test_what_cannot_be_waited_for(void **state) {
    (void) state;
    struct poll_node node;
    int file = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    poll_node_init(&node, ready);
    assert_int_equal(poller_watch(f.poller, &node, file, EPOLLIN), -EPERM);
    assert_int_equal(node.fd, -1);
    assert_int_equal(poller_watch(f.poller, &node, -1, EPOLLIN), -EBADF);
    poller_remove(f.poller, &node);
    (void) close(file);
}

#define ON_POLLER(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        ON_POLLER(test_level_triggered_and_changed),
        ON_POLLER(test_one_that_is_always_ready_waits_for_others),
        ON_POLLER(test_a_node_that_another_takes_out),
        ON_POLLER(test_again_is_the_next_turn_and_no_spin_of_its_own),
        ON_POLLER(test_later_comes_back),
        ON_POLLER(test_what_cannot_be_waited_for),
    };
    return cmocka_run_group_tests_name("poller", tests, NULL, NULL);
}
