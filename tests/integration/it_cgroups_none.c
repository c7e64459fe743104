/* SPDX-License-Identifier: MIT
 * The backend without a tree, on real processes: who belongs to an app and who does not. */
#include "tests/integration/cgroup_kit.h"

#include <grp.h>
#include <sys/resource.h>

#define APP_UID 64999 /* nobody's here; within any mapping of 16 bits */

static pid_t bystander; /* of our own session, no app's: must outlive every test */

static int set_up(void **state) {
    (void) state;
    assert_int_equal(prctl(PR_SET_CHILD_SUBREAPER, 1), 0);
    bystander = fork();
    if (bystander == 0) {
        (void) prctl(PR_SET_PDEATHSIG, SIGKILL);
        run_pause(NULL);
    }
    return 0;
}

static int tear_down(void **state) {
    (void) state;
    assert_int_equal(kit_state(bystander), 'S');
    kill(bystander, SIGKILL);
    kit_reap(bystander);
    return 0;
}

static void end(struct cgrp_root *root) {
    assert_int_equal(kit_state(bystander), 'S');
    cgrp_root_remove(root);
    (void) cgrp_root_free(root);
}

static void test_one_process_through_its_life(void **state) {
    struct cgrp_root *root = kit_open(CGRP_NONE);
    struct cgrp_group *group = kit_group(root, "life");
    struct cgrp_usage usage;
    struct cgrp_join join;
    pid_t listed[2] = { 0 };

    (void) state;
    cgrp_group_join(group, &join);
    assert_int_equal(join.into_fd, -1);
    assert_int_equal(join.n, 0);
    assert_int_equal(cgrp_group_populated(group), 0);
    kit_assert_no_empty(root);
    pid_t pid = kit_spawn_main(group, run_pause, NULL, (uid_t) -1);
    assert_int_equal(cgrp_group_populated(group), 1);
    assert_int_equal(cgrp_group_pids(group, listed, 2), 1);
    assert_int_equal(listed[0], pid);
    kit_ok(cgrp_group_usage(group, &usage, &e));
    assert_false(usage.has_memory);
    assert_true(usage.current > 0 && usage.pids == 1 && usage.peak == 0);
    kit_ok(cgrp_group_oom_score(group, 300));

    assert_int_equal(cgrp_group_stop(group, CGRP_HOLD_FREEZE, &e), -EOPNOTSUPP);
    kit_ok(cgrp_group_stop(group, CGRP_HOLD_SIGNAL, &e));
    kit_until(kit_state(pid) == 'T');
    assert_false(cgrp_group_is_frozen(group));
    kit_ok(cgrp_group_continue(group, &e));
    kit_until(kit_state(pid) == 'S');
    assert_int_equal(cgrp_group_remove(group, &e), -EBUSY);
    kit_assert_no_empty(root);

    kit_ok(cgrp_group_stop(group, CGRP_HOLD_SIGNAL, &e));
    kit_ok(cgrp_group_kill(group, &e));
    assert_ptr_equal(kit_wait_empty(root), group);
    kit_reap(pid);
    kit_assert_no_empty(root);
    kit_ok(cgrp_group_remove(group, &e));
    end(root);
}

/* The main process, a child, a child in its own session with a child of its own. */
static void run_family(void *unused) {
    (void) unused;
    if (fork() == 0)
        run_pause(NULL);
    if (fork() == 0) {
        (void) setsid();
        (void) fork();
        run_pause(NULL);
    }
    run_pause(NULL);
}

static void test_descendants_are_held_and_killed_too(void **state) {
    struct cgrp_root *root = kit_open(CGRP_NONE);
    struct cgrp_group *group = kit_group(root, "family");

    (void) state;
    (void) kit_spawn_main(group, run_family, NULL, (uid_t) -1);
    kit_until(kit_in_state(group, "S") == 4);
    kit_ok(cgrp_group_stop(group, CGRP_HOLD_SIGNAL, &e));
    kit_until(kit_in_state(group, "T") == 4);
    kit_ok(cgrp_group_continue(group, &e));
    kit_until(kit_in_state(group, "S") == 4);
    kit_ok(cgrp_group_kill(group, &e));
    assert_ptr_equal(kit_wait_empty(root), group);
    kit_reap_all();
    kit_ok(cgrp_group_remove(group, &e));
    end(root);
}

static void run_child_that_stays(void *unused) {
    (void) unused;
    if (fork() == 0)
        run_pause(NULL);
}

static void test_children_that_outlive_the_main_process(void **state) {
    struct cgrp_root *root = kit_open(CGRP_NONE);
    struct cgrp_group *group = kit_group(root, "outlives");

    (void) state;
    pid_t pid = kit_spawn_main(group, run_child_that_stays, NULL, (uid_t) -1);
    kit_until(kit_state(pid) == 'Z');
    kit_reap(pid);
    kit_assert_no_empty(root); /* its child lives, in the session that it led */
    assert_int_equal(cgrp_group_populated(group), 1);
    kit_ok(cgrp_group_kill(group, &e));
    assert_ptr_equal(kit_wait_empty(root), group);
    kit_reap_all();
    kit_ok(cgrp_group_remove(group, &e));
    end(root);
}

/* Under a uid of its own: forks twice into a new session, so that only the uid tells. */
static void run_daemonize(void *unused) {
    (void) unused;
    if (setgroups(0, NULL) < 0 || setresgid(APP_UID, APP_UID, APP_UID) < 0 ||
        setresuid(APP_UID, APP_UID, APP_UID) < 0)
        _exit(97);
    if (fork() == 0) {
        (void) setsid();
        (void) prctl(PR_SET_DUMPABLE, 0); /* its folder in /proc is root's now */
        if (fork() == 0)
            run_pause(NULL);
        _exit(0);
    }
}

static void test_a_uid_finds_who_left_session_and_parents(void **state) {
    struct cgrp_root *root = kit_open(CGRP_NONE);
    struct cgrp_group *group = kit_group(root, "daemonize");

    (void) state;
    if (geteuid() != 0) {
        print_message("skipped: only root may give a process a uid\n");
        end(root);
        skip();
    }
    (void) kit_spawn_main(group, run_daemonize, NULL, APP_UID);
    kit_until((kit_reap_all(), kit_in_state(group, "S")) == 1);
    kit_assert_no_empty(root);
    kit_ok(cgrp_group_stop(group, CGRP_HOLD_SIGNAL, &e));
    kit_until(kit_in_state(group, "T") == 1);
    kit_ok(cgrp_group_kill(group, &e));
    assert_ptr_equal(kit_wait_empty(root), group);
    kit_reap_all();
    kit_ok(cgrp_group_remove(group, &e));
    end(root);
}

static void run_bomb(void *unused) {
    struct rlimit most = { 50, 50 };

    (void) unused;
    if (setresuid(APP_UID, APP_UID, APP_UID) < 0 || setrlimit(RLIMIT_NPROC, &most) < 0)
        _exit(97);
    (void) signal(SIGCHLD, SIG_IGN);
    for (;;) {
        if (fork() == 0 && getpid() % 3 == 0)
            (void) setsid();
        (void) poll(NULL, 0, 1);
    }
}

static void test_a_fork_bomb_under_a_uid(void **state) {
    struct cgrp_root *root = kit_open(CGRP_NONE);

    (void) state;
    if (geteuid() != 0) {
        print_message("skipped: only root may give a process a uid\n");
        end(root);
        skip();
    }
    for (int round = 0; round < 12; round++) {
        struct cgrp_group *group = kit_group(root, "bomb");
        (void) kit_spawn_main(group, run_bomb, NULL, APP_UID);
        if (round % 2)
            kit_until(cgrp_group_pids(group, NULL, 0) >= 20);
        kit_ok(cgrp_group_stop(group, CGRP_HOLD_SIGNAL, &e));
        kit_until(kit_in_state(group, "TZ") == (int) cgrp_group_pids(group, NULL, 0));
        kit_ok(cgrp_group_continue(group, &e));
        kit_until(cgrp_group_pids(group, NULL, 0) >= 20);
        kit_ok(cgrp_group_kill(group, &e));
        assert_ptr_equal(kit_wait_empty(root), group);
        assert_int_equal(cgrp_group_pids(group, NULL, 0), 0);
        kit_reap_all();
        kit_ok(cgrp_group_remove(group, &e));
    }
    end(root);
}

static uint64_t starttime_of(pid_t pid) {
    struct cgrp_proc p = { 0 };
    int fd = open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    assert_int_equal(cgrp_proc_read(fd, pid, &p), 0);
    close(fd);
    return p.starttime;
}

static void test_adoption_and_a_reused_pid(void **state) {
    struct cgrp_root *root = kit_open(CGRP_NONE);
    struct cgrp_group *group = kit_group(root, "old"), *adopted = NULL;

    (void) state;
    pid_t pid = kit_spawn_main(group, run_pause, NULL, (uid_t) -1);
    struct cgrp_adopt how = { pid, starttime_of(pid), (uid_t) -1 };
    (void) cgrp_group_free(group);

    how.main_starttime++; /* the number is another process's by now: hands off */
    assert_int_equal(cgrp_group_adopt(root, "old", &how, NULL, &adopted, &e), -ENOENT);
    how.main_starttime--;
    how.main_pid = 1;
    assert_int_equal(cgrp_group_adopt(root, "old", &how, NULL, &adopted, &e), -ENOENT);
    how.main_pid = getpid();
    how.main_starttime = starttime_of(getpid());
    assert_int_equal(cgrp_group_adopt(root, "old", &how, NULL, &adopted, &e), -ENOENT);
    how.main_pid = pid;
    how.main_starttime = starttime_of(pid);
    how.uid = getuid(); /* our own uid tells nothing of an app */
    kit_ok(cgrp_group_adopt(root, "old", &how, NULL, &adopted, &e));
    assert_int_equal(cgrp_group_pids(adopted, NULL, 0), 1);
    kit_ok(cgrp_group_kill(adopted, &e));
    assert_ptr_equal(kit_wait_empty(root), adopted);
    kit_reap(pid);
    kit_ok(cgrp_group_remove(adopted, &e));
    end(root);
}

/* A main process that never made a session shares ours, which is not the app's. */
static void test_our_own_session_is_no_apps(void **state) {
    struct cgrp_root *root = kit_open(CGRP_NONE);
    struct cgrp_group *group = kit_group(root, "no-session");
    pid_t pid = fork();

    (void) state;
    if (pid == 0)
        run_pause(NULL);
    struct cgrp_adopt who = { .main_pid = pid, .uid = (uid_t) -1 };
    assert_int_equal(cgrp_group_set_main(group, &who), 0);
    kit_until(kit_state(pid) == 'S');
    assert_int_equal(cgrp_group_pids(group, NULL, 0), 1);
    kit_ok(cgrp_group_stop(group, CGRP_HOLD_SIGNAL, &e));
    kit_until(kit_state(pid) == 'T');
    assert_int_equal(kit_state(bystander), 'S');
    kit_ok(cgrp_group_kill(group, &e));
    assert_ptr_equal(kit_wait_empty(root), group);
    kit_reap(pid);
    kit_ok(cgrp_group_remove(group, &e));
    end(root);
}

static void test_nothing_leaks(void **state) {
    int fds = -1;

    (void) state;
    for (int round = 0; round < 3; round++) {
        struct cgrp_root *root = kit_open(CGRP_NONE);
        for (int i = 0; i < 10; i++) {
            struct cgrp_group *group = kit_group(root, "leak");
            pid_t pid = kit_spawn_main(group, i % 2 ? run_pause : run_nothing, NULL, (uid_t) -1);
            kit_ok(cgrp_group_kill(group, &e));
            assert_ptr_equal(kit_wait_empty(root), group);
            kit_reap(pid);
            kit_ok(cgrp_group_remove(group, &e));
        }
        end(root);
        fds = fds < 0 ? kit_count("/proc/self/fd", false) : fds;
        assert_int_equal(kit_count("/proc/self/fd", false), fds);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_one_process_through_its_life),
        cmocka_unit_test(test_descendants_are_held_and_killed_too),
        cmocka_unit_test(test_children_that_outlive_the_main_process),
        cmocka_unit_test(test_a_uid_finds_who_left_session_and_parents),
        cmocka_unit_test(test_a_fork_bomb_under_a_uid),
        cmocka_unit_test(test_adoption_and_a_reused_pid),
        cmocka_unit_test(test_our_own_session_is_no_apps),
        cmocka_unit_test(test_nothing_leaks),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
