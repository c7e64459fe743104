/* SPDX-License-Identifier: MIT
 * The list of files: one spelling, hostile lines. */
#include "scratch.h"

#include "supervisor/base/err.h"
#include "supervisor/base/str.h"
#include "units/filelist.h"

#define HASH "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static void test_what_is_written_reads_back(void **state) {
    (void) state;
    const struct filelist_entry entries[] = {
        { "a b", 0, false, HASH },
        { "bin/clock", 4711, true, HASH },
        { "bin/中文", 7, false, HASH },
    };
    struct str text = STR_INIT(4096);
    struct filelist *list = NULL;

    for (size_t i = 0; i < 3; i++)
        assert_int_equal(filelist_append(&text, &entries[i]), 0);
    assert_int_equal(filelist_parse(text.data, text.len, &list, NULL), 0);
    assert_int_equal(filelist_count(list), 3);
    for (size_t i = 0; i < 3; i++) {
        const struct filelist_entry *found = filelist_find(list, entries[i].path);
        assert_non_null(found);
        assert_string_equal(found->path, entries[i].path);
        assert_int_equal(found->size, entries[i].size);
        assert_int_equal(found->executable, entries[i].executable);
        assert_string_equal(found->sha256, HASH);
    }
    assert_null(filelist_find(list, "bin"));
    assert_null(filelist_find(list, ""));
    assert_null(filelist_free(list));
    str_clear(&text);
}

static void test_an_empty_list_is_a_list(void **state) {
    (void) state;
    struct filelist *list = NULL;
    assert_int_equal(filelist_parse("", 0, &list, NULL), 0);
    assert_int_equal(filelist_count(list), 0);
    assert_null(filelist_find(list, "a"));
    filelist_free(list);
}

static void assert_refused(const char *text, size_t len, int want) {
    struct filelist *untouched = (struct filelist *) 0x1;
    struct err e = { 0 };
    int r = filelist_parse(text, len, &untouched, &e);
    if (r != want || !e.text[0])
        fail_msg("%.*s: %d, not %d (%s)", (int) len, text, r, want, e.text);
    assert_ptr_equal(untouched, (struct filelist *) 0x1);
}

static void test_no_cut_list_is_taken_for_another(void **state) {
    (void) state;
    static const char text[] = HASH " 1 - a\n" HASH " 22 x b/c\n";
    for (size_t n = 1; n < sizeof text - 1; n++)
        if (text[n - 1] != '\n') /* a whole line fewer is the store's to see */
            assert_refused(text, n, -EBADMSG);
}

static void test_hostile_lines(void **state) {
    (void) state;
    static const char *const lines[] = {
        "\n",
        HASH "\n",
        HASH " 1 -\n",
        HASH " 1 - \n",
        HASH " 1 a\n",
        HASH " 1 X a\n",
        HASH " 1 xx a\n",
        HASH "  1 - a\n",
        HASH " -1 - a\n",
        HASH " +1 - a\n",
        HASH " 01 - a\n",
        HASH " 1k - a\n",
        HASH " 99999999999999999999 - a\n",
        HASH " 1 - /a\n",
        HASH " 1 - a/\n",
        HASH " 1 - a//b\n",
        HASH " 1 - .\n",
        HASH " 1 - ./a\n",
        HASH " 1 - ../a\n",
        HASH " 1 - a/../../b\n",
        HASH " 1 - a\tb\n",
        HASH " 1 - a\x7f\n",
        HASH " 1 - \xff\n",
        HASH " 1 - a\r\n",
        HASH "0 1 - a\n",
        "0123456789ABCDEF0123456789abcdef0123456789abcdef0123456789abcdef 1 - a\n",
        HASH " 1 - b\n" HASH " 1 - a\n", /* out of order */
        HASH " 1 - a\n" HASH " 1 - a\n", /* twice */
        HASH " 1 - a\n\n",
    };
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++)
        assert_refused(lines[i], strlen(lines[i]), -EBADMSG);
    assert_refused(HASH " 1 - a\0b\n", sizeof HASH " 1 - a\0b\n" - 1, -EBADMSG);
}

static void test_caps(void **state) {
    (void) state;
    struct str text = STR_INIT(FILELIST_SIZE_MAX);
    struct filelist *list = NULL;
    char deep[2 * (PACKAGE_DEPTH_MAX + 1)], line[512];

    /* All bytes together, without an overflow. */
    (void) snprintf(line, sizeof line, HASH " 1073741824 - a\n");
    assert_int_equal(filelist_parse(line, strlen(line), &list, NULL), 0);
    list = filelist_free(list);
    assert_refused(HASH " 1073741825 - a\n", sizeof HASH " 1073741825 - a\n" - 1, -E2BIG);
    (void) snprintf(line, sizeof line, HASH " 1073741824 - a\n" HASH " 1 - b\n");
    assert_refused(line, strlen(line), -E2BIG);
    (void) snprintf(line, sizeof line, HASH " 1 - a\n" HASH " 18446744073709551615 - b\n");
    assert_refused(line, strlen(line), -E2BIG);

    for (int i = 0; i < PACKAGE_DEPTH_MAX + 1; i++)
        memcpy(deep + 2 * i, "d/", 2);
    deep[2 * PACKAGE_DEPTH_MAX - 1] = '\0';
    (void) snprintf(line, sizeof line, HASH " 1 - %s\n", deep);
    assert_int_equal(filelist_parse(line, strlen(line), &list, NULL), 0);
    list = filelist_free(list);
    deep[2 * PACKAGE_DEPTH_MAX - 1] = '/';
    deep[2 * PACKAGE_DEPTH_MAX + 1] = '\0';
    (void) snprintf(line, sizeof line, HASH " 1 - %s\n", deep);
    assert_refused(line, strlen(line), -EBADMSG);

    for (int i = 0; i <= PACKAGE_ENTRIES_MAX; i++)
        (void) str_printf(&text, HASH " 0 - %05d\n", i);
    assert_int_equal(str_error(&text), 0);
    assert_refused(text.data, text.len, -E2BIG);
    assert_int_equal(filelist_parse(text.data,
                                    text.len / (PACKAGE_ENTRIES_MAX + 1) * PACKAGE_ENTRIES_MAX,
                                    &list, NULL),
                     0);
    assert_non_null(filelist_find(list, "12345"));
    filelist_free(list);
    str_clear(&text);
}

static void test_names(void **state) {
    (void) state;
    char longest[PACKAGE_NAME_MAX + 2];
    memset(longest, 'n', sizeof longest);
    longest[PACKAGE_NAME_MAX + 1] = '\0';
    assert_non_null(package_name_fault(longest));
    longest[PACKAGE_NAME_MAX] = '\0';
    assert_null(package_name_fault(longest));
    assert_null(package_name_fault("..."));
    assert_null(package_name_fault(".hidden"));
    assert_non_null(package_name_fault("a/b"));
    assert_non_null(package_name_fault(""));
    assert_true(filelist_is_hash(HASH));
    assert_false(filelist_is_hash(HASH "0"));
    assert_false(filelist_is_hash(""));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_is_written_reads_back),
        cmocka_unit_test(test_an_empty_list_is_a_list),
        cmocka_unit_test(test_no_cut_list_is_taken_for_another),
        cmocka_unit_test(test_hostile_lines),
        cmocka_unit_test(test_caps),
        cmocka_unit_test(test_names),
    };
    return cmocka_run_group_tests_name("units/filelist", tests, NULL, NULL);
}
