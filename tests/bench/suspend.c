/* SPDX-License-Identifier: MIT
 * suspend.c - one hundred apps put to sleep, beside a bare loop that sends the same signals. */
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "cgroups/cgroup.h"
#include "supervisor/base/err.h"
#include "supervisor/daemon/spawn.h"
#include "tests/bench/bench.h"

#define APPS 100

static void born(struct cgrp_group *group, pid_t *ret) {
    static const char *const argv[] = { "sleep", "1000000", NULL }, *const env[] = { NULL };
    struct spawn_request req = { .argv = argv,
                                 .envp = env,
                                 .program = "sleep",
                                 .path = "/usr/bin:/bin",
                                 .cwd_fd = AT_FDCWD,
                                 .output_fd = -1 };
    struct spawn_result result;
    struct err e = { 0 };

    req.cwd_fd = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    cgrp_group_join(group, &req.join);
    if (spawn_process(&req, &result, &e) < 0)
        fail_msg("%s", e.text);
    (void) close(req.cwd_fd);
    (void) close(result.pidfd);
    (void) cgrp_group_set_main(group, &(struct cgrp_adopt){ .main_pid = result.pid,
                                                            .main_starttime = result.starttime,
                                                            .uid = (uid_t) -1 });
    *ret = result.pid;
}

/* Leaves the processor to who is measured, for as long as one look at all of them would take. */
static void wait_stopped(const pid_t *pids) {
    uint64_t t0 = bench_now();
    for (int i = 0; i < APPS; i++)
        while (harness_proc_state(pids[i]) != 'T' && usleep(100) == 0)
            if (bench_now() - t0 > UINT64_C(20000000000))
                fail_msg("an app was not stopped in 20 s");
}

void bench_suspend(int rounds) {
    const struct cgrp_config config = { .want = CGRP_AUTO, .suffix = "-bench", .proc = "/proc" };
    const struct cgrp_limits none = { CGRP_NO_LIMIT, CGRP_NO_LIMIT, CGRP_NO_LIMIT, CGRP_NO_LIMIT };
    struct cgrp_root *root = NULL;
    struct cgrp_group *groups[APPS];
    pid_t pids[APPS];
    struct bench_samples ours = { 0 }, floor = { 0 };
    char id[32];

    spawn_init();
    assert_int_equal(cgrp_root_open(&config, &root, NULL), 0);
    for (int i = 0; i < APPS; i++) {
        bench_id(id, i);
        assert_int_equal(cgrp_group_create(root, id, &none, NULL, &groups[i], NULL), 0);
        born(groups[i], &pids[i]);
    }
    for (int k = 0; k < rounds; k++) {
        uint64_t t0 = bench_now();
        for (int i = 0; i < APPS; i++)
            (void) kill(pids[i], SIGSTOP);
        bench_add(&floor, bench_now() - t0);
        wait_stopped(pids);
        for (int i = 0; i < APPS; i++)
            (void) kill(pids[i], SIGCONT);
        t0 = bench_now();
        for (int i = 0; i < APPS; i++)
            (void) cgrp_group_stop(groups[i], CGRP_HOLD_SIGNAL, NULL);
        bench_add(&ours, bench_now() - t0);
        wait_stopped(pids);
        for (int i = 0; i < APPS; i++)
            (void) cgrp_group_continue(groups[i], NULL);
    }
    for (int i = 0; i < APPS; i++) {
        (void) cgrp_group_kill(groups[i], NULL);
        (void) waitpid(pids[i], NULL, 0);
        while (cgrp_group_remove(groups[i], NULL) < 0)
            continue;
    }
    cgrp_root_remove(root);
    cgrp_root_free(root);
    bench_row_samples("suspend 100 apps", &ours, &floor, "<= 4 x",
                      "floor: kill(pid, SIGSTOP) 100 times");
}

/* --- as the daemon does it ---------------------------------------------------------------- */

static uint64_t bare_stops(const pid_t *pids) {
    uint64_t t0 = bench_now();
    for (int i = 0; i < APPS; i++)
        (void) kill(pids[i], SIGSTOP);
    wait_stopped(pids);
    uint64_t took = bench_now() - t0;
    for (int i = 0; i < APPS; i++)
        (void) kill(pids[i], SIGCONT);
    return took;
}

/* All 100 timers are due at once: the daemon is held until they are. */
static uint64_t daemon_stops(struct harness *h, const pid_t *pids) {
    char id[32];

    for (int i = 0; i < APPS; i++) {
        bench_id(id, i);
        harness_ok(h, "Hide", "{\"id\":\"%s\"}", id);
    }
    harness_signal(h, SIGSTOP);
    (void) poll(NULL, 0, 2500);
    uint64_t t0 = bench_now();
    harness_signal(h, SIGCONT);
    wait_stopped(pids);
    uint64_t took = bench_now() - t0;
    for (int i = 0; i < APPS; i++) {
        bench_id(id, i);
        harness_ok(h, "Open", "{\"id\":\"%s\"}", id);
    }
    return took;
}

void bench_suspend_daemon(int rounds) {
    struct bench_samples ours = { 0 }, floor = { 0 };
    static struct harness h; /* for bench_end() */
    pid_t pids[APPS];
    char id[32];

    bench_start(&h, "[lifecycle]\nsuspend_after=2s\ndestroy_after=0\nmax_warm=0\n"
                    "max_foreground=1000\n");
    for (int i = 0; i < APPS; i++) {
        bench_id(id, i);
        harness_install(&h, &(struct harness_app){ .id = id, .script = "exec sleep 1000000" });
        harness_ok(&h, "Open", "{\"id\":\"%s\"}", id);
        pids[i] = harness_pid(&h, id);
    }
    for (int k = 0; k < rounds; k++) {
        bench_settle();
        bench_add(&floor, bare_stops(pids));
        bench_settle();
        bench_add(&ours, daemon_stops(&h, pids));
    }
    harness_stop(&h);
    bench_row_samples("suspend 100 apps, by the daemon's timers", &ours, &floor, "<= 4 x",
                      "floor: the same signals; both to the last one's stop");
}
