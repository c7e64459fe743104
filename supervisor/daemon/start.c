/* SPDX-License-Identifier: MIT
 * The cold start: what is due on the disk first, then make the group and the sockets, spawn.
 *
 * What may block is off the loop: the state file on the disk lane, the exec on the spawn lane.
 * While the spawn lane has a run (`spawning`) its group may be empty and fill later, so the run
 * cannot end. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <syslog.h>
#include <systemd/sd-journal.h>

#include "cgroups/cgroup.h"
#include "supervisor/base/cleanup.h"
#include "supervisor/base/err.h"
#include "supervisor/base/fs.h"
#include "supervisor/base/killpoint.h"
#include "supervisor/daemon/app.h"
#include "supervisor/daemon/channel.h"
#include "supervisor/daemon/config.h"
#include "supervisor/daemon/env.h"
#include "supervisor/daemon/log.h"
#include "supervisor/daemon/loop.h"
#include "supervisor/daemon/notify.h"
#include "supervisor/daemon/ontrial.h"
#include "supervisor/daemon/output.h"
#include "supervisor/daemon/package.h"
#include "supervisor/daemon/runstate.h"
#include "supervisor/daemon/spawn.h"
#include "supervisor/daemon/update.h"
#include "supervisor/daemon/work.h"

static void note_failure(struct app *app, const char *stage, int error, const struct err *e) {
    struct run *run = app->run;

    free(run->failure);
    run->failure = calloc(1, sizeof *run->failure);
    if (!run->failure) {
        log_err(app->id, "cannot be started: %s", e->text);
        return;
    }
    run->failure->stage = stage;
    run->failure->error = error;
    (void) snprintf(run->failure->detail, sizeof run->failure->detail, "%s", e->text);
}

void start_gave_up(struct app *app) {
    struct run *run = app->run;

    run->spawning = false;
    run->main_ended = run->group_empty = true;
    app_event(app, LIFE_EV_EMPTY, "start_failed");
}

static void start_failed(struct app *app, const char *stage, int error, const struct err *e) {
    note_failure(app, stage, error, e);
    start_gave_up(app);
}

/* --- its folder, sockets and output ------------------------------------------------------- */

static void on_notify(const struct notify_message *msg, void *userdata) {
    struct app *app = userdata;

    if (msg->watchdog_trigger)
        app->run->watchdog_triggered = true;
    if (msg->status)
        log_debug(app->id, "status: %s", msg->status);
    if (msg->ready && !app->run->spawning && app->state == LIFE_STARTING)
        app_event(app, LIFE_EV_READY, "ready");
    else if (msg->ready && app->run->spawning)
        app->run->ready_early = true; /* it was faster than the spawn lane's answer */
}

/* An adopted app holds its FIFO open: that one, not another, is the way to it. */
static int pressure_fifo(struct app *app, int folder_fd, struct err *e) {
    if (app->run->pid > 0 && memory_fifo_adopt(app, folder_fd) == 0)
        return 0;
    return memory_fifo_open(app, folder_fd, e);
}

/* With the set-group-ID bit, so that the sockets made in it are the app's group's from the first
 * moment. */
static int give_folder(const struct app *app, int fd, struct err *e) {
    const mode_t mode = S_ISGID | 0710;
    struct stat st;

    if (fstat(fd, &st) == 0 && st.st_gid == app->uid && (st.st_mode & 07777) == mode)
        return 0;
    if (fchown(fd, (uid_t) -1, app->uid) < 0 || fchmod(fd, mode) < 0)
        return err_set(e, -errno, "cannot give the app its runtime folder: %s", strerror(errno));
    return 0;
}

/* It stays between runs. */
static int own_folder(struct app *app, struct err *e) {
    struct daemon *d = app->d;
    CLEANUP(close_p)
    int fd = openat(d->apps_fd, app->id, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    int r = 0;

    if (fd < 0)
        r = fs_mkdir(d->apps_fd, app->id, 0710, &fd, e);
    if (r >= 0 && d->isolates)
        r = give_folder(app, fd, e);
    return r < 0 ? r : pressure_fifo(app, fd, e);
}

int start_services(struct app *app, struct err *e) {
    struct run *run = app->run;
    char path[PATH_MAX];
    gid_t gid = app->d->isolates ? (gid_t) app->uid : (gid_t) -1;
    uid_t uid = app->d->isolates ? app->uid : geteuid();

    int r = own_folder(app, e);
    if (r >= 0)
        r = channel_open(app, e);
    if (r >= 0)
        r = notify_new(app->d->calls, env_runtime_path(app, "notify", path, sizeof path), uid, gid,
                       on_notify, app, &run->notify, e);
    return r;
}

/* --- the spawn lane ----------------------------------------------------------------------- */

struct spawn_job {
    struct app *app;
    struct spawn_request request;
    struct spawn_result result;
    struct spawn_gate gate;
    char **env;
    const char *argv_js[3];
    char path_js[PATH_MAX]; /* what is searched for it: our helpers' folder first */
    char *program;
    int package_fd, output_fd;
    bool journal;
};

static void spawn_job_free(struct spawn_job *job) {
    close_p(&job->package_fd);
    close_p(&job->output_fd);
    env_free(job->env);
    free(job->program);
    free(job);
}

/* Nothing of the app changes while it is being spawned, so that the thread may read its manifest.
 */
static int spawn_run(void *arg, struct err *e) {
    struct spawn_job *job = arg;
    struct app *app = job->app;
    const struct manifest *m = app->manifest;

    job->result.stage = "fork";
    int r =
        store_version_open(app->d->store, app->id, app->versions.current.name, &job->package_fd, e);
    if (r < 0)
        return r;
    job->result.stage = "exec";
    if (m->exec)
        r = manifest_program(m, job->package_fd, &job->program, e);
    if (r < 0)
        return r;
    if (job->journal) {
        job->output_fd = sd_journal_stream_fd(app->id, LOG_INFO, 0);
        job->request.output_fd = job->output_fd; /* -1 where the journal is not there: /dev/null */
    }
    job->request.program = job->program;
    job->request.cwd_fd = job->package_fd;
    return spawn_process(&job->request, &job->result, e);
}

static void spawned(struct app *app, struct spawn_job *job) {
    struct run *run = app->run;
    struct err e = { 0 };

    KILLPOINT(TRY_SPAWNED);
    run->pid = job->result.pid;
    run->starttime = job->result.starttime;
    run->pidfd = TAKE_FD(job->result.pidfd);
    run->package_fd = TAKE_FD(job->package_fd);
    run->is_child = true;
    (void) cgrp_group_set_main(run->group, &(struct cgrp_adopt){ .main_pid = run->pid,
                                                                 .main_starttime = run->starttime,
                                                                 .uid = app->uid });
    runstate_mark(app);
    memory_watches(app);
    if (run_watch_main(app, &e) < 0)
        log_err(app->id, "%s, its end is seen by its group alone", e.text);
    if (app->state != LIFE_STARTING) {
        stop_after_spawn(app);
        return;
    }
    if (!app->manifest->ready_notify || run->ready_early)
        app_event(app, LIFE_EV_READY, "ready");
}

static void spawn_done(void *arg, int result, const struct err *e) {
    struct spawn_job *job = arg;
    struct app *app = job->app;

    app->run->spawning = false;
    if (result == 0)
        spawned(app, job);
    else if (app->run->failure) /* it was not let go */
        start_gave_up(app);
    else {
        app->cold_starts--; /* nothing of it ran */
        start_failed(app, job->result.stage, job->result.error ? job->result.error : -result, e);
    }
    spawn_job_free(job);
}

static uint64_t least(uint64_t own, uint64_t cap) {
    return own < cap ? own : cap; /* unset is the greatest on both sides */
}

void start_limits(const struct app *app, struct cgrp_limits *ret) {
    const struct manifest *m = app->manifest;
    const struct config *c = app->d->config;

    *ret = (struct cgrp_limits){
        .memory_high = least(m->memory_high, c->apps.memory_high),
        .memory_max = least(m->memory_max, c->apps.memory_max),
        .memory_swap_max = CGRP_NO_LIMIT,
        .pids_max = least(m->pids_max, c->apps.pids_max),
    };
}

static int make_group(struct app *app, struct err *e) {
    struct cgrp_limits limits;

    start_limits(app, &limits);
    return cgrp_group_create(app->d->groups, app->id, &limits, &app->owner, &app->run->group, e);
}

static void fill_request(struct app *app, struct spawn_job *job) {
    struct daemon *d = app->d;
    struct spawn_request *req = &job->request;

    const char *libexec = getenv("MINIPROG_LIBEXEC");

    job->argv_js[0] = "miniprog-js";
    job->argv_js[1] = ".";
    (void) snprintf(job->path_js, sizeof job->path_js, "%s:" ENV_PATH,
                    libexec ? libexec : MINIPROG_LIBEXECDIR);
    *req = (struct spawn_request){
        .argv = app->manifest->exec ? (const char *const *) app->manifest->exec : job->argv_js,
        .envp = (const char *const *) job->env,
        .path = app->manifest->exec ? ENV_PATH : job->path_js,
        .cwd_fd = -1,
        .output_fd = job->output_fd,
        .set_ids = d->isolates,
        .uid = app->uid,
        .gid = (gid_t) app->uid,
        .groups = d->app_groups,
        .n_groups = d->n_app_groups,
        .oom_score_adj = 0,
        .gate = &job->gate,
    };
    cgrp_group_join(app->run->group, &req->join);
}

/* Beside the spawn; the child waits for it before its exec. */
static void finish_spawn(struct app *app, struct spawn_job *job) {
    struct err e = { 0 };
    int r = start_services(app, &e);

    memory_grouped(app);
    if (r < 0) {
        note_failure(app, "fork", -r, &e);
    } else {
        /* After a crash from here on the next daemon must know whose group it finds, and that it
         * was started. */
        app->cold_starts++;
        runstate_write_first(app);
    }
    spawn_gate_open(&job->gate, r >= 0);
}

static int begin_spawn(struct app *app, struct err *e) {
    struct daemon *d = app->d;
    struct spawn_job *job = calloc(1, sizeof *job);

    if (!job)
        return err_set(e, -ENOMEM, "out of memory");
    job->app = app;
    job->package_fd = job->output_fd = -1;
    job->result.pidfd = -1;
    job->journal = d->journal;

    uid_t uid = d->isolates ? app->uid : (uid_t) -1;
    int r = make_group(app, e);
    if (r >= 0 && !job->journal)
        r = output_attach(d->output, app->id, uid, (gid_t) uid, &job->output_fd, e);
    if (r >= 0) {
        job->env = env_build(app);
        if (!app->manifest->exec)
            job->program = strdup(d->config->apps.javascript);
        if (!job->env || (!app->manifest->exec && !job->program))
            r = err_set(e, -ENOMEM, "out of memory");
    }
    if (r >= 0) {
        fill_request(app, job);
        app->run->spawning = true;
        r = work_submit(d->work, WORK_SPAWN, spawn_run, spawn_done, job);
        if (r < 0)
            r = err_set(e, r, "cannot queue the start: %s", strerror(-r));
    }
    if (r < 0)
        spawn_job_free(job);
    else
        finish_spawn(app, job);
    return r;
}

/* False: it cannot be, and run->failure says why. */
static bool spawn(struct app *app) {
    struct run *run = app->run;
    struct err e = { 0 };

    (void) snprintf(run->version_name, sizeof run->version_name, "%s", app->versions.current.name);
    int r = begin_spawn(app, &e);
    if (r < 0)
        note_failure(app, "fork", -r, &e);
    return r >= 0;
}

/* --- the order of things ------------------------------------------------------------------ */

/* Asked to end before there was anything to kill. */
static bool given_up(struct app *app) {
    if (app->state == LIFE_STARTING)
        return false;
    struct run *run = app->run;
    run->main_ended = run->group_empty = true;
    app_event(app, LIFE_EV_EMPTY, "start_failed");
    return true;
}

static bool spawn_when_there_is_room(struct app *app) {
    struct run *run = app->run;

    if (!memory_admit(app))
        return spawn(app);
    run->admitting = true;
    run->spawning = true;
    return true;
}

void start_admitted(struct app *app) {
    struct run *run = app->run;

    if (!run->admitting)
        return;
    run->admitting = run->spawning = false;
    if (!given_up(app) && !spawn(app))
        start_gave_up(app);
}

void start_refused(struct app *app, const char *why) {
    struct run *run = app->run;
    struct err e = { 0 };

    if (!run->admitting)
        return;
    run->admitting = run->spawning = false;
    if (given_up(app))
        return;
    run->reason = EXIT_MEMORY_PRESSURE_REASON;
    (void) snprintf(e.text, sizeof e.text, "%s", why);
    start_failed(app, "memory", ENOMEM, &e);
}

/* The server's word: it opens no more, and goes on asking for a newer one. */
static bool is_too_old(struct app *app) {
    struct err e = { 0 };

    if (app->versions.current.code >= app->trial.minimum)
        return false;
    (void) snprintf(
        e.text, sizeof e.text, "version %llu may not be used any more, the lowest is %llu",
        (unsigned long long) app->versions.current.code, (unsigned long long) app->trial.minimum);
    note_failure(app, "too_old", 0, &e);
    update_at_cold_start(app);
    return true;
}

/* The disk has what must be known after a crash before the new version runs. */
static bool begin_when_stored(struct app *app) {
    if (!app->storing && !update_before_start(app) && !ontrial_before_start(app)) {
        KILLPOINT(TRY_COUNTED);
        return !is_too_old(app) && spawn_when_there_is_room(app);
    }
    app->start_waits = true;
    app->run->spawning = true;
    return true;
}

void start_go_on(struct app *app) {
    struct waiter *w;

    if (app->storing)
        return;
    list_for_each (w, &app->settles, struct waiter, node) {
        list_remove(&w->node);
        w->done(w, app, NULL);
    }
    if (!app->start_waits)
        return;
    app->start_waits = false;
    app->run->spawning = false;
    if (!given_up(app) && !begin_when_stored(app))
        start_gave_up(app);
}

bool start_begin(struct app *app) {
    struct run *run = app->run;
    uint64_t own = app->manifest->start_timeout_us;
    uint64_t timeout = own != MANIFEST_UNSET ? own : app->d->config->lifecycle.start_timeout;

    run_set_deadline(app, DEADLINE_START, loop_boottime() + timeout);
    if (app->exit_state && app->exit_state_until > loop_boottime())
        run->exit_state = strdup(app->exit_state);

    return begin_when_stored(app);
}
