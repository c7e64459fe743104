/* SPDX-License-Identifier: MIT
 * What is said of machines that have this and lack that. */
#include "tests/unit/cgroups/fake_tree.h"

#include "cgroups/check_host.h"
#include "cgroups/liberr.h"

#include <libcgroup.h>

struct found {
    struct cgrp_finding all[32];
    int n;
};

static void keep(const struct cgrp_finding *finding, void *userdata) {
    struct found *f = userdata;

    assert_true(f->n < 32);
    f->all[f->n++] = *finding;
}

static const struct cgrp_finding *of(const struct found *f, const char *what) {
    for (int i = 0; i < f->n; i++)
        if (strcmp(f->all[i].what, what) == 0)
            return &f->all[i];
    fail_msg("nothing was said of %s", what);
    return NULL;
}

static struct found look(struct fake *f) {
    struct found found = { .n = 0 };
    struct cgrp_reporter to = { keep, &found };

    cgrp_check_host(&to, f->proc_fd, -1);
    return found;
}

static void test_a_machine_with_all(void **state) {
    struct fake *f = *state;

    fake_write(f, "proc/meminfo", "MemTotal: 5 kB\nSwapTotal:  2097152 kB\n");
    fake_write(f, "proc/self/status", "Name:\tx\nCapInh:\t0\nCapEff:\t000001ffffffffff\n");
    fake_write(f, "proc/self/uid_map", "         0          0 4294967295\n");
    fake_write(f, "proc/pressure/memory", "");
    struct found found = look(f);
    for (int i = 0; i < found.n; i++)
        assert_int_equal(found.all[i].verdict, CGRP_WORKS);
    assert_non_null(strstr(of(&found, "swap")->detail, "2048 MiB"));
    /* With its NUL: without it the kernel eats the last digit. */
    char text[64] = "";
    int fd = openat(f->proc_fd, "pressure/memory", O_RDONLY | O_CLOEXEC);
    assert_int_equal(read(fd, text, sizeof text), sizeof "some 70000 1000000");
    assert_string_equal(text, "some 70000 1000000");
    close(fd);
}

static void test_a_machine_with_nothing(void **state) {
    struct found found = look(*state);

    assert_int_equal(of(&found, "swap")->verdict, CGRP_MISSING);
    assert_int_equal(of(&found, "capabilities")->verdict, CGRP_MISSING);
    assert_int_equal(of(&found, "uids")->verdict, CGRP_MISSING);
    assert_int_equal(of(&found, "PSI of the system")->verdict, CGRP_MISSING);
}

static void test_a_container(void **state) {
    struct fake *f = *state;

    fake_write(f, "proc/meminfo", "SwapTotal: 0 kB\n");
    fake_write(f, "proc/self/status", "CapInh: 0\nCapEff:\t00000000a80425fb\n");
    fake_write(f, "proc/self/uid_map", "0 1000 1\n1 100000 65536\n");
    struct found found = look(f);
    assert_non_null(strstr(of(&found, "swap")->detail, "cannot be reclaimed"));
    assert_int_equal(of(&found, "CAP_KILL")->verdict, CGRP_WORKS);
    assert_int_equal(of(&found, "CAP_SYS_RESOURCE")->verdict, CGRP_MISSING);
    assert_int_equal(of(&found, "CAP_SYS_ADMIN")->verdict, CGRP_MISSING);
    assert_int_equal(of(&found, "uids")->verdict, CGRP_PARTLY);
    assert_non_null(strstr(of(&found, "uids")->detail, "65537"));
}

static void test_libcgroups_numbers(void **state) {
    (void) state;
    assert_int_equal(cgrp_liberr(0), 0);
    assert_int_equal(cgrp_liberr(ECGROUPNOTEXIST), -ENOENT);
    assert_int_equal(cgrp_liberr(ECGROUPNOTMOUNTED), -EOPNOTSUPP);
    assert_int_equal(cgrp_liberr(ECGNONEMPTY), -EBUSY);
    /* Whatever the number, success is 0 alone. */
    for (int code = 1; code < 60000; code++)
        if (cgrp_liberr(code) >= 0)
            fail_msg("%d counts as success", code);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        fake_test(test_a_machine_with_all),
        fake_test(test_a_machine_with_nothing),
        fake_test(test_a_container),
        cmocka_unit_test(test_libcgroups_numbers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
