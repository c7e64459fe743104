/* SPDX-License-Identifier: MIT */
#include "tests/stress/run.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>

#include "supervisor/base/cleanup.h"
#include "supervisor/base/err.h"
#include "supervisor/base/fs.h"
#include "supervisor/base/str.h"
#include "tests/stress/csv.h"
#include "tests/stress/drive.h"
#include "tests/stress/kit.h"
#include "tests/stress/link.h"
#include "tests/stress/own.h"
#include "tests/stress/plan.h"
#include "tests/stress/progress.h"
#include "tests/stress/record.h"

#define CSV_MAX          ((size_t) 1 << 30)
#define RECONNECT_TRIES  50
#define RECONNECT_NAP_MS 100

struct session { /* what must be gone in the end */
    const struct run_job *job;
    struct own own;
    struct link link;
    bool linked, installed;
};

static void close_file_p(FILE **f) {
    if (*f)
        (void) fclose(*f);
}

static void say(const struct run_job *job, const char *what) {
    char line[128];

    if (!job->progress)
        return;
    (void) snprintf(line, sizeof line, "%s: %s", job->what, what);
    progress_say(line);
}

static const char *address(const struct session *s) {
    return s->job->socket ? s->job->socket : s->own.control;
}

/* A folder for the packages beside whatever else is in the session's. */
static int install(struct session *s, struct err *e) {
    char folder[64];
    int r;

    (void) snprintf(folder, sizeof folder, "%s/package", s->own.base);
    r = fs_mkdirs(folder, 0755, e);
    if (r < 0)
        return r;
    say(s->job, "installing the apps");
    r = kit_install(&s->link, s->job->stop_fd, s->job->plan, folder, e);
    s->installed = r != -EEXIST; /* those are another run's */
    return r;
}

static int name_apps(const struct plan *p, struct record *r) {
    for (unsigned i = 0; i < p->apps; i++) {
        char id[KIT_ID_SIZE];
        kit_id(id, i);
        int app = record_app(r, id);
        if (app < 0)
            return -ENOMEM;
        r->app[app].manner = manner_name(p->order[i]);
        if (p->scenario == SCENARIO_LEAK)
            r->leaker = app; /* the last one */
    }
    return 0;
}

static int load(struct session *s, struct record *r, struct err *e) {
    const struct run_job *job = s->job;
    char path[PATH_MAX];
    CLEANUP(close_file_p) FILE *events = NULL;
    struct drive_job drive_job = { .plan = job->plan,
                                   .link = &s->link,
                                   .stop_fd = job->stop_fd,
                                   .pidfd = s->own.pidfd,
                                   .pid = s->own.pid,
                                   .progress = job->progress,
                                   .what = job->what };

    (void) snprintf(path, sizeof path, "%s/events.jsonl", job->out);
    events = fopen(path, "we");
    if (!events)
        return err_set(e, -errno, "cannot open '%.120s': %s", path, strerror(errno));
    drive_job.events = events;
    int n = drive_begin(&drive_job, r, e);
    if (n >= 0)
        n = install(s, e);
    if (n >= 0 && name_apps(job->plan, r) < 0)
        n = err_set(e, -ENOMEM, "out of memory");
    if (n >= 0)
        drive(&drive_job, r);
    return n;
}

static int write_samples(const struct run_job *job, const struct record *r, struct err *e) {
    CLEANUP(str_clear_p) struct str out = STR_INIT(CSV_MAX);
    char path[PATH_MAX];

    csv_write(r, &out);
    if (str_error(&out) < 0)
        return err_set(e, str_error(&out), "cannot write the samples: %s",
                       strerror(-str_error(&out)));
    (void) snprintf(path, sizeof path, "%s/samples.csv", job->out);
    return fs_replace(AT_FDCWD, path, str_text(&out), out.len, 0644, FS_VOLATILE, e);
}

/* A supervisor that ended may be started again by whoever looks after it. */
static int remove_from(const char *socket, unsigned *ret_n, struct err *e) {
    struct link link = { 0 };
    int r = link_open(&link, socket, e);

    for (int i = 0; i < RECONNECT_TRIES && (r == -ENOENT || r == -ECONNREFUSED); i++) {
        (void) poll(NULL, 0, RECONNECT_NAP_MS);
        r = link_open(&link, socket, e);
    }
    if (r < 0)
        return r;
    r = kit_remove(&link, ret_n, e);
    link_close(&link);
    return r;
}

static int end(struct session *s, struct err *e) {
    unsigned n = 0;
    int r = 0;

    say(s->job, "ending the apps");
    link_close(&s->link); /* what it still waits for is of no interest */
    if (s->job->socket && s->installed)
        r = remove_from(s->job->socket, &n, e);
    int own = own_end(&s->own, r < 0 ? NULL : e);
    if (s->job->progress)
        progress_clear();
    return r < 0 ? r : own;
}

int run(const struct run_job *job, struct record *ret, struct err *e) {
    struct session s = { .job = job };
    struct err left = { 0 };

    record_init(ret, 0);
    int r = own_folder(&s.own, e);
    if (r >= 0 && !job->socket) {
        say(job, "starting miniprogd");
        r = own_start(&s.own, job->plan, job->policy, job->out, job->stop_fd, e);
    }
    if (r >= 0)
        r = link_open(&s.link, address(&s), e);
    if (r >= 0)
        r = load(&s, ret, e);
    if (end(&s, &left) < 0) {
        if (r >= 0 && !job->socket) { /* it was to end in order */
            ret->died = true;
            (void) snprintf(ret->broken, sizeof ret->broken, "%s", left.text);
        } else if (r >= 0) {
            r = err_wrap(&left, left.code, "not everything could be removed");
            *e = left;
        }
    }
    return r < 0 ? r : write_samples(job, ret, e);
}

int run_tidy(const char *socket, unsigned *ret_n, struct err *e) {
    struct link link = { 0 };
    int r = link_open(&link, socket, e);

    if (r < 0)
        return r;
    r = kit_remove(&link, ret_n, e);
    link_close(&link);
    return r;
}
