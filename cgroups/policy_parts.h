/* SPDX-License-Identifier: MIT
 * policy_parts.h - what the parts of the policy share.
 * Layer: 2, cgroups; internal to this folder. Pure. */
#ifndef CGROUPS_POLICY_PARTS_H
#define CGROUPS_POLICY_PARTS_H

#include "cgroups/policy.h"

/* NULL: no such slot, or a free one. */
struct cgrp_app *cgrp_live(struct cgrp_table *table, int slot);
/* In front or in background, and not chosen. */
bool cgrp_runs(const struct cgrp_app *app);
bool cgrp_victim_pending(const struct cgrp_table *table);

struct cgrp_action cgrp_about(enum cgrp_do what, int slot, const struct cgrp_fact *fact, int level);
/* Makes an action the kill of that slot, and counts it as done; 1. */
int cgrp_choose(struct cgrp_policy *p, struct cgrp_table *table, int slot, uint64_t now,
                struct cgrp_action *ret);

/* What was freed, warnings, alarms, reclaim: 1 with ret, 0 nothing. */
int cgrp_warn_next(struct cgrp_policy *p, struct cgrp_table *table, uint64_t now,
                   struct cgrp_action *ret);
int cgrp_admission_next(struct cgrp_policy *p, struct cgrp_table *table, uint64_t now,
                        struct cgrp_action *ret);

#endif
