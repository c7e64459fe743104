/* SPDX-License-Identifier: MIT
 * spawn_child.c - from the daemon's process image to the app's, step by step.
 * Layer: 3, daemon. Uses: libc; async-signal-safe calls only. */
#include "supervisor/daemon/spawn_child.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/capability.h>
#include <linux/close_range.h>
#include <linux/futex.h>
#include <linux/ioprio.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "supervisor/daemon/spawn_slots.h"

/* 32-bit ABIs have these for whole ids under another name. */
#if defined(SYS_setresuid32)
#define NR_SETGROUPS SYS_setgroups32
#define NR_SETRESGID SYS_setresgid32
#define NR_SETRESUID SYS_setresuid32
#else
#define NR_SETGROUPS SYS_setgroups
#define NR_SETRESGID SYS_setresgid
#define NR_SETRESUID SYS_setresuid
#endif

/* Frames here are left by exec, not by return: a sanitizer's marks on them would stay behind
 * in the shared memory. */
#define CHILD __attribute__((no_sanitize("address"), noinline)) static

const char *spawn_step_text(enum spawn_step step) {
    static const char *const texts[SPAWN_STEP_COUNT] = {
#define SPAWN_STEP_TEXT(name, text) [SPAWN_STEP_##name] = text,
        SPAWN_STEPS(SPAWN_STEP_TEXT)
#undef SPAWN_STEP_TEXT
    };
    return (unsigned) step < SPAWN_STEP_COUNT ? texts[step] : "cannot start";
}

CHILD int write_all(int fd, const char *bytes, size_t n) {
    ssize_t w = write(fd, bytes, n);
    return w < 0 ? -errno : (size_t) w == n ? 0 : -EIO;
}

CHILD int join_groups(struct spawn_child *c) {
    const struct cgrp_join *join = &c->req->join;

    for (int i = 0; i < join->n; i++) {
        int r = write_all(join->tasks_fd[i], "0", 1);
        if (r < 0)
            return r;
    }
    if (c->join_by_procs) {
        int fd = openat(join->into_fd, "cgroup.procs", O_WRONLY | O_CLOEXEC);
        if (fd < 0)
            return -errno;
        int r = write_all(fd, "0", 1);
        (void) close(fd); /* the daemon's table still */
        return r;
    }
    return 0;
}

/* What is ignored stays so over exec: SIGPIPE by the daemon, 32 and 33 by a parent of ours that
 * used posix_spawn(3) (GNU make does), and these two glibc's sigaction() refuses to touch. Handlers
 * go away by exec, but must not run here before: clone3 has cleared them, an older clone has not.
 * All zero is SIG_DFL without flags on every architecture. */
CHILD void reset_signals(const struct spawn_child *c) {
    static const unsigned long dfl[8];

    for (int sig = 1; sig < _NSIG; sig++)
        if ((c->handlers || (c->ignored >> (sig - 1) & 1)) && sig != SIGKILL && sig != SIGSTOP)
            (void) syscall(SYS_rt_sigaction, sig, dfl, NULL, _NSIG / 8);
}

/* The kernel does not pass it on to the parent, which shares the memory, because the child is
 * in vfork (__set_oom_adj(), fs/proc/base.c). To go below what one was given takes
 * CAP_SYS_RESOURCE: then the app keeps the daemon's own, which is no reason not to start. */
CHILD int set_oom_score(struct spawn_child *c) {
    char text[16], *p = text + sizeof text;
    int adj = c->req->oom_score_adj, r;
    unsigned rest = adj < 0 ? (unsigned) -adj : (unsigned) adj;
    int fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);

    if (fd < 0)
        return -errno;
    do
        *--p = (char) ('0' + rest % 10);
    while (rest /= 10);
    if (adj < 0)
        *--p = '-';
    r = write_all(fd, p, (size_t) (text + sizeof text - p));
    (void) close(fd);
    return r == -EACCES || r == -EPERM ? 0 : r;
}

/* What a process of an ordinary login has. Downwards each always works; a daemon that was itself
 * made nicer may not undo it, and its apps stay as nice. */
CHILD void reset_scheduling(void) {
    struct sched_param none = { .sched_priority = 0 };

    (void) sched_setscheduler(0, SCHED_OTHER, &none);
    (void) setpriority(PRIO_PROCESS, 0, 0);
    (void) syscall(SYS_ioprio_set, IOPRIO_WHO_PROCESS, 0, IOPRIO_PRIO_VALUE(IOPRIO_CLASS_NONE, 0));
    (void) umask(022);
}

/* Filters of older containers answer close_range with EPERM or ENOSYS. */
CHILD int close_from(unsigned first) {
    struct rlimit files;

    if (syscall(SYS_close_range, first, UINT_MAX, 0) == 0)
        return 0;
    if (errno != ENOSYS && errno != EPERM)
        return -errno;
    if (getrlimit(RLIMIT_NOFILE, &files) < 0)
        return -errno;
    for (unsigned fd = first; fd < files.rlim_cur; fd++)
        (void) close((int) fd);
    return 0;
}

/* From here on the child's descriptors are its own: a copy of those up to the slots. Kernels before
 * 5.9 and filters of containers refuse; then the caller makes a child that has a copy of all. */
CHILD int unshare_files(const struct spawn_child *c) {
    if (!c->shares_files ||
        syscall(SYS_close_range, c->slots->highest + 1, UINT_MAX, CLOSE_RANGE_UNSHARE) == 0)
        return 0;
    return -errno;
}

/* The slots lie above all targets, so that no dup3 hits a source still needed. The working
 * directory rides along just past the last, and leaves by exec. */
CHILD int set_descriptors(const struct spawn_child *c, int *ret_cwd) {
    const struct spawn_request *req = c->req;
    const int *slot = c->slots->fd;
    int n = 3 + (int) req->n_keep;

    for (int i = 0; i <= n; i++) {
        int source = i == n                          ? slot[SPAWN_SLOT_CWD]
                     : i >= 3                        ? slot[SPAWN_SLOT_KEEP + i - 3]
                     : i >= 1 && req->output_fd >= 0 ? slot[SPAWN_SLOT_OUTPUT]
                                                     : slot[SPAWN_SLOT_NULL];
        if (dup3(source, i, i == n ? O_CLOEXEC : 0) < 0)
            return -errno;
    }
    *ret_cwd = n;
    return close_from((unsigned) n + 1);
}

/* Only what differs is set: a hard limit cannot be raised again without privileges, and need
 * not be where nobody lowered it. */
CHILD int restore_limits(const struct spawn_limits *limits) {
    for (int i = 0; i < SPAWN_LIMITS; i++) {
        const struct rlimit *want = &limits->value[i];
        struct rlimit now;
        if (!limits->known[i])
            continue;
        if (getrlimit((__rlimit_resource_t) i, &now) == 0 && now.rlim_cur == want->rlim_cur &&
            now.rlim_max == want->rlim_max)
            continue;
        if (setrlimit((__rlimit_resource_t) i, want) < 0)
            return -errno;
    }
    return 0;
}

/* System calls, not glibc's functions: those walk the list of threads in this memory, which are
 * the daemon's, under its locks, to change their ids too. */
CHILD int set_ids(const struct spawn_request *req) {
    if (syscall(NR_SETGROUPS, req->n_groups, req->groups) < 0 ||
        syscall(NR_SETRESGID, req->gid, req->gid, req->gid) < 0 ||
        syscall(NR_SETRESUID, req->uid, req->uid, req->uid) < 0)
        return -errno;
    return 0;
}

/* From uid 0 to another the kernel drops all but the inheritable set; a daemon that is not root
 * but holds CAP_SETUID keeps everything, ambient capabilities included. So all sets are emptied
 * by hand; that empties the ambient one, and no exec gives any back. */
CHILD int drop_privileges(const struct spawn_request *req) {
    struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3, .pid = 0 };
    struct __user_cap_data_struct none[_LINUX_CAPABILITY_U32S_3];

    memset(none, 0, sizeof none);
    if (req->set_ids && req->uid != 0 && syscall(SYS_capset, &header, none) < 0)
        return -errno;
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
        return -errno;
    return 0;
}

CHILD int exec_path(const struct spawn_request *req, const char *path) {
    /* execve's types are historic: it changes neither. */
    (void) execve(path, (char *const *) (uintptr_t) req->argv,
                  (char *const *) (uintptr_t) req->envp);
    return -errno;
}

/* As execvpe(3) searches, without its memory and without its /bin/sh for ENOEXEC: a file that is
 * no program is an error with a name. A refusal is told only if nothing better is found. */
CHILD int exec_search(const struct spawn_request *req) {
    const char *dir = req->path ? req->path : "";
    size_t name_len = strlen(req->program);
    char path[PATH_MAX];
    int result = -ENOENT;

    for (;;) {
        size_t n = strcspn(dir, ":");
        if (n + 1 + name_len < sizeof path) {
            memcpy(path, dir, n);
            if (n > 0)
                path[n] = '/';
            memcpy(path + n + (n > 0), req->program, name_len + 1);
            int r = exec_path(req, path);
            if (r == -EACCES)
                result = r;
            else if (r != -ENOENT && r != -ENOTDIR && r != -ESTALE && r != -ENODEV)
                return r;
        }
        if (dir[n] == '\0')
            return result;
        dir += n + 1;
    }
}

/* The daemon's memory is ours: a futex in it. */
CHILD int wait_at(struct spawn_gate *gate) {
    const struct timespec patience = { .tv_sec = SPAWN_GATE_PATIENCE_S };
    uint32_t state = SPAWN_GATE_CLOSED;

    (void) atomic_compare_exchange_strong(&gate->state, &state, SPAWN_GATE_WAITED_AT);
    while ((state = atomic_load(&gate->state)) == SPAWN_GATE_WAITED_AT)
        if (syscall(SYS_futex, &gate->state, FUTEX_WAIT_PRIVATE, state, &patience, NULL, 0) < 0 &&
            errno != EAGAIN && errno != EINTR)
            return -errno;
    return state == SPAWN_GATE_OPEN ? 0 : -ECANCELED;
}

CHILD int set_up(struct spawn_child *c) {
    const struct spawn_request *req = c->req;
    uint64_t none = 0;
    int cwd, r;

    reset_signals(c);
    c->step = SPAWN_STEP_JOIN; /* first: what follows is charged to the app */
    if ((r = join_groups(c)) < 0)
        return r;
    c->step = SPAWN_STEP_UNSHARE;
    if ((r = unshare_files(c)) < 0)
        return r;
    c->step = SPAWN_STEP_SESSION;
    if (setsid() < 0)
        return -errno;
    c->step = SPAWN_STEP_OOM_SCORE;
    if (!c->keeps_oom_score && (r = set_oom_score(c)) < 0)
        return r;
    reset_scheduling();
    /* Before the limits: all descriptors below 1024 may be taken. */
    c->step = SPAWN_STEP_DESCRIPTORS;
    if ((r = set_descriptors(c, &cwd)) < 0)
        return r;
    c->step = SPAWN_STEP_LIMITS;
    if ((r = restore_limits(c->limits)) < 0)
        return r;
    c->step = SPAWN_STEP_IDS;
    if (req->set_ids && (r = set_ids(req)) < 0)
        return r;
    c->step = SPAWN_STEP_PRIVILEGES;
    if ((r = drop_privileges(req)) < 0)
        return r;
    c->step = SPAWN_STEP_DIRECTORY; /* as the app's user: what it may not enter is told here */
    if (fchdir(cwd) < 0)
        return -errno;
    c->step = SPAWN_STEP_GATE;
    if (req->gate && (r = wait_at(req->gate)) < 0)
        return r;
    c->step = SPAWN_STEP_EXEC;
    (void) syscall(SYS_rt_sigprocmask, SIG_SETMASK, &none, NULL, sizeof none);
    return strchr(req->program, '/') ? exec_path(req, req->program) : exec_search(req);
}

/* A signal that arrives once the mask is empty ends the child before exec: for the caller that
 * is a program which ended at once. */
__attribute__((no_sanitize("address"))) int spawn_child_run(void *arg) {
    struct spawn_child *c = arg;

    c->error = -set_up(c);
    return 127;
}
