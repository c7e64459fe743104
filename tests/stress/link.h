/* SPDX-License-Identifier: MIT
 * link.h - the connections to a supervisor: one for calls that may wait, one for figures, one that
 * watches. Replies on a connection come in the order of calls, so an Open that waits for memory
 * must not hold up the figures.
 * Layer: tests. Uses: wire, base. */
#ifndef STRESS_LINK_H
#define STRESS_LINK_H

#include <stdbool.h>

#include "supervisor/wire/client.h"

#define LINK_PATIENCE_MS 60000

struct link {
    struct client *calls, *looks, *watcher;
};

/* Connects thrice and watches. Errors: as client_open(). */
int link_open(struct link *l, const char *address, struct err *e);
void link_close(struct link *l);

/* Sends a call of org.miniprog.Supervisor, by its short name; params are JSON, printf-like. */
int link_send(struct client *c, struct err *e, const char *method, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));
/* A reply that is there already: 1 with ret; 0 not yet; as client_receive(). */
int link_reply(struct client *c, struct varlink_reply *ret, struct err *e);

/* Sends, and waits for the reply, which must be no error.
 *   stop_fd   ends the wait with -EINTR when it becomes readable; -1: nothing does
 *   ret       may be NULL
 * Errors: -EREMOTEIO the supervisor said no, its error in e; -ETIMEDOUT; as client_receive(). */
int link_call(struct client *c, int stop_fd, struct varlink_reply *ret, struct err *e,
              const char *method, const char *fmt, ...) __attribute__((format(printf, 6, 7)));

/* "StartFailed: memory is short" of an error reply. */
void link_error_text(const struct varlink_reply *reply, char *buf, size_t size);

#endif
