/* SPDX-License-Identifier: MIT
 * Groups on this machine's own trees: one process, and one that forks while it is held. */
#include "tests/integration/cgroup_kit.h"

#include "cgroups/kill.h"

struct fixture {
    struct cgrp_root *root;
};

static int set_up(void **state) {
    struct fixture *f = calloc(1, sizeof *f);

    f->root = kit_open(CGRP_AUTO);
    *state = f;
    return 0;
}

static int tear_down(void **state) {
    struct fixture *f = *state;

    cgrp_root_remove(f->root);
    (void) cgrp_root_free(f->root);
    free(f);
    return 0;
}

static struct cgrp_root *tree(void **state) {
    struct fixture *f = *state;

    if (!kit_need_tree(f->root))
        skip();
    return f->root;
}

static void run_with_memory(void *unused) {
    kit_take_memory(8 << 20);
    run_pause(unused);
}

static void test_one_process_through_its_life(void **state) {
    struct cgrp_root *root = tree(state);
    struct cgrp_group *group = kit_group(root, "org.example.life");
    struct cgrp_usage usage;
    pid_t listed[4] = { 0 };

    assert_int_equal(cgrp_group_populated(group), 0);
    pid_t pid = kit_spawn_main(group, run_with_memory, NULL, (uid_t) -1);
    assert_int_equal(cgrp_group_populated(group), 1);
    assert_int_equal(cgrp_group_pids(group, listed, 4), 1);
    assert_int_equal(listed[0], pid);

    kit_until(cgrp_group_usage(group, &usage, NULL) == 0 && usage.anon >= 8 << 20);
    assert_int_equal(usage.pids, 1);
    assert_true(usage.current >= usage.anon);
    assert_true(!usage.has_memory || usage.peak >= usage.current);

    kit_ok(cgrp_group_oom_score(group, 300));
    kit_ok(cgrp_group_stop(group, CGRP_HOLD_SIGNAL, &e));
    kit_until(kit_state(pid) == 'T');
    kit_ok(cgrp_group_stop(group, CGRP_HOLD_SIGNAL, &e));
    kit_ok(cgrp_group_continue(group, &e));
    kit_until(kit_state(pid) == 'S');
    kit_ok(cgrp_group_continue(group, &e));

    assert_int_equal(cgrp_group_remove(group, NULL), -EBUSY);
    kit_ok(cgrp_group_signal(group, SIGTERM, &e));
    assert_ptr_equal(kit_wait_empty(root), group);
    kit_reap(pid);
    kit_assert_no_empty(root);
    kit_ok(cgrp_group_remove(group, &e));
}

static void test_stopped_and_frozen_members_die(void **state) {
    struct cgrp_root *root = tree(state);

    for (int frozen = 0; frozen <= 1; frozen++) {
        struct cgrp_group *group = kit_group(root, "dies");
        pid_t pid = kit_spawn_main(group, run_pause, NULL, (uid_t) -1);
        kit_ok(cgrp_group_stop(group, frozen ? CGRP_HOLD_FREEZE : CGRP_HOLD_SIGNAL, &e));
        assert_int_equal(cgrp_group_is_frozen(group), frozen);
        if (!frozen)
            kit_until(kit_state(pid) == 'T');
        kit_ok(cgrp_group_kill(group, &e));
        assert_ptr_equal(kit_wait_empty(root), group);
        kit_reap(pid);
        kit_ok(cgrp_group_remove(group, &e));
    }
}

static void test_held_by_the_freezer_and_let_go(void **state) {
    struct cgrp_root *root = tree(state);
    struct cgrp_group *group = kit_group(root, "frozen");
    struct cgrp_events ev;

    pid_t pid = kit_spawn_main(group, run_pause, NULL, (uid_t) -1);
    kit_ok(cgrp_group_stop(group, CGRP_HOLD_FREEZE, &e));
    kit_until(cgrp_events_read(group->events_fd, &ev) == 0 && ev.frozen);
    assert_int_not_equal(kit_state(pid), 'T');
    kit_ok(cgrp_group_continue(group, &e));
    assert_false(cgrp_group_is_frozen(group));
    kit_until(cgrp_events_read(group->events_fd, &ev) == 0 && !ev.frozen);
    kit_end_group(group);
}

static _Atomic int *shared_counter(void) {
    void *p = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

    assert_ptr_not_equal(p, MAP_FAILED);
    return p;
}

static void count_and_pause(void *shared) {
    ++*(_Atomic int *) shared;
    run_pause(NULL);
}

/* Children of a session of their own and children that nobody is the parent of; four stay. */
static void run_family(void *shared) {
    pid_t leader = fork();

    if (leader == 0) {
        (void) setsid();
        if (fork() == 0) /* its leader dies */
            count_and_pause(shared);
        if (fork() == 0) {
            (void) setpgid(0, 0);
            count_and_pause(shared);
        }
        _exit(0);
    }
    if (fork() == 0)
        (void) setsid(), count_and_pause(shared);
    (void) waitpid(leader, NULL, 0);
    count_and_pause(shared);
}

static void test_sessions_and_orphans_are_held_and_killed_too(void **state) {
    struct cgrp_root *root = tree(state);
    struct cgrp_group *group = kit_group(root, "family");
    _Atomic int *count = shared_counter();

    (void) kit_spawn_main(group, run_family, (void *) count, (uid_t) -1);
    kit_until(*count == 4);
    kit_ok(cgrp_group_stop(group, CGRP_HOLD_SIGNAL, &e));
    kit_until(kit_in_state(group, "T") == 4);
    assert_false(cgrp_group_is_frozen(group)); /* the guard let go */
    kit_ok(cgrp_group_continue(group, &e));
    kit_until(kit_in_state(group, "S") == 4);
    kit_end_group(group);
    munmap((void *) count, 4096);
}

/* Forks all the time, each fork slow by the pages to copy; counts children in shared memory. */
static void run_slow_forks(void *shared) {
    _Atomic int *count = shared;

    kit_take_memory(32 << 20);
    (void) signal(SIGCHLD, SIG_IGN);
    for (;;) {
        pid_t pid = fork();
        ++*count;
        if (pid == 0) {
            int before = *count;
            while (*count < before + 8) /* lives for some more forks, so that it can be seen */
                (void) poll(NULL, 0, 1);
            _exit(0);
        }
        (void) poll(NULL, 0, 1);
    }
}

static void test_a_fork_in_flight_does_not_escape_a_stop(void **state) {
    struct cgrp_root *root = tree(state);
    struct cgrp_group *group = kit_group(root, "forker");
    _Atomic int *count = shared_counter();

    (void) kit_spawn_main(group, run_slow_forks, (void *) count, (uid_t) -1);
    kit_until(*count > 4);
    for (int round = 0; round < 100; round++) {
        int seen;
        kit_ok(cgrp_group_stop(group, CGRP_HOLD_SIGNAL, &e));
        /* Whoever escaped runs on for ever: then this waits in vain. */
        kit_until(kit_in_state(group, "TZ") == (int) cgrp_group_pids(group, NULL, 0));
        seen = *count;
        kit_ok(cgrp_group_continue(group, &e));
        kit_until(*count > seen + 2);
    }
    kit_end_group(group);
    munmap((void *) count, 4096);
}

static void test_nobody_stays_stopped_after_stop_and_continue(void **state) {
    struct cgrp_root *root = tree(state);
    struct cgrp_group *group = kit_group(root, "forker");
    _Atomic int *count = shared_counter();

    (void) kit_spawn_main(group, run_slow_forks, (void *) count, (uid_t) -1);
    kit_until(*count > 4);
    for (int round = 0; round < 100; round++) {
        int seen = *count;
        kit_ok(cgrp_group_stop(group, CGRP_HOLD_SIGNAL, &e));
        kit_ok(cgrp_group_continue(group, &e));
        kit_until(*count > seen + 2); /* what was in flight has landed */
        kit_until(kit_in_state(group, "T") == 0);
    }
    kit_end_group(group);
    munmap((void *) count, 4096);
}

static void test_kill_without_cgroup_kill(void **state) {
    struct cgrp_root *root = tree(state);
    struct cgrp_group *group = kit_group(root, "old-kernel");
    _Atomic int *count = shared_counter();

    for (int round = 0; round < 10; round++) {
        *count = 0;
        (void) kit_spawn_main(group, run_slow_forks, (void *) count, (uid_t) -1);
        kit_until(*count > 4);
        kit_ok(cgrp_tree_kill_by_signal(group, &e));
        assert_ptr_equal(kit_wait_empty(root), group);
        assert_int_equal(cgrp_group_pids(group, NULL, 0), 0);
        assert_false(cgrp_group_is_frozen(group));
        kit_reap_all();
    }
    kit_assert_no_empty(root);
    kit_ok(cgrp_group_remove(group, &e));
    munmap((void *) count, 4096);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_one_process_through_its_life, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_stopped_and_frozen_members_die, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_held_by_the_freezer_and_let_go, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_sessions_and_orphans_are_held_and_killed_too, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_a_fork_in_flight_does_not_escape_a_stop, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_nobody_stays_stopped_after_stop_and_continue, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_kill_without_cgroup_kill, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, kit_clean);
}
