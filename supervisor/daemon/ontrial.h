/* SPDX-License-Identifier: MIT
 * ontrial.h - a new version takes over, and has to live.
 * Layer: 3, daemon. Uses: units (trial.h decides). Hooks of an app's life; cheap where no trial is
 * on. */
#ifndef DAEMON_ONTRIAL_H
#define DAEMON_ONTRIAL_H

#include <stdbool.h>

#include "units/life.h"

struct app;
struct exit_record;

/* Before a cold start: has a pending version take over and the try counted, durably. True: the
 * start waits for the disk (start_go_on() comes). Once a run. */
bool ontrial_before_start(struct app *app);
/* It is ready; before its events go out. */
void ontrial_launched(struct app *app);
/* Its state changed: only running counts towards healthy_after. */
void ontrial_moved(struct app *app);
void ontrial_healthy(struct app *app); /* it ran for healthy_after */
/* An end that nobody asked for is on its way: who waits for this app goes on waiting. */
bool ontrial_goes_on(const struct app *app);
/* Its run is over, app->run still there. True: it is to be started again, once what follows is on
 * the disk. */
bool ontrial_ended(struct app *app, enum life_state from, const struct exit_record *end);

#endif
