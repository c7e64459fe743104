/* SPDX-License-Identifier: MIT */
#include "supervisor/base/jsonw.h"

#include "supervisor/base/json.h"
#include "supervisor/base/str.h"
#include "supervisor/base/text.h"

#include <string.h>

#define EACH_BYTE(b) (UINT64_C(0x0101010101010101) * (b))

/* Whether all eight bytes are ASCII that needs no escape. A borrow may wrongly report a byte
 * above one that needs work, never hide one: then the slow way looks again.
 * Source: "Bit Twiddling Hacks", hasless and haszero. */
static bool eight_plain(const char *text) {
    uint64_t w, quote, slash;

    memcpy(&w, text, sizeof w);
    quote = w ^ EACH_BYTE('"');
    slash = w ^ EACH_BYTE('\\');
    return ((w | (w - EACH_BYTE(0x20)) | (quote - EACH_BYTE(1)) | (slash - EACH_BYTE(1))) &
            EACH_BYTE(0x80)) == 0;
}

/* How many bytes from the start can be copied as they are. */
static size_t plain_run(const char *text, size_t n) {
    size_t at = 0;

    while (at < n) {
        if (n - at >= sizeof(uint64_t) && eight_plain(text + at)) {
            at += sizeof(uint64_t);
            continue;
        }
        unsigned char c = (unsigned char) text[at];
        if (c < 0x20 || c == '"' || c == '\\')
            break;
        size_t step = text_utf8_char(text + at, n - at);
        if (step == 0)
            break;
        at += step;
    }
    return at;
}

static void escape(struct str *out, unsigned char c) {
    static const char from[] = "\"\\\b\f\n\r\t", to[] = "\"\\bfnrt", hex[] = "0123456789abcdef";
    const char *known = c ? strchr(from, c) : NULL;

    if (known) {
        const char two[2] = { '\\', to[known - from] };
        (void) str_append(out, two, sizeof two);
    } else if (c < 0x20) {
        const char six[6] = { '\\', 'u', '0', '0', hex[c >> 4], hex[c & 15] };
        (void) str_append(out, six, sizeof six);
    } else {
        (void) str_puts(out, "\xEF\xBF\xBD"); /* U+FFFD for a byte that is not UTF-8 */
    }
}

static void quote(struct str *out, const char *text, size_t n) {
    (void) str_putc(out, '"');
    for (size_t at = 0; at < n;) {
        size_t run = plain_run(text + at, n - at);
        if (run)
            (void) str_append(out, text + at, run);
        at += run;
        if (at < n)
            escape(out, (unsigned char) text[at++]);
    }
    (void) str_putc(out, '"');
}

static void begin(struct jsonw *w, const char *key) {
    if (w->comma)
        (void) str_putc(w->out, ',');
    if (key) {
        quote(w->out, key, strlen(key));
        (void) str_putc(w->out, ':');
    }
    w->comma = true;
}

static void open_with(struct jsonw *w, const char *key, char bracket) {
    begin(w, key);
    (void) str_putc(w->out, bracket);
    w->comma = false;
}

static void close_with(struct jsonw *w, char bracket) {
    (void) str_putc(w->out, bracket);
    w->comma = true;
}

void jsonw_object(struct jsonw *w, const char *key) {
    open_with(w, key, '{');
}

void jsonw_end_object(struct jsonw *w) {
    close_with(w, '}');
}

void jsonw_array(struct jsonw *w, const char *key) {
    open_with(w, key, '[');
}

void jsonw_end_array(struct jsonw *w) {
    close_with(w, ']');
}

void jsonw_string(struct jsonw *w, const char *key, const char *value) {
    if (value)
        jsonw_string_n(w, key, value, strlen(value));
}

void jsonw_string_n(struct jsonw *w, const char *key, const char *value, size_t n) {
    begin(w, key);
    quote(w->out, value, n);
}

/* Bounded as our own reader bounds it: what we write, we can read. */
static void number(struct jsonw *w, const char *key, bool negative, uint64_t value) {
    char digits[24];
    size_t at = sizeof digits;

    if (value > (uint64_t) JSON_INT_MAX)
        value = (uint64_t) JSON_INT_MAX;
    do
        digits[--at] = (char) ('0' + value % 10);
    while (value /= 10);
    if (negative)
        digits[--at] = '-';
    begin(w, key);
    (void) str_append(w->out, digits + at, sizeof digits - at);
}

void jsonw_int(struct jsonw *w, const char *key, int64_t value) {
    number(w, key, value < 0, value < 0 ? 0 - (uint64_t) value : (uint64_t) value);
}

void jsonw_u64(struct jsonw *w, const char *key, uint64_t value) {
    number(w, key, false, value);
}

void jsonw_bool(struct jsonw *w, const char *key, bool value) {
    begin(w, key);
    (void) str_puts(w->out, value ? "true" : "false");
}

void jsonw_json(struct jsonw *w, const char *key, const struct json *value) {
    if (value) {
        begin(w, key);
        (void) json_print(value, w->out);
    }
}

void jsonw_raw(struct jsonw *w, const char *key, const char *json_text, size_t n) {
    if (json_text && n) {
        begin(w, key);
        (void) str_append(w->out, json_text, n);
    }
}
