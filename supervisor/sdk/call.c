/* SPDX-License-Identifier: MIT */
#include "supervisor/sdk/call.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "supervisor/base/cleanup.h"
#include "supervisor/base/json.h"
#include "supervisor/sdk/event.h"
#include "supervisor/sdk/info.h"
#include "supervisor/sdk/value.h"
#include "supervisor/wire/interfaces.h"
#include "supervisor/wire/varlink.h"

static const struct {
    const char *method;
    enum lane_id lane;
} kinds[CALL_KIND_COUNT] = {
#define X(kind, name, in) [CALL_##kind] = { .method = WIRE_APP "." name, .lane = LANE_##in },
    CALL_KINDS(X)
#undef X
};

static const char *const keep_reasons[] = { "audio", "location", "task" };
#define KEEP_REASONS (sizeof keep_reasons / sizeof keep_reasons[0])

unsigned call_keep_bit(const char *reason) {
    for (unsigned i = 0; i < KEEP_REASONS; i++)
        if (strcmp(reason, keep_reasons[i]) == 0)
            return 1u << i;
    return 0;
}

struct call *call_free(struct call *c) {
    if (c) {
        free(c->text);
        free(c);
    }
    return NULL;
}

void draft_begin(struct draft *d, struct miniprog *m, enum call_kind kind) {
    *d = (struct draft){ .m = m, .kind = kind, .out = STR_INIT(FRAME_MAX_APP + 1) };
    varlink_begin_call(&d->w, &d->out, kinds[kind].method, kind == CALL_WATCH, false);
}

void draft_drop(struct draft *d) {
    str_clear(&d->out);
}

/* Ends the draft and makes it the last call of its lane. */
static int draft_add(struct draft *d, const struct call *like, struct call **ret) {
    struct lane *l = &d->m->lanes[kinds[d->kind].lane];
    struct call *c;
    int r;

    varlink_end(&d->w);
    r = str_error(&d->out);
    if (r < 0)
        return err_set(&d->m->err, r, "%s cannot be sent: %s", kinds[d->kind].method, strerror(-r));
    c = malloc(sizeof *c);
    if (!c)
        return err_set(&d->m->err, -ENOMEM, "no memory for a call");
    *c = *like;
    c->kind = d->kind;
    c->len = d->out.len;
    c->text = str_take(&d->out);
    list_init(&c->node);
    if (!c->text) {
        (void) call_free(c);
        return err_set(&d->m->err, -ENOMEM, "no memory for a call");
    }
    list_append(&l->calls, &c->node);
    *ret = c;
    return 0;
}

/* The supervisor drops a connection that sends what is no call, and the call would break the next
 * one again: so what the app wrote into it is tried here first. */
static int check_message(const struct call *c, struct err *e) {
    struct varlink_call parsed;
    int r = varlink_call_parse(c->text, c->len - 1, &parsed, e);

    if (r == 0)
        varlink_call_clear(&parsed);
    return r;
}

int draft_send(struct draft *d, const struct call *like) {
    struct miniprog *m = d->m;
    struct call *c = NULL;
    int r;

    if (m->n_calls >= CALL_MAX)
        r = err_set(&m->err, -ENOBUFS, "%d calls are unanswered already", CALL_MAX);
    else
        r = draft_add(d, like, &c);
    draft_drop(d);
    if (r < 0)
        return r;
    r = check_message(c, &m->err);
    if (r < 0) {
        list_remove(&c->node);
        (void) call_free(c);
        return r;
    }
    c->serial = ++m->last_serial;
    m->n_calls++;
    lane_pump(m);
    return 0;
}

static int add_watch(struct miniprog *m) {
    struct call *c;
    struct draft d;
    int r;

    draft_begin(&d, m, CALL_WATCH);
    if (m->last_seq >= 0)
        jsonw_int(&d.w, "after", m->last_seq);
    r = draft_add(&d, &(struct call){ .serial = 0 }, &c);
    draft_drop(&d);
    return r;
}

static int add_keep(struct miniprog *m, unsigned i) {
    struct call *c;
    struct draft d;
    int r;

    draft_begin(&d, m, CALL_KEEP_RUNNING);
    jsonw_string(&d.w, "kind", keep_reasons[i]);
    jsonw_bool(&d.w, "on", true);
    r = draft_add(&d, &(struct call){ .keep = 1u << i, .keep_on = true }, &c);
    draft_drop(&d);
    return r;
}

static int add_restatement(struct miniprog *m) {
    struct call *c;
    struct draft d;
    int r = 0;

    if (m->ready) {
        draft_begin(&d, m, CALL_READY);
        r = draft_add(&d, &(struct call){ .serial = 0 }, &c);
        draft_drop(&d);
    }
    for (unsigned i = 0; r == 0 && i < KEEP_REASONS; i++)
        if (m->keep & (1u << i))
            r = add_keep(m, i);
    return r;
}

static void drop_own(struct lane *l) {
    struct call *c;

    list_for_each (c, &l->calls, struct call, node) {
        if (c->serial != 0)
            continue;
        list_remove(&c->node);
        (void) call_free(c);
    }
}

static void move_all(struct list *to, struct list *from) {
    while (!list_empty(from))
        list_append(to, from->next);
}

int call_add_own(struct miniprog *m, enum lane_id id) {
    struct lane *l = &m->lanes[id];
    struct list later;
    int r = 0;

    list_init(&later);
    move_all(&later, &l->calls); /* ours come before the app's */
    if (id == LANE_WATCH)
        r = add_watch(m);
    else if (id == LANE_CALLS && m->restate)
        r = add_restatement(m);
    if (r < 0)
        drop_own(l);
    else if (id == LANE_CALLS)
        m->restate = false;
    move_all(&l->calls, &later);
    return r;
}

/* What came back for a call. */
struct outcome {
    int error;
    bool confirm;
    struct miniprog_info *info; /* owned */
};

/* The call is over: out of its lane, its effect kept, the app told. */
static void end_call(struct miniprog *m, struct call *c, struct outcome *o) {
    list_remove(&c->node);
    if (c->serial != 0)
        m->n_calls--;
    if (o->error == 0 && c->kind == CALL_READY)
        m->ready = true;
    if (o->error == 0 && c->kind == CALL_KEEP_RUNNING)
        m->keep = c->keep_on ? m->keep | c->keep : m->keep & ~c->keep;

    if (c->kind == CALL_GET_INFO) {
        if (c->done.info)
            c->done.info(m, o->error, o->info, c->data);
        if (c->ret_info)
            *c->ret_info = TAKE_PTR(o->info);
    } else if (c->kind == CALL_SHOW_DIALOG) {
        if (c->done.dialog)
            c->done.dialog(m, o->error, o->confirm, c->data);
    } else if (c->done.plain) {
        c->done.plain(m, o->error, c->data);
    }
    o->info = miniprog_info_free(o->info);
    (void) call_free(c);
}

/* The interface's errors and Varlink's as errno; the last member decides, as design and daemon may
 * put an error into either of our interfaces. */
static int read_error(const struct call *c, const struct varlink_reply *reply, struct err *e) {
    static const struct {
        const char *name;
        int code;
        const char *text;
    } known[] = {
        { "NotReady", -EAGAIN, "no update is ready" },
        { "NotDeclared", -EACCES, "the manifest does not declare it" },
        { "NoUserInterface", -ENODEV, "no user interface is there to answer" },
        { "TooLarge", -EMSGSIZE, "it is too large" },
        { "Busy", -EBUSY, "another one is open" },
        { "InvalidParameter", -EINVAL, "the supervisor refuses a parameter" },
        { "MethodNotFound", -EOPNOTSUPP, "the supervisor does not know it" },
        { "MethodNotImplemented", -EOPNOTSUPP, "the supervisor does not do it" },
        { "InterfaceNotFound", -EOPNOTSUPP, "the supervisor does not know it" },
        { "PermissionDenied", -EPERM, "the supervisor does not allow it" },
    };
    const char *dot = strrchr(reply->error, '.');
    const char *name = dot ? dot + 1 : reply->error;
    const char *method = kinds[c->kind].method;

    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
        if (strcmp(name, known[i].name) == 0)
            return err_set(e, known[i].code, "%s: %s", method, known[i].text);
    return err_set(e, -EREMOTEIO, "%s: the supervisor answers '%.80s'", method, reply->error);
}

static int take_event(struct miniprog *m, const struct varlink_reply *reply) {
    int r;

    if (reply->error)
        return err_set(&m->err, -EPROTO, "the supervisor answers Watch with '%.80s'", reply->error);
    r = event_deliver(m, reply->parameters);
    if (r == 0 && !reply->continues)
        return err_set(&m->err, -ECONNRESET, "the supervisor ended the events");
    return r;
}

/* -EBADMSG and such: the answer cannot be read, and the call is still to be answered. */
static int read_outcome(struct miniprog *m, const struct call *c, const struct varlink_reply *reply,
                        struct outcome *ret) {
    if (reply->continues)
        return err_set(&m->err, -EBADMSG, "an answer that is not the last came to a single call");
    if (reply->error)
        ret->error = read_error(c, reply, &m->err);
    else if (c->kind == CALL_GET_INFO)
        return info_read(reply->parameters, &ret->info, &m->err);
    else if (c->kind == CALL_SHOW_DIALOG)
        return value_bool(reply->parameters, "confirm", &ret->confirm, &m->err);
    return 0;
}

int call_reply(struct miniprog *m, struct lane *l, const char *text, size_t len) {
    CLEANUP(varlink_reply_clear) struct varlink_reply reply = { .doc = NULL };
    struct call *c = list_first(&l->calls, struct call, node);
    struct outcome o = { .error = 0 };
    int r;

    r = varlink_reply_parse(text, len, &reply, &m->err);
    if (r < 0)
        return r;
    if (!c || !c->sent)
        return err_set(&m->err, -EBADMSG, "an answer came without a call");
    if (c->kind == CALL_WATCH)
        return take_event(m, &reply);
    r = read_outcome(m, c, &reply, &o);
    if (r < 0)
        return r;
    end_call(m, c, &o);
    return 0;
}

void call_lost(struct miniprog *m, struct lane *l) {
    struct call *first = list_first(&l->calls, struct call, node), *c;
    struct outcome o = { .error = -ECONNABORTED };

    if (first && first->sent && first->serial != 0)
        first->tries++;
    drop_own(l);
    list_for_each (c, &l->calls, struct call, node)
        c->sent = false;

    first = list_first(&l->calls, struct call, node);
    if (first && first->tries >= CALL_TRIES) {
        o.error = err_set(&m->err, o.error, "%s: the connection broke %d times before the answer",
                          kinds[first->kind].method, CALL_TRIES);
        end_call(m, first, &o);
    }
}
