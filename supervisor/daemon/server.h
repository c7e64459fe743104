/* SPDX-License-Identifier: MIT
 * server.h - a Varlink service on a socket: peers, caps, one call at a time.
 * Layer: 3, daemon. Uses: base, wire, libsystemd.
 *
 * A server listens on one socket and serves one interface of ours beside org.varlink.service.
 * Each connection handles its calls in order: while a call waits for its reply nothing more is
 * read from that connection. A peer that does not read, sends rubbish or too much, or is over a
 * cap is disconnected; nobody else notices. Every call is held against the interface file before its
 * handler sees it; what does not fit is answered InvalidParameter and the handler is not called. */
#ifndef DAEMON_SERVER_H
#define DAEMON_SERVER_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <systemd/sd-event.h>

#include "supervisor/base/jsonw.h"

struct call;
struct err;
struct idl;
struct json;
struct server;

/* Returns 0 when it has replied or will; a negative errno is answered as server_config.failed says. */
typedef int (*call_handler_t)(struct call *call);

struct method {
    const char *name;       /* short name, "Open" */
    call_handler_t handle;  /* NULL: MethodNotImplemented */
    bool needs_more;        /* without `more` it is answered ExpectedMore */
};

struct server_config {
    const char *path;       /* of the socket; a stale one is removed */
    int fd;                 /* a listening socket that was handed to us; -1: bind path */
    mode_t mode;
    uid_t uid;              /* owner of the socket file; (uid_t) -1: unchanged */
    gid_t gid;              /* (gid_t) -1: unchanged */
    const struct idl *idl;
    const struct method *methods; /* ended by name NULL; every method of idl is in it (checked) */
    size_t message_max;     /* FRAME_MAX_… */
    size_t queue_max;       /* bytes a peer may be behind before it is disconnected (streams) */
    unsigned max_connections, max_per_uid; /* 0: no cap of that kind */
    /* Lets a peer in or not; gids are its groups (SO_PEERGROUPS). NULL: all. */
    bool (*admit)(void *userdata, const struct ucred *peer, const gid_t *gids, size_t n_gids);
    /* Answers a handler's negative errno; NULL: the connection is closed after a log line. */
    void (*failed)(struct call *call, int error);
    void *userdata;         /* call_userdata() */
    int64_t priority;
    const char *log_name;   /* app id for log lines, or NULL */
};

int server_new(sd_event *event, const struct server_config *config, struct server **ret, struct err *e);
/* Disconnects all (their open calls lose their peer) and closes; removes the socket's name unless keep_name. */
struct server *server_free(struct server *s, bool keep_name);
unsigned server_connections(const struct server *s);
void server_set_max_connections(struct server *s, unsigned max); /* on a reload */

/* A call lives until its last reply is sent or call_drop(); also after its peer left (then replies go nowhere). */
void *call_userdata(const struct call *call);
const char *call_method(const struct call *call);            /* short name */
const struct json *call_parameters(const struct call *call); /* an object that fits the interface, or NULL */
bool call_wants_more(const struct call *call);
bool call_peer_left(const struct call *call);
const struct ucred *call_peer(const struct call *call);
/* The peer's supplementary groups. */
const gid_t *call_peer_groups(const struct call *call, size_t *ret_n);

/* Any data of the handler's; gone(call) is called once when the peer leaves before the last reply. The
 * handler must still call_drop() it or reply, in gone or later. */
void call_set_context(struct call *call, void *context, void (*gone)(struct call *));
void *call_context(const struct call *call);
/* Streams that pull: drained(call) is called each time everything sent so far has left; NULL ends it. First call: from the loop, soon. */
void call_set_drained(struct call *call, void (*drained)(struct call *));

/* Reply: begin, write members, end. continues only when call_wants_more(). After a last reply (continues false) or an error the call is gone. */
struct jsonw *call_begin(struct call *call, bool continues);
struct jsonw *call_begin_error(struct call *call, const char *name); /* "NoSuchApp": of our interface; with dots: whole name */
void call_end(struct call *call);
void call_reply(struct call *call); /* the empty last reply */
/* One continued reply whose parameters are this JSON object text: one text for many watchers. */
void call_send_text(struct call *call, const char *parameters, size_t n);
void call_invalid(struct call *call, const char *parameter); /* InvalidParameter */
void call_drop(struct call *call); /* no (more) reply: closes the peer's connection if it is still there */

#endif
