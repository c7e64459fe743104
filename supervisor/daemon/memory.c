/* SPDX-License-Identifier: MIT */
#include "supervisor/daemon/memory.h"

#include <errno.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "cgroups/cgroup.h"
#include "cgroups/trace.h"
#include "supervisor/base/cleanup.h"
#include "supervisor/base/err.h"
#include "supervisor/daemon/config.h"
#include "supervisor/daemon/log.h"
#include "supervisor/daemon/loop.h"
#include "supervisor/daemon/memory_parts.h"

#define LOOP_MEMORY (LOOP_EXIT + 1) /* behind what has ended, before all else */
#define SLOTS_FIRST 16
#define SPARE_BYTES                                                                                \
    ((size_t) 128 * 1024) /* kept in the heap for kills and words when memory is gone */

void memory_run_init(struct memory_run *m) {
    *m = (struct memory_run){ .slot = -1, .pressure_fd = -1 };
}

/* --- the policy's table ------------------------------------------------------------------- */

static enum cgrp_app_state state_for(const struct app *app) {
    static const enum cgrp_app_state by_life[LIFE_STATE_COUNT] = {
        [LIFE_STOPPED] = CGRP_APP_NONE,          [LIFE_STARTING] = CGRP_APP_STARTING,
        [LIFE_FOREGROUND] = CGRP_APP_FOREGROUND, [LIFE_BACKGROUND] = CGRP_APP_BACKGROUND,
        [LIFE_SUSPENDED] = CGRP_APP_SUSPENDED,   [LIFE_STOPPING] = CGRP_APP_STOPPING,
    };
    return by_life[app->state];
}

static int grow(struct memory *m) {
    int cap = m->cap ? m->cap * 2 : SLOTS_FIRST;
    struct cgrp_app *table = realloc(m->table.app, (size_t) cap * sizeof *table);

    if (!table)
        return -ENOMEM;
    m->table.app = table;
    struct app **apps = realloc(m->apps, (size_t) cap * sizeof(struct app *));
    if (!apps)
        return -ENOMEM;
    m->apps = apps;
    memset(table + m->cap, 0, (size_t) (cap - m->cap) * sizeof *table);
    memset(apps + m->cap, 0, (size_t) (cap - m->cap) * sizeof(struct app *));
    m->cap = cap;
    return 0;
}

/* A slot is free when nobody has it and the policy has let go of it. */
static int free_slot(struct memory *m) {
    for (int i = 0; i < m->table.n; i++)
        if (!m->apps[i] && m->table.app[i].state == CGRP_APP_NONE)
            return i;
    if (m->table.n == m->cap && grow(m) < 0)
        return -1;
    return m->table.n++;
}

void memory_look_at(struct memory *m, struct app *app) {
    struct memory_run *mem = &app->run->memory;
    struct cgrp_usage u;

    if (mem->slot >= 0 && app->run->group && cgrp_group_usage(app->run->group, &u, NULL) == 0)
        m->table.app[mem->slot].bytes = u.anon;
}

/* Those that run change by themselves; a suspended one only when it is suspended or reclaimed. */
static void look_at_running(struct memory *m) {
    struct app *app;
    list_for_each (app, &m->d->front, struct app, place)
        memory_look_at(m, app);
    for (int i = 0; i < m->table.n; i++)
        if (m->apps[i] && m->table.app[i].state != CGRP_APP_SUSPENDED &&
            m->table.app[i].state != CGRP_APP_FOREGROUND)
            memory_look_at(m, m->apps[i]);
}

/* --- a turn ------------------------------------------------------------------------------- */

static void take_in(struct memory *m, const struct cgrp_fact *fact, uint64_t now) {
    if (m->tracing)
        cgrp_trace_fact(&m->trace, &m->table, fact);
    cgrp_policy_fact(&m->policy, &m->table, fact, now);
    if (fact->kind == CGRP_FACT_KILLED && fact->slot >= 0 && m->apps[fact->slot]) {
        struct app *app = m->apps[fact->slot];
        app->run->memory.kernel_killed = true;
        memory_tell_kernel(app, fact->figure[0]);
    }
}

static void arm(struct memory *m, uint64_t now) {
    uint64_t wake = cgrp_policy_wake(&m->policy, &m->table, now);
    uint64_t due = cgrp_sources_due(m->sources);
    uint64_t next = wake < due ? wake : due;

    if (next == UINT64_MAX) {
        (void) sd_event_source_set_enabled(m->timer, SD_EVENT_OFF);
        return;
    }
    (void) sd_event_source_set_time(m->timer, next);
    (void) sd_event_source_set_enabled(m->timer, SD_EVENT_ONESHOT);
}

static void decide(struct memory *m, uint64_t now) {
    struct cgrp_action action;

    if (m->tracing)
        cgrp_trace_decide(&m->trace, now);
    while (cgrp_policy_next(&m->policy, &m->table, now, &action) > 0) {
        if (m->tracing)
            cgrp_trace_action(&m->trace, &m->table, now, &action);
        memory_act(m, &action, now);
    }
}

void memory_turn(struct memory *m) {
    uint64_t now = loop_boottime();
    struct cgrp_fact fact;
    bool any = false;

    while (cgrp_sources_next(m->sources, now, &fact) == 1) {
        take_in(m, &fact, now);
        any = true;
    }
    if (any || m->level > 0)
        look_at_running(m);
    decide(m, now);
    arm(m, now);
    if (m->tracing)
        memory_trace_out(m);
}

static int on_sources(sd_event_source *s, int fd, uint32_t revents, void *userdata) {
    (void) s;
    (void) fd;
    (void) revents;
    memory_turn(userdata);
    return 0;
}

static int on_timer(sd_event_source *s, uint64_t usec, void *userdata) {
    (void) s;
    (void) usec;
    struct memory *m = userdata;
    uint64_t now = loop_boottime();

    if (cgrp_policy_wake(&m->policy, &m->table, now) <= now)
        cgrp_sources_look(m->sources);
    memory_turn(m);
    return 0;
}

static void turn_soon(struct memory *m) {
    (void) sd_event_source_set_time(m->timer, loop_boottime());
    (void) sd_event_source_set_enabled(m->timer, SD_EVENT_ONESHOT);
}

/* --- what happens to apps ----------------------------------------------------------------- */

void memory_begins(struct app *app) {
    struct memory *m = app->d->memory;
    struct memory_run *mem = &app->run->memory;

    mem->slot = free_slot(m);
    if (mem->slot < 0) {
        log_err(app->id, "out of memory: its own memory is not watched");
        return;
    }
    m->apps[mem->slot] = app;
    struct cgrp_app *entry = &m->table.app[mem->slot];
    *entry = (struct cgrp_app){ .state = state_for(app), .idle_since = loop_boottime() };
    (void) snprintf(entry->id, sizeof entry->id, "%s", app->id);
    if (m->tracing)
        cgrp_trace_app(&m->trace, loop_boottime(), entry);
}

void memory_grouped(struct app *app) {
    struct memory *m = app->d->memory;
    struct memory_run *mem = &app->run->memory;
    struct cgrp_limits limits;
    struct err e = { 0 };

    if (mem->slot < 0)
        return;
    mem->oom_kills = cgrp_group_oom_kills(app->run->group);
    start_limits(app, &limits);
    if (cgrp_sources_add(m->sources, app->run->group, mem->slot, &limits, &mem->source, &e) < 0)
        log_warning(app->id, "%s: its own limit is not watched", e.text);
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

void memory_suspended(struct app *app) {
    struct memory_run *mem = &app->run->memory;
    struct cgrp_usage u;

    memory_look_at(app->d->memory, app);
    mem->taken = 0;
    if (app->d->config->memory.policy && cgrp_group_usage(app->run->group, &u, NULL) == 0)
        memory_reclaim(app->d->memory, app, cgrp_depth_bytes(&app->depth, u.current), false);
}

void memory_resumes(struct app *app) {
    struct memory_run *mem = &app->run->memory;
    struct cgrp_usage u;

    memory_reclaim_forget(app);
    mem->resumed_at = 0;
    if (mem->taken == 0 || cgrp_group_usage(app->run->group, &u, NULL) < 0)
        return;
    mem->had = u.current;
    mem->resumed_at = loop_boottime();
}

void memory_heard(struct app *app) {
    struct memory_run *mem = app->run ? &app->run->memory : NULL;
    struct cgrp_usage u;

    if (!mem || !mem->resumed_at || app->state == LIFE_SUSPENDED)
        return;
    mem->resume_us = loop_boottime() - mem->resumed_at;
    mem->resumed_at = 0;
    if (cgrp_group_usage(app->run->group, &u, NULL) < 0)
        return;
    /* What it grew by meanwhile was read back, or is new; both are what the resume cost. */
    const struct cgrp_resume resume = { .took_us = mem->resume_us,
                                        .refault_bytes =
                                            u.current > mem->had ? u.current - mem->had : 0,
                                        .reclaimed_bytes = mem->taken };
    cgrp_depth_learn(&app->depth, &resume, app->d->config->memory.resume_budget);
}

bool memory_kernel_killed(const struct app *app) {
    const struct run *run = app->run;
    if (run->memory.kernel_killed)
        return true;
    return run->group && cgrp_group_oom_kills(run->group) > run->memory.oom_kills;
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
    if (m->tracing)
        cgrp_trace_empty(&m->trace, now, app->id);
    if (cgrp_policy_empty(&m->policy, &m->table, mem->slot, now, &gone))
        memory_tell_gone(app, gone.took_us, gone.bytes);
    m->table.app[mem->slot].state = CGRP_APP_NONE;
    m->apps[mem->slot] = NULL;
    mem->slot = -1;
    cgrp_sources_look(m->sources);
    turn_soon(m);
}

bool memory_admit(struct app *app) {
    struct memory *m = app->d->memory;
    uint64_t need = app->manifest->memory_need, now = loop_boottime();

    if (need == MANIFEST_UNSET || !app->d->config->memory.policy || app->run->memory.slot < 0)
        return false;
    if (m->tracing)
        cgrp_trace_admit(&m->trace, now, app->id, need);
    cgrp_policy_admit(&m->policy, &m->table, app->run->memory.slot, need, now);
    cgrp_sources_look(m->sources);
    turn_soon(m);
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
    if (!d->config->memory.policy || (app && app->run->memory.slot < 0)) {
        const struct cgrp_action plain = { .what = CGRP_DO_WARN,
                                           .slot = fact.slot,
                                           .level = level,
                                           .source = fact.source,
                                           .fact = fact };
        memory_act(m, &plain, now);
        return m->delivered;
    }
    look_at_running(m);
    take_in(m, &fact, now);
    decide(m, now);
    arm(m, now);
    return m->delivered;
}

/* --- opening ------------------------------------------------------------------------------ */

static struct cgrp_psi_want psi_of(const struct config_psi *c) {
    return (struct cgrp_psi_want){ .full = c->full,
                                   .stall_us = c->stall_us,
                                   .window_us = c->window_us };
}

static struct cgrp_available available_of(const struct config *c) {
    return (struct cgrp_available){
        .enter = { c->memory.available_low, c->memory.available_critical },
        .leave = { c->memory.available_low_exit, c->memory.available_critical_exit },
    };
}

static struct cgrp_policy_config policy_of(const struct config *c) {
    return (struct cgrp_policy_config){ .off = !c->memory.policy,
                                        .available = available_of(c),
                                        .alarm_count = c->memory.alarm_count,
                                        .alarm_window = c->memory.alarm_window };
}

static void drop_sources(struct memory *m) {
    for (int i = 0; i < m->table.n; i++)
        if (m->apps[i])
            m->apps[i]->run->memory.source = cgrp_sources_drop(m->apps[i]->run->memory.source);
    m->io = sd_event_source_disable_unref(m->io);
    m->sources = cgrp_sources_free(m->sources);
}

/* Opens anew; what was there is dropped only once that worked. */
static int open_sources(struct memory *m, struct err *e) {
    const struct config *c = m->d->config;
    const struct cgrp_sources_config config = {
        .budget = c->memory.budget,
        .psi = { psi_of(&c->memory.moderate), psi_of(&c->memory.low), psi_of(&c->memory.critical) },
        .available = available_of(c),
    };
    struct cgrp_source_info infos[CGRP_SOURCE_INFOS];
    struct cgrp_sources *fresh = NULL;
    sd_event_source *io = NULL;

    int r = cgrp_sources_open(m->d->groups, &config, &fresh, e);
    if (r < 0)
        return r;
    r = sd_event_add_io(m->d->event, &io, cgrp_sources_fd(fresh), EPOLLIN, on_sources, m);
    if (r < 0) {
        cgrp_sources_free(fresh);
        return err_set(e, r, "cannot watch memory: %s", strerror(-r));
    }
    (void) sd_event_source_set_priority(io, LOOP_MEMORY);
    drop_sources(m);
    m->sources = fresh;
    m->io = io;
    cgrp_sources_tell(m->sources, infos);
    for (int i = 0; i < CGRP_SOURCE_INFOS; i++)
        if (!infos[i].works &&
            (strcmp(infos[i].name, "budget") != 0 || c->memory.budget != CONFIG_UNSET))
            log_warning(NULL, "memory: source '%s' does not work: %s", infos[i].name,
                        infos[i].detail);
    return 0;
}

/* When memory is gone the daemon must not need any: what it has stays in core, and its heap keeps
 * some that was touched. */
static void hold_on(void) {
    (void) mallopt(M_TRIM_THRESHOLD, 1 << 20);
    void *spare = malloc(SPARE_BYTES);
    if (spare)
        memset(spare, 1, SPARE_BYTES);
    free(spare);
    if (mlockall(MCL_CURRENT | MCL_FUTURE | MCL_ONFAULT) < 0)
        log_debug(NULL, "cannot lock memory: %s", strerror(errno));
}

int memory_new(struct daemon *d, struct memory **ret, struct err *e) {
    struct memory *m = calloc(1, sizeof *m);
    if (!m)
        return err_set(e, -ENOMEM, "out of memory");
    m->d = d;
    const struct cgrp_policy_config policy = policy_of(d->config);
    cgrp_policy_init(&m->policy, &policy);
    int r = sd_event_add_time(d->event, &m->timer, CLOCK_BOOTTIME, 0, 1, on_timer, m);
    if (r < 0)
        r = err_set(e, r, "cannot make a timer: %s", strerror(-r));
    if (r >= 0) {
        (void) sd_event_source_set_enabled(m->timer, SD_EVENT_OFF);
        (void) sd_event_source_set_priority(m->timer, LOOP_MEMORY);
        r = grow(m) < 0 ? err_set(e, -ENOMEM, "out of memory") : open_sources(m, e);
    }
    if (r < 0) {
        memory_free(m);
        return r;
    }
    hold_on();
    *ret = m;
    return 0;
}

struct memory *memory_free(struct memory *m) {
    if (!m)
        return NULL;
    sd_event_source_disable_unref(m->io);
    sd_event_source_disable_unref(m->timer);
    if (m->tracing)
        memory_trace_out(m);
    str_clear(&m->trace);
    cgrp_sources_free(m->sources);
    free(m->table.app);
    free(m->apps);
    free(m);
    return NULL;
}

void memory_configure(struct memory *m) {
    const struct cgrp_policy_config policy = policy_of(m->d->config);
    struct err e = { 0 };

    cgrp_policy_configure(&m->policy, &policy);
    if (open_sources(m, &e) < 0) {
        log_err(NULL, "%s, keeping the present memory sources", e.text);
        return;
    }
    for (int i = 0; i < m->table.n; i++)
        if (m->apps[i] && m->apps[i]->run->group) {
            memory_grouped(m->apps[i]);
            if (m->apps[i]->run->memory.source)
                cgrp_sources_run(m->apps[i]->run->memory.source,
                                 life_is_running(m->apps[i]->state));
        }
}
