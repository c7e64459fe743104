/* SPDX-License-Identifier: MIT
 * exitstate.h - the small JSON object an app leaves for its next cold run.
 * Layer: 2, units. Uses: base. */
#ifndef UNITS_EXITSTATE_H
#define UNITS_EXITSTATE_H

#include <stddef.h>
#include <stdint.h>

struct err;
struct json;

#define EXITSTATE_NAME "exit_state"         /* its file in the app's folder of the store */
#define EXITSTATE_MAX  ((size_t) 32 * 1024) /* bytes of JSON text. Source: design.md §4 */

/* Replaces the app's exit state. app_fd: the app's folder in the store. It outlives the daemon; a
 * power cut may lose it, as if it had not been saved. Errors: -E2BIG above EXITSTATE_MAX; -EINVAL
 * not an object. */
int exitstate_save(int app_fd, const struct json *data, uint64_t expires_at_usec, struct err *e);
/* Reads it; -ENOENT none, past its time or not to be read (then it is removed). now_usec:
 * CLOCK_REALTIME. ret: to be json_free()d, an object. */
int exitstate_load(int app_fd, uint64_t now_usec, struct json **ret, struct err *e);
void exitstate_drop(int app_fd);

#endif
