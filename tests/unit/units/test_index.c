/* SPDX-License-Identifier: MIT
 * The update index as a publisher writes it, and as an attacker would. */
#include "scratch.h"

#include "supervisor/base/err.h"
#include "supervisor/base/str.h"
#include "units/index.h"

#define KEY  "RWQOrhUYm37oKvxL8wgZP+sCfx+UQg88wNRQiDbs01UgIzD6P3m4KMXx"
#define HASH "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define PACKAGE(code, rest)                                                                        \
    "{\"code\":" code ",\"name\":\"1.2\",\"url\":\"https://a.example/x.ma\",\"size\":1000,"        \
    "\"sha256\":\"" HASH "\",\"unpacked_size\":3000,\"files\":9" rest "}"
#define INDEX(members, packages)                                                                   \
    "{\"app_id\":\"org.example.clock\",\"sequence\":7,\"expires\":\"2026-01-31T23:59:"             \
    "59Z\"" members ",\"packages\":[" packages "]}"

static struct index *parsed(const char *text) {
    struct index *ix = NULL;
    struct err e = { 0 };
    if (index_parse(text, strlen(text), &ix, &e) != 0)
        fail_msg("%s: %s", e.text, text);
    return ix;
}

static const char whole[] =
    INDEX(",\"minimum_usable\":2,\"downgrade_to\":3,\"next_key\":\"" KEY "\",\"later\":[1]",
          PACKAGE("3", "") "," PACKAGE("5", ",\"rollout\":10,\"later\":{}"));

static void test_the_whole_index_is_read(void **state) {
    (void) state;
    struct index *ix = parsed(whole);
    assert_string_equal(ix->app_id, "org.example.clock");
    assert_int_equal(ix->sequence, 7);
    assert_int_equal(ix->expires, 1769903999);
    assert_int_equal(ix->minimum_usable, 2);
    assert_int_equal(ix->downgrade_to, 3);
    assert_string_equal(ix->next_key, KEY);
    assert_int_equal(ix->n_packages, 2);
    assert_int_equal(ix->packages[0].code, 5); /* the highest first */
    assert_int_equal(ix->packages[0].rollout, 10);
    assert_int_equal(ix->packages[1].rollout, 100);
    assert_int_equal(ix->packages[1].size, 1000);
    assert_int_equal(ix->packages[1].unpacked_size, 3000);
    assert_int_equal(ix->packages[1].files, 9);
    assert_string_equal(ix->packages[1].name, "1.2");
    assert_string_equal(ix->packages[1].url, "https://a.example/x.ma");
    assert_string_equal(ix->packages[1].sha256, HASH);
    index_free(ix);
    ix = parsed(INDEX("", ""));
    assert_int_equal(ix->n_packages, 0);
    assert_int_equal(ix->minimum_usable, 0);
    assert_int_equal(ix->downgrade_to, 0);
    assert_string_equal(ix->next_key, "");
    index_free(ix);
}

static void test_what_is_written_reads_back(void **state) {
    (void) state;
    struct index *ix = parsed(whole), *again;
    struct str text = STR_INIT(INDEX_SIZE_MAX), twice = STR_INIT(INDEX_SIZE_MAX);
    assert_int_equal(index_print(ix, &text), 0);
    again = parsed(text.data);
    assert_int_equal(index_print(again, &twice), 0);
    assert_string_equal(text.data, twice.data);
    assert_non_null(strstr(text.data, "\"rollout\":10}"));
    assert_null(strstr(text.data, "100"
                                  "}"));
    str_clear(&text);
    str_clear(&twice);
    index_free(ix);
    index_free(again);
}

static void refuse(const char *text, size_t len, const char *says) {
    struct index *untouched = (struct index *) 0x1;
    struct err e = { 0 };
    int r = index_parse(text, len, &untouched, &e);
    if (r != -EINVAL || !strstr(e.text, says))
        fail_msg("%d (%s): %.*s", r, e.text, (int) len, text);
    assert_ptr_equal(untouched, (struct index *) 0x1);
}

static void test_bad_members(void **state) {
    (void) state;
#define HEAD "{\"app_id\":\"a\",\"sequence\":1,\"expires\":\"2026-01-31T23:59:59Z\",\"packages\":"
    static const struct {
        const char *text, *says;
    } rows[] = {
        { "[]", "object" },
        { "{}", "'app_id'" },
        { "{\"app_id\":\"../a\"}", "'app_id'" },
        { "{\"app_id\":\"a\"}", "'expires'" },
        { "{\"app_id\":\"a\",\"expires\":1769903999}", "'expires'" },
        { "{\"app_id\":\"a\",\"expires\":\"tomorrow\"}", "'expires'" },
        { "{\"app_id\":\"a\",\"expires\":\"2026-01-31T23:59:59Z\"}", "'sequence' is missing" },
        { INDEX(",\"sequence\":8", ""), "sequence" },
        { INDEX(",\"minimum_usable\":0", ""), "'minimum_usable'" },
        { INDEX(",\"minimum_usable\":\"2\"", ""), "'minimum_usable'" },
        { INDEX(",\"downgrade_to\":2", PACKAGE("3", "")), "'downgrade_to' is the code of no" },
        { INDEX(",\"downgrade_to\":3,\"minimum_usable\":4", PACKAGE("3", "")), "below" },
        { INDEX(",\"next_key\":\"RWQ\"", ""), "'next_key'" },
        { INDEX(",\"next_key\":7", ""), "'next_key'" },
        { HEAD "{}}", "'packages'" },
        { HEAD "[1]}", "package 1: it must be an object" },
        { HEAD "[{}]}", "package 1: 'code' is missing" },
        { INDEX("", PACKAGE("0", "")), "'code'" },
        { INDEX("", PACKAGE("-1", "")), "'code'" },
        { INDEX("", PACKAGE("1.5", "")), "'code'" },
        { INDEX("", PACKAGE("18446744073709551615", "")), "" },
        { INDEX("", PACKAGE("9007199254740993", "")), "" },
        { INDEX("", PACKAGE("3", "") "," PACKAGE("3", "")), "two packages have the code 3" },
        { INDEX("", PACKAGE("3", ",\"rollout\":101")), "'rollout'" },
        { INDEX("", PACKAGE("3", ",\"rollout\":-1")), "'rollout'" },
        { INDEX("", PACKAGE("3", ",\"rollout\":\"10\"")), "'rollout'" },
        { INDEX("", PACKAGE("3", ",\"size\":1")), "" }, /* twice */
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        refuse(rows[i].text, strlen(rows[i].text), rows[i].says);
}

/* One member of a good package replaced. */
static void test_bad_packages(void **state) {
    (void) state;
    static const struct {
        const char *good, *bad;
    } rows[] = {
        { "\"size\":1000", "\"size\":0" },
        { "\"size\":1000", "\"size\":1073741825" },
        { "\"size\":1000", "\"size\":null" },
        { "\"unpacked_size\":3000", "\"unpacked_size\":1073741825" },
        { "\"unpacked_size\":3000", "\"unpacked_size\":-1" },
        { "\"files\":9", "\"files\":0" },
        { "\"files\":9", "\"files\":20001" },
        { "\"name\":\"1.2\"", "\"name\":\"\"" },
        { "\"name\":\"1.2\"", "\"name\":\"a\\u001bb\"" },
        { "\"name\":\"1.2\"", "\"name\":7" },
        { HASH, "0123456789ABCDEF0123456789abcdef0123456789abcdef0123456789abcdef" },
        { HASH, "0123" },
        { "https://", "ftp://" },
        { "https://", "HTTPS://" },
        { "https://", "" },
        { "https://a.example/x.ma", "https://" },
        { "https://a.example/x.ma", "https:///x" },
        { "https://a.example/x.ma", "file://host/x" },
        { "https://a.example/x.ma", "https://a b" },
        { "https://a.example/x.ma", "https://a\\r\\nX: y" },
    };
    static const char good[] = INDEX("", PACKAGE("3", ""));
    index_free(parsed(good));
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const char *at = strstr(good, rows[i].good);
        char text[1024];
        assert_non_null(at);
        (void) snprintf(text, sizeof text, "%.*s%s%s", (int) (at - good), good, rows[i].bad,
                        at + strlen(rows[i].good));
        refuse(text, strlen(text), "package 1");
    }
}

static void test_no_prefix_is_an_index(void **state) {
    (void) state;
    for (size_t n = 0; n < sizeof whole - 1; n++)
        refuse(whole, n, "");
}

static void test_too_much(void **state) {
    (void) state;
    struct str text = STR_INIT(4 * INDEX_SIZE_MAX);
    (void) str_puts(&text, HEAD "[");
    for (int i = 1; i <= INDEX_PACKAGES_MAX + 1; i++)
        (void) str_printf(&text,
                          "%s{\"code\":%d,\"name\":\"1.2\",\"url\":\"https://a.example/x.ma\","
                          "\"size\":1000,\"sha256\":\"" HASH
                          "\",\"unpacked_size\":3000,\"files\":9}",
                          i > 1 ? "," : "", i);
    (void) str_puts(&text, "]}");
    refuse(text.data, text.len, "more than 64");
    str_reset(&text);
    (void) str_puts(&text, INDEX("", ""));
    while (text.len <= INDEX_SIZE_MAX)
        (void) str_putc(&text, ' ');
    refuse(text.data, text.len, "more than 65536 bytes");
    str_clear(&text);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_whole_index_is_read),
        cmocka_unit_test(test_what_is_written_reads_back),
        cmocka_unit_test(test_bad_members),
        cmocka_unit_test(test_bad_packages),
        cmocka_unit_test(test_no_prefix_is_an_index),
        cmocka_unit_test(test_too_much),
    };
    return cmocka_run_group_tests_name("units/index", tests, NULL, NULL);
}
