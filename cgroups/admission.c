/* SPDX-License-Identifier: MIT
 * admission.c - room for a cold start that says what it needs. */
#include "cgroups/policy_parts.h"

void cgrp_policy_admit(struct cgrp_policy *p, struct cgrp_table *table, int slot, uint64_t need,
                       uint64_t now) {
    struct cgrp_app *app = cgrp_live(table, slot);

    (void) p;
    if (!app)
        return;
    app->admit.state = CGRP_ADMIT_WAITING;
    app->admit.need = need;
    app->admit.until = now + CGRP_ADMIT_US;
    app->admit.reclaimed = false;
    app->admit.reclaim_until = 0;
}

void cgrp_policy_reclaimed(struct cgrp_policy *p, struct cgrp_table *table) {
    (void) p;
    for (int i = 0; i < table->n; i++)
        table->app[i].admit.reclaim_until = 0;
}

static uint64_t minus(uint64_t a, uint64_t b) {
    return a > b ? a - b : 0;
}

/* What others were let in for and have not taken yet. */
static uint64_t promised(const struct cgrp_table *table) {
    uint64_t sum = 0;

    for (int i = 0; i < table->n; i++) {
        const struct cgrp_app *app = &table->app[i];
        if (app->state == CGRP_APP_STARTING && app->admit.state == CGRP_ADMIT_IN)
            sum += minus(app->admit.need, app->bytes);
    }
    return sum;
}

/* What is left of the budget, or of available memory above its critical mark: the lesser. */
static struct cgrp_fact room(const struct cgrp_policy *p, const struct cgrp_table *table,
                             int slot) {
    const struct cgrp_sensor *budget = &p->sensor[CGRP_FACT_BUDGET];
    const struct cgrp_sensor *available = &p->sensor[CGRP_FACT_AVAILABLE];
    uint64_t left = UINT64_MAX;
    struct cgrp_fact f = { .kind = CGRP_FACT_ROOM, .source = CGRP_SOURCE_SYSTEM, .slot = slot };

    if (available->known) {
        uint64_t total = available->last.figure[1];
        left = minus(available->last.figure[0],
                     total / 1000 * p->config.available.enter[1] +
                         total % 1000 * p->config.available.enter[1] / 1000);
    }
    if (budget->known) {
        const uint64_t *f3 = budget->last.figure;
        uint64_t of_budget = minus(f3[2], minus(f3[0], f3[1]));
        if (of_budget < left) {
            left = of_budget;
            f.source = CGRP_SOURCE_BUDGET;
        }
    }
    f.figure[0] = table->app[slot].admit.need;
    f.figure[1] = minus(left, promised(table));
    return f;
}

/* The one that waits longest: the others' turn comes after it. */
static int first_waiting(const struct cgrp_table *table) {
    int first = -1;

    for (int i = 0; i < table->n; i++) {
        const struct cgrp_app *app = &table->app[i];
        if (app->state == CGRP_APP_STARTING && app->admit.state == CGRP_ADMIT_WAITING &&
            (first < 0 || app->admit.until < table->app[first].admit.until))
            first = i;
    }
    return first;
}

static bool any_suspended(const struct cgrp_table *table) {
    for (int i = 0; i < table->n; i++)
        if (table->app[i].state == CGRP_APP_SUSPENDED && !table->app[i].kill.at)
            return true;
    return false;
}

/* Whether all that may be killed would make the room: else nobody dies for nothing. */
static bool would_help(const struct cgrp_table *table, const struct cgrp_fact *f) {
    uint64_t sum = f->figure[1];

    for (int i = 0; i < table->n && sum < f->figure[0]; i++)
        if (table->app[i].state <= CGRP_APP_BACKGROUND && cgrp_app_is_candidate(&table->app[i]))
            sum += table->app[i].bytes;
    return sum >= f->figure[0];
}

/* Whether the figures that there are were seen after the last victim had gone. */
static bool is_fresh(const struct cgrp_policy *p) {
    const struct cgrp_sensor *budget = &p->sensor[CGRP_FACT_BUDGET];
    const struct cgrp_sensor *available = &p->sensor[CGRP_FACT_AVAILABLE];

    return (!budget->known || budget->fresh) && (!available->known || available->fresh);
}

static int make_room(struct cgrp_policy *p, struct cgrp_table *table, const struct cgrp_fact *f,
                     uint64_t now, struct cgrp_action *ret) {
    struct cgrp_app *app = &table->app[f->slot];

    if (!app->admit.reclaimed) {
        app->admit.reclaimed = true;
        if (any_suspended(table)) {
            app->admit.reclaim_until = now + CGRP_ADMIT_RECLAIM_US;
            *ret = cgrp_about(CGRP_DO_RECLAIM, -1, f, 0);
            return 1;
        }
    }
    if (now < app->admit.reclaim_until || cgrp_victim_pending(table) || !is_fresh(p) ||
        !would_help(table, f))
        return 0;
    int slot = cgrp_rank_first(table, CGRP_APP_BACKGROUND, now);
    if (slot < 0)
        return 0;
    *ret = cgrp_about(CGRP_DO_KILL, slot, f, 0);
    ret->why = CGRP_WHY_ROOM;
    ret->up_to = CGRP_APP_BACKGROUND;
    return cgrp_choose(p, table, slot, now, ret);
}

int cgrp_admission_next(struct cgrp_policy *p, struct cgrp_table *table, uint64_t now,
                        struct cgrp_action *ret) {
    int slot = first_waiting(table);

    if (slot < 0)
        return 0;
    struct cgrp_app *app = &table->app[slot];
    struct cgrp_fact f = room(p, table, slot);
    f.at = now;
    bool fits = p->config.off || app->admit.need <= f.figure[1];
    if (!fits && now < app->admit.until)
        return make_room(p, table, &f, now, ret);
    app->admit.state = fits ? CGRP_ADMIT_IN : CGRP_ADMIT_NONE;
    *ret = cgrp_about(fits ? CGRP_DO_ADMIT : CGRP_DO_REFUSE, slot, &f, 0);
    ret->bytes = f.figure[1];
    return 1;
}
