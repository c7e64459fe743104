/* SPDX-License-Identifier: MIT
 * test_peer.c - processes that live, that are past their end, and that nobody has. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "supervisor/base/fs.h"
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

static char first_thread(pid_t pid) {
    char name[64], text[512];
    (void) snprintf(name, sizeof name, "/proc/%d/task/%d/stat", pid, pid);
    assert_true(fs_read_into(AT_FDCWD, name, text, sizeof text) > 0);
    return strrchr(text, ')')[2];
}

/* A stranger that has ended its first thread and goes on is none that may not be asked. */
static void test_one_with_a_thread_left_is_not_ending(void **state) {
    (void) state;
    pid_t pid = fork();
    if (pid == 0) {
        pthread_t thread;
        if (pthread_create(&thread, NULL, stay, NULL) != 0)
            _exit(1);
        (void) syscall(SYS_exit, 0); /* this thread alone */
    }
    for (int i = 0; i < 60000 && first_thread(pid) != 'Z'; i++)
        (void) poll(NULL, 0, 1); /* the kernel has no event for it */
    char state_then = first_thread(pid);
    bool ending = peer_is_ending(pid);
    bury(pid); /* before what may fail: it would outlive the test */
    assert_int_equal(state_then, 'Z');
    assert_false(ending);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_one_that_lives_is_not_ending),
        cmocka_unit_test(test_one_that_is_not_reaped_is_ending),
        cmocka_unit_test(test_one_with_a_thread_left_is_not_ending),
    };
    return cmocka_run_group_tests_name("peer", tests, NULL, NULL);
}
