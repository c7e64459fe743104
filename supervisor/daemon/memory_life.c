/* SPDX-License-Identifier: MIT
 * memory_life.c - what happens to apps, as the memory side hears of it. */
#include <stdio.h>
#include <string.h>

#include "cgroups/cgroup.h"
#include "cgroups/trace.h"
#include "supervisor/base/cleanup.h"
#include "supervisor/base/err.h"
#include "supervisor/daemon/config.h"
#include "supervisor/daemon/log.h"
#include "supervisor/daemon/loop.h"
#include "supervisor/daemon/memory_parts.h"

/* What an app says later than that after a resume is no answer to it. */
#define RESUME_ANSWER_US UINT64_C(5000000)

void memory_run_init(struct memory_run *m) {
    *m = (struct memory_run){ .slot = -1, .pressure_fd = -1 };
}

static enum cgrp_app_state state_for(const struct app *app) {
    static const enum cgrp_app_state by_life[LIFE_STATE_COUNT] = {
        [LIFE_STOPPED] = CGRP_APP_NONE,          [LIFE_STARTING] = CGRP_APP_STARTING,
        [LIFE_FOREGROUND] = CGRP_APP_FOREGROUND, [LIFE_BACKGROUND] = CGRP_APP_BACKGROUND,
        [LIFE_SUSPENDED] = CGRP_APP_SUSPENDED,   [LIFE_STOPPING] = CGRP_APP_STOPPING,
    };
    return by_life[app->state];
}

/* --- the run ------------------------------------------------------------------------------ */

/* An adopted one has been idle since its last change of state, at least. */
static uint64_t idle_since(const struct app *app) {
    uint64_t now = loop_boottime(), wall = loop_realtime();
    uint64_t ago = wall > app->since_usec ? wall - app->since_usec : 0;

    return app->run->pid > 0 && ago < now ? now - ago : now;
}

/* Its state comes with memory_moved(). */
void memory_begins(struct app *app) {
    struct memory *m = app->d->memory;
    struct memory_run *mem = &app->run->memory;

    mem->slot = memory_free_slot(m);
    if (mem->slot < 0) {
        log_err(app->id, "out of memory: its own memory is not watched");
        return;
    }
    m->apps[mem->slot] = app;
    m->used++;
    struct cgrp_app *entry = &m->table.app[mem->slot];
    *entry = (struct cgrp_app){ .state = CGRP_APP_NONE, .idle_since = idle_since(app) };
    (void) snprintf(entry->id, sizeof entry->id, "%s", app->id);
}

void memory_watch_group(struct app *app) {
    struct memory_run *mem = &app->run->memory;
    struct cgrp_limits limits;
    struct err e = { 0 };

    start_limits(app, &limits);
    if (cgrp_sources_add(app->d->memory->sources, app->run->group, mem->slot, &limits, &mem->source,
                         &e) < 0)
        log_warning(app->id, "%s: its own limit is not watched", e.text);
    else
        cgrp_sources_run(mem->source, life_is_running(app->state));
}

void memory_grouped(struct app *app) {
    app->run->memory.oom_kills = cgrp_group_oom_kills(app->run->group);
}

void memory_watches(struct app *app) {
    if (app->run->memory.slot < 0)
        return;
    if (!app->run->memory.source) /* a reload meanwhile has given it one */
        memory_watch_group(app);
    memory_arm_sources(app->d->memory);
    if (!app->run->is_child) /* adopted: it has a past */
        memory_look_at(app->d->memory, app);
}

void memory_moved(struct app *app) {
    struct memory *m = app->d->memory;
    struct memory_run *mem = app->run ? &app->run->memory : NULL;

    if (!mem || mem->slot < 0)
        return;
    struct cgrp_app *entry = &m->table.app[mem->slot];
    if (entry->state == CGRP_APP_FOREGROUND)
        entry->idle_since = loop_boottime();
    entry->state = state_for(app);
    if (mem->source)
        cgrp_sources_run(mem->source, life_is_running(app->state));
    if (m->tracing)
        cgrp_trace_app(&m->trace, loop_boottime(), entry);
}

/* --- suspended and resumed ---------------------------------------------------------------- */

/* What its last warning brought is measured before reclaim takes more. */
void memory_suspended(struct app *app) {
    struct memory_run *mem = &app->run->memory;
    struct cgrp_usage u;

    memory_look_at(app->d->memory, app);
    memory_turn_soon(app->d->memory);
    mem->taken = 0;
    if (app->d->config->memory.policy && cgrp_group_usage(app->run->group, &u, NULL) == 0)
        memory_reclaim(app->d->memory, app, cgrp_depth_bytes(&app->depth, u.current), false);
}

void memory_resumes(struct app *app) {
    memory_reclaim_forget(app);
    app->run->memory.resumed_at = loop_boottime();
}

void memory_heard(struct app *app) {
    struct memory_run *mem = app->run ? &app->run->memory : NULL;
    struct cgrp_usage u;

    if (!mem || !mem->resumed_at || app->state == LIFE_SUSPENDED)
        return;
    uint64_t took = loop_boottime() - mem->resumed_at;
    mem->resumed_at = 0;
    if (took > RESUME_ANSWER_US)
        return;
    mem->resume_us = took;
    if (mem->taken == 0 || cgrp_group_usage(app->run->group, &u, NULL) < 0)
        return;
    /* What it grew by meanwhile was read back, or is new; both are what the resume cost. */
    const struct cgrp_resume resume = { .took_us = took,
                                        .refault_bytes =
                                            u.current > mem->had ? u.current - mem->had : 0,
                                        .reclaimed_bytes = mem->taken };
    cgrp_depth_learn(&app->depth, &resume, app->d->config->memory.resume_budget);
}

/* --- the end ------------------------------------------------------------------------------ */

bool memory_kernel_killed(const struct app *app) {
    const struct run *run = app->run;
    if (run->memory.kernel_killed)
        return true;
    return run->group && cgrp_group_oom_kills(run->group) > run->memory.oom_kills;
}

/* The group is empty before its last event has been heard. */
static void take_last_kills(struct memory *m, struct app *app, uint64_t now) {
    struct memory_run *mem = &app->run->memory;
    uint64_t kills = app->run->group ? cgrp_group_oom_kills(app->run->group) : 0;

    if (kills <= mem->oom_kills)
        return;
    const struct cgrp_fact fact = { .kind = CGRP_FACT_KILLED,
                                    .source = CGRP_SOURCE_KERNEL,
                                    .slot = mem->slot,
                                    .at = now,
                                    .figure = { kills } };
    memory_take_in(m, &fact, now);
}

void memory_ends(struct app *app) {
    struct memory *m = app->d->memory;
    struct memory_run *mem = &app->run->memory;
    struct cgrp_gone gone;
    uint64_t now = loop_boottime();

    memory_reclaim_forget(app);
    mem->source = cgrp_sources_drop(mem->source);
    close_p(&mem->pressure_fd);
    mem->pressure_fd = -1;
    if (mem->slot < 0)
        return;
    take_last_kills(m, app, now);
    if (m->tracing)
        cgrp_trace_empty(&m->trace, now, app->id);
    if (cgrp_policy_empty(&m->policy, &m->table, mem->slot, now, &gone))
        memory_tell_gone(app, gone.took_us, gone.bytes);
    m->table.app[mem->slot].state = CGRP_APP_NONE;
    m->apps[mem->slot] = NULL;
    m->used--;
    m->freed = mem->slot;
    mem->slot = -1;
    cgrp_sources_look(m->sources);
    memory_turn_soon(m);
}

/* --- what is asked ------------------------------------------------------------------------ */

bool memory_admit(struct app *app) {
    struct memory *m = app->d->memory;
    uint64_t need = app->manifest->memory_need, now = loop_boottime();

    if (need == MANIFEST_UNSET || !app->d->config->memory.policy || app->run->memory.slot < 0)
        return false;
    if (m->tracing)
        cgrp_trace_admit(&m->trace, now, app->id, need);
    cgrp_policy_admit(&m->policy, &m->table, app->run->memory.slot, need, now);
    cgrp_sources_look(m->sources);
    memory_turn_soon(m);
    return true;
}

int memory_warn(struct daemon *d, struct app *app, int level, bool suspends) {
    struct memory *m = d->memory;
    uint64_t now = loop_boottime();
    const struct cgrp_fact fact = {
        .kind = suspends ? CGRP_FACT_SUSPEND : CGRP_FACT_TEST,
        .source = suspends ? CGRP_SOURCE_SUSPEND : CGRP_SOURCE_TEST,
        .level = level,
        .slot = app ? app->run->memory.slot : -1,
        .at = now,
    };

    m->delivered = 0;
    if (app && app->run->memory.slot < 0)
        return 0;
    if (m->deciding) { /* in the midst of what else is done: then it is not measured */
        const struct cgrp_action plain = { .what = CGRP_DO_WARN,
                                           .slot = fact.slot,
                                           .level = level,
                                           .source = fact.source,
                                           .fact = fact };
        memory_act(m, &plain, now);
        return m->delivered;
    }
    /* What they have now is what they will have freed of. */
    for (int i = 0; i < m->table.n; i++)
        if (m->apps[i] && (app ? m->apps[i] == app : life_is_running(m->apps[i]->state)))
            memory_look_at(m, m->apps[i]);
    memory_take_in(m, &fact, now);
    memory_decide(m, now);
    return m->delivered;
}
