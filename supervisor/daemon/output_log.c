/* SPDX-License-Identifier: MIT
 * output_log.c - appending, rotating, and being honest about what was lost.
 * Layer: 3, daemon. Uses: base. */
#include "supervisor/daemon/output_log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "supervisor/base/cleanup.h"

void output_log_old_name(const char *id, char name[OUTPUT_NAME_SIZE]) {
    (void) snprintf(name, OUTPUT_NAME_SIZE, "%.*s.1", OUTPUT_ID_SIZE - 1, id);
}

void output_log_close(struct output_log *log) {
    close_p(&log->fd);
    log->fd = -1;
}

/* An earlier daemon may have died in the middle of a line. */
static int open_log(struct output_log *log, int dir_fd, const char *id) {
    CLEANUP(close_p)
    int fd =
        openat(dir_fd, id,
               O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY | O_NONBLOCK, 0600);
    struct stat st;
    char last = '\n';

    if (fd < 0 || fstat(fd, &st) < 0)
        return -errno;
    if (!S_ISREG(st.st_mode))
        return -EINVAL;
    if (st.st_size > 0) {
        if (pread(fd, &last, 1, st.st_size - 1) < 0)
            return -errno;
        log->mid_line = last != '\n';
    }
    log->size = (uint64_t) st.st_size;
    log->fd = TAKE_FD(fd);
    return 0;
}

/* The new file is made when there is something for it. */
static int rotate(struct output_log *log, int dir_fd, const char *id) {
    char old[OUTPUT_NAME_SIZE];

    output_log_old_name(id, old);
    if (renameat(dir_fd, id, dir_fd, old) < 0)
        return -errno;
    output_log_close(log);
    log->size = 0;
    return 0;
}

static int write_all(struct output_log *log, const char *bytes, size_t n, size_t *ret_done) {
    size_t done = 0;
    int r = 0;

    while (done < n && r == 0) {
        ssize_t w = write(log->fd, bytes + done, n - done);
        if (w > 0)
            done += (size_t) w;
        else if (w == 0 || errno != EINTR)
            r = w == 0 ? -EIO : -errno;
    }
    log->size += done;
    if (done > 0)
        log->mid_line = bytes[done - 1] != '\n';
    *ret_done = done;
    return r;
}

static int tell_lost(struct output_log *log, int dir_fd, const char *id, uint64_t cap) {
    char note[64];
    int n = snprintf(note, sizeof note, "%s[%llu bytes lost]\n", log->mid_line ? "\n" : "",
                     (unsigned long long) log->lost);
    size_t done;
    int r;

    if (log->size > 0 && log->size + (size_t) n > cap) {
        r = rotate(log, dir_fd, id);
        if (r == 0)
            r = open_log(log, dir_fd, id);
        if (r < 0)
            return r;
    }
    r = write_all(log, note, (size_t) n, &done);
    if (r == 0)
        log->lost = 0;
    return r;
}

/* How much of it belongs in this file: up to the last line that ends in what room there is. A line
 * that has begun, or that fills a file by itself, is cut. */
static size_t share(const struct output_log *log, uint64_t cap, const char *bytes, size_t n) {
    uint64_t room = cap > log->size ? cap - log->size : 0;
    const char *end;

    if (n <= room)
        return n;
    end = room > 0 ? memrchr(bytes, '\n', (size_t) room) : NULL;
    if (end)
        return (size_t) (end + 1 - bytes);
    return log->mid_line || log->size == 0 ? (size_t) room : 0;
}

/* Each turn writes something or begins a new file, in which there is room. */
static int append(struct output_log *log, int dir_fd, const char *id, uint64_t cap,
                  const char *bytes, size_t n, size_t *ret_done) {
    int r = 0;

    *ret_done = 0;
    while (n > *ret_done && r == 0) {
        const char *rest = bytes + *ret_done;
        size_t left = n - *ret_done, part, done;
        if (log->fd < 0 && (r = open_log(log, dir_fd, id)) < 0)
            return r;
        if (log->lost > 0 && (r = tell_lost(log, dir_fd, id, cap)) < 0)
            return r;
        part = share(log, cap, rest, left);
        r = write_all(log, rest, part, &done);
        *ret_done += done;
        if (r == 0 && part < left)
            r = rotate(log, dir_fd, id);
    }
    return r;
}

void output_log_append(struct output_log *log, int dir_fd, const char *id, uint64_t cap,
                       const char *bytes, size_t n) {
    size_t done;

    if (append(log, dir_fd, id, cap, bytes, n, &done) < 0)
        log->lost += n - done;
}

void output_log_end(struct output_log *log, int dir_fd, const char *id, uint64_t cap) {
    size_t done;

    if (log->fd < 0 && log->lost == 0)
        return;
    if (log->fd < 0 && open_log(log, dir_fd, id) < 0)
        return;
    if (log->lost > 0)
        (void) tell_lost(log, dir_fd, id, cap);
    if (log->mid_line)
        (void) write_all(log, "\n", 1, &done);
}
