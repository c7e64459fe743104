/* SPDX-License-Identifier: MIT
 * place.h - is this machine's ground fit to stand on: folders that apps can enter, uids that exist.
 * Layer: 3, daemon. Uses: base. */
#ifndef DAEMON_PLACE_H
#define DAEMON_PLACE_H

#include <stdbool.h>
#include <sys/types.h>

struct err;

#define PLACE_RUNTIME_MAX 30 /* bytes; socket names end at 107. Source: design.md §6, unix(7) */

/* The folder and its parents, as far as they exist: absolute, and for a root daemon that gives apps
 * uids of their own searchable by others (user: not needed). what: "runtime" or "state". -EINVAL,
 * -EACCES with the one at fault. */
int place_check_folder(const char *path, const char *what, bool user, struct err *e);

/* Both ends lie in one line of /proc/self/uid_map. */
bool place_uids_are_mapped(uid_t low, uid_t high);

#endif
