/* SPDX-License-Identifier: MIT
 * store.h - where apps live on disk: versions side by side, one state file as the only commit point.
 * Layer: 2, units. Uses: base.
 *
 *   <state dir>/lock                      flock: one supervisor
 *   <state dir>/staging/<random>/         what a worker writes; never run from
 *   <state dir>/trash/<random>/           on its way out
 *   <state dir>/apps/<id>/state           the commit point: JSON line and checksum line
 *   <state dir>/apps/<id>/versions/<code>-<hash16>/{package/, files}   immutable once there
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

/* Opens and locks; makes what is missing; clears staging and trash of an earlier run.
 * Errors: -EBUSY another supervisor has it; -EOPNOTSUPP a file system that cannot keep it (by name). */
int store_open(const char *state_dir, struct store **ret, struct err *e);
struct store *store_close(struct store *s);
int store_fd(const struct store *s); /* the state folder; borrowed */
bool store_is_volatile(const struct store *s); /* on tmpfs: nothing survives a reboot */

/* Calls seen(id, userdata) for each installed app (its state file names a current version). */
int store_list(struct store *s, void (*seen)(const char *id, void *userdata), void *userdata, struct err *e);

/* -ENOENT: not installed. -EBADMSG: the state file is damaged (e says how); a state.tmp with a good checksum
 * and a higher seq is taken instead. */
int store_load(struct store *s, const char *id, struct store_state *ret, struct err *e);
/* Durable once it returns 0; seq is raised. Makes the app's folder if it is missing. */
int store_save(struct store *s, const char *id, struct store_state *state, struct err *e);
void store_state_clear(struct store_state *state);

/* An empty folder for a worker, owned by `owner` (0700). ret_fd is its descriptor. */
int store_stage_begin(struct store *s, uid_t owner, gid_t group, char name[17], int *ret_fd, struct err *e);
/* Checks the staged tree (plain files and folders only, names, limits), makes it ours: owner, modes (0444, 0555 with x bit,
 * folders 0755), syncs it, moves it to versions/. The worker must be gone.
 *   version     its name and files_hash are the file's "files" list as the worker wrote it, checked against the tree
 * Errors discard the tree. ret_fault: PACKAGE_TREE, PACKAGE_LIMITS … on a bad tree. */
int store_stage_commit(struct store *s, const char *name, const char *id, const struct store_version *version,
                       struct err *e);
void store_stage_discard(struct store *s, const char *name);

/* The package folder of a version, O_PATH-free O_DIRECTORY descriptor holding a shared lock while it is open: garbage
 * collection leaves a locked version alone. */
int store_version_open(struct store *s, const char *id, const char *version_name, int *ret_package_fd, struct err *e);
/* Removes versions that the state does not name, nobody holds, and that are not `keep` (NULL-terminated, may be NULL). */
int store_gc(struct store *s, const char *id, const char *const *keep, struct err *e);

/* The app's folder (0711) and its data folder (0700, owned by uid:gid; made or given over if needed). */
int store_app_fd(struct store *s, const char *id, int *ret_fd, struct err *e);
int store_data_prepare(struct store *s, const char *id, uid_t uid, gid_t gid, struct err *e);
/* Who owns the data folder; -ENOENT: there is none. */
int store_data_owner(struct store *s, const char *id, uid_t *ret, struct err *e);
/* Calls seen for each data folder, installed or kept by Remove(keep_data): its uid is in use. */
int store_list_data(struct store *s, void (*seen)(const char *id, uid_t owner, void *userdata), void *userdata,
                    struct err *e);

/* Takes the app out: state first (durable), then versions, then data unless kept. */
int store_remove(struct store *s, const char *id, bool keep_data, struct err *e);

#endif
