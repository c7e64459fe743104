/* SPDX-License-Identifier: MIT */
/* wrap: malloc */
#include "supervisor/base/json.h"

#include "supervisor/base/cleanup.h"
#include "supervisor/base/err.h"
#include "supervisor/base/fs.h"
#include "supervisor/base/str.h"

#include <errno.h>
#include <fcntl.h>
#include <locale.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cjson/cJSON.h>
#include <cmocka.h>

#define COUNT(a)    (sizeof(a) / sizeof(a)[0])
#define UNTOUCHED() ((struct json *) (uintptr_t) 8)

static size_t no_memory_from = SIZE_MAX; /* fails every malloc() of more bytes than this */
void *__real_malloc(size_t);
void *__wrap_malloc(size_t n);
void *__wrap_malloc(size_t n) {
    return n >= no_memory_from ? NULL : __real_malloc(n);
}

/* A copy without anything behind it, so that ASan sees a reader that goes past the end. */
static int parse(const char *text, size_t n, struct json **ret, struct err *e) {
    CLEANUP(free_p) char *copy = malloc(n ? n : 1);

    memcpy(copy, text, n);
    return json_parse(copy, n, ret, e);
}

static void refused(const char *text, size_t n, int code, const char *why) {
    struct json *doc = UNTOUCHED();
    struct err e = { 0 };
    int r = parse(text, n, &doc, &e);

    if (r != code || doc != UNTOUCHED() || e.code != code || !strstr(e.text, why))
        fail_msg("%.*s: %d '%s', not %d '%s'", (int) n, text, r, e.text, code, why);
}

static void prints(const char *text, const char *printed) {
    CLEANUP(json_free_p) struct json *doc = NULL;
    CLEANUP(str_clear_p) struct str out = STR_INIT(100000);
    struct err e = { 0 };

    if (parse(text, strlen(text), &doc, &e) < 0)
        fail_msg("%s: %s", text, e.text);
    assert_int_equal(json_print(doc, &out), 0);
    assert_string_equal(str_text(&out), printed);
}

static void test_what_is_not_json_is_refused(void **state) {
    (void) state;
    static const char *const rows[][2] = {
        { "", "a value is missing at byte 0" },
        { " \n", "a value is missing at byte 2" },
        { "{} {}", "bytes after the value at byte 3" },
        { "{}\x01", "bytes after the value" },
        { "\xEF\xBB\xBF{}", "not a value at byte 0" },
        { "nul", "not a value" },
        { "nulll", "bytes after" },
        { "True", "not a value" },
        { "NaN", "not a value" },
        { "Infinity", "not a value" },
        { "-Infinity", "not a value" },
        { "'a'", "not a value" },
        { "{a:1}", "no member name" },
        { "{'a':1}", "no member name" },
        { "{1:1}", "no member name" },
        { "{\"a\" 1}", "no colon" },
        { "{\"a\":1,}", "no member name" },
        { "{,}", "no member name" },
        { "{\"a\":1 \"b\":2}", "neither a comma nor the object's end" },
        { "[1,]", "not a value" },
        { "[,1]", "not a value" },
        { "[1 2]", "neither a comma nor the array's end" },
        { "[1}", "neither a comma nor the array's end" },
        { "{\"a\":1]", "neither a comma nor the object's end" },
        { "/* c */1", "not a value" },
        { "[1]//", "bytes after" },
        { "\xC2\xA0"
          "1",
          "not a value" }, /* white space to Unicode, not to JSON */
        { "\f1", "not a value" },
        { "01", "bytes after" },
        { "-01", "bytes after" },
        { "00", "bytes after" },
        { "+1", "not a value" },
        { "-", "not a value" },
        { "--1", "not a value" },
        { "- 1", "not a value" },
        { ".5", "not a value" },
        { "1.", "no digit after the point" },
        { "1.e3", "no digit after the point" },
        { "1e", "no digit in the exponent" },
        { "1e+", "no digit in the exponent" },
        { "1e1.5", "bytes after" },
        { "0x10", "bytes after" },
        { "1_000", "bytes after" },
    };
    for (size_t i = 0; i < COUNT(rows); i++)
        refused(rows[i][0], strlen(rows[i][0]), -EINVAL, rows[i][1]);
}

static void test_strings_that_are_refused(void **state) {
    (void) state;
    static const char *const rows[][2] = {
        { "\"", "string without an end" },
        { "\"a", "string without an end" },
        { "\"a\nb\"", "raw control character at byte 2" },
        { "\"a\x1F\"", "raw control character" },
        { "\"\t\"", "raw control character" },
        { "\"\\x41\"", "unknown escape" },
        { "\"\\'\"", "unknown escape" },
        { "\"\\U0041\"", "unknown escape" },
        { "\"\\\"", "string without an end" },
        { "\"\\u12\"", "four hexadecimal" },
        { "\"\\u12G4\"", "four hexadecimal" },
        { "\"\\u 123\"", "four hexadecimal" },
        { "\"\\u0000\"", "escaped NUL" },
        { "{\"a\\u0000b\":1}", "escaped NUL" },
        { "\"\\uD800\"", "lone surrogate" },
        { "\"\\uD800x\"", "lone surrogate" },
        { "\"\\uD800\\n\"", "lone surrogate" },
        { "\"\\uD800\\u0041\"", "lone surrogate" },
        { "\"\\uD800\\uD800\"", "lone surrogate" },
        { "\"\\uDBFF\\uE000\"", "lone surrogate" },
        { "\"\\uDC00\"", "lone surrogate" },
        { "\"\\udfff\"", "lone surrogate" },
        { "\"\xFF\"", "invalid UTF-8 at byte 1" },
        { "\"\x80\"", "invalid UTF-8" },
        { "\"\xC0\x80\"", "invalid UTF-8" },
        { "\"\xC3\"", "invalid UTF-8" },
        { "\"\xED\xA0\x80\"", "invalid UTF-8" },
        { "\"\xF4\x90\x80\x80\"", "invalid UTF-8" },
        { "{\"\xFF\":1}", "invalid UTF-8" },
    };
    for (size_t i = 0; i < COUNT(rows); i++)
        refused(rows[i][0], strlen(rows[i][0]), -EINVAL, rows[i][1]);
    refused("\"a\0b\"", 5, -EINVAL, "raw control character");
    refused("1\0", 2, -EINVAL, "bytes after the value at byte 1");
    refused("\0", 1, -EINVAL, "not a value");
}

static void test_numbers_are_exact_or_refused(void **state) {
    (void) state;
    static const char *const bad[] = {
        "9007199254740993",
        "-9007199254740993",
        "9007199254740993.0",
        "9007199254740992.0",
        "9007199254740993e0",
        "18446744073709551616",
        "1e16",
        "1e400",
        "-1e400",
        "99999999999999999999999999999999999999",
    };
    for (size_t i = 0; i < COUNT(bad); i++)
        refused(bad[i], strlen(bad[i]), -EINVAL, "number beyond 2^53");
    prints("9007199254740992", "9007199254740992");
    prints("-9007199254740992", "-9007199254740992");
    prints("9007199254740991.0", "9007199254740991");
    prints("[0,-0,0.0,1e3,1E-2,-2.5,0.1,1e-400]", "[0,0,0,1000,0.01,-2.5,0.1,0]");
    prints("0.30000000000000004", "0.30000000000000004");
    prints("[123456789.123456789]", "[123456789.12345679]");

    char digits[80] = "0.";
    memset(digits + 2, '3', 61);
    prints(digits, "0.33333333333333331");
    memset(digits + 2, '3', 62);
    refused(digits, 64, -EINVAL, "more than 63 bytes");
}

static void test_what_is_good_is_printed_compact(void **state) {
    (void) state;
    prints(" { \"a\" : [ 1 , true , false , null , { } , [ ] ] , \"b\":\"\" }\r\n\t",
           "{\"a\":[1,true,false,null,{},[]],\"b\":\"\"}");
    prints("\"\\u00e4\\/\\\\\\\"\\b\\f\\n\\r\\t\\u001f\\u007f\"",
           "\"\xC3\xA4/\\\\\\\"\\b\\f\\n\\r\\t\\u001f\x7F\"");
    prints("\"\\uD83D\\uDE00 \\ud83d\\ude00 \xF0\x9F\x98\x80\"",
           "\"\xF0\x9F\x98\x80 \xF0\x9F\x98\x80 \xF0\x9F\x98\x80\"");
    prints("{\"\":1,\"a\\nb\":2}", "{\"\":1,\"a\\nb\":2}");
    prints("0", "0");
    prints("\"x\"", "\"x\"");
}

static void test_names_stand_once(void **state) {
    (void) state;
    static const char *const bad[] = {
        "{\"a\":1,\"a\":2}",
        "{\"a\":1,\"b\":{\"c\":1,\"d\":2,\"c\":3}}",
        "[[{\"a\":1,\"\\u0061\":2}]]",
        "{\"\":1,\"\":2}",
    };
    for (size_t i = 0; i < COUNT(bad); i++)
        refused(bad[i], strlen(bad[i]), -EINVAL, "stands twice");
    prints("{\"a\":1,\"A\":2}", "{\"a\":1,\"A\":2}");
    prints("[{\"a\":1},{\"a\":1}]", "[{\"a\":1},{\"a\":1}]");
}

/* The two ways of looking meet at 16 members; the pair may stand anywhere. */
static void test_names_stand_once_among_many(void **state) {
    (void) state;
    for (int n = 2; n < 40; n++)
        for (int first = 0; first < n; first++) {
            CLEANUP(str_clear_p) struct str text = STR_INIT(10000);
            for (int i = 0; i < n; i++)
                (void) str_printf(&text, "%c\"k%d\":%d", i ? ',' : '{', i == n - 1 ? first : i, i);
            (void) str_putc(&text, '}');
            if (first == n - 1)
                prints(str_text(&text), str_text(&text));
            else
                refused(text.data, text.len, -EINVAL, "stands twice");
        }
}

/* A megabyte of names: quadratic would be ten thousand million comparisons. */
static void test_a_megabyte_of_names(void **state) {
    (void) state;
    CLEANUP(str_clear_p) struct str text = STR_INIT(2 << 20);
    CLEANUP(json_free_p) struct json *doc = NULL;

    for (int i = 0; i < 100000; i++)
        (void) str_printf(&text, "%c\"%05x\":0", i ? ',' : '{', i);
    (void) str_putc(&text, '}');
    assert_int_equal(json_parse(text.data, text.len, &doc, NULL), 0);
    assert_int_equal(json_count(doc), 100000);
}

static void test_depth(void **state) {
    (void) state;
    char text[2 * 40 + 1];

    for (size_t depth = 1; depth <= 40; depth++) {
        memset(text, '[', depth);
        memset(text + depth, ']', depth);
        text[2 * depth] = '\0';
        if (depth <= JSON_DEPTH_MAX)
            prints(text, text);
        else
            refused(text, 2 * depth, -E2BIG, "nested deeper than 32");
    }
    CLEANUP(str_clear_p) struct str deep = STR_INIT(2 << 20);
    for (int i = 0; i < 100000; i++)
        (void) str_puts(&deep, "{\"a\":");
    refused(deep.data, deep.len, -E2BIG, "nested deeper");
}

static void test_no_prefix_of_a_message_is_one(void **state) {
    (void) state;
    const char *text =
        "{\"method\":\"org.miniprog.Supervisor.Open\",\"parameters\":{\"id\":\"a.b\","
        "\"n\":[-1.5e+3,0,true,false,null,\"\\uD83D\\uDE00\xE8\xBF\x90\\n\"]}}";
    CLEANUP(json_free_p) struct json *whole = NULL;

    for (size_t n = 0; n < strlen(text); n++)
        refused(text, n, -EINVAL, "");
    assert_int_equal(parse(text, strlen(text), &whole, NULL), 0);
}

/* Every byte of a good text replaced by every other: never a crash, and what is taken is
 * printed as something that is taken again and printed the same. */
static void test_no_byte_can_break_it(void **state) {
    (void) state;
    const char *good = "{\"a\":[-1.5e3,true,\"\\u00e4\\n\xC3\xA4\"],\"b\":{}}";
    char text[64];
    size_t n = strlen(good);

    for (size_t at = 0; at < n; at++)
        for (int c = 0; c < 256; c++) {
            CLEANUP(json_free_p) struct json *doc = NULL;
            CLEANUP(str_clear_p) struct str out = STR_INIT(1000);
            memcpy(text, good, n + 1);
            text[at] = (char) c;
            if (parse(text, n, &doc, NULL) < 0)
                continue;
            assert_int_equal(json_print(doc, &out), 0);
            prints(str_text(&out), str_text(&out));
        }
}

static void test_without_memory(void **state) {
    (void) state;
    struct json *doc = UNTOUCHED();
    CLEANUP(str_clear_p) struct str text = STR_INIT(10000);
    struct err e = { 0 };

    /* cJSON is a library of its own, where --wrap does not reach. */
    cJSON_InitHooks(&(cJSON_Hooks){ .malloc_fn = __wrap_malloc, .free_fn = free });
    no_memory_from = 0;
    int r = json_parse("{}", 2, &doc, &e);
    no_memory_from = SIZE_MAX;
    assert_int_equal(r, -ENOMEM);
    for (int i = 0; i < 200; i++)
        (void) str_printf(&text, "%c\"%d\":0", i ? ',' : '{', i);
    (void) str_putc(&text, '}');
    no_memory_from = 200 * sizeof(char *); /* the array of names, bigger than any node */
    r = json_parse(text.data, text.len, &doc, &e);
    no_memory_from = SIZE_MAX;
    cJSON_InitHooks(NULL);
    assert_int_equal(r, -ENOMEM);
    assert_ptr_equal(doc, UNTOUCHED());
}

/* Debian has no German locale unless asked for; localedef makes one where its sources are. */
static bool enter_decimal_comma(const char *dir) {
    char command[200];

    (void) snprintf(command, sizeof command,
                    "localedef -i de_DE -f UTF-8 %s/de_DE.UTF-8 >/dev/null 2>&1", dir);
    if (setlocale(LC_NUMERIC, "de_DE.UTF-8"))
        return true;
    return system(command) == 0 && setenv("LOCPATH", dir, 1) == 0 &&
           setlocale(LC_NUMERIC, "de_DE.UTF-8");
}

static void test_a_locale_with_a_decimal_comma(void **state) {
    (void) state;
    char dir[] = "/tmp/test_json.XXXXXX", half[8];

    assert_non_null(mkdtemp(dir));
    bool entered = enter_decimal_comma(dir);
    (void) fs_remove_tree(AT_FDCWD, dir, NULL);
    if (!entered) {
        print_message("skipped: no locale with a decimal comma, nor localedef's sources\n");
        skip();
    }
    prints("[0.5,1.25e2,9007199254740991.0]", "[0.5,125,9007199254740991]");
    (void) snprintf(half, sizeof half, "%.1f", 0.5);
    assert_string_equal(half, "0,5"); /* and the program's own locale is as it was */
    (void) setlocale(LC_NUMERIC, "C");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_is_not_json_is_refused),
        cmocka_unit_test(test_strings_that_are_refused),
        cmocka_unit_test(test_numbers_are_exact_or_refused),
        cmocka_unit_test(test_what_is_good_is_printed_compact),
        cmocka_unit_test(test_names_stand_once),
        cmocka_unit_test(test_names_stand_once_among_many),
        cmocka_unit_test(test_a_megabyte_of_names),
        cmocka_unit_test(test_depth),
        cmocka_unit_test(test_no_prefix_of_a_message_is_one),
        cmocka_unit_test(test_no_byte_can_break_it),
        cmocka_unit_test(test_without_memory),
        cmocka_unit_test(test_a_locale_with_a_decimal_comma),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
