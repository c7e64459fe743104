/* SPDX-License-Identifier: MIT */
#include "supervisor/worker/sink.h"

#include <inttypes.h>
#include <poll.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "supervisor/base/cleanup.h"
#include "supervisor/base/err.h"
#include "supervisor/base/str.h"
#include "supervisor/worker/verdict.h"

#define PIECE   ((size_t) 64 * 1024)
#define TELL_MS 100 /* between two lines of progress, at least */

uint64_t monotonic_ms(void) {
    struct timespec t;

    (void) clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t) t.tv_sec * 1000 + (uint64_t) t.tv_nsec / 1000000;
}

static int failed(struct verdict *v) {
    int r = -errno;
    return err_set(v->e, r, "cannot write the download: %s", strerror(-r));
}

int sink_restart(struct sink *s, struct verdict *v) {
    if (ftruncate(s->file_fd, 0) < 0)
        return failed(v);
    s->progress = (struct worker_progress){ .bytes = 0 };
    sum_begin(&s->sum);
    return 0;
}

static int hash_again(struct sink *s, uint64_t size, struct verdict *v) {
    CLEANUP(free_p) unsigned char *buffer = malloc(PIECE);

    if (!buffer)
        return err_set(v->e, -ENOMEM, "no memory to fetch with");
    while (s->progress.bytes < size) {
        ssize_t n = pread(s->file_fd, buffer, PIECE, (off_t) s->progress.bytes);
        if (n <= 0)
            return n < 0 ? failed(v) : err_set(v->e, -EIO, "the download became shorter");
        sum_add(&s->sum, buffer, (size_t) n);
        s->progress.bytes += (uint64_t) n;
    }
    return 0;
}

int sink_open(struct sink *s, int file_fd, int tell_fd, uint64_t cap, uint64_t keep,
              struct verdict *v) {
    struct stat st;

    *s = (struct sink){ .file_fd = file_fd, .tell_fd = tell_fd, .cap = cap };
    sum_begin(&s->sum);
    if (fstat(file_fd, &st) < 0 || !S_ISREG(st.st_mode))
        return err_set(v->e, -EBADF, "there is no regular file to fetch into");
    if ((uint64_t) st.st_size > keep)
        return sink_restart(s, v);
    return hash_again(s, (uint64_t) st.st_size, v);
}

int sink_write(struct sink *s, const void *bytes, size_t n, struct verdict *v) {
    if (n > s->cap - s->progress.bytes)
        return refuse(v, PACKAGE_LIMITS, "it has more than %" PRIu64 " bytes", s->cap);
    sum_add(&s->sum, bytes, n);
    for (const char *p = bytes; n > 0;) {
        ssize_t written = pwrite(s->file_fd, p, n, (off_t) s->progress.bytes);
        if (written < 0)
            return failed(v);
        p += written;
        n -= (size_t) written;
        s->progress.bytes += (uint64_t) written;
    }
    sink_tell(s, 0);
    return 0;
}

void sink_tell(struct sink *s, int always) {
    CLEANUP(str_clear_p) struct str line = STR_INIT(WORKER_LINE_MAX);
    struct pollfd room = { .fd = s->tell_fd, .events = POLLOUT };
    uint64_t now = monotonic_ms();

    if (!always && now - s->told_ms < TELL_MS)
        return;
    /* A pipe that says it has room takes a line whole or, full meanwhile, not at all for anybody
     * else writes into it. Source: pipe(7), PIPE_BUF. */
    if (worker_progress_print(&s->progress, &line) == 0 && poll(&room, 1, 0) == 1 &&
        room.revents == POLLOUT)
        (void) !write(s->tell_fd, line.data, line.len);
    s->told_ms = now;
}
