/* SPDX-License-Identifier: MIT
 * Who belongs to an app where there is no tree, told on a fake /proc. Nothing is signalled here:
 * it_cgroups_none.c does that to real processes. */
#include "tests/unit/cgroups/fake_tree.h"

#include "cgroups/cgroup.h"
#include "supervisor/base/err.h"

#define APP_UID 70001

static void lay(const struct fake *f, pid_t pid, pid_t ppid, pid_t session, char state,
                unsigned starttime, unsigned uid) {
    char name[64], text[256];

    (void) snprintf(name, sizeof name, "proc/%d/stat", pid);
    (void) snprintf(text, sizeof text,
                    "%d (a) b) %c %d %d %d 0 0 0 0 0 0 0 0 0 0 0 0 0 1 0 %u 0 0\n", pid, state,
                    ppid, session, session, starttime);
    fake_write(f, name, text);
    (void) snprintf(name, sizeof name, "proc/%d/status", pid);
    (void) snprintf(text, sizeof text, "Name:\tx\nUid:\t%u\t0\t0\t0\n", uid);
    fake_write(f, name, text);
}

static void gone(const struct fake *f, pid_t pid) {
    char name[64];

    (void) snprintf(name, sizeof name, "%d/stat", pid);
    assert_int_equal(unlinkat(f->proc_fd, name, 0), 0);
    (void) snprintf(name, sizeof name, "%d/status", pid);
    assert_int_equal(unlinkat(f->proc_fd, name, 0), 0);
}

struct fixture {
    struct cgrp_root *root;
    struct cgrp_group *group;
};

static struct fixture app(struct fake *f, pid_t main_pid, unsigned starttime, uid_t uid) {
    static const struct cgrp_limits no_limits = { CGRP_NO_LIMIT, CGRP_NO_LIMIT, CGRP_NO_LIMIT,
                                                  CGRP_NO_LIMIT };
    struct cgrp_config config = { .want = CGRP_NONE, .suffix = "", .proc = f->proc };
    struct cgrp_adopt who = { main_pid, starttime, uid };
    struct fixture x = { 0 };
    struct err e = { 0 };

    assert_int_equal(cgrp_root_open(&config, &x.root, &e), 0);
    assert_int_equal(cgrp_group_create(x.root, "a", &no_limits, NULL, &x.group, &e), 0);
    assert_int_equal(cgrp_group_pids(x.group, NULL, 0), 0);
    assert_int_equal(cgrp_group_set_main(x.group, &who), 0);
    return x;
}

static void assert_members(const struct fixture *x, const char *want) {
    pid_t pid[32];
    char text[200] = "";
    ssize_t n = cgrp_group_pids(x->group, pid, 32);

    assert_in_range(n, 0, 32);
    for (ssize_t i = 0; i < n; i++)
        (void) snprintf(text + strlen(text), sizeof text - strlen(text), "%d ", pid[i]);
    assert_string_equal(text, want);
}

static void lay_machine(const struct fake *f) {
    lay(f, 1, 0, 1, 'S', 1, 0);
    lay(f, 2, 0, 0, 'S', 1, 0);      /* kthreadd */
    lay(f, 30, 2, 0, 'I', 1, 0);     /* a kernel thread */
    lay(f, 500, 1, 500, 'S', 10, 0); /* somebody's shell */
    lay(f, 501, 500, 500, 'R', 11, 0);
    lay(f, 9000, 500, 9000, 'S', 100, APP_UID); /* the app */
    lay(f, getpid(), 500, 500, 'R', 12, 0);
}

static void test_session_and_descendants(void **state) {
    struct fake *f = *state;

    lay_machine(f);
    lay(f, 9001, 9000, 9000, 'S', 101, 0);
    lay(f, 9002, 9001, 9002, 'T', 102, 0); /* a session of its own, by its parent */
    lay(f, 8000, 9002, 9002, 'S', 103, 0); /* a number below its parent's: the pids wrapped */
    lay(f, 7000, 8000, 9002, 'D', 104, 0);
    lay(f, 9003, 1, 9000, 'S', 105, 0);    /* an orphan, by its session */
    lay(f, 9004, 9000, 9000, 'Z', 106, 0); /* holds nothing */
    struct fixture x = app(f, 9000, 100, (uid_t) -1);
    assert_members(&x, "7000 8000 9000 9001 9002 9003 ");

    gone(f, 9000);
    assert_members(&x, "7000 8000 9001 9002 9003 "); /* who it left in its session tells them */
    (void) cgrp_root_free(x.root);
}

static void test_a_number_that_was_given_away(void **state) {
    struct fake *f = *state;

    lay_machine(f);
    struct fixture x = app(f, 9000, 100, (uid_t) -1);
    assert_members(&x, "9000 ");
    lay(f, 9000, 1, 9000, 'S', 999, 0); /* another process, and leader of a session, by now */
    lay(f, 9001, 9000, 9000, 'S', 1000, 0);
    assert_members(&x, "");
    gone(f, 9000); /* and its session lives on without it */
    assert_members(&x, "");
    (void) cgrp_root_free(x.root);
}

static void test_a_session_that_was_empty_once(void **state) {
    struct fake *f = *state;

    lay_machine(f);
    struct fixture x = app(f, 9000, 100, (uid_t) -1);
    gone(f, 9000);
    assert_members(&x, "");
    lay(f, 9001, 1, 9000, 'S', 2000, 0); /* a stranger's */
    assert_members(&x, "");
    (void) cgrp_root_free(x.root);
}

static void test_uids(void **state) {
    struct fake *f = *state;

    lay_machine(f);
    lay(f, 9500, 1, 9500, 'S', 101, APP_UID); /* left session and parents */
    lay(f, 9501, 9500, 9500, 'S', 101, 0);    /* setuid, but its child */
    lay(f, 9502, 1, 9502, 'S', 101, APP_UID + 1);
    struct fixture x = app(f, 9000, 100, APP_UID);
    assert_members(&x, "9000 9500 9501 ");
    (void) cgrp_root_free(x.root);

    x = app(f, 9000, 100, 0); /* root's processes are not all ours */
    assert_members(&x, "9000 ");
    (void) cgrp_root_free(x.root);
    x = app(f, 9000, 100, getuid());
    assert_members(&x, "9000 ");
    (void) cgrp_root_free(x.root);
}

/* Whatever a state file says, these are nobody's app. */
static void test_who_is_never_a_member(void **state) {
    static const struct {
        pid_t pid;
        unsigned starttime;
    } rows[] = { { 0, 0 }, { 1, 1 }, { 2, 1 }, { 30, 1 }, { -1, 0 }, { 9000, 99 }, { 4000000, 1 } };
    struct fake *f = *state;

    lay_machine(f);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct fixture x = app(f, rows[i].pid, rows[i].starttime, (uid_t) -1);
        assert_members(&x, "");
        (void) cgrp_root_free(x.root);
    }
    struct fixture x = app(f, getpid(), 12, (uid_t) -1);
    assert_members(&x, "");
    (void) cgrp_root_free(x.root);
}

static void test_files_of_no_form_are_passed_over(void **state) {
    struct fake *f = *state;

    lay_machine(f);
    fake_write(f, "proc/9001/stat", "");
    fake_write(f, "proc/9002/stat", "9002 (x) S 9000");
    fake_write(f, "proc/9003/x", "");
    fake_write(f, "proc/self/stat", "9000 (x) S 1");
    struct fixture x = app(f, 9000, 0, (uid_t) -1); /* its start time is read */
    assert_members(&x, "9000 ");
    (void) cgrp_root_free(x.root);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        fake_test(test_session_and_descendants),
        fake_test(test_a_number_that_was_given_away),
        fake_test(test_a_session_that_was_empty_once),
        fake_test(test_uids),
        fake_test(test_who_is_never_a_member),
        fake_test(test_files_of_no_form_are_passed_over),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
