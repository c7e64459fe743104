/* SPDX-License-Identifier: MIT
 * show_apps.c - the list of apps, and one app's card. */
#include "supervisor/ctl/show.h"

#include <inttypes.h>

#include "supervisor/base/str.h"
#include "supervisor/ctl/ctl.h"
#include "supervisor/ctl/look.h"
#include "supervisor/ctl/table.h"

#define CELL_MAX ((size_t) 4096)

static const struct column list_columns[] = {
    { .title = "ID", .least = 16, .shrink = 4 },
    { .title = "NAME", .most = 24, .least = 8, .shrink = 2, .drop = 6 },
    { .title = "VERSION", .most = 16, .least = 7, .shrink = 3, .drop = 4 },
    { .title = "STATE" },
    { .title = "PID", .right = true, .drop = 7 },
    { .title = "MEM", .right = true, .drop = 5 },
    { .title = "AGE", .right = true, .drop = 3 },
    { .title = "STARTS", .right = true, .drop = 1 },
    { .title = "LAST EXIT", .most = 32, .least = 15, .shrink = 1, .drop = 2 },
};

static void cell_of(struct table *t, enum style style, struct str *text) {
    table_cell(t, style, str_text(text));
    str_reset(text);
}

static void cell_state(const struct term *term, struct table *t, const char *state,
                       struct str *text) {
    const char *dot = term->terminal ? words_state_dot(term, state) : "";
    (void) str_printf(text, "%s%s%s", dot, *dot ? " " : "", state);
    cell_of(t, words_state_style(state), text);
}

static void cell_last_exit(const struct term *term, struct table *t, const struct json *end,
                           struct page *p) {
    struct str text = STR_INIT(CELL_MAX);
    const char *reason = end ? look_string(&p->fault, end, "reason") : "";

    (void) str_puts(&text, reason);
    if (end && term->terminal) {
        (void) str_putc(&text, ' ');
        words_age(&text, look_int(&p->fault, end, "at_usec"));
        (void) str_puts(&text, " ago");
    }
    cell_of(t, words_reason_style(reason), &text);
    str_clear(&text);
}

static void list_row(const struct term *term, struct table *t, const struct json *app,
                     struct page *p) {
    CLEANUP(str_clear_p) struct str text = STR_INIT(CELL_MAX);
    const char *state = look_string(&p->fault, app, "state");
    const char *version = look_string(&p->fault, app, "version_name");
    int64_t n;

    table_cell(t, PLAIN, look_string(&p->fault, app, "id"));
    table_cell(t, PLAIN, look_string(&p->fault, app, "name"));
    if (*version)
        (void) str_puts(&text, version);
    else
        (void) str_printf(&text, "%" PRId64, look_int(&p->fault, app, "version_code"));
    cell_of(t, DIM, &text);
    cell_state(term, t, state, &text);
    if (look_maybe_int(&p->fault, app, "pid", &n))
        (void) str_printf(&text, "%" PRId64, n);
    cell_of(t, PLAIN, &text);
    if (look_maybe_int(&p->fault, app, "memory_current", &n))
        words_size(&text, n);
    cell_of(t, PLAIN, &text);
    words_age(&text, look_int(&p->fault, app, "since_usec"));
    cell_of(t, PLAIN, &text);
    (void) str_printf(&text, "%" PRId64 "/%" PRId64, look_int(&p->fault, app, "cold_starts"),
                      look_int(&p->fault, app, "hot_starts"));
    cell_of(t, PLAIN, &text);
    cell_last_exit(term, t, look_maybe_object(&p->fault, app, "last_exit"), p);
}

void show_list(struct ctl *c, struct page *p, const struct json *reply) {
    struct table t = TABLE_INIT(list_columns);
    const struct json *apps = look_array(&p->fault, reply, "apps");
    int r;

    for (const struct json *app = look_first(&p->fault, apps); app; app = look_next(&p->fault, app))
        list_row(&c->term, &t, app, p);
    /* A pipe gets its header always; people need none over nothing. */
    r = json_count(apps) > 0 || !c->term.terminal ? table_print(&t, &c->term, &p->out) : 0;
    if (r < 0)
        p->out.error = r;
    table_clear(&t);
    if (p->fault.code == 0 && json_count(apps) == 0)
        ctl_hint("no app is installed yet; install one with: miniprogctl install FOLDER "
                 "--unsigned");
}

/* A line of the card: the label, right-aligned. */
static void label(struct ctl *c, struct page *p, const char *name) {
    term_printf(&c->term, &p->out, DIM, "%12s:", name);
    (void) str_putc(&p->out, ' ');
}

static void end_line(struct page *p) {
    (void) str_putc(&p->out, '\n');
}

static void card_head(struct ctl *c, struct page *p, const struct json *app) {
    const struct term *t = &c->term;
    const char *state = look_string(&p->fault, app, "state");
    const char *name = look_string(&p->fault, app, "name");

    term_put(t, &p->out, words_state_style(state), words_state_dot(t, state));
    (void) str_putc(&p->out, ' ');
    term_put(t, &p->out, BOLD, look_string(&p->fault, app, "id"));
    if (*name) {
        (void) str_printf(&p->out, " %s ", term_dash(t));
        term_put(t, &p->out, PLAIN, name);
    }
    end_line(p);

    label(c, p, "State");
    term_put(t, &p->out, words_state_style(state), state);
    (void) str_puts(&p->out, " since ");
    words_date(&p->out, look_int(&p->fault, app, "since_usec"));
    (void) str_puts(&p->out, " (");
    words_age(&p->out, look_int(&p->fault, app, "since_usec"));
    (void) str_puts(&p->out, " ago)");
    end_line(p);
}

static void card_version(struct ctl *c, struct page *p, const struct json *app) {
    const struct term *t = &c->term;
    int64_t n;

    label(c, p, "Version");
    term_printf(t, &p->out, PLAIN, "%s (%" PRId64 ")", look_string(&p->fault, app, "version_name"),
                look_int(&p->fault, app, "version_code"));
    if (look_maybe_int(&p->fault, app, "trial", &n))
        term_printf(t, &p->out, YELLOW, ", on trial: %" PRId64 " %s left", n,
                    n == 1 ? "try" : "tries");
    end_line(p);
    if (look_maybe_int(&p->fault, app, "pending_version", &n)) {
        label(c, p, "Pending");
        (void) str_printf(&p->out, "version %" PRId64 ", from the next cold start on", n);
        end_line(p);
    }
    if (look_maybe_int(&p->fault, app, "previous_version", &n)) {
        label(c, p, "Previous");
        (void) str_printf(&p->out, "version %" PRId64, n);
        end_line(p);
    }
}

static void card_memory(struct ctl *c, struct page *p, const struct json *app) {
    static const char *const more[][2] = { { "memory_peak", "peak" },
                                           { "memory_swap", "swapped" } };
    int64_t n;

    if (!look_maybe_int(&p->fault, app, "memory_current", &n))
        return;
    label(c, p, "Memory");
    words_size(&p->out, n);
    for (size_t i = 0; i < sizeof more / sizeof *more; i++)
        if (look_maybe_int(&p->fault, app, more[i][0], &n) && n != 0) {
            (void) str_puts(&p->out, ", ");
            words_size(&p->out, n);
            (void) str_printf(&p->out, " %s", more[i][1]);
        }
    end_line(p);
}

static void card_last_exit(struct ctl *c, struct page *p, const struct json *app) {
    const struct json *end = look_maybe_object(&p->fault, app, "last_exit");
    const char *message;

    if (!end)
        return;
    label(c, p, "Last exit");
    words_end(&c->term, &p->out, end, &p->fault);
    (void) str_puts(&p->out, " at ");
    words_date(&p->out, look_int(&p->fault, end, "at_usec"));
    (void) str_puts(&p->out, " (");
    words_age(&p->out, look_int(&p->fault, end, "at_usec"));
    (void) str_puts(&p->out, " ago)");
    end_line(p);
    message = look_string(&p->fault, end, "message");
    if (*message) {
        (void) str_printf(&p->out, "%14s", "");
        term_put(&c->term, &p->out, PLAIN, message);
        end_line(p);
    }
}

void show_status(struct ctl *c, struct page *p, const struct json *reply) {
    const struct json *app = look_object(&p->fault, reply, "app");
    int64_t n;

    card_head(c, p, app);
    if (look_maybe_int(&p->fault, app, "pid", &n)) {
        label(c, p, "Process");
        (void) str_printf(&p->out, "%" PRId64, n);
        end_line(p);
    }
    card_version(c, p, app);
    label(c, p, "Starts");
    (void) str_printf(&p->out, "%" PRId64 " cold, %" PRId64 " hot",
                      look_int(&p->fault, app, "cold_starts"),
                      look_int(&p->fault, app, "hot_starts"));
    end_line(p);
    card_memory(c, p, app);
    if (look_maybe_int(&p->fault, app, "dialog", &n)) {
        label(c, p, "Dialog");
        term_printf(&c->term, &p->out, YELLOW,
                    "%" PRId64 " waits; answer with: miniprogctl answer %" PRId64 " yes|no", n, n);
        end_line(p);
    }
    card_last_exit(c, p, app);
}
