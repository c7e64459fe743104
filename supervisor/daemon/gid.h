/* SPDX-License-Identifier: MIT
 * gid.h - a group by its name.
 * Layer: 3, daemon. Uses: libc.
 *
 * The look-up loads whatever modules /etc/nsswitch.conf names: 0.6 MB that stays (libnss_systemd,
 * measured), or somebody's LDAP client. It is done by a child, so that none of it is ever part of
 * the supervisor. To be called before there are threads. */
#ifndef DAEMON_GID_H
#define DAEMON_GID_H

#include <sys/types.h>

/* 1 with ret, 0 there is none; -errno as pipe(2), fork(2). */
int gid_of(const char *name, gid_t *ret);

#endif
