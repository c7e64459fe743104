/* SPDX-License-Identifier: MIT */
#include "supervisor/wire/idl.h"

#include "supervisor/base/cleanup.h"
#include "supervisor/base/err.h"
#include "supervisor/base/text.h"
#include "supervisor/wire/idl_type.h"

#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Far above any interface that people write; they bound time and stack on hostile text. */
#define TEXT_MAX    ((size_t) 256 * 1024)
#define NAME_LEN    ((size_t) 128)
#define DEPTH_MAX   32
#define MEMBERS_MAX 512
#define SYMBOLS_MAX 512

#define LOWER  "abcdefghijklmnopqrstuvwxyz"
#define UPPER  "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
#define DIGITS "0123456789"

/* A use of a type's name that waits for the end of the file, where all types are known. */
struct reference {
    struct idl_type *type;
    unsigned line;
    struct reference *next;
};

struct parser {
    struct idl *idl;
    const char *at; /* the text ends with a NUL, and has no other */
    unsigned line, depth;
    struct reference *references;
    struct err *e;
};

struct word {
    const char *text;
    size_t len;
};

static int no_memory(const struct parser *p) {
    return err_set(p->e, -ENOMEM, "no memory to read the interface");
}

static int __attribute__((format(printf, 2, 3)))
fail(const struct parser *p, const char *fmt, ...) {
    char text[160];
    va_list ap;

    va_start(ap, fmt);
    (void) vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    return err_set(p->e, -EINVAL, "line %u: %s", p->line, text);
}

/* ---- tokens ---- */

/* Comments are UTF-8; everything else that may stand here is ASCII. */
static void skip(struct parser *p) {
    for (;;) {
        p->at += strspn(p->at, " \t\r");
        if (*p->at == '#')
            p->at += strcspn(p->at, "\n");
        if (*p->at != '\n')
            return;
        p->at++;
        p->line++;
    }
}

static struct word peek_word(const struct parser *p) {
    return (struct word){ p->at, strspn(p->at, LOWER UPPER DIGITS "_") };
}

static int unexpected(const struct parser *p, const char *wanted) {
    struct word w = peek_word(p);
    unsigned char c = (unsigned char) *p->at;

    if (c == '\0')
        return fail(p, "expected %s, found the end of the text", wanted);
    if (w.len > 0)
        return fail(p, "expected %s, found '%.*s'", wanted, w.len > 40 ? 40 : (int) w.len, w.text);
    if (c > ' ' && c < 0x7f)
        return fail(p, "expected %s, found '%c'", wanted, c);
    return fail(p, "expected %s, found byte 0x%02x", wanted, c);
}

static bool accept(struct parser *p, const char *token) {
    size_t n = strlen(token);

    skip(p);
    if (strncmp(p->at, token, n) != 0)
        return false;
    p->at += n;
    return true;
}

static int expect(struct parser *p, const char *token) {
    char wanted[16];

    if (accept(p, token))
        return 0;
    (void) snprintf(wanted, sizeof wanted, "'%s'", token);
    return unexpected(p, wanted);
}

static bool word_is(struct word w, const char *text) {
    return strlen(text) == w.len && memcmp(w.text, text, w.len) == 0;
}

static bool in_set(char c, const char *set) {
    return c != '\0' && strchr(set, c);
}

/* [A-Z][A-Za-z0-9]* */
static bool is_member_name(struct word w) {
    return w.len > 0 && in_set(*w.text, UPPER) && !memchr(w.text, '_', w.len);
}

/* [A-Za-z](_?[A-Za-z0-9])* */
static bool is_field_name(struct word w) {
    if (w.len == 0 || !in_set(*w.text, LOWER UPPER) || w.text[w.len - 1] == '_')
        return false;
    for (size_t i = 1; i < w.len; i++)
        if (w.text[i] == '_' && w.text[i - 1] == '_')
            return false;
    return true;
}

/* [A-Za-z](-*[A-Za-z0-9])*(\.[A-Za-z0-9](-*[A-Za-z0-9])*)+ with capitals, which varlink.org's
 * grammar does not have, but systemd's reader and its own io.systemd.UserDatabase do. */
static bool is_interface_name(struct word w) {
    bool dot = false;

    if (w.len == 0 || !in_set(*w.text, LOWER UPPER))
        return false;
    for (size_t i = 1; i < w.len; i++) {
        char c = w.text[i], before = w.text[i - 1];
        if (c == '.' && (before == '.' || before == '-'))
            return false;
        if (c == '-' && before == '.')
            return false;
        dot |= c == '.';
    }
    return dot && !in_set(w.text[w.len - 1], ".-");
}

/* Takes the word if it has the form; `wanted` says in words which. */
static int read_name(struct parser *p, bool (*has_form)(struct word), const char *wanted,
                     const char **ret) {
    skip(p);
    struct word w = peek_word(p);
    if (has_form == is_interface_name)
        w.len = strspn(p->at, LOWER UPPER DIGITS ".-");
    if (!has_form(w))
        return unexpected(p, wanted);
    if (w.len > NAME_LEN)
        return fail(p, "a name has %zu letters, the most is %zu", w.len, NAME_LEN);

    char *copy = idl_take(p->idl, w.len + 1);
    if (!copy)
        return no_memory(p);
    memcpy(copy, w.text, w.len);
    p->at += w.len;
    *ret = copy;
    return 0;
}

/* ---- types ---- */

static int read_type(struct parser *p, const struct idl_type **ret);

/* The text after "(" and the first name: a colon makes it a struct, anything else an enum. */
static int read_member(struct parser *p, struct idl_type *type, struct idl_member *member) {
    bool first = type->members == NULL;
    int r = read_name(p, is_field_name, "a member's name", &member->name);

    if (r < 0)
        return r;
    for (const struct idl_member *m = type->members; m; m = m->next)
        if (strcmp(m->name, member->name) == 0)
            return fail(p, "'%s' is there twice", m->name);

    skip(p);
    if (first && *p->at != ':')
        type->kind = IDL_ENUM;
    if (type->kind == IDL_ENUM)
        return 0;
    r = expect(p, ":");
    if (r < 0)
        return r;
    r = read_type(p, &member->type);
    if (r < 0)
        return r;
    if (member->type->kind != IDL_OPTIONAL)
        type->required++;
    return 0;
}

static int read_parentheses(struct parser *p, struct idl_type *type) {
    const struct idl_member **link = &type->members;
    unsigned n = 0;
    int r = expect(p, "(");

    if (r < 0)
        return r;
    type->kind = IDL_STRUCT;
    if (accept(p, ")"))
        return 0;
    do {
        struct idl_member *member = idl_take(p->idl, sizeof *member);
        if (!member)
            return no_memory(p);
        if (++n > MEMBERS_MAX)
            return fail(p, "more than %d members", MEMBERS_MAX);
        r = read_member(p, type, member);
        if (r < 0)
            return r;
        *link = member;
        link = &member->next;
    } while (accept(p, ","));
    return accept(p, ")") ? 0 : unexpected(p, "',' or ')'");
}

/* bool int float string object, or the name of a type. */
static int read_type_word(struct parser *p, struct idl_type *type) {
    static const struct {
        const char *name;
        enum idl_kind kind;
    } plain[] = {
        { "bool", IDL_BOOL },     { "int", IDL_INT },       { "float", IDL_FLOAT },
        { "string", IDL_STRING }, { "object", IDL_OBJECT },
    };
    struct word w = peek_word(p);

    for (size_t i = 0; i < sizeof plain / sizeof *plain; i++)
        if (word_is(w, plain[i].name)) {
            type->kind = plain[i].kind;
            p->at += w.len;
            return 0;
        }

    struct reference *reference = idl_take(p->idl, sizeof *reference);
    if (!reference)
        return no_memory(p);
    type->kind = IDL_NAMED;
    *reference = (struct reference){ type, p->line, p->references };
    p->references = reference;
    return read_name(p, is_member_name, "a type", &type->name);
}

/* "?", "[]" and "[string]" are one token each, without blanks. */
static int read_type_form(struct parser *p, struct idl_type *type) {
    skip(p);
    if (*p->at == '(')
        return read_parentheses(p, type);
    if (accept(p, "?"))
        type->kind = IDL_OPTIONAL;
    else if (accept(p, "[]"))
        type->kind = IDL_ARRAY;
    else if (accept(p, "[string]"))
        type->kind = IDL_MAP;
    else
        return read_type_word(p, type);

    int r = read_type(p, &type->of);
    if (r < 0)
        return r;
    if (type->kind == IDL_OPTIONAL && type->of->kind == IDL_OPTIONAL)
        return fail(p, "'?' before '?'");
    return 0;
}

static int read_type(struct parser *p, const struct idl_type **ret) {
    struct idl_type *type = idl_take(p->idl, sizeof *type);

    if (!type)
        return no_memory(p);
    if (++p->depth > DEPTH_MAX)
        return fail(p, "types nested deeper than %d", DEPTH_MAX);
    int r = read_type_form(p, type);
    if (r < 0)
        return r;
    p->depth--;
    *ret = type;
    return 0;
}

/* ---- declarations ---- */

static int read_struct(struct parser *p, bool may_be_enum, const struct idl_type **ret) {
    struct idl_type *type = idl_take(p->idl, sizeof *type);

    if (!type)
        return no_memory(p);
    int r = read_parentheses(p, type);
    if (r < 0)
        return r;
    if (type->kind == IDL_ENUM && !may_be_enum)
        return fail(p, "expected members with types, found an enum");
    *ret = type;
    return 0;
}

static int read_keyword(struct parser *p, enum idl_symbol_kind *ret) {
    static const char *const names[] = {
        [IDL_SYMBOL_TYPE] = "type",
        [IDL_SYMBOL_METHOD] = "method",
        [IDL_SYMBOL_ERROR] = "error",
    };
    struct word w = peek_word(p);

    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (word_is(w, names[i])) {
            p->at += w.len;
            *ret = (enum idl_symbol_kind) i;
            return 0;
        }
    return unexpected(p, "'type', 'method' or 'error'");
}

static int read_symbol(struct parser *p, struct idl_method *symbol) {
    int r = read_keyword(p, &symbol->kind);

    if (r < 0)
        return r;
    r = read_name(p, is_member_name, "a name that begins with a capital", &symbol->name);
    if (r < 0)
        return r;
    if (idl_symbol(p->idl, symbol->name))
        return fail(p, "'%s' is declared twice", symbol->name);
    r = read_struct(p, symbol->kind == IDL_SYMBOL_TYPE, &symbol->in);
    if (r < 0 || symbol->kind != IDL_SYMBOL_METHOD)
        return r;
    r = expect(p, "->");
    return r < 0 ? r : read_struct(p, false, &symbol->out);
}

static int read_symbols(struct parser *p) {
    const struct idl_method **link = &p->idl->symbols;

    for (unsigned n = 0; skip(p), *p->at != '\0'; n++) {
        struct idl_method *symbol = idl_take(p->idl, sizeof *symbol);
        if (!symbol)
            return no_memory(p);
        if (n == SYMBOLS_MAX)
            return fail(p, "more than %d declarations", SYMBOLS_MAX);
        int r = read_symbol(p, symbol);
        if (r < 0)
            return r;
        *link = symbol;
        link = &symbol->next;
    }
    return p->idl->symbols ? 0 : unexpected(p, "'type', 'method' or 'error'");
}

static int resolve(struct parser *p) {
    for (struct reference *ref = p->references; ref; ref = ref->next) {
        ref->type->of = idl_typedef(p->idl, ref->type->name);
        p->line = ref->line;
        if (!ref->type->of)
            return fail(p, "there is no type '%s'", ref->type->name);
    }
    return 0;
}

/* Bytes that comments may not have either. A NUL would end the text that introspection serves. */
static int check_bytes(struct parser *p, size_t len) {
    const char *text = p->idl->text, *end = text + len;

    for (const char *line = text; line < end; p->line++) {
        const char *stop = memchr(line, '\n', (size_t) (end - line));
        size_t n = (size_t) ((stop ? stop : end) - line);
        if (memchr(line, '\0', n) || !text_is_utf8(line, n))
            return fail(p, "not UTF-8 text");
        line += n + 1;
    }
    p->line = 1;
    return 0;
}

static int read_interface(struct parser *p, size_t len) {
    int r = check_bytes(p, len);

    if (r < 0)
        return r;
    skip(p);
    struct word w = peek_word(p);
    if (!word_is(w, "interface"))
        return unexpected(p, "'interface'");
    p->at += w.len;
    r = read_name(p, is_interface_name, "an interface's name", &p->idl->name);
    if (r < 0)
        return r;
    r = read_symbols(p);
    return r < 0 ? r : resolve(p);
}

static void idl_free_p(struct idl **idl) {
    (void) idl_free(*idl);
}

int idl_parse(const char *text, size_t len, struct idl **ret, struct err *e) {
    if (len > TEXT_MAX)
        return err_set(e, -EINVAL, "the interface has %zu bytes, the most is %zu", len, TEXT_MAX);

    CLEANUP(idl_free_p) struct idl *idl = calloc(1, sizeof *idl);
    struct parser p = { .idl = idl, .line = 1, .e = e };
    if (!idl)
        return no_memory(&p);
    idl->text = malloc(len + 1);
    if (!idl->text)
        return no_memory(&p);
    if (len)
        memcpy(idl->text, text, len);
    idl->text[len] = '\0';
    p.at = idl->text;

    int r = read_interface(&p, len);
    if (r < 0)
        return r;
    *ret = TAKE_PTR(idl);
    return 0;
}
