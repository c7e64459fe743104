/* SPDX-License-Identifier: MIT */
#include "cgroups/name.h"

#include <errno.h>
#include <string.h>

#define PREFIX     "app-"
#define PREFIX_LEN (sizeof PREFIX - 1)
#define SUFFIX_MAX 40

static const char hex[] = "0123456789ABCDEF";

static bool is_plain(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
           c == '-' || c == '_';
}

int cgrp_name_escape(const char *id, char ret_name[CGRP_NAME_MAX]) {
    size_t n = strnlen(id, CGRP_ID_MAX + 1);
    char *out = ret_name + PREFIX_LEN;

    if (n == 0 || n > CGRP_ID_MAX)
        return -EINVAL;
    memcpy(ret_name, PREFIX, PREFIX_LEN);
    for (size_t i = 0; i < n; i++) {
        unsigned char c = (unsigned char) id[i];
        if (is_plain(id[i])) {
            *out++ = id[i];
            continue;
        }
        *out++ = '%';
        *out++ = hex[c >> 4];
        *out++ = hex[c & 15];
    }
    *out = '\0';
    return 0;
}

/* The value of two upper-case digits; -1 when they are not. */
static int from_hex(const char *two) {
    const char *high = two[0] ? strchr(hex, two[0]) : NULL;
    const char *low = high && two[1] ? strchr(hex, two[1]) : NULL;

    return low ? (int) ((high - hex) << 4 | (low - hex)) : -1;
}

int cgrp_name_unescape(const char *name, char ret_id[CGRP_ID_MAX + 1]) {
    char id[CGRP_ID_MAX + 1];
    size_t n = 0;

    if (strncmp(name, PREFIX, PREFIX_LEN) != 0)
        return -EINVAL;
    for (const char *p = name + PREFIX_LEN; *p; n++) {
        if (n == CGRP_ID_MAX)
            return -EINVAL;
        if (is_plain(*p)) {
            id[n] = *p++;
            continue;
        }
        int c = *p == '%' ? from_hex(p + 1) : -1;
        /* A plain byte that was escaped all the same is not ours: one id, one name. */
        if (c <= 0 || is_plain((char) c))
            return -EINVAL;
        id[n] = (char) c;
        p += 3;
    }
    if (n == 0)
        return -EINVAL;
    memcpy(ret_id, id, n);
    ret_id[n] = '\0';
    return 0;
}

bool cgrp_name_suffix_ok(const char *suffix) {
    size_t n = strnlen(suffix, SUFFIX_MAX + 1);

    for (size_t i = 0; i < n; i++)
        if (!is_plain(suffix[i]))
            return false;
    return n <= SUFFIX_MAX;
}
