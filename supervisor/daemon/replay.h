/* SPDX-License-Identifier: MIT
 * replay.h - miniprogd --replay FILE: a recorded trace of memory facts, decided anew.
 * Layer: 3, daemon. Uses: cgroups, base. */
#ifndef DAEMON_REPLAY_H
#define DAEMON_REPLAY_H

/* Prints what is decided and why, each decision that was recorded otherwise marked with '!'.
 * path: "-" is standard input. Returns the exit status: 0 all as recorded (or nothing was), 1
 * something differs, or the trace cannot be read (one sentence on standard error). */
int replay_run(const char *path);

#endif
