/* SPDX-License-Identifier: MIT
 * page_memory.c - who held how much memory when, and what was done about it.
 *
 * Bands are steps: what a sample says holds until the next one, so bands never overlap. */
#include "tests/stress/page.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "supervisor/base/cleanup.h"
#include "supervisor/base/parse.h"
#include "supervisor/base/str.h"
#include "tests/stress/record.h"
#include "tests/stress/svg.h"

#define COLUMNS_MOST 600u
#define TOP          120
#define HEIGHT       3000
#define ROW          210
#define ROWS_TOP     (TOP + HEIGHT + 120)
#define NEAR         45 /* marks so close are one */

struct bands {
    struct chart chart;
    const struct record *r;
    size_t n;        /* columns */
    size_t *column;  /* the sample of each */
    uint64_t *under; /* of the app in hand: what the bands below it sum up to, by column */
};

static const struct record_sample *sample_of(const struct bands *b, size_t column) {
    return &b->r->sample[b->column[column]];
}

static uint64_t bytes_of(const struct bands *b, size_t column, size_t app) {
    const struct record_sample *s = sample_of(b, column);

    return app < s->n && s->bytes ? s->bytes[app] : 0;
}

static enum record_state state_of(const struct bands *b, size_t column, size_t app) {
    const struct record_sample *s = sample_of(b, column);

    return app < s->n && s->state ? (enum record_state) s->state[app] : STATE_STOPPED;
}

static int column_x(const struct bands *b, size_t column) {
    return column < b->n ? chart_x(&b->chart, sample_of(b, column)->at)
                         : chart_x(&b->chart, b->chart.span);
}

/* --- bands -------------------------------------------------------------------------------- */

static void step_to(struct str *out, char command, int tenths) {
    (void) str_putc(out, command);
    svg_number(out, tenths);
}

static void put_edge(const struct bands *b, size_t app, size_t from, size_t to, bool upper) {
    struct str *out = b->chart.out;
    int last = -1;

    for (size_t i = 0; i < to - from; i++) {
        size_t column = upper ? from + i : to - 1 - i;
        uint64_t value = b->under[column] + (upper ? bytes_of(b, column, app) : 0);
        int y = chart_y(&b->chart, value);
        if (y != last) { /* steps of the same height are one */
            step_to(out, 'H', column_x(b, upper ? column : column + 1));
            step_to(out, 'V', y);
        }
        last = y;
    }
    step_to(out, 'H', column_x(b, upper ? to : from));
}

static void put_band(const struct bands *b, size_t app, size_t from, size_t to) {
    struct str *out = b->chart.out;
    enum record_state state = state_of(b, from, app);
    char begin[32], end[32], size[16];
    uint64_t most = 0;

    for (size_t i = from; i < to; i++)
        most = bytes_of(b, i, app) > most ? bytes_of(b, i, app) : most;
    (void) str_printf(out, "<path class=\"band %s%s\" d=\"M", record_state_name(state),
                      app % 2 ? " odd" : "");
    svg_number(out, column_x(b, from));
    (void) str_putc(out, ' ');
    svg_number(out, chart_y(&b->chart, b->under[from]));
    put_edge(b, app, from, to, true);
    put_edge(b, app, from, to, false);
    uint64_t until = to < b->n ? sample_of(b, to)->at : b->chart.span;
    (void) str_puts(out, "Z\"><title>");
    svg_text(out, record_short(b->r, (int) app));
    (void) str_printf(out, " (%s)\n%s, %s\n%s to %s</title></path>\n",
                      b->r->app[app].manner ? b->r->app[app].manner : "not ours",
                      record_state_name(state), format_size(most, size, sizeof size),
                      format_duration(sample_of(b, from)->at / 10000 * 10000, begin, 32),
                      format_duration(until / 10000 * 10000, end, 32));
}

/* One path for each stretch of time in one state. */
static void put_app(struct bands *b, size_t app) {
    size_t from = 0;

    for (size_t i = 1; i <= b->n; i++) {
        bool same = i < b->n && state_of(b, i, app) == state_of(b, from, app) &&
                    !bytes_of(b, i, app) == !bytes_of(b, from, app);
        if (same)
            continue;
        if (bytes_of(b, from, app))
            put_band(b, app, from, i);
        from = i;
    }
    for (size_t i = 0; i < b->n; i++)
        b->under[i] += bytes_of(b, i, app);
}

/* --- axes --------------------------------------------------------------------------------- */

static void put_sizes(const struct chart *c) {
    uint64_t step = 1024 * 1024;
    char size[16];

    while (c->most / step > 7)
        step *= 2;
    for (uint64_t v = 0; v <= c->most; v += step)
        chart_level(c, "grid", v, v ? format_size(v, size, sizeof size) : "0");
}

/* Where the budget's levels begin; what can go of page cache is not counted there. */
static void put_budget(const struct chart *c, uint64_t budget) {
    static const struct {
        unsigned percent;
        const char *class;
        int level;
    } lines[] = { { 85, "edge l5", 5 }, { 92, "edge l10", 10 }, { 97, "edge l15", 15 } };
    int right = SVG_WIDTH - SVG_RIGHT;
    char size[16];

    for (size_t i = 0; i < 3; i++) {
        int y = chart_y(c, budget / 100 * lines[i].percent);
        chart_line(c, lines[i].class, SVG_LEFT, y, right, y);
        chart_label(c, "tick", right + 50, y + 35, "level %d", lines[i].level);
    }
    int y = chart_y(c, budget);
    chart_line(c, "budget", SVG_LEFT, y, right, y);
    chart_label(c, "tick strong", right + 50, y - 25, "%s", format_size(budget, size, sizeof size));
}

/* --- marks -------------------------------------------------------------------------------- */

static void put_levels(const struct chart *c, const struct record *r, int y) {
    char title[64], begin[32];

    for (size_t i = 0; i < r->n_levels; i++) {
        uint64_t until = i + 1 < r->n_levels ? r->level[i + 1].at : r->end;
        int x = chart_x(c, r->level[i].at), level = r->level[i].level;
        if (level == 0)
            continue;
        (void) snprintf(title, sizeof title, "level %d at %s", level,
                        format_duration(r->level[i].at / 10000 * 10000, begin, sizeof begin));
        const char *class = level >= 15 ? "l15" : level >= 10 ? "l10" : "l5";
        int width = chart_x(c, until) - x;
        chart_rect_titled(c, class, (const int[4]){ x, y + 40, width > 15 ? width : 15, 110 },
                          title);
    }
}

static void put_symbol(const struct chart *c, const char *class, int x, int y, const char *title) {
    (void) str_printf(c->out, "<g class=\"mark %s\" transform=\"translate(", class);
    svg_number(c->out, x);
    (void) str_putc(c->out, ' ');
    svg_number(c->out, y + 95);
    (void) str_puts(c->out, ")\"><title>");
    svg_text(c->out, title);
    (void) str_printf(c->out, "</title><use href=\"#m-%s\"/></g>\n", class);
}

static void describe(const struct record *r, const struct record_mark *m, struct str *title) {
    char at[32];

    (void) str_printf(title, "%s %s: %s\n", format_duration(m->at / 1000 * 1000, at, sizeof at),
                      record_short(r, m->app), m->text ? m->text : "");
}

static void put_marks(const struct chart *c, const struct record *r, enum mark_kind kind,
                      const char *class, int y) {
    CLEANUP(str_clear_p) struct str title = STR_INIT(4096);
    int first = 0;
    bool any = false;

    for (size_t i = 0; i < r->n_marks; i++) {
        const struct record_mark *m = &r->mark[i];
        if (m->kind != kind)
            continue;
        int x = chart_x(c, m->at);
        if (any && x - first > NEAR) {
            put_symbol(c, class, first, y, str_text(&title));
            str_reset(&title);
            any = false;
        }
        if (!any)
            first = x;
        any = true;
        describe(r, m, &title);
    }
    if (any)
        put_symbol(c, class, first, y, str_text(&title));
}

static void put_rows(const struct chart *c, const struct record *r) {
    static const struct {
        enum mark_kind kind;
        const char *name, *class;
    } rows[] = { { MARK_WARN, "warned", "warn" },          { MARK_FREED, "freed", "freed" },
                 { MARK_RECLAIM, "reclaim", "reclaim" },   { MARK_KILL, "killed", "kill" },
                 { MARK_REFUSED, "not opened", "refuse" }, { MARK_ENDED, "ended", "end" } };
    int y = ROWS_TOP;

    chart_label(c, "tick end", SVG_LEFT - 80, y + 130, "level");
    put_levels(c, r, y);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        y += ROW;
        chart_line(c, "grid", SVG_LEFT, y, SVG_WIDTH - SVG_RIGHT, y);
        chart_label(c, "tick end", SVG_LEFT - 80, y + 130, "%s", rows[i].name);
        put_marks(c, r, rows[i].kind, rows[i].class, y);
    }
}

static void put_kill_lines(const struct chart *c, const struct record *r) {
    for (size_t i = 0; i < r->n_kills; i++) {
        int x = chart_x(c, r->kill[i].at);
        chart_line(c, "killed", x, c->top, x, ROWS_TOP + 5 * ROW);
    }
}

/* --- all of it ---------------------------------------------------------------------------- */

static int make_columns(struct bands *b) {
    const struct record *r = b->r;
    size_t every = r->n_samples / COLUMNS_MOST + 1;

    b->column = calloc(r->n_samples + 1, sizeof *b->column);
    b->under = calloc(r->n_samples + 1, sizeof *b->under);
    if (!b->column || !b->under)
        return -1;
    for (size_t i = 0; i < r->n_samples; i += every)
        b->column[b->n++] = i;
    return 0;
}

void page_memory(const struct record *r, struct str *out) {
    struct bands b = { .r = r };
    uint64_t budget = r->n_samples ? r->sample[r->n_samples - 1].budget : 0;
    int bottom = ROWS_TOP + 7 * ROW;

    b.chart = (struct chart){ .out = out, .top = TOP, .height = HEIGHT, .span = r->end };
    for (size_t i = 0; i < r->n_samples; i++)
        b.chart.most = r->sample[i].current > b.chart.most ? r->sample[i].current : b.chart.most;
    if (budget > b.chart.most)
        b.chart.most = budget;
    b.chart.most += b.chart.most / 16 + 1;
    if (make_columns(&b) == 0 && b.n > 0) {
        chart_open(&b.chart, bottom + 250, "Memory of each app over time, by its state");
        put_sizes(&b.chart);
        chart_time_axis(&b.chart, bottom);
        for (size_t app = 0; app < r->n_apps; app++)
            put_app(&b, app);
        put_kill_lines(&b.chart, r);
        if (budget)
            put_budget(&b.chart, budget);
        put_rows(&b.chart, r);
        chart_close(&b.chart);
    }
    free(b.column);
    free(b.under);
}
