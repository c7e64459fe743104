/* SPDX-License-Identifier: MIT
 * it_ctl_view.c - miniprogctl: what list, status, watch, logs and why look like, on a terminal and
 * into a pipe. */
#include <locale.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <wchar.h>

#include <cmocka.h>

#include "tests/lib/ctl_scene.h"

#define CLOCK                                                                                      \
    "{\"id\":\"org.example.clock\",\"name\":\"时钟\",\"version_code\":3,\"version_name\":\"1.2." \
    "0\","                                                                                         \
    "\"state\":\"foreground\",\"pid\":1234,\"since_usec\":1,\"cold_starts\":1,\"hot_starts\":4,"   \
    "\"memory_current\":12582912,\"memory_peak\":20971520,\"memory_swap\":0,"                      \
    "\"pending_version\":4,\"previous_version\":2,\"trial\":1,\"dialog\":3,\"last_exit\":{"        \
    "\"reason\":\"crashed\",\"signal\":11,\"at_usec\":1748786531123456,\"message\":\"It "          \
    "crashed\"}}"
#define EVIL                                                                                       \
    "{\"id\":\"org.evil\",\"name\":\"a\\u001b[2J\\tb\\n\",\"version_code\":1,"                     \
    "\"version_name\":\"\",\"state\":\"suspended\",\"pid\":5,\"since_usec\":1,"                    \
    "\"cold_starts\":0,\"hot_starts\":0}"
#define DIALOG(cancel, no)                                                                         \
    "{\"dialog\":3,\"app_id\":\"org.example.clock\",\"title\":\"Update\",\"content\":\"Now?\","    \
    "\"show_cancel\":" cancel ",\"confirm_text\":\"OK\",\"cancel_text\":\"" no "\"}"
/* 2025-06-01 14:02:11.123 UTC */
#define AT             "\"seq\":1,\"at_usec\":1748786531123456,"
#define EVENT(members) "{\"continues\":true,\"parameters\":{\"event\":{" AT members "}}}"
#define OF_CLOCK(type, members)                                                                    \
    EVENT("\"type\":\"" type "\",\"app_id\":\"org.example.clock\"," members)

static const char *const list[] = { "{\"parameters\":{\"apps\":[" CLOCK "," EVIL "]}}", NULL };
static const char *const empty[] = { "{\"parameters\":{\"apps\":[]}}", NULL };

/* ---- list ---- */

static void test_list_into_a_pipe(void **state) {
    struct result r = scene_play(&(struct scene){ .args = "list", .replies = list });

    (void) state;
    assert_has(r.out, "ID\tNAME\tVERSION\tSTATE\tPID\tMEM\tAGE\tSTARTS\tLAST EXIT\n"
                      "org.example.clock\t时钟\t1.2.0\tforeground\t1234\t12.0M\t");
    assert_has(r.out, "d\t1/4\tcrashed\n"
                      "org.evil\ta\\x1b[2J\\tb\\n\t1\tsuspended\t5\t-\t");
    assert_null(strchr(r.out, '\033'));
    assert_string_equal(r.err, "");
    result_clear(&r);
}

static void test_list_on_a_terminal(void **state) {
    struct result r =
        scene_play(&(struct scene){ .args = "list", .replies = list, .columns = 120 });

    (void) state;
    assert_has(r.out, "\033[2mID\033[0m                 \033[2mNAME\033[0m           ");
    assert_has(r.out, "org.example.clock  时钟           \033[2m1.2.0\033[0m    "
                      "\033[32m● foreground\033[0m  1234  12.0M  ");
    assert_has(r.out, "org.evil           a\\x1b[2J\\tb\\n  \033[2m1\033[0m        "
                      "\033[34m◌ suspended\033[0m      5      -  ");
    assert_has(r.out, "\033[31mcrashed ");
    result_clear(&r);
}

static void test_list_fits_a_narrow_terminal(void **state) {
    (void) state;
    for (unsigned width = 30; width <= 130; width += 5) {
        struct result r = scene_play(
            &(struct scene){ .args = "list --color=never", .replies = list, .columns = width });
        char *rest = r.out, *line;

        assert_null(strchr(r.out, '\033'));
        assert_has(r.out, "foreground");
        while ((line = strsep(&rest, "\n"))) {
            wchar_t wide[256];
            assert_true(mbstowcs(wide, line, 256) < 256);
            assert_in_range(wcswidth(wide, 256), 0, width);
        }
        result_clear(&r);
    }
}

static void test_when_there_is_colour(void **state) {
    static const struct {
        const char *args, *env;
        unsigned columns;
        int coloured;
    } rows[] = {
        { "list", NULL, 80, 1 },
        { "list", "NO_COLOR=1", 80, 0 },
        { "list", "NO_COLOR=", 80, 1 },
        { "list", "TERM=dumb", 80, 0 },
        { "list --color=never", NULL, 80, 0 },
        { "list --color=always", "NO_COLOR=1", 80, 1 },
        { "list", NULL, 0, 0 },
        { "list --color=always", "COLUMNS=80", 0, 1 },
        { "list --json", NULL, 80, 0 },
    };

    (void) state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct result r = scene_play(&(struct scene){ .args = rows[i].args,
                                                      .replies = list,
                                                      .env = { rows[i].env },
                                                      .columns = rows[i].columns });
        assert_int_equal(r.status, 0);
        if ((strchr(r.out, '\033') != NULL) != rows[i].coloured)
            fail_msg("row %zu: %s", i, r.out);
        result_clear(&r);
    }
}

/* Containers seldom set a locale, and their terminals are UTF-8 all the same. */
static void test_the_c_locale_is_taken_for_utf8(void **state) {
    struct result r = scene_play(
        &(struct scene){ .args = "list", .replies = list, .columns = 120, .env = { "LC_ALL=C" } });

    (void) state;
    assert_has(r.out, "org.example.clock  时钟           \033[2m1.2.0");
    assert_has(r.out, "● foreground");
    result_clear(&r);
}

static void test_an_empty_list_says_what_to_do(void **state) {
    struct result r = scene_play(&(struct scene){ .args = "list", .replies = empty });

    (void) state;
    assert_int_equal(r.status, 0);
    assert_string_equal(r.out, "ID\tNAME\tVERSION\tSTATE\tPID\tMEM\tAGE\tSTARTS\tLAST EXIT\n");
    assert_has(r.err, "install one with: miniprogctl install FOLDER --unsigned\n");
    result_clear(&r);
    r = scene_play(&(struct scene){ .args = "list", .replies = empty, .columns = 80 });
    assert_string_equal(r.out, "");
    result_clear(&r);
}

/* ---- status ---- */

static void test_status_is_a_card(void **state) {
    static const char *const replies[] = { "{\"parameters\":{\"app\":" CLOCK "}}", NULL };
    struct result r =
        scene_play(&(struct scene){ .args = "status org.example.clock", .replies = replies });

    (void) state;
    assert_has(r.out, "● org.example.clock — 时钟\n"
                      "       State: foreground since 1970-01-01 00:00:00 (");
    assert_has(r.out, "     Process: 1234\n"
                      "     Version: 1.2.0 (3), on trial: 1 try left\n"
                      "     Pending: version 4, from the next cold start on\n"
                      "    Previous: version 2\n"
                      "      Starts: 1 cold, 4 hot\n"
                      "      Memory: 12.0M, 20.0M peak\n"
                      "      Dialog: 3 waits; answer with: miniprogctl answer 3 yes|no\n"
                      "   Last exit: crashed by SIGSEGV at 2025-06-01 14:02:11 (");
    assert_has(r.out, "              It crashed\n");
    result_clear(&r);
}

static void test_ages_in_one_unit(void **state) {
    static const struct {
        long ago;
        const char *text;
    } rows[] = { { -100, "\t0s\t" },
                 { 5 * 60 + 30, "\t5min\t" },
                 { 3 * 3600, "\t3h\t" },
                 { 47 * 3600, "\t47h\t" },
                 { 50 * 3600, "\t2d\t" } };

    (void) state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char reply[512];
        const char *const replies[] = { reply, NULL };
        struct result r;

        (void) snprintf(reply, sizeof reply,
                        "{\"parameters\":{\"apps\":[{\"id\":\"a\",\"name\":\"\",\"version_code\":1,"
                        "\"version_name\":\"\",\"state\":\"stopped\",\"cold_starts\":0,"
                        "\"hot_starts\":0,\"since_usec\":%ld000000}]}}",
                        (long) time(NULL) - rows[i].ago);
        r = scene_play(&(struct scene){ .args = "list", .replies = replies });
        assert_has(r.out, rows[i].text);
        result_clear(&r);
    }
}

/* ---- watch ---- */

static const struct {
    const char *reply, *line; /* after "14:02:11.123  " */
} events[] = {
    { EVENT("\"type\":\"snapshot\",\"snapshot\":{\"apps\":[" CLOCK "," EVIL
            "],\"dialogs\":[" DIALOG("true", "No") "]}"),
      "org.example.clock  ● foreground  时钟 1.2.0  pid 1234  12.0M\n"
      "14:02:11.123  org.evil           ◌ suspended   a\\x1b[2J\\tb\\n   pid 5\n"
      "14:02:11.123  org.example.clock  dialog 3: Update — Now?; answer with: miniprogctl answer 3 "
      "yes|no (OK|No)\n" },
    { OF_CLOCK("state", "\"state\":{\"from\":\"background\",\"to\":\"suspended\",\"cause\":"
                        "\"timeout\"}"),
      "org.example.clock  background → ◌ suspended (timeout)\n" },
    { OF_CLOCK("exit", "\"exit\":{\"reason\":\"crashed\",\"signal\":9,\"at_usec\":1,\"message\":"
                       "\"It crashed\"}"),
      "org.example.clock  ended: crashed by SIGKILL — It crashed\n" },
    { OF_CLOCK("exit", "\"exit\":{\"reason\":\"crashed\",\"status\":3,\"at_usec\":1,\"message\":"
                       "\"\"}"),
      "org.example.clock  ended: crashed with status 3\n" },
    { OF_CLOCK("exit", "\"exit\":{\"reason\":\"odd\",\"signal\":4000,\"at_usec\":1,\"message\":"
                       "\"\"}"),
      "org.example.clock  ended: odd by signal 4000\n" },
    { EVENT("\"type\":\"memory\",\"memory\":{\"level\":10,\"source\":\"budget\",\"figures\":{"
            "\"usage\":503316480,\"share_permille\":937,\"idle_usec\":1500000,\"pids\":3}}"),
      "—                  memory: level 10 (low) by budget  usage 480.0M, share 93.7%, idle 1.5s, "
      "pids 3\n" },
    { OF_CLOCK("warned", "\"warned\":{\"level\":5,\"source\":\"suspend\",\"freed\":1048576}"),
      "org.example.clock  warned: level 5 (moderate) by suspend, freed 1.0M\n" },
    { OF_CLOCK("decision",
               "\"decision\":{\"at_usec\":1,\"action\":\"kill\",\"level\":15,\"source\":"
               "\"system\",\"text\":\"idle longest\",\"figures\":{},\"candidates\":[]}"),
      "org.example.clock  kill: idle longest, level 15 (critical) by system\n" },
    { OF_CLOCK("update", "\"update\":{\"phase\":\"download\",\"version_code\":4,\"bytes\":1024,"
                         "\"total\":2048}"),
      "org.example.clock  update: download, version 4, 1.0K of 2.0K\n" },
    { OF_CLOCK("update", "\"update\":{\"phase\":\"failed\",\"reason\":\"hash\"}"),
      "org.example.clock  update: failed — hash\n" },
    { OF_CLOCK("dialog", "\"dialog\":" DIALOG("false", "")),
      "org.example.clock  dialog 3: Update — Now?; answer with: miniprogctl answer 3 yes (OK)\n" },
    { OF_CLOCK("dialog_closed", "\"dialog_closed\":{\"dialog\":3,\"cause\":\"answered\"}"),
      "org.example.clock  dialog 3 is closed (answered)\n" },
    { OF_CLOCK("page", "\"page\":{\"path\":\"pages/a\",\"data\":{\"n\":1}}"),
      "org.example.clock  page pages/a  {\"n\":1}\n" },
    { OF_CLOCK("host_update", "\"host_update\":{\"reason\":\"platform\"}"),
      "org.example.clock  needs a newer host: platform\n" },
};

#define N_EVENTS (sizeof events / sizeof *events)

static void test_watch_is_one_line_an_event(void **state) {
    const char *replies[N_EVENTS + 1] = { NULL };
    struct scene s = { .args = "watch",
                       .replies = replies,
                       .stay = true,
                       .until = "needs a newer",
                       .then = SCENE_INTERRUPT };
    struct result r;

    (void) state;
    for (size_t i = 0; i < N_EVENTS; i++)
        replies[i] = events[i].reply;
    r = scene_play(&s);
    assert_int_equal(r.status, 0);
    assert_string_equal(r.err, "");
    for (size_t i = 0; i < N_EVENTS; i++) {
        char line[1024];
        (void) snprintf(line, sizeof line, "14:02:11.123  %s", events[i].line);
        assert_has(r.out, line);
    }
    result_clear(&r);
}

static void test_watch_on_a_terminal_is_coloured(void **state) {
    const char *const replies[] = { events[0].reply, events[1].reply, NULL };
    struct scene s = { .args = "watch",
                       .replies = replies,
                       .stay = true,
                       .until = "timeout",
                       .then = SCENE_INTERRUPT,
                       .columns = 100 };
    struct result r = scene_play(&s);

    (void) state;
    assert_int_equal(r.status, 0);
    assert_has(r.out, "\033[2m— watching; Ctrl-C ends it\033[0m\n");
    assert_has(r.out,
               "\033[2m14:02:11.123\033[0m  \033[1morg.example.clock\033[0m  "
               "\033[36mbackground\033[0m → \033[34m◌ suspended\033[0m\033[2m (timeout)\033[0m\n");
    assert_has_not(r.out, "\033[2J");
    result_clear(&r);
}

static void test_watch_shows_what_it_does_not_know(void **state) {
    static const char *const replies[] = {
        "{\"parameters\":{\"event\":{" AT
        "\"type\":\"eclipse\",\"app_id\":\"a\",\"eclipse\":{\"of\":"
        "\"\\u001b\"},\"state\":7}}}",
        NULL
    };
    struct result r =
        scene_play(&(struct scene){ .args = "watch", .replies = replies, .hostile = true });

    (void) state;
    assert_int_equal(r.status, 0);
    assert_string_equal(r.out, "14:02:11.123  a  eclipse  {\"of\":\"\\u001b\"}\n");
    result_clear(&r);
}

/* ---- logs and why ---- */

static void test_log_lines_cannot_steer_the_terminal(void **state) {
    static const char *const replies[] = {
        "{\"continues\":true,\"parameters\":{\"line\":\"\\u001b]0;owned\\u0007 \xc2\x9b"
        "31m时\"}}",
        "{\"parameters\":{\"line\":\"end\"}}", NULL
    };
    for (unsigned columns = 0; columns <= 80; columns += 80) {
        struct result r =
            scene_play(&(struct scene){ .args = "logs a", .replies = replies, .columns = columns });
        assert_int_equal(r.status, 0);
        assert_string_equal(r.out, "\\x1b]0;owned\\x07 \\x9b31m时\nend\n");
        result_clear(&r);
    }
    (void) state;
}

static void test_an_empty_log_is_no_line(void **state) {
    static const char *const none[] = { "{\"parameters\":{\"line\":\"\"}}", NULL };
    static const char *const two[] = { "{\"continues\":true,\"parameters\":{\"line\":\"\"}}",
                                       "{\"parameters\":{\"line\":\"\"}}", NULL };
    struct result r = scene_play(&(struct scene){ .args = "logs a", .replies = none });

    (void) state;
    assert_int_equal(r.status, 0);
    assert_string_equal(r.out, "");
    result_clear(&r);
    r = scene_play(&(struct scene){ .args = "logs a", .replies = two });
    assert_string_equal(r.out, "\n\n");
    result_clear(&r);
}

static void test_why_has_the_newest_last(void **state) {
    static const char *const replies[] = {
        "{\"parameters\":{\"decisions\":["
        "{\"at_usec\":1748786531123456,\"action\":\"kill\",\"level\":10,\"source\":\"system\","
        "\"text\":\"b was idle longest\",\"figures\":{\"available\":41943040},\"candidates\":["
        "{\"id\":\"b\",\"text\":\"idle 64s\"},{\"id\":\"c\",\"text\":\"idle "
        "2s\"}],\"freed\":1048576},"
        "{\"at_usec\":1748786530000000,\"action\":\"warn\",\"text\":\"memory is short\","
        "\"figures\":{},\"candidates\":[]}]}}",
        NULL
    };
    struct result r = scene_play(&(struct scene){ .args = "why b", .replies = replies });

    (void) state;
    assert_string_equal(r.out, "2025-06-01 14:02:10  warn\n"
                               "    memory is short\n"
                               "2025-06-01 14:02:11  kill  level 10 (low)  by system  freed 1.0M\n"
                               "    b was idle longest\n"
                               "    available 40.0M\n"
                               "        b  idle 64s\n"
                               "        c  idle 2s\n");
    result_clear(&r);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_list_into_a_pipe),
        cmocka_unit_test(test_list_on_a_terminal),
        cmocka_unit_test(test_list_fits_a_narrow_terminal),
        cmocka_unit_test(test_when_there_is_colour),
        cmocka_unit_test(test_the_c_locale_is_taken_for_utf8),
        cmocka_unit_test(test_an_empty_list_says_what_to_do),
        cmocka_unit_test(test_status_is_a_card),
        cmocka_unit_test(test_ages_in_one_unit),
        cmocka_unit_test(test_watch_is_one_line_an_event),
        cmocka_unit_test(test_watch_on_a_terminal_is_coloured),
        cmocka_unit_test(test_watch_shows_what_it_does_not_know),
        cmocka_unit_test(test_log_lines_cannot_steer_the_terminal),
        cmocka_unit_test(test_an_empty_log_is_no_line),
        cmocka_unit_test(test_why_has_the_newest_last),
    };
    (void) setlocale(LC_CTYPE, "C.UTF-8");
    return cmocka_run_group_tests(tests, NULL, NULL);
}
