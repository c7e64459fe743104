/* SPDX-License-Identifier: MIT
 * Times as RFC 3339 writes them, held against the C library's calendar. */
#include "scratch.h"

#include <time.h>

#include "units/utctime.h"

static void test_known_times(void **state) {
    (void) state;
    static const struct {
        const char *text;
        uint64_t seconds;
    } rows[] = {
        { "1970-01-01T00:00:00Z", 0 },
        { "2000-02-29T12:00:00Z", 951825600 },
        { "2026-01-31T23:59:59Z", 1769903999 },
        { "2038-01-19T03:14:08Z", UINT64_C(2147483648) },
        { "2106-02-07T06:28:16Z", UINT64_C(4294967296) },
        { "9999-12-31T23:59:59Z", UTCTIME_MAX },
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        uint64_t seconds = 4711;
        char text[UTCTIME_SIZE];
        assert_int_equal(utctime_parse(rows[i].text, &seconds), 0);
        assert_int_equal(seconds, rows[i].seconds);
        assert_string_equal(utctime_print(seconds, text), rows[i].text);
    }
}

/* Every day for 130 years, both ways. */
static void test_the_calendar_is_the_c_librarys(void **state) {
    (void) state;
    for (time_t t = 86399; t < 130ll * 366 * 86400; t += 86400) {
        char want[UTCTIME_SIZE], text[UTCTIME_SIZE];
        uint64_t seconds = 0;
        struct tm tm;
        assert_non_null(gmtime_r(&t, &tm));
        assert_int_equal(strftime(want, sizeof want, "%Y-%m-%dT%H:%M:%SZ", &tm), 20);
        assert_string_equal(utctime_print((uint64_t) t, text), want);
        assert_int_equal(utctime_parse(want, &seconds), 0);
        assert_int_equal(seconds, t);
    }
}

static void test_what_is_no_time(void **state) {
    (void) state;
    static const char *const texts[] = {
        "",
        "now",
        "2026-01-31",
        "2026-01-31T23:59:59",
        "2026-01-31T23:59:59+00:00",
        "2026-01-31T23:59:59.0Z",
        "2026-01-31t23:59:59Z",
        "2026-01-31 23:59:59Z",
        "2026-01-31T23:59:59Z ",
        " 2026-01-31T23:59:59Z",
        "2026-1-31T23:59:59Z",
        "1969-12-31T23:59:59Z",
        "2026-00-01T00:00:00Z",
        "2026-13-01T00:00:00Z",
        "2026-01-00T00:00:00Z",
        "2026-01-32T00:00:00Z",
        "2025-02-29T00:00:00Z",
        "2100-02-29T00:00:00Z",
        "2026-04-31T00:00:00Z",
        "2026-01-31T24:00:00Z",
        "2026-01-31T23:60:00Z",
        "2026-01-31T23:59:60Z",
        "10000-01-01T00:00:00Z",
        "-026-01-31T23:59:59Z",
        "2026-01-31T+3:59:59Z",
    };
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        uint64_t untouched = 4711;
        if (utctime_parse(texts[i], &untouched) != -EINVAL || untouched != 4711)
            fail_msg("'%s' was taken", texts[i]);
    }
    static const char good[] = "2026-01-31T23:59:59Z";
    for (size_t n = 0; n < sizeof good - 1; n++) {
        char cut[sizeof good];
        uint64_t untouched;
        memcpy(cut, good, n);
        cut[n] = '\0';
        assert_int_equal(utctime_parse(cut, &untouched), -EINVAL);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_known_times),
        cmocka_unit_test(test_the_calendar_is_the_c_librarys),
        cmocka_unit_test(test_what_is_no_time),
    };
    return cmocka_run_group_tests_name("units/utctime", tests, NULL, NULL);
}
