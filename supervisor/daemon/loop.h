/* SPDX-License-Identifier: MIT
 * loop.h - what every part that lives on the event loop shares: priorities and the clock.
 * Layer: 3, daemon. Uses: libsystemd. */
#ifndef DAEMON_LOOP_H
#define DAEMON_LOOP_H

#include <stdint.h>
#include <time.h>

/* Lower goes first: what ended before what is asked. */
enum loop_priority {
    LOOP_EXIT = -40,   /* groups that became empty, children that ended */
    LOOP_SIGNAL = -30, /* SIGTERM and the like */
    LOOP_WORK = -20,   /* results of threads */
    LOOP_TIMER = -10,
    LOOP_BOOKS = -9, /* of what timers did */
    LOOP_NOTIFY = -5,
    LOOP_CONTROL = 0, /* clients, apps, run states to be written */
    LOOP_OUTPUT = 10,
};

static inline uint64_t loop_clock(clockid_t clock) {
    struct timespec ts;
    (void) clock_gettime(clock, &ts);
    return (uint64_t) ts.tv_sec * 1000000 + (uint64_t) ts.tv_nsec / 1000;
}
/* Microseconds. Timers run on BOOTTIME, what people and the wire see is REALTIME. */
static inline uint64_t loop_boottime(void) {
    return loop_clock(CLOCK_BOOTTIME);
}
static inline uint64_t loop_realtime(void) {
    return loop_clock(CLOCK_REALTIME);
}

#endif
