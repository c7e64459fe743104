/* SPDX-License-Identifier: MIT
 * plain.h - bytes of others as text that no terminal obeys.
 * Layer: 3, daemon. Uses: base. */
#ifndef DAEMON_PLAIN_H
#define DAEMON_PLAIN_H

#include <stddef.h>

#define PLAIN_GROWTH 4 /* a byte becomes at most this many */

/* Writes `from` as UTF-8: control characters (C0 but tab, DEL, C1) as \xNN, bytes that are not
 * UTF-8 as U+FFFD. Stops before the character that would not fit with the NUL; size is at
 * least 1. Returns the length without the NUL. A backslash of the text itself stays as it is: the
 * result is for reading, not for turning back. */
size_t plain_text(const char *from, size_t n, char *to, size_t size);

#endif
