/* SPDX-License-Identifier: MIT
 * store.h - where apps live on disk: versions side by side, one state file as the only commit
 * point. Layer: 2, units. Uses: base.
 *
 *   <state dir>/lock                      flock: one supervisor
 *   <state dir>/{staging,trash}/<random>/ what a worker writes, never run from; on its way out
 *   <state dir>/parts/                    downloads that broke off (store_part.h)
 *   <state dir>/apps/<id>/state           the commit point: JSON line and checksum line
 *   <state dir>/apps/<id>/versions/<code>-<hash16>/{package/, files}   immutable once there
 *   <state dir>/copies/<id>:state         the same once more, written first: where a state is lost
 * or put back to an older one, floor, pinned key and sequence hold, and what can be is restored
 *   <state dir>/apps/<id>/data/           the app's own, 0700; no update touches it
 *   <state dir>/apps/<id>/exit_state      what the app handed over (exitstate.h)
 *
 * Every version that a state file names is complete on disk before it is named, and is never
 * changed or removed while it is named. Calls block on the disk: not for the event loop, but for
 * store_open, store_load and store_version_open at start.
 * Source: facts/updates.md §5. */
#ifndef UNITS_STORE_H
#define UNITS_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct err;
struct store;

#define STORE_VERSION_NAME_MAX 40 /* "<code>-<16 hex>" and NUL */
#define STORE_HASH_HEX         64

/* One version of one app. name[0] == 0: none. */
struct store_version {
    uint64_t code;
    char name[STORE_VERSION_NAME_MAX];   /* its folder */
    char files_hash[STORE_HASH_HEX + 1]; /* SHA-256 of the file list */
    bool is_unsigned;                    /* installed for development */
};

struct store_state {
    uint64_t seq; /* grows by one at each commit */
    struct store_version current, previous, pending;
    /* members that later issues add are kept through load and save */
    char *rest; /* JSON object text of members unknown here, or NULL */
};

/* Fills *v, its name from the code (1 to 2^53) and the hash; -EINVAL: one of them is not of its
 * form. */
int store_version_set(struct store_version *v, uint64_t code, const char *files_hash,
                      bool is_unsigned);
/* Its name is the one that code and hash give. */
bool store_version_is_sound(const struct store_version *v);

/* Opens and locks; makes what is missing; clears staging and trash of an earlier run.
 * Errors: -EBUSY another supervisor has it; -EOPNOTSUPP a file system that cannot keep it (by
 * name). */
int store_open(const char *state_dir, struct store **ret, struct err *e);
struct store *store_close(struct store *s);
int store_fd(const struct store *s);           /* the state folder; borrowed */
bool store_is_volatile(const struct store *s); /* on tmpfs: nothing survives a reboot */

/* Calls seen(id, userdata) for each installed app: its state file names a current version, or is
 * damaged (store_load() tells). */
int store_list(struct store *s, void (*seen)(const char *id, void *userdata), void *userdata,
               struct err *e);

/* -ENOENT: not installed. -EBADMSG: the state file is damaged (e says how), and neither a state.tmp
 * with a good checksum and a higher seq nor the copy can take its place. */
int store_load(struct store *s, const char *id, struct store_state *ret, struct err *e);
/* Durable once it returns 0; seq is raised. Makes the app's folder if it is missing. */
int store_save(struct store *s, const char *id, struct store_state *state, struct err *e);
void store_state_clear(struct store_state *state);
/* What is remembered of an app that was lost (not removed), for a new installation: its seq and
 * rest, no versions. -ENOENT: nothing. */
int store_recall(struct store *s, const char *id, struct store_state *ret, struct err *e);

/* An empty folder for a worker, owned by `owner` (0700). ret_fd is its descriptor. */
int store_stage_begin(struct store *s, uid_t owner, gid_t group, char name[17], int *ret_fd,
                      struct err *e);
/* Takes what a worker left in a stage: package/ and files (filelist.h). Checks that it has plain
 * files and folders only and is exactly what `files` says (hashes are the worker's word), makes it
 * ours (owner; files 0444, with the x bit 0555; folders 0755), syncs it and moves it to versions/.
 * The worker must be gone. The same version there already is success.
 *   version  sound (store_version_set())
 * Errors discard the stage: -EBADMSG a bad tree (PACKAGE_TREE), -E2BIG too large (PACKAGE_LIMITS);
 * others are storage's. Once it returns 0 the version outlives a power cut. */
int store_stage_commit(struct store *s, const char *name, const char *id,
                       const struct store_version *version, struct err *e);
void store_stage_discard(struct store *s, const char *name);

/* The package folder of a version; its descriptor holds a shared lock while it is open (in any
 * process): garbage collection leaves a locked version alone. -ENOENT: there is no such version. */
int store_version_open(struct store *s, const char *id, const char *version_name,
                       int *ret_package_fd, struct err *e);
/* Removes versions that the state does not name, nobody holds, and that are not `keep`
 * (NULL-terminated, may be NULL). A damaged state removes nothing: -EBADMSG. */
int store_gc(struct store *s, const char *id, const char *const *keep, struct err *e);

/* The same for every app, at start: what a supervisor that died left. A folder without a state,
 * which may be all that there is of an installation, goes but for data that have something. What
 * runs must be held by then. */
int store_tidy(struct store *s, struct err *e);

/* The app's folder (0711); -ENOENT: there is none. */
int store_app_fd(struct store *s, const char *id, int *ret_fd, struct err *e);
/* Its data folder: made (0700), or given over with all that its owner of now has in it. No process
 * of the app may run meanwhile. */
int store_data_prepare(struct store *s, const char *id, uid_t uid, gid_t gid, struct err *e);
/* Who owns the data folder; -ENOENT: there is none. */
int store_data_owner(struct store *s, const char *id, uid_t *ret, struct err *e);
/* Calls seen for each data folder, installed or kept by Remove(keep_data): its uid is in use. */
int store_list_data(struct store *s, void (*seen)(const char *id, uid_t owner, void *userdata),
                    void *userdata, struct err *e);

/* Takes the app out: state first (durable), then versions, then data unless kept. -ENOENT: there is
 * nothing of it. Locks are not asked: the app must have ended. */
int store_remove(struct store *s, const char *id, bool keep_data, struct err *e);

#endif
