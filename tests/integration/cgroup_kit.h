/* SPDX-License-Identifier: MIT
 * cgroup_kit.h - real processes in real groups, for it_cgroups*.c.
 * Layer: tests. Uses: cgroups, base.
 *
 * Every root has a suffix of its own (the test's pid), so nothing meets a supervisor or another
 * test; fixture teardown kills what is left and removes the groups. */
#ifndef TESTS_CGROUP_KIT_H
#define TESTS_CGROUP_KIT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "cgroups/backend.h"
#include "cgroups/cgroup.h"
#include "supervisor/base/err.h"

#define PATIENCE_MS 60000

static struct err e; /* of the last call */

static const struct cgrp_limits no_limits = { CGRP_NO_LIMIT, CGRP_NO_LIMIT, CGRP_NO_LIMIT,
                                              CGRP_NO_LIMIT };

static inline struct cgrp_config kit_config(enum cgrp_kind want) {
    static char suffix[32];

    (void) snprintf(suffix, sizeof suffix, "-it%d", getpid());
    return (struct cgrp_config){ .want = want, .suffix = suffix, .proc = "/proc" };
}

static inline struct cgrp_root *kit_open(enum cgrp_kind want) {
    struct cgrp_config config = kit_config(want);
    struct cgrp_root *root = NULL;

    if (cgrp_root_open(&config, &root, &e) < 0)
        fail_msg("cannot open a root: %s", e.text);
    return root;
}

/* Skips with a reason where there is no tree, or fails where one is demanded. */
static inline bool kit_need_tree(struct cgrp_root *root) {
    const char *demanded = getenv("MINIPROG_REQUIRE");

    if (cgrp_root_kind(root) != CGRP_NONE)
        return true;
    if (demanded && strstr(demanded, "cgroup2"))
        fail_msg("cgroup2 is demanded: %s", cgrp_root_describe(root));
    print_message("skipped: %s\n", cgrp_root_describe(root));
    return false;
}

static inline int64_t kit_now_ms(void) {
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t) t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* The kernel has no event for what /proc shows: look each millisecond, until the deadline. */
#define kit_until(condition)                                                                       \
    do {                                                                                           \
        int64_t kit_end_ = kit_now_ms() + PATIENCE_MS;                                             \
        while (!(condition)) {                                                                     \
            if (kit_now_ms() > kit_end_)                                                           \
                fail_msg("%s:%d: waited in vain for: %s", __FILE__, __LINE__, #condition);         \
            (void) poll(NULL, 0, 1);                                                               \
        }                                                                                          \
    } while (0)

static inline char kit_state(pid_t pid) {
    struct cgrp_proc p;
    int fd = open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int r = cgrp_proc_read(fd, pid, &p);

    close(fd);
    return r < 0 ? '-' : p.state;
}

/* A child in the group, in a session of its own, that runs run(argument) and ends with 0. */
static inline pid_t kit_spawn(struct cgrp_group *group, void (*run)(void *), void *argument) {
    struct cgrp_join join;
    struct clone_args args = { .exit_signal = SIGCHLD };

    cgrp_group_join(group, &join);
    if (join.into_fd >= 0) {
        args.flags = CLONE_INTO_CGROUP;
        args.cgroup = (uint64_t) join.into_fd;
    }
    pid_t pid = (pid_t) syscall(SYS_clone3, &args, sizeof args);
    if (pid != 0) {
        assert_true(pid > 0);
        return pid;
    }
    for (int i = 0; i < join.n; i++)
        if (write(join.tasks_fd[i], "0", 1) != 1)
            _exit(99);
    (void) setsid();
    (void) prctl(PR_SET_PDEATHSIG, 0);
    run(argument);
    _exit(0);
}

/* The same, and says so to the group, once it leads its session. */
static inline pid_t kit_spawn_main(struct cgrp_group *group, void (*run)(void *), void *argument,
                                   uid_t uid) {
    pid_t pid = kit_spawn(group, run, argument);
    struct cgrp_adopt who = { .main_pid = pid, .uid = uid };

    kit_until(getsid(pid) == pid || kit_state(pid) == 'Z');
    assert_int_equal(cgrp_group_set_main(group, &who), 0);
    return pid;
}

/* Anonymous pages that are really there; a malloc() and memset() may be optimised away. */
static inline void kit_take_memory(size_t n) {
    if (mmap(NULL, n, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0) ==
        MAP_FAILED)
        _exit(98);
}

static inline void run_pause(void *unused) {
    (void) unused;
    for (;;)
        pause();
}

static inline void run_nothing(void *unused) {
    (void) unused;
}

static inline struct cgrp_group *kit_group(struct cgrp_root *root, const char *id) {
    struct cgrp_group *group = NULL;

    if (cgrp_group_create(root, id, &no_limits, NULL, &group, &e) < 0)
        fail_msg("cannot make a group: %s", e.text);
    return group;
}

/* The next emptied group within the deadline. */
static inline struct cgrp_group *kit_wait_empty(struct cgrp_root *root) {
    int64_t end = kit_now_ms() + PATIENCE_MS;
    struct cgrp_group *group = NULL;
    struct pollfd p = { .fd = cgrp_root_fd(root), .events = POLLIN };
    int r;

    while ((r = cgrp_root_next_empty(root, &group)) == 0) {
        if (kit_now_ms() > end)
            fail_msg("no group became empty in time");
        (void) poll(&p, 1, 100);
    }
    assert_int_equal(r, 1);
    return group;
}

/* Nothing more is reported, not even by an event that the kernel holds back (10 ms at most). */
static inline void kit_assert_no_empty(struct cgrp_root *root) {
    int64_t end = kit_now_ms() + 30;
    struct pollfd p = { .fd = cgrp_root_fd(root), .events = POLLIN };
    struct cgrp_group *group = NULL;

    do {
        assert_int_equal(cgrp_root_next_empty(root, &group), 0);
        (void) poll(&p, 1, (int) (end - kit_now_ms() > 0 ? end - kit_now_ms() : 0));
    } while (kit_now_ms() < end);
    assert_null(group);
}

static inline void kit_reap(pid_t pid) {
    int status;

    assert_int_equal(waitpid(pid, &status, 0), pid);
}

static inline void kit_reap_all(void) {
    while (waitpid(-1, NULL, WNOHANG) > 0)
        ;
}

#define kit_ok(call)                                                                               \
    do {                                                                                           \
        e = (struct err){ 0 };                                                                     \
        int kit_r_ = (call);                                                                       \
        if (kit_r_ != 0)                                                                           \
            fail_msg("%s:%d: %s: %d %s", __FILE__, __LINE__, #call, kit_r_, e.text);               \
    } while (0)

/* Kills, waits until empty, reaps, removes. */
static inline void kit_end_group(struct cgrp_group *group) {
    kit_ok(cgrp_group_kill(group, &e));
    kit_until(cgrp_group_populated(group) == 0);
    kit_reap_all();
    kit_ok(cgrp_group_remove(group, &e));
}

static inline int kit_count(const char *folder, bool folders_only) {
    DIR *dir = opendir(folder);
    const struct dirent *d;
    int n = 0;

    assert_non_null(dir);
    while ((d = readdir(dir)))
        n += d->d_name[0] != '.' && (!folders_only || d->d_type == DT_DIR);
    closedir(dir);
    return n;
}

static inline void kit_clean_one(const char *id, void *userdata) {
    struct cgrp_adopt how = { .uid = (uid_t) -1 };
    struct cgrp_group *group = NULL;

    if (cgrp_group_adopt(userdata, id, &how, NULL, &group, NULL) < 0)
        return;
    (void) cgrp_group_kill(group, NULL);
    for (int i = 0; i < 1000 && cgrp_group_populated(group) > 0; i++)
        (void) poll(NULL, 0, 1);
    (void) cgrp_group_remove(group, NULL);
}

/* Group teardown: what a failed test left. */
static inline int kit_clean(void **state) {
    struct cgrp_config config = kit_config(CGRP_AUTO);
    struct cgrp_root *root = NULL;

    (void) state;
    if (cgrp_root_open(&config, &root, NULL) == 0) {
        (void) cgrp_root_scan(root, kit_clean_one, root, NULL);
        cgrp_root_remove(root);
    }
    (void) cgrp_root_free(root);
    return 0;
}

/* How many members are in one of these states of /proc. */
static inline int kit_in_state(struct cgrp_group *group, const char *states) {
    pid_t pid[4096];
    ssize_t all = cgrp_group_pids(group, pid, 4096);
    int n = 0;

    assert_true(all >= 0 && all <= 4096);
    for (ssize_t i = 0; i < all; i++)
        n += strchr(states, kit_state(pid[i])) != NULL;
    return n;
}

#endif
