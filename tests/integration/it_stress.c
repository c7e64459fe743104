/* SPDX-License-Identifier: MIT
 * miniprog-stress itself: what it writes, what it promises, and that nothing is left of it. */
#include "tests/integration/memory_kit.h"

#include <dirent.h>
#include <errno.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>

#include "supervisor/base/cleanup.h"
#include "supervisor/base/fs.h"
#include "supervisor/base/json.h"

#define PATIENCE_MS 300000
#define FILE_MAX    ((size_t) 64 * 1024 * 1024)
#define FIRST       "org.miniprog.stress.a01"
#define BYSTANDER   "org.example.bystander"

/* The kit's supervisor is for tests that need one that is not the tool's own. */
static char out[32]; /* the tool's results, and what it says in out/said */
static pid_t tool;

/* --- running it --------------------------------------------------------------------------- */

static void start_tool(const char *arguments) {
    char words[512], program[4096], folder[48], said[48];
    char *argv[32] = { program };
    int argc = 1;

    (void) snprintf(program, sizeof program, "%s/miniprog-stress",
                    getenv("MINIPROG_BUILD") ? getenv("MINIPROG_BUILD") : "build/debug");
    (void) snprintf(words, sizeof words, "%s", arguments);
    (void) snprintf(folder, sizeof folder, "--out=%s", out);
    (void) snprintf(said, sizeof said, "%s/said", out);
    for (char *w = strtok(words, " "); w; w = strtok(NULL, " "))
        argv[argc++] = w;
    argv[argc] = folder;
    tool = fork();
    if (tool == 0) {
        int fd = open(said, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
        (void) dup2(fd, 1);
        (void) dup2(fd, 2);
        (void) prctl(PR_SET_PDEATHSIG, SIGTERM);
        execv(program, argv);
        _exit(127);
    }
    assert_true(tool > 0);
}

static char *read_out(const char *name) {
    char path[64];
    char *text = NULL;
    (void) snprintf(path, sizeof path, "%s/%s", out, name);
    return fs_read(AT_FDCWD, path, FILE_MAX, &text, NULL, NULL) == 0 ? text : NULL;
}

/* 128 + N: signal N ended it, which it does not let happen but by SIGKILL. */
static int wait_tool(void) {
    CLEANUP(close_p) int fd = pidfd_open(tool, 0);
    struct pollfd p = { .fd = fd, .events = POLLIN };
    int status = 0;

    if (poll(&p, 1, PATIENCE_MS) <= 0)
        fail_msg("miniprog-stress does not end");
    (void) waitpid(tool, &status, 0);
    tool = 0;
    return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

static void expect_status(int expected) {
    int status = wait_tool();
    CLEANUP(free_p) char *said = read_out("said");
    if (status != expected)
        fail_msg("it ended with %d, not %d, and said:\n%s", status, expected, said ? said : "");
}

static void expect_said(const char *text) {
    CLEANUP(free_p) char *said = read_out("said");
    if (!said || !strstr(said, text))
        fail_msg("'%s' was expected in:\n%s", text, said ? said : "");
}

/* Nothing tells when a line comes into a file of another's: it is looked at again. */
static void wait_out(const char *name, const char *text) {
    for (int i = 0; i < PATIENCE_MS / 10; i++) {
        CLEANUP(free_p) char *has = read_out(name);
        if (has && strstr(has, text))
            return;
        if (waitpid(tool, NULL, WNOHANG) == tool) {
            tool = 0;
            expect_said("it is still running");
        }
        (void) poll(NULL, 0, 10);
    }
    fail_msg("'%s' does not get '%s'", name, text);
}

/* --- what is left ------------------------------------------------------------------------- */

/* "/tmp/mp-stress-XXXXXX" of the tool's own supervisor, from what that said. */
static void own_folder(const char *log, char ret[32]) {
    CLEANUP(free_p) char *said = read_out(log);
    const char *at = said ? strstr(said, "/tmp/mp-stress-") : NULL;
    assert_non_null(at);
    (void) snprintf(ret, 32, "%.*s", (int) strlen("/tmp/mp-stress-XXXXXX"), at);
}

static void assert_no_process_of(const char *folder) {
    DIR *proc = opendir("/proc");
    struct dirent *ent;

    while ((ent = readdir(proc))) {
        char path[300], args[4096];
        (void) snprintf(path, sizeof path, "/proc/%s/cmdline", ent->d_name);
        int fd = open(path, O_RDONLY | O_CLOEXEC);
        ssize_t n = fd < 0 ? 0 : read(fd, args, sizeof args);
        close_p(&fd);
        if (n > 0 && memmem(args, (size_t) n, folder, strlen(folder)))
            fail_msg("process %s of '%s' is left", ent->d_name, folder);
    }
    (void) closedir(proc);
}

/* Neither folder nor process nor group of the tool's own supervisor. */
static void assert_nothing_left(const char *log) {
    CLEANUP(free_p) char *said = read_out(log);
    char folder[32], group[256] = "";

    own_folder(log, folder);
    if (access(folder, F_OK) == 0)
        fail_msg("'%s' is left", folder);
    assert_no_process_of(folder);
    const char *at = strstr(said, " in /sys/");
    if (at && sscanf(at, " in %255[^\n]", group) == 1 && access(group, F_OK) == 0)
        fail_msg("the group '%s' is left", group);
}

static void assert_apps_gone(void) {
    struct varlink_reply reply;
    harness_call(&h, &reply, "List", "{}");
    const struct json *apps = json_get(reply.parameters, "apps");
    for (const struct json *a = json_first(apps); a; a = json_next(a))
        assert_string_equal(json_get_string(a, "id", ""), BYSTANDER);
    assert_int_equal(json_count(apps), 1);
    varlink_reply_clear(&reply);
}

static struct json *summary(void) {
    CLEANUP(free_p) char *text = read_out("summary.json");
    struct json *doc = NULL;
    assert_non_null(text);
    assert_int_equal(json_parse(text, strlen(text), &doc, NULL), 0);
    return doc;
}

/* --- fixtures ----------------------------------------------------------------------------- */

static int set_up(void **state) {
    (void) state;
    (void) snprintf(out, sizeof out, "/tmp/mp-it-XXXXXX");
    return mkdtemp(out) ? 0 : -1;
}

static int set_up_with_supervisor(void **state) {
    harness_start(&h, "[lifecycle]\nsuspend_after=300ms\nmax_warm=0\nstop_timeout=2s\n"
                      "[memory]\nbudget=32M\n");
    harness_install(&h, &(struct harness_app){ .id = BYSTANDER });
    return set_up(state);
}

static int tear_down(void **state) {
    (void) state;
    if (tool > 0) {
        (void) kill(tool, SIGTERM);
        (void) waitpid(tool, NULL, 0);
        tool = 0;
    }
    harness_clean(&h);
    (void) fs_remove_tree(AT_FDCWD, out, NULL);
    return 0;
}

/* Without a supervisor of the test's one is asked. */
static void need_budget(void) {
    bool running = h.daemon > 0;
    if (!running)
        harness_start(&h, NULL);
    bool there = kit_has_memory();
    if (!running || !there)
        harness_stop(&h);
    harness_need("memory", there, "there is no memory controller for a budget");
}

/* --- tests -------------------------------------------------------------------------------- */

static void assert_events_are_json(void) {
    CLEANUP(free_p) char *text = read_out("events.jsonl");
    unsigned n = 0;

    assert_non_null(text);
    for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n"), n++) {
        struct json *doc = NULL;
        assert_int_equal(json_parse(line, strlen(line), &doc, NULL), 0);
        assert_true(json_get_int(doc, "at_usec", 0) > 0);
        json_free(doc);
    }
    assert_true(n > 50);
}

static void assert_samples(unsigned apps) {
    CLEANUP(free_p) char *text = read_out("samples.csv");
    unsigned commas = 0, lines = 0;

    assert_non_null(text);
    for (const char *p = text; *p; p++) {
        commas += *p == ',';
        lines += *p == '\n';
    }
    assert_true(lines > 5);
    assert_int_equal(commas, lines * (12 + 2 * apps));
}

static void assert_page(void) {
    CLEANUP(free_p) char *page = read_out("report.html");

    assert_non_null(page);
    assert_non_null(strstr(page, "The promise held"));
    assert_non_null(strstr(page, "class=\"band foreground"));
    assert_non_null(strstr(page, "class=\"start cold"));
    assert_non_null(strstr(page, "it was</th>")); /* the table of kills */
    assert_null(strstr(page, "http"));
    assert_null(strstr(page, "<script"));
}

/* Twice the budget, with apps of every manner but leaking. Each is a small part of it, a
 * sanitizer's own memory included: a start that takes all that is left at once is the kernel's to
 * end. */
static void test_storm_of_its_own(void **state) {
    (void) state;
    need_budget();
    start_tool("storm --own --apps=16 --size=16M --turns=24 --time=5min --turn=200ms --again=40% "
               "--set=lifecycle.suspend_after=50ms");
    expect_status(0);
    struct json *s = summary();
    const struct json *kills = json_get(s, "kills");
    assert_true(json_get_bool(s, "held", false));
    assert_true(json_get_bool(s, "memory_method", false));
    assert_int_equal(json_get_int(s, "turns", 0), 24);
    assert_true(json_get_int(s, "level", 0) >= 10);
    assert_true(json_get_int(kills, "memory_pressure", 0) > 0);
    assert_int_equal(json_get_int(kills, "front_while_another_lived", -1), 0);
    assert_int_equal(json_get_int(kills, "before_the_last_was_gone", -1), 0);
    assert_int_equal(json_get_int(kills, "unexplained", -1), 0);
    assert_true(json_get_int(json_get(kills, "event_to_sigkill"), "n", 0) > 0);
    assert_true(json_get_int(json_get(s, "cold"), "n", 0) > 0);
    assert_true(json_get_int(json_get(s, "cold"), "p50_us", 0) > 0);
    assert_true(json_get_int(s, "warm_most", 0) >= 2);
    assert_true(json_get_int(s, "warnings", 0) > 0);
    assert_true(json_get_int(s, "current_most", 0) > 8 << 20);
    json_free(s);
    assert_events_are_json();
    assert_samples(16);
    assert_page();
    expect_said("The promise held.");
    assert_nothing_left("miniprogd.log");
}

static void test_leak_ends_and_others_open(void **state) {
    (void) state;
    need_budget();
    start_tool("leak --own --apps=4 --size=8M --turn=150ms --leak=64M --time=5min");
    expect_status(0);
    struct json *s = summary();
    assert_int_equal(json_get_int(s, "turns", 0), 7);
    json_free(s);
    assert_nothing_left("miniprogd.log");
}

/* Little memory is asked for, so nothing was proved: that is not a success. */
static void test_broken_promise(void **state) {
    (void) state;
    start_tool("storm --own --apps=2 --size=1M --budget=1G --turns=3 --turn=50ms");
    expect_status(1);
    expect_said("miniprog-stress: Memory never got short");
    assert_nothing_left("miniprogd.log");
}

static void test_baseline_is_beside_it(void **state) {
    (void) state;
    need_budget();
    start_tool("storm --own --baseline --apps=4 --size=8M --turns=8 --turn=150ms --time=5min "
               "--manners=keep");
    expect_status(0);
    struct json *s = summary();
    const struct json *base = json_get(s, "baseline");
    assert_non_null(base);
    assert_int_equal(json_get_int(json_get(base, "kills"), "memory_pressure", -1), 0);
    json_free(s);
    assert_nothing_left("miniprogd.log");
    assert_nothing_left("baseline/miniprogd.log");
}

static void start_on_harness(const char *arguments) {
    char words[512];
    (void) snprintf(words, sizeof words, "%s --socket=%s", arguments, h.control);
    start_tool(words);
}

static void test_running_supervisor_is_left_as_it_was(void **state) {
    (void) state;
    need_budget();
    start_on_harness("churn --apps=6 --size=8M --turns=20 --turn=100ms --time=5min");
    expect_status(0);
    assert_apps_gone();
    harness_assert_state(&h, BYSTANDER, "stopped");
    harness_stop(&h);
}

static void interrupt_in_the_middle(int sig) {
    start_on_harness("churn --apps=4 --size=4M --turn=50ms --time=1h");
    harness_wait_state(&h, FIRST, "foreground", NULL);
    assert_int_equal(kill(tool, sig), 0);
    assert_int_equal(kill(tool, sig), 0); /* twice: it ends in order all the same */
    expect_status(128 + sig);
    struct json *s = summary();
    assert_true(json_get_bool(s, "interrupted", false));
    json_free(s);
    assert_apps_gone();
}

static void test_interrupted(void **state) {
    (void) state;
    interrupt_in_the_middle(SIGINT);
    interrupt_in_the_middle(SIGTERM);
    harness_stop(&h);
}

static bool is_installed(const char *id) {
    struct varlink_reply reply;
    harness_call(&h, &reply, "Status", "{\"id\":\"%s\"}", id);
    bool there = !reply.error;
    varlink_reply_clear(&reply);
    return there;
}

static void test_interrupted_while_installing(void **state) {
    (void) state;
    start_on_harness("churn --apps=200 --size=1M");
    for (int i = 0; i < HARNESS_PATIENCE_MS && !is_installed(FIRST); i++)
        (void) poll(NULL, 0, 1); /* no event tells of it */
    assert_true(is_installed(FIRST));
    assert_int_equal(kill(tool, SIGTERM), 0);
    expect_status(128 + SIGTERM);
    assert_apps_gone();
    harness_stop(&h);
}

static void test_what_a_killed_run_left(void **state) {
    (void) state;
    start_on_harness("churn --apps=4 --size=4M --turn=50ms --time=1h");
    harness_wait_state(&h, FIRST, "foreground", NULL);
    assert_int_equal(kill(tool, SIGKILL), 0);
    expect_status(-SIGKILL);
    start_on_harness("churn --apps=4 --size=4M"); /* it may be somebody's who is at it */
    expect_status(1);
    expect_said("another run is at it, or was killed");
    assert_true(is_installed(FIRST));
    start_on_harness("--tidy");
    expect_status(0);
    expect_said("4 apps removed");
    assert_apps_gone();
    harness_stop(&h);
}

/* The first child of a process. */
static pid_t child_of(pid_t pid) {
    char path[64], text[64];
    (void) snprintf(path, sizeof path, "/proc/%d/task/%d/children", pid, pid);
    return fs_read_into(AT_FDCWD, path, text, sizeof text) > 0 ? (pid_t) atoi(text) : 0;
}

static void test_own_supervisor_dies(void **state) {
    (void) state;
    start_tool("churn --own --apps=4 --size=4M --turn=50ms --time=1h");
    wait_out("events.jsonl", "\"to\":\"foreground\"");
    pid_t daemon = child_of(tool);
    assert_true(daemon > 0);
    assert_int_equal(kill(daemon, SIGKILL), 0);
    expect_status(1);
    expect_said("The supervisor ended.");
    assert_nothing_left("miniprogd.log"); /* its apps lived on, and are gone, too */
}

static void test_own_supervisor_interrupted(void **state) {
    (void) state;
    start_tool("churn --own --apps=4 --size=4M --turn=50ms --time=1h --manners=deaf,fork");
    wait_out("events.jsonl", "\"to\":\"foreground\"");
    assert_int_equal(kill(tool, SIGINT), 0);
    expect_status(128 + SIGINT);
    assert_nothing_left("miniprogd.log");
}

static void test_wrong_use(void **state) {
    (void) state;
    start_tool("tempest");
    expect_status(2);
    expect_said("there is no scenario 'tempest'");
    start_tool("storm --socket=/tmp/mp-it-nobody");
    expect_status(4);
    start_tool("storm --own --set=memory.budgets=1M");
    expect_status(1);
    expect_said("miniprogd ended at once; see '");
    start_tool("--help");
    expect_status(0);
    expect_said("usage: miniprog-stress");
}

int main(void) {
#define OWN(test)  cmocka_unit_test_setup_teardown(test, set_up, tear_down)
#define WITH(test) cmocka_unit_test_setup_teardown(test, set_up_with_supervisor, tear_down)
    const struct CMUnitTest tests[] = {
        OWN(test_storm_of_its_own),
        OWN(test_leak_ends_and_others_open),
        OWN(test_broken_promise),
        OWN(test_baseline_is_beside_it),
        WITH(test_running_supervisor_is_left_as_it_was),
        WITH(test_interrupted),
        WITH(test_interrupted_while_installing),
        WITH(test_what_a_killed_run_left),
        OWN(test_own_supervisor_dies),
        OWN(test_own_supervisor_interrupted),
        OWN(test_wrong_use),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
