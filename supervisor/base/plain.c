/* SPDX-License-Identifier: MIT */
#include "supervisor/base/plain.h"

#include <stdbool.h>
#include <string.h>

#include "supervisor/base/text.h"

/* One character of `from` as it shall be read: its length in `out`; *ret_used of from. */
static size_t plain_char(const unsigned char *from, size_t n, bool tabs, char out[PLAIN_GROWTH],
                         size_t *ret_used) {
    static const char hex[] = "0123456789abcdef";
    size_t used = text_utf8_char((const char *) from, n);
    bool control;
    unsigned char code;

    if (used == 0) {
        *ret_used = 1;
        memcpy(out, "\xef\xbf\xbd", 3);
        return 3;
    }
    *ret_used = used;
    /* U+0080 to U+009F are C2 80 to C2 9F; the second byte is the code itself. */
    control = (used == 1 && (from[0] < 0x20 || from[0] == 0x7f) && !(tabs && from[0] == '\t')) ||
              (used == 2 && from[0] == 0xc2 && from[1] < 0xa0);
    if (!control) {
        memcpy(out, from, used);
        return used;
    }
    code = from[used - 1];
    memcpy(out, (const char[]){ '\\', 'x', hex[code >> 4], hex[code & 15] }, 4);
    return 4;
}

static size_t make_plain(const char *from, size_t n, bool tabs, char *to, size_t size) {
    size_t at = 0;

    while (n > 0) {
        char out[PLAIN_GROWTH];
        size_t used;
        size_t len = plain_char((const unsigned char *) from, n, tabs, out, &used);
        if (at + len >= size)
            break;
        memcpy(to + at, out, len);
        at += len;
        from += used;
        n -= used;
    }
    to[at] = '\0';
    return at;
}

size_t plain_text(const char *from, size_t n, char *to, size_t size) {
    return make_plain(from, n, true, to, size);
}

size_t plain_sentence(const char *from, size_t n, char *to, size_t size) {
    return make_plain(from, n, false, to, size);
}
