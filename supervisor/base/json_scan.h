/* SPDX-License-Identifier: MIT
 * json_scan.h - whether a text is strict RFC 8259 and within our bounds; for json.c alone.
 * Layer: 1, base. Uses: text. */
#ifndef BASE_JSON_SCAN_H
#define BASE_JSON_SCAN_H

#include <stddef.h>

struct err;

/* To be called in the C locale, for strtod(). Errors: -EINVAL with what and at which byte; -E2BIG
 * nested too deep. */
int json_scan(const char *text, size_t len, struct err *e);

#endif
