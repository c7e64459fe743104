/* SPDX-License-Identifier: MIT
 * bench.h - what the design promises (its section 9), measured beside its floor in the same run.
 *
 * Each row is a ratio of two medians. Nothing here is a test: a machine's noise is no failure; a
 * reader compares the ratios with the targets. */
#ifndef TESTS_BENCH_H
#define TESTS_BENCH_H

#include <stddef.h>
#include <stdint.h>

#include "tests/bench/clock.h"
#include "tests/lib/harness.h"

struct bench_samples {
    uint64_t *ns;
    size_t n, cap;
};
void bench_add(struct bench_samples *s, uint64_t ns);
double bench_median_us(struct bench_samples *s); /* sorts */
double bench_best_us(struct bench_samples *s);   /* the first tenth: what a quiet machine does */
void bench_clear(struct bench_samples *s);

/* One line of the table and of the JSON. floor 0: there is none, value stands alone. unit: "us",
 * "MB", "". */
void bench_row(const char *what, double value, double floor, const char *unit, const char *target,
               const char *note);
/* The same of two sets of samples: their medians, and beside the ratio that of their best tenths.
 * Clears both. */
void bench_row_samples(const char *what, struct bench_samples *ours, struct bench_samples *floor,
                       const char *target, const char *note);
/* Lets what went before come to rest: the kernel ends groups and processes on threads of its own,
 * which would meet whatever is measured next. */
void bench_settle(void);

/* The shared page; its path goes into the apps' environment. */
extern struct bench_clock *bench_clock;
extern char bench_clock_path[64];
void bench_wait(uint32_t *count, uint32_t beyond); /* until *count is above it, at most 10 s */

/* A daemon; h static, so that it can be ended after a failure. Its apps: "org.bench.a<i>". */
void bench_start(struct harness *h, const char *config);
void bench_install(struct harness *h, int i);
void bench_id(char id[32], int i);

void bench_starts(int rounds);
void bench_suspend(int rounds);
void bench_suspend_daemon(int rounds);
void bench_flat(int rounds);
void bench_rest(int idle_seconds);
void bench_memory(int rounds);
void bench_peers(const char *folder, int rounds); /* of the other supervisors, as peers.sh says */
void bench_js(int rounds);
void bench_staging(int rounds);

#endif
