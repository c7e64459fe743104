/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "units/reason.h"

#define ZH "运行内存不足，请重新打开该小程序"

static void test_every_reason_has_a_name_that_reads_back(void **state) {
    (void) state;
    for (int i = EXIT_REASON_NONE + 1; i < EXIT_REASON_COUNT; i++) {
        enum exit_reason back = EXIT_REASON_COUNT;
        assert_int_equal(exit_reason_parse(exit_reason_name(i), &back), 0);
        assert_int_equal(back, i);
    }
    assert_string_equal(exit_reason_name(EXIT_WARM_LIMIT_REASON), "warm_limit");
    assert_string_equal(exit_reason_name(EXIT_REASON_NONE), "none");
    assert_string_equal(exit_reason_name(EXIT_REASON_COUNT), "?");
}

static void test_what_is_no_reason_is_refused(void **state) {
    (void) state;
    enum exit_reason untouched = EXIT_REASON_COUNT;
    const char *const wrong[] = { "", "none", "Exited", "exited ", "exite", "?" };
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
        assert_int_equal(exit_reason_parse(wrong[i], &untouched), -EINVAL);
    assert_int_equal(untouched, EXIT_REASON_COUNT);
}

static void test_every_sentence_is_one_line_without_a_stop(void **state) {
    (void) state;
    for (int i = EXIT_REASON_NONE; i < EXIT_REASON_COUNT; i++) {
        const char *s = exit_reason_sentence(i, NULL);
        assert_true(strlen(s) > 5);
        assert_null(strchr(s, '\n'));
        assert_int_not_equal(s[strlen(s) - 1], '.');
    }
}

static void test_memory_reasons_speak_chinese_in_chinese_locales(void **state) {
    (void) state;
    const char *const zh[] = { "zh", "zh_CN.UTF-8", "zh-Hans", "zh.UTF-8" };
    const char *const other[] = { NULL, "", "C", "en_US.UTF-8", "zhx_XX", "Zh" };
    for (int i = EXIT_REASON_NONE; i < EXIT_REASON_COUNT; i++) {
        int memory = i == EXIT_MEMORY_LIMIT_REASON || i == EXIT_MEMORY_PRESSURE_REASON ||
                     i == EXIT_MEMORY_ALARMS_REASON;
        for (size_t k = 0; k < sizeof zh / sizeof zh[0]; k++)
            assert_int_equal(strcmp(exit_reason_sentence(i, zh[k]), ZH) == 0, memory);
        for (size_t k = 0; k < sizeof other / sizeof other[0]; k++)
            assert_string_not_equal(exit_reason_sentence(i, other[k]), ZH);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_reason_has_a_name_that_reads_back),
        cmocka_unit_test(test_what_is_no_reason_is_refused),
        cmocka_unit_test(test_every_sentence_is_one_line_without_a_stop),
        cmocka_unit_test(test_memory_reasons_speak_chinese_in_chinese_locales),
    };
    return cmocka_run_group_tests_name("units/reason", tests, NULL, NULL);
}
