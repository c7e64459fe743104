/* SPDX-License-Identifier: MIT
 * watch.h - the supervisor's events to whoever watches.
 * Layer: 3, daemon. Uses: base.
 *
 * An event is written once and sent to all. Nothing is written while nobody watches. */
#ifndef DAEMON_WATCH_H
#define DAEMON_WATCH_H

#include <stdint.h>

#include "units/life.h"

struct app;
struct call;
struct daemon;
struct exit_record;
struct jsonw;
struct watch;

struct watch *watch_new(struct daemon *d);
struct watch *watch_free(struct watch *w);
/* Takes a Watch call: sends the snapshot, then what happens. only: an app's id, or NULL. */
int watch_add(struct watch *w, struct call *call, const char *only);

/* Writes one event: begin gives the writer, inside the event object, or NULL when nobody cares; the
 * member named as the type is the caller's to write; end sends. */
struct jsonw *watch_begin(struct watch *w, const char *type, const char *app_id);
void watch_end(struct watch *w);

void watch_state(struct app *app, enum life_state from, enum life_state to, const char *cause);
void watch_exit(struct app *app, const struct exit_record *exit);
/* code, reason: 0 and NULL for none. */
void watch_update(struct app *app, const char *phase, uint64_t code, const char *reason);
/* bytes, total: 0 for unknown. */
void watch_progress(struct app *app, const char *phase, uint64_t code, uint64_t bytes,
                    uint64_t total);
/* The same of the installation that is in hand: the event names no app, which is not there yet. */
void watch_install(struct watch *w, const char *phase, uint64_t code, uint64_t bytes,
                   uint64_t total);
void watch_warned(struct app *app, int level, const char *source);
void exit_write(const struct exit_record *exit, struct jsonw *w, const char *key);

#endif
