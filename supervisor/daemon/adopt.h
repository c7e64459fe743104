/* SPDX-License-Identifier: MIT
 * adopt.h - take over what an earlier daemon left: apps that live, groups that do not belong to
 * any. Layer: 3, daemon. */
#ifndef DAEMON_ADOPT_H
#define DAEMON_ADOPT_H

struct daemon;
struct err;

/* Once, at start, when all installed apps are known. */
int adopt_all(struct daemon *d, struct err *e);

#endif
