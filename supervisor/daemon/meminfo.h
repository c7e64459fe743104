/* SPDX-License-Identifier: MIT
 * meminfo.h - how much memory the machine has, and has left.
 * Layer: 3, daemon. Uses: base. Source: /proc/meminfo. */
#ifndef DAEMON_MEMINFO_H
#define DAEMON_MEMINFO_H

#include <stdint.h>

void meminfo_read(uint64_t *ret_total, uint64_t *ret_available); /* bytes; untouched on failure */

#endif
