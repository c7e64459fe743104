/* SPDX-License-Identifier: MIT
 * test_plain.c - nothing that a terminal obeys gets through. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

#include <string.h>

#include "supervisor/base/plain.h"
#include "supervisor/base/text.h"

static void test_rows(void **state) {
    (void) state;
    static const struct {
        const char *from, *want;
    } rows[] = {
        { "", "" },
        { "plain text", "plain text" },
        { "a\tb", "a\tb" },
        { "\x1b[31mred\x1b[0m", "\\x1b[31mred\\x1b[0m" },
        { "\x1b]0;title\a", "\\x1b]0;title\\x07" },
        { "line\nfeed\r", "line\\x0afeed\\x0d" },
        { "del\x7f", "del\\x7f" },
        { "c1 \xc2\x9b"
          "2J",
          "c1 \\x9b2J" },
        { "bare c1 \x9b"
          "2J",
          "bare c1 \xef\xbf\xbd"
          "2J" },
        { "\xc2\xa0", "\xc2\xa0" },
        { "运行内存不足", "运行内存不足" },
        { "\xf0\x9f\x98\x80", "\xf0\x9f\x98\x80" },
        { "\xc0\x9b", "\xef\xbf\xbd\xef\xbf\xbd" }, /* overlong ESC */
        { "\xe0\x80\x9b!", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd!" },
        { "\xed\xa0\x80", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd" }, /* surrogate */
        { "\xe4\xb8", "\xef\xbf\xbd\xef\xbf\xbd" },                 /* cut off */
        { "\\x1b", "\\x1b" },
    };
    char to[256];

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        size_t n = plain_text(rows[i].from, strlen(rows[i].from), to, sizeof to);
        assert_string_equal(to, rows[i].want);
        assert_int_equal(n, strlen(rows[i].want));
    }
    assert_int_equal(plain_text("a\0b", 3, to, sizeof to), 6);
    assert_string_equal(to, "a\\x00b");
    assert_int_equal(plain_sentence("a\tb\xff", 4, to, sizeof to), 9);
    assert_string_equal(to, "a\\x09b\xef\xbf\xbd");
}

/* Every pair of bytes, and every length of room: what comes out is always text without controls. */
static void test_whatever_goes_in_text_comes_out(void **state) {
    (void) state;
    char to[16];

    for (unsigned a = 0; a < 256; a++)
        for (unsigned b = 0; b < 256; b++) {
            char from[3] = { (char) a, (char) b, 'x' };
            for (size_t size = 1; size <= 3 * PLAIN_GROWTH + 1; size++) {
                memset(to, 0x1b, sizeof to);
                size_t n = plain_text(from, 3, to, size);
                assert_true(n < size && to[n] == '\0' && (unsigned char) to[n + 1] == 0x1b);
                assert_true(text_is_utf8(to, n));
                for (size_t i = 0; i < n; i++)
                    if (to[i] == '\t')
                        to[i] = ' ';
                assert_false(text_has_control(to, n));
            }
        }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rows),
        cmocka_unit_test(test_whatever_goes_in_text_comes_out),
    };

    return cmocka_run_group_tests_name("plain", tests, NULL, NULL);
}
