/* SPDX-License-Identifier: MIT
 * none.c - no writable cgroup tree: an app's processes are found in /proc.
 *
 * To an app belong: its main process; the session that it leads, or led; everybody descended
 * from one of these that is still alive; and, where the app has a uid of its own, all of that
 * uid. What forks twice and makes a session of its own while nobody looks escapes where there
 * is no such uid; that is the price of this backend.
 *
 * A pid from a look at /proc may be another process a moment later. So each is taken by a pidfd
 * first, and its start time is compared after that: then the pidfd is of the process that was
 * seen, and a signal through it hits nobody else. */
#include "cgroups/backend.h"
#include "supervisor/base/cleanup.h"
#include "supervisor/base/err.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#define TABLE_MAX   65536 /* processes; more are not seen. Only touched pages cost memory. */
#define ROUNDS      20
#define WATCH_TRIES 5

struct none_entry {
    struct cgrp_proc proc;
    bool member;
};

/* Taken once, since killing must not need memory. */
struct none_table {
    struct none_entry *entry; /* by pid, as /proc is */
    size_t n, members;
};

static int none_open(struct cgrp_root *root, const struct cgrp_config *config, struct err *e) {
    (void) config;
    struct none_table *t = calloc(1, sizeof *t);
    if (!t)
        return err_set(e, -ENOMEM, "no memory for a table of processes");
    t->entry = mmap(NULL, TABLE_MAX * sizeof *t->entry, PROT_READ | PROT_WRITE,
                    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (t->entry == MAP_FAILED) {
        free(t);
        return err_set(e, -ENOMEM, "no memory for a table of processes");
    }
    root->table = t;
    (void) snprintf(root->describe, sizeof root->describe,
                    "none: sessions and /proc; no limits, and a process that leaves its session "
                    "and its parent can escape");
    return 0;
}

static void none_close(struct cgrp_root *root) {
    if (root->table)
        (void) munmap(root->table->entry, TABLE_MAX * sizeof *root->table->entry);
    free_p(&root->table);
    root->table = NULL;
}

static void none_remove(struct cgrp_root *root, bool groups) {
    (void) root, (void) groups;
}

static int none_scan(struct cgrp_root *root, void (*seen)(const char *, void *), void *userdata,
                     struct err *e) {
    (void) root, (void) seen, (void) userdata,
        (void) e; /* nothing remembers an app but its state */
    return 0;
}

static int by_pid(const void *a, const void *b) {
    const struct none_entry *x = a, *y = b;

    return (x->proc.pid > y->proc.pid) - (x->proc.pid < y->proc.pid);
}

static int read_table(struct cgrp_root *root) {
    struct none_table *t = root->table;
    struct cgrp_proc_walk walk = { .fd = -1 };
    bool sorted = true;
    pid_t pid;
    int r;

    CLEANUP(close_p) int fd = openat(root->proc_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    walk.fd = fd;
    t->n = t->members = 0;
    while ((r = cgrp_proc_next(&walk, &pid)) > 0 && t->n < TABLE_MAX) {
        struct none_entry *x = &t->entry[t->n];
        int k = cgrp_proc_read(root->proc_fd, pid, &x->proc);
        if (k == -EMFILE || k == -ENFILE || k == -ENOMEM)
            return k; /* half a table would let somebody go */
        if (k < 0)
            continue; /* ended, or hidden from us and then not ours either */
        x->member = false;
        sorted = sorted && (t->n == 0 || t->entry[t->n - 1].proc.pid < x->proc.pid);
        t->n++;
    }
    /* /proc lists by number. qsort() may take memory, so it is for a folder of a test. */
    if (!sorted)
        qsort(t->entry, t->n, sizeof *t->entry, by_pid);
    return r < 0 ? r : 0;
}

static const struct none_entry *find(const struct none_table *t, pid_t pid) {
    struct none_entry key = { .proc.pid = pid };

    return bsearch(&key, t->entry, t->n, sizeof key, by_pid);
}

/* Never the init of this pid namespace, never ourselves; kernel threads are 2 and its children.
 * A zombie holds nothing any more. */
static bool may_be_member(const struct cgrp_proc *p) {
    return p->pid > 1 && p->pid != getpid() && !(p->pid == 2 && p->ppid == 0) &&
           !(p->ppid == 2 && p->session == 0) && p->state != 'Z' && p->state != 'X';
}

static bool is_main(const struct cgrp_group *group, const struct cgrp_proc *p) {
    return group->who.main_pid > 1 && p->pid == group->who.main_pid &&
           p->starttime == group->who.main_starttime;
}

/* A uid tells only where no one else can have it. */
static bool uid_tells(const struct cgrp_group *group) {
    uid_t uid = group->who.uid;

    return uid != (uid_t) -1 && uid != 0 && uid != getuid() && uid != geteuid();
}

static bool is_of_uid(const struct cgrp_group *group, const struct cgrp_proc *p) {
    uid_t uid;

    return uid_tells(group) && cgrp_proc_uid(group->root->proc_fd, p->pid, &uid) == 0 &&
           uid == group->who.uid;
}

/* Is the number of the main process still ours as a session's? It stays taken while anybody is in
 * the session. Once main runs with another start time, or nobody was left, it may be a
 * stranger's. */
static void check_session(struct cgrp_group *group) {
    const struct none_entry *x = find(group->root->table, group->who.main_pid);

    if (x && x->proc.starttime != group->who.main_starttime)
        group->session_ours = false;
}

/* Looks at all processes and marks the group's. Returns how many, -errno. */
static ssize_t look(struct cgrp_group *group) {
    struct none_table *t = group->root->table;
    bool again = true;

    int r = read_table(group->root);
    if (r < 0)
        return r;
    check_session(group);
    for (size_t i = 0; i < t->n; i++) {
        struct none_entry *x = &t->entry[i];
        if (!may_be_member(&x->proc))
            continue;
        x->member = is_main(group, &x->proc) ||
                    (group->session_ours && x->proc.session == group->who.main_pid) ||
                    is_of_uid(group, &x->proc);
        t->members += x->member;
    }
    /* Children mostly have higher numbers than their parents: one pass, and one that finds
     * nothing new. */
    while (again) {
        again = false;
        for (size_t i = 0; i < t->n; i++) {
            struct none_entry *x = &t->entry[i];
            const struct none_entry *parent;
            if (x->member || !may_be_member(&x->proc))
                continue;
            parent = find(t, x->proc.ppid);
            if (!parent || !parent->member)
                continue;
            x->member = again = true;
            t->members++;
        }
    }
    if (t->members == 0)
        group->session_ours = false;
    return (ssize_t) t->members;
}

/* A pidfd of exactly the process that was seen. -ESRCH: it ended. */
static int open_seen(struct cgrp_root *root, const struct cgrp_proc *seen) {
    struct cgrp_proc now;
    CLEANUP(close_p) int fd = (int) syscall(SYS_pidfd_open, seen->pid, 0);

    if (fd < 0)
        return -errno;
    int r = cgrp_proc_read(root->proc_fd, seen->pid, &now);
    if (r < 0)
        return r;
    return now.starttime == seen->starttime ? TAKE_FD(fd) : -ESRCH;
}

/* A session whose leader is one of ours holds nobody else; neither do its process groups. */
static pid_t family_of(const struct cgrp_group *group, const struct cgrp_proc *p) {
    const struct none_entry *leader = find(group->root->table, p->session);
    pid_t pgrp = getpgid(p->pid);

    if (p->session <= 1 || p->session == getsid(0) || pgrp <= 1 || pgrp == getpgrp())
        return 0;
    if (p->session == group->who.main_pid ? !group->session_ours : !(leader && leader->member))
        return 0;
    return pgrp;
}

struct pass {
    ssize_t n;
    uint64_t sum, mix; /* fingerprint of the members */
    int error;
};

/* One look, one signal each. A stop goes to process groups first: see stop_member() in kill.c. */
static int signal_pass(struct cgrp_group *group, int sig, struct pass *ret) {
    struct none_table *t = group->root->table;
    struct pass p = { .n = look(group) };
    pid_t last_family = 0;

    if (p.n < 0)
        return (int) p.n;
    for (size_t i = 0; i < t->n; i++) {
        const struct cgrp_proc *seen = &t->entry[i].proc;
        if (!t->entry[i].member)
            continue;
        p.sum += (uint64_t) seen->pid;
        p.mix ^= (uint64_t) seen->pid * 0x9e3779b97f4a7c15u;
        CLEANUP(close_p) int fd = open_seen(group->root, seen);
        if (fd == -ESRCH)
            continue;
        pid_t family = fd >= 0 && sig == SIGSTOP ? family_of(group, seen) : 0;
        if (family > 0 && family != last_family)
            (void) kill(-family, SIGSTOP);
        last_family = family;
        if (fd < 0 || syscall(SYS_pidfd_send_signal, fd, sig, NULL, 0) < 0) {
            int r = fd < 0 ? fd : -errno;
            if (r != -ESRCH && p.error == 0)
                p.error = r;
        }
    }
    *ret = p;
    return 0;
}

/* Until a look shows the same members again. -EAGAIN: it never does. */
static int signal_rounds(struct cgrp_group *group, int sig) {
    struct pass before = { 0 }, p = { 0 };

    for (int round = 0; round < ROUNDS; round++) {
        int r = signal_pass(group, sig, &p);
        if (r < 0)
            return r;
        if (p.n == 0 ||
            (round > 0 && p.n == before.n && p.sum == before.sum && p.mix == before.mix))
            return p.error;
        before = p;
    }
    return p.error < 0 ? p.error : -EAGAIN;
}

static int tell(struct cgrp_group *group, int r, const char *what, struct err *e) {
    if (r == -EAGAIN)
        return err_set(e, r, "'%s' goes on making processes", cgrp_group_label(group));
    if (r < 0)
        return err_set(e, r, "cannot %s '%s': %s", what, cgrp_group_label(group), strerror(-r));
    return 0;
}

static int none_stop(struct cgrp_group *group, enum cgrp_hold hold, struct err *e) {
    if (hold == CGRP_HOLD_FREEZE)
        return err_set(e, -EOPNOTSUPP, "there is no cgroup tree to freeze '%s' in",
                       cgrp_group_label(group));
    return tell(group, signal_rounds(group, SIGSTOP), "stop", e);
}

static int none_resume(struct cgrp_group *group, int main_pidfd, struct err *e) {
    (void) main_pidfd; /* the members are told from all processes: it would be little of the time */
    return tell(group, signal_rounds(group, SIGCONT), "continue", e);
}

static int none_signal(struct cgrp_group *group, int sig, struct err *e) {
    struct pass p = { 0 };

    int r = signal_pass(group, sig, &p);
    return tell(group, r < 0 ? r : p.error, "signal", e);
}

/* First everybody is brought to a halt: while parents live, their children can be told, and what
 * is stopped forks no more. */
static int none_kill(struct cgrp_group *group, struct err *e) {
    (void) signal_rounds(group,
                         SIGSTOP); /* a bomb that outruns this is met by SIGKILL all the same */
    return tell(group, signal_rounds(group, SIGKILL), "kill", e);
}

/* One living member is watched at a time; when it ends, the next look finds another one. */
static int watch_a_member(struct cgrp_group *group) {
    struct none_table *t = group->root->table;

    for (int tries = 0; tries < WATCH_TRIES; tries++) {
        for (size_t i = 0; i < t->n; i++) {
            if (!t->entry[i].member)
                continue;
            int fd = open_seen(group->root, &t->entry[i].proc);
            if (fd == -ESRCH)
                continue;
            if (fd < 0)
                return fd;
            int r = cgrp_watch_process(&group->root->watch, &group->watched, fd);
            return r < 0 ? r : 1;
        }
        ssize_t n = look(group);
        if (n <= 0)
            return (int) n;
    }
    /* They come and go faster than they can be looked at. */
    cgrp_watch_mark(&group->root->watch, &group->watched);
    return 1;
}

static int none_populated(struct cgrp_group *group) {
    ssize_t n = look(group);

    if (n <= 0)
        return (int) n;
    return group->watched.pidfd >= 0 ? 1 : watch_a_member(group);
}

static int none_create(struct cgrp_group *group, const struct cgrp_limits *limits, struct err *e) {
    (void) group, (void) limits, (void) e; /* its first process makes it */
    return 0;
}

static int none_set_main(struct cgrp_group *group) {
    struct cgrp_adopt *who = &group->who;
    struct cgrp_proc p;

    group->session_ours = false;
    cgrp_watch_remove(&group->root->watch, &group->watched);
    int r = who->main_pid > 1 ? cgrp_proc_read(group->root->proc_fd, who->main_pid, &p) : -ESRCH;
    if (r == -ESRCH)
        return 0; /* ended already: who is left is found by uid */
    if (r < 0)
        return r;
    if (who->main_starttime == 0)
        who->main_starttime = p.starttime;
    group->session_ours = p.starttime == who->main_starttime && p.session == p.pid;
    return 0;
}

static int none_adopt(struct cgrp_group *group, struct err *e) {
    int r = none_set_main(group);

    if (r == 0)
        r = none_populated(group);
    if (r == 0)
        r = -ENOENT;
    return r < 0 ? err_set(e, r, "no process of '%s': %s", cgrp_group_label(group), strerror(-r))
                 : 0;
}

static int none_limit(struct cgrp_group *group, const struct cgrp_limits *limits, struct err *e) {
    (void) group, (void) limits, (void) e; /* said once, when the root is opened */
    return 0;
}

static ssize_t none_pids(struct cgrp_group *group, pid_t *pids, size_t max) {
    const struct none_table *t = group->root->table;
    ssize_t all = look(group);
    size_t n = 0;

    for (size_t i = 0; all > 0 && i < t->n && n < max; i++)
        if (t->entry[i].member)
            pids[n++] = t->entry[i].proc.pid;
    return all;
}

static int none_usage(struct cgrp_group *group, struct cgrp_usage *ret, struct err *e) {
    return tell(group, cgrp_usage_by_proc(group, ret), "read the usage of", e);
}

static int none_remove_group(struct cgrp_group *group, struct err *e) {
    int r = none_populated(group);

    return tell(group, r > 0 ? -EBUSY : r, "remove", e);
}

static void none_forget(struct cgrp_group *group) {
    (void) group;
}

const struct cgrp_backend cgrp_none = {
    .kind = CGRP_NONE,
    .open = none_open,
    .close = none_close,
    .remove = none_remove,
    .scan = none_scan,
    .create = none_create,
    .adopt = none_adopt,
    .set_main = none_set_main,
    .limit = none_limit,
    .populated = none_populated,
    .pids = none_pids,
    .stop = none_stop,
    .resume = none_resume,
    .signal = none_signal,
    .kill = none_kill,
    .usage = none_usage,
    .remove_group = none_remove_group,
    .forget = none_forget,
};
