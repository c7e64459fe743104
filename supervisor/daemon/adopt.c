/* SPDX-License-Identifier: MIT
 * What an earlier daemon left is of three kinds: a run state with a group that lives (adopted), one
 * whose group is empty (it ended meanwhile), and a group that no run state explains (killed: nobody
 * could stop it otherwise). */
#include "supervisor/daemon/adopt.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <unistd.h>

#include "cgroups/cgroup.h"
#include "supervisor/base/cleanup.h"
#include "supervisor/base/err.h"
#include "supervisor/base/fs.h"
#include "supervisor/base/json.h"
#include "supervisor/base/map.h"
#include "supervisor/base/str.h"
#include "supervisor/daemon/app.h"
#include "supervisor/daemon/config.h"
#include "supervisor/daemon/daemon.h"
#include "supervisor/daemon/log.h"
#include "supervisor/daemon/loop.h"
#include "supervisor/daemon/output.h"
#include "supervisor/daemon/package.h"
#include "supervisor/daemon/runstate.h"
#include "supervisor/daemon/why.h"

#define TEXT_MAX  ((size_t) 256 * 1024)
#define STRAY_MAX 256 /* members looked at to find a main process */

/* --- from the run state ------------------------------------------------------------------- */

static char *text_of(const struct json *v) {
    struct str out = STR_INIT(TEXT_MAX);
    char *text = v && json_print(v, &out) == 0 ? str_take(&out) : NULL;
    str_clear(&out);
    return text;
}

static void read_launch(struct launch *l, const struct json *from) {
    const char *path = json_get_string(from, "path", NULL);
    launch_clear(l);
    l->path = path ? strdup(path) : NULL;
    l->query = text_of(json_get(from, "query"));
    l->scene = json_get_int(from, "scene", LAUNCH_SCENE_DEFAULT);
}

static int read_run(struct app *app, struct run *run, const struct json *doc,
                    enum life_state *ret_state) {
    const char *path = json_get_string(doc, "restart_path", NULL);

    if (life_state_parse(json_get_string(doc, "state", ""), ret_state) < 0 ||
        *ret_state == LIFE_STOPPED)
        return -EBADMSG;
    app->since_usec = (uint64_t) json_get_int(doc, "since", 0);
    app->opened_usec = (uint64_t) json_get_int(doc, "opened", (int64_t) app->opened_usec);
    app->cold_starts = (uint64_t) json_get_int(doc, "cold_starts", 0);
    app->hot_starts = (uint64_t) json_get_int(doc, "hot_starts", 0);
    run->pid = (pid_t) json_get_int(doc, "pid", 0);
    run->starttime = (uint64_t) json_get_int(doc, "starttime", 0);
    (void) snprintf(run->version_name, sizeof run->version_name, "%s",
                    json_get_string(doc, "version", ""));
    run->ready = json_get_bool(doc, "ready", false);
    run->hot = json_get_bool(doc, "hot", false);
    run->watchdog_triggered = json_get_bool(doc, "watchdog", false);
    run->terminated = json_get_bool(doc, "terminated", false);
    run->reopen = json_get_bool(doc, "reopen", false);
    run->restart_path = path ? strdup(path) : NULL;
    if (exit_reason_parse(json_get_string(doc, "reason", "none"), &run->reason) < 0)
        run->reason = EXIT_REASON_NONE;
    run->keep = (unsigned) json_get_int(doc, "keep", 0);
    read_launch(&run->launch, json_get(doc, "launch"));
    read_launch(&run->enter, json_get(doc, "enter"));
    run->exit_state = text_of(json_get(doc, "exit_state"));

    int i = 0;
    const struct json *deadlines = json_get(doc, "deadlines");
    for (const struct json *it = json_first(deadlines); it && i < DEADLINE_COUNT;
         it = json_next(it))
        run->deadlines[i++] = (uint64_t) json_int(it);
    int r = queue_read(&run->queue, json_get(doc, "queue"));
    /* What the last daemon sent and could not write down any more has numbers that the app has
     * seen: new events begin behind those. */
    if (r == 0)
        run->queue.last_seq += QUEUE_MAX;
    return r;
}

/* --- its main process --------------------------------------------------------------------- */

static bool is_that_process(pid_t pid, uint64_t starttime, pid_t *ret_session) {
    char name[32], buf[1024];
    unsigned long long start;
    int session;

    (void) snprintf(name, sizeof name, "/proc/%d/stat", pid);
    if (fs_read_into(AT_FDCWD, name, buf, sizeof buf) <= 0)
        return false;
    const char *rest = strrchr(buf, ')'); /* the name may hold anything, ')' included */
    if (!rest ||
        sscanf(rest + 1,
               " %*c %*d %*d %d %*d %*d %*u %*u %*u %*u %*u %*u %*u %*d %*d %*d %*d %*d %*d %llu",
               &session, &start) != 2)
        return false;
    if (ret_session)
        *ret_session = session;
    return starttime == 0 || start == starttime;
}

/* The daemon died between the spawn and the note of it: the session's leader is the main process.
 */
static pid_t find_leader(struct run *run) {
    pid_t pids[STRAY_MAX], session;
    ssize_t n = cgrp_group_pids(run->group, pids, STRAY_MAX);

    for (ssize_t i = 0; i < n && i < STRAY_MAX; i++)
        if (is_that_process(pids[i], 0, &session) && session == pids[i])
            return pids[i];
    return 0;
}

static void adopt_main(struct app *app) {
    struct run *run = app->run;
    struct err e = { 0 };

    if (run->pid <= 0)
        run->pid = find_leader(run);
    run->pidfd = run->pid > 0 ? pidfd_open(run->pid, 0) : -1;
    if (run->pidfd >= 0 && !is_that_process(run->pid, run->starttime, NULL))
        close_p(&run->pidfd), run->pidfd = -1;
    if (run->pidfd < 0) {
        run->main_ended = true; /* its children may live on: run_look() sends them home */
        return;
    }
    if (run_watch_main(app, &e) < 0)
        log_err(app->id, "%s, its end is seen by its group alone", e.text);
}

/* --- one app ------------------------------------------------------------------------------ */

static int adopt_group(struct app *app, struct err *e) {
    struct run *run = app->run;
    const struct cgrp_adopt how = {
        .main_pid = run->pid,
        .main_starttime = run->starttime,
        .uid = app->d->isolates ? app->uid : (uid_t) -1,
    };
    return cgrp_group_adopt(app->d->groups, app->id, &how, &app->owner, &run->group, e);
}

/* What it prints to: a FIFO needs its reader, whatever this supervisor would choose. */
static bool has_fifo(const struct app *app) {
    char name[80];

    (void) snprintf(name, sizeof name, "output/%s", app->id);
    return !app->d->journal || faccessat(app->d->runtime_fd, name, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

static int adopt_services(struct app *app, struct err *e) {
    struct daemon *d = app->d;
    uid_t uid = d->isolates ? app->uid : (uid_t) -1;

    int r = start_services(app, e);
    if (r >= 0 && has_fifo(app))
        r = output_attach(d->output, app->id, uid, (gid_t) uid, NULL, e);
    return r;
}

/* The states are one thing, what the processes really do another: make it so again. */
static void put_right(struct app *app) {
    struct run *run = app->run;
    struct err e = { 0 };
    int r = app->state == LIFE_SUSPENDED
                ? cgrp_group_stop(run->group, app->d->config->lifecycle.suspend, &e)
                : cgrp_group_continue(run->group, &e);
    if (r < 0)
        log_err(app->id, "cannot put its processes right: %s", e.text);
}

/* A start or a stop that the daemon's death cut short goes on. */
static void go_on(struct app *app) {
    struct run *run = app->run;

    for (int i = 0; i < DEADLINE_COUNT; i++)
        if (run->deadlines[i]) {
            uint64_t at = run->deadlines[i];
            run->deadlines[i] = 0;
            run_set_deadline(app, (enum deadline) i, at);
        }
    if (app->state == LIFE_STARTING && !app->manifest->ready_notify)
        app_event(app, LIFE_EV_READY, "ready");
    else if (app->state == LIFE_STOPPING && !run->deadlines[DEADLINE_KILL])
        stop_begin(app);
    else if (app->state == LIFE_BACKGROUND && !run->deadlines[DEADLINE_SUSPEND])
        app_arm_suspend(app, 0); /* the daemon died between the state and its deadline */
    if (app->run)
        run_look(app);
}

static void ended_meanwhile(struct app *app, enum life_state was) {
    log_notice(app->id, "it ended while no supervisor ran (it was %s)", life_state_name(was));
    if (has_fifo(app)) /* so that its end takes the FIFO away */
        (void) output_attach(app->d->output, app->id, (uid_t) -1, (gid_t) -1, NULL, NULL);
    app->run->main_ended = app->run->group_empty = true;
    app_event(app, LIFE_EV_EMPTY, "adopted");
}

static void use_running_version(struct app *app) {
    struct run *run = app->run;
    struct manifest *m = NULL;
    struct err e = { 0 };

    if (store_version_open(app->d->store, app->id, run->version_name, &run->package_fd, &e) < 0)
        log_warning(app->id, "cannot hold the version it runs: %s", e.text);
    if (strcmp(run->version_name, app->versions.current.name) == 0)
        return;
    if (package_manifest(app->d->store, app->id, run->version_name, &m, &e) == 0) {
        manifest_free(app->manifest);
        app->manifest = m;
    }
}

static void adopt_app(struct app *app, const struct json *doc) {
    struct run *run = NULL;
    enum life_state was;
    struct err e = { 0 };

    if (run_new(app, &run) < 0 || read_run(app, run, doc, &was) < 0) {
        log_err(app->id, "its run state makes no sense: what is left of it is killed");
        run_free(run, true);
        return; /* kill_stray() finds its group */
    }
    app->run = run;
    memory_begins(app);
    app_set_adopted(app, was);
    if (adopt_group(app, &e) < 0 || cgrp_group_populated(run->group) != 1) {
        ended_meanwhile(app, was);
        return;
    }
    use_running_version(app);
    memory_grouped(app);
    memory_watches(app);
    memory_moved(app);
    app_oom_score(app); /* the last supervisor may have raised it, and not seen the need end */
    adopt_main(app);
    if (adopt_services(app, &e) < 0)
        log_err(app->id, "cannot talk to it any more: %s", e.text);
    put_right(app);
    const struct log_fields fields = { .message_id = LOG_ID_ADOPTED,
                                       .state = life_state_name(was),
                                       .version = app->versions.current.code };
    log_with(LOG_LEVEL_NOTICE, app->id, &fields, "adopted, %s, process %d", fields.state, run->pid);
    why_record(
        app, &(struct why){ .action = "adopt", .text = "a new supervisor took it over as it was" });
    runstate_mark(app);
    go_on(app);
}

/* --- groups that nothing explains --------------------------------------------------------- */

struct stray {
    struct group_owner owner;
    struct daemon *d;
    struct app *app; /* that has its id, and waits for its group (app.storing); NULL: none */
    struct cgrp_group *group;
    char id[65];
};

static void stray_emptied(struct group_owner *owner) {
    struct stray *s = (struct stray *) (void *) owner;
    struct daemon *d = s->d;
    struct err e = { 0 };
    if (cgrp_group_remove(s->group, &e) < 0) {
        log_warning(NULL, "cannot remove left-over group '%s': %s", s->id, e.text);
        cgrp_group_free(s->group);
    }
    struct app *app = s->app;
    free(s);
    d->n_strays--;
    if (app) {
        app->storing--;
        start_go_on(app);
    }
    daemon_check_ended(d);
}

static void kill_stray(const char *id, void *userdata) {
    struct daemon *d = userdata;
    struct app *app = daemon_app(d, id);
    struct err e = { 0 };

    if (app && app->run)
        return;
    struct stray *s = calloc(1, sizeof *s);
    if (!s)
        return;
    s->owner.emptied = stray_emptied;
    s->d = d;
    (void) snprintf(s->id, sizeof s->id, "%s", id);
    const struct cgrp_adopt how = { .uid = (uid_t) -1 };
    if (cgrp_group_adopt(d->groups, id, &how, &s->owner, &s->group, &e) < 0) {
        log_warning(NULL, "cannot look at left-over group '%s': %s", id, e.text);
        free(s);
        return;
    }
    d->n_strays++;
    s->app = app;
    if (app)
        app->storing++;
    if (cgrp_group_populated(s->group) == 0) {
        stray_emptied(&s->owner);
        return;
    }
    log_warning(NULL, "group '%s' belongs to no app that is known: its processes are killed", id);
    if (cgrp_group_kill(s->group, &e) < 0)
        log_err(NULL, "cannot kill left-over group '%s': %s", id, e.text);
}

/* FIFOs of runs that nobody took over. */
static void clear_output(struct daemon *d) {
    int fd = openat(d->runtime_fd, "output", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
    struct dirent *ent;

    while (dir && (ent = readdir(dir))) {
        struct app *app = ent->d_name[0] == '.' ? NULL : daemon_app(d, ent->d_name);
        if (ent->d_name[0] != '.' && (!app || !app->run))
            (void) unlinkat(fd, ent->d_name, 0);
    }
    if (dir)
        (void) closedir(dir);
}

int adopt_all(struct daemon *d, struct err *e) {
    struct app *app;
    size_t at = 0;

    while ((app = map_next(d->apps, &at))) {
        CLEANUP(json_free_p) struct json *doc = NULL;
        struct err why = { 0 };
        int r = runstate_load(d, app->id, &doc, &why);
        if (r == 0)
            adopt_app(app, doc);
        else if (r != -ENOENT)
            log_warning(app->id, "%s: starting from nothing", why.text);
        if (!app->run)
            runstate_drop(app);
    }
    clear_output(d);
    return cgrp_root_scan(d->groups, kill_stray, d, e);
}
