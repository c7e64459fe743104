/* SPDX-License-Identifier: MIT
 * timer.h - setTimeout and setInterval: a heap, so that a million timers cost a million entries.
 * Layer: 4, js. Uses: JavaScriptCore, GLib.
 *
 * An interval is armed anew from the time it ran, so what was missed while the process was stopped
 * is made up for once, not n times. */
#ifndef JS_TIMER_H
#define JS_TIMER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <glib.h>

struct js;
struct timer;

struct timers {
    struct timer **heap; /* by (due, number) */
    size_t n, cap;
    GHashTable *by_number;
    uint32_t last;
    struct timer *running;
    bool cleared; /* the running one was, by itself */
};

int timers_init(struct js *js);          /* and the global functions */
int64_t timers_due(const struct js *js); /* monotonic µs of the next one; -1: there is none */
/* Runs at most `most` of those that are due now. */
void timers_run(struct js *js, int most);

#endif
