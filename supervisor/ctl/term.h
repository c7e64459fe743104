/* SPDX-License-Identifier: MIT
 * term.h - what standard output is, and how to write for it.
 * Layer: 4, ctl. Uses: base. */
#ifndef CTL_TERM_H
#define CTL_TERM_H

#include <stdbool.h>
#include <stddef.h>

struct str;

enum term_when { TERM_AUTO, TERM_ALWAYS, TERM_NEVER };

struct term {
    bool terminal; /* columns and glyphs for people; else one plain line a thing, tab-separated */
    bool colour;
    bool utf8;
    size_t width; /* columns; 0: not limited */
};

enum style { PLAIN, BOLD, DIM, RED, GREEN, YELLOW, BLUE, MAGENTA, CYAN, STYLE_COUNT };

/* Looks at standard output and the environment: TERM, NO_COLOR (no-color.org), COLUMNS, the locale,
 * which it sets for LC_CTYPE. `when` of TERM_ALWAYS writes for people into a pipe as well. */
void term_init(struct term *t, enum term_when when);

/* Appends text from anywhere, made safe, in that style. */
void term_put(const struct term *t, struct str *out, enum style style, const char *text);

/* The same for a format of our own; its arguments may come from anywhere. */
void term_printf(const struct term *t, struct str *out, enum style style, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));

/* "→" or "->", "…" or "~", "—" or "--", as the terminal can show it. */
const char *term_arrow(const struct term *t);
const char *term_ellipsis(const struct term *t);
const char *term_dash(const struct term *t);

#endif
