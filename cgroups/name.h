/* SPDX-License-Identifier: MIT
 * name.h - an app's id as the name of its group's folder, and back.
 * Layer: 2, cgroups. Uses: libc only.
 *
 * The kernel's own files share a folder with groups: "tasks", "cgroup.procs", and for every
 * controller, also those to come, "<controller>.<file>". So each name gets a prefix with a
 * hyphen before any dot, which no controller's name has, and no list of names must be kept.
 * Bytes other than letters, digits, '.', '-' and '_' become %XX. */
#ifndef CGROUPS_NAME_H
#define CGROUPS_NAME_H

#include <stdbool.h>

#define CGRP_ID_MAX   64                        /* bytes */
#define CGRP_NAME_MAX (4 + 3 * CGRP_ID_MAX + 1) /* "app-", every byte escaped, NUL; < NAME_MAX */

/* Errors: -EINVAL when id is empty or longer than CGRP_ID_MAX. */
int cgrp_name_escape(const char *id, char ret_name[CGRP_NAME_MAX]);

/* Only what cgrp_name_escape() wrote is taken back, else -EINVAL. */
int cgrp_name_unescape(const char *name, char ret_id[CGRP_ID_MAX + 1]);

/* May stand at the end of a folder's name: "" or letters, digits, '.', '-', '_', at most 40. */
bool cgrp_name_suffix_ok(const char *suffix);

#endif
