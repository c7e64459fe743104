/* SPDX-License-Identifier: MIT
 * orphans.h - without cgroups, the children that apps leave behind come to us: bury them.
 * Layer: 3, daemon. Uses: libsystemd. Source: PR_SET_CHILD_SUBREAPER in prctl(2). */
#ifndef DAEMON_ORPHANS_H
#define DAEMON_ORPHANS_H

struct daemon;
struct err;

/* For the `none` backend: we become the subreaper, so that what an app leaves can be found, and
 * reap what is nobody else's. SIGCHLD must be blocked. */
int orphans_take(struct daemon *d, struct err *e);

#endif
