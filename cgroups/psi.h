/* SPDX-License-Identifier: MIT
 * psi.h - pressure stall information: triggers, and what the files say.
 * Layer: 2, cgroups. Uses: base.
 *
 * A trigger is a descriptor that polls EPOLLPRI when tasks stalled for longer than asked within a
 * window, at most once a window. EPOLLERR on it means that its group is gone (unlike on
 * cgroup.events, where it comes with every change). Source: the kernel's accounting/psi.rst;
 * measured on Linux 6.18. */
#ifndef CGROUPS_PSI_H
#define CGROUPS_PSI_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct err;

struct cgrp_psi_want {
    bool full; /* all tasks stall, not some */
    uint64_t stall_us, window_us;
};

/* The same share of a window that needs no CAP_SYS_RESOURCE: a multiple of 2 s, 10 s at most.
 * Source: psi.rst; measured, also for uid 0. */
struct cgrp_psi_want cgrp_psi_unprivileged(const struct cgrp_psi_want *want);

#define CGRP_PSI_TEXT_MAX 64
/* "some 140000 2000000" and its NUL, which must be written too: the kernel overwrites the last
 * byte it gets, and a window cut by a digit is refused, or taken for another one.
 * Returns the bytes to write, the NUL included. */
size_t cgrp_psi_text(const struct cgrp_psi_want *want, char buf[CGRP_PSI_TEXT_MAX]);

struct cgrp_psi_line { /* of a pressure file */
    uint32_t avg10;    /* hundredths of a percent */
    uint64_t total_us;
};
/* Errors: -ENODATA no such line; -EPROTO it is not of the form. */
int cgrp_psi_parse(const char *text, bool full, struct cgrp_psi_line *ret);

struct cgrp_psi {
    int fd;                    /* poll it for EPOLLPRI; -1: not armed */
    struct cgrp_psi_want want; /* as armed */
    uint64_t told_total_us;    /* the total at the last event that was true, or when armed */
};
#define CGRP_PSI_NONE                                                                              \
    { .fd = -1 }

/* Arms a trigger on <dir_fd>/<file>: as wanted, or else as cgrp_psi_unprivileged() has it. The
 * kernel takes one trigger a descriptor.
 * Errors: -EOPNOTSUPP the kernel was built or started without PSI, or it is off for this group;
 *         -EPERM kernels that let only CAP_SYS_RESOURCE arm (before 6.5); others as openat(2). */
int cgrp_psi_arm(int dir_fd, const char *file, const struct cgrp_psi_want *want,
                 struct cgrp_psi *ret, struct err *e);
void cgrp_psi_disarm(struct cgrp_psi *psi);
void cgrp_psi_disarm_p(struct cgrp_psi *psi); /* for CLEANUP() */

/* To be called after an EPOLLPRI. 1 with the line as it is now; 0: a false event. A trigger that
 * was armed without the capability fires although nothing stalled, once or in two windows running:
 * then the total has not grown by the stall asked for since the last true one. -ENODEV: the group
 * is gone.
 * Source: the kernel seeds such a window from another clock than it reads, and carries what it
 * makes of that over into the next; seen by others, the second measured. */
int cgrp_psi_heard(struct cgrp_psi *psi, struct cgrp_psi_line *ret);

#endif
