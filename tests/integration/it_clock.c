/* SPDX-License-Identifier: MIT
 * The clock is wrong: 1970, as on a machine without a battery, or 2106, past what 32 bits hold; and
 * it is set while the supervisor runs. Apps start, whatever it says; what is to last a while lasts
 * as long as it would; what was written meanwhile is right again once the clock is.
 * The supervisor, its worker and miniprogctl have app_clock.c's clock. Source: facts/updates.md §6,
 * 4. */
#include <poll.h>
#include <signal.h>
#include <sys/mman.h>
#include <time.h>

#include "supervisor/base/fs.h"
#include "update_kit.h"

#define SECOND INT64_C(1000000)
#define RIGHT  INT64_MIN
#define Y1970  (10 * SECOND)
#define Y2106  ((INT64_C(1) << 32) * SECOND + 10 * SECOND)
#define MONTH  "--expires 30d"

#define CONFIG_CLOCK CONFIG "[memory]\nbudget=64M\npolicy=off\n"

static char folder[32]; /* of the clock, and of the worker's stand-in */
static int64_t *ahead;  /* microseconds */
static char preload[600];

static int64_t real_time(void) {
    struct timespec ts;
    (void) clock_gettime(CLOCK_REALTIME, &ts);
    return ts.tv_sec * SECOND + ts.tv_nsec / 1000;
}

/* From now on it goes on from there. */
static void set_clock(int64_t usec) {
    __atomic_store_n(ahead, usec == RIGHT ? 0 : usec - real_time(), __ATOMIC_SEQ_CST);
}

static const char *build_file(const char *name) {
    static char path[600];
    const char *build = getenv("MINIPROG_BUILD");
    (void) snprintf(path, sizeof path, "%s/%s", build ? build : "build/debug", name);
    return path;
}

/* The supervisor's environment; its workers get one that is made for them, hence the
 * stand-ins. */
static void with_clock(void) {
    char path[64];
    (void) snprintf(path, sizeof path, "%s/clock", folder);
    (void) setenv("MINIPROG_TEST_CLOCK", path, 1);
    (void) setenv("MINIPROG_LIBEXEC", folder, 1);
    (void) setenv("LD_PRELOAD", build_file("tests/integration/app_clock"), 1);
    (void) setenv("ASAN_OPTIONS", "detect_leaks=1:verify_asan_link_order=0", 1);
}

static void write_text(const char *name, const char *text, mode_t mode) {
    char path[64];
    (void) snprintf(path, sizeof path, "%s/%s", folder, name);
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    assert_true(fd >= 0 && fchmod(fd, mode) == 0);
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
    (void) close(fd);
}

static void stand_in(const char *name) {
    char script[2048];
    (void) snprintf(script, sizeof script, "#!/bin/sh\nexport %s\nexec %s \"$@\"\n", preload,
                    build_file(name));
    write_text(name, script, 0755);
}

static int start_clock(void **state) {
    char path[64];

    (void) state;
    (void) strcpy(folder, "/tmp/mp-clock-XXXXXX");
    assert_non_null(mkdtemp(folder));
    assert_int_equal(chmod(folder, 0755), 0);
    write_text("clock", "\0\0\0\0\0\0\0", 0644);
    (void) snprintf(path, sizeof path, "%s/clock", folder);
    int fd = open(path, O_RDWR | O_CLOEXEC);
    assert_int_equal(ftruncate(fd, sizeof *ahead), 0);
    ahead = mmap(NULL, sizeof *ahead, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    assert_true(fd >= 0 && ahead != MAP_FAILED);
    (void) close(fd);
    (void) snprintf(preload, sizeof preload,
                    "MINIPROG_TEST_CLOCK=%s/clock LD_PRELOAD=%s "
                    "ASAN_OPTIONS=detect_leaks=1:verify_asan_link_order=0",
                    folder, build_file("tests/integration/app_clock"));
    stand_in("miniprog-worker");
    stand_in("miniprog-fetch");
    harness_in_child = with_clock;
    return start_with(CONFIG_CLOCK);
}

static int end_clock(void **state) {
    int r = end(state);
    harness_in_child = NULL;
    (void) munmap(ahead, sizeof *ahead);
    (void) fs_remove_tree(AT_FDCWD, folder, NULL);
    return r;
}

/* --- what people see ----------------------------------------------------------------------- */

static int64_t said_at(void) {
    struct varlink_reply reply;
    harness_call(&h, &reply, "Status", ID);
    int64_t at = json_get_int(json_get(reply.parameters, "app"), "since_usec", -1);
    varlink_reply_clear(&reply);
    return at;
}

/* All that is answered can be read, and no span is below nothing. */
static void assert_tells(void) {
    static const char *const looks[] = { "list", "status " ONE, "why " ONE, "memory" };

    assert_true(said_at() > 0);
    for (size_t i = 0; i < sizeof looks / sizeof looks[0]; i++)
        for (int json = 0; json < 2; json++)
            sh("env %s %s --socket %s %s %s >told && ! grep -E '(^|[^0-9a-zA-Z])-[0-9]' told",
               preload, build_file("miniprogctl"), h.control, looks[i], json ? "--json" : "");
}

/* The clock is what it is said to be, to the supervisor too: what comes next is of that time. */
static void assert_clock_is(int64_t usec) {
    harness_ok(&h, "Hide", ID);
    harness_ok(&h, "Open", ID);
    int64_t at = said_at();
    assert_true(at >= usec && at < usec + 3600 * SECOND);
}

/* --- 2106 ---------------------------------------------------------------------------------- */

static void version_one_runs(void) {
    pack(1, NULL);
    publish(1, "1", MONTH);
    install_over_http(1);
    opens_as(1);
    hears("check", -1, NULL);
}

static void next_supervisor(int sig) {
    (void) harness_signal_and_wait(&h, sig);
    harness_restart(&h);
}

static void test_2106(void **state) {
    (void) state;
    version_one_runs();
    pack(2, NULL);
    publish(2, "1 2", MONTH);
    set_clock(Y2106);
    assert_clock_is(Y2106);
    checks(false, -1);
    why_says("stale", "its update index has expired");
    versions(1, -1, -1);
    assert_tells();
    restart();
    opens_as(1);
    next_supervisor(SIGKILL); /* it is adopted */
    harness_assert_state(&h, ONE, "foreground");
    assert_tells();
    next_supervisor(SIGTERM);
    opens_as(1); /* and is checked for, at its start */
    hears("check", -1, NULL);
    assert_true(harness_daemon_said(&h, "its update index has expired"));
    harness_assert_state(&h, ONE, "foreground");
    finish();
}

static void test_after_2106(void **state) {
    (void) state;
    set_clock(Y2106);
    pack(1, NULL);
    publish(1, "1", "--expires 2107-01-01T00:00:00Z");
    install_over_http(1);
    opens_as(1);
    hears("check", -1, NULL);
    pack(2, NULL);
    publish(2, "1 2", MONTH);
    checks(false, -1);
    set_clock(RIGHT);
    assert_clock_is(real_time() - SECOND);
    assert_tells();
    checks(true, 2); /* it has not expired after all */
    hears("ready", 2, NULL);
    restart();
    opens_as(2);
    finish();
}

/* What 2106 has taken to be over does not make it what is believed. */
static void test_what_expires_does_so_again(void **state) {
    (void) state;
    version_one_runs();
    pack(2, NULL);
    publish(2, "1 2", MONTH);
    set_clock(Y2106);
    checks(false, -1);
    set_clock(RIGHT);
    publish(3, "1 2", "--expires 2020-01-01T00:00:00Z");
    checks(false, -1);
    why_says("stale", "its update index has expired");
    versions(1, -1, -1);
    next_supervisor(SIGTERM);
    checks(false, -1);
    versions(1, -1, -1);
    finish();
}

/* --- 1970 ---------------------------------------------------------------------------------- */

static void order(const char *path) {
    harness_ok(&h, "Open", "{\"id\":\"" ONE "\",\"path\":\"%s\"}", path);
}

static void test_1970(void **state) {
    (void) state;
    set_clock(Y1970);
    next_supervisor(SIGTERM);
    pack(1, NULL);
    publish(1, "1", MONTH);
    install_over_http(1);
    opens_as(1);
    hears("check", -1, NULL);
    assert_clock_is(0);
    assert_tells();
    pack(2, NULL);
    publish(2, "1 2", MONTH);
    checks(true, 2);
    hears("ready", 2, NULL);
    restart();
    opens_as(2);
    hears("healthy", 2, NULL);
    next_supervisor(SIGKILL);
    harness_assert_state(&h, ONE, "foreground");
    publish(1, "1", MONTH); /* an older one is no newer for that */
    check_is_refused("downgrade");
    set_clock(RIGHT);
    next_supervisor(SIGTERM);
    pack(3, NULL);
    publish(3, "3", MONTH);
    opens_as(3); /* it seems unused for 56 years, and is checked for first */
    assert_tells();
    finish();
}

/* A machine without a battery gets its time a moment after the start. */
static void test_an_exit_state_lasts_its_day(void **state) {
    static const struct {
        const char *what;
        int64_t saved, opened;
    } rows[] = {
        { "1970, then right", Y1970, RIGHT },
        { "right, then 1970", RIGHT, Y1970 },
        { "right, then 2106", RIGHT, Y2106 },
        { "2106, then right", Y2106, RIGHT },
    };

    (void) state;
    pack(1, NULL);
    publish(1, "1", "--expires 2107-01-01T00:00:00Z");
    install_over_http(1);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char text[32];
        print_message("%s\n", rows[i].what);
        set_clock(rows[i].saved);
        opens_as(1);
        (void) snprintf(text, sizeof text, "!save row%zu", i);
        order(text);
        sh("for i in $(seq 2000); do grep -q row%zu %s/apps/" ONE "/exit_state && exit 0; "
           "sleep 0.01; done; exit 1",
           i, h.state);
        restart();
        set_clock(rows[i].opened);
        opens_as(1);
        order("!info");
        (void) snprintf(text, sizeof text, "state={\"text\":\"row%zu\"}", i);
        harness_wait_log(&h, ONE, text);
        restart();
    }
    finish();
}

/* --- set while it runs ---------------------------------------------------------------------- */

static void test_it_is_set_back(void **state) {
    static const int64_t clocks[] = { Y2106, Y1970, RIGHT };

    (void) state;
    version_one_runs();
    for (size_t i = 0; i < sizeof clocks / sizeof clocks[0]; i++) {
        int64_t t = clocks[i] == RIGHT ? real_time() : clocks[i];
        set_clock(clocks[i]);
        assert_tells(); /* of what was before */
        assert_clock_is(t - SECOND);
        assert_tells();
        next_supervisor(SIGKILL);
        harness_assert_state(&h, ONE, "foreground");
        assert_tells();
    }
    finish();
}

/* When something was last heard of memory, the latest of all; 0: it is not told. */
static int64_t heard_of_memory(void) {
    struct varlink_reply reply;
    int64_t last = 0;

    harness_call(&h, &reply, "Memory", "{}");
    for (const struct json *s = json_first(json_get(reply.parameters, "sources")); s;
         s = json_next(s)) {
        int64_t at = json_get_int(s, "last_usec", 0);
        last = at > last ? at : last;
    }
    varlink_reply_clear(&reply);
    return last;
}

/* Seen before 1970, by a clock that has begun just now: there is no such time to tell of. */
static void test_what_was_before_the_clock(void **state) {
    (void) state;
    int64_t at = 0;

    version_one_runs();
    harness_signal(&h, SIGHUP); /* then it is looked at */
    for (int i = 0; i < HARNESS_PATIENCE_MS && (at = heard_of_memory()) == 0; i++)
        (void) poll(NULL, 0, 1);
    assert_true(at > 0 && at <= real_time());
    set_clock(0);
    assert_true(heard_of_memory() <= 3600 * SECOND);
    finish();
}

/* Neither a check that went well nor one that failed is repeated any sooner; but an app that was
 * not used for 56 years, as it seems, is checked for before it starts. */
static void test_no_more_checks_for_that(void **state) {
    static const struct {
        int64_t clock;
        unsigned checks;
    } rows[] = { { Y2106, 1 }, { Y1970, 0 }, { Y1970 + SECOND, 0 }, { RIGHT, 1 }, { RIGHT, 0 } };

    (void) state;
    version_one_runs();
    for (int failing = 0; failing < 2; failing++) {
        for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
            unsigned before = checks_begun();
            set_clock(rows[i].clock);
            restart();
            opens_as(1);
            assert_int_equal(checks_begun(), before + rows[i].checks);
        }
        sh("echo status 503 >www/behaviour");
        if (!failing)
            check_is_refused("network");
    }
    finish();
}

#define CLOCK(test) cmocka_unit_test_setup_teardown(test, start_clock, end_clock)

int main(void) {
    const struct CMUnitTest tests[] = {
        CLOCK(test_2106),
        CLOCK(test_after_2106),
        CLOCK(test_what_expires_does_so_again),
        CLOCK(test_1970),
        CLOCK(test_an_exit_state_lasts_its_day),
        CLOCK(test_it_is_set_back),
        CLOCK(test_what_was_before_the_clock),
        CLOCK(test_no_more_checks_for_that),
    };
    return cmocka_run_group_tests_name("a wrong clock", tests, NULL, NULL);
}
