/* SPDX-License-Identifier: MIT */
#include "supervisor/wire/idl.h"

#include "supervisor/wire/idl_type.h"

#include <stdalign.h>
#include <stdlib.h>
#include <string.h>

void *idl_take(struct idl *idl, size_t n) {
    struct idl_chunk *c = idl->chunks;

    n = (n + alignof(max_align_t) - 1) & ~(alignof(max_align_t) - 1);
    if (!c || n > sizeof c->bytes - c->used) {
        c = calloc(1, sizeof *c);
        if (!c)
            return NULL;
        c->next = idl->chunks;
        idl->chunks = c;
    }
    void *p = c->bytes + c->used;
    c->used += n;
    return p;
}

struct idl *idl_free(struct idl *idl) {
    if (!idl)
        return NULL;
    for (struct idl_chunk *c = idl->chunks, *next; c; c = next) {
        next = c->next;
        free(c);
    }
    free(idl->text);
    free(idl);
    return NULL;
}

const struct idl_method *idl_symbol(const struct idl *idl, const char *name) {
    for (const struct idl_method *s = idl->symbols; s; s = s->next)
        if (strcmp(s->name, name) == 0)
            return s;
    return NULL;
}

const char *idl_name(const struct idl *idl) {
    return idl->name;
}

const char *idl_text(const struct idl *idl) {
    return idl->text;
}

static const struct idl_method *find_kind(const struct idl *idl, const char *name,
                                          enum idl_symbol_kind kind) {
    const struct idl_method *s = idl_symbol(idl, name);

    return s && s->kind == kind ? s : NULL;
}

const struct idl_method *idl_method(const struct idl *idl, const char *name) {
    return find_kind(idl, name, IDL_SYMBOL_METHOD);
}

const struct idl_method *idl_method_next(const struct idl *idl, const struct idl_method *after) {
    const struct idl_method *s = after ? after->next : idl->symbols;

    while (s && s->kind != IDL_SYMBOL_METHOD)
        s = s->next;
    return s;
}

const char *idl_method_name(const struct idl_method *m) {
    return m->name;
}

const struct idl_type *idl_method_in(const struct idl_method *m) {
    return m->in;
}

const struct idl_type *idl_method_out(const struct idl_method *m) {
    return m->out;
}

const struct idl_type *idl_error(const struct idl *idl, const char *name) {
    const struct idl_method *s = find_kind(idl, name, IDL_SYMBOL_ERROR);

    return s ? s->in : NULL;
}

const struct idl_type *idl_typedef(const struct idl *idl, const char *name) {
    const struct idl_method *s = find_kind(idl, name, IDL_SYMBOL_TYPE);

    return s ? s->in : NULL;
}
