/* SPDX-License-Identifier: MIT
 * life.c - the lifecycle table. Source of its cells: design.md §4. */
#include "units/life.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>

/* CELL_UNSET is 0 on purpose: a cell nobody wrote is told apart from a decision. */
enum cell_kind { CELL_UNSET = 0, CELL_GO, CELL_KEEP, CELL_BUG };

struct cell {
    unsigned char kind, next, action;
};

#define GO(state, act)                                                                             \
    { CELL_GO, LIFE_##state, LIFE_DO_##act }
#define KEEP                                                                                       \
    { CELL_KEEP, 0, 0 }
#define BUG                                                                                        \
    { CELL_BUG, 0, 0 }

/* Rows and columns are named, never counted. tests/unit/units/test_life.c proves that no cell
 * is unset, that every state can be reached, and that stopped always can.
 *
 * What comes from outside (OPEN, READY, HIDE, CLOSE, MEMORY, KILL) may come in any state and is
 * never a BUG. A timer is armed by entering its state and disarmed by leaving it: SUSPEND or
 * DESTROY in another live state would stop or end the wrong app, and is told loudly. The end of an
 * app and a deadline may still meet in one turn of the loop, so a late one is KEEP once the
 * app is on its way out. */
static const struct cell table[LIFE_STATE_COUNT][LIFE_EVENT_COUNT] = {
    [LIFE_STOPPED] = {
        [LIFE_EV_OPEN]          = GO(STARTING, START),
        [LIFE_EV_READY]         = KEEP, /* was queued in the socket when the app died */
        [LIFE_EV_HIDE]          = KEEP, /* the caller is answered BadState */
        [LIFE_EV_SUSPEND]       = KEEP,
        [LIFE_EV_START_TIMEOUT] = KEEP,
        [LIFE_EV_DESTROY]       = KEEP,
        [LIFE_EV_CLOSE]         = KEEP,
        [LIFE_EV_MEMORY]        = KEEP, /* it died between the choice and now */
        [LIFE_EV_KILL]          = KEEP,
        [LIFE_EV_STOP_TIMEOUT]  = KEEP,
        [LIFE_EV_MAIN_EXIT]     = KEEP, /* the group's emptiness was told first */
        [LIFE_EV_EMPTY]         = BUG,  /* the group is given back with ENDED */
    },
    [LIFE_STARTING] = {
        [LIFE_EV_OPEN]          = KEEP, /* joins this start */
        [LIFE_EV_READY]         = GO(FOREGROUND, LAUNCH),
        [LIFE_EV_HIDE]          = KEEP,
        [LIFE_EV_SUSPEND]       = BUG,
        [LIFE_EV_START_TIMEOUT] = GO(STOPPING, STOP),
        [LIFE_EV_DESTROY]       = BUG,
        [LIFE_EV_CLOSE]         = GO(STOPPING, STOP),
        [LIFE_EV_MEMORY]        = GO(STOPPING, UNLOAD),
        [LIFE_EV_KILL]          = GO(STOPPING, KILL),
        [LIFE_EV_STOP_TIMEOUT]  = BUG,
        [LIFE_EV_MAIN_EXIT]     = GO(STOPPING, STOP),
        [LIFE_EV_EMPTY]         = GO(STOPPED, ENDED),
    },
    [LIFE_FOREGROUND] = {
        [LIFE_EV_OPEN]          = KEEP, /* the caller is answered `current` */
        [LIFE_EV_READY]         = KEEP, /* said twice */
        [LIFE_EV_HIDE]          = GO(BACKGROUND, HIDE),
        [LIFE_EV_SUSPEND]       = BUG,
        [LIFE_EV_START_TIMEOUT] = KEEP, /* due in the turn in which it got ready */
        [LIFE_EV_DESTROY]       = BUG,
        [LIFE_EV_CLOSE]         = GO(STOPPING, STOP),
        [LIFE_EV_MEMORY]        = GO(STOPPING, UNLOAD),
        [LIFE_EV_KILL]          = GO(STOPPING, KILL),
        [LIFE_EV_STOP_TIMEOUT]  = BUG,
        [LIFE_EV_MAIN_EXIT]     = GO(STOPPING, STOP),
        [LIFE_EV_EMPTY]         = GO(STOPPED, ENDED),
    },
    [LIFE_BACKGROUND] = {
        [LIFE_EV_OPEN]          = GO(FOREGROUND, SHOW),
        [LIFE_EV_READY]         = KEEP,
        [LIFE_EV_HIDE]          = KEEP,
        [LIFE_EV_SUSPEND]       = GO(SUSPENDED, SUSPEND),
        [LIFE_EV_START_TIMEOUT] = KEEP, /* got ready and was hidden in that turn */
        [LIFE_EV_DESTROY]       = BUG,
        [LIFE_EV_CLOSE]         = GO(STOPPING, STOP),
        [LIFE_EV_MEMORY]        = GO(STOPPING, UNLOAD),
        [LIFE_EV_KILL]          = GO(STOPPING, KILL),
        [LIFE_EV_STOP_TIMEOUT]  = BUG,
        [LIFE_EV_MAIN_EXIT]     = GO(STOPPING, STOP),
        [LIFE_EV_EMPTY]         = GO(STOPPED, ENDED),
    },
    [LIFE_SUSPENDED] = {
        [LIFE_EV_OPEN]          = GO(FOREGROUND, RESUME),
        [LIFE_EV_READY]         = KEEP, /* sent before it was stopped, read after */
        [LIFE_EV_HIDE]          = KEEP,
        [LIFE_EV_SUSPEND]       = BUG,
        [LIFE_EV_START_TIMEOUT] = BUG,
        [LIFE_EV_DESTROY]       = GO(STOPPING, STOP),
        [LIFE_EV_CLOSE]         = GO(STOPPING, STOP),
        [LIFE_EV_MEMORY]        = GO(STOPPING, KILL), /* to run it would cost the memory sought */
        [LIFE_EV_KILL]          = GO(STOPPING, KILL),
        [LIFE_EV_STOP_TIMEOUT]  = BUG,
        [LIFE_EV_MAIN_EXIT]     = GO(STOPPING, STOP), /* SIGKILL reaches a stopped process too */
        [LIFE_EV_EMPTY]         = GO(STOPPED, ENDED),
    },
    [LIFE_STOPPING] = {
        [LIFE_EV_OPEN]          = KEEP, /* the want is the daemon's: stopped asks again */
        [LIFE_EV_READY]         = KEEP, /* was in flight when the stop began */
        [LIFE_EV_HIDE]          = KEEP,
        [LIFE_EV_SUSPEND]       = KEEP,
        [LIFE_EV_START_TIMEOUT] = KEEP,
        [LIFE_EV_DESTROY]       = KEEP,
        [LIFE_EV_CLOSE]         = KEEP,
        [LIFE_EV_MEMORY]        = GO(STOPPING, KILL),
        [LIFE_EV_KILL]          = GO(STOPPING, KILL),
        [LIFE_EV_STOP_TIMEOUT]  = GO(STOPPING, KILL), /* D state: again, for as long as it takes */
        [LIFE_EV_MAIN_EXIT]     = KEEP,
        [LIFE_EV_EMPTY]         = GO(STOPPED, ENDED),
    },
};

int life_step(enum life_state state, enum life_event event, enum life_state *ret_next,
              enum life_action *ret_action) {
    if ((unsigned) state >= LIFE_STATE_COUNT || (unsigned) event >= LIFE_EVENT_COUNT)
        return -EINVAL;

    const struct cell *c = &table[state][event];

    switch ((enum cell_kind) c->kind) {
    case CELL_GO:
        *ret_next = (enum life_state) c->next;
        *ret_action = (enum life_action) c->action;
        return 1;
    case CELL_KEEP:
        return 0;
    case CELL_BUG:
        return -EPROTO;
    case CELL_UNSET:
        return -ENOSYS; /* test_every_cell_is_a_decision sees to it that this is never met */
    }
    return -EINVAL;
}

#define X(id, name) [LIFE_##id] = name,
static const char *const state_names[] = { LIFE_STATES(X) };
#undef X
#define X(id, name) [LIFE_EV_##id] = name,
static const char *const event_names[] = { LIFE_EVENTS(X) };
#undef X
#define X(id, name) [LIFE_DO_##id] = name,
static const char *const action_names[] = { LIFE_ACTIONS(X) };
#undef X

const char *life_state_name(enum life_state state) {
    return (unsigned) state < LIFE_STATE_COUNT ? state_names[state] : "?";
}

const char *life_event_name(enum life_event event) {
    return (unsigned) event < LIFE_EVENT_COUNT ? event_names[event] : "?";
}

const char *life_action_name(enum life_action action) {
    return (unsigned) action < LIFE_ACTION_COUNT ? action_names[action] : "?";
}

int life_state_parse(const char *name, enum life_state *ret) {
    for (size_t i = 0; i < LIFE_STATE_COUNT; i++)
        if (strcmp(state_names[i], name) == 0) {
            *ret = (enum life_state) i;
            return 0;
        }
    return -EINVAL;
}
