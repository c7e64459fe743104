/* SPDX-License-Identifier: MIT
 * hear.c - one function an event type. A kill begins with its decision, or (by a supervisor that
 * tells none) with the state that it causes; it ends when the app is stopped. */
#include "tests/stress/hear.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "supervisor/base/cleanup.h"
#include "supervisor/base/json.h"
#include "supervisor/base/parse.h"
#include "supervisor/base/str.h"
#include "tests/stress/record.h"

#define TEXT_MAX ((size_t) 64 * 1024)

struct heard {
    struct record *r;
    const struct json *event;
    const struct json *body; /* the member named as the type */
    int app;                 /* -1: of no app */
    uint64_t at;
};

static struct record_mark *mark(struct heard *h, enum mark_kind kind, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
static struct record_mark *mark(struct heard *h, enum mark_kind kind, const char *fmt, ...) {
    struct str text = STR_INIT(TEXT_MAX);
    va_list ap;

    va_start(ap, fmt);
    (void) str_vprintf(&text, fmt, ap);
    va_end(ap);
    struct record_mark *m = record_add_mark(h->r);
    if (!m) {
        str_clear(&text);
        return NULL;
    }
    *m = (struct record_mark){ .kind = kind, .app = h->app, .at = h->at, .text = str_take(&text) };
    return m;
}

/* --- kills -------------------------------------------------------------------------------- */

/* Somebody who should have gone before an app in front. */
static int bystander(const struct record *r, int but) {
    for (size_t i = 0; i < r->n_apps; i++)
        if ((int) i != but && r->app[i].kill < 0 &&
            (r->app[i].state == STATE_SUSPENDED || r->app[i].state == STATE_BACKGROUND))
            return (int) i;
    return -1;
}

static bool another_is_open(const struct record *r) {
    for (size_t i = 0; i < r->n_apps; i++) {
        int k = r->app[i].kill;
        if (k >= 0 && !r->kill[k].by_kernel && !r->kill[k].stuck)
            return true;
    }
    return false;
}

static struct record_kill *begin_kill(struct heard *h, bool by_kernel) {
    struct record *r = h->r;
    const struct record_app *app = &r->app[h->app];
    bool beside = !by_kernel && another_is_open(r);
    struct record_kill *k = record_add_kill(r);

    if (!k)
        return NULL;
    *k = (struct record_kill){ .app = h->app,
                               .at = h->at,
                               .gone = RECORD_NONE,
                               .from = app->state,
                               .by_kernel = by_kernel,
                               .explained = by_kernel && app->explained,
                               .beside = beside,
                               .bystander = bystander(r, h->app),
                               .sigkill_us = RECORD_NONE };
    r->app[h->app].kill = (int) r->n_kills - 1;
    return k;
}

static char *decision_text(const struct json *decision) {
    struct str text = STR_INIT(TEXT_MAX);
    const struct json *candidates = json_get(decision, "candidates");

    (void) str_puts(&text, json_get_string(decision, "text", ""));
    for (const struct json *c = json_first(candidates); c; c = json_next(c))
        (void) str_printf(&text, "\n%s: %s", json_get_string(c, "id", "?"),
                          json_get_string(c, "text", ""));
    char *taken = str_take(&text);
    str_clear(&text);
    return taken;
}

static int hear_kill(struct heard *h) {
    struct record_app *app = &h->r->app[h->app];
    struct record_kill *k = app->kill >= 0 ? &h->r->kill[app->kill] : begin_kill(h, false);

    if (!k)
        return -ENOMEM;
    const struct json *figures = json_get(h->body, "figures");
    int64_t sigkill = json_get_int(figures, HEAR_SIGKILL_FIGURE, -1);
    k->explained = true;
    k->level = (int) json_get_int(h->body, "level", 0);
    if (sigkill >= 0)
        k->sigkill_us = (uint64_t) sigkill;
    free(k->text);
    k->text = decision_text(h->body);
    struct record_mark *m = mark(h, MARK_KILL, "%s", json_get_string(h->body, "text", ""));
    if (m)
        m->level = k->level;
    return m ? 0 : -ENOMEM;
}

static bool is_memory_reason(const char *reason) {
    return strncmp(reason, "memory_", 7) == 0;
}

/* --- one function an event ---------------------------------------------------------------- */

static int hear_decision(struct heard *h) {
    const char *action = json_get_string(h->body, "action", "");
    int64_t freed = json_get_int(h->body, "freed", -1);
    char size[16];

    if (h->app < 0)
        return 0;
    if (strcmp(action, "kill") == 0)
        return hear_kill(h);
    struct record_app *app = &h->r->app[h->app];
    if (strcmp(action, "stuck") == 0 && app->kill >= 0)
        h->r->kill[app->kill].stuck = true;
    if (strcmp(action, "oom_kill") == 0) {
        app->explained = true;
        if (app->kill >= 0)
            h->r->kill[app->kill].explained = true;
    }
    if (strcmp(action, "reclaim") == 0) {
        uint64_t bytes = freed > 0 ? (uint64_t) freed : 0;
        struct record_mark *m =
            mark(h, MARK_RECLAIM, "%s reclaimed: %s", format_size(bytes, size, sizeof size),
                 json_get_string(h->body, "text", ""));
        if (!m)
            return -ENOMEM;
        m->bytes = bytes;
        m->level = (int) json_get_int(h->body, "level", 0);
    }
    return 0;
}

static int hear_state(struct heard *h) {
    struct record *r = h->r;
    enum record_state to;
    const char *cause = json_get_string(h->body, "cause", "");

    if (h->app < 0 || record_state_parse(json_get_string(h->body, "to", ""), &to) < 0)
        return -EPROTO;
    struct record_app *app = &r->app[h->app];
    if (to == STATE_STOPPING && app->kill < 0 && is_memory_reason(cause) &&
        !begin_kill(h, strcmp(cause, "memory_limit") == 0))
        return -ENOMEM;
    if (to == STATE_STOPPED && app->kill >= 0) {
        r->kill[app->kill].gone = h->at;
        app->kill = -1;
    }
    if (to == STATE_STARTING) {
        app->explained = false;
        app->reclaimed = 0;
    }
    app->state = to;
    return 0;
}

static int hear_exit(struct heard *h) {
    const char *reason = json_get_string(h->body, "reason", "");

    if (h->app < 0)
        return -EPROTO;
    struct record_app *app = &h->r->app[h->app];
    if (app->manner)
        record_count_end(h->r, reason);
    bool by_kernel = strcmp(reason, "memory_limit") == 0;
    if (by_kernel && app->kill < 0 && !begin_kill(h, true))
        return -ENOMEM;
    if (by_kernel && !mark(h, MARK_KILL, "the kernel's OOM killer ended it"))
        return -ENOMEM;
    if (app->kill < 0 &&
        !mark(h, MARK_ENDED, "%s: %s", reason, json_get_string(h->body, "message", "")))
        return -ENOMEM;
    if (app->kill >= 0)
        (void) snprintf(h->r->kill[app->kill].reason, sizeof h->r->kill[0].reason, "%s", reason);
    return 0;
}

static int hear_memory(struct heard *h) {
    struct record_level *l = record_add_level(h->r);

    if (!l)
        return -ENOMEM;
    *l = (struct record_level){ .at = h->at, .level = (int) json_get_int(h->body, "level", 0) };
    return 0;
}

/* Without `freed` it was sent, with it that is what came of it. */
static int hear_warned(struct heard *h) {
    int64_t freed = json_get_int(h->body, "freed", -1);
    int level = (int) json_get_int(h->body, "level", 0);
    const char *source = json_get_string(h->body, "source", "?");
    char size[16];
    struct record_mark *m;

    if (freed >= 0)
        m = mark(h, MARK_FREED, "freed %s after a warning of level %d",
                 format_size((uint64_t) freed, size, sizeof size), level);
    else
        m = mark(h, MARK_WARN, "warned with level %d (%s)", level, source);
    if (!m)
        return -ENOMEM;
    m->level = level;
    m->bytes = freed > 0 ? (uint64_t) freed : 0;
    return 0;
}

/* "stress/show" of our own apps: when they were in front, by the clock that the turn began by. */
static int hear_page(struct heard *h) {
    const struct json *data = json_get(h->body, "data");
    int64_t turn = json_get_int(data, "turn", 0);

    if (h->app < 0 || !h->r->app[h->app].manner ||
        strcmp(json_get_string(h->body, "path", ""), "stress/show") != 0 || turn < 1 ||
        (uint64_t) turn > h->r->n_turns)
        return 0;
    struct record_turn *t = &h->r->turn[turn - 1];
    uint64_t shown = (uint64_t) json_get_int(data, "shown_us", 0);
    uint64_t whole = (uint64_t) json_get_int(data, "whole_us", 0);
    if (t->app != h->app || t->shown_us != RECORD_NONE || shown < t->sent_us || whole < shown)
        return 0;
    t->shown_us = shown - t->sent_us;
    t->whole_us = whole - t->sent_us;
    return 0;
}

static int hear_snapshot(struct heard *h) {
    for (const struct json *a = json_first(json_get(h->body, "apps")); a; a = json_next(a)) {
        int i = record_app(h->r, json_get_string(a, "id", ""));
        if (i < 0)
            return -ENOMEM;
        if (record_state_parse(json_get_string(a, "state", ""), &h->r->app[i].state) < 0)
            return -EPROTO;
    }
    return 0;
}

int hear(struct record *r, const struct json *event) {
    static const struct {
        const char *type;
        int (*take)(struct heard *h);
    } types[] = {
        { "state", hear_state },       { "exit", hear_exit }, { "memory", hear_memory },
        { "warned", hear_warned },     { "page", hear_page }, { "decision", hear_decision },
        { "snapshot", hear_snapshot },
    };
    const char *type = json_get_string(event, "type", ""),
               *id = json_get_string(event, "app_id", "");
    uint64_t at = (uint64_t) json_get_int(event, "at_usec", 0);
    struct heard h = { .r = r, .event = event, .app = -1 };

    if (!*type)
        return -EPROTO;
    h.at = at > r->epoch ? at - r->epoch : 0;
    if (*id) {
        h.app = record_app(r, id);
        if (h.app < 0)
            return -ENOMEM;
    }
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++)
        if (strcmp(types[i].type, type) == 0) {
            h.body = json_get(event, type);
            return h.body ? types[i].take(&h) : -EPROTO;
        }
    return 0;
}
