/* SPDX-License-Identifier: MIT
 * ctl.c - sentences to standard error, pages to standard output. */
#include "supervisor/ctl/ctl.h"

#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "supervisor/base/cleanup.h"
#include "supervisor/base/str.h"
#include "supervisor/ctl/safe.h"

#define NAME         "miniprogctl"
#define SENTENCE_MAX ((size_t) 64 * 1024)

static bool says_utf8 = true;

void ctl_say_utf8(bool utf8) {
    says_utf8 = utf8;
}

static void say(const char *before, const char *fmt, va_list ap, const char *after)
    __attribute__((format(printf, 2, 0)));
static void say(const char *before, const char *fmt, va_list ap, const char *after) {
    CLEANUP(str_clear_p)
    struct str text = STR_INIT(SENTENCE_MAX), safe = STR_INIT(8 * SENTENCE_MAX);

    (void) str_vprintf(&text, fmt, ap);
    (void) str_puts(&safe, before);
    safe_text(&safe, str_text(&text), says_utf8);
    (void) str_puts(&safe, after);
    (void) fputs(str_text(&safe), stderr); /* nowhere is left to complain */
}

int ctl_fail(int status, const char *fmt, ...) {
    va_list ap;

    va_start(ap, fmt);
    say(NAME ": ", fmt, ap, "\n");
    va_end(ap);
    return status;
}

void ctl_hint(const char *fmt, ...) {
    va_list ap;

    va_start(ap, fmt);
    say("", fmt, ap, "\n");
    va_end(ap);
}

int ctl_usage(const char *fmt, ...) {
    va_list ap;

    va_start(ap, fmt);
    say(NAME ": ", fmt, ap, " (see '" NAME " --help')\n");
    va_end(ap);
    return CTL_USAGE;
}

int ctl_write(const struct str *text) {
    const char *at = str_text(text);
    size_t left = text->len;

    while (left > 0) {
        ssize_t n = write(STDOUT_FILENO, at, left);
        if (n >= 0) {
            at += n;
            left -= (size_t) n;
        } else if (errno == EAGAIN) {
            /* Whoever shares the descriptor made it non-blocking. */
            struct pollfd room = { .fd = STDOUT_FILENO, .events = POLLOUT };
            (void) poll(&room, 1, -1);
        } else if (errno != EINTR) {
            return -errno;
        }
    }
    return 0;
}

int ctl_write_failed(int error) {
    if (error == -EPIPE)
        return CTL_DONE;
    return ctl_fail(CTL_FAILED, "cannot write the output: %s", strerror(-error));
}
