/* SPDX-License-Identifier: MIT
 * memory_reclaim.c - suspended apps' memory, taken back on a lane of its own.
 *
 * A job works on descriptors of its own, so its app may resume or end meanwhile: then it is
 * cancelled, and its result counts for nobody. */
#include <stdlib.h>
#include <string.h>

#include "cgroups/cgroup.h"
#include "cgroups/reclaim.h"
#include "cgroups/trace.h"
#include "supervisor/base/err.h"
#include "supervisor/daemon/log.h"
#include "supervisor/daemon/loop.h"
#include "supervisor/daemon/memory_parts.h"
#include "supervisor/daemon/why.h"
#include "supervisor/daemon/work.h"

struct reclaim_job {
    struct memory *m;
    struct app *app; /* NULL: it has been forgotten */
    struct cgrp_reclaim reclaim;
    uint64_t bytes;
    bool asked; /* by the policy, which waits for it */
};

static int run(void *arg, struct err *e) {
    struct reclaim_job *job = arg;
    return cgrp_reclaim_run(&job->reclaim, job->bytes, e);
}

static void credit(struct reclaim_job *job) {
    struct app *app = job->app;
    struct memory_run *mem = &app->run->memory;

    struct cgrp_usage u;

    mem->job = NULL;
    mem->reclaimed += job->reclaim.freed;
    mem->taken += job->reclaim.freed;
    mem->had = cgrp_group_usage(app->run->group, &u, NULL) == 0 ? u.current : 0;
    memory_look_at(job->m, app);
    if (job->asked && job->reclaim.freed > 0)
        why_record(app, &(struct why){ .action = "reclaim",
                                       .level = job->m->level,
                                       .text = "memory is short, and it is suspended",
                                       .has_freed = true,
                                       .freed = (int64_t) job->reclaim.freed });
}

void memory_reclaimed(struct memory *m) {
    if (m->tracing)
        cgrp_trace_reclaimed(&m->trace, loop_boottime());
    cgrp_policy_reclaimed(&m->policy, &m->table);
}

static void done(void *arg, int result, const struct err *e) {
    struct reclaim_job *job = arg;
    struct memory *m = job->m;

    if (job->app)
        credit(job);
    if (result < 0)
        log_debug(job->app ? job->app->id : NULL, "reclaim: %s", e->text);
    cgrp_reclaim_close(&job->reclaim);
    if (job->asked && --m->reclaims == 0) {
        memory_reclaimed(m);
        cgrp_sources_look(m->sources);
        memory_turn(m);
    }
    free(job);
}

/* v1 knows all or nothing. */
static bool takes_all(const struct app *app) {
    return app->depth.permille == 0 || app->depth.permille >= 500;
}

void memory_reclaim(struct memory *m, struct app *app, uint64_t bytes, bool asked) {
    struct memory_run *mem = &app->run->memory;
    struct err e = { 0 };

    if (mem->job || !app->run->group)
        return;
    struct reclaim_job *job = calloc(1, sizeof *job);
    if (!job)
        return;
    job->m = m;
    job->app = app;
    job->bytes = bytes;
    job->asked = asked;
    job->reclaim.dir_fd = -1;
    if (cgrp_reclaim_open(app->run->group, &job->reclaim, &e) < 0 ||
        (job->reclaim.v1 && !asked && !takes_all(app)) ||
        work_submit(m->d->work, WORK_RECLAIM, run, done, job) < 0) {
        cgrp_reclaim_close(&job->reclaim);
        free(job);
        return;
    }
    mem->job = job;
    if (asked)
        m->reclaims++;
}

void memory_reclaim_forget(struct app *app) {
    struct reclaim_job *job = app->run->memory.job;
    if (!job)
        return;
    atomic_store(&job->reclaim.cancel, true);
    job->app = NULL;
    app->run->memory.job = NULL;
}
