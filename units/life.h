/* SPDX-License-Identifier: MIT
 * life.h - the life of one mini-program, as a table.
 * Layer: 2, units. Uses: base. Never: sd-event, cgroups, sockets, the clock.
 *
 * life_step() is a pure look-up: the daemon turns facts into events, performs the action the
 * table names and reports what came of it as the next event. EMPTY means that the app's group
 * has no process left; MAIN_EXIT that its main process ended and others live on. An Open that
 * must wait for the end of a stop is a want, not a state: the daemon keeps it. */
#ifndef UNITS_LIFE_H
#define UNITS_LIFE_H

#include <stdbool.h>

#define LIFE_STATES(X)                                                                             \
    X(STOPPED, "stopped")                                                                          \
    X(STARTING, "starting")                                                                        \
    X(FOREGROUND, "foreground")                                                                    \
    X(BACKGROUND, "background")                                                                    \
    X(SUSPENDED, "suspended")                                                                      \
    X(STOPPING, "stopping")

#define LIFE_EVENTS(X)                                                                             \
    X(OPEN, "open")                   /* somebody asks for it in front */                          \
    X(READY, "ready")                 /* it said so, or exec succeeded */                          \
    X(HIDE, "hide")                   /* asked for, or another app came in front */                \
    X(SUSPEND, "suspend")             /* suspend_after passed in background */                     \
    X(START_TIMEOUT, "start_timeout") /* not ready in time */                                      \
    X(DESTROY, "destroy")             /* destroy_after passed while suspended */                   \
    X(CLOSE, "close")   /* close, exit, restart, update, remove, warm limit, supervisor */         \
    X(MEMORY, "memory") /* chosen for its memory */                                                \
    X(KILL, "kill")     /* forced */                                                               \
    X(STOP_TIMEOUT, "stop_timeout") /* did not end in time */                                      \
    X(MAIN_EXIT, "main_exit")       /* its main process ended, others live */                      \
    X(EMPTY, "empty")               /* its group has no process left */

#define LIFE_ACTIONS(X)                                                                            \
    X(NONE, "none")                                                                                \
    X(START, "start")     /* apply a pending version, make room, spawn, arm start_timeout */       \
    X(LAUNCH, "launch")   /* events launch and show; hide who was in front */                      \
    X(SHOW, "show")       /* event show; hide who was in front */                                  \
    X(RESUME, "resume")   /* SIGCONT, queued events, then as SHOW */                               \
    X(HIDE, "hide")       /* event hide, arm suspend_after */                                      \
    X(SUSPEND, "suspend") /* SIGSTOP to all, arm destroy_after */                                  \
    X(STOP, "stop")       /* SIGCONT if stopped, unload, SIGTERM, arm stop_timeout */              \
    X(UNLOAD, "unload")   /* unload with 1 s, then kill */                                         \
    X(KILL, "kill")       /* SIGKILL to the group */                                               \
    X(ENDED, "ended")     /* record the exit, free what it held */

#define X(id, name) LIFE_##id,
enum life_state { LIFE_STATES(X) LIFE_STATE_COUNT };
#undef X
#define X(id, name) LIFE_EV_##id,
enum life_event { LIFE_EVENTS(X) LIFE_EVENT_COUNT };
#undef X
#define X(id, name) LIFE_DO_##id,
enum life_action { LIFE_ACTIONS(X) LIFE_ACTION_COUNT };
#undef X

/* Looks up one transition.
 * Returns 1 and sets both results when there is something to do (the state may stay the same:
 * KILL while stopping); 0 when the event changes nothing here (results untouched); -EPROTO when it
 * cannot happen in this state (a bug in the caller: log it, keep the state). */
int life_step(enum life_state state, enum life_event event, enum life_state *ret_next,
              enum life_action *ret_action);

static inline bool life_is_live(enum life_state s) {
    return s != LIFE_STOPPED;
}
static inline bool life_is_running(enum life_state s) {
    return s == LIFE_FOREGROUND || s == LIFE_BACKGROUND;
}
static inline bool life_is_warm(enum life_state s) {
    return s == LIFE_BACKGROUND || s == LIFE_SUSPENDED;
}

const char *life_state_name(enum life_state state);
const char *life_event_name(enum life_event event);
const char *life_action_name(enum life_action action);
int life_state_parse(const char *name, enum life_state *ret); /* -EINVAL */

#endif
