/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <sys/un.h>

#include "supervisor/base/cleanup.h"
#include "supervisor/sdk/call.h"
#include "supervisor/sdk/sdk.h"

void lane_init(struct lane *l) {
    *l = (struct lane){ .fd = -1 };
    list_init(&l->calls);
    frame_init(&l->in, SDK_MESSAGE_MAX);
}

void lane_clear(struct lane *l) {
    struct call *c;

    close_p(&l->fd);
    l->fd = -1;
    frame_clear(&l->in);
    list_for_each (c, &l->calls, struct call, node) {
        list_remove(&c->node);
        (void) call_free(c);
    }
}

static void put_off(struct lane *l) {
    l->delay_us = l->delay_us ? l->delay_us * 2 : SDK_DELAY_MIN_US;
    if (l->delay_us > SDK_DELAY_MAX_US)
        l->delay_us = SDK_DELAY_MAX_US;
    l->retry_at = sdk_now() + l->delay_us;
}

static int connect_to(const char *address, int *ret_fd) {
    CLEANUP(close_p) int fd = -1;
    struct sockaddr_un name = { .sun_family = AF_UNIX };
    size_t len = strnlen(address, SDK_ADDRESS_MAX - 1);

    memcpy(name.sun_path, address, len); /* the rest is zero: it ends a path */
    if (address[0] == '@')
        name.sun_path[0] = '\0'; /* abstract: its length ends it */
    else
        len++;

    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return -errno;
    /* A full backlog is EAGAIN here, not EINPROGRESS: there is nothing to wait for but a while.
     * Source: unix(7), connect(2). */
    if (connect(fd, (struct sockaddr *) &name,
                (socklen_t) (offsetof(struct sockaddr_un, sun_path) + len)) < 0)
        return -errno;
    *ret_fd = TAKE_FD(fd);
    return 0;
}

static int lane_connect(struct miniprog *m, enum lane_id id) {
    CLEANUP(close_p) int fd = -1;
    struct lane *l = &m->lanes[id];
    struct epoll_event ev = { .events = EPOLLIN, .data.u32 = (uint32_t) id };
    int r;

    r = connect_to(m->address, &fd);
    if (r < 0)
        return err_set(&m->err, r, "cannot connect to '%s': %s", m->address, strerror(-r));
    if (epoll_ctl(m->epoll, EPOLL_CTL_ADD, fd, &ev) < 0) {
        r = -errno;
        return err_set(&m->err, r, "cannot poll a connection: %s", strerror(-r));
    }
    r = call_add_own(m, id);
    if (r < 0)
        return r; /* closing takes it out of epoll */
    l->polled = ev.events;
    l->fd = TAKE_FD(fd);
    return 0;
}

static bool is_wanted(const struct miniprog *m, enum lane_id id) {
    switch (id) {
    case LANE_WATCH:
        return m->watch;
    case LANE_CALLS:
        return !list_empty(&m->lanes[id].calls) || (m->restate && (m->ready || m->keep));
    case LANE_DIALOG:
    case LANE_END:
        return !list_empty(&m->lanes[id].calls);
    case LANE_COUNT:
        break;
    }
    return false;
}

/* What ends the app, or may wait for a user, must not overtake what was called before it: saving
 * the exit state and then exiting has to work. */
static bool is_held_back(const struct miniprog *m, enum lane_id id, const struct call *c) {
    const struct call *first = list_first(&m->lanes[LANE_CALLS].calls, struct call, node);

    return (id == LANE_DIALOG || id == LANE_END) && first && first->serial < c->serial;
}

/* The whole call is out: 1; the socket is full: 0; the peer is gone: a negative errno. */
static int send_call(struct lane *l, const struct call *c) {
    while (l->written < c->len) {
        ssize_t n =
            send(l->fd, c->text + l->written, c->len - l->written, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return errno == EAGAIN ? 0 : -errno;
        l->written += (size_t) n;
    }
    return 1;
}

static void lane_flush(struct miniprog *m, enum lane_id id) {
    struct lane *l = &m->lanes[id];
    struct epoll_event ev = { .events = EPOLLIN, .data.u32 = (uint32_t) id };
    struct call *c;

    list_for_each (c, &l->calls, struct call, node) {
        if (c->sent)
            continue;
        if (l->write_failed || is_held_back(m, id, c))
            break;

        int r = send_call(l, c);
        if (r < 0) {
            /* Answers and events that came before the end are still to be read: so the lane breaks
             * where reading meets the end, which this makes sure of. */
            l->write_failed = true;
            (void) shutdown(l->fd, SHUT_RDWR);
        }
        if (r == 0)
            ev.events |= EPOLLOUT;
        if (r <= 0)
            break;
        c->sent = true;
        l->written = 0;
    }
    if (ev.events != l->polled && epoll_ctl(m->epoll, EPOLL_CTL_MOD, l->fd, &ev) == 0)
        l->polled = ev.events;
}

static void set_timer(struct miniprog *m, uint64_t at) {
    struct itimerspec when = {
        .it_value = { .tv_sec = (time_t) (at / 1000000), .tv_nsec = (long) (at % 1000000) * 1000 },
    };

    if (at != m->timer_at && timerfd_settime(m->timer, TFD_TIMER_ABSTIME, &when, NULL) == 0)
        m->timer_at = at;
}

void lane_pump(struct miniprog *m) {
    uint64_t next = 0;

    for (unsigned i = 0; i < LANE_COUNT; i++) {
        enum lane_id id = (enum lane_id) i;
        struct lane *l = &m->lanes[id];

        if (l->fd < 0 && is_wanted(m, id)) {
            if ((l->retry_at == 0 || l->retry_at <= sdk_now()) && lane_connect(m, id) < 0)
                put_off(l);
            if (l->fd < 0 && (next == 0 || l->retry_at < next))
                next = l->retry_at;
        }
        if (l->fd >= 0)
            lane_flush(m, id);
    }
    set_timer(m, next);
}

static void lane_break(struct miniprog *m, enum lane_id id) {
    struct lane *l = &m->lanes[id];

    /* By hand: a child that the app forked may hold the socket too, and then close() would leave
     * it in the epoll. Source: epoll(7), Questions and answers, 6. */
    (void) epoll_ctl(m->epoll, EPOLL_CTL_DEL, l->fd, NULL);
    close_p(&l->fd);
    l->fd = -1;
    l->write_failed = false;
    l->written = 0;
    frame_clear(&l->in);
    frame_init(&l->in, SDK_MESSAGE_MAX);
    put_off(l);
    if (id == LANE_CALLS)
        m->restate = true;
    call_lost(m, l); /* last: it may run a callback */
}

static int lane_receive(struct miniprog *m, struct lane *l) {
    char bytes[16 * 1024]; /* one read a dispatch and lane: the app's loop gets its turn */
    const char *text;
    size_t len;
    ssize_t n;
    int r;

    n = recv(l->fd, bytes, sizeof bytes, MSG_DONTWAIT);
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return 0;
    if (n <= 0) {
        r = n < 0 ? -errno : -ECONNRESET;
        return err_set(&m->err, r, "the connection to the supervisor broke: %s", strerror(-r));
    }
    r = frame_push(&l->in, bytes, (size_t) n);
    if (r < 0)
        return err_set(&m->err, r, "cannot take a message: %s", strerror(-r));
    while (!m->closed) {
        r = frame_next(&l->in, &text, &len);
        if (r < 0)
            return err_set(&m->err, r, "cannot take a message: %s", strerror(-r));
        if (r == 0)
            break;
        r = call_reply(m, l, text, len);
        if (r < 0)
            return r;
        l->delay_us = 0;
    }
    return 0;
}

void lane_serve(struct miniprog *m, enum lane_id id) {
    struct lane *l = &m->lanes[id];

    if (l->fd >= 0 && lane_receive(m, l) < 0 && !m->closed)
        lane_break(m, id);
}
