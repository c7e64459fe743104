/* SPDX-License-Identifier: MIT
 * exitstate.h - the small JSON object an app leaves for its next cold run.
 * Layer: 2, units. Uses: base. */
#ifndef UNITS_EXITSTATE_H
#define UNITS_EXITSTATE_H

#include <stdint.h>

struct err;
struct json;

#define EXITSTATE_MAX ((size_t) 32 * 1024) /* bytes of JSON text. Source: design.md §4 */

/* Replaces the app's exit state. app_fd: the app's folder in the store. Errors: -E2BIG above EXITSTATE_MAX; -EINVAL not an object. */
int exitstate_save(int app_fd, const struct json *data, uint64_t expires_at_usec, struct err *e);
/* Reads it; -ENOENT none or past its time (then it is removed). now_usec: CLOCK_REALTIME. ret: to be json_free()d, an object. */
int exitstate_load(int app_fd, uint64_t now_usec, struct json **ret, struct err *e);
void exitstate_drop(int app_fd);

#endif
