/* SPDX-License-Identifier: MIT */
#include "cgroups/alarm.h"

#include <string.h>

bool cgrp_alarm_raise(struct cgrp_alarms *a, uint64_t now, unsigned count, uint64_t window) {
    unsigned within = 0;

    if (count > CGRP_ALARMS_MAX)
        count = CGRP_ALARMS_MAX;
    if (a->n == CGRP_ALARMS_MAX) {
        memmove(&a->at[0], &a->at[1], sizeof a->at - sizeof a->at[0]);
        a->n--;
    }
    a->at[a->n++] = now;
    for (unsigned i = 0; i < a->n; i++)
        within += now - a->at[i] <= window;
    return count > 0 && within >= count;
}

void cgrp_alarm_clear(struct cgrp_alarms *a) {
    a->n = 0;
}
