/* SPDX-License-Identifier: MIT
 * progress.h - one line on a terminal that says where a run is.
 * Layer: tests. Uses: base. */
#ifndef STRESS_PROGRESS_H
#define STRESS_PROGRESS_H

struct record;

/* what: "storm" or "baseline"; the figures are the last sample's. Cut to the terminal's width. */
void progress_show(const struct record *r, const char *what);
void progress_say(const char *what); /* what is done besides */
void progress_clear(void);

#endif
