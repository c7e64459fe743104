/* SPDX-License-Identifier: MIT */
#include "cgroups/check.h"

#include "cgroups/backend.h"
#include "cgroups/check_host.h"
#include "cgroups/kill.h"
#include "supervisor/base/cleanup.h"
#include "supervisor/base/err.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>

#define PATIENCE_MS 2000 /* for each step, on a machine under load */
#define SPINS       5000 /* some milliseconds */

/* All that must be gone at the end, whatever happened. */
struct canary {
    struct cgrp_root *root;
    struct cgrp_group *group;
    pid_t pid;
    int line; /* a socket to the child */
};

static uint64_t now_us(void) {
    struct timespec t;

    (void) clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t) t.tv_sec * 1000000 + (uint64_t) t.tv_nsec / 1000;
}

/* Waits for a group of the canary's root to become empty. */
static int wait_empty(struct canary *c) {
    uint64_t end = now_us() + PATIENCE_MS * 1000u;
    struct pollfd p = { .fd = cgrp_root_fd(c->root), .events = POLLIN };
    struct cgrp_group *group;

    while (now_us() < end) {
        int r = cgrp_root_next_empty(c->root, &group);
        if (r != 0)
            return r < 0 ? r : 0;
        (void) poll(&p, 1, 100);
    }
    return -ETIMEDOUT;
}

static void canary_end_p(struct canary *c) {
    int saved = errno;

    if (c->group)
        (void) cgrp_group_kill(c->group, NULL);
    if (c->pid > 0) {
        (void) kill(c->pid, SIGKILL); /* in case it never came into the group */
        (void) waitpid(c->pid, NULL, 0);
    }
    close_p(&c->line);
    for (int i = 0; c->group && i < PATIENCE_MS && cgrp_group_populated(c->group) > 0; i++)
        (void) poll(NULL, 0, 1);
    if (c->group && cgrp_group_remove(c->group, NULL) < 0)
        (void) cgrp_group_free(c->group);
    if (c->root)
        cgrp_root_remove(c->root);
    (void) cgrp_root_free(c->root);
    errno = saved;
}

/* The child: answers each byte; 'f' with what became of a fork. System calls only. */
static void __attribute__((noreturn)) canary_life(int line, const struct cgrp_join *join) {
    char c = 0;

    for (int i = 0; i < join->n; i++)
        if (write(join->tasks_fd[i], "0", 1) != 1)
            _exit(1);
    (void) setsid();
    do {
        if (c == 'f') {
            struct clone_args args = { .exit_signal = SIGCHLD };
            long pid = syscall(SYS_clone3, &args, sizeof args);
            if (pid == 0)
                _exit(0);
            c = pid > 0 ? 'y' : 'n';
        }
        if (write(line, &c, 1) != 1)
            _exit(1);
    } while (read(line, &c, 1) == 1);
    _exit(0);
}

/* Sends a byte (0: none) and waits for the answer. */
static int ask(const struct canary *c, char question, char *ret) {
    struct pollfd p = { .fd = c->line, .events = POLLIN };

    if (question && send(c->line, &question, 1, MSG_NOSIGNAL) != 1)
        return -errno;
    int n = poll(&p, 1, PATIENCE_MS);
    if (n <= 0)
        return n < 0 ? -errno : -ETIMEDOUT;
    ssize_t got = read(c->line, ret, 1);
    return got == 1 ? 0 : got < 0 ? -errno : -EPIPE;
}

static int canary_spawn(struct canary *c) {
    struct clone_args args = { .exit_signal = SIGCHLD };
    struct cgrp_join join;
    int pair[2];
    char hello;

    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
        return -errno;
    c->line = pair[0];
    CLEANUP(close_p) int theirs = pair[1];
    cgrp_group_join(c->group, &join);
    if (join.into_fd >= 0) {
        args.flags = CLONE_INTO_CGROUP;
        args.cgroup = (unsigned) join.into_fd;
    }
    long pid = syscall(SYS_clone3, &args, sizeof args);
    if (pid < 0)
        return -errno;
    if (pid == 0)
        canary_life(theirs, &join);
    c->pid = (pid_t) pid;
    int r = ask(c, 0, &hello);
    if (r < 0)
        return r;
    struct cgrp_adopt who = { .main_pid = c->pid, .uid = (uid_t) -1 };
    return cgrp_group_set_main(c->group, &who);
}

/* Waits for the child's stop (WSTOPPED) or end (WEXITED). The first tries come without a pause, so
 * that what is timed is the kernel's work. */
static int wait_child(const struct canary *c, int what) {
    for (int i = 0; i < PATIENCE_MS + SPINS; i++) {
        siginfo_t info = { 0 };
        if (waitid(P_PID, (id_t) c->pid, &info, what | WNOHANG) < 0)
            return -errno;
        if (info.si_pid == c->pid)
            return 0;
        if (i >= SPINS)
            (void) poll(NULL, 0, 1);
    }
    return -ETIMEDOUT;
}

/* One step of the canary's life; its error ends the check. */
struct step {
    const char *what;
    int (*run)(struct canary *c, char *detail, size_t n, struct err *e);
};

static int step_spawn(struct canary *c, char *detail, size_t n, struct err *e) {
    int r = canary_spawn(c);

    if (r == 0)
        r = cgrp_group_populated(c->group) == 1 ? 0 : -ECHILD;
    if (r < 0)
        return err_set(e, r, "cannot start a process in a group: %s", strerror(-r));
    (void) snprintf(detail, n, "a process was born in a group");
    return 0;
}

static int step_stop(struct canary *c, char *detail, size_t n, struct err *e) {
    int r = cgrp_group_stop(c->group, CGRP_HOLD_SIGNAL, e);

    if (r < 0)
        return r;
    r = wait_child(c, WSTOPPED);
    if (r < 0)
        return err_set(e, r, "the process did not stop: %s", strerror(-r));
    (void) snprintf(detail, n, "SIGSTOP sent and seen");
    return 0;
}

static int step_continue(struct canary *c, char *detail, size_t n, struct err *e) {
    char answer;
    int r = cgrp_group_continue(c->group, e);

    if (r < 0)
        return r;
    r = ask(c, 'c', &answer);
    if (r < 0)
        return err_set(e, r, "the process does not run again: %s", strerror(-r));
    (void) snprintf(detail, n, "SIGCONT sent, and the process answers");
    return 0;
}

static int step_kill(struct canary *c, char *detail, size_t n, struct err *e) {
    int r = cgrp_group_kill(c->group, e);

    if (r < 0)
        return r;
    r = wait_child(c, WEXITED);
    if (r < 0)
        return err_set(e, r, "the process does not end: %s", strerror(-r));
    c->pid = 0;
    (void) snprintf(detail, n, "by %s",
                    c->group->kill_fd >= 0 ? "cgroup.kill" : "SIGKILL to all that are listed");
    return 0;
}

static int step_empty(struct canary *c, char *detail, size_t n, struct err *e) {
    int r = wait_empty(c);

    if (r < 0)
        return err_set(e, r, "nothing told that the group is empty: %s", strerror(-r));
    (void) snprintf(detail, n, "heard of as an event");
    return 0;
}

static int step_remove(struct canary *c, char *detail, size_t n, struct err *e) {
    int r = cgrp_group_remove(c->group, e);

    if (r < 0)
        return r;
    c->group = NULL;
    (void) snprintf(detail, n, "nothing is left of it");
    return 0;
}

static const struct step before_limits[] = { { "spawn", step_spawn },
                                             { "stop", step_stop },
                                             { "continue", step_continue } };
static const struct step after_limits[] = { { "kill", step_kill },
                                            { "empty", step_empty },
                                            { "remove", step_remove } };

static int run_steps(struct canary *c, const struct cgrp_reporter *to, const struct step *steps,
                     size_t n, struct err *e) {
    for (size_t i = 0; i < n; i++) {
        char detail[200] = "";
        struct err own = { 0 };
        uint64_t start = now_us();
        int r = steps[i].run(c, detail, sizeof detail, &own);
        cgrp_report(to, steps[i].what, r < 0 ? CGRP_MISSING : CGRP_WORKS, now_us() - start, "%s",
                    r < 0 ? own.text : detail);
        if (r < 0) {
            if (e)
                *e = own;
            return r;
        }
    }
    return 0;
}

static void try_freeze(struct canary *c, const struct cgrp_reporter *to) {
    struct cgrp_events ev = { 0 };
    struct err e = { 0 };
    uint64_t start = now_us();

    int r = cgrp_group_stop(c->group, CGRP_HOLD_FREEZE, &e);
    if (r < 0) {
        cgrp_report(to, "freeze", CGRP_MISSING, 0, "%.120s: suspend = cgroup cannot be chosen",
                    e.text);
        return;
    }
    for (int i = 0; i < PATIENCE_MS && !ev.frozen; i++) {
        struct pollfd p = { .fd = c->group->events_fd, .events = POLLPRI };
        if (cgrp_events_read(c->group->events_fd, &ev) == 0 && !ev.frozen)
            (void) poll(&p, 1, 1);
    }
    uint64_t took_us = now_us() - start;
    (void) cgrp_group_continue(c->group, NULL);
    cgrp_report(to, "freeze", ev.frozen ? CGRP_WORKS : CGRP_MISSING, took_us,
                ev.frozen ? "frozen and thawed" : "the group does not get frozen");
}

static void try_limits(struct canary *c, const struct cgrp_reporter *to) {
    struct cgrp_limits limits = { CGRP_NO_LIMIT, 64u << 20, CGRP_NO_LIMIT, 1 };
    struct err e = { 0 };
    uint64_t start = now_us();
    char answer = 0;

    int r = cgrp_group_limit(c->group, &limits, &e);
    uint64_t took_us = now_us() - start;
    if (!cgrp_root_has_memory_limit(c->root))
        cgrp_report(to, "memory limit", CGRP_MISSING, 0,
                    "no memory controller here: an app can take all memory");
    else
        cgrp_report(to, "memory limit", r < 0 ? CGRP_MISSING : CGRP_WORKS, took_us, "%s",
                    r < 0 ? e.text : "memory_max was set");
    if (!cgrp_root_has_pids_limit(c->root)) {
        cgrp_report(to, "pids limit", CGRP_MISSING, 0,
                    "no pids controller here: a fork bomb is not bounded");
        return;
    }
    r = r < 0 ? r : ask(c, 'f', &answer);
    cgrp_report(to, "pids limit", r == 0 && answer == 'n' ? CGRP_WORKS : CGRP_MISSING, took_us,
                r == 0 && answer == 'n' ? "a fork over the limit was refused"
                                        : "a fork over the limit was not refused");
}

static void report_backend(const struct canary *c, const struct cgrp_reporter *to,
                           uint64_t took_us) {
    bool none = cgrp_root_kind(c->root) == CGRP_NONE;
    bool both = cgrp_root_has_memory_limit(c->root) && cgrp_root_has_pids_limit(c->root);

    cgrp_report(to, "backend", both && !none ? CGRP_WORKS : CGRP_PARTLY, took_us, "%s",
                cgrp_root_describe(c->root));
}

int cgrp_check(const struct cgrp_config *config, void (*found)(const struct cgrp_finding *, void *),
               void *userdata, struct err *e) {
    CLEANUP(canary_end_p) struct canary c = { .line = -1 };
    const struct cgrp_reporter to = { found, userdata };
    const struct cgrp_limits none = { CGRP_NO_LIMIT, CGRP_NO_LIMIT, CGRP_NO_LIMIT, CGRP_NO_LIMIT };
    struct cgrp_config own = *config;
    struct err why = { 0 };
    char suffix[32];

    (void) snprintf(suffix, sizeof suffix, "-check-%d", getpid());
    own.suffix = suffix;
    uint64_t start = now_us();
    int r = cgrp_root_open(&own, &c.root, &why);
    if (r < 0) {
        cgrp_report(&to, "backend", CGRP_MISSING, 0, "%s", why.text);
        return err_set(e, r, "%s", why.text);
    }
    report_backend(&c, &to, now_us() - start);

    start = now_us();
    r = cgrp_group_create(c.root, "canary", &none, NULL, &c.group, &why);
    cgrp_report(&to, "group", r < 0 ? CGRP_MISSING : CGRP_WORKS, now_us() - start, "%s",
                r < 0 ? why.text : "made and watched");
    if (r < 0)
        return err_set(e, r, "%s", why.text);

    r = run_steps(&c, &to, before_limits, sizeof before_limits / sizeof before_limits[0], e);
    if (r < 0)
        return r;
    try_freeze(&c, &to);
    try_limits(&c, &to);
    cgrp_check_host(&to, c.root->proc_fd, c.group->dir_fd);
    return run_steps(&c, &to, after_limits, sizeof after_limits / sizeof after_limits[0], e);
}
