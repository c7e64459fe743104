/* SPDX-License-Identifier: MIT
 * killpoint.h - named places between two steps on the disk, where a test cuts a program short.
 * Layer: 1, base. Uses: libc only.
 *
 * Compiled in by -DMINIPROG_KILLPOINTS alone (the Makefile's debug and asan variants); a release
 * has nothing of them, not even the names. $MINIPROG_KILLPOINT chooses, "NAME:N:ACTION" or several
 * of these with commas between them: at this process's N-th pass of NAME
 *   kill   it is killed
 *   stop   it stops: who started it does what it wants to the disk, and kills it
 * "note:PATH" instead: the name of each point passed is appended to that file, one a line.
 * S1 to S14: the steps of facts/updates.md §5.2. */
#ifndef BASE_KILLPOINT_H
#define BASE_KILLPOINT_H

#define KILLPOINTS(X)                                                                              \
    /* any file that is replaced durably: the states of S9 to S13 and their copies */              \
    X(REPLACE_WRITTEN)                                                                             \
    X(REPLACE_SYNCED)                                                                              \
    X(REPLACE_RENAMED)                                                                             \
    X(REPLACE_DURABLE)                                                                             \
    X(TREE_ENTRY_REMOVED) /* S14: of a tree on its way out */                                      \
    X(OPEN_LOCKED)        /* the store, at start */                                                \
    X(OPEN_CLEARED)                                                                                \
    X(INDEX_HEEDED)     /* S1, not yet saved */                                                    \
    X(DOWNLOAD_BEGUN)   /* S3 */                                                                   \
    X(PART_OPENED)      /* S3: where it goes to */                                                 \
    X(PART_DROPPED)     /* what there is of it is not needed any more */                           \
    X(STAGE_MADE)       /* S5 */                                                                   \
    X(UNPACK_FILE)      /* S5, the worker: each file */                                            \
    X(UNPACK_LISTED)    /* S5, the worker: all of them and their list */                           \
    X(WORKER_LOST)      /* it ended without a result */                                            \
    X(DELIVERED)        /* S4 and S5 are over, the stage is the daemon's */                        \
    X(TREE_ADOPTED)     /* S6 */                                                                   \
    X(TREE_SYNCED)      /* S7 */                                                                   \
    X(APP_MADE)         /* S8: its folder, not yet synced */                                       \
    X(VERSION_MOVED)    /* S8, not yet durable */                                                  \
    X(VERSION_DURABLE)  /* S8 */                                                                   \
    X(DATA_MADE)        /* of a first version */                                                   \
    X(COPY_SAVED)       /* S9 to S13: the copy is the next one, the state is not yet */            \
    X(STATE_SAVED)      /* S9 to S13 */                                                            \
    X(TAKE_OVER)        /* S10, not yet saved */                                                   \
    X(TRY_COUNTED)      /* S11, before the exec */                                                 \
    X(TRY_SPAWNED)      /* S11, after it */                                                        \
    X(TRIAL_SETTLED)    /* S12, S13: not yet saved */                                              \
    X(ROLL_BACK)        /* by hand, not yet saved */                                               \
    X(GC_BEGUN)         /* S14 */                                                                  \
    X(GC_LOCKED)        /* S14: one that goes */                                                   \
    X(TRASHED)          /* S14: out of sight, all of it still there */                             \
    X(DISCARDED)        /* a stage that came to nothing */                                         \
    X(REMOVE_UNCOPIED)  /* of an app: before its state goes */                                     \
    X(REMOVE_STATELESS) /* the state is gone, not yet durable */                                   \
    X(REMOVE_DURABLE)

#define X(name) KP_##name,
enum killpoint { KILLPOINTS(X) KP_COUNT };
#undef X

#ifdef MINIPROG_KILLPOINTS
#define KILLPOINT(name) killpoint_pass(KP_##name)
void killpoint_pass(enum killpoint point);
const char *killpoint_name(enum killpoint point);
/* "MINIPROG_KILLPOINT=…" for the environment of a worker, NULL: nothing is chosen. */
const char *killpoint_environment(void);
#else
#define KILLPOINT(name)         ((void) 0)
#define killpoint_environment() NULL
#endif

#endif
