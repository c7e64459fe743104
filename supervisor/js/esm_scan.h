/* SPDX-License-Identifier: MIT
 * esm_scan.h - the tokens of a script, as far as import and export need them.
 * Layer: 4, js. Uses: libc.
 *
 * Comments, strings, templates and regular expressions are told from code, nothing more: what a
 * script means is the engine's to say. */
#ifndef JS_ESM_SCAN_H
#define JS_ESM_SCAN_H

#include <stdbool.h>
#include <stddef.h>

enum token_kind {
    TOKEN_END,
    TOKEN_WORD,   /* a name, a keyword or a number */
    TOKEN_STRING, /* "…" or '…', with its quotes */
    TOKEN_OTHER,  /* a template, a regular expression */
    TOKEN_SIGN    /* one character of punctuation */
};

struct token {
    enum token_kind kind;
    const char *at;
    size_t n;
};

struct scan {
    const char *at;
    bool value_before; /* a slash would divide */
    bool dot_before;   /* a word would be a member's name */
    bool broken;       /* something has no end */
    unsigned depth;    /* templates around it */
};

/* The next token; TOKEN_END at the end, or where it is broken. */
struct token scan_next(struct scan *s);
bool token_is(struct token t, const char *text);

#endif
