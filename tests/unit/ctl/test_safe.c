/* SPDX-License-Identifier: MIT
 * test_safe.c - no text reaches the terminal as anything but text. */
#include <locale.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "supervisor/base/cleanup.h"
#include "supervisor/base/str.h"
#include "supervisor/base/text.h"
#include "supervisor/ctl/safe.h"

#define SAFE_MAX ((size_t) 1 << 20)

static const struct {
    const char *name, *in, *out, *ascii;
} rows[] = {
    { "plain text stays", "a b~", "a b~", "a b~" },
    { "an escape sequence", "\033[2Jx", "\\x1b[2Jx", "\\x1b[2Jx" },
    { "line ends and tabs", "a\nb\r\tc", "a\\nb\\r\\tc", "a\\nb\\r\\tc" },
    { "DEL", "\x7f", "\\x7f", "\\x7f" },
    { "CSI as one C1 character",
      "\xc2\x9b"
      "31m",
      "\\x9b31m", "\\x9b31m" },
    { "a bare C1 byte",
      "\x9b"
      "31m",
      "\xef\xbf\xbd"
      "31m",
      "?31m" },
    { "right-to-left override",
      "\xe2\x80\xae"
      "x",
      "\\u202ex", "\\u202ex" },
    { "Chinese", "时钟", "时钟", "??" },
    { "beyond the basic plane", "\xf0\x9f\x98\x80", "\xf0\x9f\x98\x80", "?" },
    { "a surrogate", "\xed\xa0\x80", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd", "???" },
    { "an overlong slash", "\xc0\xaf", "\xef\xbf\xbd\xef\xbf\xbd", "??" },
    { "cut at the end", "a\xe6\x97", "a\xef\xbf\xbd\xef\xbf\xbd", "a??" },
    { "beyond Unicode", "\xf4\x90\x80\x80", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd",
      "????" },
};

static void test_rows(void **state) {
    (void) state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        CLEANUP(str_clear_p) struct str out = STR_INIT(SAFE_MAX), ascii = STR_INIT(SAFE_MAX);
        safe_text(&out, rows[i].in, true);
        safe_text(&ascii, rows[i].in, false);
        if (strcmp(str_text(&out), rows[i].out) != 0 ||
            strcmp(str_text(&ascii), rows[i].ascii) != 0)
            fail_msg("%s: '%s', '%s'", rows[i].name, str_text(&out), str_text(&ascii));
    }
}

/* Any bytes at all: what comes out is printable UTF-8 and one line. */
static void test_any_three_bytes(void **state) {
    static const unsigned char bytes[] = { 1,    9,    10,   27,   'a',  0x7f, 0x80, 0x9b,
                                           0xa8, 0xae, 0xbf, 0xc0, 0xc2, 0xd8, 0xe2, 0xe6,
                                           0xed, 0xef, 0xf0, 0xf4, 0xf5, 0xff };
    const size_t n = sizeof bytes;

    (void) state;
    for (size_t i = 0; i < n * n * n; i++) {
        CLEANUP(str_clear_p) struct str out = STR_INIT(SAFE_MAX);
        char in[] = { (char) bytes[i % n], (char) bytes[i / n % n], (char) bytes[i / n / n], '\0' };
        safe_text(&out, in, true);
        assert_true(text_is_utf8(out.data, out.len));
        assert_false(text_has_control(out.data, out.len));
        assert_true(safe_width(out.data) <= out.len);
    }
}

static void test_json_stays_the_same_value(void **state) {
    CLEANUP(str_clear_p) struct str out = STR_INIT(SAFE_MAX);

    (void) state;
    safe_json(&out, "{\"a\":\"\x7f\xc2\x9b\xe2\x80\xae时\"}");
    assert_string_equal(str_text(&out), "{\"a\":\"\\u007f\\u009b\\u202e时\"}");
}

static void test_width_is_columns(void **state) {
    (void) state;
    assert_int_equal(safe_width("abc"), 3);
    assert_int_equal(safe_width("时钟"), 4);
    assert_int_equal(safe_width("e\xcc\x81"), 1); /* e and a combining accent */
    assert_int_equal(safe_width("● x"), 3);
    assert_int_equal(safe_width(""), 0);
    assert_int_equal(safe_prefix("abc", 2), 2);
    assert_int_equal(safe_prefix("abc", 3), 3);
    assert_int_equal(safe_prefix("时钟", 3), 3);
    assert_int_equal(safe_prefix("时钟", 1), 0);
    assert_int_equal(safe_prefix("", 9), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rows),
        cmocka_unit_test(test_any_three_bytes),
        cmocka_unit_test(test_json_stays_the_same_value),
        cmocka_unit_test(test_width_is_columns),
    };
    (void) setlocale(LC_CTYPE, "C.UTF-8");
    return cmocka_run_group_tests(tests, NULL, NULL);
}
