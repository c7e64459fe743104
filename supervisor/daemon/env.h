/* SPDX-License-Identifier: MIT
 * env.h - the environment and the paths an app is given.
 * Layer: 3, daemon. Uses: base, units. */
#ifndef DAEMON_ENV_H
#define DAEMON_ENV_H

#include <stddef.h>

struct app;

#define ENV_PATH                                                                                   \
    "/usr/local/bin:/usr/bin:/bin" /* what a bare command is searched along, and $PATH */

/* <runtime dir>/apps/<id>/<name>; name NULL: the folder. buf of PATH_MAX. */
const char *env_runtime_path(const struct app *app, const char *name, char *buf, size_t size);
/* malloc'd strings in a malloc'd, NULL-terminated list; NULL without memory. The manifest's come
 * last, and cannot replace ours (manifest.h refuses them). */
char **env_build(const struct app *app);
char **env_free(char **env);

#endif
