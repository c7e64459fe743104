/* SPDX-License-Identifier: MIT
 * manifest_read.h - what the files that read a manifest share; not for others.
 * Layer: 2, units. Uses: base.
 *
 * `member` is a member's name from the root, as the error sentences say it. */
#ifndef UNITS_MANIFEST_READ_H
#define UNITS_MANIFEST_READ_H

#include <stddef.h>

struct err;
struct json;
struct manifest;

/* A line for people; a path inside the package; any text: 0 or -EINVAL. */
int manifest_check_name(const char *member, const char *text, struct err *e);
int manifest_check_path(const char *member, const char *path, struct err *e);
int manifest_check_text(const char *member, const char *text, struct err *e);

int manifest_check_array(const struct json *list, const char *member, size_t max, struct err *e);
int manifest_require_object(const struct json *value, const char *member, struct err *e);

struct manifest_list_rule {
    const char *member;
    size_t max;
    const char *item_member; /* the items are objects, and it is this member of each that counts */
    int (*check)(const char *member, const char *text, struct err *e);
};

/* ret: NULL-terminated, for manifest_strings_free(). list NULL: an empty one. */
int manifest_read_strings(const struct json *list, const struct manifest_list_rule *rule,
                          char ***ret, struct err *e);
char **manifest_strings_free(char **list); /* returns NULL */

/* The text of an object's member, borrowed; NULL where it has none. */
int manifest_get_text(const struct json *object, const char *name, const char *member,
                      const char **ret, struct err *e);

/* The members under "miniprog"; ours NULL: there are none. */
int manifest_read_ours(const struct json *ours, struct manifest *m, struct err *e);

#endif
