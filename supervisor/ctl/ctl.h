/* SPDX-License-Identifier: MIT
 * ctl.h - one run of miniprogctl: what was asked, where it goes, how it ends.
 * Layer: 4, ctl. Uses: base, wire.
 *
 * A verb's function returns the exit status. What it prints goes to standard output in whole
 * pieces; what went wrong is one sentence on standard error. */
#ifndef CTL_CTL_H
#define CTL_CTL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "supervisor/ctl/options.h"
#include "supervisor/ctl/term.h"

struct client;
struct str;

/* Exit status. Source: design.md §8. */
enum ctl_status { CTL_DONE = 0, CTL_FAILED = 1, CTL_USAGE = 2, CTL_UNREACHABLE = 4 };

struct ctl {
    struct options options;
    struct term term;
    char *socket; /* path of the control socket; owned */
    struct client *client;
    const char *may_be_missing; /* this method's absence is nothing to complain of: */
    bool missing;               /* it was not there */
    uint64_t call_usec;         /* how long the last call took until its (first) reply */
};

/* Says the sentence on standard error, made safe for a terminal, and returns `status`. */
int ctl_fail(int status, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Whether the terminal takes UTF-8; until this is said, it does. */
void ctl_say_utf8(bool utf8);

/* Advice, not an error: the same without the program's name. */
void ctl_hint(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* Wrong usage: the sentence, then where the help is; returns CTL_USAGE. */
int ctl_usage(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* Writes all of it to standard output. 0 or -errno; -EPIPE: nobody reads any more. */
int ctl_write(const struct str *text);

/* What a failed ctl_write() makes of the run: a reader that left is no failure. */
int ctl_write_failed(int error);

#endif
