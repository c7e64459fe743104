/* SPDX-License-Identifier: MIT
 * test_peer.c - processes that live, that are past their end, and that nobody has. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "supervisor/daemon/peer.h"

static pid_t sleeper(void) {
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        (void) prctl(PR_SET_NAME, ") Z 1 1 1 1 1 4");
        for (;;)
            (void) pause();
    }
    return pid;
}

static void bury(pid_t pid) {
    (void) kill(pid, SIGKILL);
    assert_int_equal(waitpid(pid, NULL, 0), pid);
}

static void test_one_that_lives_is_not_ending(void **state) {
    (void) state;
    pid_t pid = sleeper();
    assert_false(peer_is_ending(getpid()));
    assert_false(peer_is_ending(pid));
    assert_int_equal(kill(pid, SIGSTOP), 0);
    assert_int_equal(waitpid(pid, NULL, WUNTRACED), pid);
    assert_false(peer_is_ending(pid));
    bury(pid);
}

static void test_one_that_is_not_reaped_is_ending(void **state) {
    (void) state;
    siginfo_t si;
    pid_t pid = sleeper();
    assert_int_equal(kill(pid, SIGKILL), 0);
    assert_int_equal(waitid(P_PID, (id_t) pid, &si, WEXITED | WNOWAIT), 0);
    assert_true(peer_is_ending(pid));
    bury(pid);
    assert_false(peer_is_ending(pid));
}

static void *stay(void *unused) {
    for (;;)
        (void) pause();
    return unused;
}

/* What a moment in do_exit() looks like, made to last: the process has the flag, and its pidfd does
 * not say that it ended. */
static void test_the_flag_comes_before_the_pidfds_word(void **state) {
    (void) state;
    pid_t pid = fork();
    if (pid == 0) {
        pthread_t thread;
        if (pthread_create(&thread, NULL, stay, NULL) != 0)
            _exit(1);
        (void) syscall(SYS_exit, 0); /* this thread alone */
    }
    int pidfd = pidfd_open(pid, 0);
    struct pollfd p = { .fd = pidfd, .events = POLLIN };
    while (!peer_is_ending(pid)) /* the kernel has no event for it */
        assert_int_equal(poll(&p, 1, 1), 0);
    assert_int_equal(poll(&p, 1, 0), 0);
    bury(pid);
    (void) close(pidfd);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_one_that_lives_is_not_ending),
        cmocka_unit_test(test_one_that_is_not_reaped_is_ending),
        cmocka_unit_test(test_the_flag_comes_before_the_pidfds_word),
    };
    return cmocka_run_group_tests_name("peer", tests, NULL, NULL);
}
