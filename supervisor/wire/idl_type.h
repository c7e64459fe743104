/* SPDX-License-Identifier: MIT
 * idl_type.h - how a parsed interface is kept in memory.
 * Layer: 2, wire. Uses: nothing. For the idl*.c files, and tests that make values from types.
 *
 * Everything hangs on the struct idl, in chunks that are freed together; nothing changes after
 * the parse, so any thread may read it. Lists are in the order of the file. */
#ifndef WIRE_IDL_TYPE_H
#define WIRE_IDL_TYPE_H

#include <stdalign.h>
#include <stddef.h>

enum idl_kind {
    IDL_BOOL,
    IDL_INT,
    IDL_FLOAT,
    IDL_STRING,
    IDL_OBJECT,   /* any JSON object */
    IDL_ENUM,     /* a string that is the name of a member */
    IDL_STRUCT,   /* an object with these members; none: {} */
    IDL_NAMED,    /* of: the type it stands for, an IDL_ENUM or IDL_STRUCT */
    IDL_ARRAY,    /* of: each element */
    IDL_MAP,      /* of: each member; any names */
    IDL_OPTIONAL, /* of: what may be missing or null */
};

struct idl_member {
    const char *name;
    const struct idl_type *type; /* NULL in an enum */
    const struct idl_member *next;
};

struct idl_type {
    enum idl_kind kind;
    unsigned required;                /* members that are not optional */
    const struct idl_type *of;        /* NAMED, ARRAY, MAP, OPTIONAL */
    const struct idl_member *members; /* ENUM, STRUCT */
    const char *name;                 /* NAMED */
};

/* What a declaration declares. */
enum idl_symbol_kind { IDL_SYMBOL_TYPE, IDL_SYMBOL_METHOD, IDL_SYMBOL_ERROR };

/* A type, method or error. idl_method() hands out those of kind IDL_SYMBOL_METHOD. */
struct idl_method {
    enum idl_symbol_kind kind;
    const char *name;
    const struct idl_type *in;  /* of a type or an error: itself */
    const struct idl_type *out; /* of a method */
    const struct idl_method *next;
};

struct idl_chunk {
    struct idl_chunk *next;
    size_t used;
    alignas(max_align_t) char bytes[4096];
};

struct idl {
    struct idl_chunk *chunks;
    char *text;
    const char *name;
    const struct idl_method *symbols;
};

/* Zeroed memory that lives as long as idl; n is at most a chunk's bytes. NULL without memory. */
void *idl_take(struct idl *idl, size_t n);

/* Types, methods and errors share one space of names. NULL: not declared. */
const struct idl_method *idl_symbol(const struct idl *idl, const char *name);

#endif
