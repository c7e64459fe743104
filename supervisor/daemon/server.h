/* SPDX-License-Identifier: MIT
 * server.h - a Varlink service on a socket: peers, caps, one call at a time.
 * Layer: 3, daemon. Uses: base, wire, libsystemd.
 *
 * A server listens on one socket and serves one interface of ours beside org.varlink.service.
 * Each connection handles its calls in order: while a call waits for its reply nothing more is
 * read from that connection. A peer that does not read, sends rubbish or too much, or is over a
 * cap is disconnected; nobody else notices. Every call is held against the interface file before
 * its handler sees it; what does not fit is answered InvalidParameter and the handler is not
 * called. */
#ifndef DAEMON_SERVER_H
#define DAEMON_SERVER_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/socket.h>
#include <sys/types.h>

#include "supervisor/base/jsonw.h"

struct call;
struct err;
struct idl;
struct json;
struct poller;
struct server;

/* Returns 0 when it has replied or will; a negative errno is answered by server_config.failed. */
typedef int (*call_handler_t)(struct call *call);

struct method {
    const char *name;      /* short name, "Open" */
    call_handler_t handle; /* NULL: MethodNotImplemented */
    bool needs_more;       /* without `more` it is answered ExpectedMore */
};

struct server_config {
    const char *path; /* of the socket; a stale one is removed; copied */
    int fd; /* a listening Unix socket that was handed to us, ours on success; -1: bind path */
    mode_t mode;
    uid_t uid;                    /* owner of the socket file; (uid_t) -1: unchanged */
    gid_t gid;                    /* (gid_t) -1: unchanged */
    const struct idl *idl;        /* must outlive the server and its calls, like methods */
    const struct method *methods; /* ended by name NULL; every method of idl is in it (checked) */
    size_t message_max;           /* FRAME_MAX_… */
    /* Bytes that the peer of a stream may be behind before it is disconnected. A first reply (a
     * snapshot) of any size is not counted until all of it has left. */
    size_t queue_max;
    unsigned max_connections, max_per_uid; /* 0: no cap of that kind */
    /* Lets a peer in or not; gids are its groups (SO_PEERGROUPS). NULL: all. */
    bool (*admit)(void *userdata, const struct ucred *peer, const gid_t *gids, size_t n_gids);
    /* A second look, at the socket itself. NULL: none. */
    bool (*admit_socket)(void *userdata, int fd, const struct ucred *peer);
    /* Answers a handler's negative errno; NULL: the connection is closed after a log line. */
    void (*failed)(struct call *call, int error);
    void *userdata;       /* call_userdata() */
    const char *log_name; /* app id for log lines, or NULL; copied */
};

/* Errors: -EADDRINUSE somebody listens there; -EEXIST path is no socket; -ENAMETOOLONG; -EINVAL the
 * methods do not match the interface, or fd is no listening Unix socket; -ENOMEM; others as
 * bind(2), chown(2), chmod(2). */
int server_new(struct poller *poller, const struct server_config *config, struct server **ret,
               struct err *e);
/* Disconnects all and closes; removes the socket's name unless keep_name, or it was handed to us,
 * or is another's by now. Open calls lose their peer: their gone() is called from here, and they
 * may be ended or dropped long after. May be called from any callback of the server's own. */
struct server *server_free(struct server *s, bool keep_name);
/* Those whose peer left are counted for as long as their call is open, so that the caps bound open
 * calls too. */
/* Takes in what peers have sent and nobody has read, now: they have ended, and are to be forgotten.
 */
void server_settle(struct server *s);
unsigned server_connections(const struct server *s);
void server_set_max_connections(struct server *s, unsigned max); /* on a reload */
/* Replies, of all servers, that did not fit their interface file. Counted (and logged) unless
 * NDEBUG. */
unsigned server_contract_breaches(void);

/* A call lives until its last reply is sent or call_drop(); also after its peer left (then replies
 * go nowhere), and after server_free(). Replying never calls gone() or drained(), nor starts
 * another call: that is left to the loop. */
void *call_userdata(const struct call *call);
const char *call_method(const struct call *call); /* short name */
/* An object that fits the interface, or NULL; of a stream only until its handler returns. */
const struct json *call_parameters(const struct call *call);
bool call_wants_more(const struct call *call);
bool call_peer_left(const struct call *call);
const struct ucred *call_peer(const struct call *call);
/* The peer's supplementary groups. */
const gid_t *call_peer_groups(const struct call *call, size_t *ret_n);

/* Any data of the handler's; gone(call) is called once, from the loop, when the peer leaves before
 * the last reply. The handler must still call_drop() it or reply, in gone or later. A peer that
 * only shut down its sending side has not left. */
void call_set_context(struct call *call, void *context, void (*gone)(struct call *));
void *call_context(const struct call *call);
/* Streams that pull: drained(call) is called each time everything sent so far has left; NULL ends
 * it. First call: from the loop, soon. */
void call_set_drained(struct call *call, void (*drained)(struct call *));

/* Reply: begin, write members, end. continues only when call_wants_more(). After a last reply
 * (continues false) or an error the call is gone. */
struct jsonw *call_begin(struct call *call, bool continues);
/* name: "NoSuchApp" of our interface; with dots: a whole name. */
struct jsonw *call_begin_error(struct call *call, const char *name);
void call_end(struct call *call);
void call_reply(struct call *call); /* the empty last reply */
/* One continued reply whose parameters are this JSON object text: one text for many watchers. */
void call_send_text(struct call *call, const char *parameters, size_t n);
void call_invalid(struct call *call, const char *parameter); /* InvalidParameter */
/* No (more) reply: closes the connection of a peer that is still there and waits for one. */
void call_drop(struct call *call);

#endif
