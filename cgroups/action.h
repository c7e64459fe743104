/* SPDX-License-Identifier: MIT
 * action.h - what the policy wants done, and in words.
 * Layer: 2, cgroups. Uses: base. Pure. */
#ifndef CGROUPS_ACTION_H
#define CGROUPS_ACTION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cgroups/fact.h"
#include "cgroups/rank.h"

#define CGRP_DOS(X)                                                                                \
    X(LEVEL, "level")       /* the level for all apps changed */                                   \
    X(KILL, "kill")         /* kill `slot`, with an unload first unless at_once */                 \
    X(STUCK, "stuck")       /* `slot` should be gone by now; the next one may follow */            \
    X(WARN, "warn")         /* `slot`, or -1: every running app */                                 \
    X(RECLAIM, "reclaim")   /* suspended apps, in slices, on a worker */                           \
    X(MEASURED, "measured") /* `slot` freed so many `bytes` after its last warning */              \
    X(ADMIT, "admit")       /* there is room for `slot` now */                                     \
    X(REFUSE, "refuse")     /* there is none: StartFailed, stage memory */
#define X(id, name) CGRP_DO_##id,
enum cgrp_do { CGRP_DOS(X) CGRP_DO_COUNT };
#undef X

enum cgrp_why { CGRP_WHY_LEVEL, CGRP_WHY_ALARMS, CGRP_WHY_ROOM };

struct cgrp_action {
    enum cgrp_do what;
    int slot; /* -1: all whom it concerns */
    int level;
    enum cgrp_source source;
    bool at_once;
    enum cgrp_why why;         /* of KILL: exit reason memory_alarms, else memory_pressure */
    enum cgrp_app_state up_to; /* of KILL: the candidates were those up to this state */
    uint64_t bytes;            /* KILL: to come back. MEASURED: freed. ADMIT, REFUSE: the room */
    struct cgrp_fact fact;     /* what decided it */
};

const char *cgrp_do_name(enum cgrp_do what);
#define CGRP_ACTION_TEXT 400
/* One sentence for people: "kill org.example.a at once, 48.0M to come back: level 10 of budget,
 * 93.1% of …". */
const char *cgrp_action_text(const struct cgrp_table *table, const struct cgrp_action *action,
                             char buf[CGRP_ACTION_TEXT]);

#endif
