/* SPDX-License-Identifier: MIT
 * update_parts.h - what the files of the updates share; not for others.
 * Layer: 3, daemon. Uses: units. */
#ifndef DAEMON_UPDATE_PARTS_H
#define DAEMON_UPDATE_PARTS_H

#include <stdbool.h>
#include <stdint.h>
#include <systemd/sd-event.h>

#include "supervisor/base/list.h"
#include "supervisor/daemon/delivery.h"
#include "supervisor/daemon/installed.h"
#include "supervisor/daemon/update.h"
#include "units/index.h"

/* Lives from the first check on; kept by the app. */
struct update {
    struct app *app;
    struct list calls; /* struct waiter */
    bool busy;         /* from the fetch of the index to the end of what follows */
    bool checked;      /* what has_update says is known */
    bool has_update;
    uint64_t checked_at; /* CLOCK_BOOTTIME */
    bool holding;        /* a start waits, counted in app.storing */
    uint64_t retry_after;
    uint64_t not_before; /* CLOCK_BOOTTIME: after a check that failed no cold start checks again */
    sd_event_source *patience, *retry;
    struct delivery *delivery;
    uint64_t said; /* hash of what `why` was told last */
    char *url;     /* of the index being read */
    struct index *index;
    char key[MINISIGN_KEY_TEXT + 1];
    enum package_fault fault;
    bool stale;                 /* the index has expired */
    struct index_choice choice; /* borrows from index */
    struct installed_job commit;
};

/* Made when it is first asked for; NULL: out of memory. */
struct update *update_of(struct app *app);

/* update.c: a check, and what follows from it. False: there is no index to ask. */
bool update_begin(struct update *u);
void update_answer(struct update *u, bool has_update, uint64_t code);

/* update_when.c */
void update_let_go(struct update *u); /* what waited for this to start goes on */
/* Each time after a longer while, up to check_interval, as long as all that comes between fails. */
uint64_t update_back_off(struct update *u);
void update_try_later(struct update *u);

#endif
