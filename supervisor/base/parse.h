/* SPDX-License-Identifier: MIT
 * parse.h - strict readers for numbers, sizes and durations.
 * Layer: 1, base. Uses: libc only.
 *
 * The whole string must match, no locale, no leading space, no sign where none makes sense.
 * All return 0, -EINVAL (not of the form) or -ERANGE (does not fit); ret_ untouched then. */
#ifndef BASE_PARSE_H
#define BASE_PARSE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PARSE_FOREVER UINT64_MAX

int parse_u64(const char *text, uint64_t *ret_value);
int parse_i64(const char *text, int64_t *ret_value);

/* "yes no true false on off 1 0". */
int parse_bool(const char *text, bool *ret_value);

/* Bytes: digits and at most one of K M G T (powers of 1024), also "KiB"-less lower case is
 * refused; "48M", "1G", "65536". */
int parse_size(const char *text, uint64_t *ret_bytes);

/* Microseconds, as systemd writes a span: "500ms", "5s", "30min", "1h 30min", "7d", "2w",
 * "infinity" (PARSE_FOREVER), "0". A bare number is seconds. Units: us ms s sec m min h hr d w.
 * Source: systemd.time(7). */
int parse_duration(const char *text, uint64_t *ret_usec);

/* "8%" or "8.5%" in permille of the whole: 80, 85. */
int parse_percent(const char *text, uint32_t *ret_permille);

/* "70000-89999": both ends included, low <= high. */
int parse_range(const char *text, uint64_t *ret_low, uint64_t *ret_high);

/* Writes a span as a person reads it: "4.2s", "30min", "1h 5min", "850ms", "120us", "forever".
 * buf is at least 32 bytes; returns buf. */
const char *format_duration(uint64_t usec, char *buf, size_t size);

/* Writes bytes as a person reads them: "512B", "48.0M", "1.5G". buf at least 16 bytes. */
const char *format_size(uint64_t bytes, char *buf, size_t size);

#endif
