/* SPDX-License-Identifier: MIT
 * Where the trees are and where we are in them, told by files of many kinds of machine. */
#include "tests/unit/cgroups/fake_tree.h"

#include "cgroups/mount.h"
#include "supervisor/base/err.h"

static const char hybrid[] =
    "31 23 0:28 / /sys/fs/cgroup rw,relatime - tmpfs tmpfs rw,mode=755\n"
    "35 31 0:32 / /sys/fs/cgroup/memory rw,relatime - cgroup cgroup rw,memory\n"
    "36 31 0:33 / /sys/fs/cgroup/cpu,cpuacct rw shared:9 - cgroup cgroup rw,cpu,cpuacct\n"
    "39 31 0:36 / /sys/fs/cgroup/pids rw,relatime shared:7 master:3 - cgroup cgroup rw,pids\n"
    "40 31 0:37 / /sys/fs/cgroup/systemd rw - cgroup cgroup rw,xattr,name=memory\n"
    "41 31 0:38 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw\n";

static struct cgrp_mounts mounts_of(struct fake *f, const char *mountinfo) {
    struct cgrp_mounts m = { 0 };
    struct err e = { 0 };

    fake_write(f, "proc/self/mountinfo", mountinfo);
    assert_int_equal(cgrp_mounts_read(f->proc_fd, &m, &e), 0);
    return m;
}

static void assert_mount(const struct cgrp_mount *m, const char *point, const char *root) {
    if (!point) {
        assert_null(m->point);
        return;
    }
    assert_non_null(m->point);
    assert_string_equal(m->point, point);
    assert_string_equal(m->root, root);
}

struct machine {
    const char *name, *mountinfo;
    const char *v2, *v2_root, *memory, *memory_root, *pids;
};

static const struct machine machines[] = {
    { "hybrid", hybrid, "/sys/fs/cgroup/unified", "/", "/sys/fs/cgroup/memory", "/",
      "/sys/fs/cgroup/pids" },
    { "unified", "29 23 0:26 / /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw,nsdelegate\n",
      "/sys/fs/cgroup", "/", NULL, NULL, NULL },
    { "v1 only, two controllers in one mount",
      "35 31 0:32 / /cg/both rw - cgroup none rw,memory,pids\n", NULL, NULL, "/cg/both", "/",
      "/cg/both" },
    { "a container that sees its part",
      "70 60 0:26 /docker/abc /sys/fs/cgroup rw - cgroup2 cgroup rw\n", "/sys/fs/cgroup",
      "/docker/abc", NULL, NULL, NULL },
    { "read-only, as in most containers",
      "70 60 0:26 / /sys/fs/cgroup ro,nosuid - cgroup2 cgroup rw\n", NULL, NULL, NULL, NULL, NULL },
    { "a part, then the whole: the whole counts",
      "70 60 0:26 /part /a rw - cgroup2 cgroup rw\n71 60 0:26 / /b rw - cgroup2 cgroup rw\n"
      "72 60 0:26 / /c rw - cgroup2 cgroup rw\n",
      "/b", "/", NULL, NULL, NULL },
    { "blanks, tabs, newlines and backslashes in names",
      "70 60 0:26 /a\\040b /x\\040y\\011\\012\\134z rw - cgroup2 cgroup rw\n", "/x y\t\n\\z",
      "/a b", NULL, NULL, NULL },
    { "no source between the blanks", "70 60 0:26 / /x rw - cgroup2  rw\n", "/x", "/", NULL, NULL,
      NULL },
    { "names that only look like it",
      "1 2 0:1 / /x rw - tmpfs cgroup2 rw,memory\n2 2 0:1 / /y rw - cgroup c rw,memoryx,xpids\n"
      "3 2 0:1 / /z rw - cgroup2x c rw\n",
      NULL, NULL, NULL, NULL, NULL },
    { "malformed lines are passed over",
      "\n \n1\n1 2\n1 2 0:1 /\n1 2 0:1 / /x\n1 2 0:1 / /x rw\n1 2 0:1 / /x rw -\n"
      "1 2 0:1 / /x rw - cgroup2\n1 2 0:1 / /x rw - cgroup2 c\n1 2 0:1 x /x rw - cgroup2 c rw\n"
      "1 2 0:1 / x rw - cgroup2 c rw\n1 2 0:1 / /x rw no-dash cgroup2 c rw\n"
      "9 2 0:1 / /good rw - cgroup2 c rw",
      "/good", "/", NULL, NULL, NULL },
    { "nothing at all", "", NULL, NULL, NULL, NULL, NULL },
};

static void test_machines(void **state) {
    for (size_t i = 0; i < sizeof machines / sizeof machines[0]; i++) {
        const struct machine *m = &machines[i];
        struct cgrp_mounts found = mounts_of(*state, m->mountinfo);
        print_message("%s\n", m->name);
        assert_mount(&found.tree[CGRP_TREE_V2], m->v2, m->v2_root);
        assert_mount(&found.tree[CGRP_TREE_MEMORY], m->memory, m->memory_root);
        assert_mount(&found.tree[CGRP_TREE_PIDS], m->pids, "/");
        cgrp_mounts_clear(&found);
    }
}

static void test_every_prefix_of_mountinfo(void **state) {
    char cut[sizeof hybrid];

    for (size_t n = 0; n < sizeof hybrid; n++) {
        (void) snprintf(cut, sizeof cut, "%.*s", (int) n, hybrid);
        struct cgrp_mounts m = mounts_of(*state, cut);
        /* Never a part of a path. */
        if (m.tree[CGRP_TREE_V2].point)
            assert_string_equal(m.tree[CGRP_TREE_V2].point, "/sys/fs/cgroup/unified");
        cgrp_mounts_clear(&m);
    }
}

static void test_mountinfo_is_missing(void **state) {
    struct fake *f = *state;
    struct cgrp_mounts m;
    struct err e = { 0 };

    memset(&m, 0x5a, sizeof m);
    assert_int_equal(cgrp_mounts_read(f->proc_fd, &m, &e), -ENOENT);
    assert_int_equal(((unsigned char *) &m)[0], 0x5a);
    assert_non_null(strstr(e.text, "mountinfo"));
}

static void test_our_own_group(void **state) {
    static const char cgroup[] = "9:name=systemd:/\n8:pids:/user/x\n5:cpu,cpuacct:/c\n"
                                 "4:memory,hugetlb:/process:api/c3\n0::/init.scope\n";
    struct fake *f = *state;
    char *path = (char *) 0x1;

    assert_int_equal(cgrp_mount_path_of(f->proc_fd, "self", CGRP_TREE_V2, &path), -ENOENT);
    fake_write(f, "proc/self/cgroup", cgroup);
    assert_int_equal(cgrp_mount_path_of(f->proc_fd, "12", CGRP_TREE_V2, &path), -ENOENT);
    assert_ptr_equal(path, (char *) 0x1);
    assert_int_equal(cgrp_mount_path_of(f->proc_fd, "self", CGRP_TREE_V2, &path), 0);
    assert_string_equal(path, "/init.scope");
    free(path);
    assert_int_equal(cgrp_mount_path_of(f->proc_fd, "self", CGRP_TREE_MEMORY, &path), 0);
    assert_string_equal(path, "/process:api/c3");
    free(path);
    assert_int_equal(cgrp_mount_path_of(f->proc_fd, "self", CGRP_TREE_PIDS, &path), 0);
    assert_string_equal(path, "/user/x");
    free(path);

    path = (char *) 0x1;
    fake_write(f, "proc/self/cgroup", "\n:\n::\n0:\n0:x\n0::\n0::relative\n7:memory\n7:memory:x\n");
    assert_int_equal(cgrp_mount_path_of(f->proc_fd, "self", CGRP_TREE_V2, &path), -ENOENT);
    assert_int_equal(cgrp_mount_path_of(f->proc_fd, "self", CGRP_TREE_MEMORY, &path), -ENOENT);
    assert_ptr_equal(path, (char *) 0x1);
}

static void test_paths_below_a_mount(void **state) {
    static const struct {
        const char *root, *path, *below;
    } rows[] = {
        { "/", "/", "" },
        { "/", "/a/b", "a/b" },
        { "/docker/abc", "/docker/abc", "" },
        { "/docker/abc", "/docker/abc/x", "x" },
        { "/docker/abc", "/docker/abcd", NULL },
        { "/docker/abc", "/docker", NULL },
        { "/docker/abc", "/", NULL },
        { "/", "/../outside", NULL },
        { "/", "/..", NULL },
        { "/", "/..name", "..name" },
    };

    (void) state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct cgrp_mount m = { .point = (char *) "/x", .root = (char *) rows[i].root };
        const char *below = cgrp_mount_below(&m, rows[i].path);
        if (!rows[i].below)
            assert_null(below);
        else
            assert_string_equal(below, rows[i].below);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        fake_test(test_machines),
        fake_test(test_every_prefix_of_mountinfo),
        fake_test(test_mountinfo_is_missing),
        fake_test(test_our_own_group),
        fake_test(test_paths_below_a_mount),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
