/* SPDX-License-Identifier: MIT */
#include "supervisor/base/parse.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define USEC_PER_MS   UINT64_C(1000)
#define USEC_PER_SEC  (1000 * USEC_PER_MS)
#define USEC_PER_MIN  (60 * USEC_PER_SEC)
#define USEC_PER_HOUR (60 * USEC_PER_MIN)
#define USEC_PER_DAY  (24 * USEC_PER_HOUR)

/* Not isdigit(): that asks the locale. */
static bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

/* Takes at least one digit and moves *at past the last. */
static int take_digits(const char **at, uint64_t *ret_value) {
    const char *p = *at;
    uint64_t value = 0;
    bool fits = true;

    if (!is_digit(*p))
        return -EINVAL;
    for (; is_digit(*p); p++)
        if (__builtin_mul_overflow(value, 10, &value) ||
            __builtin_add_overflow(value, (uint64_t) (*p - '0'), &value))
            fits = false; /* go on: "9…9x" is no number at all */
    *at = p;
    if (!fits)
        return -ERANGE;
    *ret_value = value;
    return 0;
}

int parse_u64(const char *text, uint64_t *ret_value) {
    uint64_t value = 0;
    int r = take_digits(&text, &value);

    if (r == -EINVAL || *text)
        return -EINVAL;
    if (r == 0)
        *ret_value = value;
    return r;
}

int parse_i64(const char *text, int64_t *ret_value) {
    bool negative = text[0] == '-';
    uint64_t value = 0, most = negative ? (uint64_t) INT64_MAX + 1 : (uint64_t) INT64_MAX;
    int r = parse_u64(text + negative, &value);

    if (r < 0)
        return r;
    if (value > most)
        return -ERANGE;
    *ret_value = negative ? (int64_t) (0 - value) : (int64_t) value;
    return 0;
}

int parse_bool(const char *text, bool *ret_value) {
    static const char *const words[] = { "no", "yes", "false", "true", "off", "on", "0", "1" };

    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
        if (strcmp(text, words[i]) == 0) {
            *ret_value = i % 2 == 1;
            return 0;
        }
    return -EINVAL;
}

int parse_size(const char *text, uint64_t *ret_bytes) {
    static const char units[] = "KMGT";
    uint64_t value = 0, unit = 1;
    int r = take_digits(&text, &value);

    if (r == -EINVAL)
        return r;
    if (*text) {
        const char *u = strchr(units, *text);
        if (!u || text[1])
            return -EINVAL;
        unit <<= 10 * (u - units + 1);
    }
    if (r < 0)
        return r;
    if (__builtin_mul_overflow(value, unit, &value))
        return -ERANGE;
    *ret_bytes = value;
    return 0;
}

/* A unit name ends where its letters end. */
static int take_unit(const char **at, uint64_t *ret_usec) {
    static const struct {
        const char *name;
        uint64_t usec;
    } units[] = {
        { "us", 1 },
        { "ms", USEC_PER_MS },
        { "s", USEC_PER_SEC },
        { "sec", USEC_PER_SEC },
        { "m", USEC_PER_MIN },
        { "min", USEC_PER_MIN },
        { "h", USEC_PER_HOUR },
        { "hr", USEC_PER_HOUR },
        { "d", USEC_PER_DAY },
        { "w", 7 * USEC_PER_DAY },
    };
    size_t n = strspn(*at, "abcdefghijklmnopqrstuvwxyz");

    for (size_t i = 0; i < sizeof units / sizeof units[0]; i++)
        if (strlen(units[i].name) == n && memcmp(*at, units[i].name, n) == 0) {
            *at += n;
            *ret_usec = units[i].usec;
            return 0;
        }
    return -EINVAL;
}

/* ".25" in millionths; digits past the sixth are below what can be told and are refused. */
static int take_fraction(const char **at, uint64_t *ret_millionths) {
    const char *first = *at + 1;
    uint64_t value = 0;

    *ret_millionths = 0;
    if (**at != '.')
        return 0;
    *at = first;
    if (take_digits(at, &value) < 0 || *at - first > 6)
        return -EINVAL;
    for (ptrdiff_t n = *at - first; n < 6; n++)
        value *= 10;
    *ret_millionths = value;
    return 0;
}

/* One "<number>[.<fraction>]<unit>", added to *sum. A bare number may only stand alone. */
static int add_term(const char **at, bool alone, uint64_t *sum) {
    uint64_t value = 0, millionths, unit = USEC_PER_SEC;
    int r = take_digits(at, &value);

    if (r == -EINVAL || take_fraction(at, &millionths) < 0)
        return -EINVAL;
    if (!(alone && **at == '\0') && take_unit(at, &unit) < 0)
        return -EINVAL;
    if (r < 0)
        return r;
    if (__builtin_mul_overflow(value, unit, &value) ||
        __builtin_add_overflow(value, millionths * unit / 1000000, &value) ||
        __builtin_add_overflow(*sum, value, sum))
        return -ERANGE;
    return 0;
}

int parse_duration(const char *text, uint64_t *ret_usec) {
    uint64_t sum = 0;
    int r = 0;

    if (strcmp(text, "infinity") == 0) {
        *ret_usec = PARSE_FOREVER;
        return 0;
    }
    for (const char *at = text;;) {
        int term = add_term(&at, at == text, &sum);
        if (term == -EINVAL)
            return term;
        if (term < 0)
            r = term;
        if (*at == '\0')
            break;
        at += strspn(at, " ");
    }
    if (r == 0 && sum == PARSE_FOREVER)
        r = -ERANGE;
    if (r == 0)
        *ret_usec = sum;
    return r;
}

int parse_percent(const char *text, uint32_t *ret_permille) {
    uint64_t whole = 0, tenth = 0;
    int r = take_digits(&text, &whole);

    if (r == -EINVAL)
        return r;
    if (*text == '.') {
        if (!is_digit(text[1]))
            return -EINVAL;
        tenth = (uint64_t) (text[1] - '0');
        text += 2;
    }
    if (strcmp(text, "%") != 0)
        return -EINVAL;
    if (r < 0 || whole > 100 || whole * 10 + tenth > 1000)
        return -ERANGE;
    *ret_permille = (uint32_t) (whole * 10 + tenth);
    return 0;
}

int parse_range(const char *text, uint64_t *ret_low, uint64_t *ret_high) {
    uint64_t low = 0, high = 0;
    int r = take_digits(&text, &low);

    if (r == -EINVAL || *text++ != '-')
        return -EINVAL;
    int h = parse_u64(text, &high);
    if (h == -EINVAL)
        return h;
    if (r < 0 || h < 0)
        return -ERANGE;
    if (low > high)
        return -EINVAL;
    *ret_low = low;
    *ret_high = high;
    return 0;
}

/* "4.2s", "5s": one decimal, and none where it is 0. Cut, not rounded: never "60s". */
static void format_tenths(uint64_t usec, uint64_t unit, const char *name, char *buf, size_t size) {
    uint64_t tenth = usec % unit * 10 / unit;

    if (tenth && usec / unit < 100)
        (void) snprintf(buf, size, "%" PRIu64 ".%" PRIu64 "%s", usec / unit, tenth, name);
    else
        (void) snprintf(buf, size, "%" PRIu64 "%s", usec / unit, name);
}

static void format_pair(uint64_t high, const char *high_name, uint64_t low, const char *low_name,
                        char *buf, size_t size) {
    if (low)
        (void) snprintf(buf, size, "%" PRIu64 "%s %" PRIu64 "%s", high, high_name, low, low_name);
    else
        (void) snprintf(buf, size, "%" PRIu64 "%s", high, high_name);
}

const char *format_duration(uint64_t usec, char *buf, size_t size) {
    if (usec == PARSE_FOREVER)
        (void) snprintf(buf, size, "forever");
    else if (usec == 0)
        (void) snprintf(buf, size, "0");
    else if (usec < USEC_PER_MS)
        (void) snprintf(buf, size, "%" PRIu64 "us", usec);
    else if (usec < USEC_PER_SEC)
        format_tenths(usec, USEC_PER_MS, "ms", buf, size);
    else if (usec < USEC_PER_MIN)
        format_tenths(usec, USEC_PER_SEC, "s", buf, size);
    else if (usec < USEC_PER_HOUR)
        format_pair(usec / USEC_PER_MIN, "min", usec % USEC_PER_MIN / USEC_PER_SEC, "s", buf, size);
    else if (usec < USEC_PER_DAY)
        format_pair(usec / USEC_PER_HOUR, "h", usec % USEC_PER_HOUR / USEC_PER_MIN, "min", buf,
                    size);
    else
        format_pair(usec / USEC_PER_DAY, "d", usec % USEC_PER_DAY / USEC_PER_HOUR, "h", buf, size);
    return buf;
}

const char *format_size(uint64_t bytes, char *buf, size_t size) {
    static const char units[] = "KMGT";
    unsigned shift = 10, at = 0;

    if (bytes < 1024) {
        (void) snprintf(buf, size, "%" PRIu64 "B", bytes);
        return buf;
    }
    while (at + 1 < sizeof units - 1 && bytes >> (shift + 10)) {
        shift += 10;
        at++;
    }
    uint64_t rest = bytes & ((UINT64_C(1) << shift) - 1);
    (void) snprintf(buf, size, "%" PRIu64 ".%" PRIu64 "%c", bytes >> shift, rest * 10 >> shift,
                    units[at]);
    return buf;
}
