/* SPDX-License-Identifier: MIT */
#include "cgroups/proc.h"

#include "supervisor/base/cleanup.h"
#include "supervisor/base/fs.h"
#include "supervisor/base/parse.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

/* A pid that a signal may be sent to: kill(2) takes 0 and negative ones as whole groups. */
static bool may_signal(pid_t pid) {
    return pid > 1 && pid != getpid();
}

/* Takes the digits of one line; anything else spoils the line. */
struct line {
    uint64_t value;
    bool digits, bad;
};

static pid_t line_pid(const struct line *l) {
    return l->digits && !l->bad && l->value <= INT_MAX ? (pid_t) l->value : 0;
}

static void line_take(struct line *l, char c) {
    if (c < '0' || c > '9') {
        l->bad = true;
        return;
    }
    l->digits = true;
    if (l->value <= INT_MAX)
        l->value = l->value * 10 + (uint64_t) (c - '0');
}

int cgrp_procs_each(int procs_fd, int (*each)(pid_t pid, void *userdata), void *userdata) {
    struct line line = { 0 };
    char buf[4096];
    off_t at = 0;
    int r = 0;

    for (;;) {
        ssize_t n = pread(procs_fd, buf, sizeof buf, at);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -errno;
        at += n;
        for (ssize_t i = 0; i < n && r == 0; i++) {
            if (buf[i] != '\n') {
                line_take(&line, buf[i]);
                continue;
            }
            if (may_signal(line_pid(&line)))
                r = each(line_pid(&line), userdata);
            line = (struct line){ 0 };
        }
        if (n == 0 || r != 0)
            return r;
    }
}

static int pids_add(pid_t pid, void *userdata) {
    struct cgrp_pids *set = userdata;

    if (set->n == set->cap) {
        size_t cap = set->cap ? set->cap * 2 : 64;
        pid_t *more = realloc(set->pid, cap * sizeof *more);
        if (!more)
            return -ENOMEM;
        set->pid = more;
        set->cap = cap;
    }
    set->pid[set->n++] = pid;
    return 0;
}

static int by_pid(const void *a, const void *b) {
    pid_t x = *(const pid_t *) a, y = *(const pid_t *) b;

    return (x > y) - (x < y);
}

int cgrp_pids_read(int procs_fd, struct cgrp_pids *set) {
    set->n = 0;
    int r = cgrp_procs_each(procs_fd, pids_add, set);
    if (r == 0 && set->n > 1)
        qsort(set->pid, set->n, sizeof *set->pid, by_pid);
    return r;
}

bool cgrp_pids_has(const struct cgrp_pids *set, pid_t pid) {
    return set->n > 0 && bsearch(&pid, set->pid, set->n, sizeof *set->pid, by_pid);
}

void cgrp_pids_clear(struct cgrp_pids *set) {
    free(set->pid);
    *set = (struct cgrp_pids){ 0 };
}

int cgrp_proc_parse(const char *text, struct cgrp_proc *ret) {
    struct cgrp_proc p = { 0 };
    /* "pid (name) state ppid pgrp session …": the name may hold anything, so its end is the
     * last bracket. */
    const char *after = strrchr(text, ')');
    unsigned long long starttime;
    int n;

    if (!after || sscanf(text, "%d (", &n) != 1)
        return -EPROTO;
    p.pid = n;
    /* Fields 3, 4, 6 and 22. Source: proc(5). */
    if (sscanf(after,
               ") %c %d %*d %d %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s "
               "%llu",
               &p.state, &p.ppid, &p.session, &starttime) != 4)
        return -EPROTO;
    p.starttime = starttime;
    *ret = p;
    return 0;
}

/* A process that ends between open and read makes the read fail. */
static int gone(ssize_t r) {
    return r == -ENOENT ? -ESRCH : (int) r;
}

int cgrp_proc_read(int proc_fd, pid_t pid, struct cgrp_proc *ret) {
    char name[32], text[1024];

    (void) snprintf(name, sizeof name, "%d/stat", pid);
    ssize_t n = fs_read_into(proc_fd, name, text, sizeof text);
    return n < 0 ? gone(n) : cgrp_proc_parse(text, ret);
}

/* The number after "<key>" at the start of a line of a file like /proc/<pid>/status. */
static bool find_number(const char *text, const char *key, uint64_t *ret) {
    size_t n = strlen(key);

    for (const char *p = text; p; p = strchr(p, '\n'), p = p ? p + 1 : NULL) {
        unsigned long long value;
        if (strncmp(p, key, n) != 0 || sscanf(p + n, "%llu", &value) != 1)
            continue;
        *ret = value;
        return true;
    }
    return false;
}

static int read_status(int proc_fd, pid_t pid, char *text, size_t size) {
    char name[32];

    (void) snprintf(name, sizeof name, "%d/status", pid);
    ssize_t n = fs_read_into(proc_fd, name, text, size);
    return n < 0 ? gone(n) : 0;
}

int cgrp_proc_uid(int proc_fd, pid_t pid, uid_t *ret) {
    char text[8192];
    uint64_t uid;

    int r = read_status(proc_fd, pid, text, sizeof text);
    if (r < 0)
        return r;
    if (!find_number(text, "Uid:", &uid))
        return -EPROTO;
    *ret = (uid_t) uid;
    return 0;
}

int cgrp_proc_add_memory(int proc_fd, pid_t pid, struct cgrp_proc_memory *sum) {
    char text[8192];
    uint64_t anon = 0, file = 0, shmem = 0, swap = 0;

    int r = read_status(proc_fd, pid, text, sizeof text);
    if (r < 0)
        return r;
    (void) find_number(text, "RssAnon:", &anon); /* a zombie has none of these lines */
    (void) find_number(text, "RssFile:", &file);
    (void) find_number(text, "RssShmem:", &shmem);
    (void) find_number(text, "VmSwap:", &swap);
    sum->anon += anon * 1024;
    sum->file += (file + shmem) * 1024;
    sum->swap += swap * 1024;
    return 0;
}

int cgrp_proc_next(struct cgrp_proc_walk *walk, pid_t *ret) {
    for (;;) {
        if (walk->at >= walk->len) {
            ssize_t n = getdents64(walk->fd, walk->buf, sizeof walk->buf);
            if (n <= 0)
                return n < 0 ? -errno : 0;
            walk->len = (int) n;
            walk->at = 0;
        }
        const struct dirent64 *d = (const struct dirent64 *) (void *) (walk->buf + walk->at);
        uint64_t pid;
        walk->at += d->d_reclen;
        if (parse_u64(d->d_name, &pid) == 0 && pid > 0 && pid <= INT_MAX) {
            *ret = (pid_t) pid;
            return 1;
        }
    }
}

/* A zombie is at a halt as well. */
static bool is_halted(char state) {
    return state == 'T' || state == 't' || state == 'Z' || state == 'X';
}

bool cgrp_proc_is_stopped(int proc_fd, pid_t pid) {
    struct cgrp_proc_walk threads = { .fd = -1 };
    siginfo_t info = { 0 };
    char name[48];
    pid_t tid;
    int r;

    /* For a child of ours one call tells of all its threads at once: the kernel reports a stop
     * when the last of them has halted. WNOWAIT leaves it for the real waiter. */
    if (waitid(P_PID, (id_t) pid, &info, WSTOPPED | WNOHANG | WNOWAIT) == 0 && info.si_pid == pid)
        return true;

    (void) snprintf(name, sizeof name, "%d/task", pid);
    CLEANUP(close_p) int fd = openat(proc_fd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    threads.fd = fd;
    if (fd < 0)
        return errno == ENOENT; /* ended */
    while ((r = cgrp_proc_next(&threads, &tid)) > 0) {
        struct cgrp_proc p;
        int k = cgrp_proc_read(fd, tid, &p); /* task/<tid>/stat has the form of <pid>/stat */
        if (k == -ESRCH)
            continue;
        if (k < 0 || !is_halted(p.state))
            return false;
    }
    return r == 0;
}

int cgrp_proc_oom_score(int proc_fd, pid_t pid, int adj) {
    char name[40], text[16];

    (void) snprintf(name, sizeof name, "%d/oom_score_adj", pid);
    int n = snprintf(text, sizeof text, "%d", adj);
    return gone(fs_write_existing(proc_fd, name, text, (size_t) n));
}
