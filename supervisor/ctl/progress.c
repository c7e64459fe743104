/* SPDX-License-Identifier: MIT */
#include "supervisor/ctl/progress.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "supervisor/base/cleanup.h"
#include "supervisor/base/json.h"
#include "supervisor/ctl/ctl.h"
#include "supervisor/ctl/refusal.h"
#include "supervisor/ctl/show.h"
#include "supervisor/wire/client.h"
#include "supervisor/wire/interfaces.h"

#define LINE_MAX_BYTES ((size_t) 1024)
#define BAR_MAX        30 /* columns */
#define BESIDES        48 /* columns that the rest of the line takes at most */

/* --- the line ----------------------------------------------------------------------------- */

static const struct {
    const char *phase, *words;
} phases[] = {
    { "download", "fetching" },
    { "verify", "verifying" },
    { "unpack", "unpacking" },
};

static const char *words_of(const char *phase) {
    for (size_t i = 0; i < sizeof phases / sizeof *phases; i++)
        if (strcmp(phases[i].phase, phase) == 0)
            return phases[i].words;
    return NULL;
}

/* Erases the rest of the line; what is not drawn over would stay. Source: ECMA-48, EL. */
static void draw(const struct str *line) {
    CLEANUP(str_clear_p) struct str whole = STR_INIT(LINE_MAX_BYTES);

    (void) str_printf(&whole, "\r%s\033[K", str_text(line));
    if (str_error(&whole) == 0)
        (void) ctl_write(&whole); /* a reader that left is found by who prints the result */
}

static void wipe(bool *drawn) {
    const struct str nothing = STR_INIT(1);

    if (*drawn)
        draw(&nothing);
    *drawn = false;
}

static void put_bar(const struct term *t, struct str *out, int64_t bytes, int64_t total) {
    size_t room = t->width > BESIDES ? t->width - BESIDES : t->width ? 0 : BAR_MAX;
    size_t width = room < BAR_MAX ? room : BAR_MAX;
    size_t full = (size_t) ((double) bytes / (double) total * (double) width);

    if (width >= 4) {
        (void) str_puts(out, " [");
        for (size_t i = 0; i < width; i++)
            (void) str_putc(out, i < full ? '#' : ' ');
        (void) str_putc(out, ']');
    }
    (void) str_printf(out, " %3d%%", (int) ((double) bytes / (double) total * 100));
}

/* Draws what an `update` event says, if there is anything to see in it. */
static bool draw_event(const struct ctl *c, const struct json *update) {
    CLEANUP(str_clear_p) struct str line = STR_INIT(LINE_MAX_BYTES);
    const char *words = words_of(json_get_string(update, "phase", ""));
    int64_t code = json_get_int(update, "version_code", 0);
    int64_t bytes = json_get_int(update, "bytes", 0), total = json_get_int(update, "total", 0);

    if (!words)
        return false;
    (void) str_puts(&line, words);
    if (code > 0)
        (void) str_printf(&line, " version %" PRId64, code);
    if (total > 0 && bytes >= 0 && bytes <= total)
        put_bar(&c->term, &line, bytes, total);
    if (bytes > 0) {
        (void) str_puts(&line, "  ");
        words_size(&line, bytes);
    }
    if (total > 0) {
        (void) str_puts(&line, " of ");
        words_size(&line, total);
    }
    draw(&line);
    return true;
}

/* --- the events --------------------------------------------------------------------------- */

struct progress {
    struct ctl *c;
    struct client *watcher; /* NULL: without */
    const char *id;         /* of the app; NULL: an installation, whose events have none */
    bool drawn;
};

static void progress_clear(struct progress *p) {
    wipe(&p->drawn);
    p->watcher = client_close(p->watcher);
}

/* Begins before the call, so that nothing of it is missed: the snapshot comes first. */
static void begin(struct progress *p) {
    CLEANUP(varlink_reply_clear) struct varlink_reply snapshot = { 0 };
    const struct ctl *c = p->c;

    if (!c->term.terminal || !isatty(STDOUT_FILENO) || options_given(&c->options, OPT_JSON))
        return;
    if (client_open(c->socket, &p->watcher, NULL) < 0 ||
        client_send(p->watcher, WIRE_SUPERVISOR ".Watch", NULL, true, false, NULL) < 0 ||
        client_receive(p->watcher, -1, &snapshot, NULL) < 0 || snapshot.error)
        p->watcher = client_close(p->watcher);
}

/* The next event's `update` if it is one of ours, in *ret; NULL: another, or the watch is over. */
static const struct json *next_update(struct progress *p, struct varlink_reply *ret) {
    if (client_receive(p->watcher, -1, ret, NULL) < 0 || ret->error) {
        p->watcher = client_close(p->watcher);
        return NULL;
    }
    const struct json *event = json_get(ret->parameters, "event");
    const char *id = json_get_string(event, "app_id", "");
    if (strcmp(json_get_string(event, "type", ""), "update") != 0 ||
        strcmp(id, p->id ? p->id : "") != 0)
        return NULL;
    return json_get(event, "update");
}

/* Until the call is answered. */
static void follow(struct progress *p) {
    while (p->watcher) {
        CLEANUP(varlink_reply_clear) struct varlink_reply reply = { 0 };
        struct pollfd fds[] = {
            { .fd = client_fd(p->c->client), .events = POLLIN },
            { .fd = client_fd(p->watcher), .events = POLLIN },
        };
        if (poll(fds, 2, -1) < 0 && errno != EINTR)
            return;
        if (fds[0].revents)
            return;
        const struct json *update = fds[1].revents ? next_update(p, &reply) : NULL;
        if (update && draw_event(p->c, update))
            p->drawn = true;
    }
}

int progress_install(struct ctl *c, struct request *q) {
    CLEANUP(progress_clear) struct progress p = { .c = c };
    int r;

    begin(&p);
    r = call_send(c, "Install", q);
    if (r != CTL_DONE)
        return r;
    follow(&p);
    wipe(&p.drawn);
    return call_answer(c, show_installed, NULL);
}

/* --- what was found ----------------------------------------------------------------------- */

static int say_failed(struct progress *p, int64_t code, const struct json *update) {
    CLEANUP(str_clear_p) struct str why = STR_INIT(LINE_MAX_BYTES);
    const struct json *reason = json_get(update, "reason");

    wipe(&p->drawn);
    if (reason && json_kind(reason) == JSON_STRING)
        refusal_sentence(&why, WIRE_SUPERVISOR ".BadPackage", update);
    return ctl_fail(CTL_FAILED, "version %" PRId64 " cannot be had%s%s", code, why.len ? ": " : "",
                    str_text(&why));
}

static int say_ready(struct progress *p, int64_t code) {
    CLEANUP(str_clear_p) struct str text = STR_INIT(LINE_MAX_BYTES);

    wipe(&p->drawn);
    (void) str_printf(&text, "version %" PRId64 " is here; it runs from the next cold start on\n",
                      code);
    int r = ctl_write(&text);
    return r < 0 ? ctl_write_failed(r) : CTL_DONE;
}

/* Is that version here already? Then no event will say so. */
static bool is_here(const struct ctl *c, const char *id, int64_t code) {
    CLEANUP(client_close_p) struct client *client = NULL;
    CLEANUP(varlink_reply_clear) struct varlink_reply reply = { 0 };
    REQUEST(q);

    jsonw_string(&q.w, "id", id);
    jsonw_end_object(&q.w);
    if (client_open(c->socket, &client, NULL) < 0 ||
        client_call(client, WIRE_SUPERVISOR ".Status", str_text(&q.text), &reply, NULL) < 0 ||
        reply.error)
        return true; /* whatever became of it, there is nothing to wait for */
    const struct json *app = json_get(reply.parameters, "app");
    return json_get_int(app, "pending_version", 0) == code ||
           json_get_int(app, "version_code", 0) == code;
}

static int await(struct progress *p, int64_t code) {
    if (p->watcher && is_here(p->c, p->id, code))
        return say_ready(p, code);
    while (p->watcher) {
        CLEANUP(varlink_reply_clear) struct varlink_reply reply = { 0 };
        const struct json *update = next_update(p, &reply);
        const char *phase = json_get_string(update, "phase", "");

        if (!update || json_get_int(update, "version_code", 0) != code)
            continue;
        if (strcmp(phase, "ready") == 0)
            return say_ready(p, code);
        if (strcmp(phase, "failed") == 0)
            return say_failed(p, code, update);
        if (draw_event(p->c, update))
            p->drawn = true;
    }
    return CTL_DONE;
}

int progress_check(struct ctl *c, struct request *q, const char *id) {
    CLEANUP(progress_clear) struct progress p = { .c = c, .id = id };
    CLEANUP(varlink_reply_clear) struct varlink_reply reply = { 0 };
    int r;

    begin(&p);
    r = call_send(c, "CheckUpdate", q);
    if (r == CTL_DONE)
        r = call_answer(c, show_checked, &reply);
    if (r != CTL_DONE || !json_get_bool(reply.parameters, "has_update", false))
        return r;
    return await(&p, json_get_int(reply.parameters, "version_code", 0));
}
