/* SPDX-License-Identifier: MIT
 * Groups on this machine's own trees: limits, fork bombs, many groups, and what an earlier
 * supervisor left. */
#include "tests/integration/cgroup_kit.h"

#include "cgroups/check.h"

static struct cgrp_root *tree(void) {
    struct cgrp_root *root = kit_open(CGRP_AUTO);

    if (!kit_need_tree(root)) {
        (void) cgrp_root_free(root);
        skip();
    }
    return root;
}

/* Nothing of ours may be left in any tree. */
static void end(struct cgrp_root *root) {
    char v2[256], v1[CGRP_V1_COUNT][256] = { "", "" };

    (void) snprintf(v2, sizeof v2, "%s", root->v2.path);
    for (int i = 0; i < CGRP_V1_COUNT; i++)
        if (root->v1[i].path)
            (void) snprintf(v1[i], sizeof v1[i], "%s", root->v1[i].path);
    cgrp_root_remove(root);
    (void) cgrp_root_free(root);
    assert_int_equal(access(v2, F_OK), -1);
    for (int i = 0; i < CGRP_V1_COUNT; i++)
        assert_true(v1[i][0] == '\0' || access(v1[i], F_OK) == -1);
}

static void run_bomb(void *unused) {
    (void) unused;
    (void) signal(SIGCHLD, SIG_IGN);
    for (;;)
        if (fork() < 0)
            (void) poll(NULL, 0, 1);
}

static void test_a_fork_bomb_is_held_and_killed_100_times(void **state) {
    struct cgrp_root *root = tree();
    struct cgrp_limits limits = no_limits;

    (void) state;
    if (!cgrp_root_has_pids_limit(root)) {
        print_message("skipped: %s\n", cgrp_root_describe(root));
        end(root);
        skip();
    }
    limits.pids_max = 40;
    for (int round = 0; round < 100; round++) {
        struct cgrp_group *group = NULL;
        ssize_t n;
        kit_ok(cgrp_group_create(root, "bomb", &limits, NULL, &group, &e));
        (void) kit_spawn_main(group, run_bomb, NULL, (uid_t) -1);
        if (round % 2) /* every other one is met while it grows */
            kit_until(cgrp_group_pids(group, NULL, 0) >= 20);
        kit_ok(cgrp_group_stop(group, CGRP_HOLD_SIGNAL, &e));
        kit_until(kit_in_state(group, "T") == (int) cgrp_group_pids(group, NULL, 0));
        n = cgrp_group_pids(group, NULL, 0);
        assert_true(n >= 1 && n <= 40);
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

static void run_take_too_much(void *unused) {
    (void) unused;
    for (;;)
        kit_take_memory(1 << 20);
}

static void test_memory_over_the_limit_ends_the_app(void **state) {
    struct cgrp_root *root = tree();
    struct cgrp_limits limits = no_limits;
    struct cgrp_group *group = NULL;
    int status;

    (void) state;
    if (!cgrp_root_has_memory_limit(root)) {
        print_message("skipped: %s\n", cgrp_root_describe(root));
        end(root);
        skip();
    }
    limits.memory_max = 16 << 20;
    limits.memory_swap_max = 0;
    kit_ok(cgrp_group_create(root, "hog", &limits, NULL, &group, &e));
    pid_t pid = kit_spawn_main(group, run_take_too_much, NULL, (uid_t) -1);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
    assert_ptr_equal(kit_wait_empty(root), group);

    /* Limits may be changed, both ways, and taken off. */
    limits.memory_max = 32 << 20;
    kit_ok(cgrp_group_limit(group, &limits, &e));
    limits.memory_max = 8 << 20;
    kit_ok(cgrp_group_limit(group, &limits, &e));
    kit_ok(cgrp_group_limit(group, &no_limits, &e));
    kit_ok(cgrp_group_remove(group, &e));
    end(root);
}

#define MANY 200

static void test_200_groups_empty_once_each(void **state) {
    struct cgrp_root *root = tree();
    struct cgrp_group *group[MANY], *empty;
    int heard[MANY] = { 0 };

    (void) state;
    for (int i = 0; i < MANY; i++) {
        char id[32];
        (void) snprintf(id, sizeof id, "many.n%d", i);
        kit_ok(cgrp_group_create(root, id, &no_limits, &heard[i], &group[i], &e));
        /* Every fourth is gone before anybody looks; every fifth of them is not announced. */
        pid_t pid = kit_spawn(group[i], i % 4 ? run_pause : run_nothing, NULL);
        struct cgrp_adopt who = { .main_pid = pid, .uid = (uid_t) -1 };
        if (i % 5)
            assert_int_equal(cgrp_group_set_main(group[i], &who), 0);
    }
    for (int i = 0; i < MANY; i++)
        if (i % 4)
            kit_ok(cgrp_group_kill(group[i], &e));
    for (int i = 0; i < MANY; i++) {
        empty = kit_wait_empty(root);
        ++*(int *) cgrp_group_owner(empty);
    }
    kit_assert_no_empty(root);
    kit_reap_all();
    for (int i = 0; i < MANY; i++) {
        assert_int_equal(heard[i], 1);
        kit_ok(cgrp_group_remove(group[i], &e));
    }
    end(root);
}

static void test_a_group_that_never_lived_is_not_reported(void **state) {
    struct cgrp_root *root = tree();
    struct cgrp_group *group = kit_group(root, "still-born");

    (void) state;
    kit_assert_no_empty(root);
    kit_ok(cgrp_group_stop(group, CGRP_HOLD_FREEZE, &e)); /* an event, but not that one */
    kit_ok(cgrp_group_continue(group, &e));
    kit_ok(cgrp_group_kill(group, &e));
    kit_assert_no_empty(root);
    /* And a second life is heard of again. */
    for (int i = 0; i < 2; i++) {
        pid_t pid = kit_spawn_main(group, run_nothing, NULL, (uid_t) -1);
        assert_ptr_equal(kit_wait_empty(root), group);
        kit_reap(pid);
    }
    kit_ok(cgrp_group_remove(group, &e));
    end(root);
}

static void test_a_group_that_somebody_else_removed(void **state) {
    struct cgrp_root *root = tree();
    struct cgrp_adopt how = { .uid = (uid_t) -1 };
    struct cgrp_group *group = kit_group(root, "removed");

    (void) state;
    assert_int_equal(cgrp_group_set_main(group, &how), 0);
    assert_int_equal(unlinkat(root->v2.apps_fd, group->name, AT_REMOVEDIR), 0);
    assert_ptr_equal(kit_wait_empty(root), group); /* empty for good */
    kit_assert_no_empty(root);
    kit_ok(cgrp_group_stop(group, CGRP_HOLD_SIGNAL, &e));
    kit_ok(cgrp_group_continue(group, &e));
    kit_ok(cgrp_group_signal(group, SIGTERM, &e));
    kit_ok(cgrp_group_kill(group, &e));
    assert_int_equal(cgrp_group_pids(group, NULL, 0), 0);
    assert_int_equal(cgrp_group_populated(group), 0);
    kit_ok(cgrp_group_remove(group, &e));
    end(root);
}

static void remember(const char *id, void *userdata) {
    (void) snprintf(userdata, 200, "%s", id);
}

/* An earlier supervisor: makes a group with a process, holds it, and is gone. */
static void leave_an_app(const char *suffix, enum cgrp_hold hold, int tell_fd) {
    struct cgrp_config config = { .want = CGRP_AUTO, .suffix = suffix, .proc = "/proc" };
    struct cgrp_root *root = NULL;
    struct cgrp_group *group = NULL;

    if (cgrp_root_open(&config, &root, NULL) < 0 ||
        cgrp_group_create(root, "tasks", &no_limits, NULL, &group, NULL) < 0)
        _exit(1);
    pid_t pid = kit_spawn_main(group, run_pause, NULL, (uid_t) -1);
    if (cgrp_group_stop(group, hold, NULL) < 0 || write(tell_fd, &pid, sizeof pid) != sizeof pid)
        _exit(1);
    (void) cgrp_root_free(root);
    _exit(0);
}

static void test_a_new_supervisor_adopts_what_an_old_one_left(void **state) {
    (void) state;
    for (int hold = CGRP_HOLD_SIGNAL; hold <= CGRP_HOLD_FREEZE; hold++) {
        struct cgrp_root *root = tree();
        struct cgrp_group *group = NULL, *again = NULL;
        struct cgrp_adopt how = { .uid = (uid_t) -1 };
        struct cgrp_usage usage;
        char id[200] = "", suffix[40];
        int tell[2];
        pid_t pid;

        (void) snprintf(suffix, sizeof suffix, "%s", root->top + sizeof "miniprog" - 1);
        assert_int_equal(pipe2(tell, O_CLOEXEC), 0);
        pid_t old = fork();
        if (old == 0)
            leave_an_app(suffix, (enum cgrp_hold) hold, tell[1]);
        assert_int_equal(read(tell[0], &pid, sizeof pid), sizeof pid);
        kit_reap(old);
        close(tell[0]);
        close(tell[1]);

        kit_ok(cgrp_root_scan(root, remember, id, &e));
        assert_string_equal(id, "tasks");
        assert_int_equal(cgrp_group_create(root, id, &no_limits, NULL, &group, &e), -EBUSY);
        assert_null(group);
        assert_int_equal(cgrp_group_adopt(root, "no-such", &how, NULL, &group, &e), -ENOENT);
        kit_ok(cgrp_group_adopt(root, id, &how, NULL, &group, &e));
        assert_int_equal(cgrp_group_create(root, id, &no_limits, NULL, &again, &e), -EBUSY);
        assert_int_equal(cgrp_group_adopt(root, id, &how, NULL, &again, &e), -EBUSY);
        assert_null(again);

        kit_ok(cgrp_group_usage(group, &usage, &e));
        assert_int_equal(usage.pids, 1);
        assert_true(usage.has_memory == cgrp_root_has_memory_limit(root));
        assert_int_equal(cgrp_group_is_frozen(group), hold == CGRP_HOLD_FREEZE);
        kit_ok(cgrp_group_continue(group, &e));
        kit_until(kit_state(pid) == 'S');
        kit_assert_no_empty(root);
        kit_ok(cgrp_group_kill(group, &e));
        assert_ptr_equal(kit_wait_empty(root), group);
        kit_reap_all();
        kit_ok(cgrp_group_remove(group, &e));
        end(root);
    }
}

static void test_an_adopted_group_that_is_empty_is_reported(void **state) {
    struct cgrp_root *root = tree();
    struct cgrp_adopt how = { .uid = (uid_t) -1 };
    struct cgrp_group *group = kit_group(root, "gone");

    (void) state;
    (void) cgrp_group_free(group);
    group = NULL;
    kit_ok(cgrp_group_adopt(root, "gone", &how, NULL, &group, &e));
    assert_ptr_equal(kit_wait_empty(root), group);
    kit_assert_no_empty(root);
    kit_ok(cgrp_group_remove(group, &e));
    end(root);
}

static void test_ids_that_look_like_kernel_files(void **state) {
    static const char *const ids[] = { "tasks",       "cgroup.procs",
                                       "cgroup.kill", "memory.max",
                                       "pids.max",    "..",
                                       ".",           "a/b",
                                       "/",           "_x",
                                       ".hidden",     "new\nline",
                                       "\xff\x01%",   "notify_on_release" };
    enum { N = sizeof ids / sizeof ids[0] };
    struct cgrp_root *root = tree();
    struct cgrp_group *group[N] = { 0 }, *none = NULL;
    char longest[66];

    (void) state;
    for (int i = 0; i < N; i++)
        group[i] = kit_group(root, ids[i]);
    assert_int_equal(kit_count(root->v2.path, true), N);
    for (int i = 0; i < N; i++) {
        (void) kit_spawn_main(group[i], run_pause, NULL, (uid_t) -1);
        kit_end_group(group[i]);
    }
    memset(longest, '\n', sizeof longest);
    longest[65] = '\0';
    assert_int_equal(cgrp_group_create(root, longest, &no_limits, NULL, &none, &e), -EINVAL);
    assert_int_equal(cgrp_group_create(root, "", &no_limits, NULL, &none, &e), -EINVAL);
    longest[64] = '\0';
    none = kit_group(root, longest);
    kit_ok(cgrp_group_remove(none, &e));
    end(root);
}

static void test_the_other_kind_of_machine_is_refused(void **state) {
    struct cgrp_root *root = tree(), *other = NULL;
    bool hybrid = cgrp_root_kind(root) == CGRP_HYBRID;
    struct cgrp_config config = kit_config(hybrid ? CGRP_UNIFIED : CGRP_HYBRID);

    (void) state;
    assert_int_equal(cgrp_root_open(&config, &other, &e), -EOPNOTSUPP);
    assert_null(other);
    assert_non_null(strstr(e.text, "memory controller"));
    config.want = CGRP_AUTO;
    config.suffix = "/../x";
    assert_int_equal(cgrp_root_open(&config, &other, &e), -EINVAL);
    config.suffix = "";
    config.at = "/no/such/group";
    config.want = cgrp_root_kind(root);
    assert_int_equal(cgrp_root_open(&config, &other, &e), -ENOENT);
    end(root);
}

static void count_finding(const struct cgrp_finding *f, void *userdata) {
    assert_true(f->what[0] != '\0' && f->detail[0] != '\0');
    ++*(int *) userdata;
}

static void test_nothing_leaks(void **state) {
    struct cgrp_config config = kit_config(CGRP_AUTO);
    int fds = -1, findings = 0;

    (void) state;
    for (int round = 0; round < 4; round++) {
        struct cgrp_root *root = tree();
        for (int i = 0; i < 20; i++) {
            struct cgrp_group *group = kit_group(root, "leak");
            (void) kit_spawn_main(group, i % 2 ? run_pause : run_nothing, NULL, (uid_t) -1);
            kit_ok(cgrp_group_stop(group, CGRP_HOLD_SIGNAL, &e));
            kit_ok(cgrp_group_continue(group, &e));
            kit_end_group(group);
        }
        end(root);
        kit_ok(cgrp_check(&config, count_finding, &findings, &e));
        assert_true(findings > 10);
        if (round == 1)
            fds = kit_count("/proc/self/fd", false);
        assert_true(round <= 1 || kit_count("/proc/self/fd", false) == fds);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_fork_bomb_is_held_and_killed_100_times),
        cmocka_unit_test(test_memory_over_the_limit_ends_the_app),
        cmocka_unit_test(test_200_groups_empty_once_each),
        cmocka_unit_test(test_a_group_that_never_lived_is_not_reported),
        cmocka_unit_test(test_a_group_that_somebody_else_removed),
        cmocka_unit_test(test_a_new_supervisor_adopts_what_an_old_one_left),
        cmocka_unit_test(test_an_adopted_group_that_is_empty_is_reported),
        cmocka_unit_test(test_ids_that_look_like_kernel_files),
        cmocka_unit_test(test_the_other_kind_of_machine_is_refused),
        cmocka_unit_test(test_nothing_leaks),
    };
    return cmocka_run_group_tests(tests, NULL, kit_clean);
}
