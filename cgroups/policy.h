/* SPDX-License-Identifier: MIT
 * policy.h - from memory facts to what is to be done about them.
 * Layer: 2, cgroups. Uses: base. Pure: no I/O, no clock, no memory taken.
 *
 * The caller feeds facts and what became of apps, then takes actions until there are none:
 *     cgrp_policy_fact(p, table, &fact, now);
 *     while (cgrp_policy_next(p, table, now, &action) > 0) do it;
 * and comes again at cgrp_policy_wake(), with figures as they are then (cgrp_sources_look()).
 * Actions are taken as done: a victim counts as chosen until cgrp_policy_empty().
 *
 * What always holds: no kill while an earlier victim is neither gone nor stuck, and none after it
 * on what was seen before it was gone; no running app before a suspended one; the one in front
 * last. Source of rules and figures: design.md §5. */
#ifndef CGROUPS_POLICY_H
#define CGROUPS_POLICY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cgroups/action.h"
#include "cgroups/fact.h"
#include "cgroups/rank.h"

#define CGRP_POLL_US    UINT64_C(100000)  /* figures are read so often while a level holds */
#define CGRP_REPEAT_US  UINT64_C(2000000) /* warnings, while their level holds */
#define CGRP_MEASURE_US UINT64_C(2000000) /* from a warning to the look at what was freed */
#define CGRP_STUCK_US   UINT64_C(2000000) /* a victim should be gone then */
#define CGRP_UNLOAD_US  UINT64_C(1000000) /* what a running victim gets before that */
#define CGRP_ADMIT_US   UINT64_C(2000000)
#define CGRP_ADMIT_RECLAIM_US                                                                      \
    UINT64_C(500000)                    /* kills for an admission wait so long for reclaim         \
                                         */
#define CGRP_KERNEL_US UINT64_C(100000) /* a kill by the kernel may need not empty the group */

struct cgrp_policy_config {
    bool off; /* levels are told, nothing is done */
    struct cgrp_available available;
    unsigned alarm_count;
    uint64_t alarm_window;
};

struct cgrp_sensor {
    bool known, fresh; /* there is a fact; it was seen after the last victim had gone */
    int level;         /* with hysteresis */
    struct cgrp_fact last;
    struct { /* PSI: the last event of each trigger */
        bool known, unanswered;
        struct cgrp_fact fact;
    } event[CGRP_STEPS];
};

struct cgrp_policy { /* filled by cgrp_policy_init() */
    struct cgrp_policy_config config;
    struct cgrp_sensor sensor[CGRP_FACT_SENSORS];
    int level;             /* the highest of them, as told */
    struct cgrp_fact told; /* the fact behind it */
    int warned;            /* the level that running apps were warned of; 0: none */
    uint64_t warn_next;    /* when they are warned again */
    bool reclaim_wanted;
    bool has_asked; /* by Warn or before a suspension: one warning, no more */
    struct cgrp_fact asked;
};

void cgrp_policy_init(struct cgrp_policy *p, const struct cgrp_policy_config *config);
/* A reload: levels and victims stay. */
void cgrp_policy_configure(struct cgrp_policy *p, const struct cgrp_policy_config *config);

/* Something was seen. Of a SUSPEND or TEST fact the warning must be taken before the next such. A
 * slot that is not live is passed over. */
void cgrp_policy_fact(struct cgrp_policy *p, struct cgrp_table *table, const struct cgrp_fact *fact,
                      uint64_t now);
/* The app's group is empty: frees its slot. True when it was a victim of ours; then ret (may be
 * NULL) says how long it took and what was to come back. Figures should be read next:
 * cgrp_sources_look(). */
struct cgrp_gone {
    uint64_t took_us, bytes;
};
bool cgrp_policy_empty(struct cgrp_policy *p, struct cgrp_table *table, int slot, uint64_t now,
                       struct cgrp_gone *ret);
/* A cold start that needs so much asks for room; ADMIT or REFUSE answers. need 0 is admitted. */
void cgrp_policy_admit(struct cgrp_policy *p, struct cgrp_table *table, int slot, uint64_t need,
                       uint64_t now);
/* The worker is done with what RECLAIM asked for. */
void cgrp_policy_reclaimed(struct cgrp_policy *p, struct cgrp_table *table);

/* The next thing to do: 1 with ret, 0 nothing for now. */
int cgrp_policy_next(struct cgrp_policy *p, struct cgrp_table *table, uint64_t now,
                     struct cgrp_action *ret);
/* When to read figures and ask again; UINT64_MAX: not before something happens. */
uint64_t cgrp_policy_wake(const struct cgrp_policy *p, const struct cgrp_table *table,
                          uint64_t now);

#endif
