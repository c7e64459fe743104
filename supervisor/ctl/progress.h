/* SPDX-License-Identifier: MIT
 * progress.h - calls that take a while, with a bar where standard output is a terminal.
 * Layer: 4, ctl. Uses: base, wire.
 *
 * The bar is drawn from the supervisor's `update` events, on a connection of its own; where these
 * cannot be had the call does without. What is printed in the end is as without a terminal. */
#ifndef CTL_PROGRESS_H
#define CTL_PROGRESS_H

#include "supervisor/ctl/call.h"

/* Install. Shows the installation that is in hand: while another one is, that. */
int progress_install(struct ctl *c, struct request *q);

/* CheckUpdate. On a terminal it stays until what was found is there, or cannot be had. */
int progress_check(struct ctl *c, struct request *q, const char *id);

#endif
