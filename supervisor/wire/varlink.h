/* SPDX-License-Identifier: MIT
 * varlink.h - Varlink messages: calls and replies, to text and back.
 * Layer: 2, wire. Uses: base. Source: varlink.org, Service and Method Call. */
#ifndef WIRE_VARLINK_H
#define WIRE_VARLINK_H

#include <stdbool.h>
#include <stddef.h>

#include "supervisor/base/jsonw.h"

struct err;
struct json;
struct str;

/* A received call; all borrowed from doc. */
struct varlink_call {
    struct json *doc;              /* owned: varlink_call_clear() */
    const char *method;            /* "org.miniprog.Supervisor.Open" */
    const struct json *parameters; /* an object, or NULL */
    bool more, oneway, upgrade;
};
/* Members that it does not know are passed over; null is as good as absent. Result untouched on
 * failure. -EINVAL with a sentence: not a call (the peer is to be disconnected), an empty message
 * too; -ENOMEM. */
int varlink_call_parse(const char *text, size_t len, struct varlink_call *ret, struct err *e);
void varlink_call_clear(struct varlink_call *call);

/* A received reply. error is NULL on success. */
struct varlink_reply {
    struct json *doc;
    const char *error;
    const struct json *parameters; /* an object, or NULL */
    bool continues;
};
/* Errors as varlink_call_parse(). */
int varlink_reply_parse(const char *text, size_t len, struct varlink_reply *ret, struct err *e);
void varlink_reply_clear(struct varlink_reply *reply);

/* Splits "org.miniprog.Supervisor.Open" at the last dot: interface copied, member borrowed from
 * method. -EINVAL: no dot, or nothing on one side of it; -ENAMETOOLONG: the interface does not fit,
 * so it is none of ours. */
int varlink_split(const char *method, char *ret_interface, size_t size, const char **ret_member);

/* Writing: begin, write members into w, end. The end appends the closing braces and the NUL. The
 * buffer may hold earlier messages. */
void varlink_begin_call(struct jsonw *w, struct str *out, const char *method, bool more,
                        bool oneway);
void varlink_begin_reply(struct jsonw *w, struct str *out, bool continues);
void varlink_begin_error(struct jsonw *w, struct str *out, const char *error);
void varlink_end(struct jsonw *w);

#endif
