/* SPDX-License-Identifier: MIT
 * store_internal.h - what the files of the store share; not for others.
 * Layer: 2, units. Uses: base. */
#ifndef UNITS_STORE_INTERNAL_H
#define UNITS_STORE_INTERNAL_H

#include <dirent.h>
#include <stdbool.h>

#include "units/store.h"

#define STORE_STATE     "state"
#define STORE_STATE_TMP "state.tmp" /* as fs_replace() names it */
#define STORE_VERSIONS  "versions"
#define STORE_PACKAGE   "package"
#define STORE_FILES     "files"
#define STORE_DATA      "data"
#define STATE_MODE      0600

struct store {
    int dir_fd; /* opened before anything is written: its syncfs(2) tells of every error since */
    int lock_fd;
    int apps_fd, staging_fd, trash_fd, copies_fd, parts_fd;
    bool is_volatile;
};

/* make: with its versions folder, durably; else -ENOENT where there is none. -EINVAL a bad id. */
int store_app_open(struct store *s, const char *id, bool make, int *ret_fd, struct err *e);

/* Nothing is named that is not there: the one rule of the store. -ENOENT. */
int store_check_named(int app_fd, const struct store_version *v, struct err *e);
int store_read_state(int dir_fd, const char *name, struct store_state *ret, uint64_t *ret_seq,
                     struct err *e);

#define STORE_COPY_NAME_MAX 80 /* "<id>:state" and NUL */
/* The copy's name: no id has a colon, so that no copy is another one's temporary file. */
void store_copy_name(const char *id, char ret[STORE_COPY_NAME_MAX]);
/* The copy of a state (store_copy.c); -ENOENT: there is none that can be read. */
int store_copy_load(struct store *s, const char *id, struct store_state *ret);
int store_copy_drop(struct store *s, const char *id, struct err *e);
/* Where the state itself cannot be used: makes it anew of the copy, whose current version must be
 * there. -ENOENT. */
int store_copy_restore(struct store *s, const char *id, int app_fd, struct store_state *ret);
/* A state that is older than its copy (put back by hand, by a file system that lost the last one)
 * does not take back what must not go back. -ENOMEM. */
int store_copy_raise(struct store *s, const char *id, struct store_state *state, struct err *e);

/* 16 random hex digits. */
int store_random_name(char name[17], struct err *e);

/* Renames it out of sight at once, then removes it; what cannot be removed now is cleared by the
 * next store_open(). */
int store_trash(struct store *s, int dir_fd, const char *name, struct err *e);

/* Holds a stage against its list of files and makes it ours. Errors as store_stage_commit(). */
int store_tree_adopt(int stage_fd, struct err *e);

/* A folder's entries without "." and ".."; the descriptor is borrowed and its offset unchanged. */
DIR *store_dir_open(int fd);
struct dirent *store_dir_next(DIR *dir); /* NULL: the end, or errno is not 0 */
void store_dir_close_p(DIR **dir);       /* for CLEANUP() */

#endif
