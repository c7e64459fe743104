/* SPDX-License-Identifier: MIT
 * fake_tree.h - folders shaped like /proc and like cgroup trees, in a temporary folder.
 * Layer: tests. Uses: libc. */
#ifndef TESTS_FAKE_TREE_H
#define TESTS_FAKE_TREE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct fake {
    char base[40]; /* /tmp/cgrp-XXXXXX */
    char proc[64]; /* <base>/proc */
    int proc_fd;
};

/* Writes a file below base, with its folders. */
static inline void fake_write(const struct fake *f, const char *name, const char *text) {
    char path[PATH_MAX];

    (void) snprintf(path, sizeof path, "%s/%s", f->base, name);
    for (char *p = path + strlen(f->base) + 1; (p = strchr(p, '/')); p++) {
        *p = '\0';
        (void) mkdir(path, 0755);
        *p = '/';
    }
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
    close(fd);
}

/* The same; every "@" in the text stands for base. */
static inline void fake_write_at(const struct fake *f, const char *name, const char *text) {
    char out[8192] = "";

    for (size_t n = 0; *text; text++)
        if (*text == '@')
            n += (size_t) snprintf(out + n, sizeof out - n, "%s", f->base);
        else
            out[n++] = *text;
    fake_write(f, name, out);
}

static inline void fake_assert_file(const struct fake *f, const char *name, const char *want) {
    char path[PATH_MAX], text[256] = "";

    (void) snprintf(path, sizeof path, "%s/%s", f->base, name);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        fail_msg("no file %s", name);
    assert_true(read(fd, text, sizeof text - 1) >= 0);
    close(fd);
    assert_string_equal(text, want);
}

static inline bool fake_exists(const struct fake *f, const char *name) {
    char path[PATH_MAX];

    (void) snprintf(path, sizeof path, "%s/%s", f->base, name);
    return access(path, F_OK) == 0;
}

static inline int fake_set_up(void **state) {
    struct fake *f = calloc(1, sizeof *f);

    strcpy(f->base, "/tmp/cgrp-XXXXXX");
    assert_non_null(mkdtemp(f->base));
    (void) snprintf(f->proc, sizeof f->proc, "%s/proc", f->base);
    assert_int_equal(mkdir(f->proc, 0755), 0);
    f->proc_fd = open(f->proc, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    *state = f;
    return 0;
}

static inline int fake_remove_one(const char *path, const struct stat *st, int type,
                                  struct FTW *at) {
    (void) st, (void) type, (void) at;
    return remove(path);
}

static inline int fake_tear_down(void **state) {
    struct fake *f = *state;

    close(f->proc_fd);
    (void) nftw(f->base, fake_remove_one, 16, FTW_DEPTH | FTW_PHYS);
    free(f);
    return 0;
}

#define fake_test(fn) cmocka_unit_test_setup_teardown(fn, fake_set_up, fake_tear_down)

#endif
