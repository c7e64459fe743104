/* SPDX-License-Identifier: MIT
 * jsonw.h - write JSON text straight into a buffer, no tree, no memory but the buffer's.
 * Layer: 1, base. Uses: str, json.
 *
 * key is the member's name inside an object, NULL inside an array or at the top. Strings are
 * escaped; bytes that are not UTF-8 become U+FFFD, so that the text is always valid JSON.
 * Errors stick in the buffer: look at str_error(w->out) once at the end. */
#ifndef BASE_JSONW_H
#define BASE_JSONW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct json;
struct str;

struct jsonw {
    struct str *out; /* borrowed */
    bool comma;      /* the next item needs a comma before it */
};

#define JSONW_INIT(buffer)                                                                         \
    { .out = (buffer), .comma = false }

void jsonw_object(struct jsonw *w, const char *key);
void jsonw_end_object(struct jsonw *w);
void jsonw_array(struct jsonw *w, const char *key);
void jsonw_end_array(struct jsonw *w);
void jsonw_string(struct jsonw *w, const char *key,
                  const char *value); /* value NULL: nothing is written */
void jsonw_string_n(struct jsonw *w, const char *key, const char *value, size_t n);
/* Numbers beyond what json_parse() takes are written as its limit, 2^53. */
void jsonw_int(struct jsonw *w, const char *key, int64_t value);
void jsonw_u64(struct jsonw *w, const char *key, uint64_t value);
void jsonw_bool(struct jsonw *w, const char *key, bool value);
void jsonw_json(struct jsonw *w, const char *key, const struct json *value); /* NULL: nothing */
void jsonw_raw(struct jsonw *w, const char *key, const char *json_text, size_t n);

#endif
