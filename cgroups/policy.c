/* SPDX-License-Identifier: MIT */
#include "cgroups/policy.h"

#include "cgroups/policy_parts.h"

#include <string.h>

void cgrp_policy_init(struct cgrp_policy *p, const struct cgrp_policy_config *config) {
    *p = (struct cgrp_policy){ .config = *config };
}

void cgrp_policy_configure(struct cgrp_policy *p, const struct cgrp_policy_config *config) {
    p->config = *config;
}

struct cgrp_app *cgrp_live(struct cgrp_table *table, int slot) {
    struct cgrp_app *app = slot >= 0 && slot < table->n ? &table->app[slot] : NULL;

    return app && app->state != CGRP_APP_NONE ? app : NULL;
}

bool cgrp_runs(const struct cgrp_app *app) {
    return (app->state == CGRP_APP_FOREGROUND || app->state == CGRP_APP_BACKGROUND) &&
           app->kill.at == 0;
}

static bool is_psi(int sensor) {
    return sensor == CGRP_FACT_PSI_SYSTEM || sensor == CGRP_FACT_PSI_APPS;
}

/* What was seen before a victim had gone says nothing about what is needed after. */
static void forget_needs(struct cgrp_policy *p) {
    for (int i = 0; i < CGRP_FACT_SENSORS; i++) {
        p->sensor[i].fresh = false;
        for (int step = 0; step < CGRP_STEPS; step++)
            p->sensor[i].event[step].unanswered = false;
    }
}

static void sensor_fact(struct cgrp_policy *p, const struct cgrp_fact *f) {
    struct cgrp_sensor *s = &p->sensor[f->kind];

    s->known = s->fresh = true;
    s->last = *f;
    if (f->kind == CGRP_FACT_BUDGET) {
        s->level = cgrp_level_of_share(f, s->level);
    } else if (f->kind == CGRP_FACT_AVAILABLE) {
        s->level = cgrp_level_of_available(f, &p->config.available, s->level);
    } else if (f->level >= CGRP_MODERATE && f->level <= CGRP_CRITICAL) {
        int step = f->level / CGRP_MODERATE - 1;
        s->event[step].known = s->event[step].unanswered = true;
        s->event[step].fact = *f;
    }
}

static void limit_fact(struct cgrp_app *app, const struct cgrp_fact *f) {
    app->limit.last = *f;
    app->limit.level = cgrp_level_of_share(f, app->limit.level);
    if (app->limit.warned > app->limit.level)
        app->limit.warned = app->limit.level;
    /* It has freed what takes it out of the level: what was before does not count. */
    if (app->limit.level < CGRP_CRITICAL)
        cgrp_alarm_clear(&app->limit.alarms);
}

/* A kill that we did not choose: memory comes back from it all the same. */
static void kernel_killed(struct cgrp_app *app, uint64_t now) {
    if (app->kill.at)
        return;
    app->kill.at = now;
    app->kill.until = now + CGRP_KERNEL_US;
    app->kill.by_kernel = true;
}

void cgrp_policy_fact(struct cgrp_policy *p, struct cgrp_table *table, const struct cgrp_fact *fact,
                      uint64_t now) {
    struct cgrp_app *app = cgrp_live(table, fact->slot);

    switch (fact->kind) {
    case CGRP_FACT_BUDGET:
    case CGRP_FACT_AVAILABLE:
    case CGRP_FACT_PSI_SYSTEM:
    case CGRP_FACT_PSI_APPS:
        sensor_fact(p, fact);
        break;
    case CGRP_FACT_LIMIT:
        if (app)
            limit_fact(app, fact);
        break;
    case CGRP_FACT_KILLED:
        if (app)
            kernel_killed(app, now);
        break;
    case CGRP_FACT_SUSPEND:
    case CGRP_FACT_TEST:
        if (app || fact->slot < 0) {
            p->asked = *fact;
            p->has_asked = true;
        }
        break;
    case CGRP_FACT_ROOM:
    case CGRP_FACT_COUNT:
        break;
    }
}

bool cgrp_policy_empty(struct cgrp_policy *p, struct cgrp_table *table, int slot, uint64_t now,
                       struct cgrp_gone *ret) {
    struct cgrp_app *app = cgrp_live(table, slot);

    if (!app)
        return false;
    bool ours = app->kill.at && !app->kill.by_kernel;
    if (app->kill.at)
        forget_needs(p);
    if (ours && ret)
        *ret = (struct cgrp_gone){ .took_us = now - app->kill.at, .bytes = app->kill.bytes };
    *app = (struct cgrp_app){ .state = CGRP_APP_NONE };
    return ours;
}

/* An app that fills its own limit stalls at it, and the kernel counts that in the pressure of all
 * apps and of the machine, too. Nobody else's memory would free it from that: it is warned alone,
 * and its alarms end it. What is short for all shows in the budget and in available memory. */
static bool stalls_at_its_own(const struct cgrp_policy *p, const struct cgrp_table *table) {
    const struct cgrp_sensor *available = &p->sensor[CGRP_FACT_AVAILABLE];

    if (!p->config.alarm_count || !available->known || available->level > 0 ||
        p->sensor[CGRP_FACT_BUDGET].level > 0)
        return false;
    for (int i = 0; i < table->n; i++) {
        const struct cgrp_app *app = &table->app[i];
        bool ending = app->state != CGRP_APP_NONE && app->kill.at && !app->kill.stuck;
        if (app->limit.level >= CGRP_CRITICAL && (cgrp_runs(app) || ending))
            return true;
    }
    return false;
}

/* Pressure that calls for kills is heard again from whoever else stalls. */
static void pass_over_its_stalls(struct cgrp_policy *p, const struct cgrp_table *table) {
    if (!stalls_at_its_own(p, table))
        return;
    for (int i = 0; i < CGRP_FACT_SENSORS; i++)
        for (int step = 1; is_psi(i) && step < CGRP_STEPS; step++)
            p->sensor[i].event[step].known = p->sensor[i].event[step].unanswered = false;
}

/* The level that holds, and the fact that holds it. PSI is left after two windows without an
 * event. */
static int current_level(struct cgrp_policy *p, uint64_t now, const struct cgrp_fact **ret) {
    int level = 0;

    for (int i = 0; i < CGRP_FACT_SENSORS; i++) {
        struct cgrp_sensor *s = &p->sensor[i];
        if (is_psi(i)) {
            s->level = 0;
            for (int step = 0; step < CGRP_STEPS; step++)
                if (s->event[step].known &&
                    now - s->event[step].fact.at < 2 * s->event[step].fact.figure[3]) {
                    s->level = CGRP_LEVEL(step);
                    s->last = s->event[step].fact;
                }
        }
        if (s->level > level) {
            level = s->level;
            *ret = &s->last;
        }
    }
    return level;
}

/* The level at which a kill is called for: an entry that is crossed now, or a PSI event of the
 * last window that no kill has answered. Hysteresis holds warnings, it does not kill. */
static int needed_level(const struct cgrp_policy *p, uint64_t now, const struct cgrp_fact **ret) {
    int level = 0;

    for (int i = 0; i < CGRP_FACT_SENSORS; i++) {
        const struct cgrp_sensor *s = &p->sensor[i];
        if (!is_psi(i) && s->fresh && s->last.level > level) {
            level = s->last.level;
            *ret = &s->last;
        }
        for (int step = 0; is_psi(i) && step < CGRP_STEPS; step++)
            if (s->event[step].unanswered && CGRP_LEVEL(step) > level &&
                now - s->event[step].fact.at <= s->event[step].fact.figure[3]) {
                level = CGRP_LEVEL(step);
                *ret = &s->event[step].fact;
            }
    }
    return level;
}

/* Somebody was chosen and is neither gone nor given up. */
bool cgrp_victim_pending(const struct cgrp_table *table) {
    for (int i = 0; i < table->n; i++)
        if (table->app[i].state != CGRP_APP_NONE && table->app[i].kill.at &&
            !table->app[i].kill.stuck)
            return true;
    return false;
}

struct cgrp_action cgrp_about(enum cgrp_do what, int slot, const struct cgrp_fact *fact,
                              int level) {
    return (struct cgrp_action){
        .what = what,
        .slot = slot,
        .level = level,
        .source = fact->source,
        .fact = *fact,
    };
}

int cgrp_choose(struct cgrp_policy *p, struct cgrp_table *table, int slot, uint64_t now,
                struct cgrp_action *ret) {
    struct cgrp_app *app = &table->app[slot];

    ret->what = CGRP_DO_KILL;
    ret->slot = slot;
    ret->at_once = app->state == CGRP_APP_SUSPENDED || app->state == CGRP_APP_STOPPING;
    ret->bytes = app->bytes;
    app->kill.at = now ? now : 1;
    app->kill.until = now + CGRP_STUCK_US + (ret->at_once ? 0 : CGRP_UNLOAD_US);
    app->kill.bytes = app->bytes;
    app->kill.level = ret->level;
    app->kill.fact = ret->fact;
    app->warn.at = 0;
    for (int i = 0; i < CGRP_FACT_SENSORS; i++)
        for (int step = 0; step < CGRP_STEPS; step++)
            p->sensor[i].event[step].unanswered = false;
    return 1;
}

static int tell_level(struct cgrp_policy *p, uint64_t now, struct cgrp_action *ret) {
    static const struct cgrp_fact calm = { .slot = -1 };
    const struct cgrp_fact *fact = &calm;
    int level = current_level(p, now, &fact);

    if (level == p->level)
        return 0;
    if (fact == &calm) /* what fell last is not told apart: the one that was told before */
        fact = &p->told;
    *ret = cgrp_about(CGRP_DO_LEVEL, -1, fact, level);
    p->told = *fact;
    p->level = level;
    if (p->warned > level)
        p->warned = level;
    return 1;
}

/* Victims that should be gone by now. Of a kill by the kernel part of the app may live on. */
static int tell_stuck(struct cgrp_policy *p, struct cgrp_table *table, uint64_t now,
                      struct cgrp_action *ret) {
    for (int i = 0; i < table->n; i++) {
        struct cgrp_app *app = &table->app[i];
        if (app->state == CGRP_APP_NONE || !app->kill.at || app->kill.stuck ||
            now < app->kill.until)
            continue;
        if (app->kill.by_kernel) {
            memset(&app->kill, 0, sizeof app->kill);
            forget_needs(p);
            continue;
        }
        app->kill.stuck = true;
        *ret = cgrp_about(CGRP_DO_STUCK, i, &app->kill.fact, app->kill.level);
        ret->bytes = app->kill.bytes;
        return 1;
    }
    return 0;
}

static int kill_for_level(struct cgrp_policy *p, struct cgrp_table *table, uint64_t now,
                          struct cgrp_action *ret) {
    const struct cgrp_fact *fact = NULL;
    int level = needed_level(p, now, &fact);

    if (level < CGRP_LOW || cgrp_victim_pending(table))
        return 0;
    enum cgrp_app_state up_to = level >= CGRP_CRITICAL ? CGRP_APP_FOREGROUND : CGRP_APP_SUSPENDED;
    int slot = cgrp_rank_first(table, up_to, now);
    if (slot < 0)
        return 0;
    *ret = cgrp_about(CGRP_DO_KILL, slot, fact, level);
    ret->why = CGRP_WHY_LEVEL;
    ret->up_to = up_to;
    return cgrp_choose(p, table, slot, now, ret);
}

int cgrp_policy_next(struct cgrp_policy *p, struct cgrp_table *table, uint64_t now,
                     struct cgrp_action *ret) {
    struct cgrp_action a = { 0 };

    pass_over_its_stalls(p, table);
    int r = tell_level(p, now, &a);
    if (r == 0) /* with policy=off too: the kernel has victims, whose time must run out */
        r = tell_stuck(p, table, now, &a);
    if (r == 0 && !p->config.off)
        r = kill_for_level(p, table, now, &a);
    if (r == 0)
        r = cgrp_warn_next(p, table, now, &a);
    if (r == 0)
        r = cgrp_admission_next(p, table, now, &a);
    if (r > 0)
        *ret = a;
    return r;
}

static uint64_t earlier(uint64_t a, uint64_t b) {
    return a < b ? a : b;
}

uint64_t cgrp_policy_wake(const struct cgrp_policy *p, const struct cgrp_table *table,
                          uint64_t now) {
    uint64_t at = p->level > 0 ? now + CGRP_POLL_US : UINT64_MAX;

    for (int i = 0; i < table->n; i++) {
        const struct cgrp_app *app = &table->app[i];
        if (app->state == CGRP_APP_NONE)
            continue;
        if (app->limit.level > 0 && cgrp_runs(app))
            at = earlier(at, now + CGRP_POLL_US);
        if (app->warn.at)
            at = earlier(at, app->warn.at + CGRP_MEASURE_US);
        if (app->kill.at && !app->kill.stuck)
            at = earlier(at, app->kill.until);
        if (app->admit.state == CGRP_ADMIT_WAITING)
            at = earlier(at, earlier(now + CGRP_POLL_US, app->admit.until));
    }
    return at;
}
