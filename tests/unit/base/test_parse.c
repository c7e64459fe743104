/* SPDX-License-Identifier: MIT */
#include "supervisor/base/parse.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#define SENTINEL UINT64_C(0xDEAD)
#define SEC      UINT64_C(1000000)
#define COUNT(a) (sizeof(a) / sizeof(a)[0])

struct row {
    const char *text;
    int r;
    uint64_t value;
};

static void check(const char *what, int (*fn)(const char *, uint64_t *), const struct row *rows,
                  size_t n) {
    for (size_t i = 0; i < n; i++) {
        uint64_t value = SENTINEL;
        int r = fn(rows[i].text, &value);
        if (r != rows[i].r || value != (r == 0 ? rows[i].value : SENTINEL))
            fail_msg("%s \"%s\": %d, %llu", what, rows[i].text, r, (unsigned long long) value);
    }
}

static void test_u64(void **state) {
    (void) state;
    static const struct row rows[] = {
        { "0", 0, 0 },
        { "007", 0, 7 },
        { "18446744073709551615", 0, UINT64_MAX },
        { "18446744073709551616", -ERANGE, 0 },
        { "99999999999999999999999", -ERANGE, 0 },
        { "99999999999999999999999x", -EINVAL, 0 },
        { "", -EINVAL, 0 },
        { " 1", -EINVAL, 0 },
        { "1 ", -EINVAL, 0 },
        { "+1", -EINVAL, 0 },
        { "-1", -EINVAL, 0 },
        { "0x10", -EINVAL, 0 },
        { "1\n", -EINVAL, 0 },
        { "\xD9\xA1", -EINVAL, 0 }, /* an Arabic one */
    };
    check("u64", parse_u64, rows, COUNT(rows));
}

static void test_i64(void **state) {
    (void) state;
    int64_t value = 42;

    assert_int_equal(parse_i64("-9223372036854775808", &value), 0);
    assert_true(value == INT64_MIN);
    assert_int_equal(parse_i64("9223372036854775807", &value), 0);
    assert_true(value == INT64_MAX);
    assert_int_equal(parse_i64("-0", &value), 0);
    assert_int_equal(value, 0);
    value = 42;
    assert_int_equal(parse_i64("9223372036854775808", &value), -ERANGE);
    assert_int_equal(parse_i64("-9223372036854775809", &value), -ERANGE);
    assert_int_equal(parse_i64("--1", &value), -EINVAL);
    assert_int_equal(parse_i64("-", &value), -EINVAL);
    assert_int_equal(parse_i64("", &value), -EINVAL);
    assert_int_equal(value, 42);
}

static void test_bool(void **state) {
    (void) state;
    static const char *const yes[] = { "yes", "true", "on", "1" };
    static const char *const no[] = { "no", "false", "off", "0" };
    static const char *const neither[] = { "", "YES", "yes ", "2", "y", "01" };
    bool value = false;

    for (size_t i = 0; i < COUNT(yes); i++) {
        value = false;
        assert_int_equal(parse_bool(yes[i], &value), 0);
        assert_true(value);
    }
    for (size_t i = 0; i < COUNT(no); i++) {
        value = true;
        assert_int_equal(parse_bool(no[i], &value), 0);
        assert_false(value);
    }
    value = true;
    for (size_t i = 0; i < COUNT(neither); i++)
        assert_int_equal(parse_bool(neither[i], &value), -EINVAL);
    assert_true(value);
}

static void test_size(void **state) {
    (void) state;
    static const struct row rows[] = {
        { "65536", 0, 65536 },
        { "1K", 0, 1024 },
        { "48M", 0, 48 << 20 },
        { "1G", 0, 1 << 30 },
        { "3T", 0, UINT64_C(3) << 40 },
        { "16777215T", 0, UINT64_C(16777215) << 40 },
        { "16777216T", -ERANGE, 0 },
        { "18446744073709551616K", -ERANGE, 0 },
        { "18446744073709551616X", -EINVAL, 0 },
        { "48m", -EINVAL, 0 },
        { "48MB", -EINVAL, 0 },
        { "48MiB", -EINVAL, 0 },
        { "48 M", -EINVAL, 0 },
        { "1.5G", -EINVAL, 0 },
        { "M", -EINVAL, 0 },
        { "-1M", -EINVAL, 0 },
        { "", -EINVAL, 0 },
        { "max", -EINVAL, 0 },
    };
    check("size", parse_size, rows, COUNT(rows));
}

static void test_duration(void **state) {
    (void) state;
    static const struct row rows[] = {
        { "0", 0, 0 },
        { "5", 0, 5 * SEC },
        { "1.5", 0, 1500000 },
        { "120us", 0, 120 },
        { "500ms", 0, 500000 },
        { "5s", 0, 5 * SEC },
        { "5sec", 0, 5 * SEC },
        { "4.2s", 0, 4200000 },
        { "0.000001s", 0, 1 },
        { "30min", 0, 1800 * SEC },
        { "30m", 0, 1800 * SEC },
        { "2h", 0, 7200 * SEC },
        { "2hr", 0, 7200 * SEC },
        { "1h 30min", 0, 5400 * SEC },
        { "1h30min", 0, 5400 * SEC },
        { "1h  30min", 0, 5400 * SEC },
        { "7d", 0, 7 * 86400 * SEC },
        { "2w", 0, 14 * 86400 * SEC },
        { "infinity", 0, PARSE_FOREVER },
        { "18446744073709551614us", 0, UINT64_MAX - 1 },
        { "18446744073709551615us", -ERANGE, 0 }, /* would read as for ever */
        { "18446744073709551615us 1us", -ERANGE, 0 },
        { "99999999999999w", -ERANGE, 0 },
        { "99999999999999w 1x", -EINVAL, 0 },
        { "99999999999999999999999", -ERANGE, 0 },
        { "", -EINVAL, 0 },
        { " 5s", -EINVAL, 0 },
        { "5s ", -EINVAL, 0 },
        { "5 s", -EINVAL, 0 },
        { "1h 30", -EINVAL, 0 },
        { "30 1h", -EINVAL, 0 },
        { "-5s", -EINVAL, 0 },
        { "s", -EINVAL, 0 },
        { "5S", -EINVAL, 0 },
        { "5mins", -EINVAL, 0 },
        { "5y", -EINVAL, 0 },
        { "1.s", -EINVAL, 0 },
        { ".5s", -EINVAL, 0 },
        { "1.1234567s", -EINVAL, 0 },
        { "1.2.3s", -EINVAL, 0 },
        { "infinity ", -EINVAL, 0 },
        { "forever", -EINVAL, 0 },
    };
    check("duration", parse_duration, rows, COUNT(rows));
}

static void test_percent(void **state) {
    (void) state;
    static const struct row rows[] = {
        { "0%", 0, 0 },
        { "8%", 0, 80 },
        { "8.5%", 0, 85 },
        { "100%", 0, 1000 },
        { "100.0%", 0, 1000 },
        { "100.1%", -ERANGE, 0 },
        { "101%", -ERANGE, 0 },
        { "8", -EINVAL, 0 },
        { "8.55%", -EINVAL, 0 },
        { "8.%", -EINVAL, 0 },
        { "-8%", -EINVAL, 0 },
        { "%", -EINVAL, 0 },
        { "8%%", -EINVAL, 0 },
        { "8 %", -EINVAL, 0 },
        { "429496730%", -ERANGE, 0 },
        { "", -EINVAL, 0 },
        { "18446744073709551616%", -ERANGE, 0 },
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        uint32_t value = 4711;
        int r = parse_percent(rows[i].text, &value);
        if (r != rows[i].r || value != (r == 0 ? rows[i].value : 4711))
            fail_msg("percent \"%s\": %d, %u", rows[i].text, r, value);
    }
}

static void test_range(void **state) {
    (void) state;
    uint64_t low = SENTINEL, high = SENTINEL;
    static const char *const bad[] = { "",     "5",    "5-",  "-5",   "9-5", "5 -9",
                                       "5- 9", "5--9", "a-b", "5-9x", "-" };

    for (size_t i = 0; i < COUNT(bad); i++)
        assert_int_equal(parse_range(bad[i], &low, &high), -EINVAL);
    assert_int_equal(parse_range("1-18446744073709551616", &low, &high), -ERANGE);
    assert_true(low == SENTINEL && high == SENTINEL);
    assert_int_equal(parse_range("70000-89999", &low, &high), 0);
    assert_true(low == 70000 && high == 89999);
    assert_int_equal(parse_range("5-5", &low, &high), 0);
}

static void test_format_duration(void **state) {
    (void) state;
    static const struct {
        uint64_t usec;
        const char *text;
    } rows[] = {
        { 0, "0" },
        { 120, "120us" },
        { 999, "999us" },
        { 1000, "1ms" },
        { 1500, "1.5ms" },
        { 850000, "850ms" },
        { 999999, "999ms" },
        { SEC, "1s" },
        { 4200000, "4.2s" },
        { 59999999, "59.9s" },
        { 60 * SEC, "1min" },
        { 90 * SEC, "1min 30s" },
        { 1800 * SEC, "30min" },
        { 3900 * SEC, "1h 5min" },
        { 86400 * SEC, "1d" },
        { 90000 * SEC, "1d 1h" },
        { PARSE_FOREVER, "forever" },
        { UINT64_MAX - 1, "213503982d 8h" },
    };
    char buf[32];

    for (size_t i = 0; i < COUNT(rows); i++)
        assert_string_equal(format_duration(rows[i].usec, buf, sizeof buf), rows[i].text);
}

/* What is written can be read again, and says no more than a tenth less than it was. */
static void test_a_written_duration_can_be_read(void **state) {
    (void) state;
    char buf[32];

    for (uint64_t usec = 1; usec < UINT64_MAX / 3; usec += usec / 4 + 1) {
        uint64_t again = 0;
        assert_int_equal(parse_duration(format_duration(usec, buf, sizeof buf), &again), 0);
        assert_true(again <= usec && usec - again <= usec / 10);
    }
}

static void test_format_size(void **state) {
    (void) state;
    static const struct {
        uint64_t bytes;
        const char *text;
    } rows[] = {
        { 0, "0B" },
        { 512, "512B" },
        { 1023, "1023B" },
        { 1024, "1.0K" },
        { 48 << 20, "48.0M" },
        { (48 << 20) - 1, "47.9M" },
        { UINT64_C(3) << 29, "1.5G" },
        { UINT64_C(1) << 40, "1.0T" },
        { UINT64_MAX, "16777215.9T" },
    };
    char buf[16];

    for (size_t i = 0; i < COUNT(rows); i++)
        assert_string_equal(format_size(rows[i].bytes, buf, sizeof buf), rows[i].text);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_u64),
        cmocka_unit_test(test_i64),
        cmocka_unit_test(test_bool),
        cmocka_unit_test(test_size),
        cmocka_unit_test(test_duration),
        cmocka_unit_test(test_percent),
        cmocka_unit_test(test_range),
        cmocka_unit_test(test_format_duration),
        cmocka_unit_test(test_a_written_duration_can_be_read),
        cmocka_unit_test(test_format_size),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
