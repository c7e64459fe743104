/* SPDX-License-Identifier: MIT
 * A fork bomb as an app: held to pids_max, suspended with forks in flight, resumed, and killed
 * without a survivor, 100 times in a row. Its processes are told by the app's uid. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "tests/lib/census.h"
#include "tests/lib/harness.h"
#include "tests/lib/raw.h"

#define BOMB     "org.example.bomb"
#define GOOD     "org.example.good"
#define PIDS_MAX 64
#define ROUNDS   100

static struct harness h;
static uid_t bomber;

static bool is_many(const struct census *n) {
    return n->all >= PIDS_MAX / 2;
}

static int start(void **state) {
    (void) state;
    char config[256], uids[64];

    harness_need("cgroup2", harness_has_cgroups(), "there is no writable cgroup tree");
    (void) snprintf(config, sizeof config,
                    "[lifecycle]\nsuspend_after=1ms\nstop_timeout=50ms\nmax_foreground=2\n"
                    "[apps]\n%s",
                    census_uids(uids));
    harness_start(&h, config);
    harness_install(
        &h, &(struct harness_app){
                .id = BOMB, .program = "rude", .argument = "bomb", .ours = "\"pids_max\":64" });
    harness_install(&h, &(struct harness_app){ .id = GOOD, .program = "probe" });
    bomber = raw_app_uid(&h, BOMB);
    return 0;
}
static int end(void **state) {
    (void) state;
    harness_clean(&h);
    return 0;
}

/* One life of the bomb; how: Kill or Close. */
static void light_it(int round, const char *how) {
    harness_ok(&h, "Open", "{\"id\":\"" BOMB "\"}");
    (void) census_wait(bomber, is_many, "near its limit");

    harness_ok(&h, "Hide", "{\"id\":\"" BOMB "\"}");
    harness_wait_state(&h, BOMB, "suspended", "timeout");
    (void) census_wait(bomber, census_stopped,
                       "all stopped"); /* forks in flight may still come out stopped */
    harness_ok(&h, "Open", "{\"id\":\"" GOOD "\"}"); /* others live meanwhile */
    struct census n = census_take(bomber);
    harness_ok(&h, "Close", "{\"id\":\"" GOOD "\"}");
    struct census later = census_take(bomber);
    if (n.all > PIDS_MAX || n.going != 0 || later.going != 0 || later.all != n.all)
        fail_msg("round %d: %d processes, %d of them going; later %d and %d", round, n.all, n.going,
                 later.all, later.going);

    if (round % 2 == 0) { /* killed as it goes; else as it is held down */
        harness_ok(&h, "Open", "{\"id\":\"" BOMB "\"}");
        (void) census_wait(bomber, census_going, "all going");
    }
    harness_ok(&h, how, "{\"id\":\"" BOMB "\"}");
    (void) census_wait(bomber, census_none, "all dead");
    harness_assert_state(&h, BOMB, "stopped");
}

static void test_a_hundred_times(void **state) {
    (void) state;
    for (int round = 0; round < ROUNDS; round++)
        light_it(round, round % 10 == 9 ? "Close" : "Kill");
    raw_assert_sound(&h);
    harness_stop(&h);
}

/* Lit while no supervisor runs: the next one has all of it. */
static void test_over_a_restart(void **state) {
    (void) state;
    for (int round = 0; round < 5; round++) {
        harness_ok(&h, "Open", "{\"id\":\"" BOMB "\"}");
        (void) census_wait(bomber, is_many, "near its limit");
        if (round % 2) {
            harness_ok(&h, "Hide", "{\"id\":\"" BOMB "\"}");
            harness_wait_state(&h, BOMB, "suspended", "timeout");
        }
        (void) harness_signal_and_wait(&h, SIGKILL);
        harness_restart(&h);
        if (round % 2 == 0)
            harness_assert_state(&h, BOMB, "foreground");
        else
            (void) census_wait(bomber, census_stopped, "all stopped");
        harness_ok(&h, "Kill", "{\"id\":\"" BOMB "\"}");
        (void) census_wait(bomber, census_none, "all dead");
    }
    raw_assert_sound(&h);
    harness_stop(&h);
}

#define BOMBS(test) cmocka_unit_test_setup_teardown(test, start, end)

int main(void) {
    const struct CMUnitTest tests[] = {
        BOMBS(test_a_hundred_times),
        BOMBS(test_over_a_restart),
    };
    return cmocka_run_group_tests_name("daemon/forkbomb", tests, NULL, NULL);
}
