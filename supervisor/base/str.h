/* SPDX-License-Identifier: MIT
 * str.h - a growing byte buffer that can never grow past its limit.
 * Layer: 1, base. Uses: libc only.
 *
 * The first failure sticks: later appends do nothing, and str_error() tells. So a writer
 * may append many pieces and look once at the end. data is NUL-terminated whenever it is
 * not NULL; the NUL is not counted in len. */
#ifndef BASE_STR_H
#define BASE_STR_H

#include <stddef.h>
#include <stdarg.h>

struct str {
    char *data; /* malloc'd; NULL while nothing was appended */
    size_t len; /* bytes, without the NUL */
    size_t cap; /* bytes allocated */
    size_t max; /* most that len may become */
    int error;  /* 0, -ENOMEM or -EMSGSIZE */
};

#define STR_INIT(limit)                                                                            \
    { .data = NULL, .len = 0, .cap = 0, .max = (limit), .error = 0 }

/* All return 0 or str_error(). -EMSGSIZE: past max; nothing was appended. */
int str_append(struct str *s, const void *bytes, size_t n);
int str_puts(struct str *s, const char *text);
int str_putc(struct str *s, char c);
int str_printf(struct str *s, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
int str_vprintf(struct str *s, const char *fmt, va_list ap) __attribute__((format(printf, 2, 0)));

static inline int str_error(const struct str *s) {
    return s->error;
}

/* The text so far, "" when empty; borrowed, valid until the next call on s. */
const char *str_text(const struct str *s);

/* Drops the first n bytes (n <= len). */
void str_consume(struct str *s, size_t n);

/* Empties it and forgets an error; keeps the memory. */
void str_reset(struct str *s);

/* Empties it and frees the memory; max stays. */
void str_clear(struct str *s);
void str_clear_p(struct str *s); /* for CLEANUP() */

/* Gives the text away: malloc'd and NUL-terminated, the caller's to free(); NULL after an
 * error or without memory. *s is empty afterwards. */
char *str_take(struct str *s);

#endif
