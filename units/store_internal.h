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

struct store {
    int dir_fd; /* opened before anything is written: its syncfs(2) tells of every error since */
    int lock_fd;
    int apps_fd, staging_fd, trash_fd;
    bool is_volatile;
};

/* make: with its versions folder, durably; else -ENOENT where there is none. -EINVAL a bad id. */
int store_app_open(struct store *s, const char *id, bool make, int *ret_fd, struct err *e);

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
