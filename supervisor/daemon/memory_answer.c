/* SPDX-License-Identifier: MIT
 * memory_answer.c - the Memory method: what is seen, and whose memory it is. */
#include <string.h>

#include "cgroups/cgroup.h"
#include "supervisor/base/jsonw.h"
#include "supervisor/base/map.h"
#include "supervisor/daemon/config.h"
#include "supervisor/daemon/loop.h"
#include "supervisor/daemon/meminfo.h"
#include "supervisor/daemon/memory_parts.h"
#include "supervisor/daemon/server.h"

static void write_sources(const struct memory *m, struct jsonw *w) {
    struct cgrp_source_info infos[CGRP_SOURCE_INFOS];
    uint64_t ahead = loop_realtime() - loop_boottime();

    cgrp_sources_tell(m->sources, infos);
    jsonw_array(w, "sources");
    for (int i = 0; i < CGRP_SOURCE_INFOS; i++) {
        jsonw_object(w, NULL);
        jsonw_string(w, "name", infos[i].name);
        jsonw_bool(w, "works", infos[i].works);
        jsonw_string(w, "threshold", infos[i].threshold);
        if (infos[i].last)
            jsonw_u64(w, "last_usec", infos[i].last + ahead);
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

int memory_answer(struct daemon *d, struct call *call) {
    struct memory *m = d->memory;
    struct jsonw *w = call_begin(call, false);
    uint64_t total = 0, available = 0, current = 0, now = loop_boottime();
    struct app *app;
    size_t at = 0;

    meminfo_read(&total, &available);
    jsonw_int(w, "level", m->level);
    jsonw_string(w, "backend", cgrp_kind_name(cgrp_root_kind(d->groups)));
    jsonw_u64(w, "total", total);
    jsonw_u64(w, "available", available);
    write_sources(m, w);
    jsonw_array(w, "apps");
    while ((app = map_next(d->apps, &at)))
        if (app->run)
            current += write_app(app, w);
    jsonw_end_array(w);
    jsonw_u64(w, "current", current);
    if (d->config->memory.budget != CONFIG_UNSET)
        jsonw_u64(w, "budget", d->config->memory.budget);
    int next = cgrp_rank_first(&m->table, CGRP_APP_FOREGROUND, now);
    if (next >= 0)
        jsonw_string(w, "next_victim", m->table.app[next].id);
    call_end(call);
    return 0;
}
