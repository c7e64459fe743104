/* SPDX-License-Identifier: MIT */
#include "supervisor/js/watchdog.h"

#include <errno.h>
#include <linux/futex.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "supervisor/js/engine.h"

#define STACK_FRAMES 32
#define STACK_MAX    4096

struct watchdog {
    atomic_uint turn;   /* odd: a script runs */
    atomic_bool parked; /* the thread sleeps until the next turn */
    atomic_bool in_front;
    atomic_bool has_stack;
    int events_fd, tick_ms;
    char stack[STACK_MAX]; /* of the turn that is going on, once it is long */
};

void watchdog_begin(struct watchdog *w) {
    if (!w)
        return;
    (void) atomic_fetch_add(&w->turn, 1);
    if (atomic_exchange(&w->parked, false))
        (void) syscall(SYS_futex, &w->turn, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
}

void watchdog_end(struct watchdog *w) {
    if (!w)
        return;
    (void) atomic_fetch_add(&w->turn, 1);
    if (atomic_load(&w->has_stack))
        atomic_store(&w->has_stack, false);
}

void watchdog_front(struct watchdog *w, bool in_front) {
    if (w)
        atomic_store(&w->in_front, in_front);
}

/* --- the thread --------------------------------------------------------------------------- */

/* No supervisor, or one that is away: then the log alone has it. */
static void tell_supervisor(void) {
    static const char text[] = "WATCHDOG=trigger";
    const char *path = getenv("NOTIFY_SOCKET");
    struct sockaddr_un sa = { .sun_family = AF_UNIX };

    if (!path || strlen(path) >= sizeof sa.sun_path)
        return;
    memcpy(sa.sun_path, path, strlen(path));
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return;
    (void) sendto(fd, text, sizeof text - 1, MSG_NOSIGNAL, (struct sockaddr *) (void *) &sa,
                  sizeof sa);
    (void) close(fd);
}

/* The reader may be away, and the script's thread may hold any lock: no stdio. */
static void write_log(const char *text, size_t n) {
    struct pollfd p = { .fd = STDERR_FILENO, .events = POLLOUT };

    if (poll(&p, 1, 100) > 0)
        (void) !write(STDERR_FILENO, text, n);
}

static _Noreturn void end_it(struct watchdog *w) {
    char text[STACK_MAX + 256];
    bool stack = atomic_load(&w->has_stack);

    int n = snprintf(text, sizeof text,
                     "[error] the script gave no turn for %d s and is ended; it is in:\n%s\n",
                     WATCHDOG_TICKS * w->tick_ms / 1000,
                     stack ? w->stack : "    one long operation of the engine (no stack)");
    tell_supervisor();
    if (n > 0)
        write_log(text, (size_t) n < sizeof text ? (size_t) n : sizeof text - 1);
    _exit(EXIT_FAILURE);
}

static bool event_waits(const struct watchdog *w) {
    struct pollfd p = { .fd = w->events_fd, .events = POLLIN };
    return poll(&p, 1, 0) > 0;
}

/* Sleeps until a turn begins. A turn may begin between the two looks: then parked is taken back by
 * it, or the futex has changed. */
static void park(struct watchdog *w) {
    unsigned turn = atomic_load(&w->turn);

    if (turn & 1)
        return;
    atomic_store(&w->parked, true);
    if (atomic_load(&w->turn) == turn)
        (void) syscall(SYS_futex, &w->turn, FUTEX_WAIT_PRIVATE, turn, NULL, NULL, 0);
}

static void tick(const struct watchdog *w) {
    struct timespec ts = { .tv_sec = w->tick_ms / 1000,
                           .tv_nsec = (long) (w->tick_ms % 1000) * 1000000 };

    while (clock_nanosleep(CLOCK_MONOTONIC, 0, &ts, &ts) == EINTR)
        ;
}

static void *watch(void *arg) {
    struct watchdog *w = arg;
    unsigned seen = 0;
    int ticks = 0;

    for (;;) {
        unsigned turn = atomic_load(&w->turn);
        if (!(turn & 1)) {
            park(w);
            continue;
        }
        if (turn != seen)
            ticks = 0;
        seen = turn;
        tick(w);
        if (atomic_load(&w->turn) != seen)
            continue;
        if (atomic_load(&w->in_front) || event_waits(w))
            ticks++;
        if (ticks >= WATCHDOG_TICKS)
            end_it(w);
    }
    return NULL;
}

struct watchdog *watchdog_new(int events_fd, int tick_ms) {
    struct watchdog *w = calloc(1, sizeof *w);
    pthread_attr_t attr;
    pthread_t thread;
    sigset_t all, before;

    if (!w)
        return NULL;
    w->events_fd = events_fd;
    w->tick_ms = tick_ms;
    /* Signals are for the main thread. */
    (void) sigfillset(&all);
    (void) pthread_sigmask(SIG_SETMASK, &all, &before);
    (void) pthread_attr_init(&attr);
    (void) pthread_attr_setstacksize(&attr, 64 * 1024);
    (void) pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
    int r = pthread_create(&thread, &attr, watch, w);
    (void) pthread_attr_destroy(&attr);
    (void) pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (r == 0)
        return w;
    free(w);
    return NULL;
}

/* --- the stack ---------------------------------------------------------------------------- */

/* On the script's thread, at a safe point, once a turn. */
static bool on_long_turn(JSContextRef ctx, void *data) {
    struct watchdog *w = data;

    engine_stack(ctx, STACK_FRAMES, w->stack, sizeof w->stack);
    atomic_store(&w->has_stack, w->stack[0] != '\0');
    return false; /* the script goes on */
}

void watchdog_watch(struct watchdog *w, JSGlobalContextRef ctx) {
    if (w)
        engine_on_long_turn(ctx, WATCHDOG_STACK_S, on_long_turn, w);
}
