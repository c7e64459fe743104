/* SPDX-License-Identifier: MIT
 * peers.c - the same program started and stopped by runit, s6, supervisord and miniprogd, each by
 * its own command, in turns.
 *
 * Start: the command is spawned to the program's main. Stop: the command is spawned to the end of
 * the process (SIGTERM, which the program does not handle). peers.sh has started the supervisors,
 * each in a folder of its name. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/bench/bench.h"

/* runit and s6 start a service at most once a second. Source: runsv(8), s6-supervise(8). */
#define REST_MS 1200

extern char **environ;

static char where[3][256]; /* a peer's folder, or configuration */
static char ctl[4096], control[256];
static const char id[] = "org.bench.peer";

static struct peer {
    const char *name;
    const char *start[6], *stop[6];
    const char *note;
    bool there;
    struct bench_samples started, stopped;
} peers[] = {
    { "miniprogd, miniprogctl open and kill",
      { ctl, "--socket", control, "open", id },
      { ctl, "--socket", control, "kill", id },
      "a group, a uid, sockets and a log of its own",
      .there = true },
    { "miniprogd, miniprogctl open and close",
      { ctl, "--socket", control, "open", id },
      { ctl, "--socket", control, "close", id },
      "",
      .there = true },
    { "runit, sv up and down",
      { "sv", "up", where[0] },
      { "sv", "down", where[0] },
      "fork, exec",
      .there = false },
    { "s6, s6-svc -u and -d",
      { "s6-svc", "-u", where[1] },
      { "s6-svc", "-d", where[1] },
      "fork, exec",
      .there = false },
    { "supervisord, supervisorctl start and stop",
      { "supervisorctl", "-c", where[2], "start", "bench" },
      { "supervisorctl", "-c", where[2], "stop", "bench" },
      "its command is a Python program",
      .there = false },
};
#define PEERS (sizeof peers / sizeof peers[0])

static pid_t command(const char *const argv[]) {
    posix_spawn_file_actions_t quiet;
    pid_t pid;

    (void) posix_spawn_file_actions_init(&quiet);
    (void) posix_spawn_file_actions_addopen(&quiet, 1, "/dev/null", O_WRONLY, 0);
    if (posix_spawnp(&pid, argv[0], &quiet, NULL, (char *const *) argv, environ) != 0)
        fail_msg("cannot run '%s'", argv[0]);
    (void) posix_spawn_file_actions_destroy(&quiet);
    return pid;
}

static uint64_t start_once(const struct peer *p) {
    uint32_t before = bench_clock->mains;
    uint64_t t0 = bench_now();
    pid_t asks = command(p->start);

    bench_wait(&bench_clock->mains, before);
    uint64_t took = bench_clock->main_ns - t0;
    (void) waitpid(asks, NULL, 0);
    return took;
}

static uint64_t stop_once(const struct peer *p) {
    int pidfd = pidfd_open((pid_t) bench_clock->pid, 0);
    struct pollfd gone = { .fd = pidfd, .events = POLLIN };

    assert_true(pidfd >= 0);
    uint64_t t0 = bench_now();
    pid_t asks = command(p->stop);
    if (poll(&gone, 1, 10000) != 1)
        fail_msg("%s: it did not stop in 10 s", p->name);
    uint64_t took = bench_now() - t0;
    (void) waitpid(asks, NULL, 0);
    (void) close(pidfd);
    return took;
}

static void print_peers(const char *path) {
    FILE *json = fopen(path, "w");

    (void) printf("%-44s %14s %14s   %s\n", "what", "start to main", "stop to end", "note");
    if (json)
        (void) fputs("[", json);
    for (size_t i = 0; i < PEERS; i++) {
        struct peer *p = &peers[i];
        if (!p->there) {
            (void) printf("%-44s %14s %14s   not installed\n", p->name, "-", "-");
            continue;
        }
        double started = bench_median_us(&p->started), stopped = bench_median_us(&p->stopped);
        (void) printf("%-44s %11.0f us %11.0f us   %s\n", p->name, started, stopped, p->note);
        if (json)
            (void) fprintf(json, "%s\n  {\"what\":\"%s\",\"start_us\":%.1f,\"stop_us\":%.1f}",
                           i ? "," : "", p->name, started, stopped);
        bench_clear(&p->started);
        bench_clear(&p->stopped);
    }
    if (json) {
        (void) fputs("\n]\n", json);
        (void) fclose(json);
        (void) printf("The same as JSON: %s\n", path);
    }
}

static void find_peers(const char *folder) {
    static const char *const places[] = { "runit", "s6", "supervisord.conf" };

    for (size_t i = 0; i < 3; i++) {
        (void) snprintf(where[i], sizeof where[i], "%s/%s", folder, places[i]);
        peers[2 + i].there = access(where[i], F_OK) == 0;
    }
}

void bench_peers(const char *folder, int rounds) {
    const char *build = getenv("MINIPROG_BUILD");
    char ours[160], path[4096];
    static struct harness h; /* for bench_end() */

    find_peers(folder);
    bench_start(&h, "[lifecycle]\nsuspend_after=0\n");
    (void) snprintf(ctl, sizeof ctl, "%s/miniprogctl", build ? build : ".");
    (void) snprintf(control, sizeof control, "%s", h.control);
    (void) snprintf(ours, sizeof ours,
                    "\"environment\":{\"BENCH_CLOCK\":\"%s\",\"BENCH_REST\":\"1\"}",
                    bench_clock_path);
    harness_install(&h, &(struct harness_app){ .id = id, .program = "bench", .ours = ours });
    for (int k = 0; k < rounds; k++) {
        (void) poll(NULL, 0, REST_MS);
        for (size_t i = 0; i < PEERS; i++) {
            struct peer *p = &peers[(i + (size_t) k) % PEERS];
            if (!p->there)
                continue;
            bench_settle();
            bench_add(&p->started, start_once(p));
            bench_settle();
            bench_add(&p->stopped, stop_once(p));
        }
    }
    harness_stop(&h);
    (void) snprintf(path, sizeof path, "%s/bench-peers.json", build ? build : ".");
    print_peers(path);
}
