/* SPDX-License-Identifier: MIT
 * minisign.h - minisign's texts: a public key, the four lines of a signature.
 * Layer: 2, units. Uses: base. Never: arithmetic on curves; the worker checks what these texts say.
 *
 *     untrusted comment: <text>
 *     base64("ED" | key id, 8 | Ed25519 signature of BLAKE2b-512(file), 64)
 *     trusted comment: <text>
 *     base64(Ed25519 signature of the signature above and the trusted comment, 64)
 * A key's text is a comment line and base64("Ed" | key id, 8 | point, 32), or that base64 alone.
 * Source: minisign(1), "Format" sections; facts/updates.md §4.3. */
#ifndef UNITS_MINISIGN_H
#define UNITS_MINISIGN_H

#include <stddef.h>

struct err;

#define MINISIGN_ID        8
#define MINISIGN_POINT     32
#define MINISIGN_SIGNATURE 64
#define MINISIGN_KEY_TEXT  56               /* characters of a key in base64 */
#define MINISIGN_TEXT_MAX  ((size_t) 10240) /* bytes of the four lines, ours */

struct minisign_key {
    unsigned char id[MINISIGN_ID], point[MINISIGN_POINT];
};

struct minisign_signature {
    unsigned char id[MINISIGN_ID];
    unsigned char file[MINISIGN_SIGNATURE];
    unsigned char global[MINISIGN_SIGNATURE];
    const char *comment; /* the trusted one; borrowed from the text, not NUL-terminated */
    size_t comment_len;
    size_t text_len; /* bytes of the four lines: what follows them in an index begins here */
};

/* -EINVAL with what is wrong; ret untouched then. */
int minisign_key_parse(const char *text, size_t len, struct minisign_key *ret, struct err *e);
/* The base64, as `minisign -P` takes it. Returns buf. */
const char *minisign_key_text(const struct minisign_key *key, char buf[MINISIGN_KEY_TEXT + 1]);
/* A key id as minisign shows it: 16 hex digits. Returns buf. */
const char *minisign_id_text(const unsigned char id[MINISIGN_ID], char buf[17]);

/* Reads the four lines that text begins with, each with its newline. -EINVAL with what is wrong, a
 * signature of the old kind ("Ed", the file itself signed) included; ret untouched then. */
int minisign_signature_parse(const char *text, size_t len, struct minisign_signature *ret,
                             struct err *e);

#endif
