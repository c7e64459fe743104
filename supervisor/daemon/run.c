/* SPDX-License-Identifier: MIT
 * A run: its deadlines, its main process, and the question whether it is over. */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/wait.h>

#include "cgroups/cgroup.h"
#include "cgroups/sources.h"
#include "supervisor/base/cleanup.h"
#include "supervisor/base/err.h"
#include "supervisor/daemon/app.h"
#include "supervisor/daemon/channel.h"
#include "supervisor/daemon/log.h"
#include "supervisor/daemon/loop.h"
#include "supervisor/daemon/notify.h"
#include "supervisor/daemon/ontrial.h"
#include "supervisor/daemon/output.h"
#include "supervisor/daemon/runstate.h"
#include "supervisor/daemon/server.h"
#include "supervisor/daemon/why.h"

#ifndef P_PIDFD
#define P_PIDFD 3
#endif

static void on_timer(struct timer_node *node);
static void on_main(struct poll_node *node, uint32_t fired);

int run_new(struct app *app, struct run **ret) {
    struct run *run = calloc(1, sizeof *run);
    if (!run)
        return -ENOMEM;
    run->app = app;
    run->pidfd = -1;
    run->package_fd = -1;
    run->timer.fired = on_timer;
    poll_node_init(&run->main, on_main);
    run->launch.scene = run->enter.scene = LAUNCH_SCENE_DEFAULT;
    list_init(&run->watchers);
    list_init(&run->suspending);
    memory_run_init(&run->memory);
    *ret = run;
    return 0;
}

static void end_services(struct run *run, bool leave_apps) {
    run->channel = server_free(run->channel, leave_apps);
    run->notify = leave_apps ? notify_abandon(run->notify) : notify_free(run->notify);
}

struct run *run_free(struct run *run, bool leave_apps) {
    if (!run)
        return NULL;
    list_remove(&run->suspending);
    timers_clear(run->app->d->deadlines, &run->timer);
    poller_remove(run->app->d->exits, &run->main);
    end_services(run, leave_apps);
    run->memory.source = cgrp_sources_drop(run->memory.source);
    close_p(&run->memory.pressure_fd);
    if (run->group) {
        struct err e = { 0 };
        if (leave_apps)
            cgrp_group_free(run->group);
        else if (cgrp_group_remove(run->group, &e) < 0) {
            log_warning(NULL, "cannot remove an ended app's group: %s, leaving it", e.text);
            cgrp_group_free(run->group);
        }
        run->group = NULL;
    }
    close_p(&run->pidfd);
    close_p(&run->package_fd);
    queue_clear(&run->queue);
    launch_clear(&run->launch);
    launch_clear(&run->enter);
    free(run->failure);
    free(run->exit_state);
    free(run->restart_path);
    free(run);
    return NULL;
}

/* --- deadlines ---------------------------------------------------------------------------- */

static void deadline_passed(struct app *app, enum deadline which) {
    struct run *run = app->run;
    struct err e = { 0 };

    switch (which) {
    case DEADLINE_START:
        app_end(app, EXIT_START_TIMEOUT_REASON, LIFE_EV_START_TIMEOUT);
        return;
    case DEADLINE_TRIM:
        (void) memory_warn(app->d, app, 5, true);
        return;
    case DEADLINE_SUSPEND:
        app_event(app, LIFE_EV_SUSPEND, "timeout");
        return;
    case DEADLINE_DESTROY:
        why_record(app, &(struct why){
                            .action = "destroy",
                            .text = "it was suspended for destroy_after and nobody opened it" });
        app_end(app, EXIT_BACKGROUND_TIMEOUT_REASON, LIFE_EV_DESTROY);
        return;
    case DEADLINE_TERM:
        run->terminated = true;
        if (cgrp_group_signal(run->group, SIGTERM, &e) < 0)
            log_warning(app->id, "cannot send SIGTERM: %s, it will be killed", e.text);
        return;
    case DEADLINE_KILL:
        app_event(app, LIFE_EV_STOP_TIMEOUT, exit_reason_name(run->reason));
        return;
    case DEADLINE_REAP:
        run->main_ended = true;
        poller_remove(app->d->exits, &run->main); /* once it is reaped it hangs up for ever */
        run_look(app);
        return;
    case DEADLINE_HEALTHY:
        ontrial_healthy(app);
        return;
    case DEADLINE_COUNT:
        return;
    }
}

static void arm(struct app *app) {
    struct run *run = app->run;
    struct timers *timers = app->d->deadlines;
    uint64_t next = UINT64_MAX;

    for (int i = 0; i < DEADLINE_COUNT; i++)
        if (run->deadlines[i] && run->deadlines[i] < next)
            next = run->deadlines[i];
    if (next == UINT64_MAX)
        timers_clear(timers, &run->timer);
    else if (timers_set(timers, &run->timer, next) < 0)
        log_err(app->id, "out of memory: its deadlines do not come");
}

static void on_timer(struct timer_node *node) {
    struct app *app = list_entry(node, struct run, timer)->app;
    uint64_t now = loop_boottime();

    /* Late: there is no time left to trim in. */
    if (app->run->deadlines[DEADLINE_SUSPEND] && app->run->deadlines[DEADLINE_SUSPEND] <= now)
        app->run->deadlines[DEADLINE_TRIM] = 0;
    for (int i = 0; i < DEADLINE_COUNT && app->run; i++) {
        uint64_t at = app->run->deadlines[i];
        if (at == 0 || at > now)
            continue;
        app->run->deadlines[i] = 0;
        runstate_mark(app);
        deadline_passed(app, (enum deadline) i);
    }
    if (app->run)
        arm(app);
}

void run_set_deadline(struct app *app, enum deadline which, uint64_t at) {
    if (app->run->deadlines[which] == at)
        return;
    app->run->deadlines[which] = at;
    runstate_mark(app);
    arm(app);
}

void run_clear_deadlines(struct app *app) {
    for (int i = 0; i < DEADLINE_COUNT; i++)
        if (i != DEADLINE_HEALTHY && i != DEADLINE_REAP) /* not about a state */
            app->run->deadlines[i] = 0;
    arm(app);
}

/* --- the main process --------------------------------------------------------------------- */

/* Linux 6.13 and 6.15, younger than Debian's headers. Source: include/uapi/linux/pidfd.h. */
struct pidfd_exit_info {
    uint64_t mask, cgroupid;
    uint32_t pid, tgid, ppid, ruid, rgid, euid, egid, suid, sgid, fsuid, fsgid;
    int32_t exit_code; /* as waitpid(2) gives it */
};
_Static_assert(sizeof(struct pidfd_exit_info) == 64, "PIDFD_INFO_SIZE_VER0");
#define PIDFD_EXIT_INFO  _IOWR(0xFF, 11, struct pidfd_exit_info)
#define PIDFD_INFO_EXITS (UINT64_C(1) << 3)

/* The status of a process that somebody else reaped; false where the kernel cannot tell. */
static bool status_of_other(struct run *run) {
    struct pidfd_exit_info info = { .mask = PIDFD_INFO_EXITS };

    if (ioctl(run->pidfd, PIDFD_EXIT_INFO, &info) < 0 || !(info.mask & PIDFD_INFO_EXITS))
        return false;
    run->has_status = true;
    if (WIFSIGNALED(info.exit_code)) {
        run->wait_code = CLD_KILLED;
        run->wait_status = WTERMSIG(info.exit_code);
    } else {
        run->wait_code = CLD_EXITED;
        run->wait_status = WEXITSTATUS(info.exit_code);
    }
    return true;
}

/* Reaps our own child if it has ended. */
static bool reap(struct run *run) {
    siginfo_t si = { 0 };

    if (waitid(P_PIDFD, (id_t) run->pidfd, &si, WEXITED | WNOHANG) < 0)
        return true; /* ECHILD: gone, and its status with it */
    if (si.si_pid == 0)
        return false;
    run->has_status = true;
    run->wait_code = si.si_code;
    run->wait_status = si.si_status;
    return true;
}

/* An adopted process is PID 1's to reap; the kernel keeps its status for our pidfd, readable from
 * then on. */
static bool adopted_ended(struct app *app) {
    struct run *run = app->run;
    struct pollfd p = { .fd = run->pidfd, .events = POLLIN };

    if (poll(&p, 1, 0) <= 0)
        return false;
    if (status_of_other(run) || (p.revents & POLLHUP))
        return true;
    if (!run->deadlines[DEADLINE_REAP]) {
        const uint64_t patience = 1000000; /* for PID 1 to reap it */
        run_set_deadline(app, DEADLINE_REAP, loop_boottime() + patience);
        if (run->main.fd >= 0)
            (void) poller_watch(app->d->exits, &run->main, run->pidfd,
                                0); /* EPOLLHUP still comes */
    }
    return false;
}

static bool main_has_ended(struct app *app) {
    struct run *run = app->run;
    if (run->main_ended || run->pidfd < 0)
        return run->main_ended;
    if (run->is_child ? reap(run) : adopted_ended(app)) {
        run->main_ended = true;
        poller_remove(app->d->exits, &run->main);
        runstate_mark(app);
    }
    return run->main_ended;
}

void run_look(struct app *app) {
    struct run *run = app->run;

    if (!run || run->spawning)
        return;
    bool ended = main_has_ended(app);
    if (ended && run->notify && !run->heard) {
        run->heard = true; /* its last words came before its end, and may be why */
        notify_settle(run->notify);
    }
    if (!run->group_empty && (!run->group || cgrp_group_populated(run->group) == 0))
        run->group_empty = true;
    if (ended && run->group_empty) {
        /* What it said last still counts: an exit state, that it was ready, that it asked to end.
         */
        if (run->channel && !run->settled) {
            run->settled = true;
            server_settle(run->channel);
        }
        app_event(app, LIFE_EV_EMPTY, "empty");
        return;
    }
    if (!ended)
        return;
    app_event(app, LIFE_EV_MAIN_EXIT, run_end_cause(app));
}

void run_emptied(struct group_owner *owner) {
    struct app *app = (struct app *) (void *) ((char *) owner - offsetof(struct app, owner));
    if (app->run && !app->run->spawning) {
        app->run->group_empty = true;
        run_look(app);
    }
}

static void on_main(struct poll_node *node, uint32_t fired) {
    (void) fired;
    run_look(list_entry(node, struct run, main)->app);
}

int run_watch_main(struct app *app, struct err *e) {
    struct run *run = app->run;
    int r = poller_watch(app->d->exits, &run->main, run->pidfd, EPOLLIN);

    return r < 0 ? err_set(e, r, "cannot watch process %d: %s", run->pid, strerror(-r)) : 0;
}
