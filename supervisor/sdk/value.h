/* SPDX-License-Identifier: MIT
 * value.h - strict reading of what the supervisor says.
 * Layer: 3, sdk. Uses: base.
 *
 * Members that we do not know are passed over: a newer supervisor may have more. All return 0 or
 * -EBADMSG with a sentence; results are untouched then. Text is borrowed from the document. */
#ifndef SDK_VALUE_H
#define SDK_VALUE_H

#include <stdbool.h>
#include <stdint.h>

struct err;
struct json;
struct miniprog_launch;

int value_string(const struct json *object, const char *name, const char **ret, struct err *e);
int value_i64(const struct json *object, const char *name, int64_t *ret, struct err *e);
int value_int(const struct json *object, const char *name, int *ret, struct err *e);
int value_bool(const struct json *object, const char *name, bool *ret, struct err *e);
int value_object(const struct json *object, const char *name, const struct json **ret,
                 struct err *e);
/* The member's JSON text, malloc'd; NULL where it is missing or null. Else it must be an object. */
int value_text(const struct json *object, const char *name, char **ret, struct err *e);

/* The member as a launch; to be launch_clear()ed, before its document goes. */
int value_launch(const struct json *object, const char *name, struct miniprog_launch *ret,
                 struct err *e);
void launch_clear(struct miniprog_launch *l);

#endif
