/* SPDX-License-Identifier: MIT
 * depth.h - how much of a suspended app to take, learned from what its resumes cost.
 * Layer: 2, cgroups. Uses: libc only. Pure.
 *
 * What is taken must be read back when the app comes in front again. While a resume keeps well
 * within its budget the next suspension takes more; one that was too slow, and by what was taken,
 * makes it less in proportion. */
#ifndef CGROUPS_DEPTH_H
#define CGROUPS_DEPTH_H

#include <stdint.h>

#define CGRP_DEPTH_FIRST 500 /* permille of what it uses, before anything is known */
#define CGRP_DEPTH_STEP  125
#define CGRP_DEPTH_LEAST 50

struct cgrp_depth {
    uint32_t permille; /* 0: not begun */
};

/* What to take of `usage` bytes at the next suspension. v1 takes all or nothing: all where this is
 * half or more. */
uint64_t cgrp_depth_bytes(const struct cgrp_depth *d, uint64_t usage);

/* A resume: from SIGCONT to its next message, and what it read back until then. */
struct cgrp_resume {
    uint64_t took_us, refault_bytes, reclaimed_bytes;
};
void cgrp_depth_learn(struct cgrp_depth *d, const struct cgrp_resume *resume, uint64_t budget_us);

#endif
