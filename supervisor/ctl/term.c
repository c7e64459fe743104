/* SPDX-License-Identifier: MIT
 * term.c - colour, width and character set of standard output. */
#include "supervisor/ctl/term.h"

#include <langinfo.h>
#include <locale.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "supervisor/base/cleanup.h"
#include "supervisor/base/parse.h"
#include "supervisor/base/str.h"
#include "supervisor/ctl/safe.h"

#define WIDTH_OTHERWISE 80u
#define PRINTF_MAX      ((size_t) 4 * 1024 * 1024) /* a format with a few members of one message */

static const char *const codes[STYLE_COUNT] = {
    [BOLD] = "\033[1m",    [DIM] = "\033[2m",   [RED] = "\033[31m",     [GREEN] = "\033[32m",
    [YELLOW] = "\033[33m", [BLUE] = "\033[34m", [MAGENTA] = "\033[35m", [CYAN] = "\033[36m",
};

/* A locale of no character set (C, POSIX, none at all) is taken for UTF-8, as Python does (PEP
 * 538): nearly every terminal is, and containers rarely set LANG. */
static bool locale_is_utf8(void) {
    const char *set;

    if (setlocale(LC_CTYPE, "")) {
        set = nl_langinfo(CODESET);
        if (strcmp(set, "UTF-8") == 0)
            return true;
        if (strcmp(set, "ANSI_X3.4-1968") != 0)
            return false;
    }
    (void) setlocale(LC_CTYPE, "C.UTF-8"); /* without it, wide characters count as one column */
    return true;
}

static size_t terminal_width(void) {
    struct winsize size = { 0 };
    const char *columns = getenv("COLUMNS");
    uint64_t n;

    if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0)
        return size.ws_col;
    if (columns && parse_u64(columns, &n) == 0 && n > 0 && n < 10000)
        return (size_t) n;
    return WIDTH_OTHERWISE;
}

void term_init(struct term *t, enum term_when when) {
    const char *name = getenv("TERM"), *none = getenv("NO_COLOR");
    bool tty = isatty(STDOUT_FILENO);

    *t = (struct term){ .terminal = tty || when == TERM_ALWAYS, .utf8 = locale_is_utf8() };
    if (t->terminal)
        t->width = terminal_width();
    t->colour = when == TERM_ALWAYS || (when == TERM_AUTO && tty && !(none && *none) &&
                                        !(name && strcmp(name, "dumb") == 0));
}

void term_put(const struct term *t, struct str *out, enum style style, const char *text) {
    const char *code = t->colour ? codes[style] : NULL;

    if (!*text)
        return;
    if (code)
        (void) str_puts(out, code);
    safe_text(out, text, t->utf8);
    if (code)
        (void) str_puts(out, "\033[0m");
}

void term_printf(const struct term *t, struct str *out, enum style style, const char *fmt, ...) {
    CLEANUP(str_clear_p) struct str text = STR_INIT(PRINTF_MAX);
    va_list ap;

    va_start(ap, fmt);
    (void) str_vprintf(&text, fmt, ap);
    va_end(ap);
    if (str_error(&text) < 0 && str_error(out) == 0)
        out->error = str_error(&text); /* half a line must not look like a whole one */
    term_put(t, out, style, str_text(&text));
}

const char *term_arrow(const struct term *t) {
    return t->utf8 ? "\xe2\x86\x92" : "->";
}

const char *term_ellipsis(const struct term *t) {
    return t->utf8 ? "\xe2\x80\xa6" : "~";
}

const char *term_dash(const struct term *t) {
    return t->utf8 ? "\xe2\x80\x94" : "--";
}
