/* SPDX-License-Identifier: MIT
 * call.h - ask the daemon, and say in a sentence what came of it.
 * Layer: 4, ctl. Uses: base, wire. */
#ifndef CTL_CALL_H
#define CTL_CALL_H

#include <stdbool.h>

#include "supervisor/base/cleanup.h"
#include "supervisor/base/err.h"
#include "supervisor/base/jsonw.h"
#include "supervisor/base/str.h"

struct ctl;
struct json;
struct varlink_reply;

/* A call's parameters being written: REQUEST(q); jsonw_string(&q.w, "id", id); call(…, &q, …). */
struct request {
    struct str text;
    struct jsonw w;
};
#define REQUEST(q)                                                                                 \
    CLEANUP(request_clear) struct request q;                                                       \
    request_begin(&(q))
void request_begin(struct request *q);
void request_clear(struct request *q);

/* What a verb prints of a reply. Nothing is written if it leaves a fault: the page is for whole
 * answers. */
struct page {
    struct str out;
    struct err fault;
    size_t replies; /* shown before this one */
    bool last;      /* no other follows */
    bool over;      /* the run ends here, whatever else would come */
    void *state;    /* the verb's own, from one reply of a stream to the next */
};
typedef void (*page_fn)(struct ctl *c, struct page *p, const struct json *reply);

/* Calls org.miniprog.Supervisor.<method> and shows the reply; show NULL: success is silent.
 * Returns the exit status; what went wrong has been said. */
int call(struct ctl *c, const char *method, struct request *q, page_fn show);

/* Its halves, for who has something to do in between: c->client has the answer when it is readable.
 *   ret   what came, to be varlink_reply_clear()ed, error replies as well; or NULL. Untouched where
 *         nothing came. */
int call_send(struct ctl *c, const char *method, struct request *q);
int call_answer(struct ctl *c, page_fn show, struct varlink_reply *ret);

/* The same for a stream (`more`): show is called for each reply, and what it wrote goes out at
 * once. endless   it ends when the user says so: Ctrl-C is success then, and so is a reader that
 * left */
int call_stream(struct ctl *c, const char *method, struct request *q, page_fn show, void *state,
                bool endless);

/* Says what a failed client_open(), or a failed send or receive, means; returns the exit status. */
int call_cannot_connect(const struct ctl *c, int r, const struct err *e);
int call_connection_failed(const struct ctl *c, int r, const struct err *e);

#endif
