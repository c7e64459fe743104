/* SPDX-License-Identifier: MIT
 * scale.c - what many apps cost: each operation with few and with many, the daemon's memory, and
 * how often it wakes up while nothing happens. */
#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "supervisor/base/err.h"
#include "supervisor/base/fs.h"
#include "tests/bench/bench.h"

static const char many_in_front[] =
    "[lifecycle]\nsuspend_after=0\ndestroy_after=0\nmax_warm=0\nmax_foreground=1000\n";

enum op { OP_STATUS, OP_LIST, OP_HIDE, OP_SHOW, OP_OPEN, OP_KILL, OP_COUNT };
static const char *const op_names[] = { "Status",     "List, an entry",
                                        "Hide",       "Open of a hidden one",
                                        "Open, cold", "Kill" };

/* A daemon, its apps, and what each operation took. */
struct side {
    struct harness h;
    int registered, running;
    struct bench_samples op[OP_COUNT];
};

static void timed(struct side *s, enum op op, const char *method, const char *id) {
    char name[64], parameters[96] = "{}";
    struct varlink_reply reply;
    struct err e = { 0 };

    (void) snprintf(name, sizeof name, "org.miniprog.Supervisor.%s", method);
    if (id)
        (void) snprintf(parameters, sizeof parameters, "{\"id\":\"%s\"}", id);
    uint64_t t0 = bench_now();
    if (client_call(s->h.client, name, parameters, &reply, &e) < 0)
        fail_msg("%s", e.text);
    uint64_t took = bench_now() - t0;
    if (reply.error)
        fail_msg("%s: %s", method, reply.error);
    varlink_reply_clear(&reply);
    bench_add(&s->op[op], op == OP_LIST ? took / (uint64_t) s->registered : took);
}

static void populate(struct side *s) {
    char id[32];

    bench_start(&s->h, many_in_front);
    for (int i = 0; i < s->registered; i++) {
        bench_id(id, i);
        harness_install(&s->h, &(struct harness_app){ .id = id, .script = "exec sleep 1000000" });
    }
    for (int i = 0; i < s->running; i++) {
        bench_id(id, i);
        harness_ok(&s->h, "Open", "{\"id\":\"%s\"}", id);
    }
}

static void one_round(struct side *s, int round) {
    char id[32];

    bench_id(id, round % s->running);
    bench_settle();
    timed(s, OP_STATUS, "Status", id);
    timed(s, OP_HIDE, "Hide", id);
    timed(s, OP_SHOW, "Open", id);
    timed(s, OP_KILL, "Kill", id);
    bench_settle();
    timed(s, OP_OPEN, "Open", id);
    if (round % 10 == 0)
        timed(s, OP_LIST, "List", NULL);
}

/* Both daemons are there at the same time and take turns: what else happens on the machine, and
 * what its many processes cost anybody, meets both. */
void bench_flat(int rounds) {
    const char *size = getenv("BENCH_REGISTERED");
    int registered = size ? atoi(size) : 2000;
    static struct side few, many;
    char what[64];

    few = (struct side){ .registered = 10, .running = 10 };
    many = (struct side){ .registered = registered, .running = registered / 4 };
    populate(&few);
    populate(&many);
    for (int k = 0; k < rounds; k++) {
        one_round(&few, k);
        one_round(&many, k);
    }
    harness_stop(&few.h);
    harness_stop(&many.h);
    for (int i = 0; i < OP_COUNT; i++) {
        (void) snprintf(what, sizeof what, "%s: %d apps, %d running", op_names[i], registered,
                        registered / 4);
        bench_row_samples(what, &many.op[i], &few.op[i], "<= 1.2 x",
                          "floor: with 10 apps, 10 running");
    }
}

/* --- memory and wake-ups ------------------------------------------------------------------ */

static long status_number(const char *path, const char *name) {
    char buf[8192];
    if (fs_read_into(AT_FDCWD, path, buf, sizeof buf) <= 0)
        return 0;
    const char *at = strstr(buf, name);
    return at ? strtol(at + strlen(name), NULL, 10) : 0;
}

static long rss_kb(const struct harness *h) {
    char path[64];
    (void) snprintf(path, sizeof path, "/proc/%d/status", h->daemon);
    return status_number(path, "VmRSS:");
}

/* How often its threads went to sleep of their own will: once for every wake-up. */
static long wake_ups(const struct harness *h) {
    char path[64], task[384];
    long n = 0;
    struct dirent *ent;

    (void) snprintf(path, sizeof path, "/proc/%d/task", h->daemon);
    DIR *d = opendir(path);
    while (d && (ent = readdir(d)))
        if (ent->d_name[0] != '.') {
            (void) snprintf(task, sizeof task, "%s/%s/status", path, ent->d_name);
            n += status_number(task, "\nvoluntary_ctxt_switches:");
        }
    if (d)
        (void) closedir(d);
    return n;
}

/* What the last suspension left to do is done: nothing happens for half a second, within 20 s. */
static long come_to_rest(const struct harness *h) {
    long now = wake_ups(h), before;
    int tries = 40;

    do {
        before = now;
        (void) poll(NULL, 0, 500);
        now = wake_ups(h);
    } while (now != before && --tries > 0);
    return now;
}

/* Opens the i-th and waits until the one before it, which it hides, is suspended. */
static void open_next(struct harness *h, int i) {
    char id[32];

    bench_id(id, i);
    harness_ok(h, "Open", "{\"id\":\"%s\"}", id);
    if (i == 0)
        return;
    bench_id(id, i - 1);
    harness_wait_state(h, id, "suspended", NULL);
}

void bench_rest(int idle_seconds) {
    static struct harness h;        /* for bench_end() */
    const int first = 2, all = 101; /* the first ones start the threads and bring in their code */

    bench_start(&h, "[lifecycle]\nsuspend_after=20ms\ndestroy_after=0\nmax_warm=0\n");
    bench_row("memory of the daemon, empty", (double) rss_kb(&h) / 1024, 0, "MB", "<= 5", "VmRSS");
    for (int i = 0; i < all; i++)
        bench_install(&h, i);
    for (int i = 0; i < first; i++)
        open_next(&h, i);
    long before = rss_kb(&h);
    for (int i = first; i < all; i++)
        open_next(&h, i);
    bench_row("memory of the daemon, a running app more",
              (double) (rss_kb(&h) - before) / (all - first), 0, "KB", "<= 4",
              "VmRSS, from 2 apps to 101");

    long then = come_to_rest(&h);
    (void) poll(NULL, 0, idle_seconds * 1000);
    bench_row("wake-ups with 100 suspended apps", (double) (wake_ups(&h) - then), 0, "", "0",
              "voluntary switches of all threads");
    harness_stop(&h);
}
