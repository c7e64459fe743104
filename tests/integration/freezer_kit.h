/* SPDX-License-Identifier: MIT
 * freezer_kit.h - holds a process in v1's freezer, in which SIGKILL waits for the thaw.
 * Layer: tests. Uses: harness. */
#ifndef TESTS_FREEZER_KIT_H
#define TESTS_FREEZER_KIT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "supervisor/base/fs.h"
#include "tests/lib/harness.h"

static char freezer[64];

static inline void freezer_write(const char *file, const char *text) {
    char path[96];
    (void) snprintf(path, sizeof path, "%s/%s", freezer, file);
    assert_int_equal(fs_write_existing(AT_FDCWD, path, text, strlen(text)), 0);
}

/* Skips where there is none. */
static inline void freezer_freeze(pid_t pid) {
    char text[16], path[96];
    (void) snprintf(freezer, sizeof freezer, "/sys/fs/cgroup/freezer/mp-it-%d", getpid());
    harness_need("freezer", mkdir(freezer, 0755) == 0, "there is no v1 freezer to hold a process");
    (void) snprintf(text, sizeof text, "%d", pid);
    freezer_write("cgroup.procs", text);
    freezer_write("freezer.state", "FROZEN");
    (void) snprintf(path, sizeof path, "%s/freezer.state", freezer);
    for (int i = 0; i < HARNESS_PATIENCE_MS; i++) {
        if (fs_read_into(AT_FDCWD, path, text, sizeof text) > 0 && strncmp(text, "FROZEN", 6) == 0)
            return;
        (void) poll(NULL, 0, 1);
    }
    fail_msg("process %d does not freeze", pid);
}

static inline void freezer_thaw(void) {
    if (freezer[0] && access(freezer, F_OK) == 0)
        freezer_write("freezer.state", "THAWED");
}

/* Who was in it has ended, or is about to. */
static inline void freezer_clear(void) {
    for (int i = 0; rmdir(freezer) < 0 && errno == EBUSY && i < HARNESS_PATIENCE_MS; i++)
        (void) poll(NULL, 0, 1);
}

#endif
