/* SPDX-License-Identifier: MIT
 * top.h - apps and their memory on a screen that follows them, with keys.
 * Layer: 4, ctl. Uses: base, wire.
 *
 * Drawn anew when the daemon tells of something, and every second. Up and down choose an app; o, h,
 * c and w open, hide, close and warn it; q leaves. */
#ifndef CTL_TOP_H
#define CTL_TOP_H

struct ctl;

/* Returns the exit status; the terminal is as it was. */
int top_run(struct ctl *c);

#endif
