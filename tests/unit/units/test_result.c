/* SPDX-License-Identifier: MIT
 * A worker's word, true and false. */
#include "scratch.h"

#include "supervisor/base/err.h"
#include "supervisor/base/str.h"
#include "units/result.h"

#define HASH "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define GOOD(id, code, hash, files, bytes)                                                         \
    "{\"ok\":true,\"app_id\":" id ",\"code\":" code ",\"files_hash\":" hash ",\"files\":" files    \
    ",\"bytes\":" bytes "}"

static void test_both_kinds_read_back(void **state) {
    (void) state;
    struct worker_result good = { true, "org.example.a", 3, HASH, 9, 4711, PACKAGE_OK, "" };
    struct worker_result bad = { .fault = PACKAGE_TYPE, .detail = "'pages/\"x\"' is a link" };
    struct worker_result back = { 0 };
    struct str text = STR_INIT(WORKER_RESULT_MAX);

    assert_int_equal(worker_result_print(&good, &text), 0);
    assert_int_equal(worker_result_parse(text.data, text.len, &back, NULL), 0);
    assert_true(back.ok);
    assert_string_equal(back.app_id, good.app_id);
    assert_int_equal(back.code, 3);
    assert_string_equal(back.files_hash, HASH);
    assert_int_equal(back.files, 9);
    assert_int_equal(back.bytes, 4711);
    assert_int_equal(back.fault, PACKAGE_OK);
    assert_int_equal(worker_result_parse(text.data, text.len - 1, &back, NULL), 0);
    str_reset(&text);

    assert_int_equal(worker_result_print(&bad, &text), 0);
    assert_int_equal(worker_result_parse(text.data, text.len, &back, NULL), 0);
    assert_false(back.ok);
    assert_int_equal(back.fault, PACKAGE_TYPE);
    assert_string_equal(back.detail, bad.detail);
    str_clear(&text);
}

static void assert_refused(const char *text, size_t len) {
    struct worker_result untouched = { .code = 4711 };
    struct err e = { 0 };
    int r = worker_result_parse(text, len, &untouched, &e);
    if (r != -EBADMSG || !e.text[0])
        fail_msg("%d (%s): %.*s", r, e.text, (int) len, text);
    assert_int_equal(untouched.code, 4711);
}

static void test_every_prefix_is_refused(void **state) {
    (void) state;
    static const char *const texts[] = {
        GOOD("\"a\"", "3", "\"" HASH "\"", "9", "4711"),
        "{\"ok\":false,\"reason\":\"type\",\"detail\":\"x\"}",
    };
    for (size_t i = 0; i < 2; i++)
        for (size_t n = 0; n < strlen(texts[i]); n++)
            assert_refused(texts[i], n);
}

static void test_hostile_results(void **state) {
    (void) state;
    static const char *const texts[] = {
        "null",
        "[]",
        "{}",
        "{\"ok\":1}",
        "{\"ok\":true}",
        "{\"ok\":false}",
        "{\"ok\":true,\"ok\":false,\"reason\":\"type\",\"detail\":\"x\"}",
        GOOD("\"../x\"", "3", "\"" HASH "\"", "9", "1"),
        GOOD("\"\"", "3", "\"" HASH "\"", "9", "1"),
        GOOD("7", "3", "\"" HASH "\"", "9", "1"),
        GOOD("\"a\\u0000b\"", "3", "\"" HASH "\"", "9", "1"),
        GOOD("\"a\"", "0", "\"" HASH "\"", "9", "1"),
        GOOD("\"a\"", "-1", "\"" HASH "\"", "9", "1"),
        GOOD("\"a\"", "1.5", "\"" HASH "\"", "9", "1"),
        GOOD("\"a\"", "\"1\"", "\"" HASH "\"", "9", "1"),
        GOOD("\"a\"", "9007199254740993", "\"" HASH "\"", "9", "1"),
        GOOD("\"a\"", "3", "\"" HASH "0\"", "9", "1"),
        GOOD("\"a\"", "3", "\"0123\"", "9", "1"),
        GOOD("\"a\"", "3", "\"../3456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef\"",
             "9", "1"),
        GOOD("\"a\"", "3", "null", "9", "1"),
        GOOD("\"a\"", "3", "\"" HASH "\"", "0", "1"),
        GOOD("\"a\"", "3", "\"" HASH "\"", "20001", "1"),
        GOOD("\"a\"", "3", "\"" HASH "\"", "9", "-1"),
        GOOD("\"a\"", "3", "\"" HASH "\"", "9", "1073741825"),
        GOOD("\"a\"", "3", "\"" HASH "\"", "9", "1") "\n\n{}",
        "{\"ok\":false,\"reason\":\"ok\",\"detail\":\"x\"}",
        "{\"ok\":false,\"reason\":\"none\",\"detail\":\"x\"}",
        "{\"ok\":false,\"reason\":\"type\",\"detail\":\"\"}",
        "{\"ok\":false,\"reason\":\"type\",\"detail\":7}",
        "{\"ok\":false,\"reason\":\"type\",\"detail\":\"a\\nb\"}",
        "{\"ok\":false,\"reason\":\"type\",\"detail\":\"\\u001b[2J\"}",
    };
    char longer[512] = "{\"ok\":false,\"reason\":\"type\",\"detail\":\"";
    static char huge[WORKER_RESULT_MAX + 1];

    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        assert_refused(texts[i], strlen(texts[i]));
    memset(longer + strlen(longer), 'x', 256);
    strcat(longer, "\"}");
    assert_refused(longer, strlen(longer));
    memset(huge, ' ', sizeof huge);
    memcpy(huge, texts[0], 4);
    assert_refused(huge, sizeof huge);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_both_kinds_read_back),
        cmocka_unit_test(test_every_prefix_is_refused),
        cmocka_unit_test(test_hostile_results),
    };
    return cmocka_run_group_tests_name("units/result", tests, NULL, NULL);
}
