/* SPDX-License-Identifier: MIT */
#include "cgroups/reclaim.h"

#include "cgroups/backend.h"
#include "supervisor/base/cleanup.h"
#include "supervisor/base/err.h"
#include "supervisor/base/fs.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

int cgrp_reclaim_open(const struct cgrp_group *group, struct cgrp_reclaim *ret, struct err *e) {
    enum cgrp_kind kind = group->root->backend->kind;
    bool v1 = kind == CGRP_HYBRID;
    int dir_fd = v1 ? group->v1_fd[CGRP_V1_MEMORY] : group->dir_fd;
    const char *file = v1 ? "memory.force_empty" : "memory.reclaim";

    if (kind == CGRP_NONE || dir_fd < 0)
        return err_set(e, -EOPNOTSUPP, "no memory controller to reclaim '%s' with",
                       cgrp_group_label(group));
    if (faccessat(dir_fd, file, W_OK, 0) < 0)
        return err_set(e, -EOPNOTSUPP, "this kernel has no %s", file);
    int fd = fcntl(dir_fd, F_DUPFD_CLOEXEC, 3);
    if (fd < 0)
        return err_set(e, -errno, "cannot reclaim '%s': %s", cgrp_group_label(group),
                       strerror(errno));
    ret->dir_fd = fd;
    ret->v1 = v1;
    ret->freed = ret->slices = 0;
    atomic_init(&ret->cancel, false);
    return 0;
}

void cgrp_reclaim_close(struct cgrp_reclaim *r) {
    close_p(&r->dir_fd);
    r->dir_fd = -1;
}

static bool is_gone(int r) {
    return r == -ENOENT || r == -ENODEV;
}

static int usage_of(const struct cgrp_reclaim *r, uint64_t *ret) {
    return fs_read_u64(r->dir_fd, r->v1 ? "memory.usage_in_bytes" : "memory.current", ret);
}

/* One write and what it brought. Errors: -EAGAIN there was less than asked. */
static int slice(struct cgrp_reclaim *r, uint64_t bytes) {
    uint64_t before, after;
    char text[24];

    int x = usage_of(r, &before);
    if (x < 0)
        return x;
    (void) snprintf(text, sizeof text, "%" PRIu64, r->v1 ? 0 : bytes);
    int wrote = fs_write_existing(r->dir_fd, r->v1 ? "memory.force_empty" : "memory.reclaim", text,
                                  strlen(text));
    r->slices++;
    x = usage_of(r, &after);
    if (x == 0 && before > after)
        r->freed += before - after;
    return wrote < 0 ? wrote : x;
}

int cgrp_reclaim_run(struct cgrp_reclaim *r, uint64_t bytes, struct err *e) {
    int x = 0;

    while (x == 0 && bytes > 0 && !atomic_load(&r->cancel)) {
        uint64_t part = bytes < CGRP_RECLAIM_SLICE ? bytes : CGRP_RECLAIM_SLICE;
        x = slice(r, part);
        if (bytes != CGRP_NO_LIMIT)
            bytes -= part;
        if (r->v1)
            break;
    }
    if (x == 0 || x == -EAGAIN || is_gone(x))
        return 0;
    return err_set(e, x, "cannot reclaim: %s", strerror(-x));
}
