/* SPDX-License-Identifier: MIT
 * notify.h - sd_notify datagrams on an app's own notify socket.
 * Layer: 3, daemon. Uses: base, libsystemd. Source: sd_notify(3). */
#ifndef DAEMON_NOTIFY_H
#define DAEMON_NOTIFY_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct err;
struct notify;
struct poller;

#define NOTIFY_TEXT_MAX ((size_t) 4096) /* bytes of a datagram; a longer one is passed over */

struct notify_message {
    pid_t pid; /* the sender */
    bool ready, watchdog_trigger, stopping;
    const char *status; /* STATUS=, or NULL; UTF-8 without control characters; borrowed */
};

/* Binds `path` (an old socket there is removed), mode 0660 with group gid ((gid_t) -1: as it is).
 * Messages of other uids than `uid` and root are passed over. At most 64 datagrams a turn are read;
 * descriptors sent along are closed. */
int notify_new(struct poller *poller, const char *path, uid_t uid, gid_t gid,
               void (*got)(const struct notify_message *, void *userdata), void *userdata,
               struct notify **ret, struct err *e);
/* Hears what waits now: the sender has ended, and what it said before counts. got() may be called.
 */
void notify_settle(struct notify *n);
struct notify *notify_free(struct notify *n);    /* closes and removes the socket */
struct notify *notify_abandon(struct notify *n); /* closes, leaves the name for the next daemon */

/* Reads the assignments of one datagram: text has n bytes and room for a NUL after them; it is cut
 * into lines. Of a variable given twice the last counts; what is not known, or not of the form, is
 * passed over. False: nothing in it is for us. ret->pid is not touched, status points into text. */
bool notify_parse(char *text, size_t n, struct notify_message *ret);

#endif
