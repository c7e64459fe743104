/* SPDX-License-Identifier: MIT
 * spawn_child.h - what happens between birth and exec.
 * Layer: 3, daemon. Uses: libc; async-signal-safe calls only, no memory taken.
 *
 * The child runs in the daemon's memory while the spawning thread is suspended and all other
 * threads go on: a lock that it waited for, or memory that it took, would be theirs. */
#ifndef DAEMON_SPAWN_CHILD_H
#define DAEMON_SPAWN_CHILD_H

#include <stdbool.h>
#include <sys/resource.h>

#include "supervisor/daemon/spawn.h"

#define SPAWN_CHILD_STACK ((size_t) 64 * 1024) /* two path buffers and libc's frames, thrice */
#define SPAWN_LIMITS      RLIM_NLIMITS

/* step, its place in the order of things, and the sentence for "<sentence>: <errno>" */
#define SPAWN_STEPS(X)                                                                             \
    X(CLONE, "cannot make a process")                                                              \
    X(JOIN, "cannot join its group")                                                               \
    X(UNSHARE, "cannot part its descriptors from ours")                                            \
    X(SESSION, "cannot begin a session")                                                           \
    X(OOM_SCORE, "cannot set its oom score")                                                       \
    X(DESCRIPTORS, "cannot set up its descriptors")                                                \
    X(LIMITS, "cannot put back its limits")                                                        \
    X(IDS, "cannot change to its user")                                                            \
    X(PRIVILEGES, "cannot drop its privileges")                                                    \
    X(DIRECTORY, "cannot enter its folder")                                                        \
    X(GATE, "was not let go")                                                                      \
    X(EXEC, "cannot run its program")                                                              \
    X(STARTTIME, "cannot read its start time")

enum spawn_step {
#define SPAWN_STEP_ENUM(name, text) SPAWN_STEP_##name,
    SPAWN_STEPS(SPAWN_STEP_ENUM)
#undef SPAWN_STEP_ENUM
        SPAWN_STEP_COUNT
};
const char *spawn_step_text(enum spawn_step step);

struct spawn_limits {
    bool known[SPAWN_LIMITS];
    struct rlimit value[SPAWN_LIMITS];
};

/* Of a gate. */
enum { SPAWN_GATE_CLOSED, SPAWN_GATE_WAITED_AT, SPAWN_GATE_OPEN, SPAWN_GATE_REFUSED };

struct spawn_slots;

/* Shared by both sides; error stays 0 when the program was executed. */
struct spawn_child {
    const struct spawn_request *req;
    const struct spawn_limits *limits;
    const struct spawn_slots *slots; /* filled */
    uint64_t ignored;                /* bit n - 1: the daemon ignores signal n */
    bool handlers;                   /* the daemon's may still be set */
    bool shares_files;               /* its table of descriptors is the daemon's */
    bool keeps_oom_score;            /* it has the wanted one already */
    bool join_by_procs;              /* into_fd has still to be joined */
    enum spawn_step step;
    int error; /* positive errno */
};

/* struct spawn_child *; returns the exit status when it could not exec. */
int spawn_child_run(void *child);

#endif
