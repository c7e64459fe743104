/* SPDX-License-Identifier: MIT */
#include "supervisor/base/json_scan.h"

#include "supervisor/base/err.h"
#include "supervisor/base/json.h"
#include "supervisor/base/text.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* cJSON reads a number into a buffer of 64. Source: parse_number() in cJSON.c. */
#define NUMBER_MAX 63

struct scan {
    const char *start, *at, *end;
    const char *what; /* what is wrong at `at` */
};

static int wrong(struct scan *s, const char *what) {
    s->what = what;
    return -EINVAL;
}

static int peek(const struct scan *s) {
    return s->at < s->end ? (unsigned char) *s->at : -1;
}

static bool take(struct scan *s, char c) {
    if (peek(s) != c)
        return false;
    s->at++;
    return true;
}

static void skip_space(struct scan *s) {
    while (s->at < s->end && (*s->at == ' ' || *s->at == '\t' || *s->at == '\n' || *s->at == '\r'))
        s->at++;
}

/* The four digits after "\u"; -1 where they are not four. */
static int take_hex4(struct scan *s) {
    int value = 0;

    for (int i = 0; i < 4; i++) {
        int c = peek(s), digit;
        if (c >= '0' && c <= '9')
            digit = c - '0';
        else if ((c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F'))
            digit = (c | 0x20) - 'a' + 10;
        else
            return -1;
        value = value * 16 + digit;
        s->at++;
    }
    return value;
}

static int scan_unicode_escape(struct scan *s) {
    int unit = take_hex4(s);

    if (unit < 0)
        return wrong(s, "not four hexadecimal digits");
    if (unit == 0)
        return wrong(s, "escaped NUL");
    if (unit >= 0xDC00 && unit <= 0xDFFF)
        return wrong(s, "lone surrogate");
    if (unit >= 0xD800 && unit <= 0xDBFF) {
        if (!take(s, '\\') || !take(s, 'u'))
            return wrong(s, "lone surrogate");
        unit = take_hex4(s);
        if (unit < 0xDC00 || unit > 0xDFFF)
            return wrong(s, "lone surrogate");
    }
    return 0;
}

static int scan_string(struct scan *s) {
    s->at++; /* the quote */
    for (;;) {
        int c = peek(s);
        if (c < 0)
            return wrong(s, "string without an end");
        if (c < 0x20)
            return wrong(s, "raw control character");
        if (c == '\\') {
            s->at++;
            if (take(s, 'u')) {
                if (scan_unicode_escape(s) < 0)
                    return -EINVAL;
            } else if (peek(s) > 0 && strchr("\"\\/bfnrt", peek(s))) {
                s->at++;
            } else {
                return wrong(s, "unknown escape");
            }
            continue;
        }
        size_t step = text_utf8_char(s->at, (size_t) (s->end - s->at));
        if (step == 0)
            return wrong(s, "invalid UTF-8");
        s->at += step;
        if (c == '"')
            return 0;
    }
}

static size_t skip_digits(struct scan *s) {
    const char *first = s->at;

    while (s->at < s->end && *s->at >= '0' && *s->at <= '9')
        s->at++;
    return (size_t) (s->at - first);
}

static double number_value(const char *text, size_t n) {
    char copy[NUMBER_MAX + 1];

    memcpy(copy, text, n);
    copy[n] = '\0';
    return strtod(copy, NULL);
}

/* 2^53 itself can come from rounding: only where it stands in plain digits is it exact. */
static bool number_in_range(const char *text, size_t n, bool plain) {
    int64_t value = 0;

    if (!plain)
        return fabs(number_value(text, n)) < (double) JSON_INT_MAX;
    for (size_t i = text[0] == '-'; i < n; i++) {
        value = value * 10 + (text[i] - '0');
        if (value > JSON_INT_MAX)
            return false;
    }
    return true;
}

static int scan_number(struct scan *s) {
    const char *first = s->at;
    bool plain = true;

    (void) take(s, '-');
    if (!take(s, '0') && skip_digits(s) == 0)
        return wrong(s, "not a value");
    if (take(s, '.')) {
        plain = false;
        if (skip_digits(s) == 0)
            return wrong(s, "no digit after the point");
    }
    if (take(s, 'e') || take(s, 'E')) {
        plain = false;
        if (!take(s, '+'))
            (void) take(s, '-');
        if (skip_digits(s) == 0)
            return wrong(s, "no digit in the exponent");
    }
    size_t n = (size_t) (s->at - first);
    if (n > NUMBER_MAX)
        return wrong(s, "number of more than 63 bytes");
    if (!number_in_range(first, n, plain))
        return wrong(s, "number beyond 2^53");
    return 0;
}

static int scan_word(struct scan *s, const char *word) {
    size_t n = strlen(word);

    if ((size_t) (s->end - s->at) < n || memcmp(s->at, word, n) != 0)
        return wrong(s, "not a value");
    s->at += n;
    return 0;
}

static int scan_value(struct scan *s, int depth);

static int scan_members(struct scan *s, int depth, char close, bool named) {
    s->at++; /* the bracket */
    skip_space(s);
    if (take(s, close))
        return 0;
    for (;;) {
        skip_space(s);
        if (named) {
            if (peek(s) != '"')
                return wrong(s, "no member name");
            if (scan_string(s) < 0)
                return -EINVAL;
            skip_space(s);
            if (!take(s, ':'))
                return wrong(s, "no colon after a member name");
            skip_space(s);
        }
        int r = scan_value(s, depth);
        if (r < 0)
            return r;
        skip_space(s);
        if (take(s, close))
            return 0;
        if (!take(s, ','))
            return wrong(s, named ? "neither a comma nor the object's end"
                                  : "neither a comma nor the array's end");
    }
}

static int scan_value(struct scan *s, int depth) {
    int c = peek(s);

    if (c == '{' || c == '[') {
        if (depth == JSON_DEPTH_MAX) {
            s->what = "nested deeper than 32";
            return -E2BIG;
        }
        return scan_members(s, depth + 1, c == '{' ? '}' : ']', c == '{');
    }
    if (c == '"')
        return scan_string(s);
    if (c == 't')
        return scan_word(s, "true");
    if (c == 'f')
        return scan_word(s, "false");
    if (c == 'n')
        return scan_word(s, "null");
    if (c < 0)
        return wrong(s, "a value is missing");
    return scan_number(s);
}

int json_scan(const char *text, size_t len, struct err *e) {
    struct scan s = { .start = text, .at = text, .end = text + len, .what = "" };

    skip_space(&s);
    int r = scan_value(&s, 0);
    if (r == 0) {
        skip_space(&s);
        if (s.at < s.end)
            r = wrong(&s, "bytes after the value");
    }
    if (r < 0)
        return err_set(e, r, "invalid JSON: %s at byte %zu", s.what, (size_t) (s.at - s.start));
    return 0;
}
