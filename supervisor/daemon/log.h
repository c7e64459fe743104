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

void log_at(enum log_level level, const char *app, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

#define log_err(app, ...)     log_at(LOG_LEVEL_ERR, app, __VA_ARGS__)
#define log_warning(app, ...) log_at(LOG_LEVEL_WARNING, app, __VA_ARGS__)
#define log_notice(app, ...)  log_at(LOG_LEVEL_NOTICE, app, __VA_ARGS__)
#define log_info(app, ...)    log_at(LOG_LEVEL_INFO, app, __VA_ARGS__)
#define log_debug(app, ...)   log_at(LOG_LEVEL_DEBUG, app, __VA_ARGS__)

#endif
