/* SPDX-License-Identifier: MIT
 * client.h - a plain client: one connection, one call at a time, waiting for the answer.
 * Layer: 2, wire. Uses: base. For miniprogctl, tests and benches; the daemon has its own, that
 * never waits. */
#ifndef WIRE_CLIENT_H
#define WIRE_CLIENT_H

#include <stdbool.h>

#include "supervisor/wire/varlink.h"

/* Longest reply: a List of 2,000 apps is more than 1 MiB. */
#define CLIENT_REPLY_MAX ((size_t) 64 * 1024 * 1024)

struct client;

/* address: a socket path, or "unix:<path>" (or "unix:@abstract"). -ECONNREFUSED, -ENOENT …: nobody
 * listens; -EINVAL, -ENAMETOOLONG: it cannot be an address. */
int client_open(const char *address, struct client **ret, struct err *e);
struct client *client_close(struct client *c);
void client_close_p(struct client **c); /* for CLEANUP() */
int client_fd(const struct client *c);

/* Sends a call: parameters is JSON text of an object, or NULL for {}. Waits for as long as the
 * peer reads on. -EMSGSIZE: longer than the daemon takes, nothing was sent; -ECONNRESET. */
int client_send(struct client *c, const char *method, const char *parameters, bool more,
                bool oneway, struct err *e);
/* Waits for the next reply, at most timeout_ms (-1: for ever). 0 with ret (to be
 * varlink_reply_clear()ed); -ETIMEDOUT, and a later call may still get it; -ECONNRESET the peer is
 * gone; -EBADMSG. An error reply is a success here: see ret->error. */
int client_receive(struct client *c, int timeout_ms, struct varlink_reply *ret, struct err *e);
/* Both. An error reply is 0 as well. */
int client_call(struct client *c, const char *method, const char *parameters,
                struct varlink_reply *ret, struct err *e);

#endif
