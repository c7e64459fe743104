/* SPDX-License-Identifier: MIT
 * memory_act.c - what the policy wants done. A kill is sent first and told afterwards, out of
 * buffers that were there before. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cgroups/cgroup.h"
#include "cgroups/release.h"
#include "cgroups/trace.h"
#include "supervisor/base/err.h"
#include "supervisor/base/jsonw.h"
#include "supervisor/daemon/config.h"
#include "supervisor/daemon/log.h"
#include "supervisor/daemon/loop.h"
#include "supervisor/daemon/memory_parts.h"
#include "supervisor/daemon/watch.h"
#include "supervisor/daemon/why.h"
#include "supervisor/daemon/work.h"

/* --- words -------------------------------------------------------------------------------- */

static void figures_of(const struct cgrp_fact *fact, struct why_figure to[CGRP_FIGURES + 1],
                       unsigned *ret_n) {
    unsigned n = 0;
    for (unsigned i = 0; i < CGRP_FIGURES; i++) {
        const char *name = cgrp_fact_figure(fact->kind, i);
        if (name)
            to[n++] = (struct why_figure){ name, (int64_t) fact->figure[i] };
    }
    *ret_n = n;
}

/* own: a figure besides those of the fact; NULL: none. */
static void tell_decision(struct memory *m, struct app *app, const struct cgrp_action *a,
                          const struct why_figure *own, struct why *y) {
    struct why_figure figures[CGRP_FIGURES + 1];

    figures_of(&a->fact, figures, &y->n_figures);
    if (own)
        figures[y->n_figures++] = *own;
    y->figures = figures;
    y->action = cgrp_do_name(a->what);
    y->level = a->level;
    y->source = cgrp_source_name(a->source);
    y->text = cgrp_action_text(&m->table, a, m->text);
    log_notice(app ? app->id : NULL, "memory: %s", y->text);
    if (app)
        why_record(app, y);
}

static void tell_level(struct memory *m, const struct cgrp_action *a) {
    struct why_figure figures[CGRP_FIGURES + 1];
    unsigned n;

    m->level = a->level;
    log_notice(NULL, "memory: %s", cgrp_action_text(&m->table, a, m->text));
    struct jsonw *w = watch_begin(m->d->watch, "memory", NULL);
    if (!w)
        return;
    figures_of(&a->fact, figures, &n);
    jsonw_object(w, "memory");
    jsonw_int(w, "level", a->level);
    jsonw_string(w, "source", cgrp_source_name(a->source));
    jsonw_object(w, "figures");
    for (unsigned i = 0; i < n; i++)
        jsonw_int(w, figures[i].name, figures[i].value);
    jsonw_end_object(w);
    jsonw_end_object(w);
    watch_end(m->d->watch);
}

void memory_tell_kernel(struct app *app, uint64_t kills) {
    const struct why_figure figures[] = { { "oom_kills", (int64_t) kills } };
    log_warning(app->id, "the kernel's OOM killer ended a process of it");
    why_record(app, &(struct why){ .action = "oom_kill",
                                   .source = "kernel",
                                   .text = "the kernel's OOM killer ended a process in its group",
                                   .figures = figures,
                                   .n_figures = 1 });
}

void memory_tell_gone(struct app *app, uint64_t took_us, uint64_t bytes) {
    const struct why_figure figures[] = { { "took_usec", (int64_t) took_us } };
    why_record(app, &(struct why){ .action = "gone",
                                   .text = "its group is empty, and its memory has come back",
                                   .figures = figures,
                                   .n_figures = 1,
                                   .has_freed = true,
                                   .freed = (int64_t) bytes });
}

/* --- kills -------------------------------------------------------------------------------- */

struct release_job {
    struct cgrp_release list;
};

static int release_run(void *job, struct err *e) {
    (void) e;
    return cgrp_release_run(&((struct release_job *) job)->list);
}

static void release_done(void *job, int result, const struct err *e) {
    (void) result;
    (void) e;
    free(job);
}

/* Helps when the victims get no CPU of their own; the kill does not wait for it. */
static void release(struct memory *m, struct app *app) {
    struct release_job *job = malloc(sizeof *job);

    if (!job)
        return;
    if (cgrp_release_list(app->run->group, &job->list) < 0 || job->list.n == 0 ||
        work_submit(m->d->work, WORK_RELEASE, release_run, release_done, job) < 0)
        free(job);
}

static void candidates_of(struct memory *m, const struct cgrp_action *a, uint64_t now,
                          struct why *y, struct why_candidate to[MEMORY_CONSIDERED_MAX]) {
    int slots[MEMORY_CONSIDERED_MAX];
    int n = cgrp_considered(&m->table, a, now, slots, MEMORY_CONSIDERED_MAX);

    for (int i = 0; i < n; i++) {
        to[i].id = m->table.app[slots[i]].id;
        to[i].text =
            cgrp_rank_text(&m->table, slots[i], i > 0 ? slots[i - 1] : -1, now, m->candidate[i]);
    }
    y->candidates = to;
    y->n_candidates = (unsigned) n;
}

/* From the loop's waking with what called for it. */
static uint64_t since_woken(struct memory *m) {
    uint64_t woken, now = loop_boottime();
    return sd_event_now(m->d->event, CLOCK_BOOTTIME, &woken) >= 0 && woken < now ? now - woken : 0;
}

static void do_kill(struct memory *m, const struct cgrp_action *a, uint64_t now) {
    struct app *app = m->apps[a->slot];
    struct why_candidate candidates[MEMORY_CONSIDERED_MAX];
    struct why_figure took = { .name = "to_kill_usec" };
    struct why y = { 0 };
    struct err e = { 0 };

    if (!app || !app->run)
        return;
    bool sent = a->at_once && app->run->group;
    if (sent && cgrp_group_kill(app->run->group, &e) < 0)
        log_err(app->id, "cannot kill its group: %s", e.text);
    if (sent)
        took.value = (int64_t) since_woken(m);
    candidates_of(m, a, now, &y, candidates);
    tell_decision(m, app, a, sent ? &took : NULL, &y);
    if (sent)
        release(m, app);
    app_end(app,
            a->why == CGRP_WHY_ALARMS ? EXIT_MEMORY_ALARMS_REASON : EXIT_MEMORY_PRESSURE_REASON,
            LIFE_EV_MEMORY);
}

static void tell_stuck(struct memory *m, const struct cgrp_action *a) {
    struct app *app = m->apps[a->slot];
    struct why y = { 0 };
    if (app)
        tell_decision(m, app, a, NULL, &y);
}

/* --- warnings ----------------------------------------------------------------------------- */

/* Opened read-write on both sides: neither end's death is an event to the other. */
int memory_fifo_open(struct app *app, int folder_fd, struct err *e) {
    struct memory_run *mem = &app->run->memory;

    (void) unlinkat(folder_fd, "pressure", 0);
    if (mkfifoat(folder_fd, "pressure", 0600) < 0)
        return err_set(e, -errno, "cannot make its pressure FIFO: %s", strerror(errno));
    mem->pressure_fd = openat(folder_fd, "pressure", O_RDWR | O_NONBLOCK | O_NOFOLLOW | O_CLOEXEC);
    if (mem->pressure_fd < 0)
        return err_set(e, -errno, "cannot open its pressure FIFO: %s", strerror(errno));
    if (app->d->isolates && fchown(mem->pressure_fd, app->uid, (gid_t) app->uid) < 0)
        return err_set(e, -errno, "cannot give it its pressure FIFO: %s", strerror(errno));
    return 0;
}

int memory_fifo_adopt(struct app *app, int folder_fd) {
    struct memory_run *mem = &app->run->memory;
    mem->pressure_fd = openat(folder_fd, "pressure", O_RDWR | O_NONBLOCK | O_NOFOLLOW | O_CLOEXEC);
    return mem->pressure_fd < 0 ? -errno : 0;
}

/* A full FIFO says already that memory is short. */
void memory_fifo_tell(struct app *app) {
    if (app->run->memory.pressure_fd >= 0)
        (void) !write(app->run->memory.pressure_fd, "!", 1);
}

/* While a level holds its warning is repeated every 2 s: that is one decision. */
static bool is_repeated(struct memory_run *mem, const struct cgrp_action *a, uint64_t now) {
    bool same = mem->warned_level == a->level && mem->warned_source == (int) a->source &&
                now - mem->warned_at < 2 * CGRP_REPEAT_US && a->source != CGRP_SOURCE_TEST;

    mem->warned_level = a->level;
    mem->warned_source = (int) a->source;
    mem->warned_at = now;
    return same;
}

static void warn_one(struct memory *m, struct app *app, const struct cgrp_action *a, uint64_t now) {
    if (!app || !app->run || !life_is_running(app->state))
        return;
    app->run->memory.warned++;
    memory_fifo_tell(app);
    if (app_warn(app, a->level, cgrp_source_name(a->source)) && a->source == CGRP_SOURCE_TEST)
        m->delivered++;
    if (a->source != CGRP_SOURCE_SUSPEND && !is_repeated(&app->run->memory, a, now)) {
        struct cgrp_action mine = *a;
        struct why y = { 0 };
        mine.slot = app->run->memory.slot;
        tell_decision(m, app, &mine, NULL, &y);
    }
}

static void do_warn(struct memory *m, const struct cgrp_action *a, uint64_t now) {
    if (a->slot >= 0) {
        warn_one(m, m->apps[a->slot], a, now);
        return;
    }
    for (int i = 0; i < m->table.n; i++)
        warn_one(m, m->apps[i], a, now);
}

static void tell_measured(struct memory *m, const struct cgrp_action *a) {
    struct app *app = m->apps[a->slot];

    if (!app || !app->run)
        return;
    app->run->memory.freed += a->bytes;
    struct jsonw *w = watch_begin(m->d->watch, "warned", app->id);
    if (!w)
        return;
    jsonw_object(w, "warned");
    jsonw_int(w, "level", a->level);
    jsonw_string(w, "source", cgrp_source_name(a->source));
    jsonw_u64(w, "freed", a->bytes);
    jsonw_end_object(w);
    watch_end(m->d->watch);
}

/* --- reclaim ------------------------------------------------------------------------------ */

static void do_reclaim(struct memory *m, const struct cgrp_action *a) {
    log_info(NULL, "memory: %s", cgrp_action_text(&m->table, a, m->text));
    for (int i = 0; i < m->table.n; i++)
        if (m->apps[i] && m->apps[i]->state == LIFE_SUSPENDED)
            memory_reclaim(m, m->apps[i], CGRP_NO_LIMIT, true);
    if (m->reclaims == 0)
        memory_reclaimed(m);
}

/* --- all of them -------------------------------------------------------------------------- */

static void do_admission(struct memory *m, const struct cgrp_action *a) {
    struct app *app = m->apps[a->slot];
    struct why y = { 0 };

    if (!app || !app->run)
        return;
    if (a->what == CGRP_DO_ADMIT) {
        log_info(app->id, "memory: %s", cgrp_action_text(&m->table, a, m->text));
        start_admitted(app);
    } else {
        tell_decision(m, app, a, NULL, &y);
        start_refused(app, m->text);
    }
}

void memory_act(struct memory *m, const struct cgrp_action *a, uint64_t now) {
    switch (a->what) {
    case CGRP_DO_LEVEL:
        tell_level(m, a);
        return;
    case CGRP_DO_KILL:
        do_kill(m, a, now);
        return;
    case CGRP_DO_STUCK:
        tell_stuck(m, a);
        return;
    case CGRP_DO_WARN:
        do_warn(m, a, now);
        return;
    case CGRP_DO_RECLAIM:
        do_reclaim(m, a);
        return;
    case CGRP_DO_MEASURED:
        tell_measured(m, a);
        return;
    case CGRP_DO_ADMIT:
    case CGRP_DO_REFUSE:
        do_admission(m, a);
        return;
    case CGRP_DO_COUNT:
        return;
    }
}
