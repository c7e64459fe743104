/* SPDX-License-Identifier: MIT
 * sources_parts.h - what a set of memory sources is made of.
 * Layer: 2, cgroups; internal to this folder. Uses: base. */
#ifndef CGROUPS_SOURCES_PARTS_H
#define CGROUPS_SOURCES_PARTS_H

#include "cgroups/sources.h"
#include "supervisor/base/err.h"
#include "supervisor/base/list.h"

/* What an epoll event is about: the first member of whatever has a descriptor. */
enum cgrp_ear {
    CGRP_EAR_METER,   /* v1's eventfd; owner: struct cgrp_meter */
    CGRP_EAR_INOTIFY, /* v2's events of all meters */
    CGRP_EAR_PSI,     /* owner: struct cgrp_watch_psi */
};
struct cgrp_tag {
    enum cgrp_ear ear;
    void *owner;
};

/* err_set() where the failure is kept to be told, not returned: there are many, and seldom is one
 * wanting. Without memory it is not kept. */
void cgrp_why(struct err **why, int code, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
void cgrp_why_clear(struct err **why);

#define CGRP_WHY_V1_EVENTS "not all of its v1 events can be had: %s"

/* When to look at a group of which something was heard. */
struct cgrp_pace {
    bool wanted;    /* a look, once `quiet` has passed */
    bool heard;     /* since the last look */
    uint64_t quiet; /* no look before that */
};

struct cgrp_meter;

struct cgrp_watch_psi {
    struct cgrp_psi psi;
    struct cgrp_tag tag;
    struct cgrp_meter *hint_for; /* an app's; NULL: it makes facts of its own */
    bool heard;
    uint64_t last;
    struct err *why; /* why it is not armed; NULL: it is */
};

/* A group whose usage is held against a limit. */
struct cgrp_meter {
    int dir_fd; /* memory controller's folder; borrowed; -1: none */
    bool v1;
    uint64_t limit, base;     /* v2: base is memory.high once all shares are crossed */
    uint64_t high;            /* v2: memory.high as last written */
    int event_fd;             /* v1: eventfd; -1: none */
    int wd;                   /* v2: inotify watch; -1: none */
    struct list in_set, busy; /* all with ears; those whose pace wants a look */
    struct cgrp_tag tag;
    bool muted;  /* v1: not waited for until the gap is over */
    bool to_arm; /* v1: its thresholds wait for cgrp_sources_arm() */
    uint64_t serial;
    struct cgrp_pace pace;
    struct err *why; /* what is missing; NULL: nothing */
};

enum { CGRP_PSI_OF_SYSTEM, CGRP_PSI_OF_APPS, CGRP_PSI_PLACES };

struct cgrp_sources {
    struct cgrp_root *root; /* borrowed */
    struct cgrp_sources_config config;
    int epoll_fd, inotify_fd;
    struct cgrp_tag inotify_tag;
    struct list meters, busy;
    struct cgrp_meter budget;
    bool hard_waits;        /* for the apps to get below the budget */
    struct err *why_budget; /* it is not a hard limit */
    struct cgrp_watch_psi psi[CGRP_PSI_PLACES][CGRP_STEPS];
    struct cgrp_pace available;
    struct err *why_available; /* the last reading's failure */
    uint64_t last_budget, last_available, last_limit, last_killed;
    struct list apps;
};

struct cgrp_app_source {
    struct list in_set;
    struct cgrp_sources *set;
    struct cgrp_group *group; /* borrowed */
    int slot;
    struct cgrp_meter meter;
    int level; /* when last seen, by entries */
    bool counts_kills;
    uint64_t oom_kills;
    struct cgrp_watch_psi psi;
    bool runs;
    bool tell_limit; /* looked at for kills, its limit comes next */
};

void cgrp_psi_watch(struct cgrp_sources *s, struct cgrp_watch_psi *p, int dir_fd, const char *file,
                    const struct cgrp_psi_want *want);
void cgrp_psi_unwatch(struct cgrp_sources *s, struct cgrp_watch_psi *p);

/* The meter's group may have changed. */
void cgrp_meter_hear(struct cgrp_sources *s, struct cgrp_meter *m, uint64_t now);
/* A look at once, whatever was heard. */
void cgrp_meter_want(struct cgrp_sources *s, struct cgrp_meter *m);
/* Whether to look now; if so it counts as done. */
bool cgrp_meter_take(struct cgrp_sources *s, struct cgrp_meter *m, uint64_t now);

void cgrp_meter_init(struct cgrp_meter *m);
/* Puts the ears on a group. dir_fd, v1, limit and base are filled in.
 *   path   v2: what inotify watches */
void cgrp_meter_open(struct cgrp_sources *s, struct cgrp_meter *m, const char *path);
void cgrp_meter_close(struct cgrp_sources *s, struct cgrp_meter *m);
/* Reads it, and moves v2's threshold to where the next news is. Errors: as cgrp_event_usage(). */
int cgrp_meter_read(struct cgrp_meter *m, enum cgrp_fact_kind kind, struct cgrp_fact *ret);

/* An app's turn: 1 with its fact, 0 it has none. Kills first, for all apps. */
int cgrp_app_source_kills(struct cgrp_app_source *app, uint64_t now, struct cgrp_fact *ret);
int cgrp_app_source_limit(struct cgrp_app_source *app, struct cgrp_fact *ret);

#endif
