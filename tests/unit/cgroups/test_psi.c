/* SPDX-License-Identifier: MIT */
#include "tests/unit/cgroups/fake_group.h"

#include <errno.h>

#include "cgroups/fact.h"
#include "cgroups/psi.h"
#include "supervisor/base/err.h"

static const char pressure[] = "some avg10=1.20 avg60=0.05 avg300=0.00 total=123456\n"
                               "full avg10=100.00 avg60=0.00 avg300=0.00 total=77\n";

static void test_text_ends_with_its_nul(void **state) {
    static const struct cgrp_psi_want want = { false, 140000, 2000000 };
    char text[CGRP_PSI_TEXT_MAX];
    (void) state;

    memset(text, 'x', sizeof text);
    size_t n = cgrp_psi_text(&want, text);
    assert_int_equal(n, sizeof "some 140000 2000000");
    assert_memory_equal(text, "some 140000 2000000\0x", n + 1);
    const struct cgrp_psi_want most = { true, UINT64_MAX, UINT64_MAX };
    assert_int_equal(cgrp_psi_text(&most, text), 4 + 2 * 21 + 1);
}

static void test_unprivileged_windows(void **state) {
    static const struct {
        uint64_t stall, window, then_stall, then_window;
    } rows[] = {
        { 70000, 1000000, 140000, 2000000 },
        { 70000, 2000000, 70000, 2000000 },
        { 70000, 2000001, 139999, 4000000 },
        { 300000, 3000000, 400000, 4000000 },
        { 500000, 10000000, 500000, 10000000 },
        { 500000, 20000000, 250000, 10000000 },
        { 0, 500000, 0, 2000000 },
    };
    (void) state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const struct cgrp_psi_want want = { true, rows[i].stall, rows[i].window };
        struct cgrp_psi_want w = cgrp_psi_unprivileged(&want);
        assert_true(w.full && w.stall_us == rows[i].then_stall &&
                    w.window_us == rows[i].then_window);
    }
}

static void test_lines(void **state) {
    struct cgrp_psi_line line = { 7, 8 };
    (void) state;

    assert_int_equal(cgrp_psi_parse(pressure, false, &line), 0);
    assert_true(line.avg10 == 120 && line.total_us == 123456);
    assert_int_equal(cgrp_psi_parse(pressure, true, &line), 0);
    assert_true(line.avg10 == 10000 && line.total_us == 77);
    /* Every prefix: a whole line or none, never a number that lacks its end. */
    for (size_t n = 0; n < sizeof pressure - 1; n++) {
        char *cut = strndup(pressure, n);
        for (int full = 0; full <= 1; full++) {
            line = (struct cgrp_psi_line){ 7, 8 };
            int r = cgrp_psi_parse(cut, full, &line);
            if (full || n < strlen(pressure) / 2 - 1) {
                assert_true(r == 0 || r == -ENODATA || r == -EPROTO);
                if (r < 0)
                    assert_true(line.avg10 == 7 && line.total_us == 8);
                else
                    assert_true(!full && line.total_us == 123456);
            }
        }
        free(cut);
    }
    static const char *const broken[] = {
        "some\n",
        "some avg10=1.2 total=3\n",
        "some avg10=x.20 total=3\n",
        "some avg10=1,20 total=3\n",
        "some avg10=1.20\n",
        "some total=3\n",
        "some avg10=1.20 total=lots\n",
        "somewhat avg10=1.20 total=3\n",
    };
    for (size_t i = 0; i < sizeof broken / sizeof broken[0]; i++) {
        line = (struct cgrp_psi_line){ 7, 8 };
        assert_true(cgrp_psi_parse(broken[i], false, &line) < 0);
        assert_true(line.avg10 == 7 && line.total_us == 8);
    }
}

static void put_total(struct fake *f, int total) {
    char text[128];
    (void) snprintf(text, sizeof text, "some avg10=3.00 avg60=0.00 avg300=0.00 total=%d\n", total);
    fake_write(f->dir_fd, "pressure", text);
}

/* The first events may be false ones: then the total has not moved by what was asked. */
static void test_false_events_are_dropped(void **state) {
    static const struct {
        const char *name;
        int total[3], heard[3];
    } rows[] = {
        { "nothing stalled", { 0, 0, 0 }, { 0, 0, 0 } },
        { "less than asked, again and again", { 139999, 139999, 140000 }, { 0, 0, 1 } },
        { "as much as asked", { 140000, 279999, 280000 }, { 1, 0, 1 } },
    };
    (void) state;
    struct fake *f = fake_new(&cgrp_none);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct cgrp_psi psi = { .want = { false, 140000, 2000000 }, .told_total_us = 1000 };
        struct cgrp_psi_line line = { 7, 8 };
        print_message("%s\n", rows[i].name);
        put_total(f, 0);
        psi.fd = openat(f->dir_fd, "pressure", O_RDONLY | O_CLOEXEC);
        for (int k = 0; k < 3; k++) {
            line = (struct cgrp_psi_line){ 7, 8 };
            put_total(f, 1000 + rows[i].total[k]);
            assert_int_equal(cgrp_psi_heard(&psi, &line), rows[i].heard[k]);
            assert_int_equal(line.avg10, rows[i].heard[k] ? 300 : 7);
        }
        cgrp_psi_disarm(&psi);
        assert_int_equal(cgrp_psi_heard(&psi, &line), -EBADF);
    }
    fake_free(f);
}

static void test_what_cannot_be_armed_is_named(void **state) {
    static const struct cgrp_psi_want want = { false, 140000, 2000000 };
    struct cgrp_psi psi = CGRP_PSI_NONE;
    struct err e = { 0 };
    (void) state;

    struct fake *f = fake_new(&cgrp_none);
    assert_int_equal(cgrp_psi_arm(f->dir_fd, "pressure", &want, &psi, &e), -EOPNOTSUPP);
    assert_non_null(strstr(e.text, "not built in, or off"));
    assert_int_equal(psi.fd, -1);
    fake_write(f->dir_fd, "pressure", "nothing of the kind\n");
    assert_true(cgrp_psi_arm(f->dir_fd, "pressure", &want, &psi, &e) < 0);
    assert_int_equal(psi.fd, -1);
    fake_free(f);
}

static void test_shares_and_levels(void **state) {
    static const struct {
        uint32_t permille;
        int held, level;
    } rows[] = {
        { 849, 0, 0 },   { 850, 0, 5 },   { 849, 5, 5 },    { 800, 5, 5 },   { 799, 5, 0 },
        { 919, 0, 5 },   { 920, 0, 10 },  { 870, 10, 10 },  { 869, 10, 5 },  { 869, 15, 5 },
        { 969, 10, 10 }, { 970, 10, 15 }, { 920, 15, 15 },  { 919, 15, 10 }, { 700, 15, 0 },
        { 970, 0, 15 },  { 800, 15, 5 },  { 1000, 15, 15 }, { 0, 15, 0 },    { 1000000, 0, 15 },
    };
    static const struct {
        uint32_t permille;
        int held, level;
    } left[] = {
        { 80, 0, 0 },   { 79, 0, 10 },  { 99, 10, 10 }, { 100, 10, 0 },
        { 40, 10, 10 }, { 39, 10, 15 }, { 59, 15, 15 }, { 60, 15, 10 },
        { 99, 15, 10 }, { 100, 15, 0 }, { 0, 0, 15 },   { 1000, 15, 0 },
    };
    static const struct cgrp_available limits = { { 80, 40 }, { 100, 60 } };
    (void) state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        assert_int_equal(cgrp_level_by_share(rows[i].permille, rows[i].held), rows[i].level);
    for (size_t i = 0; i < sizeof left / sizeof left[0]; i++)
        assert_int_equal(cgrp_level_by_available(left[i].permille, &limits, left[i].held),
                         left[i].level);
    assert_int_equal(cgrp_share(97, 0, 100), 970);
    assert_int_equal(cgrp_share(97, 50, 100), 470);
    assert_int_equal(cgrp_share(50, 97, 100), 0);
    assert_int_equal(cgrp_share(5, 0, 0), 1000000);
    assert_int_equal(cgrp_share(0, 0, 0), 0);
    assert_int_equal(cgrp_share(UINT64_MAX, 0, UINT64_MAX), 1000);
    assert_int_equal(cgrp_share(UINT64_MAX, 0, 1), 1000000);
}

static void test_facts_have_names_and_words(void **state) {
    char buf[160];
    (void) state;

    for (int k = 0; k < CGRP_FACT_COUNT; k++) {
        enum cgrp_fact_kind kind = CGRP_FACT_COUNT, back = CGRP_FACT_COUNT;
        struct cgrp_fact f = { .kind = (enum cgrp_fact_kind) k, .level = 15 };
        kind = f.kind;
        for (int i = 0; i < CGRP_FIGURES; i++)
            f.figure[i] = UINT64_MAX;
        assert_int_equal(cgrp_fact_parse(cgrp_fact_name(kind), &back), 0);
        assert_int_equal(back, kind);
        assert_true((unsigned) cgrp_fact_source(kind) < CGRP_SOURCE_COUNT);
        assert_true(strlen(cgrp_fact_text(&f, buf, sizeof buf)) > 5);
        assert_true(strlen(buf) < sizeof buf - 1); /* nothing was cut */
        assert_null(cgrp_fact_figure(kind, CGRP_FIGURES));
    }
    enum cgrp_fact_kind kind = CGRP_FACT_TEST;
    assert_int_equal(cgrp_fact_parse("weather", &kind), -EINVAL);
    assert_int_equal(kind, CGRP_FACT_TEST);
    assert_string_equal(cgrp_fact_name(CGRP_FACT_COUNT), "?");
    assert_string_equal(cgrp_source_name(CGRP_SOURCE_COUNT), "?");
    struct cgrp_fact f = cgrp_fact_of_share(CGRP_FACT_BUDGET, 99 << 20, 1 << 20, 100 << 20);
    assert_string_equal(cgrp_fact_text(&f, buf, sizeof buf),
                        "98.0% of 100.0M in use, 1.0M of cache that can go not counted");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_text_ends_with_its_nul),
        cmocka_unit_test(test_unprivileged_windows),
        cmocka_unit_test(test_lines),
        cmocka_unit_test(test_false_events_are_dropped),
        cmocka_unit_test(test_what_cannot_be_armed_is_named),
        cmocka_unit_test(test_shares_and_levels),
        cmocka_unit_test(test_facts_have_names_and_words),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
