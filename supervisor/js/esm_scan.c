/* SPDX-License-Identifier: MIT */
#include "supervisor/js/esm_scan.h"

#include <string.h>

#define DEPTH_MAX 64 /* templates in templates */

bool token_is(struct token t, const char *text) {
    return t.n == strlen(text) && memcmp(t.at, text, t.n) == 0;
}

static bool is_word(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '$' || c == '#' || c == '\\' || (unsigned char) c >= 0x80;
}

static const char *skip_blank(struct scan *s) {
    const char *p = s->at;

    for (;;) {
        if (*p == ' ' || (*p >= '\t' && *p <= '\r')) {
            p++;
        } else if (p[0] == '/' && p[1] == '/') {
            p += strcspn(p, "\r\n");
        } else if (p[0] == '/' && p[1] == '*') {
            const char *end = strstr(p + 2, "*/");
            s->broken = s->broken || !end;
            p = end ? end + 2 : p + strlen(p);
        } else {
            return p;
        }
    }
}

/* From the quote to behind the other one; NULL: there is none on the line. */
static const char *skip_string(const char *p) {
    char quote = *p++;

    for (; *p && *p != quote && *p != '\n'; p++)
        if (*p == '\\' && p[1])
            p++;
    return *p == quote ? p + 1 : NULL;
}

static const char *skip_regexp(const char *p) {
    bool in_class = false;

    for (p++; *p && *p != '\n'; p++) {
        if (*p == '\\' && p[1])
            p++;
        else if (*p == '[')
            in_class = true;
        else if (*p == ']')
            in_class = false;
        else if (*p == '/' && !in_class)
            return p + 1;
    }
    return NULL;
}

static const char *skip_template(const char *p, unsigned depth);

/* The code of a template, to its closing brace; NULL: there is none. */
static const char *skip_code(const char *p, unsigned depth) {
    struct scan in = { .at = p, .depth = depth };
    unsigned braces = 1;

    for (;;) {
        struct token t = scan_next(&in);
        if (t.kind == TOKEN_END)
            return NULL;
        if (token_is(t, "{"))
            braces++;
        else if (token_is(t, "}") && --braces == 0)
            return t.at;
    }
}

static const char *skip_template(const char *p, unsigned depth) {
    if (depth == DEPTH_MAX)
        return NULL;
    for (p++; *p && *p != '`'; p++) {
        if (*p == '\\' && p[1])
            p++;
        else if (p[0] == '$' && p[1] == '{' && !(p = skip_code(p + 2, depth + 1)))
            return NULL;
    }
    return *p ? p + 1 : NULL;
}

/* A word after which an expression begins, so that a slash begins a regular expression. */
static bool wants_value(struct token t) {
    static const char *const words[] = { "return", "typeof",     "case",  "in",    "of",
                                         "delete", "void",       "throw", "new",   "else",
                                         "do",     "instanceof", "await", "yield", "default" };

    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
        if (token_is(t, words[i]))
            return true;
    return false;
}

static struct token take(struct scan *s, enum token_kind kind, const char *from, const char *to,
                         bool value) {
    struct token t = { .kind = to ? kind : TOKEN_END,
                       .at = from,
                       .n = to ? (size_t) (to - from) : 0 };

    s->broken = s->broken || !to;
    s->at = to ? to : from + strlen(from);
    s->dot_before = token_is(t, ".");
    s->value_before = value;
    return t;
}

struct token scan_next(struct scan *s) {
    const char *p = skip_blank(s), *end = p;

    if (*p == '\0')
        return take(s, TOKEN_END, p, p, false);
    if (*p == '"' || *p == '\'')
        return take(s, TOKEN_STRING, p, skip_string(p), true);
    if (*p == '`')
        return take(s, TOKEN_OTHER, p, skip_template(p, s->depth), true);
    if (*p == '/' && !s->value_before)
        return take(s, TOKEN_OTHER, p, skip_regexp(p), true);
    while (is_word(*end))
        end++;
    if (end > p) {
        bool value = s->dot_before;
        struct token t = take(s, TOKEN_WORD, p, end, true);
        s->value_before = value || !wants_value(t);
        return t;
    }
    /* After a brace a statement is likelier than a division. */
    return take(s, TOKEN_SIGN, p, p + 1, *p == ')' || *p == ']');
}
