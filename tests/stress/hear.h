/* SPDX-License-Identifier: MIT
 * hear.h - the supervisor's events into the record.
 * Layer: tests. Uses: base. Pure. */
#ifndef STRESS_HEAR_H
#define STRESS_HEAR_H

struct json;
struct record;

/* The figure of a kill's decision that says how long SIGKILL took from the event. */
#define HEAR_SIGKILL_FIGURE "to_kill_usec"

/* An event object of Watch, the snapshot too. Returns 0; -ENOMEM; -EPROTO: it is no event. */
int hear(struct record *r, const struct json *event);

#endif
