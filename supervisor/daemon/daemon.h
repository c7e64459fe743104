/* SPDX-License-Identifier: MIT
 * daemon.h - the one supervisor: its parts, wired in main.c, and the set of its apps.
 * Layer: 3, daemon. Uses: everything below. */
#ifndef DAEMON_DAEMON_H
#define DAEMON_DAEMON_H

#include <stdbool.h>
#include <stdint.h>
#include <systemd/sd-event.h>

#include "supervisor/base/list.h"
#include "supervisor/daemon/config.h"

struct app;
struct err;
struct map;
struct poller;
struct timers;

#define HOST_VERSION_CODE 1 /* what manifests compare platform_version.min_code with */

/* Whose group it is: first asked when one became empty. */
struct group_owner {
    void (*emptied)(struct group_owner *owner);
};

struct daemon_options {
    const char *config_path;             /* NULL: the default one */
    const char *runtime_dir, *state_dir; /* absolute */
    enum cgrp_kind backend;
    bool user;                /* --user */
    bool default_runtime_dir; /* group names carry no suffix then */
};

struct daemon {
    struct daemon_options options;
    sd_event *event;
    struct config *config;
    struct poller *calls; /* clients and apps: LOOP_CONTROL */
    struct poller *exits; /* main processes: LOOP_EXIT */
    struct timers *deadlines;
    struct work *work;
    struct scope *scope; /* where systemd runs: what holds the groups; else NULL */
    struct cgrp_root *groups;
    struct store *store;
    struct output *output;
    struct watch *watch;
    struct dialogs *dialogs;
    struct installer *installer;
    struct server *control;
    struct runstates *runstates;
    struct uids *uids;
    struct home *home;
    struct memory *memory;

    int runtime_fd;    /* the runtime folder */
    int apps_fd;       /* "apps" in it: a folder for each app's sockets */
    int runtime_lock;  /* its lock file, held */
    bool isolates;     /* apps get uids of their own */
    bool journal;      /* apps print to journald */
    gid_t *app_groups; /* [apps] groups, resolved */
    size_t n_app_groups;

    struct map *apps;  /* id -> struct app, every installed one */
    struct list front; /* foreground apps, oldest first (app.place) */
    struct list
        warm; /* background and suspended ones that max_warm counts, least recently used first */
    struct list suspending; /* runs that were stopped in this turn */
    sd_event_source *after_stops;
    struct list kept; /* background ones with a reason to run */
    unsigned n_front, n_warm, n_starting, n_live;
    unsigned n_strays; /* left-over groups that are being killed */
    bool ending;       /* SIGTERM came: no new starts; the loop ends with the last app */
    bool leaving;      /* SIGUSR1 came: the apps are for the next daemon */
};

/* Opens everything in order. Errors leave what was opened to daemon_free(). */
int daemon_open(struct daemon *d, const struct daemon_options *options, struct err *e);
void daemon_close(struct daemon *d, bool leave_apps);

/* SIGHUP, SIGTERM, SIGUSR1. */
void daemon_reload(struct daemon *d);
void daemon_end(struct daemon *d);
void daemon_check_ended(struct daemon *d); /* leaves the loop when it is ending and nothing lives */

struct app *daemon_app(struct daemon *d, const char *id); /* NULL: not installed */

#endif
