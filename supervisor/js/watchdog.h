/* SPDX-License-Identifier: MIT
 * watchdog.h - a script that never comes back is ended, and its stack is in the log.
 * Layer: 4, js. Uses: base, pthreads, JavaScriptCore.
 *
 * A thread counts ticks of a second while one turn goes on; a stopped process ticks once when it
 * goes on, however long it was. It counts while the app is in front, and in background while an
 * event waits to be heard. It sleeps for good while no script runs. When it has counted
 * WATCHDOG_TICKS it tells the supervisor (WATCHDOG=trigger: reason `unresponsive`), writes the
 * stack and ends the process. JavaScriptCore gives the stack on the script's own thread only, once
 * the turn has used WATCHDOG_STACK_S of processor time; code without a safe point (a regular
 * expression) gives none. */
#ifndef JS_WATCHDOG_H
#define JS_WATCHDOG_H

#include <stdbool.h>

#include <JavaScriptCore/JavaScript.h>

#define WATCHDOG_TICKS   10
#define WATCHDOG_TICK_MS 1000
#define WATCHDOG_STACK_S 2.0

struct watchdog;

/* events_fd: readable while an event waits. NULL: no memory or no thread; the app runs without. */
struct watchdog *watchdog_new(int events_fd, int tick_ms);
/* Asks JavaScriptCore for the stack of long turns. */
void watchdog_watch(struct watchdog *w, JSGlobalContextRef ctx);
/* A turn begins, and ends. Both take NULL, and are cheap. */
void watchdog_begin(struct watchdog *w);
void watchdog_end(struct watchdog *w);
void watchdog_front(struct watchdog *w, bool in_front);

#endif
