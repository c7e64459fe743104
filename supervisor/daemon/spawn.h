/* SPDX-License-Identifier: MIT
 * spawn.h - one process into its group, with nothing of ours left on it.
 * Layer: 3, daemon. Uses: base, cgroups.
 *
 * clone3 with CLONE_VM|CLONE_VFORK|CLONE_PIDFD and, where there is a v2 group, CLONE_INTO_CGROUP;
 * waits until the child has execed or failed: call it on the spawn lane, never on the loop. The
 * child: own session, empty signal mask, default dispositions, descriptors 0 to 2 and `keep` only,
 * RLIMIT_NOFILE soft 1024 and the other limits as the daemon found them, no_new_privs, raw set*id
 * calls (glibc's would reach all threads of the shared memory), oom score, umask 022, default
 * scheduling. Source: design.md §3. */
#ifndef DAEMON_SPAWN_H
#define DAEMON_SPAWN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "cgroups/cgroup.h"

struct err;

#define SPAWN_KEEP_MAX 16

/* A child that is ready to exec waits at its gate, if it has one, for what is still being made for
 * it beside the spawn: its sockets, its run state. Zeroed it is closed. */
struct spawn_gate {
    _Atomic uint32_t state;
};
/* Once, from any thread. let_go false: it ends, stage "fork". A gate that is never opened (its
 * daemon died) ends it in SPAWN_GATE_PATIENCE_S. */
void spawn_gate_open(struct spawn_gate *gate, bool let_go);
#define SPAWN_GATE_PATIENCE_S 10

struct spawn_request {
    const char *const *argv; /* NULL-terminated */
    const char *const *envp; /* NULL-terminated */
    const char *program; /* a path with '/' (relative ones from cwd_fd), or a name for the search
                            along path */
    const char *path;    /* what is searched; colon-separated */
    int cwd_fd;          /* working directory */
    int output_fd;       /* standard output and error; -1: /dev/null */
    const int *keep;     /* descriptors handed to the child as 3, 4, …; n_keep of them */
    size_t n_keep;
    bool set_ids; /* else it stays what the daemon is */
    uid_t uid;
    gid_t gid;
    const gid_t *groups; /* supplementary */
    size_t n_groups;
    int oom_score_adj;
    struct cgrp_join join;   /* into_fd -1 and n 0: no group */
    struct spawn_gate *gate; /* NULL: it need not wait */
};

struct spawn_result {
    pid_t pid;
    int pidfd;          /* the caller's */
    uint64_t starttime; /* field 22 of /proc/<pid>/stat */
    const char *stage;  /* on failure: "fork" or "exec", as StartFailed names it; static */
    int error;          /* on failure: the errno (positive) */
};

/* To be called once at start, before any limit is raised and after signals are ignored: remembers
 * both to give back, takes the descriptors that births need, and raises RLIMIT_NOFILE. */
void spawn_init(void);

/* Returns 0 with ret; or -errno with stage and error set and e saying which step and why ("cannot
 * run 'bin/x': No such file or directory"). */
int spawn_process(const struct spawn_request *req, struct spawn_result *ret, struct err *e);

/* When a process began: field 22 of its /proc/<pid>/stat, which tells it from a later process with
 * its pid. -ENOENT or -ESRCH: there is none. */
int spawn_starttime(pid_t pid, uint64_t *ret);
int spawn_parse_starttime(const char *stat, uint64_t *ret); /* of that file's text; -EINVAL */

#endif
