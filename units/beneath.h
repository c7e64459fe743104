/* SPDX-License-Identifier: MIT
 * beneath.h - open by path inside a folder, never outside of it.
 * Layer: 2, units. Uses: base.
 *
 * The path comes from a package or from somebody else's folder. No component of it may be a
 * symbolic link, and nothing leads above dir_fd, whatever is swapped meanwhile. */
#ifndef UNITS_BENEATH_H
#define UNITS_BENEATH_H

#include <sys/stat.h>
#include <sys/types.h>

/* A descriptor (O_CLOEXEC is added) or -errno: -ELOOP a symbolic link on the way; -EXDEV it leads
 * out. mode counts with O_CREAT only. Source: openat2(2), RESOLVE_BENEATH. */
int beneath_open(int dir_fd, const char *path, int flags, mode_t mode);

/* What the path leads to; 0 or -errno as above. */
int beneath_stat(int dir_fd, const char *path, struct stat *ret);

#endif
