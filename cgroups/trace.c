/* SPDX-License-Identifier: MIT */
#include "cgroups/trace.h"

#include "supervisor/base/str.h"

#include <inttypes.h>

#define CONSIDERED 16

void cgrp_trace_begin(struct str *out, const struct cgrp_policy_config *config) {
    (void) str_puts(out, "miniprog-trace 1\n");
    cgrp_trace_config(out, config);
}

void cgrp_trace_config(struct str *out, const struct cgrp_policy_config *config) {
    const struct cgrp_available *a = &config->available;

    (void) str_printf(out,
                      "config off=%s alarm_count=%u alarm_window=%" PRIu64
                      "us available_low=%u available_low_exit=%u available_critical=%u "
                      "available_critical_exit=%u\n",
                      config->off ? "yes" : "no", config->alarm_count, config->alarm_window,
                      a->enter[0], a->leave[0], a->enter[1], a->leave[1]);
}

static void app_line(struct str *out, uint64_t now, const struct cgrp_app *app) {
    (void) str_printf(out, "app %" PRIu64 "us %s state=%s idle_since=%" PRIu64 "us bytes=%" PRIu64,
                      now, app->id, cgrp_app_state_name(app->state), app->idle_since, app->bytes);
}

void cgrp_trace_app(struct str *out, uint64_t now, const struct cgrp_app *app) {
    app_line(out, now, app);
    (void) str_putc(out, '\n');
}

void cgrp_trace_fact(struct str *out, const struct cgrp_table *table,
                     const struct cgrp_fact *fact) {
    bool of_app = fact->slot >= 0 && fact->slot < table->n;

    if (of_app && table->app[fact->slot].state == CGRP_APP_NONE)
        return; /* the policy passes over it, too */
    (void) str_printf(out, "fact %" PRIu64 "us %s", fact->at, cgrp_fact_name(fact->kind));
    if (of_app)
        (void) str_printf(out, " %s", table->app[fact->slot].id);
    (void) str_printf(out, " level=%d", fact->level);
    for (unsigned i = 0; i < CGRP_FIGURES; i++)
        if (cgrp_fact_figure(fact->kind, i))
            (void) str_printf(out, " %s=%" PRIu64, cgrp_fact_figure(fact->kind, i),
                              fact->figure[i]);
    (void) str_putc(out, '\n');
}

void cgrp_trace_empty(struct str *out, uint64_t now, const char *id) {
    (void) str_printf(out, "empty %" PRIu64 "us %s\n", now, id);
}

void cgrp_trace_admit(struct str *out, uint64_t now, const char *id, uint64_t need) {
    (void) str_printf(out, "admit %" PRIu64 "us %s %" PRIu64 "\n", now, id, need);
}

void cgrp_trace_reclaimed(struct str *out, uint64_t now) {
    (void) str_printf(out, "reclaimed %" PRIu64 "us\n", now);
}

void cgrp_trace_decide(struct str *out, uint64_t now) {
    (void) str_printf(out, "decide %" PRIu64 "us\n", now);
}

int cgrp_considered(const struct cgrp_table *table, const struct cgrp_action *kill, uint64_t now,
                    int *ret, int max) {
    if (max < 1)
        return 0;
    ret[0] = kill->slot;
    if (kill->why == CGRP_WHY_ALARMS)
        return 1; /* nobody else was */
    return 1 + cgrp_rank(table, kill->up_to, now, ret + 1, max - 1);
}

void cgrp_trace_action(struct str *out, const struct cgrp_table *table, uint64_t now,
                       const struct cgrp_action *action) {
    char text[CGRP_ACTION_TEXT], why[CGRP_RANK_TEXT];
    int slot[CONSIDERED];

    (void) str_printf(out, "> %s\n", cgrp_action_text(table, action, text));
    if (action->what != CGRP_DO_KILL)
        return;
    int n = cgrp_considered(table, action, now, slot, CONSIDERED);
    for (int i = 0; i < n; i++)
        (void) str_printf(out, ">   | %s: %s\n", table->app[slot[i]].id,
                          cgrp_rank_text(table, slot[i], i ? slot[i - 1] : -1, now, why));
}

static void snapshot_of_app(struct str *out, const struct cgrp_table *table,
                            const struct cgrp_app *app, uint64_t now) {
    app_line(out, now, app);
    if (app->warn.measured)
        (void) str_printf(out, " had=%" PRIu64 " freed=%" PRIu64, app->warn.had, app->warn.freed);
    if (app->warn.at)
        (void) str_printf(out, " asked=%" PRIu64 "us before=%" PRIu64 " of=%d", app->warn.at,
                          app->warn.before, app->warn.level);
    if (app->kill.at && !app->kill.by_kernel)
        (void) str_printf(
            out, " killed=%" PRIu64 "us until=%" PRIu64 "us back=%" PRIu64 " stuck=%s",
            app->kill.at, app->kill.until, app->kill.bytes, app->kill.stuck ? "yes" : "no");
    (void) str_putc(out, '\n');
    if (app->limit.level > 0)
        cgrp_trace_fact(out, table, &app->limit.last);
    if (app->admit.state == CGRP_ADMIT_WAITING)
        cgrp_trace_admit(out, app->admit.until - CGRP_ADMIT_US, app->id, app->admit.need);
}

void cgrp_trace_snapshot(struct str *out, const struct cgrp_policy *p,
                         const struct cgrp_table *table, uint64_t now) {
    cgrp_trace_begin(out, &p->config);
    for (int i = 0; i < table->n; i++)
        if (table->app[i].state != CGRP_APP_NONE)
            snapshot_of_app(out, table, &table->app[i], now);
    if (p->level > 0) { /* with the fact that it was told with, which may be an older one */
        cgrp_trace_fact(out, table, &p->told);
        (void) str_printf(out, "held %" PRIu64 "us level=%d warned=%d next=%" PRIu64 "us\n", now,
                          p->level, p->warned, p->warn_next);
    }
    for (int i = 0; i < CGRP_FACT_SENSORS; i++)
        if (p->sensor[i].known)
            cgrp_trace_fact(out, table, &p->sensor[i].last);
}
