/* SPDX-License-Identifier: MIT
 * clock.h - the page of memory that the bench and its app share. */
#ifndef BENCH_CLOCK_H
#define BENCH_CLOCK_H

#include <stdint.h>
#include <time.h>

struct bench_clock {
    uint64_t main_ns, show_ns; /* CLOCK_MONOTONIC */
    uint32_t mains, shows;     /* counted up after the time was written: futexes */
    uint32_t pid;              /* whose main it was */
};

static inline uint64_t bench_now(void) {
    struct timespec ts;
    (void) clock_gettime(CLOCK_MONOTONIC, &ts);
    return (uint64_t) ts.tv_sec * 1000000000u + (uint64_t) ts.tv_nsec;
}

#endif
