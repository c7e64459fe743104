/* SPDX-License-Identifier: MIT */
#include "units/package_name.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "supervisor/base/text.h"
#include "units/filelist.h"

/* Ranges, both ends included. Control characters are package_name_fault()'s. */
static const struct {
    uint32_t low, high;
} forbidden[] = {
    { '"', '"' },          { '*', '*' },         { ':', ':' }, { '<', '<' },
    { '>', '>' },          { '\\', '\\' },       { '|', '|' }, { 0xE000, 0xF8FF }, /* private use */
    { 0xFDD0, 0xFDEF },                          /* no characters */
    { 0xFFF0, 0xFFFF },                          /* specials */
    { 0xE0001, 0xE0001 },  { 0xE007F, 0xE007F }, /* language tags */
    { 0xF0000, 0x10FFFF },                       /* private use */
    { 0x202A, 0x202E },    { 0x2066, 0x2069 },   /* bidi: a name reads as another; ours */
};

static bool is_forbidden(uint32_t c) {
    if ((c & 0xFFFE) == 0xFFFE) /* the last two of each plane are no characters */
        return true;
    for (size_t i = 0; i < sizeof forbidden / sizeof forbidden[0]; i++)
        if (c >= forbidden[i].low && c <= forbidden[i].high)
            return true;
    return false;
}

/* The code point of a well-formed character of n bytes. */
static uint32_t decode(const char *text, size_t n) {
    static const unsigned char first[] = { 0, 0x7F, 0x1F, 0x0F, 0x07 };
    uint32_t c = (unsigned char) text[0] & first[n];

    for (size_t i = 1; i < n; i++)
        c = c << 6 | ((unsigned char) text[i] & 0x3F);
    return c;
}

static const char *name_fault(const char *name) {
    const char *fault = package_name_fault(name);
    size_t len = strlen(name), n;

    if (fault)
        return fault;
    if (name[len - 1] == '.')
        return "ends in a full stop";
    for (size_t at = 0; at < len; at += n) {
        n = text_utf8_char(name + at, len - at);
        if (is_forbidden(decode(name + at, n)))
            return "holds a character that is not allowed";
    }
    return NULL;
}

const char *package_path_fault(const char *path) {
    for (;;) {
        char name[PACKAGE_NAME_MAX + 2];
        size_t n = strcspn(path, "/");

        /* One byte too many is kept, so that it is found too long. */
        size_t keep = n < sizeof name ? n : sizeof name - 1;
        memcpy(name, path, keep);
        name[keep] = '\0';
        const char *fault = name_fault(name);
        if (fault || path[n] == '\0')
            return fault;
        path += n + 1;
    }
}
