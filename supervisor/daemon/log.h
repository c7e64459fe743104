/* SPDX-License-Identifier: MIT
 * log.h - the daemon's own lines: to journald with fields, else to standard error.
 * Layer: 3, daemon. Uses: base. Source: journald's native protocol,
 * systemd.io/JOURNAL_NATIVE_PROTOCOL.
 *
 * A line is about the daemon (app NULL) or about an app (its id). Never blocks the loop: where
 * journald or a pipe does not take a line at once it is dropped and counted, and the count is told
 * with the next line that gets through. */
#ifndef DAEMON_LOG_H
#define DAEMON_LOG_H

#include <stdbool.h>
#include <stdint.h>

enum log_level {
    LOG_LEVEL_ERR = 3,
    LOG_LEVEL_WARNING = 4,
    LOG_LEVEL_NOTICE = 5,
    LOG_LEVEL_INFO = 6,
    LOG_LEVEL_DEBUG = 7
};

/* "err warning notice info debug"; -EINVAL. */
int log_level_parse(const char *name, enum log_level *ret);
void log_init(enum log_level max); /* chooses the target: the journal if standard error is connected
                                      to it ($JOURNAL_STREAM) */

/* Lines go to the journal: we are a service, or a user's. */
bool log_is_journal(void);

void log_at(enum log_level level, const char *app, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* The same with fields of its own in the journal. Each may be NULL (version: 0). */
struct log_fields {
    const char *message_id; /* of units/system/miniprog.catalog */
    const char *state;      /* MINIPROG_STATE */
    const char *reason;     /* MINIPROG_REASON: a cause of a change, or an exit reason */
    uint64_t version;       /* MINIPROG_VERSION: the code */
};
void log_with(enum log_level level, const char *app, const struct log_fields *fields,
              const char *fmt, ...) __attribute__((format(printf, 4, 5)));

#define LOG_ID_STATE   "3e249b130ee24a83b5affecd5fc7a2bf"
#define LOG_ID_ENDED   "c3c1fa7cec0c4c76997f3a3767c23805"
#define LOG_ID_ADOPTED "dc324c6b865d4587946793104c3e709f"

#define log_err(app, ...)     log_at(LOG_LEVEL_ERR, app, __VA_ARGS__)
#define log_warning(app, ...) log_at(LOG_LEVEL_WARNING, app, __VA_ARGS__)
#define log_notice(app, ...)  log_at(LOG_LEVEL_NOTICE, app, __VA_ARGS__)
#define log_info(app, ...)    log_at(LOG_LEVEL_INFO, app, __VA_ARGS__)
#define log_debug(app, ...)   log_at(LOG_LEVEL_DEBUG, app, __VA_ARGS__)

#endif
