/* SPDX-License-Identifier: MIT
 * call.c - connection, calls, streams. */
#include "supervisor/ctl/call.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/signalfd.h>
#include <time.h>
#include <unistd.h>

#include "supervisor/base/cleanup.h"
#include "supervisor/base/json.h"
#include "supervisor/ctl/ctl.h"
#include "supervisor/ctl/refusal.h"
#include "supervisor/ctl/safe.h"
#include "supervisor/wire/client.h"
#include "supervisor/wire/frame.h"
#include "supervisor/wire/interfaces.h"
#include "supervisor/wire/varlink.h"

#define PAGE_MAX                                                                                   \
    ((size_t) 256 * 1024 * 1024) /* a bound, not a size: whatever a reply may become               \
                                  */

void request_begin(struct request *q) {
    q->text = (struct str) STR_INIT(FRAME_MAX_CLIENT);
    q->w = (struct jsonw) JSONW_INIT(&q->text);
    jsonw_object(&q->w, NULL);
}

void request_clear(struct request *q) {
    str_clear(&q->text);
}

static void page_clear_p(struct page *p) {
    str_clear(&p->out);
}

int call_cannot_connect(const struct ctl *c, int r, const struct err *e) {
    switch (-r) {
    case ENOENT:
        return ctl_fail(CTL_UNREACHABLE,
                        "no supervisor listens at '%s' (start miniprogd, or name its socket with "
                        "--socket)",
                        c->socket);
    case ECONNREFUSED:
        return ctl_fail(CTL_UNREACHABLE, "the supervisor at '%s' is gone (start miniprogd again)",
                        c->socket);
    case EACCES:
    case EPERM:
        return ctl_fail(CTL_UNREACHABLE,
                        "you may not connect to '%s' (run this as root, or as a member of the "
                        "socket's group)",
                        c->socket);
    default:
        return ctl_fail(CTL_UNREACHABLE,
                        "the supervisor at '%s' cannot be reached: %s (name its "
                        "socket with --socket)",
                        c->socket, *e->text ? e->text : strerror(-r));
    }
}

int call_connection_failed(const struct ctl *c, int r, const struct err *e) {
    if (r == -ENOMEM)
        return ctl_fail(CTL_FAILED, "out of memory");
    if (r == -EBADMSG || r == -EINVAL || r == -EMSGSIZE || r == -E2BIG)
        return ctl_fail(CTL_FAILED, "the answer from '%s' is not to be understood: %s", c->socket,
                        *e->text ? e->text : strerror(-r));
    return ctl_fail(CTL_UNREACHABLE,
                    "the supervisor at '%s' closed the connection (is it still running?)",
                    c->socket);
}

static int send_call(struct ctl *c, const char *method, struct request *q, bool more) {
    char name[128];
    struct err e = { 0 };
    int r;

    jsonw_end_object(&q->w);
    if (str_error(&q->text) < 0)
        return ctl_fail(CTL_FAILED, "the call is too long to be sent");
    r = client_open(c->socket, &c->client, &e);
    if (r < 0)
        return call_cannot_connect(c, r, &e);
    (void) snprintf(name, sizeof name, WIRE_SUPERVISOR ".%s", method);
    r = client_send(c->client, name, str_text(&q->text), more, false, &e);
    if (r < 0)
        return call_connection_failed(c, r, &e);
    return CTL_DONE;
}

static void show_json(struct page *p, const struct json *reply) {
    CLEANUP(str_clear_p) struct str text = STR_INIT(PAGE_MAX);

    if (!reply)
        (void) str_puts(&text, "{}");
    else if (json_print(reply, &text) < 0)
        p->out.error = str_error(&text);
    safe_json(&p->out, str_text(&text));
    (void) str_putc(&p->out, '\n');
}

/* Renders and writes one reply. Returns the exit status so far; p->over: it is the last word. */
static int show_reply(struct ctl *c, struct page *p, const struct varlink_reply *reply,
                      page_fn show) {
    int r;

    p->last = !reply->continues;
    p->over = true;
    if (reply->error && c->may_be_missing &&
        strcmp(reply->error, WIRE_SERVICE ".MethodNotImplemented") == 0 &&
        strcmp(json_get_string(reply->parameters, "method", ""), c->may_be_missing) == 0) {
        c->missing = true;
        return CTL_FAILED;
    }
    if (reply->error)
        return refusal_tell(reply->error, reply->parameters);
    str_reset(&p->out);
    if (options_given(&c->options, OPT_JSON))
        show_json(p, reply->parameters);
    else if (show)
        show(c, p, reply->parameters);
    if (p->fault.code < 0)
        return ctl_fail(CTL_FAILED, "the answer from '%s' is not as it should be: %s", c->socket,
                        p->fault.text);
    if (str_error(&p->out) < 0)
        return ctl_fail(CTL_FAILED, "the answer cannot be shown: %s",
                        strerror(-str_error(&p->out)));
    r = ctl_write(&p->out);
    if (r < 0)
        return ctl_write_failed(r);
    p->over = p->last;
    p->replies++;
    return CTL_DONE;
}

static uint64_t now_usec(void) {
    struct timespec ts;
    (void) clock_gettime(CLOCK_MONOTONIC, &ts);
    return (uint64_t) ts.tv_sec * 1000000 + (uint64_t) ts.tv_nsec / 1000;
}

int call_send(struct ctl *c, const char *method, struct request *q) {
    c->call_usec = now_usec();
    return send_call(c, method, q, false);
}

int call_answer(struct ctl *c, page_fn show, struct varlink_reply *ret) {
    CLEANUP(page_clear_p) struct page p = { .out = STR_INIT(PAGE_MAX) };
    CLEANUP(varlink_reply_clear) struct varlink_reply reply = { 0 };
    struct err e = { 0 };
    int r = client_receive(c->client, -1, &reply, &e);

    c->call_usec = now_usec() - c->call_usec;
    if (r < 0)
        return call_connection_failed(c, r, &e);
    r = show_reply(c, &p, &reply, show);
    if (ret) {
        *ret = reply;
        reply = (struct varlink_reply){ 0 };
    }
    return r;
}

int call(struct ctl *c, const char *method, struct request *q, page_fn show) {
    int r = call_send(c, method, q);
    return r == CTL_DONE ? call_answer(c, show, NULL) : r;
}

/* SIGINT as a descriptor, and deliverable again afterwards. */
struct interrupt {
    int fd; /* -1: not watched */
    sigset_t before;
};

static int interrupt_watch(struct interrupt *i) {
    sigset_t set;

    (void) sigemptyset(&set);
    (void) sigaddset(&set, SIGINT);
    if (sigprocmask(SIG_BLOCK, &set, &i->before) < 0)
        return -errno;
    i->fd = signalfd(-1, &set, SFD_CLOEXEC);
    return i->fd < 0 ? -errno : 0;
}

static void interrupt_release(struct interrupt *i) {
    close_p(&i->fd);
    (void) sigprocmask(SIG_SETMASK, &i->before, NULL);
}

/* Taken from the queue, lest it kills us as soon as it is deliverable again. */
static int take_signal(int fd) {
    struct signalfd_siginfo info;
    return read(fd, &info, sizeof info) < 0 ? -errno : 1;
}

/* The next reply: 0; 1 the user wants no more, or nobody reads standard output any more; -errno. */
static int next_reply(const struct ctl *c, const struct interrupt *stop, struct varlink_reply *ret,
                      struct err *e) {
    for (;;) {
        struct pollfd fds[] = {
            { .fd = client_fd(c->client), .events = POLLIN },
            { .fd = stop->fd, .events = POLLIN },
            { .fd = STDOUT_FILENO }, /* POLLERR: the pipe's reader is gone */
        };
        int r = client_receive(c->client, stop->fd < 0 ? -1 : 0, ret, e);

        if (r != -ETIMEDOUT)
            return r;
        if (poll(fds, sizeof fds / sizeof *fds, -1) < 0 && errno != EINTR)
            return -errno;
        if (fds[1].revents & POLLIN)
            return take_signal(stop->fd);
        if (fds[2].revents & (POLLERR | POLLHUP))
            return 1;
    }
}

static int follow(struct ctl *c, struct page *p, page_fn show, const struct interrupt *stop) {
    for (;;) {
        CLEANUP(varlink_reply_clear) struct varlink_reply reply = { 0 };
        struct err e = { 0 };
        int r = next_reply(c, stop, &reply, &e);

        if (r > 0)
            return CTL_DONE;
        if (r < 0)
            return call_connection_failed(c, r, &e);
        r = show_reply(c, p, &reply, show);
        if (p->over)
            return r;
    }
}

int call_stream(struct ctl *c, const char *method, struct request *q, page_fn show, void *state,
                bool endless) {
    CLEANUP(page_clear_p) struct page p = { .out = STR_INIT(PAGE_MAX), .state = state };
    CLEANUP(interrupt_release) struct interrupt stop = { .fd = -1 };
    int r;

    (void) sigprocmask(SIG_SETMASK, NULL, &stop.before);
    if (endless) {
        r = interrupt_watch(&stop);
        if (r < 0)
            return ctl_fail(CTL_FAILED, "cannot wait for Ctrl-C: %s", strerror(-r));
    }
    r = send_call(c, method, q, true);
    return r == CTL_DONE ? follow(c, &p, show, &stop) : r;
}
