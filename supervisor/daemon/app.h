/* SPDX-License-Identifier: MIT
 * app.h - one installed app, and its run while it lives.
 * Layer: 3, daemon. Uses: base, cgroups, units.
 *
 * The state moves only in app_event(), by the table of units/life.h; everything else turns facts
 * into events or is an action of that table. `run` is what only a live app has; it comes with
 * the cold start (or an adoption) and goes when the group is empty (run.h). */
#ifndef DAEMON_APP_H
#define DAEMON_APP_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "supervisor/base/list.h"
#include "supervisor/daemon/daemon.h"
#include "supervisor/daemon/run.h"
#include "units/life.h"
#include "units/manifest.h"

struct call;
struct daemon;
struct jsonw;
struct update;

struct app {
    struct daemon *d;
    char id[65];
    enum life_state state;
    uint64_t since_usec;       /* CLOCK_REALTIME of the last change of state */
    struct manifest *manifest; /* of the version that runs, or would */
    struct store_state versions;
    struct app_trial { /* of what versions.rest says, for quick looks (revision.h) */
        unsigned tries;
        bool retreat;
        uint64_t minimum, offered;
    } trial;
    uid_t uid;            /* (uid_t) -1: runs as the daemon does */
    uint64_t opened_usec; /* CLOCK_REALTIME of its last Open, or of its installation; 0: unknown */
    uint64_t cold_starts, hot_starts;
    unsigned records; /* being written: until they are, its run state is what a crash leaves */
    bool has_exit;
    struct exit_record last_exit;
    char *exit_state;          /* for the next cold run; NULL: none */
    uint64_t exit_state_until; /* CLOCK_BOOTTIME: setting the clock ends it no sooner or later */
    unsigned storing; /* so many jobs of the disk lane, or who else it waits for, have its versions,
                         or a left-over group of its name has to go */
    bool start_waits; /* for that, to start */
    bool removing;    /* Remove was asked: no Open any more */
    struct list place; /* in the daemon's front, warm or kept list, as `where` says */
    enum app_where { APP_NOWHERE, APP_FRONT, APP_WARM, APP_KEPT } where;
    struct group_owner owner; /* of its group */
    struct list opens;        /* struct waiter: Open calls that wait for a start */
    struct list ends;         /* struct waiter: what waits for the end of the run */
    struct list settles;      /* struct waiter: what waits for storing to be 0 */
    struct run *run;
    struct update *update;   /* once it was checked for one; update.h */
    struct cgrp_depth depth; /* how much of it to take when it is suspended, as learned */
    int64_t hide_reason;     /* of the hide being done */
    struct list dirty;       /* in the run states to be written */
};

/* Somebody who waits. done() is called once and takes the waiter. */
struct waiter {
    struct list node;
    struct call *call;    /* NULL: the supervisor itself */
    struct launch launch; /* of an Open */
    void *context;        /* of who waits; from malloc() */
    const char *start;    /* what the Open became: "cold" "hot" "current" */
    void (*done)(struct waiter *waiter, struct app *app, const struct start_failure *failure);
};
struct waiter *waiter_new(struct call *call, void (*done)(struct waiter *, struct app *,
                                                          const struct start_failure *));
struct waiter *waiter_free(struct waiter *w); /* neither its call nor its context */
/* All that are still there at the daemon's end, with their calls and contexts. */
void waiters_drop(struct list *waiters);

/* Takes manifest. -ENOMEM. */
int app_new(struct daemon *d, const char *id, struct manifest *manifest, struct app **ret);
struct app *app_free(struct app *app);

/* The one way to change a state. cause: as StateChange.cause; static text. */
void app_event(struct app *app, enum life_event event, const char *cause);

/* Open: takes the waiter, whose done is called when show was sent or queued, or with the failure.
 */
void app_open(struct app *app, struct waiter *waiter);
void app_hide(struct app *app, int64_t reason, const char *cause);
/* Ends the run for `reason` by the event (CLOSE, KILL, MEMORY, DESTROY, START_TIMEOUT): the first
 * reason counts. */
void app_end(struct app *app, enum exit_reason reason, enum life_event event);
/* Calls waiter->done when the app is stopped (at once if it is). */
void app_when_ended(struct app *app, struct waiter *waiter);
void app_keep_running(struct app *app, unsigned bit, bool on);
/* Sends a memory warning to a running app that listens; whether it went out. */
bool app_warn(struct app *app, int level, const char *source);

/* Writes one App of the wire. */
void app_write(struct app *app, struct jsonw *w, const char *key);

/* Lets go the least recently used while more than max_warm are kept. */
void app_enforce_warm(struct daemon *d);
/* Replaces what the next cold run gets: text (taken, NULL: nothing) until expires_at
 * (CLOCK_REALTIME). */
void app_set_exit_state(struct app *app, char *text, uint64_t expires_at_usec);

/* Shared by the files of the app's life (app.c, asked.c, run.c, adopt.c). */
void app_start_again(struct app *app, bool reopen,
                     char *path); /* takes path: Opens that waited, or a Restart */
void app_set_adopted(struct app *app,
                     enum life_state state); /* as an earlier daemon had it; tells nobody */
void app_place(struct app *app);             /* into the list its state belongs to */
void app_finish_suspends(struct daemon *d);
void app_arm_suspend(struct app *app, uint64_t from_now_us);
/* Whom the kernel's OOM killer takes first: 0 in front, 300 in background, 900 suspended; 900 and
 * 1000 while memory_is_short(). */
void app_oom_score(struct app *app);

#endif
