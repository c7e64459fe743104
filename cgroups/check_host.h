/* SPDX-License-Identifier: MIT
 * check_host.h - what the machine around the groups offers: PSI, swap, capabilities, uids.
 * Layer: 2, cgroups; internal to this folder. Uses: base. */
#ifndef CGROUPS_CHECK_HOST_H
#define CGROUPS_CHECK_HOST_H

#include "cgroups/check.h"

struct cgrp_reporter {
    void (*found)(const struct cgrp_finding *finding, void *userdata);
    void *userdata;
};

void cgrp_report(const struct cgrp_reporter *to, const char *what, enum cgrp_verdict verdict,
                 uint64_t took_us, const char *fmt, ...) __attribute__((format(printf, 5, 6)));

/* Reports swap, capabilities and uids by the files of <proc>, and PSI by <proc>/pressure/memory
 * and by memory.pressure of a group (dir_fd, -1: none). */
void cgrp_check_host(const struct cgrp_reporter *to, int proc_fd, int dir_fd);

#endif
