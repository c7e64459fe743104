/* SPDX-License-Identifier: MIT */
#include "supervisor/base/text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#define COUNT(a) (sizeof(a) / sizeof(a)[0])

static size_t encode(uint32_t c, char *out) {
    if (c < 0x80) {
        out[0] = (char) c;
        return 1;
    }
    size_t n = c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
    for (size_t i = n - 1; i > 0; i--, c >>= 6)
        out[i] = (char) (0x80 | (c & 0x3F));
    out[0] = (char) ((0xF00 >> n & 0xFF) | c);
    return n;
}

static void test_each_code_point_and_each_of_its_prefixes(void **state) {
    (void) state;
    for (uint32_t c = 0; c <= 0x110FFF; c++) {
        char text[4];
        size_t n = encode(c, text);
        bool good = c <= 0x10FFFF && !(c >= 0xD800 && c <= 0xDFFF);
        if (text_utf8_char(text, n) != (good ? n : 0))
            fail_msg("U+%04X", c);
        for (size_t cut = 0; cut < n; cut++)
            assert_int_equal(text_utf8_char(text, cut), 0);
    }
}

static void test_two_bytes_are_utf8_only_as_the_table_says(void **state) {
    (void) state;
    for (unsigned a = 0; a < 256; a++)
        for (unsigned b = 0; b < 256; b++) {
            char text[2] = { (char) a, (char) b };
            bool good =
                (a < 0x80 && b < 0x80) || (a >= 0xC2 && a <= 0xDF && b >= 0x80 && b <= 0xBF);
            assert_int_equal(text_is_utf8(text, 2), good);
        }
}

static void test_bad_bytes_are_found_wherever_they_stand(void **state) {
    (void) state;
    static const char *const bad[] = {
        "\xC0\x80",         "\xC1\xBF",         "\xE0\x9F\xBF", "\xED\xA0\x80", "\xF0\x8F\xBF\xBF",
        "\xF4\x90\x80\x80", "\xF5\x80\x80\x80", "\x80",         "\xFF",         "\xE4\xBD",
    };
    for (size_t i = 0; i < COUNT(bad); i++)
        for (size_t before = 0; before < 20; before++) {
            char text[64];
            int n =
                snprintf(text, sizeof text, "%.*s%s", (int) before, "abcdefghijklmnopqrst", bad[i]);
            assert_false(text_is_utf8(text, (size_t) n));
            strcat(text, "0123456789");
            assert_false(text_is_utf8(text, strlen(text)));
        }
    const char *good = "运行内存不足, \xF0\x9F\x98\x80 plain text after";
    assert_true(text_is_utf8("", 0));
    assert_true(text_is_utf8(good, strlen(good)));
}

static void test_control(void **state) {
    (void) state;
    for (unsigned c = 0; c < 256; c++) {
        char text[3] = { 'a', (char) c, 'b' };
        assert_int_equal(text_has_control(text, 3), c < 0x20 || c == 0x7F);
    }
    assert_true(text_has_control("a\xC2\x9B", 3)); /* CSI, which terminals obey */
    assert_true(text_has_control("\xC2\x80", 2));
    assert_false(text_has_control("\xC2\xA0", 2));
    assert_false(text_has_control("\xC3\x9B", 2));
    assert_false(text_has_control("\xC2", 1));
    assert_false(text_has_control("", 0));
}

static void test_crc32_is_zlibs(void **state) {
    (void) state;
    const char *text = "123456789";

    assert_int_equal(text_crc32(0, "", 0), 0);
    assert_int_equal(text_crc32(0, text, 9), 0xCBF43926); /* the standard's check value */
    for (size_t cut = 0; cut <= 9; cut++)
        assert_int_equal(text_crc32(text_crc32(0, text, cut), text + cut, 9 - cut), 0xCBF43926);
    assert_int_equal(text_crc32(0, "\xFF\xFF\xFF\xFF", 4), 0xFFFFFFFF);
}

static void test_hash64_is_fnv1a(void **state) {
    (void) state;
    /* Source: the test vectors of draft-eastlake-fnv. */
    assert_true(text_hash64("", 0) == UINT64_C(0xCBF29CE484222325));
    assert_true(text_hash64("a", 1) == UINT64_C(0xAF63DC4C8601EC8C));
    assert_true(text_hash64("foobar", 6) == UINT64_C(0x85944171F73967E8));
}

static void test_app_id(void **state) {
    (void) state;
    static const char *const good[] = { "a",     "org.example.clock", "A1.b-c.d",
                                        "x-1-y", "a.b.c.d.e",         "a--b" };
    static const char *const bad[] = {
        "",      ".",      "a.",   ".a",  "a..b", "1a",     "a.1b", "-a",  "a-",
        "a-.",   "a-.b",   "a.-b", "a_b", "a/b",  "../etc", "a b",  "a\n", "\xC3\xA4",
        "a\x01", "tasks/", "a:b",  "a@b", "a%b",  "a\\b",   "a*",
    };
    char id[80];

    for (size_t i = 0; i < COUNT(good); i++)
        if (!text_is_app_id(good[i]))
            fail_msg("'%s' is an app id", good[i]);
    for (size_t i = 0; i < COUNT(bad); i++)
        if (text_is_app_id(bad[i]))
            fail_msg("'%s' is no app id", bad[i]);
    memset(id, 'a', sizeof id);
    id[64] = '\0';
    assert_true(text_is_app_id(id));
    id[64] = 'a';
    id[65] = '\0';
    assert_false(text_is_app_id(id));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_code_point_and_each_of_its_prefixes),
        cmocka_unit_test(test_two_bytes_are_utf8_only_as_the_table_says),
        cmocka_unit_test(test_bad_bytes_are_found_wherever_they_stand),
        cmocka_unit_test(test_control),
        cmocka_unit_test(test_crc32_is_zlibs),
        cmocka_unit_test(test_hash64_is_fnv1a),
        cmocka_unit_test(test_app_id),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
