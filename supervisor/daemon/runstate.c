/* SPDX-License-Identifier: MIT */
#include "supervisor/daemon/runstate.h"

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
#include "supervisor/daemon/daemon.h"
#include "supervisor/daemon/log.h"
#include "supervisor/daemon/loop.h"
#include "supervisor/daemon/watch.h"
#include "supervisor/daemon/work.h"

#define RUNSTATE_MAX ((size_t) 4 * 1024 * 1024) /* 64 events and an exit state, with room */
#define RECORD_MAX   ((size_t) 64 * 1024)

struct runstates {
    struct daemon *d;
    struct list dirty; /* struct app, by app.dirty */
    struct str text;   /* its memory is kept */
    int dir_fd;
    char boot_id[40];
    sd_event_source *flush;
};

static int read_boot_id(char *buf, size_t size, struct err *e) {
    ssize_t n = fs_read_into(AT_FDCWD, "/proc/sys/kernel/random/boot_id", buf, size);
    if (n < 0)
        return err_set(e, (int) n, "cannot read the boot id: %s", strerror((int) -n));
    buf[strcspn(buf, "\n")] = '\0';
    return 0;
}

const char *runstate_boot(const struct daemon *d) {
    return d->runstates->boot_id;
}

static int on_flush(sd_event_source *s, void *userdata) {
    (void) s;
    runstate_flush(userdata);
    return 0;
}

int runstates_new(struct daemon *d, struct runstates **ret, struct err *e) {
    struct runstates *all = calloc(1, sizeof *all);
    if (!all)
        return err_set(e, -ENOMEM, "out of memory");
    all->d = d;
    all->dir_fd = -1;
    list_init(&all->dirty);
    all->text = (struct str) STR_INIT(RUNSTATE_MAX);

    int r = read_boot_id(all->boot_id, sizeof all->boot_id, e);
    if (r >= 0)
        r = fs_mkdir(d->runtime_fd, "state", 0700, &all->dir_fd, e);
    if (r >= 0) {
        r = sd_event_add_defer(d->event, &all->flush, on_flush, all);
        if (r < 0)
            r = err_set(e, r, "cannot watch for changes: %s", strerror(-r));
    }
    if (r < 0) {
        runstates_free(all);
        return r;
    }
    /* As urgent as clients: a storm of calls cannot keep it from being written. */
    (void) sd_event_source_set_priority(all->flush, LOOP_CONTROL);
    (void) sd_event_source_set_enabled(all->flush, SD_EVENT_OFF);
    *ret = all;
    return 0;
}

struct runstates *runstates_free(struct runstates *all) {
    if (!all)
        return NULL;
    runstate_flush(all);
    sd_event_source_disable_unref(all->flush);
    close_p(&all->dir_fd);
    str_clear(&all->text);
    free(all);
    return NULL;
}

void runstate_mark(struct app *app) {
    struct runstates *all = app->d->runstates;
    if (!all || !app->run || !list_empty(&app->dirty))
        return;
    list_append(&all->dirty, &app->dirty);
    (void) sd_event_source_set_enabled(all->flush, SD_EVENT_ONESHOT);
}

static void write_launch(const struct launch *l, struct jsonw *w, const char *key) {
    jsonw_object(w, key);
    jsonw_string(w, "path", l->path);
    if (l->query)
        jsonw_raw(w, "query", l->query, strlen(l->query));
    jsonw_int(w, "scene", l->scene);
    jsonw_end_object(w);
}

static void write_run(const struct app *app, struct jsonw *w, const char *boot_id) {
    const struct run *run = app->run;

    jsonw_object(w, NULL);
    jsonw_string(w, "boot", boot_id);
    jsonw_string(w, "state", life_state_name(app->state));
    jsonw_u64(w, "since", app->since_usec);
    jsonw_u64(w, "opened", app->opened_usec);
    jsonw_u64(w, "cold_starts", app->cold_starts);
    jsonw_u64(w, "hot_starts", app->hot_starts);
    jsonw_int(w, "pid", run->pid);
    jsonw_u64(w, "starttime", run->starttime);
    jsonw_string(w, "version", run->version_name);
    jsonw_bool(w, "ready", run->ready);
    jsonw_bool(w, "hot", run->hot);
    jsonw_bool(w, "watchdog", run->watchdog_triggered);
    jsonw_bool(w, "terminated", run->terminated);
    jsonw_bool(w, "reopen", run->reopen);
    jsonw_string(w, "restart_path", run->restart_path);
    jsonw_string(w, "reason", exit_reason_name(run->reason));
    jsonw_int(w, "keep", run->keep);
    write_launch(&run->launch, w, "launch");
    write_launch(&run->enter, w, "enter");
    jsonw_array(w, "deadlines");
    for (int i = 0; i < DEADLINE_COUNT; i++)
        jsonw_u64(w, NULL, run->deadlines[i]);
    jsonw_end_array(w);
    if (run->exit_state)
        jsonw_raw(w, "exit_state", run->exit_state, strlen(run->exit_state));
    jsonw_object(w, "queue");
    queue_write(&run->queue, w);
    jsonw_end_object(w);
    jsonw_end_object(w);
}

bool runstate_is_marked(const struct app *app) {
    return !list_empty(&app->dirty);
}

/* Its text, in memory that is kept. */
static int print_run(struct app *app, struct err *e) {
    struct runstates *all = app->d->runstates;
    struct jsonw w = JSONW_INIT(&all->text);

    str_reset(&all->text);
    write_run(app, &w, all->boot_id);
    int r = str_error(&all->text);
    return r < 0 ? err_set(e, r, "%s", strerror(-r)) : 0;
}

static void tell_unwritten(const struct app *app, const struct err *e) {
    log_err(app->id, "cannot write its run state: %s, a crash of the supervisor now would lose it",
            e->text);
}

void runstate_write_now(struct app *app) {
    struct runstates *all = app->d->runstates;
    struct err e = { 0 };

    list_remove(&app->dirty);
    if (!app->run)
        return;
    int r = print_run(app, &e);
    if (r >= 0)
        r = fs_replace(all->dir_fd, app->id, all->text.data, all->text.len, 0600, FS_VOLATILE, &e);
    if (r < 0)
        tell_unwritten(app, &e);
}

void runstate_write_first(struct app *app) {
    struct runstates *all = app->d->runstates;
    struct err e = { 0 };

    list_remove(&app->dirty);
    int r = print_run(app, &e);
    CLEANUP(close_p)
    int fd = r < 0 ? -1
                   : openat(all->dir_fd, app->id,
                            O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (r >= 0 && (fd < 0 || write(fd, all->text.data, all->text.len) != (ssize_t) all->text.len))
        r = err_set(&e, fd < 0 ? -errno : -ENOSPC, "%s", strerror(fd < 0 ? errno : ENOSPC));
    if (r < 0)
        tell_unwritten(app, &e);
}

void runstate_flush(struct runstates *all) {
    struct app *app;
    list_for_each (app, &all->dirty, struct app, dirty)
        runstate_write_now(app);
}

void runstate_drop(struct app *app) {
    struct runstates *all = app->d->runstates;
    char torn[sizeof app->id + sizeof ".tmp"]; /* what a supervisor left that died while writing */

    list_remove(&app->dirty);
    if (unlinkat(all->dir_fd, app->id, 0) < 0 && errno != ENOENT)
        log_err(app->id, "cannot remove its run state: %s", strerror(errno));
    (void) snprintf(torn, sizeof torn, "%s.tmp", app->id);
    if (!daemon_app(app->d, torn)) /* a name that an app may have, too */
        (void) unlinkat(all->dir_fd, torn, 0);
}

int runstate_load(struct daemon *d, const char *id, struct json **ret, struct err *e) {
    CLEANUP(free_p) char *text = NULL;
    CLEANUP(json_free_p) struct json *doc = NULL;
    size_t len;

    int r = fs_read(d->runstates->dir_fd, id, RUNSTATE_MAX, &text, &len, e);
    if (r < 0)
        return r;
    r = json_parse(text, len, &doc, e);
    if (r < 0)
        return err_wrap(e, -EBADMSG, "the run state of '%s' is damaged", id);
    if (strcmp(json_get_string(doc, "boot", ""), d->runstates->boot_id) != 0)
        return err_set(e, -EBADMSG, "the run state of '%s' is of another boot", id);
    *ret = TAKE_PTR(doc);
    return 0;
}

/* --- the lasting record ------------------------------------------------------------------- */

struct record_job {
    struct app *app;
    struct store *store;
    char id[65];
    struct str text;
};

static int record_run(void *arg, struct err *e) {
    struct record_job *job = arg;
    CLEANUP(close_p) int app_fd = -1;

    int r = store_app_fd(job->store, job->id, &app_fd, e);
    return r < 0
               ? r
               : fs_replace(app_fd, "record", job->text.data, job->text.len, 0600, FS_VOLATILE, e);
}

/* Its run state goes once the record has what was in it, unless it is a new run's by now. */
static void record_settled(struct app *app) {
    if (app->records == 0 && !app->run)
        runstate_drop(app);
}

static void record_done(void *arg, int result, const struct err *e) {
    struct record_job *job = arg;
    if (result < 0)
        log_err(job->id, "cannot keep its record: %s, its counters will be old after a restart",
                e->text);
    job->app->records--;
    record_settled(job->app);
    str_clear(&job->text);
    free(job);
}

void record_save(struct app *app) {
    struct record_job *job = calloc(1, sizeof *job);
    if (!job) {
        record_settled(app);
        return;
    }
    job->app = app; /* it is not removed while the lane has something of it */
    job->store = app->d->store;
    memcpy(job->id, app->id, sizeof job->id);
    job->text = (struct str) STR_INIT(RECORD_MAX);
    struct jsonw w = JSONW_INIT(&job->text);
    jsonw_object(&w, NULL);
    jsonw_u64(&w, "opened_usec", app->opened_usec);
    jsonw_u64(&w, "cold_starts", app->cold_starts);
    jsonw_u64(&w, "hot_starts", app->hot_starts);
    if (app->has_exit)
        exit_write(&app->last_exit, &w, "last_exit");
    jsonw_end_object(&w);
    if (str_error(&job->text) ||
        work_submit(app->d->work, WORK_DISK, record_run, record_done, job) < 0) {
        str_clear(&job->text);
        free(job);
        record_settled(app);
        return;
    }
    app->records++;
}

static void read_exit(struct app *app, const struct json *x) {
    struct exit_record *to = &app->last_exit;

    if (!x || exit_reason_parse(json_get_string(x, "reason", ""), &to->reason) < 0)
        return;
    to->has_status = json_get(x, "status") != NULL;
    to->status = (int) json_get_int(x, "status", 0);
    to->has_signal = json_get(x, "signal") != NULL;
    to->signal = (int) json_get_int(x, "signal", 0);
    to->at_usec = (uint64_t) json_get_int(x, "at_usec", 0);
    (void) snprintf(to->message, sizeof to->message, "%s", json_get_string(x, "message", ""));
    app->has_exit = true;
}

void record_load(struct app *app) {
    CLEANUP(close_p) int app_fd = -1;
    CLEANUP(free_p) char *text = NULL;
    CLEANUP(json_free_p) struct json *doc = NULL;
    struct err e = { 0 };
    size_t len;

    int r = store_app_fd(app->d->store, app->id, &app_fd, &e);
    if (r >= 0)
        r = fs_read(app_fd, "record", RECORD_MAX, &text, &len, &e);
    if (r >= 0)
        r = json_parse(text, len, &doc, &e);
    if (r == -ENOENT)
        return;
    if (r < 0) {
        log_warning(app->id, "cannot read its record: %s, counting from 0", e.text);
        return;
    }
    app->opened_usec = (uint64_t) json_get_int(doc, "opened_usec", 0);
    app->cold_starts = (uint64_t) json_get_int(doc, "cold_starts", 0);
    app->hot_starts = (uint64_t) json_get_int(doc, "hot_starts", 0);
    read_exit(app, json_get(doc, "last_exit"));
}
