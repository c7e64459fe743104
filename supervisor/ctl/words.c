/* SPDX-License-Identifier: MIT
 * words.c - tables of names, and numbers made readable. */
#include "supervisor/ctl/words.h"

#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "supervisor/base/cleanup.h"
#include "supervisor/base/parse.h"
#include "supervisor/base/str.h"
#include "supervisor/ctl/look.h"

#define USEC_PER_SEC 1000000

static const struct {
    const char *name, *dot, *ascii;
    enum style style;
} states[] = {
    { "foreground", "\xe2\x97\x8f", "*", GREEN }, /* ● */
    { "background", "\xe2\x97\x8b", "o", CYAN },  /* ○ */
    { "suspended", "\xe2\x97\x8c", ":", BLUE },   /* ◌ */
    { "starting", "\xe2\x97\x90", "+", YELLOW },  /* ◐ */
    { "stopping", "\xe2\x97\x91", "-", YELLOW },  /* ◑ */
    { "stopped", "\xc2\xb7", ".", DIM },          /* · */
};

static const struct {
    const char *name;
    enum style style;
} reasons[] = {
    { "crashed", RED },          { "start_failed", RED },    { "start_timeout", RED },
    { "unresponsive", RED },     { "memory_limit", YELLOW }, { "memory_pressure", YELLOW },
    { "memory_alarms", YELLOW },
};

enum style words_state_style(const char *state) {
    for (size_t i = 0; i < sizeof states / sizeof *states; i++)
        if (strcmp(states[i].name, state) == 0)
            return states[i].style;
    return PLAIN;
}

const char *words_state_dot(const struct term *t, const char *state) {
    for (size_t i = 0; i < sizeof states / sizeof *states; i++)
        if (strcmp(states[i].name, state) == 0)
            return t->utf8 ? states[i].dot : states[i].ascii;
    return "";
}

void words_state(const struct term *t, struct str *out, const char *state) {
    const char *dot = words_state_dot(t, state);
    term_printf(t, out, words_state_style(state), "%s%s%s", dot, *dot ? " " : "", state);
}

enum style words_reason_style(const char *reason) {
    for (size_t i = 0; i < sizeof reasons / sizeof *reasons; i++)
        if (strcmp(reasons[i].name, reason) == 0)
            return reasons[i].style;
    return PLAIN;
}

/* Rounds down, before 1970 as well, so that the rest is never negative. */
static int64_t split(int64_t usec, int64_t *ret_rest) {
    int64_t sec = usec / USEC_PER_SEC, rest = usec % USEC_PER_SEC;
    if (rest < 0) {
        rest += USEC_PER_SEC;
        sec--;
    }
    *ret_rest = rest;
    return sec;
}

static bool local_time(int64_t usec, struct tm *ret, int64_t *ret_rest) {
    time_t sec = (time_t) split(usec, ret_rest);
    return localtime_r(&sec, ret) != NULL;
}

void words_clock(struct str *out, int64_t usec) {
    char text[64];
    int64_t rest;
    struct tm tm;

    if (local_time(usec, &tm, &rest) && strftime(text, sizeof text, "%H:%M:%S", &tm) > 0)
        (void) str_printf(out, "%s.%03d", text, (int) (rest / 1000));
    else
        (void) str_printf(out, "@%" PRId64, usec);
}

void words_date(struct str *out, int64_t usec) {
    char text[64];
    int64_t rest;
    struct tm tm;

    if (local_time(usec, &tm, &rest) && strftime(text, sizeof text, "%Y-%m-%d %H:%M:%S", &tm) > 0)
        (void) str_puts(out, text);
    else
        (void) str_printf(out, "@%" PRId64, usec);
}

void words_age(struct str *out, int64_t usec) {
    struct timespec now;
    int64_t s;

    (void) clock_gettime(CLOCK_REALTIME, &now);
    s = (int64_t) now.tv_sec - usec / USEC_PER_SEC;
    if (s < 0)
        s = 0;
    if (s < 120)
        (void) str_printf(out, "%" PRId64 "s", s);
    else if (s < 120 * 60)
        (void) str_printf(out, "%" PRId64 "min", s / 60);
    else if (s < 48 * 3600)
        (void) str_printf(out, "%" PRId64 "h", s / 3600);
    else
        (void) str_printf(out, "%" PRId64 "d", s / 86400);
}

void words_size(struct str *out, int64_t bytes) {
    char text[32];
    if (bytes < 0)
        (void) str_printf(out, "%" PRId64, bytes);
    else
        (void) str_puts(out, format_size((uint64_t) bytes, text, sizeof text));
}

void words_level(const struct term *t, struct str *out, int64_t level) {
    enum style style = level >= 15 ? RED : level >= 10 ? YELLOW : PLAIN;
    /* Android's names for the numbers, as wx.onMemoryWarning has them. Source: design.md §5. */
    const char *name = level == 5    ? " (moderate)"
                       : level == 10 ? " (low)"
                       : level == 15 ? " (critical)"
                                     : "";
    term_printf(t, out, style, "level %" PRId64 "%s", level, name);
}

const char *words_signal(int64_t number, char *buf, size_t size) {
    const char *name = number > 0 && number <= INT_MAX ? sigabbrev_np((int) number) : NULL;
    if (name)
        (void) snprintf(buf, size, "SIG%s", name);
    else
        (void) snprintf(buf, size, "signal %" PRId64, number);
    return buf;
}

void words_end(const struct term *t, struct str *out, const struct json *end, struct err *fault) {
    const char *reason = look_string(fault, end, "reason");
    char name[32];
    int64_t n;

    term_put(t, out, words_reason_style(reason), reason);
    if (look_maybe_int(fault, end, "signal", &n))
        (void) str_printf(out, " by %s", words_signal(n, name, sizeof name));
    else if (look_maybe_int(fault, end, "status", &n) && n != 0)
        (void) str_printf(out, " with status %" PRId64, n);
}

/* Figures come without a unit but in their names. */
enum unit { COUNT, BYTES, USEC, PERMILLE, PERCENT, HUNDREDTHS };

static const struct {
    const char *tail;
    enum unit unit;
    bool shown; /* the tail is a word of the name, not only its unit */
} units[] = {
    { "_usec", USEC, false },  { "_permille", PERMILLE, false }, { "_percent", PERCENT, false },
    { "_us", USEC, false },    { "avg10", HUNDREDTHS, true },    { "_bytes", BYTES, false },
    { "usage", BYTES, true },  { "budget", BYTES, true },        { "available", BYTES, true },
    { "total", BYTES, true },  { "current", BYTES, true },       { "limit", BYTES, true },
    { "freed", BYTES, true },  { "need", BYTES, true },          { "room", BYTES, true },
    { "cache", BYTES, true },  { "swap", BYTES, true },          { "peak", BYTES, true },
    { "memory", BYTES, true }, { "reclaimed", BYTES, true },
};

/* The unit, and how much of the name is to be shown. */
static enum unit unit_of(const char *name, size_t *ret_shown) {
    size_t n = strlen(name);

    for (size_t i = 0; i < sizeof units / sizeof *units; i++) {
        size_t k = strlen(units[i].tail);
        if (n < k || strcmp(name + n - k, units[i].tail) != 0)
            continue;
        *ret_shown = units[i].shown ? n : n - k;
        return units[i].unit;
    }
    *ret_shown = n;
    return COUNT;
}

static void put_figure(struct str *out, int64_t n, enum unit unit) {
    char span[32];

    switch (unit) {
    case BYTES:
        words_size(out, n);
        return;
    case USEC:
        if (n < 0)
            break;
        (void) str_puts(out, format_duration((uint64_t) n, span, sizeof span));
        return;
    case PERMILLE:
        if (n < 0)
            break;
        (void) str_printf(out, "%" PRId64 ".%d%%", n / 10, (int) (n % 10));
        return;
    case PERCENT:
        (void) str_printf(out, "%" PRId64 "%%", n);
        return;
    case HUNDREDTHS: /* of a percent, as the kernel's pressure files have them */
        if (n < 0)
            break;
        (void) str_printf(out, "%" PRId64 ".%02d%%", n / 100, (int) (n % 100));
        return;
    case COUNT:
        break;
    }
    (void) str_printf(out, "%" PRId64, n);
}

void words_figures(const struct term *t, struct str *out, const struct json *figures,
                   struct err *fault) {
    for (const struct json *v = json_first(figures); v; v = json_next(v)) {
        const char *name = json_name(v);
        size_t shown;
        enum unit unit = unit_of(name, &shown);

        if (json_kind(v) != JSON_INT) {
            (void) look_int(fault, figures, name); /* says so */
            return;
        }
        term_printf(t, out, DIM, "%.*s", (int) shown, name);
        (void) str_putc(out, ' ');
        put_figure(out, json_int(v), unit);
        if (json_next(v))
            (void) str_puts(out, ", ");
    }
}
