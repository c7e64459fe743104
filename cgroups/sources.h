/* SPDX-License-Identifier: MIT
 * sources.h - where memory facts come from, behind one descriptor.
 * Layer: 2, cgroups. Uses: base. Never: the clock (`now` is the caller's CLOCK_BOOTTIME, us).
 *
 * The kernel's events are hints to look; a look makes a fact. While nothing happens, nothing is
 * read. Of a group that is busy with page cache at most one look in CGRP_LOOK_GAP_US is taken,
 * with one more after the last hint; cgrp_sources_due() says when.
 *
 * What cannot be had on this machine is named in cgrp_sources_tell(); the rest works. */
#ifndef CGROUPS_SOURCES_H
#define CGROUPS_SOURCES_H

#include <stdbool.h>
#include <stdint.h>

#include "cgroups/cgroup.h"
#include "cgroups/fact.h"
#include "cgroups/psi.h"

struct err;
struct cgrp_sources;
struct cgrp_app_source;

#define CGRP_LOOK_GAP_US UINT64_C(20000)

struct cgrp_sources_config {
    uint64_t budget;                      /* bytes; CGRP_NO_LIMIT: none */
    struct cgrp_psi_want psi[CGRP_STEPS]; /* for 5, 10, 15 */
    struct cgrp_available available;
    bool arm_later; /* v1's usage thresholds are left to cgrp_sources_arm() */
};

/* Arms what can be armed. The budget is also set as the hard limit of the group of all apps (and
 * taken off without one); while they use more than that only once they are below it, since the
 * kernel would make the room in this very call. root is borrowed and must live longer.
 * Errors: -ENOMEM, -EMFILE; a missing source is none. */
int cgrp_sources_open(struct cgrp_root *root, const struct cgrp_sources_config *config,
                      struct cgrp_sources **ret, struct err *e);
/* Drops all apps' sources, too. Limits stay as they are. NULL. */
struct cgrp_sources *cgrp_sources_free(struct cgrp_sources *s);

/* Becomes readable (EPOLLIN) when cgrp_sources_next() has something, or a hint to take in. */
int cgrp_sources_fd(const struct cgrp_sources *s);
/* The next fact: 1 with ret, 0 no more for now. Never blocks, takes no memory. OOM kills come
 * before the level that they may have cured. */
int cgrp_sources_next(struct cgrp_sources *s, uint64_t now, struct cgrp_fact *ret);
/* When to call cgrp_sources_next() again without the descriptor; UINT64_MAX: no need. */
uint64_t cgrp_sources_due(const struct cgrp_sources *s);
/* The next calls of cgrp_sources_next() report the budget, available memory and apps whose own
 * limit was crossed when last seen, as they are now: after a victim has gone, before an
 * admission, and every 100 ms while a level holds. */
void cgrp_sources_look(struct cgrp_sources *s);
/* Arms again what was lost or could not be had. */
void cgrp_sources_rearm(struct cgrp_sources *s);

/* What blocks for tens of milliseconds while the kernel waits for its own threads: a job for a
 * worker thread. After an opening, an adding or a rearming:
 *     while (cgrp_sources_arm(s, &job) == 1) …   on the loop; -EMFILE
 *     cgrp_arm_run(&job);                        on the thread; works on descriptors of its own
 *     cgrp_sources_armed(s, &job);               on the loop, also when what it was for has gone */
struct cgrp_arm {
    int dir_fd, event_fd;
    uint64_t limit, serial;
    int result;
};
int cgrp_sources_arm(struct cgrp_sources *s, struct cgrp_arm *ret);
void cgrp_arm_run(struct cgrp_arm *job);
void cgrp_sources_armed(struct cgrp_sources *s, struct cgrp_arm *job);

/* Watches one app's group for its own limit and the kernel's OOM kills.
 *   slot    stands in its facts
 *   limits  as given to the group: memory_high counts, else memory_max
 *   ret     ends with cgrp_sources_drop(), before the group is removed
 * What is missing is told in `e` with 0 returned all the same. Errors: -ENOMEM. */
int cgrp_sources_add(struct cgrp_sources *s, struct cgrp_group *group, int slot,
                     const struct cgrp_limits *limits, struct cgrp_app_source **ret, struct err *e);
/* While it runs its group's PSI is one more hint; a stopped group has none. */
void cgrp_sources_run(struct cgrp_app_source *app, bool runs);
struct cgrp_app_source *cgrp_sources_drop(struct cgrp_app_source *app); /* NULL; takes NULL */

/* Processes of the group that the kernel's OOM killer ended so far, read now; to be asked before
 * the group is removed. 0 where nothing counts. */
uint64_t cgrp_group_oom_kills(const struct cgrp_group *group);

struct cgrp_source_info {
    const char *name; /* "budget" "available" "psi_system" "psi_apps" "limit" "killed" */
    bool works;
    char threshold[120]; /* for people */
    uint64_t last;       /* when it was heard last, 0: never */
    char detail[200];    /* why it does not work, or what to know of it; "" */
};
#define CGRP_SOURCE_INFOS 6
void cgrp_sources_tell(const struct cgrp_sources *s,
                       struct cgrp_source_info ret[CGRP_SOURCE_INFOS]);

#endif
