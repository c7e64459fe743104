/* SPDX-License-Identifier: MIT */
#include "tests/stress/link.h"

#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "supervisor/base/cleanup.h"
#include "supervisor/base/err.h"
#include "supervisor/base/json.h"
#include "supervisor/base/str.h"
#include "supervisor/wire/interfaces.h"

#define CALL_MAX ((size_t) 64 * 1024)

int link_open(struct link *l, const char *address, struct err *e) {
    struct link fresh = { 0 };
    int r = client_open(address, &fresh.calls, e);

    if (r >= 0)
        r = client_open(address, &fresh.looks, e);
    if (r >= 0)
        r = client_open(address, &fresh.watcher, e);
    if (r >= 0)
        r = client_send(fresh.watcher, WIRE_SUPERVISOR ".Watch", NULL, true, false, e);
    if (r < 0) {
        link_close(&fresh);
        return r;
    }
    *l = fresh;
    return 0;
}

void link_close(struct link *l) {
    l->calls = client_close(l->calls);
    l->looks = client_close(l->looks);
    l->watcher = client_close(l->watcher);
}

__attribute__((format(printf, 4, 0))) static int
send_v(struct client *c, struct err *e, const char *method, const char *fmt, va_list ap) {
    CLEANUP(str_clear_p) struct str parameters = STR_INIT(CALL_MAX);
    char name[64];

    (void) str_vprintf(&parameters, fmt, ap);
    if (str_error(&parameters) < 0)
        return err_set(e, str_error(&parameters), "cannot write the call %s", method);
    (void) snprintf(name, sizeof name, WIRE_SUPERVISOR ".%s", method);
    return client_send(c, name, parameters.data, false, false, e);
}

int link_send(struct client *c, struct err *e, const char *method, const char *fmt, ...) {
    va_list ap;

    va_start(ap, fmt);
    int r = send_v(c, e, method, fmt, ap);
    va_end(ap);
    return r;
}

int link_reply(struct client *c, struct varlink_reply *ret, struct err *e) {
    int r = client_receive(c, 0, ret, e);

    if (r == -ETIMEDOUT)
        return 0;
    return r < 0 ? r : 1;
}

/* The last name of the error, and the sentence in it where it has one. */
void link_error_text(const struct varlink_reply *reply, char *buf, size_t size) {
    static const char *const members[] = { "detail", "reason", "state", "parameter" };
    const char *dot = strrchr(reply->error, '.'), *text = "";

    for (size_t i = 0; i < sizeof members / sizeof members[0] && !*text; i++)
        text = json_get_string(reply->parameters, members[i], "");
    (void) snprintf(buf, size, "%s%s%s", dot ? dot + 1 : reply->error, *text ? ": " : "", text);
}

static int wait_for(struct client *c, int stop_fd, struct varlink_reply *ret, struct err *e) {
    for (;;) {
        int r = link_reply(c, ret, e);
        if (r != 0)
            return r < 0 ? r : 0;
        struct pollfd p[2] = { { .fd = client_fd(c), .events = POLLIN },
                               { .fd = stop_fd, .events = POLLIN } };
        r = poll(p, 2, LINK_PATIENCE_MS);
        if (r == 0)
            return err_set(e, -ETIMEDOUT, "no answer in %d s", LINK_PATIENCE_MS / 1000);
        if (p[1].revents)
            return err_set(e, -EINTR, "interrupted");
    }
}

int link_call(struct client *c, int stop_fd, struct varlink_reply *ret, struct err *e,
              const char *method, const char *fmt, ...) {
    struct varlink_reply reply = { 0 };
    char text[160];
    va_list ap;

    va_start(ap, fmt);
    int r = send_v(c, e, method, fmt, ap);
    va_end(ap);
    if (r >= 0)
        r = wait_for(c, stop_fd, &reply, e);
    if (r == -EINTR)
        return r;
    if (r < 0)
        return err_wrap(e, r, "%s", method);
    if (reply.error) {
        link_error_text(&reply, text, sizeof text);
        varlink_reply_clear(&reply);
        return err_set(e, -EREMOTEIO, "%s: %s", method, text);
    }
    if (ret)
        *ret = reply;
    else
        varlink_reply_clear(&reply);
    return 0;
}
