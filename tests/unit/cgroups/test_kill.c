/* SPDX-License-Identifier: MIT
 * Signals to the members of a fake group whose processes are real: the order of things that a
 * real tree does not show, and files that the kernel would never write. */
/* wrap: kill */
#include "tests/unit/cgroups/fake_tree.h"

#include <poll.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "cgroups/backend.h"
#include "cgroups/kill.h"
#include "supervisor/base/err.h"

int __real_kill(pid_t pid, int sig);
int __wrap_kill(pid_t pid, int sig);

/* Of kill(2), which is how listed members are signalled. */
static struct {
    int n;
    pid_t last;
} continued;

int __wrap_kill(pid_t pid, int sig) {
    if (sig == SIGCONT) {
        continued.n++;
        continued.last = pid;
    }
    return __real_kill(pid, sig);
}

static pid_t child(void) {
    pid_t pid = fork();

    if (pid == 0)
        for (;;)
            pause();
    assert_true(pid > 0);
    return pid;
}

static int stopped_by(pid_t pid) {
    int status = 0;

    return waitpid(pid, &status, WUNTRACED | WCONTINUED) == pid ? status : -1;
}

static void end(pid_t pid) {
    kill(pid, SIGKILL);
    while (!WIFSIGNALED(stopped_by(pid)))
        ;
}

struct fixture {
    struct cgrp_root root;
    struct cgrp_group group;
};

/* A group that lies in `grp`, with the files given. */
static struct fixture *group_of(struct fake *f, const char *procs, const char *events) {
    struct fixture *x = calloc(1, sizeof *x);
    char path[100];

    fake_write(f, "grp/cgroup.procs", procs);
    fake_write(f, "grp/cgroup.events", events);
    fake_write(f, "grp/cgroup.freeze", "");
    (void) snprintf(path, sizeof path, "%s/grp", f->base);
    x->root.proc_fd = open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    x->group.root = &x->root;
    x->group.dir_fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    x->group.events_fd = openat(x->group.dir_fd, "cgroup.events", O_RDONLY | O_CLOEXEC);
    x->group.procs_fd = openat(x->group.dir_fd, "cgroup.procs", O_RDONLY | O_CLOEXEC);
    x->group.kill_fd = -1;
    strcpy(x->group.name, "app-x");
    return x;
}

static void group_free(struct fixture *x) {
    close(x->root.proc_fd);
    close(x->group.dir_fd);
    close(x->group.events_fd);
    close(x->group.procs_fd);
    cgrp_pids_clear(&x->root.listed);
    cgrp_pids_clear(&x->root.before);
    free(x);
}

static void test_events_files(void **state) {
    static const struct {
        const char *text;
        int r;
        bool populated, frozen;
    } rows[] = {
        { "populated 0\nfrozen 0\n", 0, false, false },
        { "populated 1\nfrozen 0\n", 0, true, false },
        { "populated 1\nfrozen 1\n", 0, true, true },
        { "frozen 1\npopulated 1\nother 1\n", 0, true, true },
        { "populated 1\n", 0, true, false }, /* before 5.2 */
        { "", -EPROTO, false, false },
        { "populated", -EPROTO, false, false },
        { "frozen 1\n", -EPROTO, false, false },
    };
    struct fake *f = *state;

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct fixture *x = group_of(f, "", rows[i].text);
        struct cgrp_events ev = { true, true };
        assert_int_equal(cgrp_events_read(x->group.events_fd, &ev), rows[i].r);
        assert_int_equal(ev.populated, rows[i].r < 0 ? true : rows[i].populated);
        assert_int_equal(ev.frozen, rows[i].r < 0 ? true : rows[i].frozen);
        group_free(x);
    }
}

/* A list of pids as text. */
static const char *list_of(pid_t a, pid_t b, pid_t c) {
    static char text[64];

    (void) snprintf(text, sizeof text, "%d\n%d\n%d\n", a, b, c);
    return text;
}

/* 0 and 1 and ourselves in the list: whoever signals those stops this very test. */
static void test_only_members_are_signalled(void **state) {
    struct fake *f = *state;
    struct err e = { 0 };
    pid_t member = child(), stranger = child();
    struct fixture *x = group_of(f, list_of(0, member, getpid()), "populated 1\nfrozen 1\n");

    assert_int_equal(cgrp_tree_stop(&x->group, CGRP_HOLD_SIGNAL, &e), 0);
    assert_true(WIFSTOPPED(stopped_by(member)));
    assert_int_equal(waitpid(stranger, NULL, WUNTRACED | WNOHANG), 0);
    assert_int_equal(cgrp_tree_resume(&x->group, -1, &e), 0);
    assert_true(WIFCONTINUED(stopped_by(member)));
    assert_int_equal(cgrp_tree_signal(&x->group, SIGTERM, &e), 0);
    assert_int_equal(WTERMSIG(stopped_by(member)), SIGTERM);
    assert_int_equal(cgrp_tree_signal(&x->group, SIGTERM, &e), 0); /* it is gone: no error */
    fake_assert_file(f, "grp/cgroup.freeze", "0"); /* our own session's members need the guard */
    end(stranger);
    group_free(x);
}

static void test_kill_falls_back_when_cgroup_kill_fails(void **state) {
    struct fake *f = *state;
    struct err e = { 0 };
    pid_t a = child(), b = child();
    struct fixture *x = group_of(f, list_of(a, b, 1), "populated 1\nfrozen 1\n");

    x->group.kill_fd = openat(x->group.dir_fd, "cgroup.events", O_RDONLY | O_CLOEXEC);
    assert_int_equal(cgrp_tree_kill(&x->group, &e), 0);
    assert_int_equal(WTERMSIG(stopped_by(a)), SIGKILL);
    assert_int_equal(WTERMSIG(stopped_by(b)), SIGKILL);
    fake_assert_file(f, "grp/cgroup.freeze", "0");
    close(x->group.kill_fd);
    group_free(x);
}

static void test_kill_is_one_write(void **state) {
    struct fake *f = *state;
    struct err e = { 0 };
    pid_t a = child();
    struct fixture *x = group_of(f, list_of(a, 0, 0), "populated 1\nfrozen 0\n");

    fake_write(f, "grp/cgroup.kill", "");
    x->group.kill_fd = openat(x->group.dir_fd, "cgroup.kill", O_WRONLY | O_CLOEXEC);
    assert_int_equal(cgrp_tree_kill(&x->group, &e), 0);
    fake_assert_file(f, "grp/cgroup.kill", "1");
    assert_int_equal(waitpid(a, NULL, WNOHANG), 0);
    end(a);
    close(x->group.kill_fd);
    group_free(x);
}

static void test_what_does_not_freeze_is_told_and_thawed(void **state) {
    struct fake *f = *state;
    struct err e = { 0 };
    pid_t member = child();
    struct fixture *x = group_of(f, list_of(member, 0, 0), "populated 1\nfrozen 0\n");

    assert_int_equal(cgrp_tree_stop(&x->group, CGRP_HOLD_SIGNAL, &e), -EAGAIN);
    assert_non_null(strstr(e.text, "halt"));
    assert_true(WIFSTOPPED(stopped_by(member))); /* sent all the same */
    fake_assert_file(f, "grp/cgroup.freeze", "0");
    end(member);
    group_free(x);
}

static void test_a_group_held_by_the_freezer_stays_so(void **state) {
    struct fake *f = *state;
    struct err e = { 0 };
    pid_t member = child();
    struct fixture *x = group_of(f, list_of(member, 0, 0), "populated 1\nfrozen 1\n");

    assert_int_equal(cgrp_tree_stop(&x->group, CGRP_HOLD_FREEZE, &e), 0);
    fake_assert_file(f, "grp/cgroup.freeze", "1");
    {
        __attribute__((cleanup(cgrp_thaw_p))) struct cgrp_frozen guard = { .dir_fd = -1 };
        assert_int_equal(cgrp_freeze(&x->group, &guard), 0);
    }
    fake_assert_file(f, "grp/cgroup.freeze", "1"); /* the guard was not the one who froze */
    assert_int_equal(cgrp_tree_resume(&x->group, -1, &e), 0);
    fake_assert_file(f, "grp/cgroup.freeze", "0");
    end(member);
    group_free(x);
}

/* The list is a folder here, which cannot be read. */
static void test_main_goes_before_the_list_and_once(void **state) {
    struct fake *f = *state;
    struct err e = { 0 };
    pid_t main_pid = child(), other = child();
    int pidfd = (int) syscall(SYS_pidfd_open, main_pid, 0);
    struct fixture *x = group_of(f, list_of(main_pid, other, 0), "populated 1\nfrozen 1\n");
    int list = x->group.procs_fd;

    x->group.who.main_pid = main_pid;
    assert_int_equal(cgrp_tree_stop(&x->group, CGRP_HOLD_SIGNAL, &e), 0);
    assert_true(WIFSTOPPED(stopped_by(main_pid)));
    assert_true(WIFSTOPPED(stopped_by(other)));
    continued.n = 0;
    x->group.stopped_us = 0; /* that was long ago */
    x->group.procs_fd = x->group.dir_fd;
    assert_int_equal(cgrp_tree_resume(&x->group, pidfd, &e), -EISDIR);
    assert_int_equal(waitpid(main_pid, NULL, WCONTINUED | WNOHANG), main_pid);
    assert_int_equal(waitpid(other, NULL, WCONTINUED | WNOHANG), 0);

    x->group.procs_fd = list;
    assert_int_equal(cgrp_tree_resume(&x->group, pidfd, &e), 0);
    assert_true(WIFCONTINUED(stopped_by(other)));
    assert_int_equal(continued.n, 1);
    assert_int_equal(continued.last, other);

    end(main_pid); /* its pid may be anybody's now: the list decides */
    assert_int_equal(cgrp_tree_resume(&x->group, pidfd, &e), 0);
    assert_int_equal(continued.n, 3);
    end(other);
    close(pidfd);
    group_free(x);
}

static void test_without_a_freezer(void **state) {
    struct fake *f = *state;
    struct err e = { 0 };
    pid_t member = child();
    struct fixture *x = group_of(f, list_of(member, 0, 0), "populated 1\n");

    assert_int_equal(unlinkat(x->group.dir_fd, "cgroup.freeze", 0), 0);
    assert_int_equal(cgrp_tree_stop(&x->group, CGRP_HOLD_FREEZE, &e), -EOPNOTSUPP);
    assert_int_equal(cgrp_tree_kill(&x->group, &e), 0);
    assert_int_equal(WTERMSIG(stopped_by(member)), SIGKILL);
    group_free(x);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        fake_test(test_events_files),
        fake_test(test_only_members_are_signalled),
        fake_test(test_kill_falls_back_when_cgroup_kill_fails),
        fake_test(test_kill_is_one_write),
        fake_test(test_what_does_not_freeze_is_told_and_thawed),
        fake_test(test_a_group_held_by_the_freezer_stays_so),
        fake_test(test_main_goes_before_the_list_and_once),
        fake_test(test_without_a_freezer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
