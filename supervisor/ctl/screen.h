/* SPDX-License-Identifier: MIT
 * screen.h - the whole terminal for a while, and given back as it was.
 * Layer: 4, ctl. Uses: base. */
#ifndef CTL_SCREEN_H
#define CTL_SCREEN_H

#include <stdbool.h>
#include <stddef.h>
#include <termios.h>

struct str;

struct screen {
    bool entered;
    struct termios before; /* of standard input */
    size_t rows, columns;
};

/* The alternate screen, no cursor, keys one by one and not echoed; Ctrl-C and Ctrl-Z stay signals.
 * Errors: -ENOTTY standard input or output is no terminal; others as tcsetattr(3). */
int screen_enter(struct screen *s);
/* Everything back; does nothing if it was not entered, or is left already. */
void screen_leave(struct screen *s);
/* Asks for rows and columns again, after SIGWINCH. */
void screen_measure(struct screen *s);

/* Draws whole lines from the top, each cut to the width, and clears the rest. More lines than rows
 * are left out. 0 or -errno of the write. */
int screen_draw(const struct screen *s, const struct str *lines);

/* Appends a line with its colours, at most `columns` wide. What stands between colours must be safe
 * (safe.h). */
void screen_cut(struct str *out, const char *line, size_t n, size_t columns);

#endif
