/* SPDX-License-Identifier: MIT */
#include "supervisor/daemon/scope.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#include "cgroups/mount.h"
#include "supervisor/base/cleanup.h"
#include "supervisor/base/err.h"
#include "supervisor/base/fs.h"
#include "supervisor/base/parse.h"
#include "supervisor/daemon/loop.h"
#include "supervisor/daemon/scope_bus.h"

#define ANCHOR     "anchor"
#define SUPERVISOR "supervisor"
#define TRIES      3
#define ENDING_MS  20000 /* more than a scope's stop may take */
#define LOOK_MS    50
#define END_MS     5000

struct scope {
    struct scope_bus *bus; /* while it is being opened */
    char unit[64];
    char *path;    /* of its group, from the tree's root */
    int dir_fd;    /* the same */
    pid_t anchor;  /* 0: none of ours */
    int anchor_fd; /* pidfd */
    bool by_hand;
};

/* --- the anchor --------------------------------------------------------------------------- */

static void __attribute__((noreturn)) anchor_life(void) {
    sigset_t none;

    (void) setsid();
    (void) prctl(PR_SET_NAME, "miniprog-anchor");
    (void) close_range(0, ~0u, 0);
    (void) !chdir("/");
    for (int sig = 1; sig < NSIG; sig++)
        (void) signal(sig, SIG_DFL);
    (void) sigemptyset(&none);
    (void) sigprocmask(SIG_SETMASK, &none, NULL);
    for (;;)
        (void) pause();
}

/* Not our child: it stays when we go, and its end is for process 1 to see to. */
static pid_t anchor_start(void) {
    pid_t anchor = 0;
    int line[2];

    if (pipe2(line, O_CLOEXEC) < 0)
        return -errno;
    CLEANUP(close_p) int from = line[0], to = line[1];
    pid_t between = fork();
    if (between == 0) {
        anchor = fork();
        if (anchor == 0)
            anchor_life();
        _exit(write(to, &anchor, sizeof anchor) != sizeof anchor);
    }
    if (between < 0)
        return -errno;
    (void) waitpid(between, NULL, 0);
    close_p(&to);
    to = -1;
    if (read(from, &anchor, sizeof anchor) != sizeof anchor || anchor <= 0)
        return -EAGAIN; /* what fork(2) says when there are too many */
    return anchor;
}

static void anchor_end(struct scope *s) {
    struct pollfd p = { .fd = s->anchor_fd, .events = POLLIN };

    if (s->anchor_fd < 0)
        return;
    (void) pidfd_send_signal(s->anchor_fd, SIGKILL, NULL, 0);
    (void) poll(&p, 1, END_MS);
}

/* The process that is in the scope's anchor/; 0: none. */
static pid_t anchor_that_is_there(const struct scope *s) {
    char text[32];
    int64_t pid;

    ssize_t n = fs_read_into(s->dir_fd, ANCHOR "/cgroup.procs", text, sizeof text);
    if (n <= 0)
        return 0;
    text[strcspn(text, "\n")] = '\0';
    return parse_i64(text, &pid) == 0 ? (pid_t) pid : 0;
}

/* --- its group ---------------------------------------------------------------------------- */

static int open_group(struct scope *s, struct err *e) {
    CLEANUP(cgrp_mounts_clear) struct cgrp_mounts mounts = { 0 };
    CLEANUP(free_p) char *folder = NULL;
    CLEANUP(close_p) int proc_fd = open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    int r = cgrp_mounts_read(proc_fd, &mounts, e);
    if (r < 0)
        return r;
    const struct cgrp_mount *tree = &mounts.tree[CGRP_TREE_V2];
    const char *below = tree->point ? cgrp_mount_below(tree, s->path) : NULL;
    if (!below)
        return err_set(e, -EOPNOTSUPP, "group '%.100s' is not in a tree mounted here", s->path);
    if (asprintf(&folder, "%s/%s", tree->point, below) < 0) {
        folder = NULL;
        return err_set(e, -ENOMEM, "out of memory");
    }
    r = fs_open_dir(AT_FDCWD, folder, &s->dir_fd, e);
    if (r >= 0)
        r = fs_mkdir(s->dir_fd, ANCHOR, 0755, NULL, e);
    if (r >= 0 && s->by_hand)
        r = fs_mkdir(s->dir_fd, SUPERVISOR, 0755, NULL, e);
    return r < 0 ? r : 0;
}

static int move(struct scope *s, const char *group, pid_t pid, struct err *e) {
    char file[64], text[16];

    (void) snprintf(file, sizeof file, "%s/cgroup.procs", group);
    int n = snprintf(text, sizeof text, "%d", pid);
    int r = fs_write_existing(s->dir_fd, file, text, (size_t) n);
    return r < 0 ? err_set(e, r, "cannot move a process to '%s' of the scope: %s", group,
                           strerror(-r))
                 : 0;
}

/* --- opening ------------------------------------------------------------------------------ */

/* A new scope: everybody stands in its root and must leave it, for a group hands on controllers
 * only while no process is in it. */
static int make(struct scope *s, struct err *e) {
    enum scope_state state;
    pid_t pids[2] = { anchor_start(), getpid() };

    if (pids[0] < 0)
        return err_set(e, pids[0], "cannot fork: %s", strerror(-pids[0]));
    s->anchor = pids[0];
    s->anchor_fd = pidfd_open(s->anchor, 0);
    int r = scope_bus_start(s->bus, s->unit, pids, s->by_hand ? 2 : 1, e);
    if (r >= 0)
        r = scope_bus_look(s->bus, s->unit, &state, &s->path, e);
    if (r >= 0 && !s->path)
        r = err_set(e, -ECANCELED, "the scope went away at once");
    if (r >= 0)
        r = open_group(s, e);
    if (r >= 0)
        r = move(s, ANCHOR, s->anchor, e);
    if (r >= 0 && s->by_hand)
        r = move(s, SUPERVISOR, getpid(), e);
    if (r < 0)
        anchor_end(s);
    return r < 0 ? r : 0;
}

/* What an earlier supervisor left. Its anchor may be gone, or about to go: a scope whose last
 * process has left is there until systemd hears of it. */
static int take_over(struct scope *s, struct err *e) {
    int r = open_group(s, e);

    if (r >= 0 && s->by_hand)
        r = scope_bus_attach(s->bus, s->unit, "/" SUPERVISOR, getpid(), e);
    if (r < 0)
        return r;
    s->anchor = anchor_that_is_there(s);
    if (s->anchor > 0) {
        s->anchor_fd = pidfd_open(s->anchor, 0);
        if (s->anchor_fd >= 0)
            return 0;
    }
    s->anchor = anchor_start();
    if (s->anchor < 0)
        return err_set(e, s->anchor, "cannot fork: %s", strerror(-s->anchor));
    s->anchor_fd = pidfd_open(s->anchor, 0);
    r = scope_bus_attach(s->bus, s->unit, "/" ANCHOR, s->anchor, e);
    if (r < 0)
        anchor_end(s);
    return r;
}

/* A scope that is being stopped gives no event to those who did not ask for it: look again. */
static int wait_until_decided(struct scope *s, enum scope_state *ret, struct err *e) {
    uint64_t end = loop_boottime() + ENDING_MS * UINT64_C(1000);

    for (;;) {
        free_p(&s->path);
        s->path = NULL;
        int r = scope_bus_look(s->bus, s->unit, ret, &s->path, e);
        if (r < 0 || *ret != SCOPE_ENDING)
            return r;
        if (loop_boottime() > end)
            return err_set(e, -ETIMEDOUT, "an earlier scope '%s' does not end", s->unit);
        (void) poll(NULL, 0, LOOK_MS);
    }
}

static int try_once(struct scope *s, struct err *e) {
    enum scope_state state = SCOPE_MISSING;

    close_p(&s->dir_fd);
    close_p(&s->anchor_fd);
    s->dir_fd = s->anchor_fd = -1;
    int r = wait_until_decided(s, &state, e);
    if (r < 0)
        return r;
    return state == SCOPE_ACTIVE ? take_over(s, e) : make(s, e);
}

/* As a service we are what systemd started, and nobody else is in our group. Source:
 * systemd.exec(5), $SYSTEMD_EXEC_PID; since 248. */
static bool is_a_service(void) {
    const char *text = getenv("SYSTEMD_EXEC_PID");
    uint64_t pid;

    return text && parse_u64(text, &pid) == 0 && pid == (uint64_t) getpid();
}

int scope_open(bool user, const char *suffix, struct scope **ret, struct err *e) {
    if (sd_booted() <= 0)
        return err_set(e, -EOPNOTSUPP, "systemd does not run this machine");
    struct scope *s = calloc(1, sizeof *s);
    if (!s)
        return err_set(e, -ENOMEM, "out of memory");
    s->dir_fd = s->anchor_fd = -1;
    s->by_hand = !is_a_service();
    (void) snprintf(s->unit, sizeof s->unit, "miniprog-apps%s.scope", suffix);

    int r = scope_bus_open(user, &s->bus, e);
    /* Between our look and our wish it may come or go. */
    for (int i = 0; r >= 0 && i < TRIES; i++) {
        r = try_once(s, e);
        if (r >= 0 || i == TRIES - 1 || r == -ETIMEDOUT)
            break;
        r = 0;
    }
    s->bus = scope_bus_close(s->bus);
    if (r < 0) {
        (void) scope_close(s, true);
        return err_wrap(e, r, "no scope for the apps");
    }
    *ret = s;
    return 0;
}

const char *scope_path(const struct scope *s) {
    return s->path;
}

int scope_fd(const struct scope *s) {
    return s->anchor_fd;
}

static bool has_apps(const struct scope *s) {
    char text[128];

    return s->dir_fd >= 0 && fs_read_into(s->dir_fd, "apps/cgroup.events", text, sizeof text) > 0 &&
           strstr(text, "populated 1");
}

struct scope *scope_close(struct scope *s, bool leave) {
    if (!s)
        return NULL;
    if (!leave || !has_apps(s))
        anchor_end(s);
    close_p(&s->anchor_fd);
    close_p(&s->dir_fd);
    free(s->path);
    free(s);
    return NULL;
}
