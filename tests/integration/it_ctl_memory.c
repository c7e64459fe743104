/* SPDX-License-Identifier: MIT
 * it_ctl_memory.c - miniprogctl memory on a terminal, into a pipe and from a hostile peer; why
 * --replay. */
#include <errno.h>
#include <fcntl.h>
#include <locale.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/lib/ctl_scene.h"

#define SOURCE_BUDGET                                                                              \
    "{\"name\":\"budget\",\"works\":true,\"threshold\":\"85% is 5\",\"last_usec\":1}"
#define SOURCE_PSI                                                                                 \
    "{\"name\":\"psi_apps\",\"works\":false,\"threshold\":\"some 70ms in 1s is 5\","               \
    "\"detail\":\"no cgroup2\\u001b\"}"
#define APP_SIZES                                                                                  \
    "\"current\":52428800,\"peak\":62914560,\"reclaimed\":1048576,\"warned\":3,\"freed\":0"
#define APP_A "{\"id\":\"org.example.a\",\"state\":\"suspended\"," APP_SIZES ",\"swap\":2097152}"
#define APP_B                                                                                      \
    "{\"id\":\"org.example.b\",\"state\":\"foreground\"," APP_SIZES ",\"resume_usec\":12345}"
#define REPLY(level, budget, more)                                                                 \
    "{\"parameters\":{\"level\":" level ",\"backend\":\"hybrid\",\"total\":8589934592,"            \
    "\"available\":6442450944,\"current\":104857600," budget "\"sources\":[" SOURCE_BUDGET         \
    "," SOURCE_PSI "],\"apps\":[" APP_A "," APP_B "]" more "}}"
#define BUDGET "\"budget\":134217728,"
#define NEXT   ",\"next_victim\":\"org.example.a\""

static struct result play(const char *args, const char *reply, unsigned columns) {
    const char *const replies[] = { reply, NULL };
    return scene_play(&(struct scene){ .args = args, .replies = replies, .columns = columns });
}

static void test_into_a_pipe(void **state) {
    (void) state;
    struct result r = play("memory", REPLY("10", BUDGET, NEXT), 0);
    assert_int_equal(r.status, 0);
    assert_string_equal(r.method, "Memory");
    assert_string_equal(r.out,
                        "level\t10\ntotal\t8589934592\navailable\t6442450944\ncurrent\t104857600\n"
                        "budget\t134217728\nbackend\thybrid\n"
                        "source\tbudget\tworks\t85% is 5\t\n"
                        "source\tpsi_apps\tmissing\tsome 70ms in 1s is 5\tno cgroup2\\x1b\n"
                        "APP\tSTATE\tCURRENT\tPEAK\tSWAP\tRECLAIMED\tWARNED\tFREED\tRESUME\tNEXT\n"
                        "org.example.a\tsuspended\t50.0M\t60.0M\t2.0M\t1.0M\t3\t0B\t-\tnext\n"
                        "org.example.b\tforeground\t50.0M\t60.0M\t-\t1.0M\t3\t0B\t12.3ms\t-\n");
    result_clear(&r);
}

static void test_on_a_terminal(void **state) {
    (void) state;
    struct result r = play("memory --color=never", REPLY("15", BUDGET, NEXT), 120);
    assert_int_equal(r.status, 0);
    assert_has(r.out, "    level  level 15 (critical), hybrid backend\n"
                      "     apps  ███████████████████████░░░░░░░  100.0M of 128.0M  78% of the "
                      "budget, page cache included\n"
                      "  machine  ███████░░░░░░░░░░░░░░░░░░░░░░░  2.0G of 8.0G  25%, 6.0G "
                      "available\n\n");
    assert_has(r.out, "✓ budget      85% is 5  (heard ");
    assert_has(r.out, "✗ psi_apps    some 70ms in 1s is 5\n              no cgroup2\\x1b\n\n");
    assert_has(r.out, "org.example.a  ◌ suspended     50.0M  60.0M  2.0M       1.0M       3     "
                      "0B       -  ◀ next\n");
    assert_has(r.out, "org.example.b  ● foreground    50.0M  60.0M     -       1.0M       3     "
                      "0B  12.3ms");
    result_clear(&r);

    /* Colour says how bad it is. */
    r = play("memory", REPLY("15", BUDGET, NEXT), 120);
    assert_has(r.out, "\033[31mlevel 15 (critical)\033[0m");
    assert_has(r.out, "\033[31m███");
    result_clear(&r);
    r = play("memory", REPLY("0", BUDGET, ""), 120);
    assert_has(r.out, "\033[32m0, enough\033[0m");
    assert_has_not(r.out, "next");
    result_clear(&r);
}

static void test_without_a_budget_and_narrow(void **state) {
    (void) state;
    struct result r = play("memory --color=never", REPLY("0", "", ""), 50);
    assert_has(r.out, "     apps  100.0M, no budget is set\n");
    assert_has_not(r.out, "█");
    char *table = strstr(r.out, "\nAPP");
    assert_non_null(table);
    assert_has_not(table, "WARNED");
    result_clear(&r);
}

static void test_nobody_runs(void **state) {
    (void) state;
    struct result r = play("memory",
                           "{\"parameters\":{\"level\":0,\"backend\":\"none\",\"total\":1,"
                           "\"available\":1,\"current\":0,\"sources\":[],\"apps\":[]}}",
                           80);
    assert_int_equal(r.status, 0);
    assert_has(r.err, "no app is running");
    result_clear(&r);
}

/* The greatest numbers that a peer can say, and members of the wrong kind. */
static void test_hostile_answers(void **state) {
    static const struct {
        const char *reply;
        int status;
    } rows[] = {
        { "{\"parameters\":{\"level\":-7,\"backend\":\"\",\"total\":-9007199254740992,"
          "\"available\":9007199254740992,\"current\":-9007199254740992,"
          "\"budget\":9007199254740992,\"sources\":[],\"apps\":[]}}",
          0 },
        { "{\"parameters\":{\"level\":5,\"backend\":\"\",\"total\":9007199254740992,"
          "\"available\":-9007199254740992,\"current\":9007199254740992,"
          "\"budget\":1,\"sources\":[],\"apps\":[]}}",
          0 },
        { "{\"parameters\":{}}", 1 },
        { "{\"parameters\":{\"level\":0,\"backend\":\"\",\"total\":1,\"available\":1,"
          "\"current\":0,\"sources\":[{}],\"apps\":[]}}",
          1 },
        { "{\"parameters\":{\"level\":0,\"backend\":\"\",\"total\":1,\"available\":1,"
          "\"current\":0,\"sources\":[],\"apps\":[{\"id\":\"a\",\"state\":\"x\"}]}}",
          1 },
    };
    (void) state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        for (unsigned columns = 0; columns <= 80; columns += 80) {
            const char *const replies[] = { rows[i].reply, NULL };
            struct result r = scene_play(&(struct scene){
                .args = "memory", .replies = replies, .hostile = true, .columns = columns });
            if (r.status != rows[i].status)
                fail_msg("%s: %d", rows[i].reply, r.status);
            result_clear(&r);
        }
}

/* ---- why --replay ---- */

static void put_file(const char *path, const char *text) {
    FILE *f = fopen(path, "we");
    assert_non_null(f);
    assert_true(fputs(text, f) >= 0);
    assert_int_equal(fclose(f), 0);
}

static struct result replay(const char *file) {
    static char args[128], libexec[4096];
    const char *build = getenv("MINIPROG_BUILD");
    (void) snprintf(args, sizeof args, "why --replay %s", file);
    char *whole = realpath(build ? build : "build/debug", NULL);
    assert_non_null(whole);
    (void) snprintf(libexec, sizeof libexec, "MINIPROG_LIBEXEC=%s", whole);
    free(whole);
    return scene_play(&(struct scene){ .args = args, .no_call = true, .env = { libexec } });
}

#define TRACE                                                                                      \
    "miniprog-trace 1\napp 0s org.example.a state=suspended idle_since=0s bytes=10M\n"             \
    "fact 9s budget usage=93M cache=0 limit=100M\ndecide 9s\n"

static void test_a_trace_is_replayed(void **state) {
    (void) state;
    char path[64];
    (void) snprintf(path, sizeof path, "/tmp/it-ctl-trace-%d", getpid());
    put_file(path, TRACE);
    struct result r = replay(path);
    assert_int_equal(r.status, 0);
    assert_has(r.out, "  9.000s > level 10 of budget: 93.0% of 100.0M");
    assert_has(r.out, "  9.000s > kill org.example.a at once");
    assert_has(r.out, "  9.000s >   | org.example.a: suspended");
    assert_string_equal(r.err, "");
    result_clear(&r);

    put_file(path, TRACE "> kill somebody else\n");
    r = replay(path);
    assert_int_equal(r.status, 1);
    assert_has(r.out, "! recorded: > kill somebody else");
    assert_has(r.err, "not as recorded");
    result_clear(&r);

    put_file(path, "something else\n");
    r = replay(path);
    assert_int_equal(r.status, 1);
    assert_has(r.err, "line 1: a trace begins with");
    result_clear(&r);

    assert_int_equal(unlink(path), 0);
    r = replay(path);
    assert_int_equal(r.status, 1);
    assert_has(r.err, "No such file or directory");
    result_clear(&r);
}

static void test_why_wants_one_of_both(void **state) {
    (void) state;
    struct result r = scene_play(&(struct scene){ .args = "why", .no_call = true });
    assert_int_equal(r.status, 2);
    assert_has(r.err, "'why' needs more: why ID, or why --replay FILE");
    result_clear(&r);
    r = scene_play(&(struct scene){ .args = "why a --replay b", .no_call = true });
    assert_int_equal(r.status, 2);
    assert_has(r.err, "not both");
    result_clear(&r);
    r = scene_play(&(struct scene){
        .args = "why --replay b", .no_call = true, .env = { "MINIPROG_LIBEXEC=/nowhere" } });
    assert_int_equal(r.status, 1);
    assert_has(r.err, "cannot run '/nowhere/../../sbin/miniprogd': No such file");
    result_clear(&r);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_into_a_pipe),
        cmocka_unit_test(test_on_a_terminal),
        cmocka_unit_test(test_without_a_budget_and_narrow),
        cmocka_unit_test(test_nobody_runs),
        cmocka_unit_test(test_hostile_answers),
        cmocka_unit_test(test_a_trace_is_replayed),
        cmocka_unit_test(test_why_wants_one_of_both),
    };
    (void) setlocale(LC_CTYPE, "C.UTF-8");
    return cmocka_run_group_tests_name("ctl/memory", tests, NULL, NULL);
}
