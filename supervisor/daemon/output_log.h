/* SPDX-License-Identifier: MIT
 * output_log.h - one app's log: the file that grows, and the one before it.
 * Layer: 3, daemon. Uses: libc. Never: threads, FIFOs.
 *
 * `<id>` grows to at most the cap, then becomes `<id>.1` and a new one begins, at the end of a
 * line where there is one. Bytes go in as they came. What cannot be written (a full disk) is
 * counted and told in a line of its own once writing works again. An app's id never ends in
 * ".1": each name in it begins with a letter. */
#ifndef DAEMON_OUTPUT_LOG_H
#define DAEMON_OUTPUT_LOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define OUTPUT_ID_SIZE   65 /* with its NUL */
#define OUTPUT_NAME_SIZE (OUTPUT_ID_SIZE + 2)

struct output_log {
    int fd; /* -1: opened when there is something to write */
    uint64_t size;
    bool mid_line; /* the last byte that was written is no newline */
    uint64_t lost; /* bytes, not told yet */
};

#define OUTPUT_LOG_INIT                                                                            \
    { .fd = -1 }

/* The name of the file before: "<id>.1". */
void output_log_old_name(const char *id, char name[OUTPUT_NAME_SIZE]);

/* cap: bytes, at least 1. */
void output_log_append(struct output_log *log, int dir_fd, const char *id, uint64_t cap,
                       const char *bytes, size_t n);

/* Ends a line that was begun, and tells what was lost: the next run starts on its own line. */
void output_log_end(struct output_log *log, int dir_fd, const char *id, uint64_t cap);

void output_log_close(struct output_log *log);

#endif
