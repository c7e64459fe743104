/* SPDX-License-Identifier: MIT
 * fuzz_minisign.c - keys and signatures as texts. A key that is taken has one spelling; of a
 * signature all parts lie in the text. */
#include "supervisor/base/err.h"
#include "units/minisign.h"

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool holds) {
    if (!holds)
        __builtin_trap();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    const char *text = (const char *) data;
    struct minisign_key key, again;
    struct minisign_signature s = { .text_len = 0 };
    struct err e = { 0 };
    char spelling[MINISIGN_KEY_TEXT + 1];

    int r = minisign_key_parse(text, size, &key, &e);
    check(r == 0 || (r == -EINVAL && e.text[0]));
    if (r == 0) {
        check(strlen(minisign_key_text(&key, spelling)) == MINISIGN_KEY_TEXT);
        check(minisign_key_parse(spelling, MINISIGN_KEY_TEXT, &again, &e) == 0);
        check(memcmp(&key, &again, sizeof key) == 0);
        check(memmem(text, size, spelling, MINISIGN_KEY_TEXT));
    }
    e.text[0] = '\0';
    r = minisign_signature_parse(text, size, &s, &e);
    check(r == 0 || (r == -EINVAL && e.text[0] && s.text_len == 0));
    if (r == 0) {
        check(s.text_len <= size && s.text_len <= MINISIGN_TEXT_MAX);
        check(text[s.text_len - 1] == '\n' && !memchr(s.comment, '\n', s.comment_len));
        check(s.comment > text && s.comment + s.comment_len < text + s.text_len);
    }
    return 0;
}
