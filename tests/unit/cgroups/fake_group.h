/* SPDX-License-Identifier: MIT
 * fake_group.h - a root with one app's group in folders that look like a memory controller's.
 * Layer: tests. Uses: cgroups, base.
 *
 * Nothing behind the files acts: a test plays the kernel, by writing them, by counting up an
 * eventfd that was registered, or by wrapping the write. */
#ifndef TESTS_FAKE_GROUP_H
#define TESTS_FAKE_GROUP_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cgroups/backend.h"
#include "supervisor/base/fs.h"

struct fake {
    char path[64];
    int dir_fd; /* of path */
    struct cgrp_root root;
    struct cgrp_group group;
};

static inline void fake_write(int dir_fd, const char *name, const char *text) {
    int fd = openat(dir_fd, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), (ssize_t) strlen(text));
    close(fd);
}

static inline const char *fake_read(int dir_fd, const char *name) {
    static char text[4096];

    assert_true(fs_read_into(dir_fd, name, text, sizeof text) >= 0);
    text[strcspn(text, "\n")] = '\0';
    return text;
}

static inline int fake_folder(int dir_fd, const char *name) {
    assert_int_equal(mkdirat(dir_fd, name, 0700), 0);
    int fd = openat(dir_fd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    assert_true(fd >= 0);
    return fd;
}

/* Usage and cache as both kinds of tree tell them. */
static inline void fake_usage(int dir_fd, uint64_t usage, uint64_t cache) {
    char text[256];

    (void) snprintf(text, sizeof text, "%" PRIu64 "\n", usage);
    fake_write(dir_fd, "memory.current", text);
    fake_write(dir_fd, "memory.usage_in_bytes", text);
    /* 1000 bytes of it are shmem, which cannot go; the group's own figures are for a hurry. */
    (void) snprintf(text, sizeof text,
                    "cache 7\nfile %" PRIu64 "\nshmem 1000\nfile_dirty 5\ntotal_cache %" PRIu64
                    "\ntotal_shmem 1000\n",
                    cache + 1000, cache + 1000);
    fake_write(dir_fd, "memory.stat", text);
}

static inline void fake_files(int dir_fd) {
    fake_usage(dir_fd, 0, 0);
    fake_write(dir_fd, "cgroup.event_control", "");
    fake_write(dir_fd, "memory.pressure_level", "");
    fake_write(dir_fd, "memory.limit_in_bytes", "");
    fake_write(dir_fd, "memory.max", "");
    fake_write(dir_fd, "memory.high", "");
    fake_write(dir_fd, "memory.reclaim", "");
    fake_write(dir_fd, "memory.force_empty", "");
    fake_write(dir_fd, "memory.oom_control", "oom_kill_disable 0\nunder_oom 0\noom_kill 0\n");
    fake_write(dir_fd, "memory.events", "low 0\nhigh 0\nmax 0\noom 7\noom_kill 0\n");
    fake_write(dir_fd, "memory.events.local", "low 0\nhigh 0\nmax 0\noom 7\noom_kill 0\n");
}

static inline struct fake *fake_new(const struct cgrp_backend *backend) {
    struct fake *f = calloc(1, sizeof *f);
    struct cgrp_dirs none = { .base_fd = -1, .top_fd = -1, .apps_fd = -1 };

    strcpy(f->path, "/tmp/test-memory-XXXXXX");
    assert_non_null(mkdtemp(f->path));
    f->dir_fd = open(f->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    f->root.backend = backend;
    f->root.limits_memory = backend != &cgrp_none;
    list_init(&f->root.groups);
    f->root.v2 = f->root.v1[CGRP_V1_MEMORY] = f->root.v1[CGRP_V1_PIDS] = none;
    f->root.proc_fd = fake_folder(f->dir_fd, "proc");
    fake_write(f->root.proc_fd, "meminfo",
               "MemTotal:        1000 kB\nMemFree:          7 kB\nMemAvailable:     500 kB\n");
    f->group.root = &f->root;
    strcpy(f->group.name, "app-one");
    f->group.dir_fd = f->group.v1_fd[0] = f->group.v1_fd[1] = -1;
    if (backend == &cgrp_none)
        return f;
    f->root.v2.path = malloc(128);
    (void) snprintf(f->root.v2.path, 128, "%s/v2", f->path);
    f->root.v2.apps_fd = fake_folder(f->dir_fd, "v2");
    fake_files(f->root.v2.apps_fd);
    f->group.dir_fd = fake_folder(f->root.v2.apps_fd, f->group.name);
    fake_files(f->group.dir_fd);
    if (backend == &cgrp_hybrid) {
        f->root.v1[CGRP_V1_MEMORY].apps_fd = fake_folder(f->dir_fd, "v1");
        fake_files(f->root.v1[CGRP_V1_MEMORY].apps_fd);
        f->group.v1_fd[CGRP_V1_MEMORY] =
            fake_folder(f->root.v1[CGRP_V1_MEMORY].apps_fd, f->group.name);
        fake_files(f->group.v1_fd[CGRP_V1_MEMORY]);
    }
    return f;
}

static inline void fake_free(struct fake *f) {
    if (f->group.dir_fd >= 0)
        close(f->group.dir_fd);
    if (f->group.v1_fd[CGRP_V1_MEMORY] >= 0)
        close(f->group.v1_fd[CGRP_V1_MEMORY]);
    if (f->root.v2.apps_fd >= 0)
        close(f->root.v2.apps_fd);
    if (f->root.v1[CGRP_V1_MEMORY].apps_fd >= 0)
        close(f->root.v1[CGRP_V1_MEMORY].apps_fd);
    close(f->root.proc_fd);
    free(f->root.v2.path);
    close(f->dir_fd);
    assert_int_equal(fs_remove_tree(AT_FDCWD, f->path, NULL), 0);
    free(f);
}

/* Where the memory controller has the group of all apps, and the one app's. */
static inline int fake_apps(const struct fake *f) {
    return f->root.backend == &cgrp_hybrid ? f->root.v1[CGRP_V1_MEMORY].apps_fd
                                           : f->root.v2.apps_fd;
}
static inline int fake_app(const struct fake *f) {
    return f->root.backend == &cgrp_hybrid ? f->group.v1_fd[CGRP_V1_MEMORY] : f->group.dir_fd;
}

/* The kernel has something to say of that group. */
static inline void fake_event(const struct fake *f, int dir_fd, const char *events_file) {
    const uint64_t one = 1;
    int fd;

    if (f->root.backend == &cgrp_unified) {
        fd = openat(dir_fd, events_file, O_WRONLY | O_CLOEXEC);
        assert_int_equal(write(fd, "l", 1), 1); /* what it says is "low 0" still */
        close(fd);
        return;
    }
    assert_int_equal(sscanf(fake_read(dir_fd, "cgroup.event_control"), "%d ", &fd), 1);
    assert_int_equal(write(fd, &one, sizeof one), sizeof one);
}

#endif
