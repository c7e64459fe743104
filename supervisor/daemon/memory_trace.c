/* SPDX-License-Identifier: MIT
 * memory_trace.c - a record of facts and decisions, for miniprogd --replay. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cgroups/trace.h"
#include "supervisor/base/cleanup.h"
#include "supervisor/base/err.h"
#include "supervisor/daemon/log.h"
#include "supervisor/daemon/loop.h"
#include "supervisor/daemon/memory_parts.h"
#include "supervisor/daemon/work.h"
#include "units/store.h"

#define FILE_NAME "memory-trace"
#define TRACE_MAX ((size_t) 16 * 1024 * 1024)

struct trace_job {
    struct str text;
    const char *state_dir;
    int dir_fd;
    bool first, last;
};

static int trace_run(void *arg, struct err *e) {
    struct trace_job *job = arg;
    int mode = job->first ? O_TRUNC : O_APPEND;
    CLEANUP(close_p)
    int fd =
        openat(job->dir_fd, FILE_NAME, O_WRONLY | O_CREAT | mode | O_NOFOLLOW | O_CLOEXEC, 0600);

    if (fd < 0)
        return err_set(e, -errno, "cannot open '%s/" FILE_NAME "': %s", job->state_dir,
                       strerror(errno));
    if (str_error(&job->text) < 0)
        return err_set(e, str_error(&job->text), "no memory for the trace");
    if (write(fd, job->text.data, job->text.len) != (ssize_t) job->text.len)
        return err_set(e, -EIO, "cannot write '%s/" FILE_NAME "'", job->state_dir);
    return 0;
}

static void trace_done(void *arg, int result, const struct err *e) {
    struct trace_job *job = arg;
    if (result < 0)
        log_err(NULL, "%s: the trace has a gap", e->text);
    if (job->last)
        log_notice(NULL, "memory: the trace in '%s/" FILE_NAME "' is complete", job->state_dir);
    str_clear(&job->text);
    free(job);
}

void memory_trace_out(struct memory *m, bool last) {
    if (m->trace.len == 0 && !last)
        return;
    struct trace_job *job = malloc(sizeof *job);
    if (!job)
        return; /* what there is waits for the next turn */
    *job = (struct trace_job){ .text = m->trace,
                               .state_dir = m->d->options.state_dir,
                               .dir_fd = store_fd(m->d->store),
                               .first = m->trace_begins,
                               .last = last };
    m->trace = (struct str) STR_INIT(TRACE_MAX);
    m->trace_begins = false;
    if (work_submit(m->d->work, WORK_DISK, trace_run, trace_done, job) < 0)
        trace_done(job, -ENOMEM, &(struct err){ .text = "out of memory" });
}

void memory_toggle_trace(struct memory *m) {
    if (m->tracing) {
        m->tracing = false;
        memory_trace_out(m, true);
        return;
    }
    str_clear(&m->trace);
    m->trace = (struct str) STR_INIT(TRACE_MAX);
    m->tracing = m->trace_begins = true;
    cgrp_trace_snapshot(&m->trace, &m->policy, &m->table, loop_boottime());
    log_notice(NULL, "memory: facts and decisions go to '%s/" FILE_NAME "'",
               m->d->options.state_dir);
}
