/* SPDX-License-Identifier: MIT
 * Lists of processes and files of /proc, good and hostile. */
#include "tests/unit/cgroups/fake_tree.h"

#include <sys/wait.h>

#include "cgroups/proc.h"

static int collect(pid_t pid, void *userdata) {
    char *text = userdata;

    (void) snprintf(text + strlen(text), 256 - strlen(text), "%d ", pid);
    return 0;
}

static void test_lists_of_pids(void **state) {
    static const struct {
        const char *name, *text, *pids;
    } rows[] = {
        { "none", "", "" },
        { "some", "12\n7\n300\n", "12 7 300 " },
        { "those that must never be signalled", "0\n1\n12\n", "12 " },
        { "no numbers", "-5\n+5\n5x\nx\n\n 7\n7 \n99999999999999999999999\n4294967297\n8\n", "8 " },
        { "a cut line is not a process", "12\n345", "12 " },
    };
    struct fake *f = *state;

    fake_write(f, "cgroup.procs", "");
    int fd = openat(f->proc_fd, "../cgroup.procs", O_RDONLY | O_CLOEXEC);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char found[256] = "";
        print_message("%s\n", rows[i].name);
        fake_write(f, "cgroup.procs", rows[i].text);
        assert_int_equal(cgrp_procs_each(fd, collect, found), 0);
        assert_string_equal(found, rows[i].pids);
    }

    char own[64], found[256] = "";
    (void) snprintf(own, sizeof own, "5\n%d\n6\n", getpid());
    fake_write(f, "cgroup.procs", own);
    assert_int_equal(cgrp_procs_each(fd, collect, found), 0);
    assert_string_equal(found, "5 6 ");
    close(fd);
}

static int count_to_three(pid_t pid, void *userdata) {
    (void) pid;
    return ++*(int *) userdata == 3 ? 42 : 0;
}

static void test_a_list_longer_than_one_read(void **state) {
    struct fake *f = *state;
    struct cgrp_pids set = { 0 };
    static char text[120000];
    size_t n = 0;
    int count = 0;

    for (int pid = 20000; pid > 2; pid--)
        if (pid != getpid())
            n += (size_t) snprintf(text + n, sizeof text - n, "%d\n", pid);
    fake_write(f, "cgroup.procs", text);
    int fd = openat(f->proc_fd, "../cgroup.procs", O_RDONLY | O_CLOEXEC);
    assert_int_equal(cgrp_pids_read(fd, &set), 0);
    assert_int_equal(set.n, getpid() <= 20000 ? 19997 : 19998);
    for (size_t i = 1; i < set.n; i++)
        assert_true(set.pid[i - 1] < set.pid[i]);
    assert_true(cgrp_pids_has(&set, 3) && cgrp_pids_has(&set, 20000));
    assert_false(cgrp_pids_has(&set, 2) || cgrp_pids_has(&set, 20001));
    assert_int_equal(cgrp_procs_each(fd, count_to_three, &count), 42);
    assert_int_equal(count, 3);

    close(fd);
    assert_int_equal(cgrp_pids_read(fd, &set), -EBADF);
    assert_int_equal(set.n, 0);
    assert_false(cgrp_pids_has(&set, 3));
    cgrp_pids_clear(&set);
}

static const char stat_line[] = "77 (a) b\n(c) R 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 "
                                "123456789012 24 25\n";

static void test_stat_lines(void **state) {
    struct cgrp_proc p = { .pid = -9 };

    (void) state;
    assert_int_equal(cgrp_proc_parse(stat_line, &p), 0);
    assert_int_equal(p.pid, 77);
    assert_int_equal(p.state, 'R');
    assert_int_equal(p.ppid, 5);
    assert_int_equal(p.session, 7);
    assert_true(p.starttime == 123456789012);

    /* Cut before field 22 is over it is refused, and the result not touched. */
    for (size_t n = 0; n < (size_t) (strstr(stat_line, "1234567") - stat_line); n++) {
        char cut[sizeof stat_line];
        p = (struct cgrp_proc){ .pid = -9 };
        (void) snprintf(cut, sizeof cut, "%.*s", (int) n, stat_line);
        assert_int_equal(cgrp_proc_parse(cut, &p), -EPROTO);
        assert_int_equal(p.pid, -9);
    }
    assert_int_equal(cgrp_proc_parse("x (a) R 1 2 3", &p), -EPROTO);
}

static void test_files_of_a_process(void **state) {
    struct fake *f = *state;
    struct cgrp_proc_memory sum = { 0 };
    struct cgrp_proc p;
    uid_t uid = 4;

    assert_int_equal(cgrp_proc_read(f->proc_fd, 77, &p), -ESRCH);
    assert_int_equal(cgrp_proc_uid(f->proc_fd, 77, &uid), -ESRCH);
    assert_int_equal(cgrp_proc_oom_score(f->proc_fd, 77, 5), -ESRCH);
    assert_int_equal(cgrp_proc_add_memory(f->proc_fd, 77, &sum), -ESRCH);
    assert_int_equal(uid, 4);

    fake_write(f, "proc/77/stat", stat_line);
    fake_write(f, "proc/77/status",
               "Name:\tUid: 1\nUmask:\t0022\nUid:\t70001\t0\t0\t0\nRssAnon:\t 100 kB\n"
               "RssFile:\t 20 kB\nRssShmem:\t 3 kB\nVmSwap:\t 4 kB\n");
    fake_write(f, "proc/77/oom_score_adj", "");
    assert_int_equal(cgrp_proc_read(f->proc_fd, 77, &p), 0);
    assert_int_equal(cgrp_proc_uid(f->proc_fd, 77, &uid), 0);
    assert_int_equal(uid, 70001);
    assert_int_equal(cgrp_proc_add_memory(f->proc_fd, 77, &sum), 0);
    assert_int_equal(cgrp_proc_add_memory(f->proc_fd, 77, &sum), 0);
    assert_true(sum.anon == 2 * 100 * 1024 && sum.file == 2 * 23 * 1024 &&
                sum.swap == 2 * 4 * 1024);
    assert_int_equal(cgrp_proc_oom_score(f->proc_fd, 77, -900), 0);
    fake_assert_file(f, "proc/77/oom_score_adj", "-900");

    fake_write(f, "proc/78/status", "Name:\tx\nState:\tZ (zombie)\n");
    assert_int_equal(cgrp_proc_uid(f->proc_fd, 78, &uid), -EPROTO);
    assert_int_equal(cgrp_proc_add_memory(f->proc_fd, 78, &sum), 0); /* adds nothing */
    assert_true(sum.anon == 2 * 100 * 1024);
}

static void test_whether_all_threads_are_at_a_halt(void **state) {
    struct fake *f = *state;
    const pid_t pid = 999999999; /* no real child of ours */

    assert_true(cgrp_proc_is_stopped(f->proc_fd, pid)); /* ended */
    fake_write(f, "proc/999999999/task/1000/stat",
               "1000 (x) T 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 1 24\n");
    assert_true(cgrp_proc_is_stopped(f->proc_fd, pid));
    fake_write(f, "proc/999999999/task/1001/stat",
               "1001 (x) R 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 1 24\n");
    assert_false(cgrp_proc_is_stopped(f->proc_fd, pid));
    fake_write(f, "proc/999999999/task/1001/stat",
               "1001 (x) Z 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 1 24\n");
    assert_true(cgrp_proc_is_stopped(f->proc_fd, pid));
}

static void test_a_child_of_ours_is_not_used_up(void **state) {
    struct fake *f = *state;
    char name[64];
    int status;
    pid_t pid = fork();

    if (pid == 0)
        for (;;)
            pause();
    /* The fake /proc says that it runs, so only the kernel's word can make it true. */
    (void) snprintf(name, sizeof name, "proc/%d/task/%d/stat", pid, pid);
    fake_write(f, name, stat_line);
    assert_false(cgrp_proc_is_stopped(f->proc_fd, pid));
    assert_int_equal(kill(pid, SIGSTOP), 0);
    assert_int_equal(waitid(P_PID, (id_t) pid, &(siginfo_t){ 0 }, WSTOPPED | WNOWAIT), 0);
    assert_true(cgrp_proc_is_stopped(f->proc_fd, pid));
    assert_int_equal(waitpid(pid, &status, WUNTRACED), pid); /* the report is still there */
    assert_true(WIFSTOPPED(status));
    kill(pid, SIGKILL);
    assert_int_equal(waitpid(pid, &status, 0), pid);
}

static void test_a_walk_over_proc(void **state) {
    struct fake *f = *state;
    struct cgrp_proc_walk walk = { 0 };
    long sum = 0;
    pid_t pid;
    int r, n = 0;

    for (int i = 10; i < 310; i++) {
        char name[32];
        (void) snprintf(name, sizeof name, "proc/%d/stat", i);
        fake_write(f, name, "");
    }
    fake_write(f, "proc/self/x", "");
    fake_write(f, "proc/12x/x", "");
    fake_write(f, "proc/0/x", "");
    fake_write(f, "proc/4294967297/x", "");
    walk.fd = openat(f->proc_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    while ((r = cgrp_proc_next(&walk, &pid)) > 0) {
        n++;
        sum += pid;
    }
    assert_int_equal(r, 0);
    assert_int_equal(n, 300);
    assert_int_equal(sum, 300 * 10 + 299 * 300 / 2);
    close(walk.fd);
    walk = (struct cgrp_proc_walk){ .fd = -1 };
    assert_int_equal(cgrp_proc_next(&walk, &pid), -EBADF);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        fake_test(test_lists_of_pids),
        fake_test(test_a_list_longer_than_one_read),
        fake_test(test_stat_lines),
        fake_test(test_files_of_a_process),
        fake_test(test_whether_all_threads_are_at_a_halt),
        fake_test(test_a_child_of_ours_is_not_used_up),
        fake_test(test_a_walk_over_proc),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
