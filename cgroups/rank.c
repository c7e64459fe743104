/* SPDX-License-Identifier: MIT */
#include "cgroups/rank.h"

#include "supervisor/base/parse.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define SECOND UINT64_C(1000000)

static const char *const states[CGRP_APP_STATE_COUNT] = {
#define X(id, name) [CGRP_APP_##id] = name,
    CGRP_APP_STATES(X)
#undef X
};

const char *cgrp_app_state_name(enum cgrp_app_state state) {
    return (unsigned) state < CGRP_APP_STATE_COUNT ? states[state] : "?";
}

int cgrp_app_state_parse(const char *name, enum cgrp_app_state *ret) {
    for (int s = 0; s < CGRP_APP_STATE_COUNT; s++)
        if (strcmp(states[s], name) == 0) {
            *ret = (enum cgrp_app_state) s;
            return 0;
        }
    return -EINVAL;
}

bool cgrp_app_kept_all(const struct cgrp_app *app) {
    return app->warn.measured && app->warn.had > 0 && app->warn.freed < (app->warn.had + 9) / 10;
}

static uint64_t idle_of(const struct cgrp_app *app, uint64_t now) {
    return app->state != CGRP_APP_FOREGROUND && now > app->idle_since ? now - app->idle_since : 0;
}

unsigned cgrp_app_idle_class(const struct cgrp_app *app, uint64_t now) {
    unsigned class = 0;

    for (uint64_t s = idle_of(app, now) / SECOND; s > 1; s /= 2)
        class ++;
    return class;
}

bool cgrp_app_is_candidate(const struct cgrp_app *app) {
    /* One that waits for room has no process yet. */
    return app->state != CGRP_APP_NONE && app->kill.at == 0 &&
           app->admit.state != CGRP_ADMIT_WAITING;
}

static int order(uint64_t a, uint64_t b) {
    return a < b ? -1 : a > b;
}

int cgrp_rank_compare(const struct cgrp_table *table, int a, int b, uint64_t now,
                      enum cgrp_rank_by *ret_by) {
    const struct cgrp_app *x = &table->app[a], *y = &table->app[b];
    enum cgrp_rank_by by = CGRP_BY_STATE;

    int r = order(x->state, y->state);
    if (r == 0 && (r = order(cgrp_app_kept_all(y), cgrp_app_kept_all(x))))
        by = CGRP_BY_FREED;
    if (r == 0 && (r = order(cgrp_app_idle_class(y, now), cgrp_app_idle_class(x, now))))
        by = CGRP_BY_IDLE;
    if (r == 0 && (r = order(y->bytes, x->bytes)))
        by = CGRP_BY_BYTES;
    if (r == 0) {
        r = a - b;
        by = CGRP_BY_SLOT;
    }
    if (ret_by)
        *ret_by = by;
    return r;
}

/* By insertion into the few that are kept: qsort(3) may take memory. */
int cgrp_rank(const struct cgrp_table *table, enum cgrp_app_state up_to, uint64_t now, int *ret,
              int max) {
    int n = 0;

    for (int slot = 0; slot < table->n; slot++) {
        const struct cgrp_app *app = &table->app[slot];
        if (!cgrp_app_is_candidate(app) || app->state > up_to)
            continue;
        int at = n;
        while (at > 0 && cgrp_rank_compare(table, slot, ret[at - 1], now, NULL) < 0)
            at--;
        if (at >= max)
            continue;
        if (n < max)
            n++;
        memmove(&ret[at + 1], &ret[at], (size_t) (n - 1 - at) * sizeof ret[0]);
        ret[at] = slot;
    }
    return n;
}

int cgrp_rank_first(const struct cgrp_table *table, enum cgrp_app_state up_to, uint64_t now) {
    int first = -1;

    return cgrp_rank(table, up_to, now, &first, 1) > 0 ? first : -1;
}

static const char *by_text(enum cgrp_rank_by by) {
    switch (by) {
    case CGRP_BY_STATE:
        return "state";
    case CGRP_BY_FREED:
        return "what was freed when warned";
    case CGRP_BY_IDLE:
        return "idle time";
    case CGRP_BY_BYTES:
        return "bytes to come back";
    case CGRP_BY_SLOT:
        break;
    }
    return "place, equal in all";
}

static const char *freed_text(const struct cgrp_app *app, char *buf, size_t size) {
    char had[16], freed[16];

    if (!app->warn.measured)
        (void) snprintf(buf, size, "no warning measured");
    else
        (void) snprintf(buf, size, "freed %s of %s when last warned%s",
                        format_size(app->warn.freed, freed, sizeof freed),
                        format_size(app->warn.had, had, sizeof had),
                        cgrp_app_kept_all(app) ? " (under a tenth)" : "");
    return buf;
}

const char *cgrp_rank_text(const struct cgrp_table *table, int slot, int before, uint64_t now,
                           char buf[CGRP_RANK_TEXT]) {
    const struct cgrp_app *app = &table->app[slot];
    char idle[32], bytes[16], freed[96];
    enum cgrp_rank_by by;

    int n = snprintf(buf, CGRP_RANK_TEXT, "%s, %s, idle %s, %s to come back",
                     cgrp_app_state_name(app->state), freed_text(app, freed, sizeof freed),
                     format_duration(idle_of(app, now) / SECOND * SECOND, idle, sizeof idle),
                     format_size(app->bytes, bytes, sizeof bytes));
    if (before < 0)
        return buf;
    (void) cgrp_rank_compare(table, before, slot, now, &by);
    (void) snprintf(buf + n, CGRP_RANK_TEXT - (size_t) n, "; after %s by %s", table->app[before].id,
                    by_text(by));
    return buf;
}
