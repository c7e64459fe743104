/* SPDX-License-Identifier: MIT
 * warn.c - the steps that do not kill: warnings, what they brought, alarms, reclaim. */
#include "cgroups/policy_parts.h"

/* A warning starts a measurement; one that runs already goes on. */
static void note_warning(struct cgrp_app *app, int level, enum cgrp_source source, uint64_t now) {
    app->warn.level = level;
    app->warn.source = source;
    if (app->warn.at)
        return;
    app->warn.at = now ? now : 1;
    app->warn.before = app->bytes;
}

/* Once it is stopped it frees nothing more. */
static int measure(struct cgrp_table *table, uint64_t now, struct cgrp_action *ret) {
    for (int i = 0; i < table->n; i++) {
        struct cgrp_app *app = &table->app[i];
        if (app->state == CGRP_APP_NONE || !app->warn.at)
            continue;
        if (!cgrp_runs(app) && app->state != CGRP_APP_SUSPENDED) {
            app->warn.at = 0; /* on its way out: nothing that it frees is an answer */
            continue;
        }
        if (app->state != CGRP_APP_SUSPENDED && now < app->warn.at + CGRP_MEASURE_US)
            continue;
        app->warn.measured = true;
        app->warn.had = app->warn.before;
        app->warn.freed = app->warn.before > app->bytes ? app->warn.before - app->bytes : 0;
        app->warn.at = 0;
        *ret = (struct cgrp_action){
            .what = CGRP_DO_MEASURED,
            .slot = i,
            .level = app->warn.level,
            .source = app->warn.source,
            .bytes = app->warn.freed,
        };
        return 1;
    }
    return 0;
}

/* An app over its own limit is warned alone; critical ones are alarms. */
static int warn_of_limit(struct cgrp_policy *p, struct cgrp_table *table, uint64_t now,
                         struct cgrp_action *ret) {
    for (int i = 0; i < table->n; i++) {
        struct cgrp_app *app = &table->app[i];
        if (app->limit.level == 0 || !cgrp_runs(app) ||
            (app->limit.level <= app->limit.warned && now < app->limit.next))
            continue;
        app->limit.warned = app->limit.level;
        app->limit.next = now + CGRP_REPEAT_US;
        *ret = cgrp_about(CGRP_DO_WARN, i, &app->limit.last, app->limit.level);
        if (app->limit.level >= CGRP_CRITICAL &&
            cgrp_alarm_raise(&app->limit.alarms, now, p->config.alarm_count,
                             p->config.alarm_window)) {
            ret->why = CGRP_WHY_ALARMS;
            ret->up_to = app->state;
            return cgrp_choose(p, table, i, now, ret);
        }
        note_warning(app, app->limit.level, CGRP_SOURCE_LIMIT, now);
        return 1;
    }
    return 0;
}

static bool warn_running(struct cgrp_table *table, int level, enum cgrp_source source,
                         uint64_t now) {
    bool any = false;

    for (int i = 0; i < table->n; i++)
        if (cgrp_runs(&table->app[i])) {
            note_warning(&table->app[i], level, source, now);
            any = true;
        }
    return any;
}

static int warn_as_asked(struct cgrp_policy *p, struct cgrp_table *table, uint64_t now,
                         struct cgrp_action *ret) {
    int slot = p->asked.slot;

    if (!p->has_asked)
        return 0;
    p->has_asked = false;
    if (slot < 0 ? !warn_running(table, p->asked.level, p->asked.source, now)
                 : !cgrp_live(table, slot) || !cgrp_runs(&table->app[slot]))
        return 0;
    if (slot >= 0)
        note_warning(&table->app[slot], p->asked.level, p->asked.source, now);
    *ret = cgrp_about(CGRP_DO_WARN, slot, &p->asked, p->asked.level);
    return 1;
}

static int warn_of_level(struct cgrp_policy *p, struct cgrp_table *table, uint64_t now,
                         struct cgrp_action *ret) {
    if (p->level == 0 || (p->level <= p->warned && now < p->warn_next))
        return 0;
    p->warned = p->level;
    p->warn_next = now + CGRP_REPEAT_US;
    p->reclaim_wanted = true;
    if (!warn_running(table, p->level, p->told.source, now))
        return 0;
    *ret = cgrp_about(CGRP_DO_WARN, -1, &p->told, p->level);
    return 1;
}

static int reclaim(struct cgrp_policy *p, const struct cgrp_table *table, struct cgrp_action *ret) {
    if (!p->reclaim_wanted)
        return 0;
    p->reclaim_wanted = false;
    for (int i = 0; i < table->n; i++)
        if (table->app[i].state == CGRP_APP_SUSPENDED && !table->app[i].kill.at) {
            *ret = cgrp_about(CGRP_DO_RECLAIM, -1, &p->told, p->level);
            return 1;
        }
    return 0;
}

int cgrp_warn_next(struct cgrp_policy *p, struct cgrp_table *table, uint64_t now,
                   struct cgrp_action *ret) {
    int r = measure(table, now, ret);

    if (r == 0)
        r = warn_as_asked(p, table, now, ret);
    if (r > 0 || p->config.off)
        return r;
    r = warn_of_limit(p, table, now, ret);
    if (r == 0)
        r = warn_of_level(p, table, now, ret);
    return r == 0 ? reclaim(p, table, ret) : r;
}
