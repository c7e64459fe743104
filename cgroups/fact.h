/* SPDX-License-Identifier: MIT
 * fact.h - one thing that was seen of memory: where, how bad, and the figures.
 * Layer: 2, cgroups. Uses: libc only. Pure.
 *
 * Everything that the policy hears is a fact, whatever the machine's cgroups are like. The level
 * in it is what its figures say by the thresholds' entries alone; hysteresis is the policy's. */
#ifndef CGROUPS_FACT_H
#define CGROUPS_FACT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Android's, as wx.onMemoryWarning has them; step 0, 1, 2 stands for 5, 10, 15. */
#define CGRP_MODERATE    5
#define CGRP_LOW         10
#define CGRP_CRITICAL    15
#define CGRP_STEPS       3
#define CGRP_LEVEL(step) (5 * ((step) + 1))

#define CGRP_SOURCES(X)                                                                            \
    X(BUDGET, "budget")   /* the limit for all apps together */                                    \
    X(SYSTEM, "system")   /* the machine: PSI, available memory */                                 \
    X(LIMIT, "limit")     /* an app's own */                                                       \
    X(SUSPEND, "suspend") /* it is about to be suspended */                                        \
    X(TEST, "test")       /* somebody called Warn */                                               \
    X(KERNEL, "kernel")   /* the kernel's OOM killer acted */
#define X(id, name) CGRP_SOURCE_##id,
enum cgrp_source { CGRP_SOURCES(X) CGRP_SOURCE_COUNT };
#undef X

/* kind, name, its source, whether it is of one app, and the names of its figures in order. Sizes
 * are bytes, *_us microseconds, avg10 hundredths of a percent. */
#define CGRP_FACTS(X)                                                                              \
    X(BUDGET, "budget", BUDGET, false, "usage", "cache", "limit", NULL)                            \
    X(AVAILABLE, "available", SYSTEM, false, "available", "total", NULL, NULL)                     \
    X(PSI_SYSTEM, "psi_system", SYSTEM, false, "avg10", "total_us", "stall_us", "window_us")       \
    X(PSI_APPS, "psi_apps", SYSTEM, false, "avg10", "total_us", "stall_us", "window_us")           \
    X(LIMIT, "limit", LIMIT, true, "usage", "cache", "limit", NULL)                                \
    X(KILLED, "killed", KERNEL, true, "oom_kills", NULL, NULL, NULL)                               \
    X(SUSPEND, "suspend", SUSPEND, true, NULL, NULL, NULL, NULL)                                   \
    X(TEST, "test", TEST, false, NULL, NULL, NULL, NULL)                                           \
    X(ROOM, "room", SYSTEM, true, "need", "room", NULL, NULL) /* made by the policy itself */
#define X(id, name, source, of_app, a, b, c, d) CGRP_FACT_##id,
enum cgrp_fact_kind { CGRP_FACTS(X) CGRP_FACT_COUNT };
#undef X
#define CGRP_FACT_SENSORS 4 /* the first of them hold a level for all apps */
#define CGRP_FIGURES      4

struct cgrp_fact {
    enum cgrp_fact_kind kind;
    enum cgrp_source source;
    int level;   /* 0, 5, 10, 15 */
    int slot;    /* the app's place in the table, -1: none */
    uint64_t at; /* CLOCK_BOOTTIME, microseconds; from the caller */
    uint64_t figure[CGRP_FIGURES];
};

const char *cgrp_source_name(enum cgrp_source source);
const char *cgrp_fact_name(enum cgrp_fact_kind kind);
int cgrp_fact_parse(const char *name, enum cgrp_fact_kind *ret); /* -EINVAL */
enum cgrp_source cgrp_fact_source(enum cgrp_fact_kind kind);
bool cgrp_fact_is_of_app(enum cgrp_fact_kind kind);
/* The name of figure i; NULL: this kind has no such figure. */
const char *cgrp_fact_figure(enum cgrp_fact_kind kind, unsigned i);

/* Entries: 85, 92, 97 % of a limit, page cache that can go not counted. A level is left 5 points
 * below its entry. Source: design.md §5. */
extern const uint32_t cgrp_share_entry[CGRP_STEPS]; /* permille */
#define CGRP_SHARE_HYSTERESIS 50

/* What is left of usage when its cache has gone, in permille of the limit, at most 1000000. */
uint32_t cgrp_share(uint64_t usage, uint64_t cache, uint64_t limit);

/* Available memory in permille of all: low is entered below .enter[0] and left at .leave[0],
 * critical by [1]. */
struct cgrp_available {
    uint32_t enter[2], leave[2];
};

/* The level when `held` was held before (0 gives the level by entries alone). */
int cgrp_level_by_share(uint32_t permille, int held);
int cgrp_level_by_available(uint32_t permille, const struct cgrp_available *limits, int held);

/* The same from a fact's figures. */
int cgrp_level_of_share(const struct cgrp_fact *fact, int held);
int cgrp_level_of_available(const struct cgrp_fact *fact, const struct cgrp_available *limits,
                            int held);

/* Fills in a share fact or an available one, its level included; `at` and slot are the caller's. */
struct cgrp_fact cgrp_fact_of_share(enum cgrp_fact_kind kind, uint64_t usage, uint64_t cache,
                                    uint64_t limit);
struct cgrp_fact cgrp_fact_of_available(uint64_t available, uint64_t total,
                                        const struct cgrp_available *limits);

/* "97.3% of 512.0M in use, 20.0M cache not counted": the figures as a person reads them.
 * Returns buf; 160 bytes are enough. */
const char *cgrp_fact_text(const struct cgrp_fact *fact, char *buf, size_t size);

#endif
