/* SPDX-License-Identifier: MIT */
#include "supervisor/base/jsonw.h"

#include "supervisor/base/cleanup.h"
#include "supervisor/base/json.h"
#include "supervisor/base/str.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

/* What is written as one string is read back as `want`. */
static void reads_back(const char *text, size_t n, const char *want) {
    CLEANUP(str_clear_p) struct str out = STR_INIT(10000);
    CLEANUP(json_free_p) struct json *doc = NULL;
    struct jsonw w = JSONW_INIT(&out);

    jsonw_string_n(&w, NULL, text, n);
    assert_int_equal(str_error(&out), 0);
    assert_int_equal(json_parse(out.data, out.len, &doc, NULL), 0);
    assert_string_equal(json_string(doc), want);
}

static void test_commas_and_names(void **state) {
    (void) state;
    CLEANUP(str_clear_p) struct str out = STR_INIT(1000);
    struct jsonw w = JSONW_INIT(&out);

    jsonw_object(&w, NULL);
    jsonw_object(&w, "empty");
    jsonw_end_object(&w);
    jsonw_array(&w, "list");
    jsonw_int(&w, NULL, -1);
    jsonw_array(&w, NULL);
    jsonw_end_array(&w);
    jsonw_object(&w, NULL);
    jsonw_bool(&w, "yes", true);
    jsonw_bool(&w, "no", false);
    jsonw_end_object(&w);
    jsonw_string(&w, NULL, NULL);
    jsonw_end_array(&w);
    jsonw_string(&w, "gone", NULL);
    jsonw_json(&w, "gone", NULL);
    jsonw_raw(&w, "gone", NULL, 0);
    jsonw_raw(&w, "raw", "{\"x\":1}", 7);
    jsonw_string(&w, "a\"b", "c\\d");
    jsonw_end_object(&w);
    assert_string_equal(str_text(&out),
                        "{\"empty\":{},\"list\":[-1,[],{\"yes\":true,\"no\":false}],"
                        "\"raw\":{\"x\":1},\"a\\\"b\":\"c\\\\d\"}");
}

static void test_numbers(void **state) {
    (void) state;
    static const struct {
        int64_t value;
        const char *text;
    } rows[] = {
        { 0, "0" },
        { 9, "9" },
        { 10, "10" },
        { -1, "-1" },
        { JSON_INT_MAX, "9007199254740992" },
        { JSON_INT_MAX + 1, "9007199254740992" },
        { INT64_MAX, "9007199254740992" },
        { INT64_MIN, "-9007199254740992" },
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        CLEANUP(str_clear_p) struct str out = STR_INIT(100);
        struct jsonw w = JSONW_INIT(&out);
        jsonw_int(&w, NULL, rows[i].value);
        assert_string_equal(str_text(&out), rows[i].text);
    }
    CLEANUP(str_clear_p) struct str out = STR_INIT(100);
    struct jsonw w = JSONW_INIT(&out);
    jsonw_u64(&w, NULL, UINT64_MAX);
    jsonw_u64(&w, NULL, 4711);
    assert_string_equal(str_text(&out), "9007199254740992,4711");
}

static void test_every_byte_at_every_place_of_a_word(void **state) {
    (void) state;
    for (unsigned c = 1; c < 0x80; c++)
        for (size_t at = 0; at < 20; at++) {
            char text[] = "abcdefghijklmnopqrst";
            text[at] = (char) c;
            reads_back(text, 20, text);
        }
}

static void test_what_is_not_utf8_becomes_the_replacement(void **state) {
    (void) state;
    for (size_t before = 0; before < 10; before++) {
        char text[32], want[64];
        int n = snprintf(text, sizeof text, "%.*s\xFFz", (int) before, "0123456789");
        (void) snprintf(want, sizeof want, "%.*s\xEF\xBF\xBDz", (int) before, "0123456789");
        reads_back(text, (size_t) n, want);
    }
    reads_back("\xE8\xBF\x90\xE8\xA1", 5, "\xE8\xBF\x90\xEF\xBF\xBD\xEF\xBF\xBD"); /* cut short */
    reads_back("\xED\xA0\x80", 3, "\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD");
    reads_back("\xE8\xBF\x90\xE8\xA1\x8C plain \xF0\x9F\x98\x80", 17,
               "\xE8\xBF\x90\xE8\xA1\x8C plain \xF0\x9F\x98\x80");
}

static void test_a_nul_is_escaped(void **state) {
    (void) state;
    CLEANUP(str_clear_p) struct str out = STR_INIT(100);
    struct jsonw w = JSONW_INIT(&out);

    jsonw_string_n(&w, NULL, "a\0b\x1F", 4);
    assert_string_equal(str_text(&out), "\"a\\u0000b\\u001f\"");
}

static void test_the_limit_sticks(void **state) {
    (void) state;
    CLEANUP(str_clear_p) struct str out = STR_INIT(5);
    struct jsonw w = JSONW_INIT(&out);

    jsonw_array(&w, NULL);
    jsonw_string(&w, NULL, "0123456789");
    jsonw_end_array(&w);
    assert_int_equal(str_error(&out), -EMSGSIZE);
}

static void test_a_value_of_a_document(void **state) {
    (void) state;
    CLEANUP(str_clear_p) struct str out = STR_INIT(100);
    CLEANUP(json_free_p) struct json *doc = NULL;
    struct jsonw w = JSONW_INIT(&out);

    assert_int_equal(json_parse("{\"a\":[1,null]}", 14, &doc, NULL), 0);
    jsonw_object(&w, NULL);
    jsonw_json(&w, "v", doc);
    jsonw_int(&w, "n", 1);
    jsonw_end_object(&w);
    assert_string_equal(str_text(&out), "{\"v\":{\"a\":[1,null]},\"n\":1}");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_commas_and_names),
        cmocka_unit_test(test_numbers),
        cmocka_unit_test(test_every_byte_at_every_place_of_a_word),
        cmocka_unit_test(test_what_is_not_utf8_becomes_the_replacement),
        cmocka_unit_test(test_a_nul_is_escaped),
        cmocka_unit_test(test_the_limit_sticks),
        cmocka_unit_test(test_a_value_of_a_document),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
