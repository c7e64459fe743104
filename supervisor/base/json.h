/* SPDX-License-Identifier: MIT
 * json.h - the one door for JSON.
 * Layer: 1, base. Uses: cJSON (here alone).
 *
 * json_parse() takes strict RFC 8259 text only, and refuses besides what cJSON would let
 * through or lose: duplicate keys, bytes after the value, raw control characters, invalid UTF-8,
 * lone surrogates, escaped NULs, numbers beyond 2^53 or longer than 63 bytes, nesting deeper than
 * JSON_DEPTH_MAX. So an integer read is the one that was written. */
#ifndef BASE_JSON_H
#define BASE_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct err;
struct str;
struct json; /* a value, borrowed from the document that json_parse() made */

#define JSON_DEPTH_MAX 32
#define JSON_INT_MAX   ((int64_t) 1 << 53)

enum json_kind {
    JSON_NULL,
    JSON_BOOL,
    JSON_INT,
    JSON_DOUBLE,
    JSON_STRING,
    JSON_ARRAY,
    JSON_OBJECT
};

/* ret: the document, the caller's to json_free(). Errors: -EINVAL with what and at which byte;
 * -E2BIG nested too deep; -ENOMEM. */
int json_parse(const char *text, size_t len, struct json **ret, struct err *e);
struct json *json_free(struct json *doc);
void json_free_p(struct json **doc); /* for CLEANUP() */

/* A copy of its own, to be json_free()d; NULL without memory. */
struct json *json_copy(const struct json *value);

enum json_kind json_kind(const struct json *value);
const char *json_kind_name(enum json_kind kind); /* "an object", "a string" */

/* Of a value of that kind; 0, false, "" otherwise. json_double() takes an integer too. */
bool json_bool(const struct json *value);
int64_t json_int(const struct json *value);
double json_double(const struct json *value);
const char *json_string(const struct json *value);

/* Members and elements in document order: for (v = json_first(x); v; v = json_next(v)). */
const struct json *json_first(const struct json *container);
const struct json *json_next(const struct json *value);
const char *json_name(const struct json *member); /* its key; NULL for an element */
size_t json_count(const struct json *container);

/* The member of that name; NULL where it is missing or null, or `object` is no object (NULL too).
 */
const struct json *json_get(const struct json *object, const char *name);
/* The same with a default where it is missing or of another kind. */
const char *json_get_string(const struct json *object, const char *name, const char *otherwise);
int64_t json_get_int(const struct json *object, const char *name, int64_t otherwise);
bool json_get_bool(const struct json *object, const char *name, bool otherwise);

/* Appends the value's text, compact. */
int json_print(const struct json *value, struct str *out);

/* Fills a struct from an object by a table.
 *   JSON_F_STRING   char *: malloc'd copy, the caller's (freed first if it is not NULL)
 *   JSON_F_INT      int64_t     JSON_F_U64  uint64_t (0 or more)     JSON_F_BOOL  bool
 *   JSON_F_VALUE    const struct json *, borrowed from the document; any kind
 * Missing optional members leave the field alone. Members not in the table are passed over.
 * Errors: -EINVAL missing or of the wrong kind ("'version.code' must be an integer"); -ENOMEM. */
enum json_field_kind { JSON_F_STRING, JSON_F_INT, JSON_F_U64, JSON_F_BOOL, JSON_F_VALUE };
struct json_field {
    const char *name;
    enum json_field_kind kind;
    size_t offset;
    bool required;
};
int json_fill(const struct json *object, const struct json_field *fields, size_t n, void *target,
              struct err *e);

#endif
