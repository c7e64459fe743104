/* SPDX-License-Identifier: MIT
 * memory.c - the policy's table, a turn of it, and the sources behind it. */
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
#include "supervisor/base/err.h"
#include "supervisor/daemon/config.h"
#include "supervisor/daemon/log.h"
#include "supervisor/daemon/loop.h"
#include "supervisor/daemon/memory_parts.h"
#include "supervisor/daemon/work.h"

#define LOOP_MEMORY (LOOP_EXIT + 1) /* behind what has ended, before all else */
#define SLOTS_FIRST 16
/* Kept in the heap for kills and words when memory is gone; smaller than what malloc() maps apart.
 */
#define SPARE_BYTES ((size_t) 96 * 1024)
#define PROBE_BYTES ((size_t) 64 * 1024 * 1024)

/* --- the policy's table ------------------------------------------------------------------- */

static void *grown(void *array, int from, int to, size_t size) {
    char *more = reallocarray(array, (size_t) to, size);
    if (more)
        memset(more + (size_t) from * size, 0, (size_t) (to - from) * size);
    return more;
}

static int grow(struct memory *m) {
    int cap = m->cap ? m->cap * 2 : SLOTS_FIRST;
    struct cgrp_app *table = grown(m->table.app, m->cap, cap, sizeof *table);

    if (!table)
        return -ENOMEM;
    m->table.app = table;
    struct app **apps = grown(m->apps, m->cap, cap, sizeof(struct app *));
    if (!apps)
        return -ENOMEM;
    m->apps = apps;
    m->cap = cap;
    return 0;
}

/* A slot is free when nobody has it and the policy has let go of it. */
static bool is_free(const struct memory *m, int slot) {
    return slot < m->table.n && !m->apps[slot] && m->table.app[slot].state == CGRP_APP_NONE;
}

/* Looks through all only if one of them can be free. */
int memory_free_slot(struct memory *m) {
    if (is_free(m, m->freed))
        return m->freed;
    for (int i = 0; m->used < m->table.n && i < m->table.n; i++)
        if (is_free(m, i))
            return i;
    if (m->table.n == m->cap && grow(m) < 0)
        return -1;
    return m->table.n++;
}

void memory_look_at(struct memory *m, struct app *app) {
    struct memory_run *mem = &app->run->memory;
    struct cgrp_usage u;

    if (mem->slot < 0 || !app->run->group || cgrp_group_usage(app->run->group, &u, NULL) < 0)
        return;
    struct cgrp_app *entry = &m->table.app[mem->slot];
    if (m->tracing && entry->bytes != u.anon) {
        entry->bytes = u.anon;
        cgrp_trace_app(&m->trace, loop_boottime(), entry);
    }
    entry->bytes = u.anon;
}

/* Those that run change by themselves; a suspended one only when it is suspended or reclaimed. Each
 * look opens files: where nobody is to be chosen, only those are looked at that are over their own
 * limit or whose last warning has still to be measured, or an end of one app would cost the more,
 * the more others run. */
static void look_at_running(struct memory *m, bool short_now) {
    bool choosing = short_now || m->level > 0 || m->policy.level > 0;

    for (int i = 0; !choosing && i < m->table.n; i++)
        choosing = m->table.app[i].admit.state == CGRP_ADMIT_WAITING;
    for (int i = 0; i < m->table.n; i++) {
        const struct cgrp_app *entry = &m->table.app[i];
        bool concerned = choosing || entry->warn.at > 0 || entry->limit.level > 0;
        if (m->apps[i] && entry->state != CGRP_APP_SUSPENDED && concerned)
            memory_look_at(m, m->apps[i]);
    }
}

/* --- a turn ------------------------------------------------------------------------------- */

void memory_take_in(struct memory *m, const struct cgrp_fact *fact, uint64_t now) {
    if (m->tracing)
        cgrp_trace_fact(&m->trace, &m->table, fact);
    cgrp_policy_fact(&m->policy, &m->table, fact, now);
    if (fact->kind != CGRP_FACT_KILLED || fact->slot < 0 || !m->apps[fact->slot])
        return;
    struct app *app = m->apps[fact->slot];
    app->run->memory.kernel_killed = true;
    app->run->memory.oom_kills = fact->figure[0];
    memory_tell_kernel(app, fact->figure[0]);
}

static void arm(struct memory *m, uint64_t now) {
    uint64_t due = cgrp_sources_due(m->sources);

    m->look = cgrp_policy_wake(&m->policy, &m->table, now);
    uint64_t next = m->look < due ? m->look : due;
    if (next == UINT64_MAX) {
        (void) sd_event_source_set_enabled(m->timer, SD_EVENT_OFF);
        return;
    }
    (void) sd_event_source_set_time(m->timer, next);
    (void) sd_event_source_set_enabled(m->timer, SD_EVENT_ONESHOT);
}

bool memory_is_short(const struct daemon *d) {
    return d->config->memory.policy && d->memory->level >= CGRP_LOW;
}

/* Behind the kills: it reads and writes files for each app. */
static void score_all(struct memory *m) {
    bool raised = memory_is_short(m->d);

    if (raised == m->scores_raised)
        return;
    m->scores_raised = raised;
    for (int i = 0; i < m->table.n; i++)
        if (m->apps[i])
            app_oom_score(m->apps[i]);
}

/* What is to be done is decided as a whole and then done, so that a trace of it reads the same way:
 * what happens to apps meanwhile comes after the decisions. */
void memory_decide(struct memory *m, uint64_t now) {
    int n;

    m->deciding = true;
    do {
        if (m->tracing)
            cgrp_trace_decide(&m->trace, now);
        for (n = 0; n < MEMORY_PLAN_MAX; n++) {
            if (cgrp_policy_next(&m->policy, &m->table, now, &m->plan[n]) <= 0)
                break;
            if (m->tracing)
                cgrp_trace_action(&m->trace, &m->table, now, &m->plan[n]);
        }
        for (int i = 0; i < n; i++)
            memory_act(m, &m->plan[i], now);
    } while (n > 0);
    m->deciding = false;
    score_all(m);
    arm(m, now);
    if (m->tracing)
        memory_trace_out(m, false);
}

void memory_turn(struct memory *m) {
    uint64_t now = loop_boottime();
    struct cgrp_fact fact;
    bool any = false, short_now = false;

    while (cgrp_sources_next(m->sources, now, &fact) == 1) {
        memory_take_in(m, &fact, now);
        any = true;
        short_now = short_now || (fact.slot < 0 && fact.level > 0);
    }
    if (any || m->level > 0)
        look_at_running(m, short_now);
    memory_decide(m, now);
}

static int on_sources(sd_event_source *s, int fd, uint32_t revents, void *userdata) {
    (void) s;
    (void) fd;
    (void) revents;
    memory_turn(userdata);
    return 0;
}

/* The policy's time comes with figures as they are then. */
static int on_timer(sd_event_source *s, uint64_t usec, void *userdata) {
    (void) s;
    (void) usec;
    struct memory *m = userdata;

    if (m->look <= loop_boottime())
        cgrp_sources_look(m->sources);
    memory_turn(m);
    return 0;
}

void memory_turn_soon(struct memory *m) {
    (void) sd_event_source_set_time(m->timer, loop_boottime());
    (void) sd_event_source_set_enabled(m->timer, SD_EVENT_ONESHOT);
}

/* --- what blocks to be armed -------------------------------------------------------------- */

struct arm_job {
    struct memory *m;
    struct cgrp_arm arm;
};

static int arm_run(void *arg, struct err *e) {
    (void) e;
    cgrp_arm_run(&((struct arm_job *) arg)->arm);
    return 0;
}

static void arm_done(void *arg, int result, const struct err *e) {
    (void) result;
    (void) e;
    struct arm_job *job = arg;
    cgrp_sources_armed(job->m->sources, &job->arm);
    memory_turn_soon(job->m);
    free(job);
}

void memory_arm_sources(struct memory *m) {
    for (;;) {
        struct arm_job *job = malloc(sizeof *job);
        if (!job)
            return; /* the next call does it */
        job->m = m;
        if (cgrp_sources_arm(m->sources, &job->arm) <= 0) {
            free(job);
            return;
        }
        if (work_submit(m->d->work, WORK_WATCH, arm_run, arm_done, job) < 0) {
            (void) arm_run(job, NULL);
            arm_done(job, 0, NULL);
        }
    }
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
        .arm_later = true,
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
 * some that was touched. Where locked memory is limited, mappings to come would fail, and threads
 * with them: then nothing is locked. */
static void hold_on(void) {
    (void) mallopt(M_TRIM_THRESHOLD, 1 << 20);
    void *spare = malloc(SPARE_BYTES);
    if (spare)
        memset(spare, 1, SPARE_BYTES);
    free(spare);
    if (mlockall(MCL_CURRENT | MCL_FUTURE | MCL_ONFAULT) < 0) {
        log_debug(NULL, "cannot lock memory: %s", strerror(errno));
        return;
    }
    void *probe = mmap(NULL, PROBE_BYTES, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (probe == MAP_FAILED) {
        log_debug(NULL, "too little memory may be locked: none is");
        (void) munlockall();
        return;
    }
    (void) munmap(probe, PROBE_BYTES);
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
    memory_arm_sources(m);
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
        memory_trace_out(m, true);
    str_clear(&m->trace);
    cgrp_sources_free(m->sources);
    free(m->table.app);
    free(m->apps);
    free(m);
    return NULL;
}

/* What a source that is no more has said last would hold for ever. */
static void forget_budget(struct memory *m, uint64_t now) {
    struct cgrp_fact none = cgrp_fact_of_share(CGRP_FACT_BUDGET, 0, 0, CGRP_NO_LIMIT);

    none.slot = -1;
    none.at = now;
    if (m->policy.sensor[CGRP_FACT_BUDGET].known)
        memory_take_in(m, &none, now);
}

void memory_configure(struct memory *m) {
    const struct cgrp_policy_config policy = policy_of(m->d->config);
    struct err e = { 0 };

    cgrp_policy_configure(&m->policy, &policy);
    if (m->tracing)
        cgrp_trace_config(&m->trace, &policy);
    if (open_sources(m, &e) < 0) {
        log_err(NULL, "%s, keeping the present memory sources", e.text);
        return;
    }
    if (m->d->config->memory.budget == CONFIG_UNSET)
        forget_budget(m, loop_boottime());
    for (int i = 0; i < m->table.n; i++)
        if (m->apps[i] && m->apps[i]->run->group)
            memory_watch_group(m->apps[i]);
    memory_arm_sources(m);
    memory_turn_soon(m);
}
