/* SPDX-License-Identifier: MIT
 * cgroup.h - one group of processes for each app, whatever the machine's cgroups are like.
 * Layer: 2, cgroups. Uses: base. Never: sd-event, the clock, logging, what an app is.
 *
 * A root is one supervisor's place in the cgroup trees. Below it each app has one group, known
 * by the app's id. Three backends stand behind one table of functions (backend.h): `unified`
 * (cgroup v2 with the memory controller), `hybrid` (v1 controllers beside a v2 tree), `none`
 * (no writable tree: sessions and /proc). Trees are found in mountinfo, never assumed.
 *
 * One descriptor a root, cgrp_root_fd(), tells when a group became empty. */
#ifndef CGROUPS_CGROUP_H
#define CGROUPS_CGROUP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct err;
struct cgrp_root;
struct cgrp_group;

#define CGRP_NO_LIMIT UINT64_MAX

enum cgrp_kind { CGRP_AUTO, CGRP_UNIFIED, CGRP_HYBRID, CGRP_NONE };

struct cgrp_config {
    enum cgrp_kind want; /* CGRP_AUTO: the best that works */
    const char *suffix;  /* "" or "-<hash>": told apart from other supervisors; borrowed */
    const char *at;   /* v2 path below which to build ("/miniprog.slice/miniprog-apps.scope"), NULL:
                         below   the process's own group; borrowed */
    const char *proc; /* "/proc"; tests pass a folder; borrowed */
};

struct cgrp_limits { /* bytes and tasks; CGRP_NO_LIMIT where there is none */
    uint64_t memory_high, memory_max, memory_swap_max, pids_max;
};

struct cgrp_usage {
    bool has_memory; /* the five below are from a memory controller; else current and anon are
                        summed from /proc (no peak) */
    bool has_swap;
    uint64_t current, peak, swap, anon, file; /* bytes */
    uint64_t pids;                            /* processes */
};

/* What a child must do to be born in the group. */
struct cgrp_join {
    int into_fd;     /* v2 directory for CLONE_INTO_CGROUP; -1: none */
    int tasks_fd[4]; /* v1 `tasks` files to write "0" to, open for writing; n of them. Source:
                        cgroup.procs costs up to 16 ms there, tasks 0.05 ms (design.md §3) */
    int n;
};

/* How an app is held down while suspended. */
enum cgrp_hold { CGRP_HOLD_SIGNAL, CGRP_HOLD_FREEZE };

/* Finds and makes this supervisor's place. Text in e says what was missing.
 * Errors: -EOPNOTSUPP the wanted backend cannot work here; -EACCES, others as mkdirat(2). */
int cgrp_root_open(const struct cgrp_config *config, struct cgrp_root **ret, struct err *e);
struct cgrp_root *cgrp_root_free(struct cgrp_root *root); /* leaves every group as it is */
/* Removes the empty folders of this root; the root stays usable only for free. */
void cgrp_root_remove(struct cgrp_root *root);

enum cgrp_kind cgrp_root_kind(const struct cgrp_root *root);
const char *cgrp_kind_name(enum cgrp_kind kind);            /* "unified" … */
int cgrp_kind_parse(const char *name, enum cgrp_kind *ret); /* "auto" too; -EINVAL */
/* One line for people: backend, where, which limits work ("hybrid: memory and pids limits by v1,
 * …"). */
const char *cgrp_root_describe(const struct cgrp_root *root);
bool cgrp_root_has_memory_limit(const struct cgrp_root *root);
bool cgrp_root_has_pids_limit(const struct cgrp_root *root);

/* Becomes readable (EPOLLIN) when a group may have become empty. */
int cgrp_root_fd(const struct cgrp_root *root);
/* The next group that went from populated to empty: 1 with ret, 0 no more for now. Each
 * emptying is reported once. Never blocks. */
int cgrp_root_next_empty(struct cgrp_root *root, struct cgrp_group **ret);

/* Calls seen(id, userdata) for each app group below the root (what an earlier supervisor left). */
int cgrp_root_scan(struct cgrp_root *root, void (*seen)(const char *id, void *userdata),
                   void *userdata, struct err *e);

/* Makes an empty group with limits. A leftover empty one is used again; a populated one is -EBUSY.
 *   id      any string of 1..64 bytes; escaped, so that it never meets a kernel file's name
 *   owner   handed back by cgrp_group_owner()
 * Errors: -EBUSY, -ENOSPC (too many groups), -ENOMEM, others as mkdirat(2). */
int cgrp_group_create(struct cgrp_root *root, const char *id, const struct cgrp_limits *limits,
                      void *owner, struct cgrp_group **ret, struct err *e);
/* Takes over a group that exists. main_pid: the app's main process and session leader as remembered
 * (0: not known); main_starttime: its field 22 of /proc/<pid>/stat (guards against a reused pid);
 * both matter to `none` alone. uid: the app's own uid, (uid_t) -1 if it has none (`none` tells its
 * processes by session, ancestry and uid). -ENOENT: no such group. */
struct cgrp_adopt {
    pid_t main_pid;
    uint64_t main_starttime;
    uid_t uid;
};
int cgrp_group_adopt(struct cgrp_root *root, const char *id, const struct cgrp_adopt *how,
                     void *owner, struct cgrp_group **ret, struct err *e);
void *cgrp_group_owner(const struct cgrp_group *group);
void cgrp_group_join(const struct cgrp_group *group, struct cgrp_join *ret);
/* After the spawn: who leads. Needed by `none`, harmless elsewhere. */
int cgrp_group_set_main(struct cgrp_group *group, const struct cgrp_adopt *who);

int cgrp_group_limit(struct cgrp_group *group, const struct cgrp_limits *limits, struct err *e);
int cgrp_group_populated(struct cgrp_group *group); /* 1, 0, -errno; looks now */
/* Fills pids with up to n members; returns how many there are (may be more than n). */
ssize_t cgrp_group_pids(struct cgrp_group *group, pid_t *pids, size_t n);

/* Stops every process, forks in flight included: signal all listed, list again until nothing is
 * new; after 3 rounds freeze, signal, thaw. With CGRP_HOLD_FREEZE the group is frozen instead
 * (`unified`, `hybrid`; else -EOPNOTSUPP). At return every process has been sent the signal;
 * -EAGAIN when processes still appeared at the end (`none` only). */
int cgrp_group_stop(struct cgrp_group *group, enum cgrp_hold hold, struct err *e);
/* SIGCONT to every process, and thaw. Safe on a group that is not stopped. */
int cgrp_group_continue(struct cgrp_group *group, struct err *e);
/* Sends a signal to every process listed now (SIGTERM at a stop). */
int cgrp_group_signal(struct cgrp_group *group, int sig, struct err *e);
/* SIGKILL to all, nothing escapes: cgroup.kill, else freeze guard and SIGKILL, else rounds over
 * /proc. Frozen or stopped members die too. Allocates nothing. */
int cgrp_group_kill(struct cgrp_group *group, struct err *e);
bool cgrp_group_is_frozen(struct cgrp_group *group);

int cgrp_group_usage(struct cgrp_group *group, struct cgrp_usage *ret, struct err *e);
/* oom_score_adj of every process; the first error is returned, all are tried. */
int cgrp_group_oom_score(struct cgrp_group *group, int adj);

/* Removes the empty group's folders and frees it; -EBUSY (still populated) frees nothing. */
int cgrp_group_remove(struct cgrp_group *group, struct err *e);
/* Forgets it and leaves its processes alone; NULL. */
struct cgrp_group *cgrp_group_free(struct cgrp_group *group);

#endif
