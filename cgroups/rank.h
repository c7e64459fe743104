/* SPDX-License-Identifier: MIT
 * rank.h - what the policy knows of the apps, and whose memory is taken first.
 * Layer: 2, cgroups. Uses: base. Pure: no I/O, no clock, no memory taken.
 *
 * The table is the caller's: an array of slots, made large enough outside; a slot keeps its number
 * as long as its app lives. Order of victims: state; then those that freed less than a tenth when
 * last warned before the others; then idle time by powers of two of seconds, the longest first;
 * then most bytes to come back; then the lower slot. Source: design.md §5. */
#ifndef CGROUPS_RANK_H
#define CGROUPS_RANK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cgroups/alarm.h"
#include "cgroups/fact.h"

/* In the order in which they are taken. */
#define CGRP_APP_STATES(X)                                                                         \
    X(NONE, "none") /* a free slot */                                                              \
    X(STOPPING, "stopping")                                                                        \
    X(SUSPENDED, "suspended")                                                                      \
    X(BACKGROUND, "background")                                                                    \
    X(STARTING, "starting")                                                                        \
    X(FOREGROUND, "foreground")
#define X(id, name) CGRP_APP_##id,
enum cgrp_app_state { CGRP_APP_STATES(X) CGRP_APP_STATE_COUNT };
#undef X

enum cgrp_admit { CGRP_ADMIT_NONE, CGRP_ADMIT_WAITING, CGRP_ADMIT_IN };

struct cgrp_app {
    /* The caller's, up to date at every call of the policy. Times are CLOCK_BOOTTIME, us. */
    char id[65];
    enum cgrp_app_state state;
    uint64_t idle_since; /* when it was last in front */
    uint64_t bytes;      /* that would come back: its anonymous memory */

    /* The policy's; zero in a new slot. */
    struct {
        uint64_t at, before; /* of a warning not yet measured; at 0: none */
        int level;           /* that it was warned of last, and from where */
        enum cgrp_source source;
        bool measured;       /* the two below are known */
        uint64_t had, freed; /* when last warned, and 2 s later */
    } warn;
    struct {
        int level;     /* of its own limit, with hysteresis */
        int warned;    /* the level it has been warned of; 0: none */
        uint64_t next; /* when it is warned again */
        struct cgrp_fact last;
        struct cgrp_alarms alarms;
    } limit;
    struct {
        uint64_t at, until; /* chosen; stuck from then on; at 0: not chosen */
        bool by_kernel, stuck;
        uint64_t bytes;
        int level;
        struct cgrp_fact fact; /* what decided it */
    } kill;
    struct {
        enum cgrp_admit state;
        bool reclaimed;       /* that was tried */
        uint64_t need, until; /* it fails then */
        uint64_t reclaim_until;
    } admit;
};

struct cgrp_table {
    struct cgrp_app *app;
    int n; /* slots, free ones included */
};

const char *cgrp_app_state_name(enum cgrp_app_state state);
int cgrp_app_state_parse(const char *name, enum cgrp_app_state *ret); /* -EINVAL */

/* Which criterion put one before another. */
enum cgrp_rank_by { CGRP_BY_SLOT, CGRP_BY_STATE, CGRP_BY_FREED, CGRP_BY_IDLE, CGRP_BY_BYTES };

/* Freed less than a tenth of what it had when last warned. */
bool cgrp_app_kept_all(const struct cgrp_app *app);
/* Whole powers of two in the seconds that it was idle: 0 for less than 2 s, 1 for less than 4 … */
unsigned cgrp_app_idle_class(const struct cgrp_app *app, uint64_t now);
/* May be chosen now: live, not chosen before. */
bool cgrp_app_is_candidate(const struct cgrp_app *app);

/* Negative: slot a goes before b. ret_by may be NULL. */
int cgrp_rank_compare(const struct cgrp_table *table, int a, int b, uint64_t now,
                      enum cgrp_rank_by *ret_by);

/* The first candidates in order.
 *   up_to   the last state that may be taken
 *   ret     room for max slots; returns how many were filled */
int cgrp_rank(const struct cgrp_table *table, enum cgrp_app_state up_to, uint64_t now, int *ret,
              int max);
/* The first one alone; -1: none. */
int cgrp_rank_first(const struct cgrp_table *table, enum cgrp_app_state up_to, uint64_t now);

#define CGRP_RANK_TEXT 240
/* "suspended, idle 4min 16s, 48.0M to come back, freed 1.0M of 49.0M when last warned; after
 * org.example.a by idle time". `before` is the slot ranked before it, -1: it is the first. */
const char *cgrp_rank_text(const struct cgrp_table *table, int slot, int before, uint64_t now,
                           char buf[CGRP_RANK_TEXT]);

#endif
