/* SPDX-License-Identifier: MIT
 * sink.h - where a download goes: counted, hashed, told of.
 * Layer: 3, worker. Uses: base, units.
 *
 * The file may hold the beginning already: its bytes are hashed again, so that the sum at the end
 * is of what is in the file and not of what was once received. */
#ifndef WORKER_SINK_H
#define WORKER_SINK_H

#include <stddef.h>
#include <stdint.h>

#include "supervisor/worker/sum.h"
#include "units/answer.h"

struct verdict;

struct sink {
    int file_fd, tell_fd; /* borrowed */
    uint64_t cap;         /* not one byte more */
    struct worker_progress progress;
    uint64_t told_ms; /* when; 0: never */
    struct sum sum;
};

/* Takes over what is in the file, if it is not more than `keep` bytes, else empties it. */
int sink_open(struct sink *s, int file_fd, int tell_fd, uint64_t cap, uint64_t keep,
              struct verdict *v);
/* Empties it. */
int sink_restart(struct sink *s, struct verdict *v);
/* Errors: -EINVAL (PACKAGE_LIMITS) past the cap: nothing of it is written. */
int sink_write(struct sink *s, const void *bytes, size_t n, struct verdict *v);
/* Tells of the progress now and then; who does not read misses it. */
void sink_tell(struct sink *s, int always);

uint64_t monotonic_ms(void);

#endif
