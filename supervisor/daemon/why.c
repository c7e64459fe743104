/* SPDX-License-Identifier: MIT
 * <app folder>/decisions holds one JSON object a line. It is appended to, and cut back to the last
 * WHY_MAX when it has grown; both on the disk lane, so that an answer sees what was recorded before
 * it. */
#include "supervisor/daemon/why.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "supervisor/base/cleanup.h"
#include "supervisor/base/err.h"
#include "supervisor/base/fs.h"
#include "supervisor/base/json.h"
#include "supervisor/base/jsonw.h"
#include "supervisor/base/str.h"
#include "supervisor/daemon/app.h"
#include "supervisor/daemon/control.h"
#include "supervisor/daemon/daemon.h"
#include "supervisor/daemon/log.h"
#include "supervisor/daemon/loop.h"
#include "supervisor/daemon/server.h"
#include "supervisor/daemon/watch.h"
#include "supervisor/daemon/work.h"

#define FILE_NAME "decisions"
#define LINE_MAX  ((size_t) 16 * 1024)
#define CUT_AT    ((size_t) 64 * 1024) /* about 250 plain lines: cut back to WHY_MAX */
#define READ_MAX  (CUT_AT + WHY_MAX * LINE_MAX)

struct why_job {
    struct daemon *d;
    struct call *call; /* of an answer; NULL: to record */
    char id[65];
    struct str text; /* the line to append; or what was read */
};

static struct why_job *job_new(struct app *app) {
    struct why_job *job = calloc(1, sizeof *job);
    if (job) {
        job->d = app->d;
        memcpy(job->id, app->id, sizeof job->id);
        job->text = (struct str) STR_INIT(READ_MAX);
    }
    return job;
}

static void job_free(struct why_job *job) {
    str_clear(&job->text);
    free(job);
}

/* Where the last WHY_MAX whole lines begin. */
static const char *tail_of(const char *text, size_t n) {
    int lines = 0;
    for (size_t i = n; i > 0; i--)
        if (text[i - 1] == '\n' && lines++ == WHY_MAX)
            return text + i;
    return text;
}

static int cut_back(int app_fd, struct err *e) {
    CLEANUP(free_p) char *all = NULL;
    size_t n;

    int r = fs_read(app_fd, FILE_NAME, READ_MAX, &all, &n, e);
    if (r < 0)
        return r;
    const char *tail = tail_of(all, n);
    return fs_replace(app_fd, FILE_NAME, tail, n - (size_t) (tail - all), 0600, FS_VOLATILE, e);
}

static int record_run(void *arg, struct err *e) {
    struct why_job *job = arg;
    CLEANUP(close_p) int app_fd = -1;
    CLEANUP(close_p) int fd = -1;

    int r = store_app_fd(job->d->store, job->id, &app_fd, e);
    if (r < 0)
        return r;
    fd = openat(app_fd, FILE_NAME, O_WRONLY | O_APPEND | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0)
        return err_set(e, -errno, "cannot open '" FILE_NAME "': %s", strerror(errno));
    if (write(fd, job->text.data, job->text.len) != (ssize_t) job->text.len)
        return err_set(e, -EIO, "cannot write '" FILE_NAME "'");
    off_t size = lseek(fd, 0, SEEK_END);
    return size > (off_t) CUT_AT ? cut_back(app_fd, e) : 0;
}

static void record_done(void *arg, int result, const struct err *e) {
    struct why_job *job = arg;
    if (result < 0)
        log_err(job->id, "%s, a decision is not kept", e->text);
    job_free(job);
}

static void write_decision(const struct why *y, struct jsonw *w, const char *key) {
    jsonw_object(w, key);
    jsonw_u64(w, "at_usec", loop_realtime());
    jsonw_string(w, "action", y->action);
    if (y->level)
        jsonw_int(w, "level", y->level);
    jsonw_string(w, "source", y->source);
    jsonw_string(w, "text", y->text);
    jsonw_object(w, "figures");
    for (unsigned i = 0; i < y->n_figures; i++)
        jsonw_int(w, y->figures[i].name, y->figures[i].value);
    jsonw_end_object(w);
    jsonw_array(w, "candidates");
    for (unsigned i = 0; i < y->n_candidates; i++) {
        jsonw_object(w, NULL);
        jsonw_string(w, "id", y->candidates[i].id);
        jsonw_string(w, "text", y->candidates[i].text);
        jsonw_end_object(w);
    }
    jsonw_end_array(w);
    if (y->has_freed)
        jsonw_int(w, "freed", y->freed);
    jsonw_end_object(w);
}

void why_record(struct app *app, const struct why *y) {
    struct jsonw *w = watch_begin(app->d->watch, "decision", app->id);
    if (w) {
        write_decision(y, w, "decision");
        watch_end(app->d->watch);
    }
    struct why_job *job = job_new(app);
    if (!job)
        return;
    job->text.max = LINE_MAX;
    struct jsonw line = JSONW_INIT(&job->text);
    write_decision(y, &line, NULL);
    str_putc(&job->text, '\n');
    if (str_error(&job->text) ||
        work_submit(app->d->work, WORK_DISK, record_run, record_done, job) < 0) {
        log_err(app->id, "out of memory: a decision is not kept");
        job_free(job);
    }
}

/* --- answering ---------------------------------------------------------------------------- */

static int read_run(void *arg, struct err *e) {
    struct why_job *job = arg;
    CLEANUP(close_p) int app_fd = -1;
    CLEANUP(free_p) char *all = NULL;
    size_t n;

    int r = store_app_fd(job->d->store, job->id, &app_fd, e);
    if (r >= 0)
        r = fs_read(app_fd, FILE_NAME, READ_MAX, &all, &n, e);
    if (r == -ENOENT)
        return 0;
    if (r < 0)
        return r;
    const char *tail = tail_of(all, n);
    return str_append(&job->text, tail, n - (size_t) (tail - all));
}

/* A line torn by a power cut is passed over. */
static void write_lines(struct why_job *job, struct jsonw *w) {
    char *line = job->text.data, *save = NULL;

    for (line = line ? strtok_r(line, "\n", &save) : NULL; line;
         line = strtok_r(NULL, "\n", &save)) {
        CLEANUP(json_free_p) struct json *doc = NULL;
        size_t n = strlen(line);
        if (json_parse(line, n, &doc, NULL) == 0 && json_kind(doc) == JSON_OBJECT)
            jsonw_raw(w, NULL, line, n);
    }
}

static void read_done(void *arg, int result, const struct err *e) {
    struct why_job *job = arg;

    if (result < 0) {
        control_storage(job->call, e->text);
    } else {
        struct jsonw *w = call_begin(job->call, false);
        jsonw_array(w, "decisions");
        write_lines(job, w);
        jsonw_end_array(w);
        call_end(job->call);
    }
    job_free(job);
}

int why_answer(struct app *app, struct call *call) {
    struct why_job *job = job_new(app);
    if (!job)
        return -ENOMEM;
    job->call = call;
    int r = work_submit(app->d->work, WORK_DISK, read_run, read_done, job);
    if (r < 0)
        job_free(job);
    return r;
}
