/* SPDX-License-Identifier: MIT
 * How controllers are handed on in a v2 tree where processes are in the way. The kernel's answers
 * are played by a wrapped write, since a fake file takes everything. */
/* wrap: fs_write_existing */
#include "tests/unit/cgroups/fake_tree.h"

#include "cgroups/backend.h"
#include "cgroups/cgroup.h"
#include "supervisor/base/err.h"

static char written[2000]; /* "folder/file=text;" for each write, in order */
static int busy;           /* how many writes to own/cgroup.subtree_control are refused */
static int refused;        /* what every write is answered with, 0: nothing */

int __wrap_fs_write_existing(int dir_fd, const char *name, const void *bytes, size_t n);
int __wrap_fs_write_existing(int dir_fd, const char *name, const void *bytes, size_t n) {
    char link[64], path[PATH_MAX] = "";
    size_t at = strlen(written);

    (void) snprintf(link, sizeof link, "/proc/self/fd/%d", dir_fd);
    assert_true(readlink(link, path, sizeof path - 1) > 0);
    (void) snprintf(written + at, sizeof written - at, "%s/%s=%.*s;", strrchr(path, '/') + 1, name,
                    (int) n, (const char *) bytes);
    if (strcmp(name, "cgroup.subtree_control") == 0 && strstr(path, "/own") &&
        strcmp(strrchr(path, '/'), "/own") == 0 && *(const char *) bytes == '+' && busy > 0) {
        busy--;
        return -EBUSY;
    }
    return refused;
}

static void lay(const struct fake *f) {
    static const char *const dirs[] = { "v2/own", "v2/own/miniprog", "v2/own/miniprog/apps" };

    fake_write_at(f, "proc/self/mountinfo", "29 23 0:26 / /@/v2 rw - cgroup2 cgroup2 rw\n");
    fake_write(f, "proc/self/cgroup", "0::/own\n");
    for (int i = 0; i < 3; i++) {
        char name[100];
        (void) snprintf(name, sizeof name, "%s/cgroup.controllers", dirs[i]);
        fake_write(f, name, "cpu memory pids\n");
        (void) snprintf(name, sizeof name, "%s/cgroup.subtree_control", dirs[i]);
        fake_write(f, name, "\n");
    }
    written[0] = '\0';
    busy = refused = 0;
}

static int open_root(const struct fake *f, const char *at, struct cgrp_root **ret, struct err *e) {
    struct cgrp_config config = { .want = CGRP_UNIFIED, .suffix = "", .at = at, .proc = f->proc };

    return cgrp_root_open(&config, ret, e);
}

static void test_nobody_in_the_way(void **state) {
    struct fake *f = *state;
    struct cgrp_root *root = NULL;
    struct err e = { 0 };

    lay(f);
    assert_int_equal(open_root(f, NULL, &root, &e), 0);
    assert_string_equal(written, "own/cgroup.subtree_control=+memory;"
                                 "own/cgroup.subtree_control=+pids;"
                                 "miniprog/cgroup.subtree_control=+memory;"
                                 "miniprog/cgroup.subtree_control=+pids;"
                                 "apps/cgroup.subtree_control=+memory;"
                                 "apps/cgroup.subtree_control=+pids;");
    written[0] = '\0';
    cgrp_root_remove(root);
    assert_string_equal(written, "miniprog/cgroup.subtree_control=-memory -pids;"
                                 "own/cgroup.subtree_control=-memory -pids;");
    (void) cgrp_root_free(root);
}

static void test_we_are_in_the_way(void **state) {
    struct fake *f = *state;
    struct cgrp_root *root = NULL;
    struct err e = { 0 };

    lay(f);
    busy = 1;
    assert_int_equal(open_root(f, NULL, &root, &e), 0);
    assert_ptr_equal(strstr(written, "own/cgroup.subtree_control=+memory;"
                                     "supervisor/cgroup.procs=0;"
                                     "own/cgroup.subtree_control=+memory;"),
                     written);
    written[0] = '\0';
    cgrp_root_remove(root); /* and out again */
    assert_string_equal(written, "miniprog/cgroup.subtree_control=-memory -pids;"
                                 "own/cgroup.subtree_control=-memory -pids;"
                                 "own/cgroup.procs=0;");
    assert_false(fake_exists(f, "v2/own/miniprog/supervisor"));
    (void) cgrp_root_free(root);
}

static void test_others_are_in_the_way(void **state) {
    struct fake *f = *state;
    struct cgrp_root *root = NULL;
    struct err e = { 0 };

    lay(f);
    busy = 1000;
    assert_int_equal(open_root(f, NULL, &root, &e), -EOPNOTSUPP);
    assert_null(root);
    assert_non_null(strstr(e.text, "other processes"));
    assert_non_null(strstr(written, "supervisor/cgroup.procs=0;"));
    assert_non_null(strstr(written, "own/cgroup.procs=0;")); /* back where we were */
    assert_false(fake_exists(f, "v2/own/miniprog/supervisor"));
}

static void test_in_a_scope_nobody_is_moved(void **state) {
    struct fake *f = *state;
    struct cgrp_root *root = NULL;
    struct err e = { 0 };

    lay(f);
    busy = 1000;
    assert_int_equal(open_root(f, "/own", &root, &e), -EOPNOTSUPP);
    assert_null(strstr(written, "cgroup.procs"));
}

static void test_a_scope_of_our_own_has_no_level_more(void **state) {
    struct fake *f = *state;
    struct cgrp_root *root = NULL;
    struct err e = { 0 };
    struct cgrp_config config = {
        .want = CGRP_UNIFIED, .suffix = "-x", .at = "/own", .bare = true, .proc = f->proc
    };

    lay(f);
    fake_write(f, "v2/own/apps/cgroup.controllers", "cpu memory pids\n");
    fake_write(f, "v2/own/apps/cgroup.subtree_control", "\n");
    assert_int_equal(cgrp_root_open(&config, &root, &e), 0);
    assert_non_null(strstr(root->v2.path, "/v2/own/apps"));
    assert_false(fake_exists(f, "v2/own/miniprog-x"));
    assert_non_null(strstr(written, "apps/cgroup.subtree_control=+memory;"));
    cgrp_root_remove(root);
    assert_true(fake_exists(f, "v2/own"));
    (void) cgrp_root_free(root);
}

static void test_no_permission(void **state) {
    struct fake *f = *state;
    struct cgrp_root *root = NULL;
    struct err e = { 0 };

    lay(f);
    refused = -EACCES;
    assert_int_equal(open_root(f, NULL, &root, &e), -EACCES);
    assert_non_null(strstr(e.text, "controllers"));
    assert_null(root);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        fake_test(test_nobody_in_the_way),     fake_test(test_we_are_in_the_way),
        fake_test(test_others_are_in_the_way), fake_test(test_in_a_scope_nobody_is_moved),
        fake_test(test_no_permission),         fake_test(test_a_scope_of_our_own_has_no_level_more),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
