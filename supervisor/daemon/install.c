/* SPDX-License-Identifier: MIT
 * install.c - one Install call: stage, copy, commit, take over.
 *
 *   disk lane    store_stage_begin()                 an empty folder that the caller's uid may fill
 *   spawn lane   miniprog-worker copy SOURCE         under the caller's uid, in a group of its own
 *   disk lane    store_stage_commit(), store_save()  once nothing of the worker is left
 *   loop         the app is known, or its next version is pending
 */
#include "supervisor/daemon/install.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cgroups/cgroup.h"
#include "supervisor/base/cleanup.h"
#include "supervisor/base/err.h"
#include "supervisor/base/json.h"
#include "supervisor/base/jsonw.h"
#include "supervisor/base/list.h"
#include "supervisor/base/map.h"
#include "supervisor/daemon/app.h"
#include "supervisor/daemon/config.h"
#include "supervisor/daemon/control.h"
#include "supervisor/daemon/daemon.h"
#include "supervisor/daemon/home.h"
#include "supervisor/daemon/installed.h"
#include "supervisor/daemon/log.h"
#include "supervisor/daemon/loop.h"
#include "supervisor/daemon/server.h"
#include "supervisor/daemon/spawn.h"
#include "supervisor/daemon/work.h"
#include "units/result.h"
#include "units/store.h"

#define WORKER_TIMEOUT_US                                                                          \
    (UINT64_C(5) * 60 * 1000000) /* a source that hangs, on a network or in FUSE */
#define RESULT_MAX ((size_t) 16 * 1024)

struct install {
    struct list node;
    struct group_owner owner;
    struct installer *all;
    struct call *call;
    char *source;
    uid_t uid;
    gid_t gid;
    gid_t *groups;
    size_t n_groups;

    char stage[17];
    int stage_fd, result_read, result_write, root_fd;
    struct cgrp_group *group;
    struct spawn_request request;
    struct spawn_result spawned;
    char program[PATH_MAX];
    const char *argv[4];
    int keep[2];
    sd_event_source *child, *timer;
    bool running; /* the spawn lane has given it back: `spawned` may be looked at */
    bool main_ended, timed_out;

    struct worker_result result;
    struct installed_job commit;
};

struct installer {
    struct daemon *d;
    struct list waiting; /* struct install; the first one is in work */
    unsigned count;      /* names the workers' groups */
};

static void begin_next(struct installer *all);

/* --- making and freeing ------------------------------------------------------------------- */

struct installer *installer_new(struct daemon *d) {
    struct installer *all = calloc(1, sizeof *all);
    if (!all)
        return NULL;
    all->d = d;
    list_init(&all->waiting);
    return all;
}

static void drop_worker(struct install *in) {
    in->child = sd_event_source_disable_unref(in->child);
    in->timer = sd_event_source_disable_unref(in->timer);
    close_p(&in->stage_fd);
    close_p(&in->result_read);
    close_p(&in->result_write);
    close_p(&in->root_fd);
    close_p(&in->spawned.pidfd);
    in->stage_fd = in->result_read = in->result_write = in->root_fd = in->spawned.pidfd = -1;
    if (in->group && cgrp_group_remove(in->group, NULL) < 0)
        cgrp_group_free(in->group);
    in->group = NULL;
}

static void install_free(struct install *in) {
    list_remove(&in->node);
    drop_worker(in);
    installed_job_clear(&in->commit);
    free(in->groups);
    free(in->source);
    free(in);
}

/* At the end of the daemon: the callers lose their connections anyway, stages are cleared at the
 * next start. */
struct installer *installer_free(struct installer *all) {
    struct install *in;
    if (!all)
        return NULL;
    list_for_each (in, &all->waiting, struct install, node) {
        if (in->group)
            (void) cgrp_group_kill(in->group, NULL);
        install_free(in);
    }
    free(all);
    return NULL;
}

bool installer_owns(const struct installer *all, pid_t pid) {
    const struct install *in = list_first(&all->waiting, struct install, node);
    return in && in->group && (in->spawned.pidfd < 0 || in->spawned.pid == pid);
}

/* --- the end of one ----------------------------------------------------------------------- */

static void end_with(struct install *in) {
    struct installer *all = in->all;
    if (in->stage[0])
        store_stage_discard(all->d->store, in->stage);
    install_free(in);
    begin_next(all);
}

static void refuse(struct install *in, enum package_fault fault, const char *detail) {
    control_bad_package(in->call, package_fault_name(fault), detail);
    end_with(in);
}

static void fail(struct install *in, const char *detail) {
    control_storage(in->call, detail);
    end_with(in);
}

/* --- commit ------------------------------------------------------------------------------- */

static void commit_done(void *arg, int result, const struct err *e) {
    struct install *in =
        (struct install *) (void *) ((char *) arg - offsetof(struct install, commit));
    struct daemon *d = in->all->d;
    struct app *app = NULL;
    struct err err = *e;

    in->stage[0] = '\0'; /* committed or discarded */
    if (result == 0)
        result = installed_take_over(d, &in->commit, &app, &err);
    else
        installed_gave_up(d, &in->commit);
    if (result < 0) {
        if (in->commit.fault != PACKAGE_OK)
            refuse(in, in->commit.fault, err.text);
        else
            fail(in, err.text);
        return;
    }
    struct jsonw *w = call_begin(in->call, false);
    jsonw_string(w, "id", app->id);
    jsonw_u64(w, "version_code", in->result.code);
    jsonw_bool(w, "pending", in->commit.pending);
    call_end(in->call);
    end_with(in);
    home_look(d->home);
}

/* The worker is gone, whole group and all: nobody can change the stage any more. */
static void commit(struct install *in) {
    struct daemon *d = in->all->d;
    struct err e = { 0 };

    drop_worker(in);
    int r = installed_prepare(d, &in->result, in->stage, &in->commit, &e);
    if (r < 0 && in->commit.fault != PACKAGE_OK) {
        refuse(in, in->commit.fault, e.text);
        return;
    }
    if (r >= 0)
        r = work_submit(d->work, WORK_DISK, installed_run, commit_done, &in->commit);
    if (r < 0) {
        installed_gave_up(d, &in->commit);
        fail(in, e.code ? e.text : strerror(-r));
    }
}

/* --- the worker --------------------------------------------------------------------------- */

static void read_result(struct install *in) {
    char text[RESULT_MAX];
    size_t n = 0;
    ssize_t got;
    struct err e = { 0 };

    while (n < sizeof text && (got = read(in->result_read, text + n, sizeof text - n)) > 0)
        n += (size_t) got;
    if (in->timed_out) {
        fail(in, "reading the source took too long: the worker was ended");
    } else if (worker_result_parse(text, n, &in->result, &e) < 0) {
        log_err(NULL, "the worker for '%s' ended without a result: %s", in->source, e.text);
        fail(in, "the worker ended without a result: see the supervisor's log");
    } else if (!in->result.ok && in->result.fault == PACKAGE_STORAGE) {
        fail(in, in->result.detail);
    } else if (!in->result.ok) {
        refuse(in, in->result.fault, in->result.detail);
    } else {
        commit(in);
    }
}

static void look(struct install *in) {
    siginfo_t si = { 0 };

    if (!in->main_ended &&
        (waitid(P_PIDFD, (id_t) in->spawned.pidfd, &si, WEXITED | WNOHANG) < 0 || si.si_pid))
        in->main_ended = true;
    if (!in->main_ended)
        return;
    in->child = sd_event_source_disable_unref(in->child);
    if (cgrp_group_populated(in->group) == 0)
        read_result(in);
    else
        (void) cgrp_group_kill(in->group, NULL); /* emptied() comes */
}

static void emptied(struct group_owner *owner) {
    struct install *in =
        (struct install *) (void *) ((char *) owner - offsetof(struct install, owner));
    if (in->running) /* else it was faster than the spawn lane's answer */
        look(in);
}

static int on_worker(sd_event_source *s, int fd, uint32_t revents, void *userdata) {
    (void) s;
    (void) fd;
    (void) revents;
    look(userdata);
    return 0;
}

static int on_timeout(sd_event_source *s, uint64_t usec, void *userdata) {
    (void) s;
    (void) usec;
    struct install *in = userdata;
    in->timed_out = true;
    (void) cgrp_group_kill(in->group, NULL);
    return 0;
}

static void spawn_done(void *arg, int result, const struct err *e) {
    struct install *in = arg;
    sd_event *event = in->all->d->event;

    close_p(&in->result_write);
    in->result_write = -1;
    if (result < 0) {
        log_err(NULL, "cannot run the worker: %s", e->text);
        fail(in, e->text);
        return;
    }
    in->running = true;
    (void) cgrp_group_set_main(in->group,
                               &(struct cgrp_adopt){ .main_pid = in->spawned.pid,
                                                     .main_starttime = in->spawned.starttime,
                                                     .uid = (uid_t) -1 });
    int r = sd_event_add_io(event, &in->child, in->spawned.pidfd, POLLIN, on_worker, in);
    if (r >= 0)
        r = sd_event_add_time(event, &in->timer, CLOCK_BOOTTIME,
                              loop_boottime() + WORKER_TIMEOUT_US, 0, on_timeout, in);
    if (r < 0) {
        (void) cgrp_group_kill(in->group, NULL);
        fail(in, strerror(-r));
        return;
    }
    (void) sd_event_source_set_priority(in->child, LOOP_EXIT);
}

static int spawn_run(void *arg, struct err *e) {
    struct install *in = arg;
    return spawn_process(&in->request, &in->spawned, e);
}

static int make_worker(struct install *in, struct err *e) {
    struct daemon *d = in->all->d;
    static const char *const env[] = { "PATH=/usr/bin:/bin", "LANG=C.UTF-8", NULL };
    const struct cgrp_limits limits = { CGRP_NO_LIMIT, CGRP_NO_LIMIT, CGRP_NO_LIMIT, 8 };
    const char *libexec = getenv("MINIPROG_LIBEXEC");
    char name[32];
    int pipe_fds[2];

    if (pipe2(pipe_fds, O_CLOEXEC) < 0)
        return err_set(e, -errno, "cannot make a pipe: %s", strerror(errno));
    in->result_read = pipe_fds[0];
    in->result_write = pipe_fds[1];
    (void) fcntl(in->result_read, F_SETFL, O_NONBLOCK);
    in->root_fd = open("/", O_DIRECTORY | O_RDONLY | O_CLOEXEC);
    if (in->root_fd < 0)
        return err_set(e, -errno, "cannot open '/': %s", strerror(errno));
    /* No app can have this name: a part of an id does not begin with a digit. */
    (void) snprintf(name, sizeof name, "worker.%u", in->all->count++);
    in->owner.emptied = emptied;
    int r = cgrp_group_create(d->groups, name, &limits, &in->owner, &in->group, e);
    if (r < 0)
        return r;
    (void) snprintf(in->program, sizeof in->program, "%s/miniprog-worker",
                    libexec ? libexec : MINIPROG_LIBEXECDIR);
    in->argv[0] = "miniprog-worker";
    in->argv[1] = "copy";
    in->argv[2] = in->source;
    in->keep[0] = in->stage_fd;
    in->keep[1] = in->result_write;
    in->request = (struct spawn_request){
        .argv = in->argv,
        .envp = env,
        .program = in->program,
        .path = "/usr/bin:/bin",
        .cwd_fd = in->root_fd,
        .output_fd = -1,
        .keep = in->keep,
        .n_keep = 2,
        .set_ids = geteuid() == 0,
        .uid = in->uid,
        .gid = in->gid,
        .groups = in->groups,
        .n_groups = in->n_groups,
    };
    cgrp_group_join(in->group, &in->request.join);
    return 0;
}

static void stage_done(void *arg, int result, const struct err *e) {
    struct install *in = arg;
    struct err err = *e;

    if (result >= 0)
        result = make_worker(in, &err);
    if (result < 0)
        fail(in, err.text);
    else if (work_submit(in->all->d->work, WORK_SPAWN, spawn_run, spawn_done, in) < 0)
        fail(in, "out of memory");
}

static int stage_run(void *arg, struct err *e) {
    struct install *in = arg;
    return store_stage_begin(in->all->d->store, in->uid, in->gid, in->stage, &in->stage_fd, e);
}

static void begin_next(struct installer *all) {
    struct install *in = list_first(&all->waiting, struct install, node);

    if (in && work_submit(all->d->work, WORK_DISK, stage_run, stage_done, in) < 0)
        fail(in, "out of memory");
}

/* --- the call ----------------------------------------------------------------------------- */

/* What cannot be installed, in words; NULL: it can be tried. */
static const char *objection(const struct json *p, enum package_fault *ret) {
    const char *source = json_get_string(p, "source", "");

    *ret = PACKAGE_FORMAT;
    if (strstr(source, "://"))
        return "this release installs folders only, not URLs";
    if (source[0] != '/')
        return "the source must be an absolute path";
    if (strlen(source) >= PATH_MAX)
        return "the source's path is too long";
    *ret = PACKAGE_SIGNATURE;
    if (!json_get_bool(p, "unsigned", false))
        return "a folder has no signature: install it as unsigned if it is yours, for development";
    return NULL;
}

static struct install *install_new(struct installer *all, struct call *call) {
    const struct ucred *peer = call_peer(call);
    struct install *in = calloc(1, sizeof *in);

    if (!in)
        return NULL;
    list_init(&in->node);
    in->all = all;
    in->call = call;
    in->stage_fd = in->result_read = in->result_write = in->root_fd = in->spawned.pidfd = -1;
    in->uid = peer->uid;
    in->gid = peer->gid;
    in->source = strdup(json_get_string(call_parameters(call), "source", ""));
    const gid_t *groups = call_peer_groups(call, &in->n_groups);
    if (in->n_groups > 0 && (in->groups = calloc(in->n_groups, sizeof *in->groups)))
        memcpy(in->groups, groups, in->n_groups * sizeof *groups);
    if (!in->source || (in->n_groups > 0 && !in->groups)) {
        install_free(in);
        return NULL;
    }
    return in;
}

int install_request(struct installer *all, struct call *call) {
    enum package_fault fault;
    const char *why_not = objection(call_parameters(call), &fault);

    if (why_not) {
        control_bad_package(call, package_fault_name(fault), why_not);
        return 0;
    }
    struct install *in = install_new(all, call);
    if (!in)
        return -ENOMEM;
    bool idle = list_empty(&all->waiting);
    list_append(&all->waiting, &in->node);
    if (idle)
        begin_next(all);
    return 0;
}
