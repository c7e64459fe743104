/* SPDX-License-Identifier: MIT
 * spawn_slots.h - descriptors at low numbers, in which a child finds what it is given.
 * Layer: 3, daemon. Uses: libc.
 *
 * A daemon with many apps has thousands of descriptors. A child that got a copy of them all would
 * take the longer to make the more apps run. So it shares the daemon's table at first and then
 * takes a copy of the lowest numbers alone; what it needs is put there before. Source:
 * close_range(2), CLOSE_RANGE_UNSHARE; measured with 10,000 descriptors: 25 us
 * instead of 1.1 ms. */
#ifndef DAEMON_SPAWN_SLOTS_H
#define DAEMON_SPAWN_SLOTS_H

#include "supervisor/daemon/spawn.h"

enum spawn_slot { SPAWN_SLOT_NULL, SPAWN_SLOT_OUTPUT, SPAWN_SLOT_CWD, SPAWN_SLOT_KEEP };
#define SPAWN_SLOTS (SPAWN_SLOT_KEEP + SPAWN_KEEP_MAX)

struct spawn_slots {
    int fd[SPAWN_SLOTS]; /* above all that a child may have in the end; /dev/null while unused */
    int highest;         /* of these */
};

/* -errno: there are none left. */
int spawn_slots_open(struct spawn_slots *s);

/* Fills the slots; *ret_slot is the one that could not be. -errno, with the slots empty. */
int spawn_slots_fill(const struct spawn_slots *s, const struct spawn_request *req,
                     enum spawn_slot *ret_slot);
/* Empties them: a version's folder or a FIFO is not held longer than a birth takes. */
void spawn_slots_empty(const struct spawn_slots *s, const struct spawn_request *req);

#endif
