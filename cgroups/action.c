/* SPDX-License-Identifier: MIT */
#include "cgroups/action.h"

#include "supervisor/base/parse.h"

#include <stdio.h>

static const char *const names[CGRP_DO_COUNT] = {
#define X(id, name) [CGRP_DO_##id] = name,
    CGRP_DOS(X)
#undef X
};

const char *cgrp_do_name(enum cgrp_do what) {
    return (unsigned) what < CGRP_DO_COUNT ? names[what] : "?";
}

/* Why somebody is chosen. */
static void kill_text(const struct cgrp_action *a, const char *id, const char *fact, char *buf) {
    char bytes[16];

    (void) format_size(a->bytes, bytes, sizeof bytes);
    const char *how = a->at_once ? "at once" : "after an unload";
    switch (a->why) {
    case CGRP_WHY_LEVEL:
        (void) snprintf(buf, CGRP_ACTION_TEXT, "kill %s %s, %s to come back: level %d of %s, %s",
                        id, how, bytes, a->level, cgrp_source_name(a->source), fact);
        break;
    case CGRP_WHY_ALARMS:
        (void) snprintf(buf, CGRP_ACTION_TEXT,
                        "kill %s %s, %s to come back: alarmed again with nothing freed, %s", id,
                        how, bytes, fact);
        break;
    case CGRP_WHY_ROOM:
        (void) snprintf(buf, CGRP_ACTION_TEXT,
                        "kill %s %s, %s to come back: to make room for a start, %s", id, how, bytes,
                        fact);
        break;
    }
}

const char *cgrp_action_text(const struct cgrp_table *table, const struct cgrp_action *a,
                             char buf[CGRP_ACTION_TEXT]) {
    const char *id = a->slot >= 0 && a->slot < table->n ? table->app[a->slot].id : "running apps";
    const char *source = cgrp_source_name(a->source);
    char fact[160], bytes[16];

    (void) cgrp_fact_text(&a->fact, fact, sizeof fact);
    (void) format_size(a->bytes, bytes, sizeof bytes);
    switch (a->what) {
    case CGRP_DO_LEVEL:
        if (a->level)
            (void) snprintf(buf, CGRP_ACTION_TEXT, "level %d of %s: %s", a->level, source, fact);
        else
            (void) snprintf(buf, CGRP_ACTION_TEXT, "level 0 again");
        return buf;
    case CGRP_DO_KILL:
        kill_text(a, id, fact, buf);
        return buf;
    case CGRP_DO_STUCK:
        (void) snprintf(buf, CGRP_ACTION_TEXT,
                        "%s was killed and has not gone; it is passed over, %s with it", id, bytes);
        return buf;
    case CGRP_DO_WARN:
        (void) snprintf(buf, CGRP_ACTION_TEXT, "warn %s with level %d of %s: %s", id, a->level,
                        source, fact);
        return buf;
    case CGRP_DO_RECLAIM:
        (void) snprintf(buf, CGRP_ACTION_TEXT, "reclaim suspended apps: %s", fact);
        return buf;
    case CGRP_DO_MEASURED:
        (void) snprintf(buf, CGRP_ACTION_TEXT, "%s freed %s after a warning of level %d", id, bytes,
                        a->level);
        return buf;
    case CGRP_DO_ADMIT:
        (void) snprintf(buf, CGRP_ACTION_TEXT, "%s may start: %s", id, fact);
        return buf;
    case CGRP_DO_REFUSE:
        (void) snprintf(buf, CGRP_ACTION_TEXT, "%s cannot start: %s", id, fact);
        return buf;
    case CGRP_DO_COUNT:
        break;
    }
    (void) snprintf(buf, CGRP_ACTION_TEXT, "?");
    return buf;
}
