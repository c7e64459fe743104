/* SPDX-License-Identifier: MIT
 * look.h - take what the daemon answered only for what it is.
 * Layer: 4, ctl. Uses: base.
 *
 * The peer may be of another version, or not ours at all: members that we do not know are passed
 * over, members that we need must be there and of their kind. The first fault sticks, so a
 * page may be rendered whole and thrown away at the end. */
#ifndef CTL_LOOK_H
#define CTL_LOOK_H

#include <stdbool.h>
#include <stdint.h>

#include "supervisor/base/err.h"
#include "supervisor/base/json.h"

/* These must be there: "", 0, false or NULL with *fault set otherwise. */
const char *look_string(struct err *fault, const struct json *object, const char *name);
int64_t look_int(struct err *fault, const struct json *object, const char *name);
bool look_bool(struct err *fault, const struct json *object, const char *name);
const struct json *look_object(struct err *fault, const struct json *object, const char *name);
const struct json *look_array(struct err *fault, const struct json *object, const char *name);

/* These may be missing or null; if they are there, they must be of their kind. */
const char *look_maybe_string(struct err *fault, const struct json *object, const char *name);
bool look_maybe_int(struct err *fault, const struct json *object, const char *name, int64_t *ret);
const struct json *look_maybe_object(struct err *fault, const struct json *object,
                                     const char *name);

/* The elements of an array of objects: for (o = look_first(f, a); o; o = look_next(f, o)). One that
 * is no object ends the walk with *fault set. */
const struct json *look_first(struct err *fault, const struct json *array);
const struct json *look_next(struct err *fault, const struct json *element);

#endif
