/* SPDX-License-Identifier: MIT
 * The set of sources on fake trees, where the test plays the kernel. */
#include "tests/unit/cgroups/fake_group.h"

#include <poll.h>

#include "cgroups/event.h"
#include "cgroups/sources.h"
#include "supervisor/base/err.h"

#define MB UINT64_C(1048576)

static const struct cgrp_sources_config config = {
    .budget = 100 * MB,
    .psi = { { false, 70000, 1000000 }, { true, 70000, 1000000 }, { true, 300000, 1000000 } },
    .available = { .enter = { 80, 40 }, .leave = { 100, 60 } },
};
static const struct cgrp_limits limits = { 40 * MB, 60 * MB, CGRP_NO_LIMIT, CGRP_NO_LIMIT };

static struct cgrp_sources *opened(struct fake *f, const struct cgrp_sources_config *c) {
    struct cgrp_sources *s = NULL;
    struct err e = { 0 };

    if (cgrp_sources_open(&f->root, c, &s, &e) < 0)
        fail_msg("%s", e.text);
    return s;
}

/* All facts of now; the last one of this kind in ret (may be NULL); how many of it. */
static int facts(struct cgrp_sources *s, uint64_t now, enum cgrp_fact_kind kind,
                 struct cgrp_fact *ret) {
    struct cgrp_fact f;
    int n = 0;

    for (int i = 0; cgrp_sources_next(s, now, &f) > 0; i++) {
        assert_true(i < 50);
        assert_true(f.at == now);
        if (f.kind != kind)
            continue;
        n++;
        if (ret)
            *ret = f;
    }
    return n;
}

static bool readable(const struct cgrp_sources *s) {
    struct pollfd p = { .fd = cgrp_sources_fd(s), .events = POLLIN };

    return poll(&p, 1, 0) == 1;
}

static const struct cgrp_backend *const trees[] = { &cgrp_hybrid, &cgrp_unified };

static void test_budget_is_read_when_heard(void **state) {
    (void) state;
    for (int i = 0; i < 2; i++) {
        struct fake *f = fake_new(trees[i]);
        int apps = fake_apps(f);
        fake_usage(apps, 50 * MB, 20 * MB);
        struct cgrp_sources *s = opened(f, &config);
        struct cgrp_fact fact;

        /* What there was before anybody could hear, and available memory. */
        assert_true(cgrp_sources_due(s) == 0);
        assert_int_equal(facts(s, 1000, CGRP_FACT_BUDGET, &fact), 1);
        assert_true(fact.figure[0] == 50 * MB && fact.figure[1] == 20 * MB);
        assert_true(fact.figure[2] == 100 * MB && fact.level == 0 && fact.slot == -1);
        assert_true(cgrp_sources_due(s) == UINT64_MAX);
        assert_false(readable(s));
        assert_string_equal(fake_read(apps, i ? "memory.max" : "memory.limit_in_bytes"),
                            "104857600");

        fake_usage(apps, 95 * MB, 0);
        assert_int_equal(facts(s, 2000000, CGRP_FACT_BUDGET, NULL), 0); /* nobody said so */
        fake_event(f, apps, "memory.events.local");
        assert_true(readable(s));
        assert_int_equal(facts(s, 2000000, CGRP_FACT_BUDGET, &fact), 1);
        assert_int_equal(fact.level, CGRP_LOW);
        assert_false(readable(s));

        /* A burst: one look in a gap, and one after the last hint. */
        for (int burst = 1; burst < 5; burst++) {
            fake_event(f, apps, "memory.events.local");
            assert_int_equal(facts(s, 2000000 + (uint64_t) burst * 4000, CGRP_FACT_BUDGET, NULL),
                             0);
            assert_true(cgrp_sources_due(s) == 2000000 + CGRP_LOOK_GAP_US);
        }
        fake_event(f, apps, "memory.events.local");
        assert_int_equal(readable(s), i); /* v1's storms wake nobody; v2's the kernel tames */
        assert_int_equal(facts(s, 2000000 + CGRP_LOOK_GAP_US, CGRP_FACT_BUDGET, NULL), 1);
        assert_true(cgrp_sources_due(s) == 2000000 + 2 * CGRP_LOOK_GAP_US);
        assert_int_equal(facts(s, 2000000 + 2 * CGRP_LOOK_GAP_US, CGRP_FACT_BUDGET, NULL), 1);
        /* What v1's counter kept is heard by now. */
        assert_int_equal(facts(s, 2000000 + 3 * CGRP_LOOK_GAP_US, CGRP_FACT_BUDGET, NULL), !i);
        assert_true(cgrp_sources_due(s) == UINT64_MAX);

        /* A look that is asked for waits for no gap. */
        cgrp_sources_look(s);
        assert_true(cgrp_sources_due(s) == 0);
        assert_int_equal(facts(s, 2000001 + 3 * CGRP_LOOK_GAP_US, CGRP_FACT_BUDGET, NULL), 1);

        assert_null(cgrp_sources_free(s));
        fake_free(f);
    }
}

/* v2 has one threshold: it goes up with what is truly used, and down to usage, never below. */
static void test_high_follows_the_shares(void **state) {
    static const struct {
        uint64_t usage_mb, cache_mb;
        const char *high;
    } rows[] = {
        { 10, 0, "89128960" },   /* 85 of 100 MB */
        { 86, 40, "90177536" },  /* cache above it: not below usage, nothing is crossed */
        { 86, 0, "96468992" },   /* 92 */
        { 95, 1, "101711872" },  /* 97 */
        { 98, 0, "max" },        /* no threshold is left */
        { 100, 10, "104857600" } /* 90 truly used: would be 92, but that is in use */
    };
    struct fake *f = fake_new(&cgrp_unified);
    int apps = fake_apps(f);
    (void) state;
    struct cgrp_sources *s = opened(f, &config);

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        fake_usage(apps, rows[i].usage_mb * MB, rows[i].cache_mb * MB);
        if (i > 0) /* a file does not shrink by a write, as the kernel's do */
            fake_write(apps, "memory.high", "");
        cgrp_sources_look(s);
        assert_int_equal(facts(s, 1 + i, CGRP_FACT_BUDGET, NULL), 1);
        if (strcmp(fake_read(apps, "memory.high"), rows[i].high) != 0)
            fail_msg("%d MB, %d cache: %s", (int) rows[i].usage_mb, (int) rows[i].cache_mb,
                     fake_read(apps, "memory.high"));
    }
    cgrp_sources_free(s);
    fake_free(f);
}

static void test_own_limits_and_kills(void **state) {
    (void) state;
    for (int i = 0; i < 2; i++) {
        struct fake *f = fake_new(trees[i]);
        struct cgrp_sources *s = opened(f, &config);
        struct cgrp_app_source *app = NULL;
        struct cgrp_fact fact;
        int dir = fake_app(f);
        const char *counts = i ? "memory.events" : "memory.oom_control";

        /* A kill of an earlier supervisor's time is no news. */
        fake_write(dir, counts, "oom 9\noom_kill 2\n");
        assert_int_equal(cgrp_sources_add(s, &f->group, 5, &limits, &app, NULL), 0);
        (void) facts(s, 1, CGRP_FACT_LIMIT, NULL);
        assert_true(cgrp_group_oom_kills(&f->group) == 2);

        /* memory_high is what counts, where there is one; on v2 it stays the last threshold. */
        fake_usage(dir, 39 * MB, 0);
        fake_event(f, dir, "memory.events");
        assert_int_equal(facts(s, 1000000, CGRP_FACT_LIMIT, &fact), 1);
        assert_int_equal(fact.slot, 5);
        assert_int_equal(fact.level, CGRP_CRITICAL);
        assert_true(fact.figure[2] == 40 * MB);
        if (i)
            assert_string_equal(fake_read(dir, "memory.high"), "41943040");

        /* v1 tells of OOM before it kills: the later look finds the count. */
        fake_event(f, dir, "memory.events");
        assert_int_equal(facts(s, 2000000, CGRP_FACT_KILLED, NULL), 0);
        fake_write(dir, counts, "low 0\noom_kill 3\n");
        (void) readable(s);
        assert_true(cgrp_sources_due(s) <= 2000000 + CGRP_LOOK_GAP_US);
        assert_int_equal(facts(s, 2000000 + CGRP_LOOK_GAP_US, CGRP_FACT_KILLED, &fact), 1);
        assert_true(fact.slot == 5 && fact.figure[0] == 3);
        assert_int_equal(fact.source, CGRP_SOURCE_KERNEL);
        (void) facts(s, 3000000, CGRP_FACT_KILLED, NULL);
        fake_event(f, dir, "memory.events");
        assert_int_equal(facts(s, 4000000, CGRP_FACT_KILLED, NULL), 0); /* told once */

        /* While it is over its limit a look means it too; else not. */
        (void) facts(s, 5000000, CGRP_FACT_LIMIT, NULL);
        cgrp_sources_look(s);
        assert_int_equal(facts(s, 6000000, CGRP_FACT_LIMIT, NULL), 1);
        fake_usage(dir, 10 * MB, 0);
        cgrp_sources_look(s);
        assert_int_equal(facts(s, 7000000, CGRP_FACT_LIMIT, &fact), 1);
        assert_int_equal(fact.level, 0);
        cgrp_sources_look(s);
        assert_int_equal(facts(s, 8000000, CGRP_FACT_LIMIT, NULL), 0);

        /* Its files go with its group: it is quiet, the rest works. */
        assert_int_equal(unlinkat(dir, "memory.stat", 0), 0);
        fake_event(f, dir, "memory.events");
        assert_int_equal(facts(s, 9000000, CGRP_FACT_LIMIT, NULL), 0);
        assert_int_equal(facts(s, 9500000, CGRP_FACT_LIMIT, NULL), 0);
        assert_null(cgrp_sources_drop(app));
        assert_null(cgrp_sources_drop(NULL));
        cgrp_sources_look(s);
        assert_int_equal(facts(s, 9600000, CGRP_FACT_BUDGET, NULL), 1);
        cgrp_sources_free(s);
        fake_free(f);
    }
}

/* A kill that may have cured it comes before the level. */
static void test_kills_come_first(void **state) {
    (void) state;
    struct fake *f = fake_new(&cgrp_hybrid);
    struct cgrp_sources *s = opened(f, &config);
    struct cgrp_app_source *app = NULL;
    struct cgrp_fact fact;

    assert_int_equal(cgrp_sources_add(s, &f->group, 0, &limits, &app, NULL), 0);
    (void) facts(s, 1, CGRP_FACT_KILLED, NULL);
    fake_usage(fake_apps(f), 100 * MB, 0);
    fake_event(f, fake_apps(f), "");
    fake_write(fake_app(f), "memory.oom_control", "oom_kill 1\n");
    fake_event(f, fake_app(f), "");
    assert_int_equal(cgrp_sources_next(s, 5000000, &fact), 1);
    assert_int_equal(fact.kind, CGRP_FACT_KILLED);
    assert_int_equal(cgrp_sources_next(s, 5000000, &fact), 1);
    assert_int_equal(fact.kind, CGRP_FACT_BUDGET);
    cgrp_sources_free(s); /* with an app still in it */
    fake_free(f);
}

static void test_available_memory_is_read_with_others(void **state) {
    (void) state;
    struct fake *f = fake_new(&cgrp_hybrid);
    struct cgrp_sources *s = opened(f, &config);
    struct cgrp_source_info info[CGRP_SOURCE_INFOS];
    struct cgrp_fact fact;

    assert_int_equal(facts(s, 1, CGRP_FACT_AVAILABLE, &fact), 1);
    assert_true(fact.figure[0] == 500 * 1024 && fact.figure[1] == 1000 * 1024);
    assert_int_equal(fact.level, 0);
    fake_write(f->root.proc_fd, "meminfo", "MemTotal: 1000 kB\nMemAvailable: 39 kB\n");
    assert_int_equal(facts(s, 2, CGRP_FACT_AVAILABLE, NULL), 0);
    fake_event(f, fake_apps(f), "");
    assert_int_equal(facts(s, 5000000, CGRP_FACT_AVAILABLE, &fact), 1);
    assert_int_equal(fact.level, CGRP_CRITICAL);

    static const char *const broken[] = { "", "MemTotal: 1000 kB\n", "MemAvailable: 7 kB\n",
                                          "XMemAvailable: 7 kB\nMemTotal: 9 kB\n",
                                          "MemAvailable: lots kB\nMemTotal: 9 kB\n" };
    for (size_t i = 0; i < sizeof broken / sizeof broken[0]; i++) {
        fake_write(f->root.proc_fd, "meminfo", broken[i]);
        cgrp_sources_look(s);
        assert_int_equal(facts(s, 6000000 + i, CGRP_FACT_AVAILABLE, NULL), 0);
        cgrp_sources_tell(s, info);
        assert_false(info[1].works);
        assert_true(info[1].detail[0]);
    }
    fake_write(f->root.proc_fd, "meminfo", "MemTotal: 1000 kB\nMemAvailable: 100 kB\n");
    cgrp_sources_look(s);
    assert_int_equal(facts(s, 7000000, CGRP_FACT_AVAILABLE, NULL), 1);
    cgrp_sources_tell(s, info);
    assert_true(info[1].works && info[1].last == 7000000);
    cgrp_sources_free(s);
    fake_free(f);
}

/* What is missing is named; the rest works; what comes back is armed again. */
static void test_missing_ones_are_named(void **state) {
    struct cgrp_sources_config none = config;
    struct cgrp_source_info info[CGRP_SOURCE_INFOS];
    (void) state;

    struct fake *f = fake_new(&cgrp_unified);
    int apps = fake_apps(f);
    struct cgrp_app_source *app = NULL;
    struct err e = { 0 };
    fake_usage(apps, 50 * MB, 0);
    assert_int_equal(unlinkat(apps, "memory.max", 0), 0);
    struct cgrp_sources *s = opened(f, &config);
    cgrp_sources_tell(s, info);
    assert_true(info[0].works && info[0].name && strstr(info[0].detail, "cannot set memory.max"));
    for (int i = 2; i <= 3; i++) { /* this PSI is no PSI: its files are missing */
        assert_false(info[i].works);
        assert_non_null(strstr(info[i].detail, "no pressure information"));
    }
    /* The group of all is unreadable for a while. */
    assert_int_equal(renameat(apps, "memory.current", apps, "away"), 0);
    cgrp_sources_look(s);
    assert_int_equal(facts(s, 1, CGRP_FACT_BUDGET, NULL), 0);
    cgrp_sources_tell(s, info);
    assert_false(info[0].works);
    assert_non_null(strstr(info[0].detail, "cannot read what the apps use"));
    assert_int_equal(renameat(apps, "away", apps, "memory.current"), 0);
    cgrp_sources_rearm(s);
    assert_int_equal(facts(s, 2, CGRP_FACT_BUDGET, NULL), 1);
    cgrp_sources_tell(s, info);
    assert_true(info[0].works);

    assert_int_equal(unlinkat(f->group.dir_fd, "memory.events", 0), 0);
    assert_int_equal(cgrp_sources_add(s, &f->group, 0, &limits, &app, &e), 0);
    assert_non_null(strstr(e.text, "memory events cannot be had"));
    cgrp_sources_free(s);
    fake_free(f);

    /* Without a budget there is none, and what an earlier supervisor set is taken off. */
    none.budget = CGRP_NO_LIMIT;
    f = fake_new(&cgrp_unified);
    s = opened(f, &none);
    cgrp_sources_tell(s, info);
    assert_false(info[0].works);
    assert_non_null(strstr(info[0].detail, "no budget is configured"));
    assert_string_equal(fake_read(fake_apps(f), "memory.max"), "max");
    assert_string_equal(fake_read(fake_apps(f), "memory.high"), "max");
    cgrp_sources_free(s);
    fake_free(f);

    f = fake_new(&cgrp_none);
    s = opened(f, &config);
    assert_int_equal(cgrp_sources_add(s, &f->group, 0, &limits, &app, &e), 0);
    assert_non_null(strstr(e.text, "no memory controller"));
    cgrp_sources_run(app, true);
    assert_int_equal(facts(s, 1, CGRP_FACT_AVAILABLE, NULL), 1);
    assert_true(cgrp_group_oom_kills(&f->group) == 0);
    assert_null(cgrp_sources_drop(app));
    cgrp_sources_free(s);
    fake_free(f);
}

static void test_figures_of_a_group(void **state) {
    struct fake *f = fake_new(&cgrp_unified);
    int apps = fake_apps(f);
    uint64_t usage = 77, cache = 78, kills = 79;
    (void) state;

    fake_write(apps, "memory.stat", "anon 5\nfile 100\nshmem 400\n");
    fake_write(apps, "memory.current", "90\n");
    assert_int_equal(cgrp_event_usage(apps, false, &usage, &cache), 0);
    assert_true(usage == 90 && cache == 0); /* read at two instants */
    usage = 77;
    static const char *const broken[] = { "", "file 5\n", "shmem 5\n", "file five\nshmem 5\n",
                                          "filet 5\nshmem 5\n" };
    for (size_t i = 0; i < sizeof broken / sizeof broken[0]; i++) {
        fake_write(apps, "memory.stat", broken[i]);
        assert_true(cgrp_event_usage(apps, false, &usage, &cache) < 0);
        assert_true(usage == 77 && cache == 0);
    }
    fake_write(apps, "memory.events", "oom 5\noom_kill_x 9\n");
    assert_true(cgrp_event_oom_kills(apps, false, &kills) < 0);
    assert_true(kills == 79);
    fake_write(apps, "memory.events", "oom 5\noom_kill 4\noom_group_kill 1\n");
    assert_int_equal(cgrp_event_oom_kills(apps, false, &kills), 0);
    assert_true(kills == 4);
    fake_free(f);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_budget_is_read_when_heard),
        cmocka_unit_test(test_high_follows_the_shares),
        cmocka_unit_test(test_own_limits_and_kills),
        cmocka_unit_test(test_kills_come_first),
        cmocka_unit_test(test_available_memory_is_read_with_others),
        cmocka_unit_test(test_missing_ones_are_named),
        cmocka_unit_test(test_figures_of_a_group),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
