/* SPDX-License-Identifier: MIT
 * scope_bus.h - what scope.c asks systemd for, over D-Bus.
 * Layer: 3, daemon; internal to scope.c. Uses: base, libsystemd.
 * Source: org.freedesktop.systemd1(5). */
#ifndef DAEMON_SCOPE_BUS_H
#define DAEMON_SCOPE_BUS_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct err;
struct scope_bus;

int scope_bus_open(bool user, struct scope_bus **ret, struct err *e);
struct scope_bus *scope_bus_close(struct scope_bus *bus);

enum scope_state {
    SCOPE_MISSING,
    SCOPE_ACTIVE,
    SCOPE_ENDING, /* it is being stopped */
};
/* ret_path: of its group, malloc'd, when active. */
int scope_bus_look(struct scope_bus *bus, const char *unit, enum scope_state *ret_state,
                   char **ret_path, struct err *e);
/* Makes it with these processes in it, and waits until it is there.
 * Errors: -EEXIST it is there already; -ECANCELED systemd could not; -ETIMEDOUT. */
int scope_bus_start(struct scope_bus *bus, const char *unit, const pid_t *pids, size_t n,
                    struct err *e);
/* Moves a process into that group ("/anchor") of the unit. */
int scope_bus_attach(struct scope_bus *bus, const char *unit, const char *group, pid_t pid,
                     struct err *e);

#endif
