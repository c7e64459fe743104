/* SPDX-License-Identifier: MIT */
#include "units/minisign.h"

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "supervisor/base/err.h"

#define ALGORITHM 2

static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/* Exactly n bytes, n even, from the one base64 text that means them: padded, no spare bits. */
static bool decode(const char *text, size_t len, unsigned char *bytes, size_t n) {
    size_t padding = (3 - n % 3) % 3;
    uint32_t bits = 0;
    unsigned have = 0;

    if (len != 4 * ((n + 2) / 3))
        return false;
    for (size_t i = 0; i < padding; i++)
        if (text[--len] != '=')
            return false;
    for (size_t i = 0; i < len; i++) {
        const char *digit = memchr(digits, text[i], sizeof digits - 1);
        if (!digit)
            return false;
        bits = bits << 6 | (uint32_t) (digit - digits);
        have += 6;
        if (have >= 8) {
            have -= 8;
            *bytes++ = (unsigned char) (bits >> have);
            bits &= (1u << have) - 1;
        }
    }
    return bits == 0;
}

/* The line that text begins with; *len is what is left behind its newline. */
static const char *take_line(const char **text, size_t *len, size_t *ret_len) {
    const char *line = *text, *end = *len > 0 ? memchr(line, '\n', *len) : NULL;

    if (!end)
        return NULL;
    *ret_len = (size_t) (end - line);
    *len -= *ret_len + 1;
    *text = end + 1;
    return line;
}

static bool begins(const char *line, size_t len, const char *with) {
    return len >= strlen(with) && memcmp(line, with, strlen(with)) == 0;
}

int minisign_key_parse(const char *text, size_t len, struct minisign_key *ret, struct err *e) {
    unsigned char bytes[ALGORITHM + MINISIGN_ID + MINISIGN_POINT];
    size_t n = 0;

    _Static_assert(4 * (sizeof bytes / 3) == MINISIGN_KEY_TEXT, "42 bytes need no padding");
    if (begins(text, len, "untrusted comment:") && !take_line(&text, &len, &n))
        return err_set(e, -EINVAL, "the key has a comment only");
    if (len > 0 && text[len - 1] == '\n')
        len--;
    if (!decode(text, len, bytes, sizeof bytes) || memcmp(bytes, "Ed", ALGORITHM) != 0)
        return err_set(e, -EINVAL, "that is not a minisign public key");
    memcpy(ret->id, bytes + ALGORITHM, MINISIGN_ID);
    memcpy(ret->point, bytes + ALGORITHM + MINISIGN_ID, MINISIGN_POINT);
    return 0;
}

const char *minisign_key_text(const struct minisign_key *key, char buf[MINISIGN_KEY_TEXT + 1]) {
    unsigned char bytes[ALGORITHM + MINISIGN_ID + MINISIGN_POINT] = "Ed";
    char *to = buf;

    memcpy(bytes + ALGORITHM, key->id, MINISIGN_ID);
    memcpy(bytes + ALGORITHM + MINISIGN_ID, key->point, MINISIGN_POINT);
    for (size_t i = 0; i < sizeof bytes; i += 3) {
        uint32_t three = (uint32_t) bytes[i] << 16 | (uint32_t) bytes[i + 1] << 8 | bytes[i + 2];
        for (int shift = 18; shift >= 0; shift -= 6)
            *to++ = digits[three >> shift & 63];
    }
    *to = '\0';
    return buf;
}

/* The id is a little-endian number. Source: minisign.c, "minisign public key %" PRIX64. */
const char *minisign_id_text(const unsigned char id[MINISIGN_ID], char buf[17]) {
    for (size_t i = 0; i < MINISIGN_ID; i++)
        (void) snprintf(buf + 2 * i, 3, "%02X", id[MINISIGN_ID - 1 - i]);
    return buf;
}

int minisign_signature_parse(const char *text, size_t len, struct minisign_signature *ret,
                             struct err *e) {
    unsigned char bytes[ALGORITHM + MINISIGN_ID + MINISIGN_SIGNATURE];
    static const char trusted[] = "trusted comment: ";
    struct minisign_signature s = { .comment = NULL };
    const char *start = text, *line = NULL;
    size_t n = 0;

    if (len > MINISIGN_TEXT_MAX)
        len = MINISIGN_TEXT_MAX; /* a line that ends behind it is none */
    line = take_line(&text, &len, &n);
    if (!line || !begins(line, n, "untrusted comment:"))
        return err_set(e, -EINVAL, "it does not begin with a minisign signature");
    line = take_line(&text, &len, &n);
    if (!line || !decode(line, n, bytes, sizeof bytes))
        return err_set(e, -EINVAL, "the signature's second line is not one of minisign's");
    if (memcmp(bytes, "Ed", ALGORITHM) == 0)
        return err_set(e, -EINVAL, "the signature is of the old kind: sign it with 'minisign -H'");
    if (memcmp(bytes, "ED", ALGORITHM) != 0)
        return err_set(e, -EINVAL, "the signature is of an unknown kind");
    line = take_line(&text, &len, &n);
    if (!line || !begins(line, n, trusted))
        return err_set(e, -EINVAL, "the signature has no trusted comment");
    s.comment = line + strlen(trusted);
    s.comment_len = n - strlen(trusted);
    line = take_line(&text, &len, &n);
    if (!line || !decode(line, n, s.global, sizeof s.global))
        return err_set(e, -EINVAL, "the signature's fourth line is not one of minisign's");
    memcpy(s.id, bytes + ALGORITHM, sizeof s.id);
    memcpy(s.file, bytes + ALGORITHM + MINISIGN_ID, sizeof s.file);
    s.text_len = (size_t) (text - start);
    *ret = s;
    return 0;
}
