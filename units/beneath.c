/* SPDX-License-Identifier: MIT */
#include "units/beneath.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/syscall.h>

#include "supervisor/base/cleanup.h"

int beneath_open(int dir_fd, const char *path, int flags, mode_t mode) {
    struct open_how how = {
        .flags = (unsigned) flags | O_CLOEXEC,
        .mode = flags & O_CREAT ? mode : 0, /* openat2() refuses a mode without O_CREAT */
        .resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS,
    };
    long fd = syscall(SYS_openat2, dir_fd, path, &how, sizeof how);
    return fd < 0 ? -errno : (int) fd;
}

int beneath_stat(int dir_fd, const char *path, struct stat *ret) {
    CLEANUP(close_p) int fd = beneath_open(dir_fd, path, O_PATH, 0);
    struct stat st;

    if (fd < 0)
        return fd;
    if (fstat(fd, &st) < 0)
        return -errno;
    *ret = st;
    return 0;
}
