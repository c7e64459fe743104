/* SPDX-License-Identifier: MIT
 * conn.c - one connection: bytes in, calls one at a time, replies out.
 * Layer: 3, daemon. Uses: base, wire, libsystemd. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>

#include "supervisor/base/cleanup.h"
#include "supervisor/daemon/conn.h"

#define CONN_READ  ((size_t) 16 * 1024) /* at most so much is read in a turn of the loop */
#define CONN_STEPS 16                   /* calls, and calls of drained(), in a turn of the loop */
/* No reply of ours comes near; it bounds a mistake. */
#define CONN_OUT_MAX ((size_t) 64 * 1024 * 1024)
/* Sent bytes are dropped from the front of a long queue only when they are the better half of it,
 * so that moving the rest costs no more than sending did. */
#define CONN_COMPACT ((size_t) 64 * 1024)

size_t conn_queued(const struct conn *c) {
    return c->out.len - c->sent;
}

/* Received bytes that wait behind the call in hand. */
static size_t conn_held(const struct conn *c) {
    return c->in.in.len - c->in.handed;
}

void conn_trim_input(struct conn *c) {
    if (conn_held(c) == 0)
        frame_clear(&c->in);
}

static void conn_forget_output(struct conn *c) {
    str_clear(&c->out);
    c->sent = 0;
    c->allowance = 0;
}

/* The peer reads no more. What it sent before it left is still handled: a caller that leaves
 * cancels nothing. */
static void conn_left(struct conn *c) {
    c->left = true;
    conn_forget_output(c);
}

void conn_shut(struct conn *c) {
    conn_left(c);
    c->eof = true;
    if (c->server)
        poller_unwatch(c->server->poller, &c->node);
    frame_clear(&c->in);
    if (c->fd < 0)
        return;
    close_p(&c->fd);
    c->fd = -1;
    if (c->server)
        server_resume_accept(c->server);
}

void conn_fail(struct conn *c, const char *fmt, ...) {
    char why[256];
    va_list ap;

    va_start(ap, fmt);
    (void) vsnprintf(why, sizeof why, fmt, ap);
    va_end(ap);
    if (c->server)
        server_complain(c->server, &c->peer, "%s, disconnecting it", why);
    conn_shut(c);
    conn_schedule(c);
}

struct conn *conn_unref(struct conn *c) {
    if (!c || --c->refs > 0)
        return NULL;
    conn_shut(c);
    free(c->gids);
    free(c);
    return NULL;
}

void conn_schedule(struct conn *c) {
    /* A running one looks at its fields again before it ends. */
    if (c->server && !c->running)
        poller_again(c->server->poller, &c->node);
}

/* Sends what the socket takes. A failure is no news to anybody but the machine: the open call hears
 * of it from the loop, never inside its own call_end(). */
static void conn_send(struct conn *c) {
    ssize_t n = send(c->fd, c->out.data + c->sent, conn_queued(c), MSG_NOSIGNAL | MSG_DONTWAIT);

    if (n < 0) {
        if (errno == EAGAIN)
            return;
        if (errno != EPIPE && errno != ECONNRESET) {
            conn_fail(c, "cannot send: %s", strerror(errno));
            return;
        }
        conn_left(c);
        conn_schedule(c);
        return;
    }
    c->sent += (size_t) n;
    if (conn_queued(c) == 0) {
        conn_forget_output(c);
    } else if (c->sent >= CONN_COMPACT && c->sent >= conn_queued(c)) {
        str_consume(&c->out, c->sent);
        c->sent = 0;
    }
}

static void conn_read(struct conn *c) {
    char bytes[CONN_READ];
    ssize_t n = recv(c->fd, bytes, sizeof bytes, MSG_DONTWAIT);

    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (n <= 0) { /* ECONNRESET too: it closed without having read all, which EPOLLHUP tells */
        c->eof = true;
        return;
    }
    int r = frame_push(&c->in, bytes, (size_t) n);
    if (r == -EMSGSIZE)
        conn_fail(c, "sent a message of more than %zu bytes", c->in.max);
    else if (r < 0)
        conn_fail(c, "cannot buffer what it sent: %s", strerror(-r));
}

static void conn_tell_gone(struct conn *c) {
    struct call *call = c->call;

    if (!call || call->told || !call->gone)
        return;
    call->told = true;
    call->gone(call);
}

/* While a stream runs its peer has nothing to say. It is listened to all the same, so that one that
 * floods us is found out instead of being left with a full socket. */
static bool conn_overhear(struct conn *c) {
    conn_read(c);
    if (conn_held(c) > c->in.max)
        conn_fail(c, "sent %zu bytes while it is being streamed to", conn_held(c));
    return true;
}

/* With a call open: everything but the next call. */
static bool conn_step_open(struct conn *c, bool *readable) {
    struct call *call = c->call;

    if (c->left) {
        bool news = !call->told && call->gone;
        conn_tell_gone(c);
        return news;
    }
    if (conn_queued(c) == 0 && call->drain_due && call->drained) {
        call->drain_due = false;
        call->drained(call);
        return true;
    }
    if (!call_wants_more(call) || c->eof || !*readable)
        return false;
    *readable = false;
    return conn_overhear(c);
}

/* One thing that can be done now; false: nothing can. */
static bool conn_step(struct conn *c, bool *readable) {
    const char *text;
    size_t len;

    if (c->fd >= 0 && conn_queued(c) > 0) {
        conn_send(c);
        if (c->left)
            return true;
    }
    if (c->call)
        return conn_step_open(c, readable);
    if (c->fd < 0 || conn_queued(c) > 0)
        return false;

    int r = frame_next(&c->in, &text, &len);
    if (r > 0) {
        call_receive(c, text, len);
        return true;
    }
    if (r < 0) {
        conn_fail(c, "sent a message of more than %zu bytes", c->in.max);
        return false;
    }
    if (c->eof) {
        conn_shut(c);
        return false;
    }
    if (!*readable)
        return false;
    *readable = false;
    conn_read(c);
    return true;
}

/* Asks the loop for what is waited for. EPOLLIN is taken back only once it has come unwanted: most
 * peers send nothing before their reply, and an epoll_ctl(2) for each call is saved. EPOLLHUP is
 * always reported; it tells of peers that leave while they wait. */
static void conn_arm(struct conn *c, uint32_t fired) {
    bool in = !c->eof && (c->call ? call_wants_more(c->call) : conn_queued(c) == 0);
    uint32_t events = in ? (uint32_t) EPOLLIN : c->node.events & EPOLLIN & ~fired;
    /* Its hang-up would be reported for ever. */
    bool deaf = c->left && c->call;

    if (c->fd < 0)
        return;
    if (conn_queued(c) > 0)
        events |= EPOLLOUT;
    if (deaf) {
        poller_unwatch(c->server->poller, &c->node);
        return;
    }
    int r = poller_watch(c->server->poller, &c->node, c->fd, events);
    if (r < 0)
        conn_fail(c, "cannot be waited for: %s", strerror(-r));
}

void conn_run(struct conn *c, uint32_t fired) {
    bool readable = fired & (EPOLLIN | EPOLLHUP | EPOLLERR);
    unsigned steps = CONN_STEPS;

    c->refs++;
    c->running = true;
    if (fired & (EPOLLHUP | EPOLLERR))
        conn_left(c);
    while (steps > 0 && conn_step(c, &readable))
        steps--;
    c->running = false;

    if (c->server) {
        if (steps == 0)
            conn_schedule(c);
        else if (c->fd < 0 && !c->call)
            conn_release(c);
        conn_arm(c, fired);
    }
    (void) conn_unref(c);
}

static void conn_ready(struct poll_node *node, uint32_t fired) {
    conn_run(list_entry(node, struct conn, node), fired);
}

void conn_release(struct conn *c) {
    conn_shut(c);
    poller_remove(c->server->poller, &c->node);
    c->server->n_conns--;
    c->server = NULL;
    list_remove(&c->in_server);
    conn_tell_gone(c);
    (void) conn_unref(c);
}

void conn_truncate(struct conn *c, size_t start) {
    /* Nothing of an earlier reply waits before it. */
    if (c->left || start <= c->sent || start > c->out.len) {
        conn_forget_output(c);
        return;
    }
    c->out.len = start;
    c->out.data[start] = '\0';
    c->out.error = 0;
}

void conn_commit(struct conn *c, size_t start, bool swallow) {
    int r = str_error(&c->out);

    if (c->left || swallow) {
        conn_truncate(c, start);
        return;
    }
    if (r < 0) {
        conn_fail(c, "cannot be answered: %s", strerror(-r));
        return;
    }
    /* Behind others it waits for the loop, which is asked already. */
    if (start > c->sent)
        return;
    conn_send(c);
    if (conn_queued(c) > 0 && !c->running)
        conn_arm(c, 0);
}

void conn_call_ended(struct conn *c) {
    c->call = NULL;
    c->allowance = 0;
    if (c->left || conn_held(c) > 0 || !(c->node.events & EPOLLIN))
        conn_schedule(c);
}

int conn_new(struct server *s, int fd, const struct ucred *peer, struct conn **ret) {
    struct conn *c = calloc(1, sizeof *c);
    int r;

    if (!c)
        return -ENOMEM;
    *c = (struct conn){ .server = s, .fd = -1, .refs = 1, .peer = *peer };
    list_init(&c->in_server);
    poll_node_init(&c->node, conn_ready);
    frame_init(&c->in, s->config.message_max);
    c->out = (struct str) STR_INIT(CONN_OUT_MAX);
    r = poller_watch(s->poller, &c->node, fd, EPOLLIN);
    if (r < 0) {
        c->server = NULL;
        (void) conn_unref(c);
        return r;
    }
    c->fd = fd;
    list_append(&s->conns, &c->in_server);
    s->n_conns++;
    *ret = c;
    return 0;
}
