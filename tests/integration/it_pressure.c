/* SPDX-License-Identifier: MIT
 * A program that is not ours and knows only systemd's memory pressure protocol: Debian 13's
 * sd_event_add_memory_pressure(), unchanged, as an app of the real supervisor. */
#include "tests/integration/memory_kit.h"

#include "supervisor/base/cleanup.h"
#include "supervisor/base/fs.h"

#define MANIFEST                                                                                   \
    "{\"app_id\":\"" A "\",\"name\":\"Stranger\",\"version\":{\"code\":1},"                        \
    "\"miniprog\":{\"exec\":[\"bin/run\",\"40\"]}}"
#define CONFIG                                                                                     \
    "[lifecycle]\nsuspend_after=0\nmax_foreground=2\nstop_timeout=2s\n[memory]\n" KIT_BUDGET

static char made[4096]; /* by stranger.sh; kept for the next run */

static int set_up(void **state) {
    (void) state;
    char command[8192];
    const char *source = getenv("MINIPROG_SOURCE") ? getenv("MINIPROG_SOURCE") : ".";

    (void) snprintf(made, sizeof made, "%s/build/stranger", source);
    (void) snprintf(command, sizeof command, "sh '%s/tests/integration/stranger.sh' '%s'", source,
                    made);
    int status = system(command);
    if (WIFEXITED(status) && WEXITSTATUS(status) == 77)
        made[0] = '\0';
    else if (status != 0)
        return -1;
    return 0;
}

static void install_stranger(void) {
    char folder[64], command[8192], path[96];

    (void) snprintf(folder, sizeof folder, "%s/stranger", h.packages);
    (void) snprintf(command, sizeof command, "cp -R '%s' '%s'", made, folder);
    assert_int_equal(system(command), 0);
    (void) snprintf(path, sizeof path, "%s/manifest.json", folder);
    assert_int_equal(
        fs_replace(AT_FDCWD, path, MANIFEST, strlen(MANIFEST), 0644, FS_VOLATILE, NULL), 0);
    harness_ok(&h, "Install", "{\"source\":\"%s\",\"unsigned\":true}", folder);
}

static void fill_cache(pid_t pid, int number) {
    char text[32];
    (void) snprintf(text, sizeof text, "cache %d: 40 MB", number);
    assert_int_equal(kill(pid, SIGUSR1), 0);
    harness_wait_log(&h, A, text);
}

static void fill_and_warn(pid_t pid, int level, int number) {
    char text[32];
    (void) snprintf(text, sizeof text, "pressure %d: 40 MB freed", number);
    fill_cache(pid, number);
    harness_ok(&h, "Warn", "{\"level\":%d}", level);
    harness_wait_log(&h, A, text);
}

/* The next measurement of that source: all that the cache was. */
static void wait_freed(int from, const char *source) {
    do
        from = tape_wait_from(from + 1, "warned", A, source);
    while (tape.told[from].freed < 0);
    assert_in_range(tape.told[from].freed, 39 * MB, 42 * MB);
}

static void test_a_program_of_debian_13_hears_and_frees(void **state) {
    (void) state;
    harness_need("stranger", made[0], "no program of Debian 13 could be made, see above");
    kit_start(CONFIG);
    install_stranger();
    open_app(A);
    /* Its own $MEMORY_PRESSURE_WRITE comes back by the FIFO: libsystemd hears one event at the
     * start that nobody sent. */
    harness_wait_log(&h, A, "pressure 1: 40 MB freed");
    pid_t pid = harness_pid(&h, A);

    /* At each level; it tells none from another. */
    for (int i = 1; i <= 3; i++)
        fill_and_warn(pid, 5 * i, i + 1);

    /* The supervisor's death is no event to it, nor is the next one. */
    tape_end();
    assert_true(WIFSIGNALED(harness_signal_and_wait(&h, SIGKILL)));
    harness_restart(&h);
    tape_begin();
    assert_int_equal(harness_pid(&h, A), pid);
    fill_and_warn(pid, 15, 5);
    wait_freed(0, "test");

    /* And real pressure: what it gives back is measured. */
    fill_cache(pid, 6);
    hog(C, "20,lies");
    harness_assert_state(&h, A, "foreground");
    order_done(C, "!take %d", (int) ((KIT_MODERATE - memory_number(NULL, "current")) / MB));
    harness_wait_log(&h, A, "pressure 6: 40 MB freed");
    wait_freed(0, "budget");
    (void) tape_wait_level(tape_wait_level(0, 5), 0); /* that was enough */
    harness_assert_state(&h, A, "foreground");
    assert_int_equal(harness_pid(&h, A), pid);
    assert_int_equal(tape_count("decision", NULL, "kill"), 0);
    kit_stop();
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(test_a_program_of_debian_13_hears_and_frees, kit_end),
    };
    return cmocka_run_group_tests_name("daemon/pressure", tests, set_up, NULL);
}
