/* SPDX-License-Identifier: MIT */
#include "supervisor/sdk/event.h"

#include <errno.h>
#include <string.h>

#include "supervisor/base/cleanup.h"
#include "supervisor/base/err.h"
#include "supervisor/base/json.h"
#include "supervisor/sdk/sdk.h"
#include "supervisor/sdk/value.h"

#define EVENT_TYPES(X)                                                                             \
    X(LAUNCH, "launch")                                                                            \
    X(SHOW, "show")                                                                                \
    X(HIDE, "hide")                                                                                \
    X(MEMORY_WARNING, "memory_warning")                                                            \
    X(UPDATE_CHECK, "update_check")                                                                \
    X(UPDATE_READY, "update_ready")                                                                \
    X(UPDATE_FAILED, "update_failed")                                                              \
    X(UNLOAD, "unload")

#define X(type, name) EVENT_##type,
enum event_type { EVENT_TYPES(X) EVENT_TYPE_COUNT };
#undef X

struct event {
    enum event_type type;
    struct miniprog_launch launch; /* launch, show */
    const char *text;              /* reason or source */
    int number;                    /* reason or level */
    bool flag;
    int64_t wide; /* version_code or timeout_usec */
};

static void event_clear(struct event *ev) {
    launch_clear(&ev->launch);
}

static enum event_type type_of(const char *name) {
#define X(type, known)                                                                             \
    if (strcmp(name, known) == 0)                                                                  \
        return EVENT_##type;
    EVENT_TYPES(X)
#undef X
    return EVENT_TYPE_COUNT;
}

/* about: the member named after the type. */
static int read_about(const struct json *about, struct event *ev, struct err *e) {
    int r;

    switch (ev->type) {
    case EVENT_HIDE:
        return value_int(about, "reason", &ev->number, e);
    case EVENT_MEMORY_WARNING:
        r = value_int(about, "level", &ev->number, e);
        return r < 0 ? r : value_string(about, "source", &ev->text, e);
    case EVENT_UPDATE_CHECK:
        return value_bool(about, "has_update", &ev->flag, e);
    case EVENT_UPDATE_READY:
        return value_i64(about, "version_code", &ev->wide, e);
    case EVENT_UPDATE_FAILED:
        return value_string(about, "reason", &ev->text, e);
    case EVENT_UNLOAD:
        r = value_string(about, "reason", &ev->text, e);
        if (r == 0)
            r = value_i64(about, "timeout_usec", &ev->wide, e);
        return r == 0 && ev->wide < 0 ? err_set(e, -EBADMSG, "a timeout is negative") : r;
    case EVENT_LAUNCH:
    case EVENT_SHOW:
    case EVENT_TYPE_COUNT:
        break;
    }
    return 0;
}

static int read_event(const struct json *event, const char *type, struct event *ev, struct err *e) {
    const struct json *about = NULL;
    int r;

    ev->type = type_of(type);
    if (ev->type == EVENT_TYPE_COUNT)
        return 0;
    if (ev->type == EVENT_LAUNCH || ev->type == EVENT_SHOW)
        return value_launch(event, type, &ev->launch, e);
    r = value_object(event, type, &about, e);
    return r < 0 ? r : read_about(about, ev, e);
}

static void note_unload(struct miniprog *m, const struct event *ev) {
    m->unloading = true;
    m->unload_by = sdk_now() + (uint64_t) ev->wide / 2; /* then comes SIGTERM */
}

static void tell(struct miniprog *m, const struct event *ev) {
    const struct miniprog_callbacks *cb = &m->callbacks;

    switch (ev->type) {
    case EVENT_LAUNCH:
        if (cb->launch)
            cb->launch(m, &ev->launch, m->data);
        break;
    case EVENT_SHOW:
        if (cb->show)
            cb->show(m, &ev->launch, m->data);
        break;
    case EVENT_HIDE:
        if (cb->hide)
            cb->hide(m, ev->number, m->data);
        break;
    case EVENT_MEMORY_WARNING:
        if (cb->memory_warning)
            cb->memory_warning(m, ev->number, ev->text, m->data);
        break;
    case EVENT_UPDATE_CHECK:
        if (cb->update_check)
            cb->update_check(m, ev->flag, m->data);
        break;
    case EVENT_UPDATE_READY:
        if (cb->update_ready)
            cb->update_ready(m, ev->wide, m->data);
        break;
    case EVENT_UPDATE_FAILED:
        if (cb->update_failed)
            cb->update_failed(m, ev->text, m->data);
        break;
    case EVENT_UNLOAD:
        note_unload(m, ev);
        if (cb->unload)
            cb->unload(m, ev->text, (uint64_t) ev->wide, m->data);
        break;
    case EVENT_TYPE_COUNT: /* a newer supervisor's */
        break;
    }
}

int event_deliver(struct miniprog *m, const struct json *parameters) {
    CLEANUP(event_clear) struct event ev = { .type = EVENT_TYPE_COUNT };
    const struct json *event = NULL;
    const char *type = NULL;
    int64_t seq = -1;
    int r;

    r = value_object(parameters, "event", &event, &m->err);
    if (r == 0)
        r = value_i64(event, "seq", &seq, &m->err);
    if (r == 0)
        r = value_string(event, "type", &type, &m->err);
    if (r == 0 && seq < 0)
        r = err_set(&m->err, -EBADMSG, "an event's number is negative");
    if (r == 0)
        r = read_event(event, type, &ev, &m->err);
    if (r < 0)
        return r;
    if (seq <= m->last_seq)
        return 0;
    m->last_seq = seq; /* first: should the callback never return, it was delivered all the same */
    tell(m, &ev);
    return 0;
}
