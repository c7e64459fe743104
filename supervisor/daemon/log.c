/* SPDX-License-Identifier: MIT
 * log.c - lines to the journal by its own protocol, else to standard error.
 * Layer: 3, daemon. Uses: base.
 *
 * sd_journal_sendv() is not used: its socket blocks while journald is behind, and with it the
 * loop, for as long as journald waits for memory that we are there to free. The protocol is
 * public: https://systemd.io/JOURNAL_NATIVE_PROTOCOL. */
#include "supervisor/daemon/log.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "supervisor/base/cleanup.h"
#include "supervisor/base/parse.h"
#include "supervisor/base/plain.h"

#define TEXT_MAX       ((size_t) 2048) /* a line is below PIPE_BUF: written whole */
#define LINE_MAX_BYTES ((size_t) 3072)
#define APP_MAX        ((size_t) 128)

enum target {
    TARGET_POLLED,  /* standard error as it is; asked before each write whether it would block */
    TARGET_OPENED,  /* standard error opened anew, non-blocking for us alone */
    TARGET_SOCKET,  /* standard error is a socket */
    TARGET_JOURNAL, /* fd is a socket of ours */
};

static struct {
    enum log_level max;
    enum target target;
    int fd;
    atomic_uint dropped;
} to = { .max = LOG_LEVEL_INFO, .target = TARGET_POLLED, .fd = STDERR_FILENO };

int log_level_parse(const char *name, enum log_level *ret) {
    static const struct {
        const char *name;
        enum log_level level;
    } names[] = {
        { "err", LOG_LEVEL_ERR },       { "warning", LOG_LEVEL_WARNING },
        { "notice", LOG_LEVEL_NOTICE }, { "info", LOG_LEVEL_INFO },
        { "debug", LOG_LEVEL_DEBUG },
    };

    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (strcmp(name, names[i].name) == 0) {
            *ret = names[i].level;
            return 0;
        }
    return -EINVAL;
}

/* "dev:ino" of the stream that systemd gave us as standard error; it stays in the environment when
 * somebody puts a pipe in its place. Source: systemd.exec(5), $JOURNAL_STREAM. */
static bool stderr_is_the_journal(const struct stat *st) {
    const char *stream = getenv("JOURNAL_STREAM"), *ino = stream ? strchr(stream, ':') : NULL;
    char dev[24];
    uint64_t d, i;

    if (!ino || (size_t) (ino - stream) >= sizeof dev)
        return false;
    memcpy(dev, stream, (size_t) (ino - stream));
    dev[ino - stream] = '\0';
    return parse_u64(dev, &d) == 0 && parse_u64(ino + 1, &i) == 0 && d == st->st_dev &&
           i == st->st_ino;
}

/* O_NONBLOCK belongs to the open file, which we share with whoever started us: set on standard
 * error itself, a shell's or another daemon's writes would begin to fail. Opened anew it is ours
 * alone. A regular file is not opened anew, since it would lose its shared position. */
static void choose(const struct stat *st) {
    int fd;

    if (stderr_is_the_journal(st) &&
        (fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)) >= 0) {
        to.target = TARGET_JOURNAL;
        to.fd = fd;
    } else if (S_ISSOCK(st->st_mode)) {
        to.target = TARGET_SOCKET;
    } else if ((S_ISFIFO(st->st_mode) || S_ISCHR(st->st_mode)) &&
               (fd = open("/proc/self/fd/2", O_WRONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY)) >= 0) {
        to.target = TARGET_OPENED;
        to.fd = fd;
    }
}

void log_init(enum log_level max) {
    struct stat st;

    if (to.fd != STDERR_FILENO)
        (void) close(to.fd);
    to.max = max;
    to.target = TARGET_POLLED;
    to.fd = STDERR_FILENO;
    if (fstat(STDERR_FILENO, &st) == 0)
        choose(&st);
}

bool log_is_journal(void) {
    return to.target == TARGET_JOURNAL;
}

/* True if all of it was taken. Where a part was (a slow terminal) the line counts as lost. */
static bool write_line(const char *line, size_t n) {
    ssize_t w;

    if (to.target == TARGET_SOCKET) {
        w = send(to.fd, line, n, MSG_DONTWAIT | MSG_NOSIGNAL);
    } else {
        /* Room for PIPE_BUF bytes if POLLOUT is told: a line that is shorter is taken whole.
         * Between the question and the write another writer may fill the pipe; hence the opening
         * anew. */
        struct pollfd p = { .fd = to.fd, .events = POLLOUT };
        if (to.target == TARGET_POLLED && (poll(&p, 1, 0) != 1 || !(p.revents & POLLOUT)))
            return false;
        w = write(to.fd, line, n);
    }
    return w == (ssize_t) n;
}

struct line {
    enum log_level level;
    const char *app, *text;
    const struct log_fields *fields;
};

/* "NAME=value\n" where there is a value. All are names of ours: no newline is in them. */
static size_t add_field(char *out, size_t size, const char *name, const char *value) {
    if (!value || !*value)
        return 0;
    int n = snprintf(out, size, "%s=%.80s\n", name, value);
    return n > 0 && (size_t) n < size ? (size_t) n : 0;
}

static size_t add_fields(char *out, size_t size, const struct log_fields *f) {
    char version[24] = "";

    if (f->version)
        (void) snprintf(version, sizeof version, "%" PRIu64, f->version);
    size_t n = add_field(out, size, "MESSAGE_ID", f->message_id);
    n += add_field(out + n, size - n, "MINIPROG_STATE", f->state);
    n += add_field(out + n, size - n, "MINIPROG_REASON", f->reason);
    return n + add_field(out + n, size - n, "MINIPROG_VERSION", version);
}

static bool send_to_journal(const struct line *l) {
    const char *app = l->app;
    static const struct sockaddr_un journald = { .sun_family = AF_UNIX,
                                                 .sun_path = "/run/systemd/journal/socket" };
    char fields[LINE_MAX_BYTES];
    int n = snprintf(fields, sizeof fields,
                     "MESSAGE=%s%s%s%s\nPRIORITY=%d\nSYSLOG_IDENTIFIER=miniprogd\n%s%s%s",
                     *app ? "[" : "", app, *app ? "] " : "", l->text, (int) l->level,
                     *app ? "MINIPROG_APP=" : "", app, *app ? "\n" : "");

    n += (int) add_fields(fields + n, sizeof fields - (size_t) n, l->fields);
    /* By address each time, so that a restart of journald is no event. */
    return sendto(to.fd, fields, (size_t) n, MSG_NOSIGNAL, (const struct sockaddr *) &journald,
                  sizeof journald) == n;
}

static bool put(const struct line *l) {
    static const char *const words[] = {
        [LOG_LEVEL_ERR] = "error: ", [LOG_LEVEL_WARNING] = "warning: ", [LOG_LEVEL_NOTICE] = "",
        [LOG_LEVEL_INFO] = "",       [LOG_LEVEL_DEBUG] = "debug: ",
    };
    char line[LINE_MAX_BYTES];
    int n;

    if (to.target == TARGET_JOURNAL)
        return send_to_journal(l);
    n = snprintf(line, sizeof line, "miniprogd: %s%s%s%s%s\n", words[l->level], *l->app ? "[" : "",
                 l->app, *l->app ? "] " : "", l->text);
    return write_line(line, (size_t) n);
}

static const struct log_fields no_fields;

static bool put_dropped(void) {
    unsigned n = atomic_exchange(&to.dropped, 0);
    char text[80];

    if (n == 0)
        return true;
    (void) snprintf(text, sizeof text, "%u line%s could not be written before this one", n,
                    n == 1 ? "" : "s");
    if (put(&(struct line){ LOG_LEVEL_WARNING, "", text, &no_fields }))
        return true;
    atomic_fetch_add(&to.dropped, n);
    return false;
}

static void __attribute__((format(printf, 4, 0)))
say(enum log_level level, const char *app, const struct log_fields *fields, const char *fmt,
    va_list ap) {
    char raw[TEXT_MAX], text[TEXT_MAX], id[APP_MAX] = "";
    int saved = errno, n;

    if (level > to.max)
        return;
    n = vsnprintf(raw, sizeof raw, fmt, ap);
    if (n > 0)
        (void) plain_text(raw, strlen(raw), text, sizeof text);
    if (app)
        (void) plain_text(app, strlen(app), id, sizeof id);
    if (n > 0 && !(put_dropped() && put(&(struct line){ level, id, text, fields })))
        atomic_fetch_add(&to.dropped, 1);
    errno = saved;
}

void log_at(enum log_level level, const char *app, const char *fmt, ...) {
    va_list ap;

    va_start(ap, fmt);
    say(level, app, &no_fields, fmt, ap);
    va_end(ap);
}

void log_with(enum log_level level, const char *app, const struct log_fields *fields,
              const char *fmt, ...) {
    va_list ap;

    va_start(ap, fmt);
    say(level, app, fields, fmt, ap);
    va_end(ap);
}
