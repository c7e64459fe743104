/* SPDX-License-Identifier: MIT
 * alarm.h - so many alarms within so long.
 * Layer: 2, cgroups. Uses: libc only. Pure. */
#ifndef CGROUPS_ALARM_H
#define CGROUPS_ALARM_H

#include <stdbool.h>
#include <stdint.h>

#define CGRP_ALARMS_MAX 16 /* a greater count is taken as this */

struct cgrp_alarms { /* zero: none */
    uint64_t at[CGRP_ALARMS_MAX];
    unsigned n;
};

/* Adds one; true when, with it, `count` (0 never) came within `window`. */
bool cgrp_alarm_raise(struct cgrp_alarms *a, uint64_t now, unsigned count, uint64_t window);
/* Memory was freed: what was before does not count any more. */
void cgrp_alarm_clear(struct cgrp_alarms *a);

#endif
