/* SPDX-License-Identifier: MIT
 * main.c - miniprog-stress-app: a mini-program that holds memory, and its manners when asked for
 * it. miniprog-stress makes packages of it; run by hand it works too, and hears nothing.
 *
 * It tells the stress tool what only it can know by pages that it reports: "stress/show" when it
 * was in front and when its memory was there again, "stress/freed" what it gave back. */
#include <errno.h>
#include <getopt.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "miniprog.h"
#include "supervisor/base/parse.h"
#include "tests/stress/app/set.h"

#define FORKS_WHEN_ENDED 16
#define SECOND           UINT64_C(1000000)

static struct {
    uint64_t size, touch_us, leak;
    uint32_t cached, random, free, grow; /* permille */
    bool forks, deaf;

    struct set set;
    uint64_t grown;   /* what it takes beyond its size, by leaking or growing */
    uint64_t touched; /* when */
    bool whole;       /* nothing was freed since it was last shown */
} app;

static uint64_t now_us(void) {
    struct timespec ts;

    (void) clock_gettime(CLOCK_MONOTONIC, &ts);
    return (uint64_t) ts.tv_sec * SECOND + (uint64_t) ts.tv_nsec / 1000;
}

/* Runs on until it is killed, never as the same process: who kills or stops by pid comes late. */
static void fork_on(void) {
    const struct timespec nap = { .tv_nsec = 2000000 };

    (void) signal(SIGTERM, SIG_IGN);
    for (;;) {
        (void) nanosleep(&nap, NULL);
        if (fork() > 0)
            _exit(0);
    }
}

static void start_forking(void) {
    if (fork() == 0)
        fork_on();
}

static void on_show(struct miniprog *m, const struct miniprog_launch *l, void *data) {
    uint64_t shown = now_us();
    char json[160];

    (void) data;
    if (!app.whole) /* what was freed is loaded again, as caches are */
        set_grow(&app.set, app.size + app.grown);
    app.whole = true;
    set_touch(&app.set);
    app.touched = now_us();
    unsigned long turn = strncmp(l->path, "turn-", 5) == 0 ? strtoul(l->path + 5, NULL, 10) : 0;
    (void) snprintf(json, sizeof json, "{\"turn\":%lu,\"shown_us\":%llu,\"whole_us\":%llu}", turn,
                    (unsigned long long) shown, (unsigned long long) app.touched);
    (void) miniprog_report_page(m, "stress/show", json, NULL, NULL);
}

static void on_warning(struct miniprog *m, int level, const char *source, void *data) {
    char json[96];

    (void) source;
    (void) data;
    if (app.grow) {
        app.grown += app.size * app.grow / 1000;
        set_grow(&app.set, app.size + app.grown);
        return;
    }
    if (!app.free)
        return;
    uint64_t freed = set_shrink(&app.set, app.free);
    app.whole = false;
    (void) snprintf(json, sizeof json, "{\"level\":%d,\"freed\":%llu}", level,
                    (unsigned long long) freed);
    (void) miniprog_report_page(m, "stress/freed", json, NULL, NULL);
}

static void on_unload(struct miniprog *m, const char *reason, uint64_t timeout_usec, void *data) {
    (void) m;
    (void) reason;
    (void) timeout_usec;
    (void) data;
    if (!app.forks)
        exit(0);
    for (int i = 0; i < FORKS_WHEN_ENDED; i++)
        start_forking();
}

/* Every so often while it runs: stopped processes do not get here. */
static void tick(void) {
    uint64_t now = now_us(), since = now - app.touched;

    if (since < app.touch_us)
        return;
    if (since > SECOND) /* it was stopped meanwhile, and did not leak then */
        since = SECOND;
    app.grown += app.leak * since / SECOND;
    if (app.leak)
        set_grow(&app.set, app.size + app.grown);
    set_touch(&app.set);
    app.touched = now_us();
}

static int live(void) {
    static const struct miniprog_callbacks callbacks = {
        .size = sizeof callbacks,
        .show = on_show,
        .memory_warning = on_warning,
        .unload = on_unload,
    };
    struct miniprog *m = NULL;
    int r = miniprog_open(&m, app.deaf ? NULL : &callbacks, NULL);

    if (r < 0 && r != -ENOENT) {
        (void) fprintf(stderr, "cannot connect: %s\n", strerror(-r));
        return 1;
    }
    if (m)
        (void) miniprog_ready(m, NULL, NULL);
    for (;;) {
        struct pollfd p = { .fd = m ? miniprog_fd(m) : -1, .events = POLLIN };
        int wait = app.touch_us ? (int) (app.touch_us / 1000) : -1;
        if (poll(&p, 1, wait) < 0 && errno != EINTR)
            return 1;
        if (m && miniprog_dispatch(m) < 0)
            return 1;
        if (app.touch_us)
            tick();
    }
}

static int take(int option, const char *value) {
    switch (option) {
    case 's':
        return parse_size(value, &app.size);
    case 'l':
        return parse_size(value, &app.leak);
    case 't':
        return parse_duration(value, &app.touch_us);
    case 'c':
        return parse_percent(value, &app.cached);
    case 'r':
        return parse_percent(value, &app.random);
    case 'f':
        return parse_percent(value, &app.free);
    case 'g':
        return parse_percent(value, &app.grow);
    case 'F':
        app.forks = true;
        return 0;
    case 'd':
        app.deaf = true;
        return 0;
    default:
        return -EINVAL;
    }
}

int main(int argc, char **argv) {
    static const struct option options[] = {
        { "size", required_argument, NULL, 's' },   { "leak", required_argument, NULL, 'l' },
        { "touch", required_argument, NULL, 't' },  { "cache", required_argument, NULL, 'c' },
        { "random", required_argument, NULL, 'r' }, { "free", required_argument, NULL, 'f' },
        { "grow", required_argument, NULL, 'g' },   { "forks", no_argument, NULL, 'F' },
        { "deaf", no_argument, NULL, 'd' },         { 0 },
    };
    int option;

    while ((option = getopt_long(argc, argv, "", options, NULL)) != -1)
        if (take(option, optarg) < 0) {
            (void) fprintf(stderr,
                           "usage: %s [--size=SIZE] [--cache=%%] [--random=%%] "
                           "[--touch=SPAN] [--free=%%] [--grow=%%] [--leak=SIZE] "
                           "[--forks] [--deaf]\n",
                           argv[0]);
            return 2;
        }
    if (app.deaf)
        (void) signal(SIGTERM, SIG_IGN);
    int r = set_open(&app.set, miniprog_data_dir(), app.size * app.cached / 1000, app.random);
    if (r < 0) {
        (void) fprintf(stderr, "cannot make its page cache: %s\n", strerror(-r));
        return 1;
    }
    set_grow(&app.set, app.size);
    app.whole = true;
    app.touched = now_us();
    if (app.forks)
        start_forking();
    return live();
}
