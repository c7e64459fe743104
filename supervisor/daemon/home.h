/* SPDX-License-Identifier: MIT
 * home.h - the app that is there when no other is: opened at start, reopened after it ends.
 * Layer: 3, daemon. Back-off 1 s to 60 s, reset after 60 s alive. Source: design.md §4. */
#ifndef DAEMON_HOME_H
#define DAEMON_HOME_H

struct app;
struct daemon;
struct home;

struct home *home_new(struct daemon *d);
struct home *home_free(struct home *h);
void home_look(struct home *h);                   /* something changed: is it time? */
void home_ended(struct home *h, struct app *app); /* some app's run is over */

#endif
