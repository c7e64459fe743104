/* SPDX-License-Identifier: MIT
 * starts.c - hot and cold starts beside their floors.
 *
 * Hot: Open sent to the app's show handled; floor: SIGCONT, a byte there, a byte back over a
 * socket pair. Cold: Open sent to the app's main; floor: vfork and exec of the same program, plus
 * the folders and limit files of one group. Both floors alternate with what they stand beside, and
 * after the same rest, so that a drift of the machine's speed and cold caches meet both. */
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "cgroups/cgroup.h"
#include "supervisor/base/err.h"
#include "tests/bench/bench.h"

#define SUSPEND_MS 1100 /* a child that may be in flight is looked for in the first second */
static const char quick[] = "[lifecycle]\nsuspend_after=100ms\ndestroy_after=0\nmax_warm=0\n";

static const char *app_path(void) {
    static char path[4096];
    const char *build = getenv("MINIPROG_BUILD");
    (void) snprintf(path, sizeof path, "%s/tests/integration/app_bench",
                    build ? build : "build/release");
    return path;
}

static uint64_t vfork_exec(char *const argv[], pid_t *ret_pid) {
    uint32_t before = bench_clock->mains;
    uint64_t t0 = bench_now();
    pid_t pid = vfork();
    if (pid == 0) {
        execv(app_path(), argv);
        _exit(127);
    }
    bench_wait(&bench_clock->mains, before);
    *ret_pid = pid;
    return bench_clock->main_ns - t0;
}

/* When it was sent. The call is written out before: the floor's byte is there, too. */
static uint64_t send_open(struct harness *h, const char *id) {
    char call[128];
    struct varlink_reply reply;
    struct err e = { 0 };

    int n = snprintf(call, sizeof call,
                     "{\"method\":\"org.miniprog.Supervisor.Open\",\"parameters\":{\"id\":\"%s\"}}",
                     id);
    uint64_t t0 = bench_now();
    assert_int_equal(send(client_fd(h->client), call, (size_t) n + 1, 0), n + 1);
    if (client_receive(h->client, -1, &reply, &e) < 0)
        fail_msg("%s", e.text);
    varlink_reply_clear(&reply);
    return t0;
}

/* --- hot ---------------------------------------------------------------------------------- */

struct echo {
    pid_t pid;
    int fd;
};

static struct echo echo_start(void) {
    int pair[2];
    char number[16];
    struct echo e;

    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
    (void) fcntl(pair[0], F_SETFD, FD_CLOEXEC); /* or its end of file never comes */
    (void) snprintf(number, sizeof number, "%d", pair[1]);
    char *argv[] = { "app_bench", number, NULL };
    (void) vfork_exec(argv, &e.pid);
    (void) close(pair[1]);
    e.fd = pair[0];
    return e;
}

static uint64_t echo_once(struct echo *e) {
    char byte = 'x';
    int status;

    (void) kill(e->pid, SIGSTOP);
    (void) waitpid(e->pid, &status, WUNTRACED);
    (void) poll(NULL, 0, SUSPEND_MS); /* asleep for as long as the app is */
    uint64_t t0 = bench_now();
    (void) kill(e->pid, SIGCONT);
    assert_int_equal(write(e->fd, &byte, 1), 1);
    assert_int_equal(read(e->fd, &byte, 1), 1);
    return bench_now() - t0;
}

static uint64_t hot_once(struct harness *h, const char *id) {
    harness_ok(h, "Hide", "{\"id\":\"%s\"}", id);
    harness_wait_state(h, id, "suspended", NULL);
    (void) poll(NULL, 0, SUSPEND_MS);
    uint32_t before = bench_clock->shows;
    uint64_t t0 = send_open(h, id);
    bench_wait(&bench_clock->shows, before);
    return bench_clock->show_ns - t0;
}

static void hot(struct harness *h, int rounds) {
    struct bench_samples ours = { 0 }, floor = { 0 };
    struct echo e = echo_start();
    char id[32];
    int status;

    bench_id(id, 0);
    harness_ok(h, "Open", "{\"id\":\"%s\"}", id);
    for (int i = 0; i < rounds; i++) {
        bench_add(&floor, echo_once(&e));
        bench_add(&ours, hot_once(h, id));
    }
    harness_ok(h, "Close", "{\"id\":\"%s\"}", id);
    (void) close(e.fd);
    (void) waitpid(e.pid, &status, 0);
    bench_row_samples("hot start, Open sent to show handled", &ours, &floor, "<= 1.5 x",
                      "floor: SIGCONT and a byte each way");
}

/* --- cold --------------------------------------------------------------------------------- */

static uint64_t cold_once(struct harness *h, const char *id) {
    uint32_t before = bench_clock->mains;
    uint64_t t0 = send_open(h, id);
    bench_wait(&bench_clock->mains, before);
    uint64_t took = bench_clock->main_ns - t0;
    harness_ok(h, "Kill", "{\"id\":\"%s\"}", id);
    return took;
}

static uint64_t spawn_once(void) {
    int status;
    pid_t pid;
    char *argv[] = { "app_bench", NULL };
    uint64_t took = vfork_exec(argv, &pid); /* it finds no supervisor and ends */
    (void) waitpid(pid, &status, 0);
    return took;
}

struct bare_group {
    char parent[4][256]; /* the folders that the backend makes one group in */
    int n;
};

static void parent_of(int fd, struct bare_group *g, bool is_file) {
    char link[64], *slash;
    (void) snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t n = readlink(link, g->parent[g->n], sizeof g->parent[0] - 1);
    assert_true(n > 0);
    g->parent[g->n][n] = '\0';
    for (int up = is_file ? 2 : 1; up > 0; up--)
        if ((slash = strrchr(g->parent[g->n], '/')))
            *slash = '\0';
    g->n++;
}

/* Where the backend puts its groups, learned from one. */
static struct cgrp_root *find_places(struct bare_group *g) {
    const struct cgrp_config config = { .want = CGRP_AUTO, .suffix = "-bench", .proc = "/proc" };
    const struct cgrp_limits none = { CGRP_NO_LIMIT, CGRP_NO_LIMIT, CGRP_NO_LIMIT, CGRP_NO_LIMIT };
    struct cgrp_root *root = NULL;
    struct cgrp_group *group = NULL;
    struct cgrp_join join;

    if (cgrp_root_open(&config, &root, NULL) < 0)
        return NULL;
    if (cgrp_group_create(root, "place", &none, NULL, &group, NULL) == 0) {
        cgrp_group_join(group, &join);
        if (join.into_fd >= 0)
            parent_of(join.into_fd, g, false);
        for (int i = 0; i < join.n; i++)
            parent_of(join.tasks_fd[i], g, true);
        (void) cgrp_group_remove(group, NULL);
    }
    return root;
}

/* What the backend does for the bench's app, which has no limit but the default pids_max. */
static uint64_t bare_group_once(const struct bare_group *g) {
    char path[320];
    uint64_t t0 = bench_now();

    for (int i = 0; i < g->n; i++) {
        (void) snprintf(path, sizeof path, "%s/bare", g->parent[i]);
        (void) mkdir(path, 0755);
        (void) snprintf(path, sizeof path, "%s/bare/pids.max", g->parent[i]);
        int fd = open(path, O_WRONLY | O_CLOEXEC);
        if (fd < 0)
            continue;
        (void) !write(fd, "256", 3);
        (void) close(fd);
    }
    uint64_t took = bench_now() - t0;
    for (int i = 0; i < g->n; i++) {
        (void) snprintf(path, sizeof path, "%s/bare", g->parent[i]);
        (void) rmdir(path);
    }
    return took;
}

static void cold(struct harness *h, int rounds) {
    struct bench_samples ours = { 0 }, spawn = { 0 }, group = { 0 };
    struct bare_group places = { .n = 0 };
    struct cgrp_root *root = find_places(&places);
    char id[32];

    bench_id(id, 0);
    for (int i = 0; i < rounds; i++) {
        bench_settle();
        bench_add(&spawn, spawn_once());
        bench_settle();
        bench_add(&group, bare_group_once(&places));
        bench_settle();
        bench_add(&ours, cold_once(h, id));
    }
    if (root) {
        cgrp_root_remove(root);
        cgrp_root_free(root);
    }
    char note[96];
    double s = bench_median_us(&spawn), g = bench_median_us(&group);
    (void) snprintf(note, sizeof note, "floor: vfork and exec %.0f us + one group %.0f us", s, g);
    /* The group is no part of the ratio: it is taken from ours. */
    uint64_t one_group = (uint64_t) (g * 1000);
    for (size_t i = 0; i < ours.n; i++)
        ours.ns[i] = ours.ns[i] > one_group ? ours.ns[i] - one_group : 0;
    bench_row_samples("cold start, Open sent to main, less the group", &ours, &spawn, "<= 1.3 x",
                      note);
    bench_clear(&group);
}

void bench_starts(int rounds) {
    static struct harness h; /* for bench_end() */
    bench_start(&h, quick);
    bench_install(&h, 0);
    cold(&h, rounds);
    hot(&h, rounds > 30 ? 30 : rounds);
    harness_stop(&h);
}
