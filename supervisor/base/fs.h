/* SPDX-License-Identifier: MIT
 * fs.h - small files and folders, always relative to a directory descriptor.
 * Layer: 1, base. Uses: libc only.
 *
 * No function follows a symbolic link in the last component. `e` may be NULL; the text names
 * the file. dir_fd may be AT_FDCWD. */
#ifndef BASE_FS_H
#define BASE_FS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct err;

/* Reads a whole small file (also of /proc, /sys: size unknown).
 *   max       most bytes taken; more is -EFBIG
 *   ret       malloc'd, NUL-terminated, the caller's; ret_len without the NUL, may be NULL
 * Errors: as openat(2), read(2); -EFBIG; -ENOMEM. */
int fs_read(int dir_fd, const char *name, size_t max, char **ret, size_t *ret_len, struct err *e);

/* The same into a buffer of the caller, NUL-terminated, no memory taken; returns the length. */
ssize_t fs_read_into(int dir_fd, const char *name, char *buf, size_t size);

/* The first number of a kernel file ("max" is UINT64_MAX). */
int fs_read_u64(int dir_fd, const char *name, uint64_t *ret_value);

/* One write(2) to an existing file (kernel files). */
int fs_write_existing(int dir_fd, const char *name, const void *bytes, size_t n);

enum fs_sync { FS_VOLATILE, FS_DURABLE };

/* Replaces `name` by write to "<name>.tmp", rename. FS_DURABLE also syncs the contents before
 * the rename and the folder after it: once it returns 0 it outlives a power cut. A reader sees
 * the old or the new contents, never neither. Source: rename(2), fsync(2) NOTES. */
int fs_replace(int dir_fd, const char *name, const void *bytes, size_t n, mode_t mode,
               enum fs_sync sync, struct err *e);

/* Makes the folder and missing parents, each with `mode` (not changed by the umask); an existing
 * folder is success and keeps its mode. */
int fs_mkdirs(const char *path, mode_t mode, struct err *e);

/* Makes one folder if it is missing; ret_fd (may be NULL) is an O_DIRECTORY|O_CLOEXEC descriptor.
 */
int fs_mkdir(int dir_fd, const char *name, mode_t mode, int *ret_fd, struct err *e);

int fs_open_dir(int dir_fd, const char *name, int *ret_fd, struct err *e);

/* Removes a file or a whole tree without following links or leaving the file system it starts
 * on; a missing one is success. */
int fs_remove_tree(int dir_fd, const char *name, struct err *e);

/* fsync(2) of a folder. */
int fs_sync_dir(int dir_fd, struct err *e);

#endif
