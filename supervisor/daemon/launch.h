/* SPDX-License-Identifier: MIT
 * launch.h - how an app was opened.
 * Layer: 3, daemon. Uses: libc only. */
#ifndef DAEMON_LAUNCH_H
#define DAEMON_LAUNCH_H

#include <stdint.h>

/* Strings malloc'd; query is JSON text of an object, or NULL. */
struct launch {
    char *path, *query;
    int64_t scene;
};
#define LAUNCH_SCENE_DEFAULT 1001

void launch_clear(struct launch *l);
int launch_copy(struct launch *to, const struct launch *from);

#endif
