/* SPDX-License-Identifier: MIT
 * utctime.h - RFC 3339 in UTC, one spelling: "2026-01-31T23:59:59Z".
 * Layer: 2, units. Uses: base. Never: the clock, the locale, the time zone. */
#ifndef UNITS_UTCTIME_H
#define UNITS_UTCTIME_H

#include <stdint.h>

#define UTCTIME_MAX  UINT64_C(253402300799) /* 9999-12-31T23:59:59Z */
#define UTCTIME_SIZE 21                     /* with the NUL */

/* Seconds since 1970, which is the least year. -EINVAL; ret untouched then. */
int utctime_parse(const char *text, uint64_t *ret_seconds);
/* seconds: at most UTCTIME_MAX. Returns buf. */
const char *utctime_print(uint64_t seconds, char buf[UTCTIME_SIZE]);

#endif
