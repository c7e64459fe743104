/* SPDX-License-Identifier: MIT
 * call_check.c - every reply held against the interface file, in builds for development.
 * Layer: 3, daemon. Uses: base, wire.
 *
 * The interface files are a promise to other people's programs. A reply that breaks it is sent all
 * the same (the peer may cope), but told and counted, so that tests can demand zero. */
#include <stdio.h>
#include <string.h>

#include "supervisor/base/err.h"
#include "supervisor/base/json.h"
#include "supervisor/daemon/conn.h"
#include "supervisor/daemon/log.h"
#include "supervisor/wire/idl.h"
#include "supervisor/wire/interfaces.h"

static unsigned breaches;

unsigned server_contract_breaches(void) {
    return breaches;
}

#ifdef NDEBUG

void call_check(const struct call *call) {
    (void) call;
}

#else

static void breach(const struct call *call, const char *text) {
    breaches++;
    log_err(NULL, "wire: a reply to '%s' breaks its interface: %s", call->wire.method, text);
}

/* An error may be the interface's own or org.varlink.service's. */
static const struct idl_type *error_type(const struct call *call, const char *name,
                                         const struct idl **ret_idl) {
    const char *dot = strrchr(name, '.');
    const struct idl *candidates[] = { call->idl, wire_service() };

    for (size_t i = 0; dot && i < sizeof candidates / sizeof *candidates; i++) {
        const char *of = candidates[i] ? idl_name(candidates[i]) : "";
        if (strlen(of) != (size_t) (dot - name) || strncmp(of, name, strlen(of)) != 0)
            continue;
        *ret_idl = candidates[i];
        return idl_error(candidates[i], dot + 1);
    }
    return NULL;
}

void call_check(const struct call *call) {
    const struct str *out = &call->conn->out;
    struct varlink_reply reply = { 0 };
    const struct idl *idl = call->idl;
    const struct idl_type *type;
    struct err e = { 0 };
    char where[64] = "", text[320];

    /* Nothing whole was written: conn_commit() deals with it. */
    if (str_error(out) < 0 || out->len <= call->start)
        return;
    if (varlink_reply_parse(out->data + call->start, out->len - call->start - 1, &reply, &e) < 0) {
        breach(call, e.text);
        return;
    }
    if (reply.error)
        type = error_type(call, reply.error, &idl);
    else
        type = call->shape ? idl_method_out(call->shape) : NULL;
    if (!type) {
        (void) snprintf(text, sizeof text, "no such error '%.64s'", reply.error ? reply.error : "");
        breach(call, text);
    } else if (idl_check(idl, type, reply.parameters, where, sizeof where, &e) < 0) {
        (void) snprintf(text, sizeof text, "%s: %s", where, e.text);
        breach(call, text);
    }
    if (reply.continues && !call->wire.more)
        breach(call, "it continues, and nobody asked for more");
    varlink_reply_clear(&reply);
}

#endif
