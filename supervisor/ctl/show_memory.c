/* SPDX-License-Identifier: MIT
 * show_memory.c - who has the memory, what watches it, who would go next. */
#include "supervisor/ctl/show_memory.h"

#include <inttypes.h>
#include <string.h>

#include "supervisor/base/parse.h"
#include "supervisor/base/str.h"
#include "supervisor/ctl/ctl.h"
#include "supervisor/ctl/look.h"
#include "supervisor/ctl/show.h"
#include "supervisor/ctl/table.h"

#define CELL_MAX  ((size_t) 4096)
#define BAR_WIDTH 30u
#define BAR_LEAST 60u /* columns of a terminal that has room for one */

/* --- the head ----------------------------------------------------------------------------- */

void memory_bar(const struct term *t, struct str *out, int64_t part, int64_t whole, size_t width,
                enum style style) {
    CLEANUP(str_clear_p) struct str full = STR_INIT(CELL_MAX), empty = STR_INIT(CELL_MAX);
    int64_t most = (int64_t) width;
    int64_t n = whole <= 0 || part <= 0 ? 0 : part >= whole ? most : part * most / whole;

    for (int64_t i = 0; i < most; i++)
        (void) str_puts(i < n ? &full : &empty, i < n ? (t->utf8 ? "\xe2\x96\x88" : "#")
                                                      : (t->utf8 ? "\xe2\x96\x91" : "."));
    term_put(t, out, style, str_text(&full));
    term_put(t, out, DIM, str_text(&empty));
}

static enum style style_of(int64_t level) {
    return level >= 15 ? RED : level >= 10 ? YELLOW : level >= 5 ? CYAN : GREEN;
}

/* "    apps  ████░░  118.4M of 128.0M  92.5%" */
static void head_line(const struct term *t, struct str *out, const char *label, int64_t part,
                      int64_t whole, enum style style) {
    term_printf(t, out, DIM, "%9s", label);
    (void) str_puts(out, "  ");
    if (whole > 0 && t->width >= BAR_LEAST) {
        memory_bar(t, out, part, whole, BAR_WIDTH, style);
        (void) str_puts(out, "  ");
    }
    words_size(out, part);
    if (whole > 0) {
        (void) str_puts(out, " of ");
        words_size(out, whole);
        (void) str_printf(out, "  %" PRId64 "%%", part * 100 / whole);
    }
}

void memory_head(const struct term *t, struct str *out, const struct json *reply,
                 struct err *fault) {
    int64_t level = look_int(fault, reply, "level"), budget = 0;
    int64_t total = look_int(fault, reply, "total"), left = look_int(fault, reply, "available");

    term_printf(t, out, DIM, "%9s  ", "level");
    if (level > 0)
        words_level(t, out, level);
    else
        term_put(t, out, GREEN, "0, enough");
    term_printf(t, out, DIM, ", %s backend", look_string(fault, reply, "backend"));
    (void) str_putc(out, '\n');

    bool has = look_maybe_int(fault, reply, "budget", &budget);
    head_line(t, out, "apps", look_int(fault, reply, "current"), has ? budget : 0, style_of(level));
    term_put(t, out, DIM, has ? " of the budget, page cache included" : ", no budget is set");
    (void) str_putc(out, '\n');

    head_line(t, out, "machine", total - left, total, level > 0 && !has ? style_of(level) : PLAIN);
    (void) str_puts(out, ", ");
    words_size(out, left);
    (void) str_puts(out, " available\n");
}

/* --- the sources -------------------------------------------------------------------------- */

static void put_source(struct ctl *c, struct page *p, const struct json *source) {
    const struct term *t = &c->term;
    bool works = look_bool(&p->fault, source, "works");
    const char *detail = look_maybe_string(&p->fault, source, "detail");
    int64_t last;

    term_put(t, &p->out, works ? GREEN : RED,
             t->utf8 ? (works ? "\xe2\x9c\x93" : "\xe2\x9c\x97") : (works ? "+" : "!"));
    (void) str_putc(&p->out, ' ');
    term_printf(t, &p->out, works ? PLAIN : RED, "%-10s", look_string(&p->fault, source, "name"));
    (void) str_puts(&p->out, "  ");
    term_put(t, &p->out, works ? PLAIN : DIM, look_string(&p->fault, source, "threshold"));
    if (look_maybe_int(&p->fault, source, "last_usec", &last)) {
        CLEANUP(str_clear_p) struct str age = STR_INIT(CELL_MAX);
        words_age(&age, last);
        term_printf(t, &p->out, DIM, "  (heard %s ago)", str_text(&age));
    }
    (void) str_putc(&p->out, '\n');
    if (detail && *detail) {
        term_printf(t, &p->out, works ? DIM : YELLOW, "%14s%s", "", detail);
        (void) str_putc(&p->out, '\n');
    }
}

/* --- the apps ----------------------------------------------------------------------------- */

static const struct column app_columns[] = {
    { .title = "APP", .least = 28, .shrink = 1 },
    { .title = "STATE" },
    { .title = "CURRENT", .right = true },
    { .title = "PEAK", .right = true, .drop = 2 },
    { .title = "SWAP", .right = true, .drop = 3 },
    { .title = "RECLAIMED", .right = true, .drop = 4 },
    { .title = "WARNED", .right = true, .drop = 1 },
    { .title = "FREED", .right = true, .drop = 5 },
    { .title = "RESUME", .right = true, .drop = 6 },
    { .title = "NEXT", .drop = 7 },
};

static void cell_of(struct table *t, struct str *text) {
    table_cell(t, PLAIN, str_text(text));
    str_reset(text);
}

static void cell_size(struct table *t, const struct json *app, const char *member,
                      struct err *fault) {
    CLEANUP(str_clear_p) struct str text = STR_INIT(CELL_MAX);
    int64_t n;
    if (look_maybe_int(fault, app, member, &n))
        words_size(&text, n);
    cell_of(t, &text);
}

void memory_resume(struct str *out, const struct json *app, struct err *fault) {
    char span[32];
    int64_t n;
    if (look_maybe_int(fault, app, "resume_usec", &n) && n >= 0)
        (void) str_puts(out, format_duration((uint64_t) n, span, sizeof span));
}

static void app_row(const struct term *term, struct table *t, const struct json *app,
                    const char *next, struct err *fault) {
    CLEANUP(str_clear_p) struct str text = STR_INIT(CELL_MAX);
    const char *state = look_string(fault, app, "state"), *id = look_string(fault, app, "id");
    const char *dot = term->terminal ? words_state_dot(term, state) : "";
    bool is_next = next && strcmp(next, id) == 0;

    table_cell(t, PLAIN, id);
    (void) str_printf(&text, "%s%s%s", dot, *dot ? " " : "", state);
    table_cell(t, words_state_style(state), str_text(&text));
    str_reset(&text);
    (void) look_int(fault, app, "current"); /* must be there */
    cell_size(t, app, "current", fault);
    cell_size(t, app, "peak", fault);
    cell_size(t, app, "swap", fault);
    cell_size(t, app, "reclaimed", fault);
    (void) str_printf(&text, "%" PRId64, look_int(fault, app, "warned"));
    cell_of(t, &text);
    cell_size(t, app, "freed", fault);
    memory_resume(&text, app, fault);
    cell_of(t, &text);
    const char *mark = term->utf8 ? "\xe2\x97\x80 next" : "< next";
    table_cell(t, YELLOW, !term->terminal ? (is_next ? "next" : "") : is_next ? mark : " ");
}

static void put_apps(struct ctl *c, struct page *p, const struct json *reply) {
    const struct json *apps = look_array(&p->fault, reply, "apps");
    const char *next = look_maybe_string(&p->fault, reply, "next_victim");
    struct table t = TABLE_INIT(app_columns);

    for (const struct json *a = look_first(&p->fault, apps); a; a = look_next(&p->fault, a))
        app_row(&c->term, &t, a, next, &p->fault);
    int r = json_count(apps) > 0 || !c->term.terminal ? table_print(&t, &c->term, &p->out) : 0;
    if (r < 0)
        p->out.error = r;
    table_clear(&t);
    if (p->fault.code == 0 && json_count(apps) == 0)
        ctl_hint("no app is running");
}

/* --- into a pipe -------------------------------------------------------------------------- */

/* One fact a line, its name first, before the table of apps. */
static void put_fields(struct ctl *c, struct page *p, const struct json *reply) {
    static const char *const numbers[] = { "level", "total", "available", "current", "budget" };
    int64_t n;

    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
        if (look_maybe_int(&p->fault, reply, numbers[i], &n))
            (void) str_printf(&p->out, "%s\t%" PRId64 "\n", numbers[i], n);
    (void) str_puts(&p->out, "backend\t");
    term_put(&c->term, &p->out, PLAIN, look_string(&p->fault, reply, "backend"));
    (void) str_putc(&p->out, '\n');
}

static void put_source_fields(struct ctl *c, struct page *p, const struct json *source) {
    const char *detail = look_maybe_string(&p->fault, source, "detail");

    (void) str_puts(&p->out, "source\t");
    term_put(&c->term, &p->out, PLAIN, look_string(&p->fault, source, "name"));
    (void) str_puts(&p->out, look_bool(&p->fault, source, "works") ? "\tworks\t" : "\tmissing\t");
    term_put(&c->term, &p->out, PLAIN, look_string(&p->fault, source, "threshold"));
    (void) str_putc(&p->out, '\t');
    term_put(&c->term, &p->out, PLAIN, detail ? detail : "");
    (void) str_putc(&p->out, '\n');
}

void show_memory(struct ctl *c, struct page *p, const struct json *reply) {
    const struct json *sources = look_array(&p->fault, reply, "sources");

    if (c->term.terminal)
        memory_head(&c->term, &p->out, reply, &p->fault);
    else
        put_fields(c, p, reply);
    if (c->term.terminal)
        (void) str_putc(&p->out, '\n');
    for (const struct json *s = look_first(&p->fault, sources); s; s = look_next(&p->fault, s)) {
        if (c->term.terminal)
            put_source(c, p, s);
        else
            put_source_fields(c, p, s);
    }
    if (c->term.terminal)
        (void) str_putc(&p->out, '\n');
    put_apps(c, p, reply);
}
