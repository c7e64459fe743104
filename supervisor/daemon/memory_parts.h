/* SPDX-License-Identifier: MIT
 * memory_parts.h - what the files of the memory side share; not for others.
 * Layer: 3, daemon. Uses: cgroups. */
#ifndef DAEMON_MEMORY_PARTS_H
#define DAEMON_MEMORY_PARTS_H

#include <systemd/sd-event.h>

#include "cgroups/policy.h"
#include "cgroups/sources.h"
#include "supervisor/base/str.h"
#include "supervisor/daemon/app.h"
#include "supervisor/daemon/memory.h"

#define MEMORY_CONSIDERED_MAX 16 /* candidates told of a decision */
#define MEMORY_PLAN_MAX       32 /* actions decided at once; more come next */

struct memory {
    struct daemon *d;
    struct cgrp_sources *sources;
    struct cgrp_policy policy;
    struct cgrp_table table; /* grown when apps start */
    struct app **apps;       /* by slot */
    int cap, used;           /* slots there is room for, and slots that are taken */
    int freed;               /* the one given back last: most likely free */
    int level;               /* as told */
    int delivered;           /* of the warning in hand */
    unsigned reclaims;       /* jobs that RECLAIM asked for */
    sd_event_source *io, *timer;
    uint64_t look; /* when the policy wants figures again */
    bool deciding;
    bool scores_raised; /* the apps' oom scores */
    struct cgrp_action plan[MEMORY_PLAN_MAX];
    bool tracing, trace_begins; /* its first piece replaces an earlier trace */
    struct str trace;
    char text[CGRP_ACTION_TEXT]; /* of the decision in hand */
    char candidate[MEMORY_CONSIDERED_MAX][CGRP_RANK_TEXT];
};

int memory_free_slot(struct memory *m); /* -1: out of memory */
void memory_take_in(struct memory *m, const struct cgrp_fact *fact, uint64_t now);
void memory_decide(struct memory *m, uint64_t now); /* and does it; arms the timer */
void memory_turn(struct memory *m);
void memory_turn_soon(struct memory *m);
void memory_act(struct memory *m, const struct cgrp_action *action, uint64_t now);
void memory_look_at(struct memory *m, struct app *app); /* what would come back of it */
void memory_watch_group(struct app *app);
void memory_arm_sources(struct memory *m); /* what blocks, on a lane */
void memory_trace_out(struct memory *m, bool last);
/* The kernel's OOM killer ended so many of its processes; a victim of ours is gone. */
void memory_tell_kernel(struct app *app, uint64_t kills);
void memory_tell_gone(struct app *app, uint64_t took_us, uint64_t bytes);

/* Begins to take back a suspended app's memory on the reclaim lane. asked: by the policy. */
void memory_reclaim(struct memory *m, struct app *app, uint64_t bytes, bool asked);
void memory_reclaim_forget(struct app *app);
void memory_reclaimed(struct memory *m); /* all that was asked for */

/* systemd's protocol: a byte in the FIFO says that memory is short. */
void memory_fifo_tell(struct app *app);

#endif
