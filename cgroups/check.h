/* SPDX-License-Identifier: MIT
 * check.h - try every operation on a canary group and say what this machine can do.
 * Layer: 2, cgroups. Uses: base. */
#ifndef CGROUPS_CHECK_H
#define CGROUPS_CHECK_H

#include <stdint.h>

#include "cgroups/cgroup.h"

enum cgrp_verdict { CGRP_WORKS, CGRP_PARTLY, CGRP_MISSING };

/* One line of the report; `took_us` (monotonic) is 0 where nothing was timed. */
struct cgrp_finding {
    enum cgrp_verdict verdict;
    uint64_t took_us;
    char what[40];    /* "stop", "kill", "memory limit", "PSI window" … */
    char detail[200]; /* what was seen, and what follows from it */
};

/* Opens a root as config says, runs the canary (a real child) through limit, stop, continue,
 * freeze, kill, empty, removal, looks at PSI windows, swap and capabilities, and removes all it
 * made. found(finding, userdata) is called line by line. Returns 0 when the supervisor can run
 * here, else -errno with e. */
int cgrp_check(const struct cgrp_config *config, void (*found)(const struct cgrp_finding *, void *),
               void *userdata, struct err *e);

#endif
