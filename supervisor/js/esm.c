/* SPDX-License-Identifier: MIT */
#include "supervisor/js/esm.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "supervisor/base/cleanup.h"
#include "supervisor/js/esm_scan.h"

#define DEFAULT "(m => m && m.__esModule ? m.default : m)"

struct compile {
    struct scan s;
    const char *copied;    /* the source is in the body up to here */
    struct str head, body; /* exports, as getters; the rest */
    bool exports;          /* something is exported: importers must know what it is */
    bool declares;         /* in "export const a = 1, b": a comma leads to a name */
    int count;
};

/* --- writing ------------------------------------------------------------------------------ */

static void put(struct str *out, struct token t) {
    (void) str_append(out, t.at, t.n);
}

static void copy_to(struct compile *c, const char *to) {
    (void) str_append(&c->body, c->copied, (size_t) (to - c->copied));
    c->copied = to;
}

/* The statement goes, its lines stay: after what has been put in its place. */
static void drop_to(struct compile *c, const char *to) {
    for (; c->copied < to; c->copied++)
        if (*c->copied == '\n')
            (void) str_putc(&c->body, '\n');
}

/* name: as others see it. of: the module's file, or none. local: what it is there. */
static void put_getter(struct compile *c, struct token name, struct token of, struct token local) {
    const char *quote = name.kind == TOKEN_STRING ? "" : "\"";

    (void) str_printf(&c->head,
                      "Object.defineProperty(exports,%s%.*s%s,{enumerable:true,get(){return ",
                      quote, (int) name.n, name.at, quote);
    if (of.n && token_is(local, "default"))
        (void) str_printf(&c->head, DEFAULT "(require(%.*s))", (int) of.n, of.at);
    else if (of.n && token_is(local, "*"))
        (void) str_printf(&c->head, "require(%.*s)", (int) of.n, of.at);
    else if (of.n)
        (void) str_printf(&c->head,
                          local.kind == TOKEN_STRING ? "require(%.*s)[%.*s]" : "require(%.*s).%.*s",
                          (int) of.n, of.at, (int) local.n, local.at);
    else
        put(&c->head, local);
    (void) str_puts(&c->head, "}});");
}

/* --- pieces ------------------------------------------------------------------------------- */

static struct token peek(const struct compile *c) {
    struct scan ahead = c->s;
    return scan_next(&ahead);
}

static bool take(struct compile *c, const char *text) {
    if (!token_is(peek(c), text))
        return false;
    (void) scan_next(&c->s);
    return true;
}

static bool take_name(struct compile *c, struct token *ret) {
    *ret = scan_next(&c->s);
    return ret->kind == TOKEN_WORD;
}

/* from "x" */
static bool take_from(struct compile *c, struct token *ret) {
    if (!take(c, "from"))
        return false;
    *ret = scan_next(&c->s);
    return ret->kind == TOKEN_STRING;
}

/* "a", "a as b": false at the end, or where it is wrong. */
static bool next_pair(struct scan *s, struct token *ret_from, struct token *ret_to) {
    struct token t = scan_next(s);

    if (t.kind != TOKEN_WORD && t.kind != TOKEN_STRING)
        return false;
    *ret_from = *ret_to = t;
    t = scan_next(s);
    if (token_is(t, "as")) {
        *ret_to = scan_next(s);
        t = scan_next(s);
    }
    return token_is(t, ",") || token_is(t, "}");
}

/* Behind the brace; the list is read again once it is known what it is from. */
static bool skip_list(struct compile *c) {
    struct token t;

    do
        t = scan_next(&c->s);
    while (t.kind == TOKEN_WORD || t.kind == TOKEN_STRING || token_is(t, ","));
    return token_is(t, "}");
}

/* --- import ------------------------------------------------------------------------------- */

static void put_names(struct compile *c, struct scan list, struct token of) {
    struct scan again = list;
    struct token from, to;
    const char *comma = "";

    (void) str_puts(&c->body, "{ ");
    while (next_pair(&list, &from, &to))
        if (!token_is(from, "default")) {
            (void) str_printf(&c->body, "%s%.*s: %.*s", comma, (int) from.n, from.at, (int) to.n,
                              to.at);
            comma = ", ";
        }
    (void) str_printf(&c->body, " } = require(%.*s)", (int) of.n, of.at);
    while (next_pair(&again, &from, &to))
        if (token_is(from, "default"))
            (void) str_printf(&c->body, ", %.*s = " DEFAULT "(require(%.*s))", (int) to.n, to.at,
                              (int) of.n, of.at);
}

/* The word import has been read, at from. */
static int import(struct compile *c, const char *from) {
    struct token name = { 0 }, space = { 0 }, of = peek(c);
    struct scan list = { 0 };

    if (of.kind == TOKEN_STRING) {
        (void) scan_next(&c->s);
    } else {
        bool more = of.kind != TOKEN_WORD || (take_name(c, &name) && take(c, ","));
        if (more && take(c, "*")) {
            if (!take(c, "as") || !take_name(c, &space))
                return -EINVAL;
        } else if (more) {
            if (!take(c, "{"))
                return -EINVAL;
            list = c->s;
            if (!skip_list(c))
                return -EINVAL;
        }
        if (!take_from(c, &of))
            return -EINVAL;
    }
    (void) take(c, ";");
    copy_to(c, from);
    if (!name.n && !space.n && !list.at)
        (void) str_printf(&c->body, "require(%.*s)", (int) of.n, of.at);
    else
        (void) str_puts(&c->body, "const ");
    if (name.n)
        (void) str_printf(&c->body, "%.*s = " DEFAULT "(require(%.*s))%s", (int) name.n, name.at,
                          (int) of.n, of.at, space.n || list.at ? ", " : "");
    if (space.n)
        (void) str_printf(&c->body, "%.*s = require(%.*s)", (int) space.n, space.at, (int) of.n,
                          of.at);
    if (list.at)
        put_names(c, list, of);
    (void) str_putc(&c->body, ';');
    drop_to(c, c->s.at);
    return 0;
}

/* --- export ------------------------------------------------------------------------------- */

/* What is behind "function", "async function", "class": its name, if it has one. */
static struct token declared_name(const struct compile *c) {
    struct scan ahead = c->s;
    struct token t = scan_next(&ahead);

    if (token_is(t, "async"))
        t = scan_next(&ahead);
    if (!token_is(t, "function") && !token_is(t, "class"))
        return (struct token){ 0 };
    t = scan_next(&ahead);
    if (token_is(t, "*"))
        t = scan_next(&ahead);
    return t.kind == TOKEN_WORD && !token_is(t, "extends") ? t : (struct token){ 0 };
}

static int export_default(struct compile *c, struct token word) {
    struct token name = declared_name(c);

    drop_to(c, word.at);
    if (name.n)
        put_getter(c, word, (struct token){ 0 }, name);
    else
        (void) str_puts(&c->body, "exports.default =");
    drop_to(c, word.at + word.n);
    return 0;
}

static int export_list(struct compile *c) {
    struct token from, to, of = { 0 };
    struct scan list = c->s;

    if (!skip_list(c))
        return -EINVAL;
    if (token_is(peek(c), "from") && !take_from(c, &of))
        return -EINVAL;
    while (next_pair(&list, &from, &to))
        put_getter(c, to, of, from);
    (void) take(c, ";");
    if (of.n)
        (void) str_printf(&c->body, "require(%.*s)", (int) of.n, of.at);
    (void) str_putc(&c->body, ';');
    drop_to(c, c->s.at);
    return 0;
}

static int export_all(struct compile *c, struct token star) {
    struct token name = { 0 }, of;

    if (take(c, "as"))
        name = scan_next(&c->s);
    if (!take_from(c, &of))
        return -EINVAL;
    (void) take(c, ";");
    if (name.n)
        put_getter(c, name, of, star);
    else
        (void) str_puts(&c->body,
                        ";(m => { for (const k in m) if (k !== \"default\" && !(k in exports)) "
                        "Object.defineProperty(exports, k, { enumerable: true, get: () => m[k] }) "
                        "})");
    (void) str_printf(&c->body, name.n ? "require(%.*s);" : "(require(%.*s));", (int) of.n, of.at);
    drop_to(c, c->s.at);
    return 0;
}

/* The word export has been read, at from. What is declared stays where it is. */
static int export(struct compile *c, const char *from) {
    struct token name = declared_name(c), word;
    struct scan at_word = c->s;

    copy_to(c, from);
    word = scan_next(&c->s);
    if (token_is(word, "default"))
        return export_default(c, word);
    if (token_is(word, "{"))
        return export_list(c);
    if (token_is(word, "*"))
        return export_all(c, word);
    drop_to(c, word.at);
    if (token_is(word, "const") || token_is(word, "let") || token_is(word, "var")) {
        name = peek(c);
        if (name.kind != TOKEN_WORD)
            return -EINVAL; /* a pattern */
        c->declares = true;
    } else {
        c->s = at_word;
    }
    if (!name.n)
        return -EINVAL;
    put_getter(c, name, (struct token){ 0 }, name);
    return 0;
}

/* --- the whole ---------------------------------------------------------------------------- */

/* A word that begins another statement, where no semicolon ends the last one. */
static bool ends_declaration(struct token t) {
    static const char *const words[] = { "const", "let",   "var", "function", "class", "import",
                                         "if",    "while", "for", "switch",   "try",   "async" };

    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
        if (token_is(t, words[i]))
            return true;
    return token_is(t, ";");
}

/* One token at the outermost level. */
static int step(struct compile *c, struct token t, bool is_member) {
    struct token next = peek(c);
    int r = 0;

    if (c->declares && token_is(t, ",") && next.kind == TOKEN_WORD)
        put_getter(c, next, (struct token){ 0 }, next);
    if (t.kind == TOKEN_OTHER || t.kind == TOKEN_STRING || is_member)
        return 0;
    if (ends_declaration(t))
        c->declares = false;
    if (token_is(t, "import") && !token_is(next, "(") && !token_is(next, ".")) {
        c->count++;
        r = import(c, t.at);
    } else if (token_is(t, "export")) {
        c->count++;
        c->declares = false;
        c->exports = true;
        r = export(c, t.at);
    }
    return r;
}

static int compile(struct compile *c) {
    unsigned depth = 0;
    int r = 0;

    while (r == 0) {
        bool is_member = c->s.dot_before;
        struct token t = scan_next(&c->s);
        if (t.kind == TOKEN_END)
            return c->s.broken ? -EINVAL : 0;
        if (t.kind == TOKEN_SIGN && strchr("([{", *t.at))
            depth++;
        else if (t.kind == TOKEN_SIGN && strchr(")]}", *t.at) && depth > 0)
            depth--;
        else if (depth == 0)
            r = step(c, t, is_member);
    }
    return r;
}

int esm_compile(const char *text, struct str *out) {
    CLEANUP(str_clear_p) struct str head = STR_INIT(out->max), body = STR_INIT(out->max);
    struct compile c = { .s = { .at = text }, .copied = text, .head = head, .body = body };

    int r = compile(&c);
    copy_to(&c, text + strlen(text));
    if (r == 0 && c.exports)
        (void) str_puts(
            out, "\"use strict\";Object.defineProperty(exports,\"__esModule\",{value:true});");
    else if (r == 0)
        (void) str_puts(out, "\"use strict\";");
    (void) str_append(out, str_text(&c.head), c.head.len);
    (void) str_append(out, str_text(&c.body), c.body.len);
    if (r == 0)
        r = str_error(&c.head) ? str_error(&c.head) : str_error(&c.body);
    if (r == 0)
        r = str_error(out);
    str_clear(&c.head);
    str_clear(&c.body);
    return r < 0 ? r : c.count;
}
