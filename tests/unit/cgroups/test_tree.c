/* SPDX-License-Identifier: MIT
 * Roots and groups on fake trees of each kind of machine. A fake folder does not fill itself with
 * the kernel's files, so a group is laid out before it is "made". */
#include "tests/unit/cgroups/fake_tree.h"

#include "cgroups/backend.h"
#include "cgroups/cgroup.h"
#include "supervisor/base/err.h"

static const struct cgrp_limits no_limits = { CGRP_NO_LIMIT, CGRP_NO_LIMIT, CGRP_NO_LIMIT,
                                              CGRP_NO_LIMIT };
static const struct cgrp_limits limits = { 48 << 20, 64 << 20, 16 << 20, 77 };

/* The kernel's files of one group's folder. */
static void lay_v2(const struct fake *f, const char *dir) {
    static const struct {
        const char *name, *text;
    } files[] = {
        { "cgroup.controllers", "cpu memory pids\n" },
        { "cgroup.subtree_control", "" },
        { "cgroup.procs", "" },
        { "cgroup.events", "populated 0\nfrozen 0\n" },
        { "cgroup.freeze", "0\n" },
        { "cgroup.kill", "" },
        { "memory.high", "" },
        { "memory.max", "" },
        { "memory.swap.max", "" },
        { "memory.oom.group", "" },
        { "memory.current", "1000\n" },
        { "memory.peak", "3000\n" },
        { "memory.swap.current", "50\n" },
        { "memory.stat", "anon 600\nfile 300\nfile_mapped 5\n" },
        { "pids.max", "" },
    };

    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        char name[200];
        (void) snprintf(name, sizeof name, "%s/%s", dir, files[i].name);
        fake_write(f, name, files[i].text);
    }
}

static void lay_unified(const struct fake *f) {
    fake_write_at(f, "proc/self/mountinfo", "29 23 0:26 /ct /@/v2 rw - cgroup2 cgroup2 rw\n");
    fake_write(f, "proc/self/cgroup", "0::/ct/own\n");
    lay_v2(f, "v2/own");
    lay_v2(f, "v2/own/miniprog-t");
    lay_v2(f, "v2/own/miniprog-t/apps");
    fake_write(f, "v2/own/miniprog-t/apps/cgroup.subtree_control", "memory pids\n");
    lay_v2(f, "v2/own/miniprog-t/apps/app-tasks");
}

static void lay_hybrid(const struct fake *f) {
    static const char *const v1[] = { "memory", "pids" };

    fake_write_at(f, "proc/self/mountinfo",
                  "41 31 0:38 / /@/v2 rw - cgroup2 cgroup2 rw\n"
                  "35 31 0:32 / /@/memory rw - cgroup cgroup rw,memory\n"
                  "39 31 0:36 / /@/pids rw - cgroup cgroup rw,pids\n");
    fake_write(f, "proc/self/cgroup", "8:pids:/\n4:memory:/api/x\n0::/own\n");
    lay_v2(f, "v2/own");
    fake_write(f, "v2/own/cgroup.controllers", "hugetlb\n");
    lay_v2(f, "v2/own/miniprog-t/apps/app-tasks");
    for (int i = 0; i < 2; i++) {
        char dir[100], name[200];
        (void) snprintf(dir, sizeof dir, "%s%s/miniprog-t", v1[i], i == 0 ? "/api/x" : "");
        (void) snprintf(name, sizeof name, "%s/memory.use_hierarchy", dir);
        fake_write(f, name, "");
        (void) snprintf(name, sizeof name, "%s/apps/app-tasks/tasks", dir);
        fake_write(f, name, "");
    }
    fake_write(f, "memory/api/x/miniprog-t/apps/app-tasks/memory.limit_in_bytes", "");
    fake_write(f, "memory/api/x/miniprog-t/apps/app-tasks/memory.memsw.limit_in_bytes", "");
    fake_write(f, "memory/api/x/miniprog-t/apps/app-tasks/memory.usage_in_bytes", "9000\n");
    fake_write(f, "memory/api/x/miniprog-t/apps/app-tasks/memory.max_usage_in_bytes", "9500\n");
    fake_write(f, "memory/api/x/miniprog-t/apps/app-tasks/memory.stat",
               "rss 1\ntotal_cache 40\ntotal_rss 30\ntotal_shmem 5\ntotal_swap 7\n");
    fake_write(f, "pids/miniprog-t/apps/app-tasks/pids.max", "");
}

static int root_at(const struct fake *f, enum cgrp_kind want, const char *at,
                   struct cgrp_root **ret, struct err *e) {
    struct cgrp_config config = { .want = want, .suffix = "-t", .at = at, .proc = f->proc };

    return cgrp_root_open(&config, ret, e);
}

static struct cgrp_root *root_of(const struct fake *f, enum cgrp_kind kind) {
    struct cgrp_root *root = NULL;
    struct err e = { 0 };

    if (root_at(f, CGRP_AUTO, NULL, &root, &e) < 0)
        fail_msg("%s", e.text);
    assert_int_equal(cgrp_root_kind(root), kind);
    return root;
}

static struct cgrp_group *make(struct cgrp_root *root, const struct cgrp_limits *with) {
    struct cgrp_group *group = NULL;
    struct err e = { 0 };

    if (cgrp_group_create(root, "tasks", with, root, &group, &e) < 0)
        fail_msg("%s", e.text);
    return group;
}

#define APP(file) "v2/own/miniprog-t/apps/app-tasks/" file

static void test_unified_limits_and_usage(void **state) {
    struct fake *f = *state;
    struct cgrp_usage u = { 0 };
    struct cgrp_join join;
    struct err e = { 0 };

    lay_unified(f);
    struct cgrp_root *root = root_of(f, CGRP_UNIFIED);
    assert_true(cgrp_root_has_memory_limit(root));
    assert_non_null(strstr(cgrp_root_describe(root), "unified"));

    struct cgrp_group *group = make(root, &limits);
    assert_ptr_equal(cgrp_group_owner(group), root);
    fake_assert_file(f, APP("memory.high"), "50331648");
    fake_assert_file(f, APP("memory.max"), "67108864");
    fake_assert_file(f, APP("memory.swap.max"), "16777216");
    fake_assert_file(f, APP("pids.max"), "77");
    cgrp_group_join(group, &join);
    assert_true(join.into_fd >= 0 && join.n == 0);

    fake_write(f, APP("memory.high"), "");
    assert_int_equal(cgrp_group_limit(group, &no_limits, &e), 0);
    fake_assert_file(f, APP("memory.high"), "max");
    assert_int_equal(cgrp_group_usage(group, &u, &e), 0);
    assert_true(u.has_memory && u.has_swap && u.current == 1000 && u.peak == 3000 && u.swap == 50 &&
                u.anon == 600 && u.file == 300 && u.pids == 0);
    (void) cgrp_group_free(group);
    (void) cgrp_root_free(root);
}

static void test_unified_on_older_kernels(void **state) {
    struct fake *f = *state;
    struct cgrp_usage u = { .current = 77 };
    struct err e = { 0 };
    char path[200];

    lay_unified(f);
    static const char *const missing[] = { "memory.peak", "memory.swap.current", "memory.swap.max",
                                           "cgroup.kill", "memory.oom.group" };
    for (size_t i = 0; i < sizeof missing / sizeof missing[0]; i++) {
        (void) snprintf(path, sizeof path, "%s/" APP("%s"), f->base, missing[i]);
        assert_int_equal(unlink(path), 0);
    }
    struct cgrp_root *root = root_of(f, CGRP_UNIFIED);
    struct cgrp_group *group = make(root, &limits);
    assert_int_equal(group->kill_fd, -1);
    assert_int_equal(cgrp_group_usage(group, &u, &e), 0);
    assert_true(u.peak == 1000 && !u.has_swap);
    fake_write(f, APP("memory.current"), "400\n");
    assert_int_equal(cgrp_group_usage(group, &u, &e), 0);
    assert_true(u.current == 400 && u.peak == 1000); /* the highest that was seen */
    u.current = 77;
    fake_write(f, APP("memory.stat"), "file 3\n");
    assert_int_equal(cgrp_group_usage(group, &u, &e), -EPROTO);
    assert_true(u.current == 77);
    (void) cgrp_root_free(root); /* takes the group along */
}

static void test_hybrid_limits_and_usage(void **state) {
    struct fake *f = *state;
    struct cgrp_usage u = { 0 };
    struct cgrp_join join;
    struct err e = { 0 };

    lay_hybrid(f);
    struct cgrp_root *root = root_of(f, CGRP_HYBRID);
    assert_true(cgrp_root_has_memory_limit(root) && cgrp_root_has_pids_limit(root));
    fake_assert_file(f, "memory/api/x/miniprog-t/memory.use_hierarchy", "1");
    struct cgrp_group *group = make(root, &limits);
    fake_assert_file(f, "memory/api/x/miniprog-t/apps/app-tasks/memory.limit_in_bytes", "67108864");
    fake_assert_file(f, "memory/api/x/miniprog-t/apps/app-tasks/memory.memsw.limit_in_bytes",
                     "83886080");
    fake_assert_file(f, "pids/miniprog-t/apps/app-tasks/pids.max", "77");
    fake_assert_file(f, APP("memory.max"), "");
    cgrp_group_join(group, &join);
    assert_true(join.into_fd >= 0 && join.n == 2);
    assert_int_equal(cgrp_group_usage(group, &u, &e), 0);
    assert_true(u.has_memory && u.has_swap && u.current == 9000 && u.peak == 9500 && u.anon == 30 &&
                u.file == 40 && u.swap == 7);
    (void) cgrp_root_free(root);
}

static void test_hybrid_without_a_memory_controller(void **state) {
    struct fake *f = *state;
    struct cgrp_usage u = { 0 };
    struct err e = { 0 };

    lay_hybrid(f);
    fake_write_at(f, "proc/self/mountinfo", "41 31 0:38 / /@/v2 rw - cgroup2 cgroup2 rw\n");
    fake_write(f, APP("cgroup.procs"), "999999991\n999999992\n");
    fake_write(f, "proc/999999991/status", "RssAnon: 10 kB\nRssFile: 2 kB\n");
    struct cgrp_root *root = root_of(f, CGRP_HYBRID);
    assert_false(cgrp_root_has_memory_limit(root) || cgrp_root_has_pids_limit(root));
    assert_non_null(strstr(cgrp_root_describe(root), "no limits"));
    struct cgrp_group *group = make(root, &limits);
    assert_int_equal(cgrp_group_usage(group, &u, &e), 0); /* one of them has just ended */
    assert_true(!u.has_memory && u.current == 12 << 10 && u.anon == 10 << 10 && u.pids == 2);
    (void) cgrp_root_free(root);
}

/* An earlier supervisor was started from another session, whose own v1 group was another. */
static void test_hybrid_adopts_across_sessions(void **state) {
    struct fake *f = *state;
    struct cgrp_adopt how = { .uid = (uid_t) -1 };
    struct cgrp_group *group = NULL;
    struct cgrp_usage u = { 0 };
    struct err e = { 0 };

    lay_hybrid(f);
    fake_write(f, APP("cgroup.events"), "populated 1\n");
    fake_write(f, APP("cgroup.procs"), "999999991\n");
    fake_write(f, "memory/api/old/miniprog-t/apps/app-tasks/memory.usage_in_bytes", "555\n");
    fake_write(f, "memory/api/old/miniprog-t/apps/app-tasks/memory.stat",
               "total_cache 5\ntotal_rss 6\n");
    struct cgrp_root *root = root_of(f, CGRP_HYBRID);
    static const struct {
        const char *cgroup;
        uint64_t current;
    } rows[] = {
        { "4:memory:/api/old/miniprog-t/apps/app-tasks\n", 555 },
        { "4:memory:/api/old/miniprog-t/apps/app-other\n", 9000 }, /* by its name, below ours */
        { "4:memory:/\n", 9000 },
        { "", 9000 },
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        fake_write(f, "proc/999999991/cgroup", rows[i].cgroup);
        assert_int_equal(cgrp_group_adopt(root, "tasks", &how, NULL, &group, &e), 0);
        assert_int_equal(cgrp_group_usage(group, &u, &e), 0);
        assert_int_equal(u.current, rows[i].current);
        (void) cgrp_group_free(group);
    }
    (void) cgrp_root_free(root);
}

static void test_machines_without_a_tree(void **state) {
    static const struct {
        const char *name, *mountinfo, *cgroup;
        const char *text; /* why the one that is asked for is refused */
        enum cgrp_kind want;
    } rows[] = {
        { "nothing mounted", "", "0::/\n", "no writable cgroup2", CGRP_UNIFIED },
        { "nothing mounted", "", "0::/\n", "no writable cgroup2", CGRP_HYBRID },
        { "read-only", "1 2 0:1 / /@/v2 ro - cgroup2 c rw\n", "0::/own\n", "no writable cgroup2",
          CGRP_UNIFIED },
        { "v1 only", "1 2 0:1 / /@/v2 rw - cgroup c rw,memory\n", "4:memory:/own\n",
          "no writable cgroup2", CGRP_HYBRID },
        { "outside of what is mounted", "1 2 0:1 /ct /@/v2 rw - cgroup2 c rw\n", "0::/else\n",
          "not in the part", CGRP_UNIFIED },
        { "the folder is gone", "1 2 0:1 / /@/v2 rw - cgroup2 c rw\n", "0::/own (deleted)\n",
          "cannot open group", CGRP_UNIFIED },
        { "no line of ours", "1 2 0:1 / /@/v2 rw - cgroup2 c rw\n", "", "our own cgroup2 group",
          CGRP_UNIFIED },
    };
    struct fake *f = *state;

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct cgrp_root *root = (struct cgrp_root *) 0x1;
        struct err e = { 0 };
        print_message("%s\n", rows[i].name);
        lay_v2(f, "v2/own");
        fake_write_at(f, "proc/self/mountinfo", rows[i].mountinfo);
        fake_write(f, "proc/self/cgroup", rows[i].cgroup);
        assert_true(root_at(f, rows[i].want, NULL, &root, &e) < 0);
        assert_ptr_equal(root, (struct cgrp_root *) 0x1);
        if (!strstr(e.text, rows[i].text))
            fail_msg("'%s' does not tell '%s'", e.text, rows[i].text);
        assert_false(fake_exists(f, "v2/own/miniprog-t"));
        root = root_of(f, CGRP_NONE);
        assert_non_null(strstr(cgrp_root_describe(root), "no limits"));
        (void) cgrp_root_free(root);
    }
}

static void test_memory_not_handed_down(void **state) {
    struct fake *f = *state;
    struct cgrp_root *root = NULL;
    struct err e = { 0 };

    lay_unified(f);
    fake_write(f, "v2/own/cgroup.controllers", "cpu pids memoryx\n");
    assert_int_equal(root_at(f, CGRP_UNIFIED, NULL, &root, &e), -EOPNOTSUPP);
    assert_null(root);
    fake_write(f, "v2/own/cgroup.controllers", "memory");
    root = root_of(f, CGRP_UNIFIED);
    (void) cgrp_root_free(root);
}

static void test_another_place_to_build_in(void **state) {
    struct fake *f = *state;
    struct cgrp_root *root = NULL;
    struct err e = { 0 };

    lay_unified(f);
    lay_v2(f, "v2/my.slice/my.scope");
    lay_v2(f, "v2/my.slice/my.scope/miniprog-t");
    lay_v2(f, "v2/my.slice/my.scope/miniprog-t/apps");
    assert_int_equal(root_at(f, CGRP_UNIFIED, "/ct/no.slice", &root, &e), -ENOENT);
    assert_int_equal(root_at(f, CGRP_UNIFIED, "/my.slice/my.scope", &root, &e), -EOPNOTSUPP);
    assert_int_equal(root_at(f, CGRP_UNIFIED, "/ct/my.slice/my.scope", &root, &e), 0);
    assert_non_null(strstr(cgrp_root_describe(root), "/v2/my.slice/my.scope/miniprog-t/apps"));
    (void) cgrp_root_free(root);
}

/* Started again out of <top>/supervisor, we do not nest deeper each time. */
static void test_from_inside_supervisor(void **state) {
    struct fake *f = *state;

    lay_unified(f);
    fake_write(f, "proc/self/cgroup", "0::/ct/own/miniprog-t/supervisor\n");
    struct cgrp_root *root = root_of(f, CGRP_UNIFIED);
    assert_non_null(strstr(cgrp_root_describe(root), "/v2/own/miniprog-t/apps"));
    (void) cgrp_root_free(root);
}

static void collect(const char *id, void *userdata) {
    char *text = userdata;

    (void) snprintf(text + strlen(text), 200 - strlen(text), "%s;", id);
}

static void test_scan_and_leftovers(void **state) {
    struct fake *f = *state;
    struct cgrp_adopt how = { .uid = (uid_t) -1 };
    struct cgrp_group *group = (struct cgrp_group *) 0x1;
    struct err e = { 0 };
    char seen[200] = "";

    lay_unified(f);
    fake_write(f, "v2/own/miniprog-t/apps/app-a%2Fb/x", "");
    fake_write(f, "v2/own/miniprog-t/apps/app-a%zz/x", "");
    fake_write(f, "v2/own/miniprog-t/apps/stranger/x", "");
    fake_write(f, "v2/own/miniprog-t/apps/app-file", "");
    struct cgrp_root *root = root_of(f, CGRP_UNIFIED);
    assert_int_equal(cgrp_root_scan(root, collect, seen, &e), 0);
    assert_true(strcmp(seen, "tasks;a/b;") == 0 || strcmp(seen, "a/b;tasks;") == 0);

    assert_int_equal(cgrp_group_adopt(root, "other", &how, NULL, &group, &e), -ENOENT);
    fake_write(f, APP("cgroup.events"), "populated 1\nfrozen 0\n");
    fake_write(f, APP("inner/x"), "");
    assert_int_equal(unlinkat(root->v2.apps_fd, "app-tasks/inner/x", 0), 0);
    assert_int_equal(cgrp_group_create(root, "tasks", &no_limits, NULL, &group, &e), -EBUSY);
    assert_ptr_equal(group, (struct cgrp_group *) 0x1);
    assert_true(fake_exists(f, APP("inner")));  /* not even its empty groups are touched */
    fake_assert_file(f, APP("memory.max"), ""); /* a living one's limits are left alone */
    (void) cgrp_root_free(root);
}

/* Emptying is heard by what the kernel does to the file: a change. */
static void test_emptying_is_reported_once(void **state) {
    struct fake *f = *state;
    struct cgrp_adopt how = { .uid = (uid_t) -1 };
    struct cgrp_group *group = NULL, *empty = NULL;
    struct err e = { 0 };

    lay_unified(f);
    fake_write(f, APP("cgroup.events"), "populated 1\nfrozen 0\n");
    struct cgrp_root *root = root_of(f, CGRP_UNIFIED);
    assert_int_equal(cgrp_group_adopt(root, "tasks", &how, NULL, &group, &e), 0);
    assert_int_equal(cgrp_root_next_empty(root, &empty), 0);
    fake_write(f, APP("cgroup.events"), "populated 1\nfrozen 1\n");
    assert_int_equal(cgrp_root_next_empty(root, &empty), 0);
    assert_true(cgrp_group_is_frozen(group));
    fake_write(f, APP("cgroup.events"), "populated 0\nfrozen 0\n");
    assert_int_equal(cgrp_root_next_empty(root, &empty), 1);
    assert_ptr_equal(empty, group);
    assert_int_equal(cgrp_root_next_empty(root, &empty), 0);
    fake_write(f, APP("cgroup.events"), "populated 0\nfrozen 0\n"); /* told twice */
    assert_int_equal(cgrp_root_next_empty(root, &empty), 0);
    (void) cgrp_root_free(root);
}

static void test_kinds(void **state) {
    enum cgrp_kind kind = (enum cgrp_kind) 77;

    (void) state;
    for (int k = CGRP_AUTO; k <= CGRP_NONE; k++) {
        assert_int_equal(cgrp_kind_parse(cgrp_kind_name((enum cgrp_kind) k), &kind), 0);
        assert_int_equal(kind, k);
    }
    kind = (enum cgrp_kind) 77;
    assert_int_equal(cgrp_kind_parse("Unified", &kind), -EINVAL);
    assert_int_equal(cgrp_kind_parse("", &kind), -EINVAL);
    assert_int_equal(kind, 77);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        fake_test(test_unified_limits_and_usage),
        fake_test(test_unified_on_older_kernels),
        fake_test(test_hybrid_limits_and_usage),
        fake_test(test_hybrid_without_a_memory_controller),
        fake_test(test_hybrid_adopts_across_sessions),
        fake_test(test_machines_without_a_tree),
        fake_test(test_memory_not_handed_down),
        fake_test(test_another_place_to_build_in),
        fake_test(test_from_inside_supervisor),
        fake_test(test_scan_and_leftovers),
        fake_test(test_emptying_is_reported_once),
        cmocka_unit_test(test_kinds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
