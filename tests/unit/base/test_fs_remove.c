/* SPDX-License-Identifier: MIT */
#include "supervisor/base/fs.h"

#include "supervisor/base/cleanup.h"
#include "supervisor/base/err.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <cmocka.h>

static char dir[] = "/tmp/test_fs_remove.XXXXXX";
static int dir_fd = -1;

static int set_up(void **state) {
    (void) state;
    (void) snprintf(dir, sizeof dir, "/tmp/test_fs_remove.XXXXXX");
    if (!mkdtemp(dir))
        return -1;
    dir_fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return dir_fd < 0 ? -1 : 0;
}

static int tear_down(void **state) {
    (void) state;
    close_p(&dir_fd);
    dir_fd = -1;
    return fs_remove_tree(AT_FDCWD, dir, NULL);
}

static bool is_there(const char *name) {
    struct stat st;
    return fstatat(dir_fd, name, &st, AT_SYMLINK_NOFOLLOW) == 0;
}

static void touch(int at_fd, const char *name) {
    CLEANUP(close_p) int fd = openat(at_fd, name, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
    assert_true(fd >= 0);
}

static void test_single_things(void **state) {
    (void) state;
    touch(dir_fd, "file");
    touch(dir_fd, "kept");
    assert_int_equal(symlinkat("kept", dir_fd, "link"), 0);
    assert_int_equal(symlinkat("nowhere", dir_fd, "broken"), 0);
    assert_int_equal(mkfifoat(dir_fd, "fifo", 0600), 0);
    assert_int_equal(mkdirat(dir_fd, "empty", 0700), 0);
    static const char *const names[] = { "file", "link", "broken", "fifo", "empty", "missing" };
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        assert_int_equal(fs_remove_tree(dir_fd, names[i], NULL), 0);
        assert_false(is_there(names[i]));
    }
    assert_true(is_there("kept"));
}

static void test_a_tree_with_links_out_of_it(void **state) {
    (void) state;
    CLEANUP(close_p) int tree = -1;
    CLEANUP(close_p) int outside = -1;
    char name[300];

    assert_int_equal(fs_mkdir(dir_fd, "outside", 0755, &outside, NULL), 0);
    touch(outside, "kept");
    assert_int_equal(fs_mkdir(dir_fd, "tree", 0755, &tree, NULL), 0);
    assert_int_equal(symlinkat("../outside", tree, "link"), 0);
    assert_int_equal(symlinkat("/", tree, "root"), 0);
    for (int i = 0; i < 500; i++) {
        (void) snprintf(name, sizeof name, "%d%0200d", i, i);
        touch(tree, name);
    }
    for (int i = 0; i < 20; i++) {
        CLEANUP(close_p) int sub = -1;
        (void) snprintf(name, sizeof name, "sub %d\n", i);
        assert_int_equal(fs_mkdir(tree, name, 0755, &sub, NULL), 0);
        touch(sub, "a");
        assert_int_equal(symlinkat("../../outside/kept", sub, "b"), 0);
    }
    assert_int_equal(fs_remove_tree(dir_fd, "tree", NULL), 0);
    assert_false(is_there("tree"));
    assert_true(is_there("outside/kept"));
}

/* Deeper than there may be descriptors, and than a path can name. */
static void test_a_tree_deeper_than_descriptors(void **state) {
    (void) state;
    struct rlimit before, few = { 0 };
    CLEANUP(close_p) int at = -1;

    assert_int_equal(fs_mkdir(dir_fd, "tree", 0755, &at, NULL), 0);
    for (int i = 0; i < 5000; i++) {
        int next = -1;
        touch(at, "file");
        assert_int_equal(fs_mkdir(at, i % 50 ? "d" : ".removing-0", 0755, &next, NULL), 0);
        close_p(&at);
        at = next;
    }
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
    few = before;
    few.rlim_cur = 64;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
    int r = fs_remove_tree(dir_fd, "tree", NULL);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
    assert_int_equal(r, 0);
    assert_false(is_there("tree"));
}

static void in_child(int (*fn)(void)) {
    int status = 0;
    pid_t pid = fork();

    assert_true(pid >= 0);
    if (pid == 0)
        _exit(fn());
    assert_int_equal(waitpid(pid, &status, 0), pid);
    if (WIFEXITED(status) && WEXITSTATUS(status) == 77) {
        print_message("skipped: not allowed here\n");
        skip();
    }
    if (status != 0)
        fail_msg("child: wait status %#x", status);
}

/* As somebody who is not root and has taken his own rights away, as Go's module cache does. */
static int remove_without_rights(void) {
    if (geteuid() == 0 &&
        (fchown(dir_fd, 65534, 65534) < 0 || setgid(65534) < 0 || setuid(65534) < 0))
        return 77;
    if (mkdirat(dir_fd, "tree", 0755) < 0 || mkdirat(dir_fd, "tree/a", 0755) < 0 ||
        mkdirat(dir_fd, "tree/b", 0) < 0)
        return 1;
    touch(dir_fd, "tree/a/file");
    if (fchmodat(dir_fd, "tree/a", 0555, 0) < 0 || fchmodat(dir_fd, "tree", 0, 0) < 0)
        return 2;
    if (fs_remove_tree(dir_fd, "tree", NULL) < 0)
        return 3;
    return is_there("tree") ? 4 : 0;
}

static void test_folders_without_rights(void **state) {
    (void) state;
    in_child(remove_without_rights);
}

/* A bind mount has the device of the tree it stands in: the mount tells them apart. */
static int remove_with_a_mount_inside(void) {
    char from[64], to[64];
    struct err e = { 0 };

    if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
        return 77;
    /* The descriptor still leads into the old namespace, where nothing will be mounted. */
    if (dup2(open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC), dir_fd) < 0)
        return 1;
    (void) snprintf(from, sizeof from, "%s/outside", dir);
    (void) snprintf(to, sizeof to, "%s/tree/mounted", dir);
    if (mkdir(from, 0755) < 0 || fs_mkdirs(to, 0755, NULL) < 0)
        return 1;
    touch(dir_fd, "outside/kept");
    if (mount(from, to, NULL, MS_BIND, NULL) < 0)
        return 77;
    if (fs_remove_tree(dir_fd, "tree", &e) != -EXDEV || !strstr(e.text, "'mounted'"))
        return 2;
    if (!is_there("outside/kept"))
        return 3;
    if (umount(to) < 0 || fs_remove_tree(dir_fd, "tree", NULL) < 0)
        return 4;
    return is_there("outside/kept") ? 0 : 5;
}

static void test_what_is_mounted_inside_is_left_alone(void **state) {
    (void) state;
    in_child(remove_with_a_mount_inside);
}

static void test_no_descriptor_is_left_open(void **state) {
    (void) state;
    CLEANUP(close_p) int before = dup(dir_fd);
    CLEANUP(close_p) int after = -1;
    char path[64];

    (void) snprintf(path, sizeof path, "%s/tree/a/b", dir);
    assert_int_equal(fs_mkdirs(path, 0755, NULL), 0);
    assert_int_equal(fs_remove_tree(dir_fd, "tree", NULL), 0);
    after = dup(dir_fd);
    assert_int_equal(after, before + 1);
}

int main(void) {
#define TEST(fn) cmocka_unit_test_setup_teardown(fn, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(test_single_things),
        TEST(test_a_tree_with_links_out_of_it),
        TEST(test_a_tree_deeper_than_descriptors),
        TEST(test_folders_without_rights),
        TEST(test_what_is_mounted_inside_is_left_alone),
        TEST(test_no_descriptor_is_left_open),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
