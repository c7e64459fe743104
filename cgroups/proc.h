/* SPDX-License-Identifier: MIT
 * proc.h - processes as the kernel lists them: cgroup.procs, and /proc/<pid>.
 * Layer: 2, cgroups. Uses: base.
 *
 * proc_fd is a descriptor of /proc (a test passes a folder). No function here takes memory but
 * cgrp_pids_read(). */
#ifndef CGROUPS_PROC_H
#define CGROUPS_PROC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* Calls each(pid, userdata) for every line of an open cgroup.procs, from its beginning, whatever
 * its length; stops when each() returns other than 0 and returns that. Lines that may not be
 * signalled are left out: 0 (a process that this pid namespace cannot see), 1, our own, and what is
 * no number. Errors: as pread(2); -ENODEV: the group was removed. */
int cgrp_procs_each(int procs_fd, int (*each)(pid_t pid, void *userdata), void *userdata);

/* A growing sorted set of pids; memory is kept for the next use. */
struct cgrp_pids {
    pid_t *pid;
    size_t n, cap;
};

/* Replaces the contents by what cgroup.procs lists now. Errors: as above, -ENOMEM. */
int cgrp_pids_read(int procs_fd, struct cgrp_pids *set);
bool cgrp_pids_has(const struct cgrp_pids *set, pid_t pid);
void cgrp_pids_clear(struct cgrp_pids *set);

struct cgrp_proc { /* of /proc/<pid>/stat */
    pid_t pid, ppid, session;
    char state;         /* R S D Z T … */
    uint64_t starttime; /* field 22 */
};

/* Errors: -ESRCH no such process; -EPROTO a line that is not of the form. */
int cgrp_proc_read(int proc_fd, pid_t pid, struct cgrp_proc *ret);
/* The same from the file's text; command names may hold blanks, newlines and brackets. */
int cgrp_proc_parse(const char *text, struct cgrp_proc *ret);

/* Real uid. Not the owner of the folder /proc/<pid>: a process makes that root's by
 * PR_SET_DUMPABLE. Errors: -ESRCH, -EPROTO. */
int cgrp_proc_uid(int proc_fd, pid_t pid, uid_t *ret);

/* Every thread of the process has come to a halt: it runs no system call any more. */
bool cgrp_proc_is_stopped(int proc_fd, pid_t pid);

/* Errors: -ESRCH, as open(2), write(2). */
int cgrp_proc_oom_score(int proc_fd, pid_t pid, int adj);

/* Adds what <proc>/<pid>/status says of memory, in bytes. Errors: -ESRCH. */
struct cgrp_proc_memory {
    uint64_t anon, file, swap;
};
int cgrp_proc_add_memory(int proc_fd, pid_t pid, struct cgrp_proc_memory *sum);

/* Reads the pid of the next numeric entry of a folder of /proc, by getdents64(2) into a buffer of
 * the caller's frame: readdir(3) takes memory. 1 with ret, 0 at the end, -errno. */
struct cgrp_proc_walk {
    int fd;      /* the folder, opened by the caller */
    int at, len; /* 0 at first */
    char buf[4096] __attribute__((aligned(8)));
};
int cgrp_proc_next(struct cgrp_proc_walk *walk, pid_t *ret);

#endif
