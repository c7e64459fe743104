/* SPDX-License-Identifier: MIT
 * Where memory facts come from, on this machine's own trees: children that really take memory in
 * groups that really have a limit. */
#include "tests/integration/cgroup_kit.h"

#include <sys/timerfd.h>

#include "cgroups/psi.h"
#include "cgroups/reclaim.h"
#include "cgroups/release.h"
#include "cgroups/sources.h"

#define MB UINT64_C(1048576)

static const struct cgrp_sources_config config = {
    .budget = 96 * MB,
    .psi = { { false, 70000, 1000000 }, { true, 70000, 1000000 }, { true, 300000, 1000000 } },
    .available = { .enter = { 80, 40 }, .leave = { 100, 60 } },
};

struct fixture {
    struct cgrp_root *root;
    struct cgrp_sources *sources;
    char file[64]; /* what children read, on a real file system */
};

static int set_up(void **state) {
    struct fixture *f = calloc(1, sizeof *f);

    f->root = kit_open(CGRP_AUTO);
    (void) snprintf(f->file, sizeof f->file, "/var/tmp/it-memory-%d", getpid());
    *state = f;
    return 0;
}

static int tear_down(void **state) {
    struct fixture *f = *state;
    struct cgrp_group *group;

    f->sources = cgrp_sources_free(f->sources);
    list_for_each (group, &f->root->groups, struct cgrp_group, in_root) {
        (void) cgrp_group_kill(group, NULL);
        for (int i = 0; i < 5000 && cgrp_group_populated(group) > 0; i++)
            (void) poll(NULL, 0, 1);
    }
    kit_reap_all();
    cgrp_root_remove(f->root);
    (void) cgrp_root_free(f->root);
    (void) unlink(f->file);
    free(f);
    return 0;
}

static uint64_t now_us(void) {
    struct timespec t;

    clock_gettime(CLOCK_BOOTTIME, &t);
    return (uint64_t) t.tv_sec * 1000000 + (uint64_t) t.tv_nsec / 1000;
}

/* The memory controller, or a printed skip. */
static bool need_memory(struct cgrp_root *root) {
    const char *demanded = getenv("MINIPROG_REQUIRE");

    if (cgrp_root_has_memory_limit(root))
        return true;
    if (demanded && strstr(demanded, "memory"))
        fail_msg("a memory controller is demanded: %s", cgrp_root_describe(root));
    print_message("skipped: no memory controller: %s\n", cgrp_root_describe(root));
    return false;
}

static struct cgrp_sources *sources(struct fixture *f, const struct cgrp_sources_config *c) {
    struct err why = { 0 };

    if (cgrp_sources_open(f->root, c, &f->sources, &why) < 0)
        fail_msg("%s", why.text);
    return f->sources;
}

/* Waits, as a loop would, for a fact of this kind and at least this level. */
static struct cgrp_fact wait_fact(struct cgrp_sources *s, enum cgrp_fact_kind kind, int level) {
    int64_t end = kit_now_ms() + 3 * PATIENCE_MS;
    struct cgrp_fact f;

    for (;;) {
        while (cgrp_sources_next(s, now_us(), &f) > 0)
            if (f.kind == kind && f.level >= level)
                return f;
        if (kit_now_ms() > end)
            fail_msg("no fact '%s' of level %d came", cgrp_fact_name(kind), level);
        uint64_t due = cgrp_sources_due(s), now = now_us();
        struct pollfd p = { .fd = cgrp_sources_fd(s), .events = POLLIN };
        int timeout = due == UINT64_MAX ? 1000 : due <= now ? 0 : (int) ((due - now) / 1000 + 1);
        (void) poll(&p, 1, timeout);
    }
}

static void take_all(struct cgrp_sources *s) {
    struct cgrp_fact f;

    while (cgrp_sources_next(s, now_us(), &f) > 0)
        ;
}

struct hog {
    const char *file; /* read or written into the page cache */
    uint64_t cache;
    uint64_t anonymous;
    int go; /* a pipe: each byte is leave to take the next piece; -1: all at once */
};

static void run_hog(void *argument) {
    const struct hog *h = argument;
    const uint64_t piece = 2 * MB;
    char *buf = malloc(MB), byte;

    if (h->cache) {
        int fd = open(h->file, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
        memset(buf, 'x', MB);
        for (uint64_t n = 0; n < h->cache; n += MB)
            if (write(fd, buf, MB) != (ssize_t) MB)
                _exit(97);
        (void) fsync(fd);
        for (uint64_t n = 0; n < h->cache; n += MB)
            (void) !pread(fd, buf, MB, (off_t) n);
    }
    for (uint64_t n = 0; n < h->anonymous; n += piece) {
        if (h->go >= 0 && read(h->go, &byte, 1) != 1)
            _exit(96);
        kit_take_memory(piece);
    }
    run_pause(NULL);
}

static struct cgrp_group *limited(struct fixture *f, const char *id, uint64_t high, uint64_t max) {
    const struct cgrp_limits limits = { high, max, CGRP_NO_LIMIT, CGRP_NO_LIMIT };
    struct cgrp_group *group = NULL;
    struct err why = { 0 };

    if (cgrp_group_create(f->root, id, &limits, NULL, &group, &why) < 0)
        fail_msg("%s", why.text);
    return group;
}

/* Anonymous memory grows piece by piece: every level is heard on the way, in order. */
static void test_budget_levels_are_heard(void **state) {
    struct fixture *f = *state;
    int go[2];

    if (!need_memory(f->root))
        skip();
    struct cgrp_sources *s = sources(f, &config);
    struct cgrp_group *group = kit_group(f->root, "grows");
    assert_int_equal(pipe2(go, O_CLOEXEC), 0);
    struct hog hog = { .anonymous = 96 * MB, .go = go[0] };
    (void) kit_spawn_main(group, run_hog, &hog, (uid_t) -1);
    take_all(s);

    uint64_t share = 0;
    int heard[4] = { 0 };
    struct cgrp_usage before, after;
    kit_ok(cgrp_group_usage(group, &before, &e));
    for (unsigned piece = 0; share < 980 && piece < 48; piece++) {
        struct cgrp_fact fact;
        assert_int_equal(write(go[1], "x", 1), 1);
        kit_until(cgrp_group_usage(group, &after, NULL) == 0 &&
                  after.current >= before.current + piece * 2 * MB + MB);
        /* Up to here and no further; but for a memory.stat that lags. */
        uint64_t end = now_us() + 5000000;
        do {
            while (cgrp_sources_next(s, now_us(), &fact) > 0)
                if (fact.kind == CGRP_FACT_BUDGET) {
                    share = cgrp_share(fact.figure[0], fact.figure[1], fact.figure[2]);
                    heard[fact.level / 5]++;
                }
            (void) poll(NULL, 0, 1);
        } while (cgrp_sources_due(s) != UINT64_MAX && now_us() < end);
    }
    print_message("looks at levels 0 5 10 15: %d %d %d %d\n", heard[0], heard[1], heard[2],
                  heard[3]);
    assert_true(heard[1] > 0 && heard[2] > 0 && heard[3] > 0);
    close(go[0]);
    close(go[1]);
    kit_end_group(group);
}

/* Page cache fills the budget: hints may come, a level never does. Then an anonymous leak
 * displaces it, no threshold is crossed any more, and it is heard all the same. */
static void test_a_leak_behind_page_cache_is_heard(void **state) {
    struct fixture *f = *state;
    struct cgrp_fact fact;

    if (!need_memory(f->root))
        skip();
    struct cgrp_sources *s = sources(f, &config);
    struct cgrp_group *reader = kit_group(f->root, "reads"), *leaker = kit_group(f->root, "leaks");
    struct hog cache = { .file = f->file, .cache = 100 * MB, .go = -1 };
    pid_t pid = kit_spawn_main(reader, run_hog, &cache, (uid_t) -1);
    take_all(s);
    int64_t end = kit_now_ms() + PATIENCE_MS;
    do { /* all that was heard of it; v2 slows the reader down until it is looked at */
        while (cgrp_sources_next(s, now_us(), &fact) > 0)
            if (fact.kind == CGRP_FACT_BUDGET && fact.level > 0)
                fail_msg("page cache is taken for need: %d", fact.level);
        (void) poll(NULL, 0, 1);
        assert_true(kit_now_ms() < end);
    } while (kit_state(pid) != 'S' || cgrp_sources_due(s) != UINT64_MAX);
    cgrp_sources_look(s);
    fact = wait_fact(s, CGRP_FACT_BUDGET, 0);
    print_message("usage %d MB, of it %d MB cache that can go, of %d MB\n",
                  (int) (fact.figure[0] / MB), (int) (fact.figure[1] / MB),
                  (int) (fact.figure[2] / MB));
    assert_true(fact.figure[0] > 80 * MB && fact.figure[1] > 60 * MB);
    take_all(s);

    struct hog leak = { .anonymous = 90 * MB, .go = -1 };
    (void) kit_spawn_main(leaker, run_hog, &leak, (uid_t) -1);
    fact = wait_fact(s, CGRP_FACT_BUDGET, CGRP_MODERATE);
    assert_true(cgrp_share(fact.figure[0], fact.figure[1], fact.figure[2]) >= 850);
    kit_end_group(leaker);
    kit_end_group(reader);
}

/* An app's own limit, and what is heard when its group is gone and made anew. */
static void test_own_limit_is_heard_again_after_the_group(void **state) {
    struct fixture *f = *state;
    const struct cgrp_limits limits = { CGRP_NO_LIMIT, 32 * MB, CGRP_NO_LIMIT, CGRP_NO_LIMIT };

    if (!need_memory(f->root))
        skip();
    struct cgrp_sources *s = sources(f, &config);
    for (int round = 0; round < 2; round++) {
        struct cgrp_group *group = limited(f, "bounded", CGRP_NO_LIMIT, 32 * MB);
        struct hog hog = { .anonymous = 28 * MB, .go = -1 };
        struct cgrp_app_source *app = NULL;
        kit_ok(cgrp_sources_add(s, group, 4 + round, &limits, &app, &e));
        cgrp_sources_run(app, true);
        take_all(s);
        (void) kit_spawn_main(group, run_hog, &hog, (uid_t) -1);
        struct cgrp_fact fact = wait_fact(s, CGRP_FACT_LIMIT, CGRP_MODERATE);
        assert_int_equal(fact.slot, 4 + round);
        assert_int_equal(fact.source, CGRP_SOURCE_LIMIT);
        assert_true(fact.figure[2] == 32 * MB);
        cgrp_sources_run(app, false);
        /* Removed behind the source's back: it goes quiet, and nothing breaks. */
        kit_end_group(group);
        cgrp_sources_look(s);
        take_all(s);
        assert_null(cgrp_sources_drop(app));
    }
}

/* The kernel's own kill is counted, told once, and told apart from ours. */
static void test_kernel_kills_are_counted(void **state) {
    struct fixture *f = *state;
    const struct cgrp_limits limits = { CGRP_NO_LIMIT, 16 * MB, CGRP_NO_LIMIT, CGRP_NO_LIMIT };
    struct cgrp_app_source *app = NULL;
    struct cgrp_fact fact;
    int status;

    if (!need_memory(f->root))
        skip();
    struct cgrp_sources *s = sources(f, &config);
    struct cgrp_group *group = limited(f, "too-small", CGRP_NO_LIMIT, 16 * MB);
    struct hog hog = { .anonymous = 64 * MB, .go = -1 };
    kit_ok(cgrp_sources_add(s, group, 3, &limits, &app, &e));
    take_all(s);
    assert_true(cgrp_group_oom_kills(group) == 0);
    pid_t pid = kit_spawn_main(group, run_hog, &hog, (uid_t) -1);
    fact = wait_fact(s, CGRP_FACT_KILLED, 0);
    assert_int_equal(fact.slot, 3);
    assert_true(fact.figure[0] >= 1);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
    kit_until(cgrp_group_populated(group) == 0);
    assert_true(cgrp_group_oom_kills(group) >= 1);
    cgrp_sources_look(s);
    while (cgrp_sources_next(s, now_us(), &fact) > 0)
        assert_int_not_equal(fact.kind, CGRP_FACT_KILLED);
    assert_null(cgrp_sources_drop(app));
    kit_ok(cgrp_group_remove(group, &e));

    /* A SIGKILL of ours is none of the kernel's. */
    group = kit_group(f->root, "ours");
    (void) kit_spawn_main(group, run_pause, NULL, (uid_t) -1);
    kit_ok(cgrp_group_kill(group, &e));
    kit_until(cgrp_group_populated(group) == 0);
    assert_true(cgrp_group_oom_kills(group) == 0);
    kit_reap_all();
    kit_ok(cgrp_group_remove(group, &e));
}

/* What a stopped app holds in page cache comes back; with swap, the rest too. */
static void test_a_stopped_app_is_reclaimed(void **state) {
    struct fixture *f = *state;
    struct cgrp_usage before, after;
    struct cgrp_reclaim r = { .dir_fd = -1 };

    if (!need_memory(f->root))
        skip();
    struct cgrp_group *group = kit_group(f->root, "suspended");
    struct hog hog = { .file = f->file, .cache = 32 * MB, .anonymous = 8 * MB, .go = -1 };
    pid_t pid = kit_spawn_main(group, run_hog, &hog, (uid_t) -1);
    kit_until(kit_state(pid) == 'S');
    kit_ok(cgrp_group_stop(group, CGRP_HOLD_SIGNAL, &e));
    kit_until(kit_state(pid) == 'T');
    kit_ok(cgrp_group_usage(group, &before, &e));
    assert_true(before.file >= 30 * MB);

    /* Cancelled before it began: nothing is touched. */
    kit_ok(cgrp_reclaim_open(group, &r, &e));
    atomic_store(&r.cancel, true);
    kit_ok(cgrp_reclaim_run(&r, CGRP_NO_LIMIT, &e));
    assert_true(r.freed == 0 && r.slices == 0);
    atomic_store(&r.cancel, false);
    kit_ok(cgrp_reclaim_run(&r, CGRP_NO_LIMIT, &e));
    kit_ok(cgrp_group_usage(group, &after, &e));
    print_message("%d MB came back of %d in %d writes, %d MB are left\n", (int) (r.freed / MB),
                  (int) (before.current / MB), (int) r.slices, (int) (after.current / MB));
    assert_true(r.freed >= 24 * MB);
    assert_true(after.file <= before.file - 24 * MB);
    assert_int_equal(kit_state(pid), 'T');

    /* It lives, and its group may go while somebody still holds the reclaim. */
    kit_ok(cgrp_group_continue(group, &e));
    kit_until(kit_state(pid) == 'S');
    kit_end_group(group);
    kit_ok(cgrp_reclaim_run(&r, CGRP_NO_LIMIT, &e));
    cgrp_reclaim_close(&r);
}

static void test_release_is_only_for_the_killed(void **state) {
    struct fixture *f = *state;
    struct cgrp_release r = { .n = 0 };

    if (!kit_need_tree(f->root))
        skip();
    struct cgrp_group *group = kit_group(f->root, "dies");
    struct hog hog = { .anonymous = 64 * MB, .go = -1 };
    pid_t pid = kit_spawn_main(group, run_hog, &hog, (uid_t) -1);
    kit_until(kit_state(pid) == 'S');
    kit_ok(cgrp_release_list(group, &r));
    assert_int_equal(r.n, 1);
    assert_int_equal(r.pid[0], pid);
    assert_int_equal(cgrp_release_run(&r), 0); /* it was not killed: refused, and it lives on */
    assert_int_equal(kit_state(pid), 'S');
    kit_ok(cgrp_group_kill(group, &e));
    kit_ok(cgrp_release_list(group, &r));
    int released = cgrp_release_run(&r);
    assert_true(released >= 0 && released <= 1); /* it may be faster than we */
    print_message("listed after the kill: %d, released: %d\n", r.n, released);
    kit_until(cgrp_group_populated(group) == 0);
    kit_reap(pid);
    assert_int_equal(cgrp_release_run(&r), 0); /* long gone */
    kit_ok(cgrp_group_remove(group, &e));
}

static void test_psi_arms_and_tells_of_its_groups_end(void **state) {
    static const struct cgrp_psi_want want = { true, 70000, 1000000 };
    struct fixture *f = *state;
    struct cgrp_psi psi = CGRP_PSI_NONE;
    struct cgrp_psi_line line;
    struct err why = { 0 };
    const char *demanded = getenv("MINIPROG_REQUIRE");

    int proc = open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int r = cgrp_psi_arm(proc, "pressure/memory", &want, &psi, &why);
    close(proc);
    if (r == -EOPNOTSUPP || r == -EPERM) {
        if (demanded && strstr(demanded, "psi"))
            fail_msg("PSI is demanded: %s", why.text);
        print_message("skipped: %s\n", why.text);
        skip();
    }
    if (r < 0)
        fail_msg("%s", why.text);
    print_message("armed: %d us in %d us\n", (int) psi.want.stall_us, (int) psi.want.window_us);
    /* The same share, in whichever window the kernel took. */
    assert_true(psi.want.stall_us * 1000000 == psi.want.window_us * 70000);
    assert_true(psi.want.window_us == 1000000 || psi.want.window_us == 2000000);
    assert_true(cgrp_psi_heard(&psi, &line) >= 0);
    cgrp_psi_disarm(&psi);
    assert_int_equal(psi.fd, -1);

    if (!kit_need_tree(f->root))
        skip();
    struct cgrp_group *group = kit_group(f->root, "pressed");
    kit_ok(cgrp_psi_arm(group->dir_fd, "memory.pressure", &want, &psi, &e));
    struct pollfd p = { .fd = psi.fd, .events = POLLPRI };
    assert_int_equal(poll(&p, 1, 0), 0);
    kit_ok(cgrp_group_remove(group, &e));
    assert_int_equal(poll(&p, 1, PATIENCE_MS), 1);
    assert_true(p.revents & POLLERR);
    assert_int_equal(cgrp_psi_heard(&psi, &line), -ENODEV);
    cgrp_psi_disarm(&psi);
}

/* Nothing is read and nothing is due while nothing happens, with apps there too. */
static void test_idle_is_silent(void **state) {
    struct fixture *f = *state;
    const struct cgrp_limits limits = { 64 * MB, CGRP_NO_LIMIT, CGRP_NO_LIMIT, CGRP_NO_LIMIT };
    struct cgrp_app_source *app[20];
    struct cgrp_fact fact;

    if (!kit_need_tree(f->root))
        skip();
    struct cgrp_sources *s = sources(f, &config);
    for (int i = 0; i < 20; i++) {
        char id[16];
        (void) snprintf(id, sizeof id, "idle%d", i);
        struct cgrp_group *group = kit_group(f->root, id);
        (void) kit_spawn_main(group, run_pause, NULL, (uid_t) -1);
        kit_ok(cgrp_sources_add(s, group, i, &limits, &app[i], &e));
    }
    take_all(s);
    kit_until(cgrp_sources_next(s, now_us(), &fact) == 0 && cgrp_sources_due(s) == UINT64_MAX);
    /* By a clock of the kernel's, since PSI of the machine is not ours alone. */
    struct pollfd p[2] = { { .fd = cgrp_sources_fd(s), .events = POLLIN },
                           { .fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC),
                             .events = POLLIN } };
    struct itimerspec second = { .it_value = { .tv_sec = 1 } };
    assert_int_equal(timerfd_settime(p[1].fd, 0, &second, NULL), 0);
    (void) poll(p, 2, -1);
    close(p[1].fd);
    if (p[0].revents) { /* other work on this machine may press it: nothing but its PSI may wake us
                         */
        while (cgrp_sources_next(s, now_us(), &fact) > 0)
            assert_true(fact.kind == CGRP_FACT_PSI_SYSTEM || fact.kind == CGRP_FACT_AVAILABLE);
    }
}

/* What is missing is named, and the rest is there. */
static void test_each_backend_tells_what_it_has(void **state) {
    struct fixture *f = *state;

    for (int kind = CGRP_UNIFIED; kind <= CGRP_NONE; kind++) {
        struct cgrp_config where = kit_config((enum cgrp_kind) kind);
        struct cgrp_source_info info[CGRP_SOURCE_INFOS];
        struct cgrp_sources *s = NULL;
        struct cgrp_root *root = NULL;
        where.suffix = "-it-tells";
        if (cgrp_root_open(&where, &root, NULL) < 0)
            continue; /* not on this machine */
        kit_ok(cgrp_sources_open(root, &config, &s, &e));
        cgrp_sources_tell(s, info);
        for (int i = 0; i < CGRP_SOURCE_INFOS; i++) {
            print_message("%s: %s %s: %s; %s\n", cgrp_kind_name((enum cgrp_kind) kind),
                          info[i].works ? "works  " : "missing", info[i].name, info[i].threshold,
                          info[i].detail);
            assert_true(info[i].works || info[i].detail[0]);
        }
        assert_true(info[1].works);
        assert_int_equal(info[0].works, cgrp_root_has_memory_limit(root));
        assert_int_equal(info[4].works, cgrp_root_has_memory_limit(root));
        cgrp_sources_free(s);
        cgrp_root_remove(root);
        (void) cgrp_root_free(root);
    }
    (void) f;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_budget_levels_are_heard, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_leak_behind_page_cache_is_heard, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_own_limit_is_heard_again_after_the_group, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_kernel_kills_are_counted, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_stopped_app_is_reclaimed, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_release_is_only_for_the_killed, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_psi_arms_and_tells_of_its_groups_end, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_idle_is_silent, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_each_backend_tells_what_it_has, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
