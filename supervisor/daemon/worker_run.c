/* SPDX-License-Identifier: MIT */
#include "supervisor/daemon/worker_run.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cgroups/cgroup.h"
#include "supervisor/base/cleanup.h"
#include "supervisor/base/err.h"
#include "supervisor/base/killpoint.h"
#include "supervisor/base/list.h"
#include "supervisor/base/str.h"
#include "supervisor/daemon/daemon.h"
#include "supervisor/daemon/log.h"
#include "supervisor/daemon/loop.h"
#include "supervisor/daemon/spawn.h"
#include "supervisor/daemon/work.h"
#include "units/answer.h"
#include "units/request.h"

#define SAID_MAX (WORKER_INDEX_MAX + 1)

struct worker_run {
    struct list node;
    struct group_owner owner;
    struct daemon *d;
    struct worker_order order;
    struct cgrp_group *group;
    struct spawn_request request;
    struct spawn_result spawned;
    char program[PATH_MAX];
    const char *argv[4], *env[4];
    int keep[4]; /* ours: copies, so that the caller may close its own */
    int root_fd, said_fd;
    sd_event_source *child, *timer, *output;
    struct str said; /* since the last whole line */
    bool running;    /* the spawn lane has given it back: `spawned` may be looked at */
    bool spawning, dropped, main_ended, timed_out, garbled;
};

static struct list *all(void) {
    static struct list runs;
    if (!runs.next)
        list_init(&runs);
    return &runs;
}

bool worker_owns(pid_t pid) {
    const struct worker_run *w;
    list_for_each (w, all(), struct worker_run, node)
        if (w->group && (w->spawned.pidfd < 0 || w->spawned.pid == pid))
            return true;
    return false;
}

static void close_kept(struct worker_run *w) {
    for (size_t i = 0; i < sizeof w->keep / sizeof *w->keep; i++) {
        close_p(&w->keep[i]);
        w->keep[i] = -1;
    }
    close_p(&w->root_fd);
    w->root_fd = -1;
}

static void worker_free(struct worker_run *w) {
    list_remove(&w->node);
    w->child = sd_event_source_disable_unref(w->child);
    w->timer = sd_event_source_disable_unref(w->timer);
    w->output = sd_event_source_disable_unref(w->output);
    close_kept(w);
    close_p(&w->said_fd);
    close_p(&w->spawned.pidfd);
    if (w->group && cgrp_group_remove(w->group, NULL) < 0)
        cgrp_group_free(w->group);
    str_clear(&w->said);
    free(w);
}

struct worker_run *worker_drop(struct worker_run *w) {
    if (!w)
        return NULL;
    w->dropped = true;
    if (w->group)
        (void) cgrp_group_kill(w->group, NULL);
    if (!w->spawning) /* else the spawn lane has it still */
        worker_free(w);
    return NULL;
}

/* --- what it says ------------------------------------------------------------------------- */

/* Hands on every whole line that another one has begun to follow. */
static void tell_lines(struct worker_run *w) {
    char *end;

    while (w->order.line && w->said.len > 0 &&
           (end = memchr(w->said.data, '\n', w->said.len)) != NULL &&
           end + 1 < w->said.data + w->said.len) {
        size_t n = (size_t) (end - w->said.data);
        size_t left = w->said.len - n - 1;
        w->order.line(w->order.userdata, w->said.data, n);
        memmove(w->said.data, end + 1, left);
        w->said.len = left;
    }
}

static void hear(struct worker_run *w) {
    char piece[4096];
    ssize_t n;

    while ((n = read(w->said_fd, piece, sizeof piece)) > 0) {
        if (!w->garbled && str_append(&w->said, piece, (size_t) n) < 0)
            w->garbled = true;
        tell_lines(w);
    }
    if (n == 0 && w->output)
        (void) sd_event_source_set_enabled(w->output, SD_EVENT_OFF);
}

static int on_output(sd_event_source *s, int fd, uint32_t revents, void *userdata) {
    (void) s;
    (void) fd;
    (void) revents;
    hear(userdata);
    return 0;
}

/* --- its end ------------------------------------------------------------------------------ */

static void finish(struct worker_run *w, const char *failure) {
    CLEANUP(str_clear_p) struct str said = w->said;
    const struct worker_order o = w->order;

    w->said = (struct str) STR_INIT(SAID_MAX);
    worker_free(w);
    if (failure)
        o.done(o.userdata, NULL, 0, failure);
    else
        o.done(o.userdata, said.data, said.len, NULL);
}

static void ended(struct worker_run *w) {
    hear(w);
    if (w->timed_out)
        finish(w, "it took too long: the worker was ended");
    else if (w->garbled || w->said.len == 0)
        finish(w, "the worker ended without a result: see the supervisor's log");
    else
        finish(w, NULL);
}

static void look(struct worker_run *w) {
    siginfo_t si = { 0 };

    if (!w->main_ended &&
        (waitid(P_PIDFD, (id_t) w->spawned.pidfd, &si, WEXITED | WNOHANG) < 0 || si.si_pid))
        w->main_ended = true;
    if (!w->main_ended)
        return;
    w->child = sd_event_source_disable_unref(w->child);
    if (cgrp_group_populated(w->group) == 0)
        ended(w);
    else
        (void) cgrp_group_kill(w->group, NULL); /* emptied() comes */
}

static void emptied(struct group_owner *owner) {
    struct worker_run *w =
        (struct worker_run *) (void *) ((char *) owner - offsetof(struct worker_run, owner));
    if (w->running) /* else it was faster than the spawn lane's answer */
        look(w);
}

static int on_child(sd_event_source *s, int fd, uint32_t revents, void *userdata) {
    (void) s;
    (void) fd;
    (void) revents;
    look(userdata);
    return 0;
}

static int on_timeout(sd_event_source *s, uint64_t usec, void *userdata) {
    (void) s;
    (void) usec;
    struct worker_run *w = userdata;
    w->timed_out = true;
    (void) cgrp_group_kill(w->group, NULL);
    return 0;
}

/* --- its start ---------------------------------------------------------------------------- */

static void spawn_done(void *arg, int result, const struct err *e) {
    struct worker_run *w = arg;
    sd_event *event = w->d->event;

    w->spawning = false;
    close_kept(w);
    if (w->dropped) {
        if (result == 0)
            (void) cgrp_group_kill(w->group, NULL);
        worker_free(w);
        return;
    }
    if (result < 0) {
        log_err(NULL, "cannot run the worker: %s", e->text);
        finish(w, e->text);
        return;
    }
    w->running = true;
    (void) cgrp_group_set_main(w->group,
                               &(struct cgrp_adopt){ .main_pid = w->spawned.pid,
                                                     .main_starttime = w->spawned.starttime,
                                                     .uid = (uid_t) -1 });
    int r = sd_event_add_io(event, &w->child, w->spawned.pidfd, POLLIN, on_child, w);
    if (r >= 0)
        r = sd_event_add_io(event, &w->output, w->said_fd, POLLIN, on_output, w);
    if (r >= 0)
        r = sd_event_add_time(event, &w->timer, CLOCK_BOOTTIME,
                              loop_boottime() + w->order.timeout_us, 0, on_timeout, w);
    if (r < 0) {
        (void) cgrp_group_kill(w->group, NULL);
        finish(w, strerror(-r));
        return;
    }
    (void) sd_event_source_set_priority(w->child, LOOP_EXIT);
}

static int spawn_run(void *arg, struct err *e) {
    struct worker_run *w = arg;
    return spawn_process(&w->request, &w->spawned, e);
}

/* In memory, so that the worker can read it from its start, whatever it is. */
static int make_request(const struct worker_request *request, int *ret, struct err *e) {
    CLEANUP(str_clear_p) struct str text = STR_INIT(WORKER_REQUEST_MAX);
    CLEANUP(close_p) int fd = memfd_create("request", MFD_CLOEXEC);

    if (fd < 0 || worker_request_print(request, &text) < 0 ||
        write(fd, text.data, text.len) != (ssize_t) text.len)
        return err_set(e, -ENOMEM, "cannot write the worker's request");
    *ret = TAKE_FD(fd);
    return 0;
}

static int open_all(struct worker_run *w, struct err *e) {
    const struct worker_order *o = &w->order;
    int pipe_fds[2];

    if (pipe2(pipe_fds, O_CLOEXEC) < 0)
        return err_set(e, -errno, "cannot make a pipe: %s", strerror(errno));
    w->said_fd = pipe_fds[0];
    w->keep[1] = pipe_fds[1];
    (void) fcntl(w->said_fd, F_SETFL, O_NONBLOCK);
    w->keep[0] = fcntl(o->first_fd, F_DUPFD_CLOEXEC, 3);
    w->root_fd = open("/", O_DIRECTORY | O_RDONLY | O_CLOEXEC);
    if (w->keep[0] < 0 || w->root_fd < 0)
        return err_set(e, -errno, "cannot hand over a descriptor: %s", strerror(errno));
    if (o->extra_fd >= 0 && (w->keep[3] = fcntl(o->extra_fd, F_DUPFD_CLOEXEC, 3)) < 0)
        return err_set(e, -errno, "cannot hand over a descriptor: %s", strerror(errno));
    return o->request ? make_request(o->request, &w->keep[2], e) : 0;
}

static void fill_request(struct worker_run *w) {
    const struct worker_order *o = &w->order;
    const char *libexec = getenv("MINIPROG_LIBEXEC");

    w->argv[0] = o->request && o->request->url && o->request->url[0] != '/' ? "miniprog-fetch"
                                                                            : "miniprog-worker";
    (void) snprintf(w->program, sizeof w->program, "%s/%s", libexec ? libexec : MINIPROG_LIBEXECDIR,
                    w->argv[0]);
    w->argv[1] = o->job;
    w->argv[2] = o->argument;
    w->env[0] = "PATH=/usr/bin:/bin";
    w->env[1] = "LANG=C.UTF-8";
    w->env[2] = killpoint_environment();
    w->request = (struct spawn_request){
        .argv = w->argv,
        .envp = w->env,
        .program = w->program,
        .path = "/usr/bin:/bin",
        .cwd_fd = w->root_fd,
        .output_fd = -1,
        .keep = w->keep,
        .n_keep = o->request ? (o->extra_fd >= 0 ? 4 : 3) : 2,
        .set_ids = geteuid() == 0,
        .uid = o->uid,
        .gid = o->gid,
        .groups = o->groups,
        .n_groups = o->n_groups,
    };
    cgrp_group_join(w->group, &w->request.join);
}

int worker_begin(struct daemon *d, const struct worker_order *order, struct worker_run **ret,
                 struct err *e) {
    static unsigned count; /* names the groups */
    const struct cgrp_limits limits = { CGRP_NO_LIMIT, CGRP_NO_LIMIT, CGRP_NO_LIMIT, 8 };
    struct worker_run *w = calloc(1, sizeof *w);
    char name[32];

    if (!w)
        return err_set(e, -ENOMEM, "out of memory");
    list_init(&w->node);
    w->d = d;
    w->order = *order;
    w->said = (struct str) STR_INIT(SAID_MAX);
    w->keep[0] = w->keep[1] = w->keep[2] = w->keep[3] = -1;
    w->root_fd = w->said_fd = w->spawned.pidfd = -1;
    w->owner.emptied = emptied;
    /* No app can have this name: a part of an id does not begin with a digit. */
    (void) snprintf(name, sizeof name, "worker.%u", count++);
    int r = open_all(w, e);
    if (r >= 0)
        r = cgrp_group_create(d->groups, name, &limits, &w->owner, &w->group, e);
    if (r >= 0) {
        fill_request(w);
        w->spawning = true;
        r = work_submit(d->work, WORK_SPAWN, spawn_run, spawn_done, w);
        if (r < 0)
            r = err_set(e, r, "cannot queue the worker: %s", strerror(-r));
    }
    if (r < 0) {
        worker_free(w);
        return r;
    }
    list_append(all(), &w->node);
    *ret = w;
    return 0;
}
