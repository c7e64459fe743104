/* SPDX-License-Identifier: MIT
 * show_event.c - what happens, one line each: time, app, what. */
#include "supervisor/ctl/show.h"

#include <inttypes.h>
#include <string.h>

#include "supervisor/base/str.h"
#include "supervisor/ctl/ctl.h"
#include "supervisor/ctl/look.h"
#include "supervisor/ctl/safe.h"

#define ID_WIDTH_MAX   40u /* a longer id pushes its own line only */
#define STATE_WIDTH    12u /* "● foreground" */
#define PAGE_DATA_MAX  160u
#define NAME_WIDTH_MAX 24u
#define JSON_TEXT_MAX  ((size_t) 64 * 1024 * 1024) /* whatever one message may hold */
#define TEXT_MAX       ((size_t) 64 * 1024)

static void put(struct page *p, const char *text) {
    (void) str_puts(&p->out, text);
}

static void put_text(struct ctl *c, struct page *p, enum style style, const char *text) {
    term_put(&c->term, &p->out, style, text);
}

static void pad_to(struct page *p, size_t have, size_t want) {
    for (; have < want; have++)
        (void) str_putc(&p->out, ' ');
}

/* Time and app. The column of the ids only grows, so that lines stay aligned from then on. */
static void begin(struct ctl *c, struct page *p, int64_t at_usec, const char *id) {
    CLEANUP(str_clear_p) struct str when = STR_INIT(64), safe = STR_INIT(TEXT_MAX);
    struct watch *w = p->state;
    size_t width;

    words_clock(&when, at_usec);
    put_text(c, p, DIM, str_text(&when));
    put(p, "  ");
    safe_text(&safe, id, c->term.utf8);
    width = safe_width(str_text(&safe));
    if (width > w->id_width && width <= ID_WIDTH_MAX)
        w->id_width = width;
    put_text(c, p, BOLD, id);
    pad_to(p, width, w->id_width);
    put(p, "  ");
}

static void put_level(struct ctl *c, struct page *p, const struct json *o) {
    words_level(&c->term, &p->out, look_int(&p->fault, o, "level"));
    put(p, " by ");
    put_text(c, p, PLAIN, look_string(&p->fault, o, "source"));
}

static void put_freed(struct page *p, const struct json *o) {
    int64_t n;
    if (!look_maybe_int(&p->fault, o, "freed", &n))
        return;
    put(p, ", freed ");
    words_size(&p->out, n);
}

static void put_figures(struct ctl *c, struct page *p, const struct json *o) {
    const struct json *figures = look_object(&p->fault, o, "figures");
    if (json_count(figures) == 0)
        return;
    put(p, "  ");
    words_figures(&c->term, &p->out, figures, &p->fault);
}

static void event_state(struct ctl *c, struct page *p, const struct json *o) {
    const char *from = look_string(&p->fault, o, "from");

    put_text(c, p, words_state_style(from), from);
    (void) str_printf(&p->out, " %s ", term_arrow(&c->term));
    words_state(&c->term, &p->out, look_string(&p->fault, o, "to"));
    term_printf(&c->term, &p->out, DIM, " (%s)", look_string(&p->fault, o, "cause"));
}

static void event_exit(struct ctl *c, struct page *p, const struct json *o) {
    const char *message = look_string(&p->fault, o, "message");

    put(p, "ended: ");
    words_end(&c->term, &p->out, o, &p->fault);
    if (*message) {
        (void) str_printf(&p->out, " %s ", term_dash(&c->term));
        put_text(c, p, PLAIN, message);
    }
}

static void event_memory(struct ctl *c, struct page *p, const struct json *o) {
    put(p, "memory: ");
    put_level(c, p, o);
    put_figures(c, p, o);
}

static void event_warned(struct ctl *c, struct page *p, const struct json *o) {
    put(p, "warned: ");
    put_level(c, p, o);
    put_freed(p, o);
}

/* "kill org.example.a at once …" says by itself what was done. */
static void event_decision(struct ctl *c, struct page *p, const struct json *o) {
    const char *source = look_maybe_string(&p->fault, o, "source");
    int64_t level;
    const char *action = look_string(&p->fault, o, "action");
    const char *text = look_string(&p->fault, o, "text");
    size_t n = strlen(action);
    bool says_it = strncmp(text, action, n) == 0 && text[n] == ' ';

    put_text(c, p, MAGENTA, action);
    put(p, says_it ? "" : ": ");
    put_text(c, p, PLAIN, says_it ? text + n : text);
    if (look_maybe_int(&p->fault, o, "level", &level)) {
        put(p, ", ");
        words_level(&c->term, &p->out, level);
    }
    if (source) {
        put(p, " by ");
        put_text(c, p, PLAIN, source);
    }
    put_freed(p, o);
}

static void event_update(struct ctl *c, struct page *p, const struct json *o) {
    const char *phase = look_string(&p->fault, o, "phase");
    const char *reason = look_maybe_string(&p->fault, o, "reason");
    bool bad = strcmp(phase, "failed") == 0 || strcmp(phase, "rolled_back") == 0;
    int64_t n;

    put(p, "update: ");
    put_text(c, p, bad ? RED : GREEN, phase);
    if (look_maybe_int(&p->fault, o, "version_code", &n))
        (void) str_printf(&p->out, ", version %" PRId64, n);
    if (look_maybe_int(&p->fault, o, "bytes", &n)) {
        put(p, ", ");
        words_size(&p->out, n);
        if (look_maybe_int(&p->fault, o, "total", &n)) {
            put(p, " of ");
            words_size(&p->out, n);
        }
    }
    if (reason) {
        (void) str_printf(&p->out, " %s ", term_dash(&c->term));
        put_text(c, p, PLAIN, reason);
    }
}

static void event_dialog(struct ctl *c, struct page *p, const struct json *o) {
    int64_t n = look_int(&p->fault, o, "dialog");
    const char *content = look_string(&p->fault, o, "content");
    const char *yes = look_string(&p->fault, o, "confirm_text");
    const char *no = look_string(&p->fault, o, "cancel_text");
    bool both = look_bool(&p->fault, o, "show_cancel");

    term_printf(&c->term, &p->out, YELLOW, "dialog %" PRId64, n);
    put(p, ": ");
    put_text(c, p, BOLD, look_string(&p->fault, o, "title"));
    if (*content) {
        (void) str_printf(&p->out, " %s ", term_dash(&c->term));
        put_text(c, p, PLAIN, content);
    }
    (void) str_printf(&p->out, "; answer with: miniprogctl answer %" PRId64 " %s", n,
                      both ? "yes|no" : "yes");
    if (*yes && (*no || !both))
        term_printf(&c->term, &p->out, DIM, both ? " (%s|%s)" : " (%s)", yes, no);
}

static void event_dialog_closed(struct ctl *c, struct page *p, const struct json *o) {
    (void) str_printf(&p->out, "dialog %" PRId64 " is closed", look_int(&p->fault, o, "dialog"));
    term_printf(&c->term, &p->out, DIM, " (%s)", look_string(&p->fault, o, "cause"));
}

/* Appends a value's JSON in at most PAGE_DATA_MAX columns. */
static void put_json(struct ctl *c, struct page *p, const struct json *value) {
    CLEANUP(str_clear_p) struct str text = STR_INIT(JSON_TEXT_MAX), safe = STR_INIT(JSON_TEXT_MAX);
    size_t keep;

    if (!value || json_print(value, &text) < 0)
        return;
    safe_text(&safe, str_text(&text), c->term.utf8);
    keep = safe_prefix(str_text(&safe), PAGE_DATA_MAX);
    (void) str_append(&p->out, str_text(&safe), keep);
    if (keep < safe.len)
        put(p, term_ellipsis(&c->term));
}

static void event_page(struct ctl *c, struct page *p, const struct json *o) {
    put(p, "page ");
    put_text(c, p, CYAN, look_string(&p->fault, o, "path"));
    put(p, "  ");
    put_json(c, p, look_object(&p->fault, o, "data"));
}

static void event_host_update(struct ctl *c, struct page *p, const struct json *o) {
    put_text(c, p, YELLOW, "needs a newer host");
    put(p, ": ");
    put_text(c, p, PLAIN, look_string(&p->fault, o, "reason"));
}

/* One installed app as it is at the start of the watch. */
static void snapshot_app(struct ctl *c, struct page *p, const struct json *app) {
    CLEANUP(str_clear_p) struct str safe = STR_INIT(TEXT_MAX);
    const char *state = look_string(&p->fault, app, "state");
    int64_t n;

    safe_text(&safe, state, true);
    words_state(&c->term, &p->out, state);
    pad_to(p, safe_width(str_text(&safe)) + (*words_state_dot(&c->term, state) ? 2 : 0),
           STATE_WIDTH);
    put(p, "  ");
    put_text(c, p, PLAIN, look_string(&p->fault, app, "name"));
    (void) str_putc(&p->out, ' ');
    put_text(c, p, DIM, look_string(&p->fault, app, "version_name"));
    if (look_maybe_int(&p->fault, app, "pid", &n))
        (void) str_printf(&p->out, "  pid %" PRId64, n);
    if (look_maybe_int(&p->fault, app, "memory_current", &n)) {
        put(p, "  ");
        words_size(&p->out, n);
    }
}

/* The longest id first, so that the first lines are aligned already. */
static void measure_ids(struct ctl *c, struct page *p, const struct json *apps) {
    struct watch *w = p->state;

    for (const struct json *a = look_first(&p->fault, apps); a; a = look_next(&p->fault, a)) {
        CLEANUP(str_clear_p) struct str safe = STR_INIT(TEXT_MAX);
        size_t width;
        safe_text(&safe, look_string(&p->fault, a, "id"), c->term.utf8);
        width = safe_width(str_text(&safe));
        if (width > w->id_width && width <= ID_WIDTH_MAX)
            w->id_width = width;
    }
}

static void show_snapshot(struct ctl *c, struct page *p, const struct json *o, int64_t at_usec) {
    const struct json *apps = look_array(&p->fault, o, "apps");
    const struct json *dialogs = look_array(&p->fault, o, "dialogs");

    measure_ids(c, p, apps);
    for (const struct json *a = look_first(&p->fault, apps); a; a = look_next(&p->fault, a)) {
        begin(c, p, at_usec, look_string(&p->fault, a, "id"));
        snapshot_app(c, p, a);
        put(p, "\n");
    }
    for (const struct json *d = look_first(&p->fault, dialogs); d; d = look_next(&p->fault, d)) {
        begin(c, p, at_usec, look_string(&p->fault, d, "app_id"));
        event_dialog(c, p, d);
        put(p, "\n");
    }
    if (json_count(apps) == 0 && p->fault.code == 0)
        ctl_hint("no app is installed yet; watching all the same");
    if (c->term.terminal) {
        term_printf(&c->term, &p->out, DIM, "%s watching; Ctrl-C ends it", term_dash(&c->term));
        put(p, "\n");
    }
}

static const struct {
    const char *type;
    void (*show)(struct ctl *c, struct page *p, const struct json *o);
} kinds[] = {
    { "state", event_state },       { "exit", event_exit },
    { "memory", event_memory },     { "warned", event_warned },
    { "decision", event_decision }, { "update", event_update },
    { "dialog", event_dialog },     { "dialog_closed", event_dialog_closed },
    { "page", event_page },         { "host_update", event_host_update },
};

void show_event(struct ctl *c, struct page *p, const struct json *reply) {
    const struct json *event = look_object(&p->fault, reply, "event");
    const char *type = look_string(&p->fault, event, "type");
    const char *id = look_maybe_string(&p->fault, event, "app_id");
    int64_t at_usec = look_int(&p->fault, event, "at_usec");

    if (strcmp(type, "snapshot") == 0) {
        show_snapshot(c, p, look_object(&p->fault, event, "snapshot"), at_usec);
        return;
    }
    begin(c, p, at_usec, id ? id : term_dash(&c->term));
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (strcmp(kinds[i].type, type) == 0) {
            kinds[i].show(c, p, look_object(&p->fault, event, type));
            put(p, "\n");
            return;
        }
    /* A newer supervisor tells of more than we know: it is shown as it came. */
    put_text(c, p, MAGENTA, type);
    put(p, "  ");
    put_json(c, p, json_get(event, type));
    put(p, "\n");
}
