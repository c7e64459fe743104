/* SPDX-License-Identifier: MIT
 * folder.h - tells when anything in a folder, or below it, changes.
 * Layer: 4, ctl. Uses: base. */
#ifndef CTL_FOLDER_H
#define CTL_FOLDER_H

#include <stdbool.h>

struct err;

/* An inotify descriptor on the folder and all folders below; *ret_fd is the caller's. */
int folder_watch(const char *folder, int *ret_fd, struct err *e);
/* The same again, for folders that are new; what is watched stays so. */
int folder_watch_more(int fd, const char *folder, struct err *e);
/* Takes what has happened; true if it matters: hidden files and editors' copies do not. */
bool folder_changed(int fd);

#endif
