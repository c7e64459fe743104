/* SPDX-License-Identifier: MIT
 * turn.h - what the main loop runs next: tasks in order, then timers; never in a burst.
 * Layer: 4, js. Uses: base, GLib.
 *
 * A process that was suspended wakes with its timers due before the supervisor's events are there.
 * So after SIGCONT a hidden app holds tasks and timers back until the supervisor has said what is
 * going on, at most for TURN_HOLD_US; and events but onShow and the end wait for those two. */
#ifndef JS_TURN_H
#define JS_TURN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <glib.h>

#include "supervisor/base/list.h"

#define TURN_HOLD_US ((int64_t) 1000 * 1000)

struct js;

typedef void (*task_fn)(struct js *js, void *data);

struct turns {
    struct list tasks;
    size_t n_tasks;
    struct list events; /* of life.c, held back */
    GSource *source;
    bool held;
    int64_t held_until; /* monotonic, µs */
};

int turns_init(struct js *js);
/* Runs in a later turn, in order; a task frees its data. -ENOMEM: it will not run. */
int turn_later(struct js *js, task_fn run, void *data);

/* Marks the script as running for the watchdog; TURN(js); at the start of a callback of the loop.
 * Not for what is inside a turn already. */
#define TURN(js) __attribute__((cleanup(turn_end_p), unused)) struct js *turn_ = turn_begin(js)
struct js *turn_begin(struct js *js);
void turn_end_p(struct js **js);

/* Whether things are held back now: after a SIGCONT that no event has explained. */
bool turn_holds(struct js *js);
void turn_release(struct js *js);
/* From here on a SIGCONT counts: the app was just hidden. */
void turn_hidden(struct js *js);

#endif
