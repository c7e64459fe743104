/* SPDX-License-Identifier: MIT
 * scratch.h - a folder of its own for each test, and short words to fill it. */
#ifndef TESTS_UNITS_SCRATCH_H
#define TESTS_UNITS_SCRATCH_H

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "supervisor/base/fs.h"

struct scratch {
    char path[64];
    int fd;
};

static inline struct scratch scratch_make(void) {
    struct scratch s = { .path = "/tmp/miniprog-test-XXXXXX", .fd = -1 };
    if (!mkdtemp(s.path) || (s.fd = open(s.path, O_DIRECTORY | O_CLOEXEC)) < 0)
        fail_msg("no scratch folder: %s", strerror(errno));
    return s;
}

static inline void scratch_remove(struct scratch *s) {
    close(s->fd);
    assert_int_equal(fs_remove_tree(AT_FDCWD, s->path, NULL), 0);
}

static inline void put_folder(int dir_fd, const char *name) {
    if (mkdirat(dir_fd, name, 0755) < 0)
        fail_msg("mkdir %s: %s", name, strerror(errno));
}

static inline void put_bytes(int dir_fd, const char *name, const void *bytes, size_t n,
                             mode_t mode) {
    int fd = openat(dir_fd, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode);
    if (fd < 0 || fchmod(fd, mode) < 0 || write(fd, bytes, n) != (ssize_t) n)
        fail_msg("write %s: %s", name, strerror(errno));
    close(fd);
}

static inline void put_file(int dir_fd, const char *name, const char *text, mode_t mode) {
    put_bytes(dir_fd, name, text, strlen(text), mode);
}

static inline bool is_there(int dir_fd, const char *name) {
    return faccessat(dir_fd, name, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

static inline struct stat look(int dir_fd, const char *name) {
    struct stat st = { 0 };
    if (fstatat(dir_fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
        fail_msg("stat %s: %s", name, strerror(errno));
    return st;
}

/* 0 also where there is no such folder. */
static inline size_t count_entries(int dir_fd, const char *path) {
    int fd = openat(dir_fd, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *dir = fd < 0 ? NULL : fdopendir(fd);
    size_t n = 0;
    for (struct dirent *d; dir && (d = readdir(dir));)
        n += strcmp(d->d_name, ".") != 0 && strcmp(d->d_name, "..") != 0;
    if (dir)
        closedir(dir);
    return n;
}

#endif
