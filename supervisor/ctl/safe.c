/* SPDX-License-Identifier: MIT
 * safe.c - decodes UTF-8 by hand, since what it must withstand is not the locale's business. */
#include "supervisor/ctl/safe.h"

#include <stdint.h>
#include <wchar.h>

#include "supervisor/base/str.h"

#define NOT_A_CHARACTER UINT32_MAX

/* One character; moves *at past it, or past one byte where it is not UTF-8. */
static uint32_t next_character(const char **at) {
    const unsigned char *p = (const unsigned char *) *at;
    unsigned more = p[0] < 0xc2 ? 0 : p[0] < 0xe0 ? 1 : p[0] < 0xf0 ? 2 : p[0] < 0xf5 ? 3 : 0;
    uint32_t c = p[0];

    *at += 1;
    if (p[0] < 0x80)
        return c;
    if (more == 0)
        return NOT_A_CHARACTER;
    c &= 0x3fu >> more;
    for (unsigned i = 1; i <= more; i++) {
        if ((p[i] & 0xc0) != 0x80) /* the NUL at the end as well */
            return NOT_A_CHARACTER;
        c = c << 6 | (p[i] & 0x3fu);
    }
    if ((more == 2 && c < 0x800) || (more == 3 && c < 0x10000) || c > 0x10ffff ||
        (c >= 0xd800 && c < 0xe000))
        return NOT_A_CHARACTER;
    *at += more;
    return c;
}

/* Acts on the terminal or on the order of what is around it, instead of being seen.
 * Source: Unicode, Bidi_Control and Line_Separator; U+FEFF and U+FFF9..B are invisible too. */
static bool is_hostile(uint32_t c) {
    return c < 0x20 || (c >= 0x7f && c < 0xa0) || c == 0x61c || c == 0x200e || c == 0x200f ||
           (c >= 0x2028 && c <= 0x202e) || (c >= 0x2066 && c <= 0x2069) || c == 0xfeff ||
           (c >= 0xfff9 && c <= 0xfffb);
}

static void put_escape(struct str *out, uint32_t c) {
    if (c == '\n')
        (void) str_puts(out, "\\n");
    else if (c == '\r')
        (void) str_puts(out, "\\r");
    else if (c == '\t')
        (void) str_puts(out, "\\t");
    else if (c < 0x100)
        (void) str_printf(out, "\\x%02x", c);
    else
        (void) str_printf(out, "\\u%04x", c);
}

void safe_text(struct str *out, const char *text, bool utf8) {
    while (*text) {
        const char *from = text;
        uint32_t c = next_character(&text);

        if (c == NOT_A_CHARACTER)
            (void) str_puts(out, utf8 ? "\xef\xbf\xbd" : "?");
        else if (is_hostile(c))
            put_escape(out, c);
        else if (c >= 0x80 && !utf8)
            (void) str_putc(out, '?');
        else
            (void) str_append(out, from, (size_t) (text - from));
    }
}

void safe_json(struct str *out, const char *text) {
    while (*text) {
        const char *from = text;
        uint32_t c = next_character(&text);

        if (c != NOT_A_CHARACTER && is_hostile(c))
            (void) str_printf(out, "\\u%04x", c);
        else
            (void) str_append(out, from, (size_t) (text - from));
    }
}

/* Columns of one character; what the locale does not know is taken as 1. */
static size_t columns_of(uint32_t c) {
    int w = c < 0x80 ? 1 : wcwidth((wchar_t) c);
    return w < 0 ? 1 : (size_t) w;
}

size_t safe_width(const char *safe) {
    size_t sum = 0;
    while (*safe)
        sum += columns_of(next_character(&safe));
    return sum;
}

size_t safe_prefix(const char *safe, size_t columns) {
    const char *at = safe;
    size_t used = 0;

    while (*at) {
        const char *from = at;
        used += columns_of(next_character(&at));
        if (used > columns)
            return (size_t) (from - safe);
    }
    return (size_t) (at - safe);
}
