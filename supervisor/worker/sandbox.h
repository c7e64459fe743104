/* SPDX-License-Identifier: MIT
 * sandbox.h - a worker gives up all that its job does not need, before it looks at any input.
 * Layer: 3, worker. Uses: base, libseccomp.
 *
 * What is open already stays usable. From then on: no new privileges, no other program, nobody
 * else's memory, no core file, limits on bytes, memory, time and descriptors; no path but those
 * named here (Landlock, where the kernel has it), no socket unless the job is to fetch. */
#ifndef WORKER_SANDBOX_H
#define WORKER_SANDBOX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct err;

enum sandbox_access { SANDBOX_READ, SANDBOX_WRITE /* and make, remove and read */ };

struct sandbox_path {
    const char *path; /* NULL: what fd is open on */
    int fd;
    enum sandbox_access access;
};

struct sandbox {
    uint64_t file_bytes;   /* the largest file that can be written */
    uint64_t memory_bytes; /* of address space */
    uint64_t cpu_seconds;
    uint64_t descriptors;
    bool network;
    const struct sandbox_path *paths; /* those that are not there are passed over */
    size_t n_paths;
};

/* Not to be undone. A kernel without Landlock or seccomp is none of our failures; one that has them
 * and refuses is. Errors: as the calls. */
int sandbox_enter(const struct sandbox *s, struct err *e);

#endif
