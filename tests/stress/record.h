/* SPDX-License-Identifier: MIT
 * record.h - what happened in a run: apps, samples, turns, kills, marks.
 * Layer: tests. Uses: base. Pure.
 *
 * Times are microseconds since the run began, by the wall clock that events carry; what is
 * measured (a turn's parts) is by CLOCK_MONOTONIC and relative to the turn. */
#ifndef STRESS_RECORD_H
#define STRESS_RECORD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define RECORD_STATES(X)                                                                           \
    X(STOPPED, "stopped")                                                                          \
    X(STARTING, "starting")                                                                        \
    X(FOREGROUND, "foreground")                                                                    \
    X(BACKGROUND, "background")                                                                    \
    X(SUSPENDED, "suspended")                                                                      \
    X(STOPPING, "stopping")
#define X(id, name) STATE_##id,
enum record_state { RECORD_STATES(X) STATE_COUNT };
#undef X
const char *record_state_name(enum record_state s);
int record_state_parse(const char *name, enum record_state *ret); /* -EINVAL */

#define RECORD_NONE   UINT64_MAX /* a time or figure that is not known */
#define RECORD_ID_MAX 65

struct record_app {
    char id[RECORD_ID_MAX];
    const char *manner; /* NULL: none of ours */
    enum record_state state;
    int kill;           /* index of the one that is not done; -1 */
    bool explained;     /* the kernel's kill in this run of it was told */
    uint64_t reclaimed; /* as last told, of this run of it */
};

struct record_sample {
    uint64_t at;
    uint64_t some_us, full_us;       /* PSI totals of the system; RECORD_NONE: no PSI */
    unsigned some_avg10, full_avg10; /* hundredths of a percent */
    uint64_t total, available, zram; /* of the machine; bytes */
    uint64_t budget, current;        /* 0: no budget; all apps together */
    int level, front;                /* front: an app's index, -1: none */
    unsigned warm, n;                /* apps of ours that are warm; length of what follows */
    uint64_t *bytes;                 /* by app; owned */
    uint8_t *state;                  /* by app; owned */
};

enum turn_kind { TURN_HOT, TURN_COLD, TURN_CURRENT, TURN_REFUSED, TURN_FAILED, TURN_LOST };

/* An app was opened, and was in front until the next turn. */
struct record_turn {
    int app;
    enum turn_kind kind; /* LOST: it never was answered */
    uint64_t at, until;  /* until: RECORD_NONE while it lasts */
    uint64_t sent_us;    /* CLOCK_MONOTONIC of the call; the next are from it */
    uint64_t replied_us; /* to the reply */
    uint64_t shown_us;   /* to the app's show; RECORD_NONE: it did not say */
    uint64_t whole_us;   /* to its whole memory touched once */
    uint64_t stalled_us; /* full stall of its group while it was in front, of front_us */
    uint64_t front_us;   /* 0: not measured */
    unsigned warm;       /* at its end */
    char text[160];      /* why it failed */
};

/* A kill for memory's sake: by the supervisor, or by the kernel in the app's group. */
struct record_kill {
    int app;
    uint64_t at, gone; /* RECORD_NONE: not gone yet */
    enum record_state from;
    bool by_kernel, explained, stuck, beside; /* beside: another one was not gone yet */
    int bystander; /* at: an app that was suspended or in background; -1: none */
    int level;
    uint64_t sigkill_us; /* from the event that decided to SIGKILL; RECORD_NONE: not told */
    char reason[24];     /* of the exit */
    char *text;          /* the decision, and a line for each who was considered; owned */
};

#define RECORD_MARKS(X)                                                                            \
    X(WARN, "warning")                                                                             \
    X(FREED, "freed")                                                                              \
    X(RECLAIM, "reclaim")                                                                          \
    X(KILL, "kill")                                                                                \
    X(REFUSED, "refused")                                                                          \
    X(ENDED, "ended")
#define X(id, name) MARK_##id,
enum mark_kind { RECORD_MARKS(X) MARK_COUNT };
#undef X

struct record_mark {
    enum mark_kind kind;
    int app; /* -1: all */
    uint64_t at;
    uint64_t bytes; /* freed, reclaimed */
    int level;
    char *text; /* owned */
};

struct record_level {
    uint64_t at;
    int level;
};

#define RECORD_ENDS_MAX 24
struct record {
    uint64_t epoch; /* CLOCK_REALTIME us of its beginning */
    uint64_t end;
    struct record_app *app;
    struct record_sample *sample;
    struct record_turn *turn;
    struct record_kill *kill;
    struct record_mark *mark;
    struct record_level *level;
    size_t n_apps, n_samples, n_turns, n_kills, n_marks, n_levels;
    struct { /* how often which reason ended a run of an app */
        char reason[24];
        unsigned n;
    } ends[RECORD_ENDS_MAX];
    unsigned n_ends;
    uint64_t reclaimed;     /* bytes, by what the supervisor told of each app */
    bool no_memory_method;  /* it does not know Memory */
    bool own_stall;         /* a turn's stall is the app's own, not the system's */
    bool interrupted, died; /* died: the supervisor ended */
    char broken[200];       /* why it ended early, "" */
    int leaker;             /* its index, -1: none */
    uint64_t used_before;   /* bytes in use before the first app started */
    uint64_t daemon_peak;   /* bytes resident of an own supervisor; 0: not known */
};

void record_init(struct record *r, uint64_t epoch);
void record_clear(struct record *r);
void record_clear_p(struct record *r); /* for CLEANUP() */

/* Index of an app, added when it is new; -1 without memory. */
int record_app(struct record *r, const char *id);
int record_find(const struct record *r, const char *id); /* -1: not there */
/* The part of an id that tells ours apart: "a07"; others whole. */
const char *record_short(const struct record *r, int app);

/* Each appends one, zeroed; NULL without memory. Valid until the next one. */
struct record_sample *record_add_sample(struct record *r);
struct record_turn *record_add_turn(struct record *r);
struct record_kill *record_add_kill(struct record *r);
struct record_mark *record_add_mark(struct record *r);
struct record_level *record_add_level(struct record *r);
void record_count_end(struct record *r, const char *reason);

/* Apps of ours in front, background or suspended. */
unsigned record_warm(const struct record *r);

#endif
