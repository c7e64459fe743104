/* SPDX-License-Identifier: MIT */
#include "units/utctime.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#define DAY UINT64_C(86400)

static bool is_leap(unsigned year) {
    return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
}

static unsigned days_in(unsigned year, unsigned month) {
    static const unsigned char days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
    return days[month - 1] + (month == 2 && is_leap(year) ? 1u : 0u);
}

/* Days from 1970-01-01 to the first of a year. */
static uint64_t days_before(unsigned year) {
    uint64_t y = year - 1;
    return 365 * y + y / 4 - y / 100 + y / 400 - 719162;
}

static bool take_number(const char **at, unsigned digits, char then, unsigned *ret) {
    unsigned value = 0;

    for (; digits > 0; digits--, (*at)++) {
        if (**at < '0' || **at > '9')
            return false;
        value = 10 * value + (unsigned) (**at - '0');
    }
    if (**at != then)
        return false;
    (*at)++;
    *ret = value;
    return true;
}

int utctime_parse(const char *text, uint64_t *ret_seconds) {
    unsigned year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0;
    uint64_t days;

    if (!take_number(&text, 4, '-', &year) || !take_number(&text, 2, '-', &month) ||
        !take_number(&text, 2, 'T', &day) || !take_number(&text, 2, ':', &hour) ||
        !take_number(&text, 2, ':', &minute) || !take_number(&text, 2, 'Z', &second) || *text)
        return -EINVAL;
    if (year < 1970 || month < 1 || month > 12 || day < 1 || day > days_in(year, month) ||
        hour > 23 || minute > 59 || second > 59)
        return -EINVAL;
    days = days_before(year) + day - 1;
    for (unsigned m = 1; m < month; m++)
        days += days_in(year, m);
    *ret_seconds = days * DAY + hour * 3600u + minute * 60u + second;
    return 0;
}

const char *utctime_print(uint64_t seconds, char buf[UTCTIME_SIZE]) {
    char text[64]; /* room for what only a compiler can think of */
    uint64_t days = seconds / DAY;
    unsigned rest = (unsigned) (seconds % DAY), year = 1970, month = 1;

    for (; days_before(year + 1) <= days; year++)
        ;
    days -= days_before(year);
    for (; days >= days_in(year, month); month++)
        days -= days_in(year, month);
    (void) snprintf(text, sizeof text, "%04u-%02u-%02uT%02u:%02u:%02uZ", year, month,
                    (unsigned) days + 1, rest / 3600, rest / 60 % 60, rest % 60);
    memcpy(buf, text, UTCTIME_SIZE - 1);
    buf[UTCTIME_SIZE - 1] = '\0';
    return buf;
}
