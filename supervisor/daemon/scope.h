/* SPDX-License-Identifier: MIT
 * scope.h - under systemd: a delegated scope that holds the apps' groups and outlives us.
 * Layer: 3, daemon. Uses: base, cgroups (mounts), libsystemd.
 *
 * A service's group goes with the service; apps must not. So they live in a unit of their own,
 *     miniprog.slice/miniprog-apps<suffix>.scope/{anchor,apps}
 * which exists as long as a process is in it: the anchor, which does nothing else. It is asked for
 * over D-Bus, before the loop starts; a scope that an earlier supervisor left is taken over.
 * A supervisor that somebody started by hand is moved into it too, as `supervisor`: its own group
 * is a login's, and who may put processes into the scope must stand in the same delegated tree. */
#ifndef DAEMON_SCOPE_H
#define DAEMON_SCOPE_H

#include <stdbool.h>

struct err;
struct scope;

/*   user     the user's own systemd
 *   suffix   "" or "-<hash>", as cgrp_config.suffix
 * Errors: -EOPNOTSUPP no systemd runs this machine; -ETIMEDOUT; others as it or the kernel says. */
int scope_open(bool user, const char *suffix, struct scope **ret, struct err *e);
/* Its group, as cgrp_config.at. */
const char *scope_path(const struct scope *s);
/* Becomes readable (EPOLLIN) when the anchor ended: somebody stops the scope. */
int scope_fd(const struct scope *s);
/* Ends the scope, unless `leave`: then it stays with the apps that are in it, if any are. NULL. */
struct scope *scope_close(struct scope *s, bool leave);

#endif
