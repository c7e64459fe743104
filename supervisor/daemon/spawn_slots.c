/* SPDX-License-Identifier: MIT */
#include "supervisor/daemon/spawn_slots.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "supervisor/base/cleanup.h"

int spawn_slots_open(struct spawn_slots *s) {
    CLEANUP(close_p) int null = open("/dev/null", O_RDWR | O_CLOEXEC);

    if (null < 0)
        return -errno;
    s->highest = -1;
    for (int i = 0; i < SPAWN_SLOTS; i++) {
        s->fd[i] = fcntl(null, F_DUPFD_CLOEXEC, 3 + SPAWN_KEEP_MAX + 1);
        if (s->fd[i] < 0)
            return -errno;
        if (s->fd[i] > s->highest)
            s->highest = s->fd[i];
    }
    return 0;
}

static int fill(const struct spawn_slots *s, int slot, int fd) {
    return dup3(fd, s->fd[slot], O_CLOEXEC) < 0 ? -errno : 0;
}

int spawn_slots_fill(const struct spawn_slots *s, const struct spawn_request *req,
                     enum spawn_slot *ret_slot) {
    int slot = SPAWN_SLOT_CWD;
    int r = fill(s, slot, req->cwd_fd);

    if (r == 0 && req->output_fd >= 0)
        r = fill(s, slot = SPAWN_SLOT_OUTPUT, req->output_fd);
    for (size_t i = 0; i < req->n_keep && r == 0; i++)
        r = fill(s, slot = SPAWN_SLOT_KEEP + (int) i, req->keep[i]);
    if (r < 0) {
        *ret_slot = (enum spawn_slot) slot;
        spawn_slots_empty(s, req);
    }
    return r;
}

void spawn_slots_empty(const struct spawn_slots *s, const struct spawn_request *req) {
    int saved = errno;

    (void) fill(s, SPAWN_SLOT_CWD, s->fd[SPAWN_SLOT_NULL]);
    if (req->output_fd >= 0)
        (void) fill(s, SPAWN_SLOT_OUTPUT, s->fd[SPAWN_SLOT_NULL]);
    for (size_t i = 0; i < req->n_keep; i++)
        (void) fill(s, SPAWN_SLOT_KEEP + (int) i, s->fd[SPAWN_SLOT_NULL]);
    errno = saved;
}
