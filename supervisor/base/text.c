/* SPDX-License-Identifier: MIT */
#include "supervisor/base/text.h"

#include <string.h>

#define APP_ID_MAX 64
#define HIGH_BITS  UINT64_C(0x8080808080808080)

static bool continues(unsigned char c) {
    return (c & 0xC0) == 0x80;
}

/* The second byte's bounds are what keeps out overlong forms, surrogates and what is above
 * U+10FFFF. Source: RFC 3629, section 4. */
size_t text_utf8_char(const char *text, size_t n) {
    const unsigned char *s = (const unsigned char *) text;

    if (n == 0)
        return 0;
    if (s[0] < 0x80)
        return 1;
    if (s[0] < 0xC2)
        return 0;
    if (s[0] < 0xE0)
        return n >= 2 && continues(s[1]) ? 2 : 0;
    if (s[0] < 0xF0) {
        unsigned char low = s[0] == 0xE0 ? 0xA0 : 0x80, high = s[0] == 0xED ? 0x9F : 0xBF;
        return n >= 3 && s[1] >= low && s[1] <= high && continues(s[2]) ? 3 : 0;
    }
    if (s[0] < 0xF5) {
        unsigned char low = s[0] == 0xF0 ? 0x90 : 0x80, high = s[0] == 0xF4 ? 0x8F : 0xBF;
        return n >= 4 && s[1] >= low && s[1] <= high && continues(s[2]) && continues(s[3]) ? 4 : 0;
    }
    return 0;
}

bool text_is_utf8(const char *text, size_t n) {
    while (n > 0) {
        uint64_t eight;
        if (n >= sizeof eight) {
            memcpy(&eight, text, sizeof eight);
            if (!(eight & HIGH_BITS)) {
                text += sizeof eight;
                n -= sizeof eight;
                continue;
            }
        }
        size_t step = text_utf8_char(text, n);
        if (step == 0)
            return false;
        text += step;
        n -= step;
    }
    return true;
}

bool text_has_control(const char *text, size_t n) {
    const unsigned char *s = (const unsigned char *) text;

    for (size_t i = 0; i < n; i++) {
        if (s[i] < 0x20 || s[i] == 0x7F)
            return true;
        if (s[i] == 0xC2 && i + 1 < n && s[i + 1] >= 0x80 && s[i + 1] <= 0x9F)
            return true;
    }
    return false;
}

/* Half a byte a step: the table stays small, and what is summed here is a few KiB. */
uint32_t text_crc32(uint32_t crc, const void *bytes, size_t n) {
    static const uint32_t table[16] = {
        0x00000000, 0x1DB71064, 0x3B6E20C8, 0x26D930AC, 0x76DC4190, 0x6B6B51F4,
        0x4DB26158, 0x5005713C, 0xEDB88320, 0xF00F9344, 0xD6D6A3E8, 0xCB61B38C,
        0x9B64C2B0, 0x86D3D2D4, 0xA00AE278, 0xBDBDF21C,
    };
    const unsigned char *s = bytes;

    crc = ~crc;
    for (size_t i = 0; i < n; i++) {
        crc ^= s[i];
        crc = (crc >> 4) ^ table[crc & 15];
        crc = (crc >> 4) ^ table[crc & 15];
    }
    return ~crc;
}

uint64_t text_hash64(const void *bytes, size_t n) {
    const unsigned char *s = bytes;
    uint64_t hash = UINT64_C(0xCBF29CE484222325);

    for (size_t i = 0; i < n; i++)
        hash = (hash ^ s[i]) * UINT64_C(0x100000001B3);
    return hash;
}

/* Not isalpha(): that asks the locale. */
static bool is_letter(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool is_letter_or_digit(char c) {
    return is_letter(c) || (c >= '0' && c <= '9');
}

bool text_is_app_id(const char *id) {
    size_t n = strnlen(id, APP_ID_MAX + 1);

    if (n == 0 || n > APP_ID_MAX)
        return false;
    for (size_t i = 0; i < n; i++) {
        bool first = i == 0 || id[i - 1] == '.';
        bool last = i + 1 == n || id[i + 1] == '.';
        if (id[i] == '.') {
            if (first || i + 1 == n)
                return false;
        } else if (first ? !is_letter(id[i]) : !is_letter_or_digit(id[i])) {
            if (first || last || id[i] != '-')
                return false;
        }
    }
    return true;
}
