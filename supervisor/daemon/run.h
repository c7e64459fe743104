/* SPDX-License-Identifier: MIT
 * run.h - one run of an app: what only a live one has.
 * Layer: 3, daemon. Uses: base, cgroups, units.
 *
 * It comes with the cold start (or an adoption) and goes when the group is empty. The functions
 * here are actions of the life table and feed events back into app_event(). */
#ifndef DAEMON_RUN_H
#define DAEMON_RUN_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "supervisor/base/list.h"
#include "supervisor/daemon/launch.h"
#include "supervisor/daemon/memory.h"
#include "supervisor/daemon/poller.h"
#include "supervisor/daemon/queue.h"
#include "supervisor/daemon/timers.h"
#include "units/reason.h"
#include "units/store.h"

struct app;
struct cgrp_limits;
struct err;
struct group_owner;

/* How a run ended. */
struct exit_record {
    enum exit_reason reason;
    bool has_status, has_signal;
    int status, signal;
    uint64_t at_usec;
    char message[320]; /* a reason's sentence, and a detail in brackets or after a colon */
};

/* Deadlines of a run, CLOCK_BOOTTIME microseconds, 0: none. One timer serves them all. */
enum deadline {
    DEADLINE_START, /* must be ready */
    DEADLINE_TRIM,  /* the warning before it is suspended */
    DEADLINE_SUSPEND,
    DEADLINE_DESTROY,
    DEADLINE_TERM, /* an unload has had its time */
    DEADLINE_KILL,
    DEADLINE_REAP,    /* PID 1 has not reaped an adopted one: its status stays unknown */
    DEADLINE_HEALTHY, /* its version has run for long enough; hiding it does not clear this one */
    DEADLINE_COUNT,
};

/* Why an Open that waits for this start fails, as StartFailed names it. */
struct start_failure {
    const char *stage; /* static; NULL: no failure */
    int error;         /* errno, 0: none */
    char detail[200];
};

struct run {
    pid_t pid;          /* 0: not (yet) known */
    uint64_t starttime; /* guards against a reused pid */
    int pidfd;
    bool is_child; /* ours to wait for; an adopted one is not */
    bool spawning; /* the spawn lane has it: the group may be empty and become populated */
    bool main_ended, group_empty, settled, heard;
    bool has_status;            /* status below is known */
    int wait_code, wait_status; /* CLD_… and its value */
    bool ready, ready_early, watchdog_triggered, reopen, terminated;
    enum exit_reason reason;       /* the first cause; NONE: nobody asked for the end */
    struct start_failure *failure; /* NULL: none */
    unsigned keep;                 /* bits of enum manifest_background that are on */

    struct cgrp_group *group;
    int package_fd; /* holds the version's lock */
    char version_name[STORE_VERSION_NAME_MAX];
    struct server *channel;
    struct notify *notify;
    struct list watchers; /* struct app_watcher */
    struct queue queue;
    struct launch launch, enter;
    bool hot;
    char *exit_state;   /* what the last run left for this one: JSON text, or NULL */
    char *restart_path; /* of Restart */
    uint64_t deadlines[DEADLINE_COUNT];
    struct memory_run memory;
    bool revised;   /* what had to be on the disk before this start was tried */
    bool lived;     /* its version has proved itself, or had to prove nothing */
    bool retry;     /* on trial, and somebody wants it in front: its end is not the last word */
    bool simulated; /* an update that SimulateUpdate made up */
    bool synced;    /* waiting for an update before this start was considered */
    uint64_t opened_before;      /* as app.opened_usec was when this one was opened */
    uint64_t ran, running_since; /* not suspended; microseconds, CLOCK_BOOTTIME */
    bool admitting; /* waits for room to start in; spawning, too, so that it does not end */
    struct app *app;
    struct list suspending;  /* in the daemon's, from its stop until that is on the books */
    struct timer_node timer; /* for the first of the deadlines */
    struct poll_node main;   /* its main process */
};

int run_new(struct app *app, struct run **ret);
struct run *run_free(struct run *run, bool leave_apps);
void run_set_deadline(struct app *app, enum deadline which, uint64_t at);
void run_clear_deadlines(struct app *app);
int run_watch_main(struct app *app, struct err *e); /* pidfd and status */
void run_look(struct app *app);                     /* did it end? feeds MAIN_EXIT or EMPTY */
void run_emptied(struct group_owner *owner);
const char *run_end_cause(const struct app *app); /* the reason so far, as a name */
bool start_begin(struct app *app);    /* action START; false: it cannot be, to be followed by */
void start_gave_up(struct app *app);  /* its end */
void start_go_on(struct app *app);    /* after each app.storing-- */
void start_admitted(struct app *app); /* there is room */
void start_refused(struct app *app, const char *why); /* there is none */
void start_limits(const struct app *app, struct cgrp_limits *ret);
int start_services(struct app *app, struct err *e); /* its folder, channel, notify socket, output */
void stop_begin(struct app *app);                   /* action STOP */
void stop_unload(struct app *app);                  /* action UNLOAD */
void stop_kill(struct app *app);                    /* action KILL */
void stop_after_spawn(struct app *app);             /* what was asked while it was being spawned */
void stop_ended(struct app *app, struct exit_record *ret); /* what the end was */

#endif
