/* SPDX-License-Identifier: MIT
 * idl.h - read a Varlink interface file and hold values against it.
 * Layer: 2, wire. Uses: base.
 *
 * The interface files are not only served by introspection: every call is checked against them
 * before a handler sees it, and the tests check every reply and event in the same way, so the
 * files cannot drift from the code. Source of the grammar: varlink.org, Interface Definition. */
#ifndef WIRE_IDL_H
#define WIRE_IDL_H

#include <stddef.h>

struct err;
struct json;
struct idl;
struct idl_method;
struct idl_type;

/* ret: the caller's to idl_free(). e: line and what is wrong. */
int idl_parse(const char *text, size_t len, struct idl **ret, struct err *e);
struct idl *idl_free(struct idl *idl);

const char *idl_name(const struct idl *idl); /* "org.miniprog.Supervisor" */
const char *idl_text(const struct idl *idl); /* the text it was parsed from (a copy) */

/* NULL: no such member. `name` is the short name ("Open"). */
const struct idl_method *idl_method(const struct idl *idl, const char *name);
const struct idl_method *idl_method_next(const struct idl *idl,
                                         const struct idl_method *after); /* NULL: the first */
const char *idl_method_name(const struct idl_method *m);
const struct idl_type *idl_method_in(const struct idl_method *m);
const struct idl_type *idl_method_out(const struct idl_method *m);
const struct idl_type *idl_error(const struct idl *idl, const char *name); /* NULL: no such error */
const struct idl_type *idl_typedef(const struct idl *idl, const char *name);

/* Holds a value against a type: kinds, required members, enum values; members that the type does
 * not have are refused. NULL stands for {}. An optional member may be absent or null. ret_where the
 * member at fault ("launch.scene"), as InvalidParameter names it; at least 64 bytes Returns 0 or
 * -EINVAL with a sentence. */
int idl_check(const struct idl *idl, const struct idl_type *type, const struct json *value,
              char *ret_where, size_t where_size, struct err *e);

#endif
