/* SPDX-License-Identifier: MIT
 * sources_app.c - one app's own limit, and the kernel's kills in its group. */
#include "cgroups/sources.h"

#include "cgroups/backend.h"
#include "cgroups/event.h"
#include "cgroups/sources_parts.h"
#include "supervisor/base/cleanup.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Where the memory controller has an app's group; -1: nowhere. */
static int app_memory(const struct cgrp_group *group, bool *ret_v1) {
    *ret_v1 = group->root->backend->kind == CGRP_HYBRID;
    if (group->root->backend->kind == CGRP_NONE)
        return -1;
    return *ret_v1 ? group->v1_fd[CGRP_V1_MEMORY] : group->dir_fd;
}

uint64_t cgrp_group_oom_kills(const struct cgrp_group *group) {
    uint64_t kills;
    bool v1;
    int dir_fd = app_memory(group, &v1);

    return dir_fd >= 0 && cgrp_event_oom_kills(dir_fd, v1, &kills) == 0 ? kills : 0;
}

static void watch_psi(struct cgrp_app_source *app) {
    /* Without a limit of its own there is nothing that its stalls could be a hint at. */
    if (!app->runs || app->meter.limit == CGRP_NO_LIMIT || app->group->dir_fd < 0)
        return;
    app->psi.hint_for = &app->meter;
    cgrp_psi_watch(app->set, &app->psi, app->group->dir_fd, "memory.pressure",
                   &app->set->config.psi[0]);
}

int cgrp_sources_add(struct cgrp_sources *s, struct cgrp_group *group, int slot,
                     const struct cgrp_limits *limits, struct cgrp_app_source **ret,
                     struct err *e) {
    struct cgrp_app_source *app = calloc(1, sizeof *app);
    struct cgrp_meter *m = &app->meter;
    char path[PATH_MAX] = "";

    if (!app)
        return err_set(e, -ENOMEM, "no memory to watch '%s'", cgrp_group_label(group));
    app->set = s;
    app->group = group;
    app->slot = slot;
    app->psi.psi.fd = -1;
    cgrp_meter_init(m);
    list_init(&app->in_set);
    list_append(&s->apps, &app->in_set);
    *ret = app;

    m->dir_fd = app_memory(group, &m->v1);
    if (m->dir_fd < 0) {
        cgrp_why(&m->why, -EOPNOTSUPP, "no memory controller counts what '%s' uses",
                 cgrp_group_label(group));
        if (m->why && e)
            *e = *m->why;
        return 0;
    }
    m->base = limits->memory_high;
    m->limit = limits->memory_high != CGRP_NO_LIMIT ? limits->memory_high : limits->memory_max;
    /* What an earlier supervisor has seen is no news; a leftover group's count is not zero. */
    app->counts_kills = cgrp_event_oom_kills(m->dir_fd, m->v1, &app->oom_kills) == 0;
    if (!m->v1)
        (void) snprintf(path, sizeof path, "%s/%s/memory.events", s->root->v2.path, group->name);
    cgrp_meter_open(s, m, path);
    if (m->why && e)
        *e = *m->why;
    return 0;
}

void cgrp_sources_run(struct cgrp_app_source *app, bool runs) {
    if (app->runs == runs)
        return;
    app->runs = runs;
    if (runs)
        watch_psi(app);
    else
        cgrp_psi_unwatch(app->set, &app->psi);
}

struct cgrp_app_source *cgrp_sources_drop(struct cgrp_app_source *app) {
    if (!app)
        return NULL;
    cgrp_psi_unwatch(app->set, &app->psi);
    cgrp_meter_close(app->set, &app->meter);
    cgrp_why_clear(&app->psi.why);
    cgrp_why_clear(&app->meter.why);
    list_remove(&app->in_set);
    free(app);
    return NULL;
}

int cgrp_app_source_kills(struct cgrp_app_source *app, uint64_t now, struct cgrp_fact *ret) {
    uint64_t kills;

    if (!cgrp_meter_take(app->set, &app->meter, now))
        return 0;
    app->tell_limit = true;
    if (!app->counts_kills || cgrp_event_oom_kills(app->meter.dir_fd, app->meter.v1, &kills) < 0 ||
        kills <= app->oom_kills)
        return 0;
    app->oom_kills = kills;
    *ret = (struct cgrp_fact){
        .kind = CGRP_FACT_KILLED,
        .source = CGRP_SOURCE_KERNEL,
        .slot = app->slot,
        .figure = { kills },
    };
    return 1;
}

int cgrp_app_source_limit(struct cgrp_app_source *app, struct cgrp_fact *ret) {
    if (!app->tell_limit)
        return 0;
    app->tell_limit = false;
    if (app->meter.limit == CGRP_NO_LIMIT)
        return 0;
    int r = cgrp_meter_read(&app->meter, CGRP_FACT_LIMIT, ret);
    if (r < 0) {
        /* Removed: v1's eventfds fire then, too. Nothing more will come. */
        cgrp_meter_close(app->set, &app->meter);
        cgrp_why(&app->meter.why, r, "its group is gone");
        return 0;
    }
    app->level = ret->level;
    ret->slot = app->slot;
    return 1;
}
