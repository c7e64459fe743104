/* SPDX-License-Identifier: MIT */
#include "supervisor/wire/client.h"

#include "supervisor/base/cleanup.h"
#include "supervisor/base/err.h"
#include "supervisor/base/str.h"
#include "supervisor/wire/frame.h"

#include <errno.h>
#include <poll.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#define READ_BYTES ((size_t) 64 * 1024)

struct client {
    int fd;
    struct frame in;
};

/* ---- connecting ---- */

/* ret_len counts the NUL of a path, but nothing after an abstract name: there every byte is part
 * of the name. Source: unix(7). */
static int fill_address(const char *address, struct sockaddr_un *sa, socklen_t *ret_len,
                        struct err *e) {
    static const char scheme[] = "unix:";
    const char *path = address;

    if (strncmp(path, scheme, sizeof scheme - 1) == 0)
        path += sizeof scheme - 1;
    bool abstract = path != address && *path == '@';
    size_t n = strlen(path);
    if (n == (size_t) abstract)
        return err_set(e, -EINVAL, "the address '%.80s' names no socket", address);
    if (n >= sizeof sa->sun_path)
        return err_set(e, -ENAMETOOLONG, "the socket path '%.80s' has %zu bytes, the most is %zu",
                       path, n, sizeof sa->sun_path - 1);

    *sa = (struct sockaddr_un){ .sun_family = AF_UNIX };
    memcpy(sa->sun_path, path, n);
    if (abstract)
        sa->sun_path[0] = '\0';
    *ret_len = (socklen_t) (offsetof(struct sockaddr_un, sun_path) + n + !abstract);
    return 0;
}

/* A connect(2) that a signal interrupts goes on by itself; on a local socket it is simply asked
 * for again. Source: unix(7) has no EINPROGRESS. */
static int connect_to(int fd, const struct sockaddr_un *sa, socklen_t len) {
    int r;

    do
        r = connect(fd, (const struct sockaddr *) sa, len);
    while (r < 0 && errno == EINTR);
    return r < 0 ? -errno : 0;
}

int client_open(const char *address, struct client **ret, struct err *e) {
    CLEANUP(client_close_p) struct client *c = NULL;
    struct sockaddr_un sa;
    socklen_t len = 0;
    int r = fill_address(address, &sa, &len, e);

    if (r < 0)
        return r;
    c = malloc(sizeof *c);
    if (!c)
        return err_set(e, -ENOMEM, "no memory for a connection");
    frame_init(&c->in, CLIENT_REPLY_MAX);
    c->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (c->fd < 0) {
        r = -errno;
        return err_set(e, r, "cannot make a socket: %s", strerror(-r));
    }
    r = connect_to(c->fd, &sa, len);
    if (r < 0)
        return err_set(e, r, "cannot connect to '%.108s': %s", address, strerror(-r));
    *ret = TAKE_PTR(c);
    return 0;
}

struct client *client_close(struct client *c) {
    if (!c)
        return NULL;
    close_p(&c->fd);
    frame_clear(&c->in);
    free(c);
    return NULL;
}

void client_close_p(struct client **c) {
    int saved = errno;

    (void) client_close(*c);
    errno = saved;
}

int client_fd(const struct client *c) {
    return c->fd;
}

/* ---- talking ---- */

/* A peer that left while replies of its still wait is gone all the same. */
static int connection_failed(int code, struct err *e) {
    if (code == -EPIPE || code == -ECONNRESET)
        return err_set(e, -ECONNRESET, "the other side closed the connection");
    return err_set(e, code, "the connection failed: %s", strerror(-code));
}

static int send_all(int fd, const char *bytes, size_t n, struct err *e) {
    while (n > 0) {
        ssize_t sent = send(fd, bytes, n, MSG_NOSIGNAL);
        if (sent < 0 && errno == EINTR)
            continue;
        if (sent < 0)
            return connection_failed(-errno, e);
        bytes += sent;
        n -= (size_t) sent;
    }
    return 0;
}

int client_send(struct client *c, const char *method, const char *parameters, bool more,
                bool oneway, struct err *e) {
    CLEANUP(str_clear_p) struct str out = STR_INIT(FRAME_MAX_CLIENT + 1);
    struct jsonw w = JSONW_INIT(&out);

    if (!parameters)
        parameters = "{}";
    jsonw_object(&w, NULL);
    jsonw_string(&w, "method", method);
    if (more)
        jsonw_bool(&w, "more", true);
    if (oneway)
        jsonw_bool(&w, "oneway", true);
    jsonw_raw(&w, "parameters", parameters, strlen(parameters));
    jsonw_end_object(&w);
    (void) str_putc(&out, '\0');
    if (str_error(&out) == -EMSGSIZE)
        return err_set(e, -EMSGSIZE, "the call is longer than %zu bytes", FRAME_MAX_CLIENT);
    if (str_error(&out) < 0)
        return err_set(e, str_error(&out), "no memory for the call");
    return send_all(c->fd, out.data, out.len, e);
}

static int64_t now_ms(void) {
    struct timespec t;

    (void) clock_gettime(CLOCK_MONOTONIC, &t); /* cannot fail for this clock */
    return (int64_t) t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* Until there is something to read. deadline -1: for ever. */
static int wait_readable(int fd, int64_t deadline, struct err *e) {
    for (;;) {
        struct pollfd p = { .fd = fd, .events = POLLIN };
        int64_t left = deadline < 0 ? -1 : deadline - now_ms();
        int r = poll(&p, 1, deadline < 0 ? -1 : left > 0 ? (int) left : 0);
        if (r > 0)
            return 0;
        if (r == 0)
            return err_set(e, -ETIMEDOUT, "no answer in time");
        if (errno != EINTR)
            return connection_failed(-errno, e);
    }
}

/* Reads what is there, at least one byte. */
static int read_more(struct client *c, int64_t deadline, struct err *e) {
    char bytes[READ_BYTES];
    ssize_t n;

    do {
        n = recv(c->fd, bytes, sizeof bytes, MSG_DONTWAIT);
        if (n < 0 && errno == EAGAIN) {
            int r = wait_readable(c->fd, deadline, e);
            if (r < 0)
                return r;
        } else if (n < 0 && errno != EINTR) {
            return connection_failed(-errno, e);
        }
    } while (n < 0);
    if (n == 0)
        return connection_failed(-ECONNRESET, e);

    int r = frame_push(&c->in, bytes, (size_t) n);
    if (r == -EMSGSIZE)
        return err_set(e, -EBADMSG, "the reply is longer than %zu bytes", CLIENT_REPLY_MAX);
    return r < 0 ? err_set(e, r, "no memory for the reply") : 0;
}

int client_receive(struct client *c, int timeout_ms, struct varlink_reply *ret, struct err *e) {
    int64_t deadline = timeout_ms < 0 ? -1 : now_ms() + timeout_ms;
    const char *text;
    size_t len;
    int r;

    while ((r = frame_next(&c->in, &text, &len)) == 0) {
        r = read_more(c, deadline, e);
        if (r < 0)
            return r;
    }
    if (r < 0)
        return err_set(e, -EBADMSG, "the reply is longer than %zu bytes", CLIENT_REPLY_MAX);
    r = varlink_reply_parse(text, len, ret, e);
    if (r == -ENOMEM)
        return r;
    return r < 0 ? err_wrap(e, -EBADMSG, "the reply is no Varlink") : 0;
}

int client_call(struct client *c, const char *method, const char *parameters,
                struct varlink_reply *ret, struct err *e) {
    struct varlink_reply reply = { .doc = NULL };
    int r = client_send(c, method, parameters, false, false, e);

    if (r < 0)
        return r;
    r = client_receive(c, -1, &reply, e);
    if (r < 0)
        return r;
    if (reply.continues) {
        varlink_reply_clear(&reply);
        return err_set(e, -EBADMSG, "a stream of replies came, and none was asked for");
    }
    *ret = reply;
    return 0;
}
