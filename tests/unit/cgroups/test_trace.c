/* SPDX-License-Identifier: MIT
 * The recorded traces are the policy's tests: each says what is to be decided, and why. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cgroups/trace.h"
#include "supervisor/base/err.h"
#include "supervisor/base/fs.h"
#include "supervisor/base/str.h"

static const char *folder(void) {
    static char path[512];
    const char *source = getenv("MINIPROG_SOURCE");

    (void) snprintf(path, sizeof path, "%s/tests/unit/cgroups/traces", source ? source : ".");
    return path;
}

/* Runs a text; the result of the first line that fails. */
static int replay(const char *text, struct str *out, unsigned *ret_differs, struct err *e) {
    struct cgrp_replay *r = NULL;
    char *copy = strdup(text), *rest = copy, *line;
    int x = 0;

    assert_int_equal(cgrp_replay_new(&r), 0);
    while (x == 0 && (line = strsep(&rest, "\n")))
        x = cgrp_replay_line(r, line, out, e);
    if (x == 0)
        x = cgrp_replay_end(r, out, ret_differs, e);
    assert_null(cgrp_replay_free(r));
    free(copy);
    return x;
}

/* Each trace in the folder, by name; its text is the callee's. */
static void each_trace(void (*run)(const char *name, const char *text)) {
    DIR *dir = opendir(folder());
    const struct dirent *d;
    int n = 0;

    if (!dir)
        fail_msg("no folder %s (MINIPROG_SOURCE names the source tree)", folder());
    while ((d = readdir(dir))) {
        char *text = NULL;
        if (d->d_name[0] == '.')
            continue;
        assert_int_equal(fs_read(dirfd(dir), d->d_name, 1 << 20, &text, NULL, NULL), 0);
        run(d->d_name, text);
        free(text);
        n++;
    }
    closedir(dir);
    assert_true(n >= 14);
}

static void decides_as_recorded(const char *name, const char *text) {
    struct str out = STR_INIT(1 << 20);
    unsigned differs = 99;
    struct err e = { 0 };

    if (replay(text, &out, &differs, &e) < 0)
        fail_msg("%s: %s", name, e.text);
    if (differs)
        fail_msg("%s: %u decisions differ:\n%s", name, differs, str_text(&out));
    str_clear(&out);
}

static void test_every_trace_decides_as_recorded(void **state) {
    (void) state;
    each_trace(decides_as_recorded);
}

/* Any cut of a line is a line that is taken or refused, never more than that. */
static void survives_every_prefix(const char *name, const char *text) {
    char *copy = strdup(text), *rest = copy, *line;
    struct cgrp_replay *r = NULL;
    struct str out = STR_INIT(1 << 20);

    (void) name;
    assert_int_equal(cgrp_replay_new(&r), 0);
    while ((line = strsep(&rest, "\n"))) {
        for (size_t n = strlen(line); n-- > 0 && line[0] != '>';) {
            char *cut = strndup(line, n);
            struct err e = { 0 };
            int x = cgrp_replay_line(r, cut, &out, &e);
            assert_true(x == 0 || (x == -EINVAL && e.text[0]));
            free(cut);
        }
        (void) cgrp_replay_line(r, line, &out, NULL);
        str_reset(&out);
    }
    cgrp_replay_free(r);
    str_clear(&out);
    free(copy);
}

static void test_prefixes(void **state) {
    (void) state;
    each_trace(survives_every_prefix);
}

#define HEAD "miniprog-trace 1\napp 0 a.b state=suspended idle_since=0 bytes=10M\n"
#define FULL "fact 9s budget usage=93M cache=0 limit=100M\ndecide 9s\n"

static void test_differences_are_shown(void **state) {
    (void) state;
    struct str out = STR_INIT(1 << 20);
    unsigned differs = 0;

    /* A decision that was recorded otherwise, and some that were not recorded at all. */
    assert_int_equal(replay(HEAD FULL "> level 10 of budget: another text\n", &out, &differs, NULL),
                     0);
    assert_true(differs >= 2);
    assert_non_null(strstr(out.data, "! recorded: > level 10 of budget: another text"));
    assert_non_null(strstr(out.data, "! now:      > level 10 of budget: 93.0% of 100.0M"));
    assert_non_null(strstr(out.data, "! not recorded: > kill a.b at once"));

    /* One that is not made. */
    str_reset(&out);
    assert_int_equal(replay(HEAD "decide 1s\n> kill a.b\n", &out, &differs, NULL), 0);
    assert_int_equal(differs, 1);
    assert_non_null(strstr(out.data, "! now:      nothing"));

    /* A trace without decisions has none that differ. */
    str_reset(&out);
    assert_int_equal(replay(HEAD FULL, &out, &differs, NULL), 0);
    assert_int_equal(differs, 0);
    assert_non_null(strstr(out.data, "  9.000s > kill a.b at once"));
    str_clear(&out);
}

static void test_wrong_lines_are_named(void **state) {
    static const struct {
        const char *text, *says;
    } rows[] = {
        { "", "empty" },
        { "# only a comment\n", "empty" },
        { "miniprog-trace 2\n", "line 1: a trace begins with" },
        { "decide 1s\n", "line 1" },
        { HEAD "dance 1s a.b\n", "line 3: no such line: 'dance'" },
        { HEAD "decide soon\n", "line 3: no time" },
        { HEAD "decide infinity\n", "line 3: no time" },
        { HEAD "fact 1s\n", "too few words" },
        { HEAD "fact 1s weather sun=1\n", "no such fact: 'weather'" },
        { HEAD "fact 1s budget usage=lots\n", "not a number or size: 'lots'" },
        { HEAD "fact 1s budget level=7\n", "a level is 0, 5, 10 or 15" },
        { HEAD "fact 1s limit usage=1\n", "no app in this fact" },
        { HEAD "fact 1s limit x.y usage=1\n", "no such app: 'x.y'" },
        { HEAD "empty 1s x.y\n", "no such app: 'x.y'" },
        { HEAD "admit 1s a.b\n", "not a size" },
        { HEAD "app 1s c.d idle_since=0\n", "no state of the new app" },
        { HEAD "app 1s c.d state=happy\n", "no such state: 'happy'" },
        { HEAD "app 1s c.d state=none\n", "no such state: 'none'" },
        { HEAD "app 1s c.d state=suspended idle_since=yesterday\n", "not a time: 'yesterday'" },
        { HEAD "app 1s c.d state=suspended stuck=so\n", "neither yes nor no: 'so'" },
        { HEAD "config off=perhaps\n", "neither yes nor no: 'perhaps'" },
        { HEAD "x 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24\n", "too many" },
    };
    (void) state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct str out = STR_INIT(1 << 20);
        struct err e = { 0 };
        unsigned differs = 77;
        if (replay(rows[i].text, &out, &differs, &e) != -EINVAL || !strstr(e.text, rows[i].says))
            fail_msg("'%s': '%s' lacks '%s'", rows[i].text, e.text, rows[i].says);
        assert_int_equal(differs, 77);
        str_clear(&out);
    }
}

static void test_hostile_lines(void **state) {
    (void) state;
    struct cgrp_replay *r = NULL;
    struct str out = STR_INIT(1 << 20), small = STR_INIT(8);
    char *big = malloc(100000), id[400];
    struct err e = { 0 };

    assert_int_equal(cgrp_replay_new(&r), 0);
    assert_int_equal(cgrp_replay_line(r, "miniprog-trace 1", &out, &e), 0);
    memset(big, 'x', 99999);
    big[99999] = '\0';
    assert_int_equal(cgrp_replay_line(r, big, &out, &e), -EINVAL);
    (void) snprintf(id, sizeof id, "app 0 %.300s state=suspended", big);
    assert_int_equal(cgrp_replay_line(r, id, &out, &e), -EINVAL);
    assert_non_null(strstr(e.text, "too long an id"));
    /* Figures beyond all reason, and times that run backwards. */
    static const char *const odd[] = {
        "app 9s a.b state=suspended idle_since=9000s bytes=18446744073709551615",
        "app 9s c.d state=starting idle_since=0 bytes=18446744073709551615",
        "admit 9s c.d 18446744073709551615",
        "fact 9s budget usage=18446744073709551615 cache=0 limit=1",
        "fact 9s budget usage=18446744073709551615 cache=0 limit=0",
        "fact 9s available available=0 total=0",
        "fact 9s psi_system level=15 window_us=18446744073709551615",
        "decide 9s",
        "fact 1s psi_apps level=10 window_us=0",
        "decide 1s",
        "fact 1s killed a.b oom_kills=18446744073709551615",
        "decide 0",
    };
    for (size_t i = 0; i < sizeof odd / sizeof odd[0]; i++)
        assert_int_equal(cgrp_replay_line(r, odd[i], &out, &e), 0);
    assert_int_equal(cgrp_replay_line(r, "decide 18446744073709s", &out, &e), 0);
    assert_int_equal(cgrp_replay_line(r, "config off=no", &small, &e), -EMSGSIZE);
    cgrp_replay_free(r);
    assert_null(cgrp_replay_free(NULL));
    free(big);
    str_clear(&out);
    str_clear(&small);
}

/* What is written is read back as what it was. */
static void test_what_is_written_is_what_was(void **state) {
    (void) state;
    const struct cgrp_policy_config config = {
        .available = { .enter = { 80, 40 }, .leave = { 100, 60 } },
        .alarm_count = 3,
        .alarm_window = 7000000,
    };
    struct cgrp_policy p;
    struct cgrp_app app[3] = {
        { .id = "org.example.a", .state = CGRP_APP_SUSPENDED, .idle_since = 5, .bytes = 64 << 20 },
        { .state = CGRP_APP_NONE },
        { .id = "org.example.b", .state = CGRP_APP_FOREGROUND, .bytes = 9 << 20 },
    };
    struct cgrp_table t = { app, 3 };
    struct str text = STR_INIT(1 << 20), out = STR_INIT(1 << 20);
    uint64_t now = 3000000;
    unsigned differs = 99;
    struct err e = { 0 };

    cgrp_policy_init(&p, &config);
    cgrp_trace_begin(&text, &config);
    for (int i = 0; i < 3; i++)
        if (app[i].state != CGRP_APP_NONE)
            cgrp_trace_app(&text, now, &app[i]);
    for (int round = 0; round < 4; round++) {
        struct cgrp_fact f =
            cgrp_fact_of_share(CGRP_FACT_BUDGET, (round < 2 ? 98 : 20) << 20, 0, 100 << 20);
        struct cgrp_fact own = cgrp_fact_of_share(CGRP_FACT_LIMIT, 99 << 20, 1 << 20, 100 << 20);
        struct cgrp_fact gone = own;
        struct cgrp_action a;
        own.slot = 2;
        gone.slot = 1; /* its app has ended: passed over, and not written */
        own.at = f.at = gone.at = now;
        cgrp_policy_fact(&p, &t, &f, now);
        cgrp_trace_fact(&text, &t, &f);
        cgrp_policy_fact(&p, &t, &own, now);
        cgrp_trace_fact(&text, &t, &own);
        cgrp_trace_fact(&text, &t, &gone);
        if (round == 2) {
            cgrp_trace_empty(&text, now, "org.example.a");
            assert_true(cgrp_policy_empty(&p, &t, 0, now, NULL));
            cgrp_trace_reclaimed(&text, now);
            cgrp_policy_reclaimed(&p, &t);
        }
        cgrp_trace_decide(&text, now);
        while (cgrp_policy_next(&p, &t, now, &a) > 0)
            cgrp_trace_action(&text, &t, now, &a);
        now += 1000000;
    }
    assert_int_equal(str_error(&text), 0);
    assert_non_null(strstr(text.data, "> kill org.example.a at once"));
    assert_non_null(strstr(text.data, ">   | org.example.a: suspended"));
    if (replay(text.data, &out, &differs, &e) < 0 || differs)
        fail_msg("%s\n%s\n%s", e.text, text.data, str_text(&out));
    str_clear(&text);
    str_clear(&out);
}

/* From the middle on it decides the same as without the interruption. */
static void test_snapshot_goes_on_alike(void **state) {
    (void) state;
    const struct cgrp_policy_config config = { .alarm_count = 2, .alarm_window = 5000000 };
    struct cgrp_policy p;
    struct cgrp_app app[4] = {
        { .id = "org.example.a", .state = CGRP_APP_SUSPENDED, .bytes = 64 << 20 },
        { .id = "org.example.b", .state = CGRP_APP_SUSPENDED, .bytes = 32 << 20 },
        { .id = "org.example.c", .state = CGRP_APP_STARTING },
        { .id = "org.example.d", .state = CGRP_APP_FOREGROUND, .bytes = 20 << 20 },
    };
    struct cgrp_table t = { app, 4 };
    struct str text = STR_INIT(1 << 20), out = STR_INIT(1 << 20);
    struct cgrp_fact f = cgrp_fact_of_share(CGRP_FACT_BUDGET, 93 << 20, 0, 100 << 20);
    struct cgrp_action a;
    uint64_t now = 60000000;
    unsigned differs = 99;

    cgrp_policy_init(&p, &config);
    f.at = now;
    cgrp_policy_fact(&p, &t, &f, now);
    cgrp_policy_admit(&p, &t, 2, 50 << 20, now);
    while (cgrp_policy_next(&p, &t, now, &a) > 0)
        ;
    assert_true(app[0].kill.at == now);
    /* Of the same level: what was told stays what the level is about. */
    f = cgrp_fact_of_share(CGRP_FACT_BUDGET, 94 << 20, 1 << 20, 100 << 20);
    f.at = now;
    cgrp_policy_fact(&p, &t, &f, now);

    cgrp_trace_snapshot(&text, &p, &t, now);
    /* Stuck, and the next one is taken. */
    f.at = now += CGRP_STUCK_US;
    cgrp_policy_fact(&p, &t, &f, now);
    cgrp_trace_fact(&text, &t, &f);
    cgrp_trace_decide(&text, now);
    while (cgrp_policy_next(&p, &t, now, &a) > 0)
        cgrp_trace_action(&text, &t, now, &a);
    assert_true(app[0].kill.stuck && app[1].kill.at == now);
    assert_non_null(strstr(text.data, "> org.example.d freed 0B after a warning of level 10"));
    assert_int_equal(replay(text.data, &out, &differs, NULL), 0);
    if (differs)
        fail_msg("%s", str_text(&out));
    assert_non_null(strstr(out.data, "s > kill org.example.b at once"));
    assert_non_null(strstr(out.data, "> org.example.a was killed and has not gone"));
    str_clear(&text);
    str_clear(&out);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_trace_decides_as_recorded),
        cmocka_unit_test(test_prefixes),
        cmocka_unit_test(test_differences_are_shown),
        cmocka_unit_test(test_wrong_lines_are_named),
        cmocka_unit_test(test_hostile_lines),
        cmocka_unit_test(test_what_is_written_is_what_was),
        cmocka_unit_test(test_snapshot_goes_on_alike),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
