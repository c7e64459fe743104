/* SPDX-License-Identifier: MIT
 * test_gid.c - names that are there and names that are not, and what is left of the question. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

#include <dirent.h>
#include <errno.h>
#include <grp.h>
#include <sys/wait.h>

#include "supervisor/daemon/gid.h"

static int count_fds(void) {
    DIR *d = opendir("/proc/self/fd");
    int n = 0;
    while (readdir(d))
        n++;
    closedir(d);
    return n;
}

static void test_there_and_not_there(void **state) {
    (void) state;
    int before = count_fds();
    gid_t gid = 4711;

    assert_int_equal(gid_of("no-such-group-here", &gid), 0);
    assert_int_equal(gid_of("", &gid), 0);
    assert_int_equal(gid, 4711);
    for (int i = 0; i < 20; i++)
        assert_int_equal(gid_of("root", &gid), 1);
    assert_int_equal(gid, 0);
    assert_int_equal(gid_of("daemon", &gid), 1);
    assert_int_equal(gid, getgrnam("daemon")->gr_gid);
    assert_int_equal(count_fds(), before);
    assert_int_equal(waitpid(-1, NULL, WNOHANG), -1); /* no child is left */
    assert_int_equal(errno, ECHILD);
}

int main(void) {
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_there_and_not_there) };
    return cmocka_run_group_tests_name("gid", tests, NULL, NULL);
}
