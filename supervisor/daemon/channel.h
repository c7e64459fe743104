/* SPDX-License-Identifier: MIT
 * channel.h - the socket between the supervisor and one app (org.miniprog.App).
 * Layer: 3, daemon. Uses: base, wire. */
#ifndef DAEMON_CHANNEL_H
#define DAEMON_CHANNEL_H

#include <stdbool.h>
#include <stdint.h>

#include "units/reason.h"

struct app;
struct err;
struct jsonw;
struct launch;

/* Binds <runtime dir>/apps/<id>/socket for the run. */
int channel_open(struct app *app, struct err *e);

/* Somebody streams Watch. */
bool channel_is_listening(const struct app *app);
/* Sends what is queued to every watcher, unless the app is suspended. */
void channel_flush(struct app *app);

/* Queue an event; it goes out with the next channel_flush(). */
void channel_launch(struct app *app);
void channel_show(struct app *app);
void channel_hide(struct app *app, int64_t reason);
void channel_update_check(struct app *app, bool has_update);
void channel_update_ready(struct app *app, uint64_t code);
void channel_update_failed(struct app *app, const char *reason);
void channel_unload(struct app *app, enum exit_reason reason, uint64_t timeout_us);
/* Sends at once, to those who listen now; false: nobody did. */
bool channel_memory_warning(struct app *app, int level, const char *source);

void launch_write(const struct app *app, const struct launch *l, struct jsonw *w, const char *key);

#endif
