/* SPDX-License-Identifier: MIT
 * peer.h - whether who is at the other end of an app's socket is one of its processes.
 * Layer: 3, daemon. Uses: base, cgroups. */
#ifndef DAEMON_PEER_H
#define DAEMON_PEER_H

#include <stdbool.h>
#include <sys/types.h>

struct cgrp_group;

/* The uid is the boundary; this tells processes of one uid apart, where apps have none of their
 * own. Linux 6.5 hands out the peer's pidfd: while it lives, its pid is nobody else's, and the list
 * of members is the truth. A peer that has ended or is about to, an older kernel, and a group of
 * more than PEER_MEMBERS_MAX processes can only be taken at their uid's word: true. */
#define PEER_MEMBERS_MAX 1024
bool peer_is_member(struct cgrp_group *group, int fd, pid_t pid);

/* Whether a process runs no more of its program and is not reaped yet: it leaves its group before
 * its pidfd says that it ended. False while any of its threads lives, and for one that is gone. */
bool peer_is_ending(pid_t pid);

#endif
