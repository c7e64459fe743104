/* SPDX-License-Identifier: MIT
 * summary.h - the figures of a run, and whether its scenario's promise held.
 * Layer: tests. Uses: base. Pure. */
#ifndef STRESS_SUMMARY_H
#define STRESS_SUMMARY_H

#include <stdbool.h>
#include <stdint.h>

struct plan;
struct record;
struct str;

#define SUMMARY_STALL_PERMILLE 50 /* the front one "stalls": that much of its time, or more */
#define SUMMARY_BROKEN_MAX     12

struct summary_times { /* of n; microseconds */
    unsigned n;
    uint64_t p50, p99, most;
};

struct summary {
    uint64_t lasted_us;
    unsigned turns, opened, refused, failed;
    struct summary_times hot, hot_whole, cold; /* to the app's show, to its whole memory */
    unsigned stalled;                          /* turns in which the front one stalled */
    unsigned stall_permille;
    bool has_stall;
    /* Warm apps in two turns one after the other, neither stalled: the most there were. */
    unsigned warm, warm_most;          /* warm_most: whatever stalled */
    unsigned capacity;                 /* that could be kept; 0: not known */
    unsigned pressure, alarms, kernel; /* kills: chosen, for its alarms, by the kernel */
    unsigned front_first, beside, front_by_kernel, unexplained, stuck; /* wrong ones */
    struct summary_times sigkill, gone; /* from event to SIGKILL; from decision to empty group */
    unsigned warnings;
    uint64_t freed, reclaimed;
    int level; /* the highest */
    uint64_t available_least, current_most;
    unsigned some_permille, full_permille; /* PSI of the system over the whole run */
    bool held;
    unsigned n_broken;
    char broken[SUMMARY_BROKEN_MAX][200]; /* sentences; the first is the one to tell */
};

/* Returns -ENOMEM. */
int summary_make(const struct plan *p, const struct record *r, struct summary *ret);

struct outcome { /* of one run */
    const struct record *record;
    const struct summary *summary;
};
/* For people; base: the baseline's, or NULL. */
void summary_text(const struct plan *p, const struct outcome *it, const struct outcome *base,
                  struct str *out);
void summary_json(const struct plan *p, const struct outcome *it, const struct outcome *base,
                  struct str *out);

/* The rows of both the text and the page: name and value, "" for what is not known. */
#define SUMMARY_ROWS_MAX 32
struct summary_row {
    const char *name;
    char value[96];
    bool bad; /* what should not be */
};
unsigned summary_rows(const struct outcome *it, struct summary_row ret[SUMMARY_ROWS_MAX]);

#endif
