/* SPDX-License-Identifier: MIT
 * order.h - which app is next, and what is done to it.
 * Layer: tests. Pure. */
#ifndef STRESS_ORDER_H
#define STRESS_ORDER_H

#include <stdbool.h>
#include <stdint.h>

struct plan;
struct record;

enum order_do { ORDER_OPEN, ORDER_HIDE, ORDER_CLOSE, ORDER_KILL, ORDER_WAIT, ORDER_DONE };

#define ORDER_RECENT 5u
struct order {
    uint64_t dice;
    unsigned next;            /* the app whose first turn, or next round, comes */
    int recent[ORDER_RECENT]; /* last opened first */
    unsigned n_recent, turns;
};

void order_init(struct order *o, const struct plan *p);
/* ret: the app, for all but WAIT and DONE. WAIT: ask again a little later. */
enum order_do order_next(struct order *o, const struct plan *p, const struct record *r,
                         int *ret_app);

#endif
