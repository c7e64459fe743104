/* SPDX-License-Identifier: MIT
 * memory_answer.c - the Memory method: what is seen, and whose memory it is. */
#include <string.h>

#include "cgroups/cgroup.h"
#include "supervisor/base/cleanup.h"
#include "supervisor/base/jsonw.h"
#include "supervisor/base/map.h"
#include "supervisor/daemon/config.h"
#include "supervisor/daemon/loop.h"
#include "supervisor/daemon/meminfo.h"
#include "supervisor/daemon/memory_parts.h"
#include "supervisor/daemon/server.h"

/* When it was by the clock of now; 0: that one was set so far back that it has no name for it. */
static uint64_t wall_time(uint64_t boottime) {
    uint64_t ago = loop_boottime() - boottime, now = loop_realtime();

    return now > ago ? now - ago : 0;
}

static void write_sources(const struct memory *m, struct jsonw *w) {
    struct cgrp_source_info infos[CGRP_SOURCE_INFOS];

    cgrp_sources_tell(m->sources, infos);
    jsonw_array(w, "sources");
    for (int i = 0; i < CGRP_SOURCE_INFOS; i++) {
        jsonw_object(w, NULL);
        jsonw_string(w, "name", infos[i].name);
        jsonw_bool(w, "works", infos[i].works);
        jsonw_string(w, "threshold", infos[i].threshold);
        uint64_t at = infos[i].last ? wall_time(infos[i].last) : 0;
        if (at)
            jsonw_u64(w, "last_usec", at);
        if (infos[i].detail[0])
            jsonw_string(w, "detail", infos[i].detail);
        jsonw_end_object(w);
    }
    jsonw_end_array(w);
}

static uint64_t write_app(struct app *app, struct jsonw *w) {
    const struct memory_run *mem = &app->run->memory;
    struct cgrp_usage u = { 0 };

    if (app->run->group)
        (void) cgrp_group_usage(app->run->group, &u, NULL);
    jsonw_object(w, NULL);
    jsonw_string(w, "id", app->id);
    jsonw_string(w, "state", life_state_name(app->state));
    jsonw_u64(w, "current", u.current);
    jsonw_u64(w, "peak", u.peak > u.current ? u.peak : u.current);
    if (u.has_swap)
        jsonw_u64(w, "swap", u.swap);
    jsonw_u64(w, "reclaimed", mem->reclaimed);
    jsonw_u64(w, "warned", mem->warned);
    jsonw_u64(w, "freed", mem->freed);
    if (mem->resume_us)
        jsonw_u64(w, "resume_usec", mem->resume_us);
    jsonw_end_object(w);
    return u.current;
}

/* In the order in which their memory would be taken; those that are going already come last. */
static uint64_t write_apps(struct memory *m, struct jsonw *w, uint64_t now) {
    CLEANUP(free_p) int *slots = calloc((size_t) m->table.n + 1, sizeof *slots);
    uint64_t current = 0;
    struct app *app;
    size_t at = 0;
    int n = slots ? cgrp_rank(&m->table, CGRP_APP_FOREGROUND, now, slots, m->table.n) : 0;

    jsonw_array(w, "apps");
    for (int i = 0; i < n; i++)
        if (m->apps[slots[i]])
            current += write_app(m->apps[slots[i]], w);
    while ((app = map_next(m->d->apps, &at))) {
        int slot = app->run ? app->run->memory.slot : -1;
        if (app->run && (slot < 0 || !slots || !cgrp_app_is_candidate(&m->table.app[slot])))
            current += write_app(app, w);
    }
    jsonw_end_array(w);
    return current;
}

int memory_answer(struct daemon *d, struct call *call) {
    struct memory *m = d->memory;
    struct jsonw *w = call_begin(call, false);
    uint64_t total = 0, available = 0, now = loop_boottime();

    meminfo_read(&total, &available);
    jsonw_int(w, "level", m->level);
    jsonw_string(w, "backend", cgrp_kind_name(cgrp_root_kind(d->groups)));
    jsonw_u64(w, "total", total);
    jsonw_u64(w, "available", available);
    write_sources(m, w);
    jsonw_u64(w, "current", write_apps(m, w, now));
    if (d->config->memory.budget != CONFIG_UNSET)
        jsonw_u64(w, "budget", d->config->memory.budget);
    int next = cgrp_rank_first(&m->table, CGRP_APP_FOREGROUND, now);
    if (next >= 0)
        jsonw_string(w, "next_victim", m->table.app[next].id);
    call_end(call);
    return 0;
}
