/* SPDX-License-Identifier: MIT
 * plain.h - bytes of others as text that no terminal obeys.
 * Layer: 1, base. Uses: libc only. */
#ifndef BASE_PLAIN_H
#define BASE_PLAIN_H

#include <stddef.h>

#define PLAIN_GROWTH 4 /* a byte becomes at most this many */

/* Writes `from` as UTF-8: control characters (C0, DEL, C1) as \xNN, bytes that are not UTF-8 as
 * U+FFFD. Stops before the character that would not fit with the NUL; size is at least 1. Returns
 * the length without the NUL. A backslash of the text itself stays as it is: the result is for
 * reading, not for turning back. plain_text() keeps tabs; a sentence has none. */
size_t plain_text(const char *from, size_t n, char *to, size_t size);
size_t plain_sentence(const char *from, size_t n, char *to, size_t size);

#endif
