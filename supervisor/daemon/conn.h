/* SPDX-License-Identifier: MIT
 * conn.h - inside of the server: its connections, their calls, and who owns what.
 * Layer: 3, daemon. Uses: base, wire, libsystemd. For server_*.c, conn.c and call*.c only.
 *
 * A connection is one small machine, conn_run(), that is entered from the loop only: because its
 * descriptor is ready, or because conn_schedule() asked for a turn. Handlers run inside it; what
 * they call back into (call_end, call_drop, server_free) only changes fields and writes, and leaves
 * the rest to the machine's next step. A connection is held by its server, by its open call, and
 * while it runs. */
#ifndef DAEMON_CONN_H
#define DAEMON_CONN_H

#include "supervisor/base/list.h"
#include "supervisor/daemon/poller.h"
#include "supervisor/daemon/server.h"
#include "supervisor/wire/frame.h"
#include "supervisor/wire/varlink.h"

struct idl_method;

struct server {
    struct poller *poller;
    struct poll_node listener;
    int fd;
    struct server_config config;
    char *path, *log_name; /* what config's point at */
    dev_t dev;             /* of the name that we bound; ino 0: none */
    ino_t ino;
    struct list conns;
    unsigned n_conns;
    unsigned refs;            /* the owner's, and one while a callback of ours runs */
    uint64_t complaint_since; /* start of the window in which `complaints` were made */
    unsigned complaints, unsaid;
};

struct conn {
    struct server *server; /* NULL once the server let go */
    struct list in_server;
    struct poll_node node;
    int fd; /* -1: shut */
    unsigned refs;
    struct ucred peer;
    gid_t *gids;
    size_t n_gids;
    struct frame in;
    struct str out; /* replies; the first `sent` bytes of it have left */
    size_t sent;
    size_t allowance;  /* of the stream's first reply, until all has left */
    struct call *call; /* the open one */
    bool running;
    bool eof;  /* nothing more can be read */
    bool left; /* nobody reads replies any more */
};

struct call {
    struct conn *conn; /* held */
    const struct idl *idl;
    const struct idl_method *shape;
    struct varlink_call wire;
    void *userdata; /* the server's; the call may outlive it */
    void *context;
    void (*gone)(struct call *call);
    void (*drained)(struct call *call);
    struct jsonw w;
    size_t start;       /* of the reply being written, in conn->out */
    bool writing, last; /* the reply being written, and whether it ends the call */
    bool told;          /* gone() was called */
    bool drain_due;     /* drained() is to be called once all is sent */
    bool replied;
};

/* The server's own interface or org.varlink.service; NULL: it has no other. */
const struct idl *server_find(const struct server *s, const char *interface, size_t n,
                              const struct method **ret_methods);
/* One line about a peer (NULL: all), unless there were too many of late: then it is counted and
 * told later. */
void server_complain(struct server *s, const struct ucred *peer, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
void server_resume_accept(struct server *s); /* a descriptor was closed */
struct server *server_ref(struct server *s);
struct server *server_unref(struct server *s);

extern const struct method server_service_methods[]; /* GetInfo, GetInterfaceDescription */

/* Binds and listens; the name's identity for server_unbind(). */
int server_bind(const struct server_config *config, int *ret_fd, dev_t *ret_dev, ino_t *ret_ino,
                struct err *e);
int server_adopt(int fd, struct err *e); /* a handed socket is what it should be */
void server_unbind(const char *path, dev_t dev, ino_t ino);

/* fd is taken on success. The server's: conn_release(). */
int conn_new(struct server *s, int fd, const struct ucred *peer, struct conn **ret);
struct conn *conn_unref(struct conn *c);
/* Runs it from the loop, soon. */
void conn_schedule(struct conn *c);
void conn_run(struct conn *c, uint32_t fired);
/* Closes the descriptor and forgets what is buffered; the rest is the machine's. */
void conn_shut(struct conn *c);
/* The same after a line that says why. */
void conn_fail(struct conn *c, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* The server lets go of it; an open call is told. */
void conn_release(struct conn *c);
size_t conn_queued(const struct conn *c);
/* out holds a whole reply from `start` on: sends what can be sent at once, or swallows it. */
void conn_commit(struct conn *c, size_t start, bool swallow);
void conn_truncate(struct conn *c, size_t start);
/* Gives back the memory of the message in hand, unless more waits behind it. */
void conn_trim_input(struct conn *c);
/* Its call is over: goes on with what waits behind it. */
void conn_call_ended(struct conn *c);

/* One message has come: makes it c's open call and runs its handler. */
void call_receive(struct conn *c, const char *text, size_t len);
/* Holds the reply that was just written against the interface file (not with NDEBUG). */
void call_check(const struct call *call);

#endif
