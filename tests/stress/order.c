/* SPDX-License-Identifier: MIT */
#include "tests/stress/order.h"

#include <string.h>

#include "tests/stress/plan.h"
#include "tests/stress/record.h"

void order_init(struct order *o, const struct plan *p) {
    *o = (struct order){ .dice = p->seed * UINT64_C(0x9e3779b97f4a7c15) + 1 };
}

/* Marsaglia's xorshift; the same seed gives the same run. */
static uint64_t throw_dice(struct order *o) {
    o->dice ^= o->dice << 13;
    o->dice ^= o->dice >> 7;
    o->dice ^= o->dice << 17;
    return o->dice >> 11;
}

static bool by_chance(struct order *o, uint64_t permille) {
    return throw_dice(o) % 1000 < permille;
}

/* Our apps have the indices that the plan has; others may stand between. */
static int nth_of_ours(const struct record *r, unsigned n) {
    for (size_t i = 0; i < r->n_apps; i++)
        if (r->app[i].manner && n-- == 0)
            return (int) i;
    return -1;
}

static int open_app(struct order *o, int app) {
    memmove(o->recent + 1, o->recent, (ORDER_RECENT - 1) * sizeof o->recent[0]);
    o->recent[0] = app;
    if (o->n_recent < ORDER_RECENT)
        o->n_recent++;
    o->turns++;
    return app;
}

/* All others once, the leaking one until it has ended, and all others once more. */
static enum order_do next_of_leak(struct order *o, const struct plan *p, const struct record *r,
                                  int *ret_app) {
    unsigned others = (unsigned) p->apps - 1;

    if (o->turns == others + 1 && r->app[r->leaker].state != STATE_STOPPED)
        return ORDER_WAIT;
    if (o->turns == 2 * others + 1)
        return ORDER_DONE;
    if (o->turns == others) {
        *ret_app = open_app(o, r->leaker);
        return ORDER_OPEN;
    }
    unsigned n = o->turns < others ? o->turns : o->turns - others - 1;
    *ret_app = open_app(o, nth_of_ours(r, n)); /* the leaker is the last of them */
    return ORDER_OPEN;
}

static bool is_live(enum record_state s) {
    return s != STATE_STOPPED && s != STATE_STOPPING;
}

static int some_live_one(struct order *o, const struct record *r) {
    unsigned n = 0;

    for (size_t i = 0; i < r->n_apps; i++)
        n += r->app[i].manner && is_live(r->app[i].state);
    if (n == 0)
        return -1;
    unsigned nth = (unsigned) (throw_dice(o) % n);
    for (size_t i = 0; i < r->n_apps; i++)
        if (r->app[i].manner && is_live(r->app[i].state) && nth-- == 0)
            return (int) i;
    return -1;
}

static int in_front(const struct record *r) {
    for (size_t i = 0; i < r->n_apps; i++)
        if (r->app[i].manner && r->app[i].state == STATE_FOREGROUND)
            return (int) i;
    return -1;
}

enum order_do order_next(struct order *o, const struct plan *p, const struct record *r,
                         int *ret_app) {
    int app;

    if (p->scenario == SCENARIO_LEAK)
        return next_of_leak(o, p, r, ret_app);
    if (p->turns && o->turns >= p->turns)
        return ORDER_DONE;
    if (by_chance(o, p->hide) && (app = in_front(r)) >= 0) {
        *ret_app = app;
        return ORDER_HIDE;
    }
    if (by_chance(o, p->end) && (app = some_live_one(o, r)) >= 0) {
        *ret_app = app;
        return by_chance(o, 500) ? ORDER_CLOSE : ORDER_KILL;
    }
    if (o->n_recent > 1 && by_chance(o, p->again)) {
        app = o->recent[1 + throw_dice(o) % (o->n_recent - 1)];
        if (app != in_front(r)) {
            *ret_app = open_app(o, app);
            return ORDER_OPEN;
        }
    }
    *ret_app = open_app(o, nth_of_ours(r, o->next++ % (unsigned) p->apps));
    return ORDER_OPEN;
}
