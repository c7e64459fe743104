/* SPDX-License-Identifier: MIT */
#include "cgroups/kill.h"

#include "cgroups/backend.h"
#include "supervisor/base/cleanup.h"
#include "supervisor/base/err.h"
#include "supervisor/base/fs.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define ROUNDS            3
#define ROUNDS_NO_FREEZER 50
#define KILL_ROUNDS       20
#define FROZEN_WAIT_MS    10 /* one wait; the kernel tells of a change at most every 10 ms */
#define FROZEN_WAITS      10
#define FORK_TIME_US      1000000 /* no fork takes longer: 100 ms for 10 GB of page tables */

int cgrp_events_read(int events_fd, struct cgrp_events *ret) {
    char text[128];
    const char *populated, *frozen;

    ssize_t n = pread(events_fd, text, sizeof text - 1, 0);
    if (n < 0 && errno == ENODEV) {
        *ret = (struct cgrp_events){ 0 };
        return 0;
    }
    if (n < 0)
        return -errno;
    text[n] = '\0';
    populated = strstr(text, "populated ");
    frozen = strstr(text, "frozen ");
    if (!populated)
        return -EPROTO;
    *ret = (struct cgrp_events){
        .populated = populated[sizeof "populated " - 1] == '1',
        .frozen = frozen && frozen[sizeof "frozen " - 1] == '1',
    };
    return 0;
}

int cgrp_freeze(struct cgrp_group *group, struct cgrp_frozen *ret) {
    if (group->held_frozen) {
        ret->dir_fd = -1;
        return 0;
    }
    if (group->seen == CGRP_SEEN_NOTHING)
        group->froze_empty = true;
    int r = fs_write_existing(group->dir_fd, "cgroup.freeze", "1", 1);
    if (r < 0)
        return r;
    ret->dir_fd = group->dir_fd;
    return 0;
}

void cgrp_thaw_p(struct cgrp_frozen *f) {
    int saved = errno;

    if (f->dir_fd >= 0)
        (void) fs_write_existing(f->dir_fd, "cgroup.freeze", "0", 1);
    errno = saved;
}

/* Freezing is asynchronous: a process in a system call, a fork too, runs to its end first. False
 * when one does not get there in time, as in uninterruptible sleep. */
static bool wait_frozen(const struct cgrp_group *group) {
    for (int i = 0; i <= FROZEN_WAITS; i++) {
        struct cgrp_events ev;
        /* POLLERR comes with POLLPRI for any ordinary change of this file. */
        struct pollfd p = { .fd = group->events_fd, .events = POLLPRI };
        if (cgrp_events_read(group->events_fd, &ev) < 0)
            return false;
        if (ev.frozen || !ev.populated)
            return true;
        if (i < FROZEN_WAITS)
            (void) poll(&p, 1, FROZEN_WAIT_MS);
    }
    return false;
}

static uint64_t now_us(void) {
    struct timespec t;

    (void) clock_gettime(CLOCK_MONOTONIC_COARSE, &t);
    return (uint64_t) t.tv_sec * 1000000 + (uint64_t) t.tv_nsec / 1000;
}

/* One pass over the members. */
struct pass {
    int sig;
    pid_t has_it;      /* somebody who was sent it before; 0: nobody */
    size_t n;          /* how many were listed */
    uint64_t sum, mix; /* fingerprint of the list */
    int error;         /* the first one */
    pid_t failed;      /* whose */
};

static void send_one(struct pass *p, pid_t pid) {
    if (kill(pid, p->sig) < 0 && errno != ESRCH && p->error == 0) {
        p->error = -errno;
        p->failed = pid;
    }
}

static int each_signal(pid_t pid, void *userdata) {
    struct pass *p = userdata;

    p->n++;
    p->sum += (uint64_t) pid;
    p->mix ^= (uint64_t) pid * 0x9e3779b97f4a7c15u;
    if (pid != p->has_it)
        send_one(p, pid);
    return 0;
}

/* Sends to all that are listed; returns 0 or the first error. */
static int signal_listed(struct cgrp_group *group, struct pass *p, struct err *e) {
    int r = cgrp_procs_each(group->procs_fd, each_signal, p);

    if (r == -ENODEV) /* the folder was removed: nobody is left */
        return 0;
    if (r < 0)
        return err_set(e, r, "cannot list the processes of '%s': %s", cgrp_group_label(group),
                       strerror(-r));
    if (p->error < 0)
        return err_set(e, p->error, "cannot signal process %d of '%s': %s", p->failed,
                       cgrp_group_label(group), strerror(-p->error));
    return 0;
}

/* Sends to all while nothing moves. */
static int signal_frozen(struct cgrp_group *group, int sig, struct err *e) {
    CLEANUP(cgrp_thaw_p) struct cgrp_frozen frozen = { .dir_fd = -1 };
    struct pass p = { .sig = sig };

    int r = cgrp_freeze(group, &frozen);
    if (r < 0)
        return err_set(e, r, "cannot freeze '%s': %s", cgrp_group_label(group), strerror(-r));
    bool still = wait_frozen(group);
    r = signal_listed(group, &p, e);
    if (r == 0 && !still)
        return err_set(e, -EAGAIN, "a process of '%s' does not come to a halt",
                       cgrp_group_label(group));
    return r;
}

/* May the signal go to the whole process group of a member? A process group lies within one
 * session, and a session whose leader is in this cgroup was made here: who is in it was born
 * here. Between its birth and its setsid() a child is still of our own session. */
static pid_t family_of(const struct cgrp_group *group, const struct cgrp_pids *listed, pid_t pid) {
    pid_t session = getsid(pid), pgrp = getpgid(pid);

    if (session <= 1 || pgrp <= 1 || session == getsid(0) || pgrp == getpgrp())
        return 0;
    return session == group->who.main_pid || cgrp_pids_has(listed, session) ? pgrp : 0;
}

/* Stops one member and what it is just giving birth to.
 *
 * A child whose fork(2) is in flight is in no list yet. Only a signal to a process group reaches
 * it: the kernel hands that on to the child, and only if the same signal is not pending at the
 * parent already. So the group comes first and the process after it, in case it has just left
 * the group. Source: copy_process() and __send_signal_locked(), "multiprocess"; measured with a
 * 64 MB parent that forks all the time, children that escaped in 200 stops: by pid 5, by pid and
 * then group 2, by group first 0. */
static void stop_member(struct pass *p, pid_t pid, pid_t family, pid_t *last_family) {
    if (family > 0 && family != *last_family)
        (void) kill(-family, p->sig);
    *last_family = family;
    send_one(p, pid);
}

enum stopped { ALL_STOPPED, NEEDS_FREEZER };

/* Stops what is listed until a list holds nothing new. */
static int stop_in_rounds(struct cgrp_group *group, int rounds, struct pass *p) {
    struct cgrp_pids *listed = &group->root->listed, *before = &group->root->before;
    bool orphans = false;

    before->n = 0;
    for (int round = 0; round < rounds; round++) {
        pid_t last_family = 0;
        bool any_new = false;
        int r = cgrp_pids_read(group->procs_fd, listed);
        if (r == -ENODEV)
            return ALL_STOPPED;
        if (r < 0)
            return r;
        for (size_t i = 0; i < listed->n; i++) {
            if (cgrp_pids_has(before, listed->pid[i]))
                continue;
            pid_t family = family_of(group, listed, listed->pid[i]);
            any_new = true;
            orphans = orphans || family == 0;
            stop_member(p, listed->pid[i], family, &last_family);
        }
        if (!any_new)
            return orphans ? NEEDS_FREEZER : ALL_STOPPED;
        struct cgrp_pids swap = *listed;
        *listed = *before;
        *before = swap;
    }
    return NEEDS_FREEZER;
}

static int hold_frozen(struct cgrp_group *group, struct err *e) {
    struct cgrp_frozen frozen = { .dir_fd = -1 };

    int r = cgrp_freeze(group, &frozen);
    if (r == -ENOENT)
        return err_set(e, -EOPNOTSUPP, "this kernel has no cgroup.freeze");
    if (r < 0)
        return err_set(e, r, "cannot freeze '%s': %s", cgrp_group_label(group), strerror(-r));
    group->held_frozen = true;
    return 0;
}

int cgrp_tree_stop(struct cgrp_group *group, enum cgrp_hold hold, struct err *e) {
    struct pass p = { .sig = SIGSTOP };

    if (hold == CGRP_HOLD_FREEZE)
        return hold_frozen(group, e);
    group->stopped_us = now_us();
    int r = stop_in_rounds(group, ROUNDS, &p);
    if (r == NEEDS_FREEZER || r == -ENOMEM) {
        r = signal_frozen(group, SIGSTOP, e);
        if (r != -ENOENT)
            return r;
        /* No freezer before 5.2: go on for a while. */
        r = stop_in_rounds(group, ROUNDS_NO_FREEZER, &p);
        if (r == NEEDS_FREEZER)
            return err_set(e, -EAGAIN, "'%s' goes on making processes", cgrp_group_label(group));
    }
    if (r < 0)
        return err_set(e, r, "cannot list the processes of '%s': %s", cgrp_group_label(group),
                       strerror(-r));
    if (p.error < 0)
        return err_set(e, p.error, "cannot stop process %d of '%s': %s", p.failed,
                       cgrp_group_label(group), strerror(-p.error));
    return 0;
}

static int each_still_runs(pid_t pid, void *userdata) {
    const struct cgrp_group *group = userdata;

    return cgrp_proc_is_stopped(group->root->proc_fd, pid) ? 0 : 1;
}

/* A child in flight when the stop came is born with it pending, and SIGCONT, which is thrown away
 * where it is ignored, does not undo that: such a child would stay stopped. So soon after a stop
 * everyone must have come to a halt, or the freezer brings them there. */
static bool may_have_fork_in_flight(struct cgrp_group *group) {
    uint64_t stopped_us = group->stopped_us;

    group->stopped_us = 0;
    if (stopped_us == 0 || now_us() - stopped_us > FORK_TIME_US)
        return false;
    return cgrp_procs_each(group->procs_fd, each_still_runs, group) == 1;
}

/* Whoever is waited for most. By its pidfd, since a pid that nobody listed just now may be another
 * process's. */
static pid_t signal_main(const struct cgrp_group *group, int pidfd, int sig) {
    if (pidfd < 0 || syscall(SYS_pidfd_send_signal, pidfd, sig, NULL, 0) < 0)
        return 0;
    return group->who.main_pid;
}

int cgrp_tree_resume(struct cgrp_group *group, int main_pidfd, struct err *e) {
    struct pass p = { .sig = SIGCONT };
    int r;

    if (may_have_fork_in_flight(group)) {
        r = signal_frozen(group, SIGCONT, e);
        if (r == -EAGAIN || r == -ENOENT) /* all listed have it; more cannot be done */
            r = 0;
    } else {
        p.has_it = signal_main(group, main_pidfd, SIGCONT);
        r = signal_listed(group, &p, e);
    }
    if (group->held_frozen) {
        int k = fs_write_existing(group->dir_fd, "cgroup.freeze", "0", 1);
        if (k < 0 && k != -ENOENT && k != -ENODEV)
            return err_set(e, k, "cannot thaw '%s': %s", cgrp_group_label(group), strerror(-k));
        group->held_frozen = false;
    }
    return r;
}

int cgrp_tree_signal(struct cgrp_group *group, int sig, struct err *e) {
    struct pass p = { .sig = sig };

    return signal_listed(group, &p, e);
}

int cgrp_tree_kill_by_signal(struct cgrp_group *group, struct err *e) {
    CLEANUP(cgrp_thaw_p) struct cgrp_frozen frozen = { .dir_fd = -1 };
    struct pass before = { .sig = SIGKILL };

    /* Without a freezer the rounds do their best: a killed process cannot end a fork. */
    if (cgrp_freeze(group, &frozen) == 0)
        (void) wait_frozen(group);
    for (int round = 0; round < KILL_ROUNDS; round++) {
        struct pass p = { .sig = SIGKILL };
        int r = signal_listed(group, &p, e);
        if (r < 0)
            return r;
        /* The dying stay listed for a moment: a list that is the same holds nobody new. */
        if (p.n == 0 ||
            (round > 0 && p.n == before.n && p.sum == before.sum && p.mix == before.mix))
            return 0;
        before = p;
    }
    return err_set(e, -EAGAIN, "'%s' goes on making processes", cgrp_group_label(group));
}

int cgrp_tree_kill(struct cgrp_group *group, struct err *e) {
    if (group->kill_fd >= 0) {
        if (pwrite(group->kill_fd, "1", 1, 0) == 1 || errno == ENODEV)
            return 0;
        /* EOPNOTSUPP: a threaded group. */
    }
    return cgrp_tree_kill_by_signal(group, e);
}
