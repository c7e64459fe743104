/* SPDX-License-Identifier: MIT
 * call.c - a call: to its handler, and its replies back.
 * Layer: 3, daemon. Uses: base, wire. */
#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "supervisor/base/err.h"
#include "supervisor/base/json.h"
#include "supervisor/daemon/conn.h"
#include "supervisor/wire/idl.h"
#include "supervisor/wire/interfaces.h"

static void call_finish(struct call *call) {
    struct conn *c = call->conn;

    varlink_call_clear(&call->wire);
    free(call);
    conn_call_ended(c);
    (void) conn_unref(c);
}

/* An error of org.varlink.service with its one parameter. */
static void call_refuse(struct call *call, const char *error, const char *key, const char *value) {
    struct jsonw *w = call_begin_error(call, error);

    jsonw_string(w, key, value);
    call_end(call);
}

static const struct method *find_method(const struct method *methods, const char *name) {
    for (const struct method *m = methods; m->name; m++)
        if (strcmp(m->name, name) == 0)
            return m;
    return NULL;
}

/* Finds what is called; NULL: refused, the call is gone. */
static const struct method *call_find(struct call *call) {
    const char *name = call->wire.method;
    const char *dot = strrchr(name, '.');
    const struct method *methods, *m;

    if (!dot) {
        call_refuse(call, WIRE_SERVICE ".MethodNotFound", "method", name);
        return NULL;
    }
    call->idl = server_find(call->conn->server, name, (size_t) (dot - name), &methods);
    if (!call->idl) {
        struct jsonw *w = call_begin_error(call, WIRE_SERVICE ".InterfaceNotFound");
        jsonw_string_n(w, "interface", name, (size_t) (dot - name));
        call_end(call);
        return NULL;
    }
    m = find_method(methods, dot + 1);
    if (!m) {
        call_refuse(call, WIRE_SERVICE ".MethodNotFound", "method", name);
        return NULL;
    }
    /* An upgrade would turn the connection to another protocol after the reply; no method of ours
     * has one, and an error leaves the connection as it is. */
    if (!m->handle || call->wire.upgrade) {
        call_refuse(call, WIRE_SERVICE ".MethodNotImplemented", "method", name);
        return NULL;
    }
    if (m->needs_more && !call_wants_more(call)) {
        (void) call_begin_error(call, WIRE_SERVICE ".ExpectedMore");
        call_end(call);
        return NULL;
    }
    call->shape = idl_method(call->idl, m->name); /* server_new() saw to it that there is one */
    return m;
}

/* The handler returned an error and has not replied. */
static void call_failed(struct call *call, int error) {
    struct conn *c = call->conn;

    if (c->server && c->server->config.failed) {
        c->server->config.failed(call, error);
        if (c->call != call)
            return;
    }
    conn_fail(c, "'%.64s' failed: %s", call_method(call), strerror(-error));
    call_drop(call);
}

/* A stream may last for days: what asked for it is of no more use. */
static void call_forget(struct call *call, const struct method *m) {
    varlink_call_clear(&call->wire);
    call->wire.method = m->name;
    call->wire.more = true;
}

static void call_dispatch(struct call *call) {
    struct conn *c = call->conn;
    const struct method *m = call_find(call);
    struct err e = { 0 };
    char where[256] = "";
    int r;

    if (!m)
        return;
    r = idl_check(call->idl, idl_method_in(call->shape), call->wire.parameters, where, sizeof where,
                  &e);
    if (r == -EINVAL) {
        call_invalid(call, where);
        return;
    }
    if (r >= 0)
        r = m->handle(call);
    /* Whether it is still open is asked of the connection: a call that has ended is not there to be
     * asked. */
    if (r < 0 && c->call == call)
        call_failed(call, r);
    if (c->call != call)
        return;
    conn_trim_input(c);
    if (call_wants_more(call))
        call_forget(call, m);
}

void call_receive(struct conn *c, const char *text, size_t len) {
    struct varlink_call wire = { 0 };
    struct err e = { 0 };
    struct call *call;
    int r = varlink_call_parse(text, len, &wire, &e);

    if (r < 0) {
        conn_fail(c, "sent what is no call (%s)", e.text);
        return;
    }
    call = calloc(1, sizeof *call);
    if (!call) {
        varlink_call_clear(&wire);
        conn_fail(c, "cannot be served: %s", strerror(ENOMEM));
        return;
    }
    *call = (struct call){ .conn = c, .wire = wire, .userdata = c->server->config.userdata };
    c->refs++;
    c->call = call;
    call_dispatch(call);
}

void *call_userdata(const struct call *call) {
    return call->userdata;
}

const char *call_method(const struct call *call) {
    const char *dot = strrchr(call->wire.method, '.');
    return dot ? dot + 1 : call->wire.method;
}

const struct json *call_parameters(const struct call *call) {
    return call->wire.parameters;
}

bool call_wants_more(const struct call *call) {
    return call->wire.more; /* never with oneway: varlink_call_parse() */
}

bool call_peer_left(const struct call *call) {
    return call->conn->left;
}

const struct ucred *call_peer(const struct call *call) {
    return &call->conn->peer;
}

const gid_t *call_peer_groups(const struct call *call, size_t *ret_n) {
    *ret_n = call->conn->n_gids;
    return call->conn->gids;
}

void call_set_context(struct call *call, void *context, void (*gone)(struct call *call)) {
    call->context = context;
    call->gone = gone;
    if (call->conn->left)
        conn_schedule(call->conn);
}

void *call_context(const struct call *call) {
    return call->context;
}

void call_set_drained(struct call *call, void (*drained)(struct call *call)) {
    call->drained = drained;
    call->drain_due = drained != NULL;
    if (drained)
        conn_schedule(call->conn);
}

static void call_open_reply(struct call *call, bool last) {
    struct conn *c = call->conn;

    if (call->writing) /* it changed its mind half-way */
        conn_truncate(c, call->start);
    call->start = c->out.len;
    call->writing = true;
    call->last = last;
}

struct jsonw *call_begin(struct call *call, bool continues) {
    assert(!continues || call->wire.more);
    call_open_reply(call, !continues);
    varlink_begin_reply(&call->w, &call->conn->out, continues);
    return &call->w;
}

struct jsonw *call_begin_error(struct call *call, const char *name) {
    struct str *out = &call->conn->out;
    char whole[256];

    call_open_reply(call, true);
    if (!strchr(name, '.')) {
        (void) snprintf(whole, sizeof whole, "%s.%s", idl_name(call->idl), name);
        name = whole;
    }
    varlink_begin_error(&call->w, out, name);
    return &call->w;
}

/* After a reply that others will follow. */
static void call_go_on(struct call *call, bool first) {
    struct conn *c = call->conn;

    if (c->left)
        return;
    if (first)
        c->allowance = conn_queued(c);
    if (conn_queued(c) > c->server->config.queue_max + c->allowance) {
        conn_fail(c, "is %zu bytes behind", conn_queued(c));
        return;
    }
    call->drain_due = call->drained != NULL;
    if (call->drain_due && conn_queued(c) == 0)
        conn_schedule(c);
}

void call_end(struct call *call) {
    bool first = !call->replied;

    assert(call->writing);
    varlink_end(&call->w);
    call->writing = false;
    call->replied = true;
    call_check(call);
    conn_commit(call->conn, call->start, call->wire.oneway);
    if (call->last)
        call_finish(call);
    else
        call_go_on(call, first);
}

void call_reply(struct call *call) {
    (void) call_begin(call, false);
    call_end(call);
}

void call_send_text(struct call *call, const char *parameters, size_t n) {
    struct jsonw *w = call_begin(call, true);

    assert(n >= 2 && parameters[0] == '{' && parameters[n - 1] == '}');
    /* The members alone: the reply has its own braces. */
    if (n > 2)
        jsonw_raw(w, NULL, parameters + 1, n - 2);
    call_end(call);
}

void call_invalid(struct call *call, const char *parameter) {
    call_refuse(call, WIRE_SERVICE ".InvalidParameter", "parameter", parameter);
}

void call_drop(struct call *call) {
    struct conn *c = call->conn;

    if (!c->left && !call->wire.oneway)
        conn_shut(c);
    if (call->writing)
        conn_truncate(c, call->start);
    call_finish(call);
}
