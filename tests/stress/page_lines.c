/* SPDX-License-Identifier: MIT
 * page_lines.c - pressure over time, and how long starts took. */
#include "tests/stress/page.h"

#include <stdio.h>
#include <string.h>

#include "supervisor/base/parse.h"
#include "supervisor/base/str.h"
#include "tests/stress/record.h"
#include "tests/stress/svg.h"

#define TOP           100
#define PRESSURE_HIGH 1300
#define STARTS_HIGH   1700
#define PERCENT       100u /* hundredths: what avg10 is in */

/* --- pressure ----------------------------------------------------------------------------- */

static void put_line(const struct chart *c, const struct record *r, const char *class, bool full) {
    (void) str_printf(c->out, "<polyline class=\"%s\" points=\"", class);
    for (size_t i = 0; i < r->n_samples; i++) {
        const struct record_sample *s = &r->sample[i];
        svg_number(c->out, chart_x(c, s->at));
        (void) str_putc(c->out, ',');
        svg_number(c->out, chart_y(c, full ? s->full_avg10 : s->some_avg10));
        (void) str_putc(c->out, ' ');
    }
    (void) str_puts(c->out, "\"/>\n");
}

static uint64_t stall_of(const struct record_turn *t) {
    return t->front_us ? t->stalled_us * 100 * PERCENT / t->front_us : 0;
}

static void put_stalls(const struct chart *c, const struct record *r) {
    char title[128];

    for (size_t i = 0; i < r->n_turns; i++) {
        const struct record_turn *t = &r->turn[i];
        uint64_t stall = stall_of(t);
        if (stall == 0)
            continue;
        int x = chart_x(c, t->at), y = chart_y(c, stall), width = chart_x(c, t->until) - x;
        (void) snprintf(title, sizeof title, "%s in front: stalled %llu.%02llu %% of its time",
                        record_short(r, t->app), (unsigned long long) stall / PERCENT,
                        (unsigned long long) stall % PERCENT);
        const int at[4] = { x, y, width > 10 ? width : 10, c->top + c->height - y };
        chart_rect_titled(c, "stall", at, title);
    }
}

void page_pressure(const struct record *r, struct str *out) {
    static const unsigned tops[] = { 10, 20, 50, 100 };
    struct chart c = { .out = out, .top = TOP, .height = PRESSURE_HIGH, .span = r->end };
    uint64_t most = 0;
    unsigned top = 0;
    char name[16];

    for (size_t i = 0; i < r->n_samples; i++)
        most = r->sample[i].some_avg10 > most ? r->sample[i].some_avg10 : most;
    for (size_t i = 0; i < r->n_turns; i++)
        most = stall_of(&r->turn[i]) > most ? stall_of(&r->turn[i]) : most;
    while (top < 3 && most > tops[top] * PERCENT)
        top++;
    c.most = tops[top] * PERCENT;
    chart_open(&c, TOP + PRESSURE_HIGH + 250, "Pressure over time, in percent");
    for (unsigned i = 0; i <= 5; i++) {
        (void) snprintf(name, sizeof name, "%u %%", tops[top] * i / 5);
        chart_level(&c, "grid", c.most * i / 5, name);
    }
    chart_time_axis(&c, TOP + PRESSURE_HIGH);
    put_stalls(&c, r);
    chart_level(&c, "edge l10", 5 * PERCENT, "");
    chart_label(&c, "tick", SVG_WIDTH - SVG_RIGHT + 50, chart_y(&c, 5 * PERCENT) + 35, "5 %%");
    if (r->n_samples && r->sample[0].some_us != RECORD_NONE) {
        put_line(&c, r, "some", false);
        put_line(&c, r, "full", true);
    }
    chart_close(&c);
}

/* --- starts ------------------------------------------------------------------------------- */

#define LOG_ONE 1024 /* a doubling */

/* Of the binary logarithm, linear between powers of two: 9 % off at most, less than a dot. */
static uint64_t log_of(uint64_t v) {
    unsigned k = 0;

    v = v ? v : 1;
    while (v >> (k + 1))
        k++;
    return k * LOG_ONE + ((v - (UINT64_C(1) << k)) * LOG_ONE >> k);
}

struct starts {
    struct chart chart;
    uint64_t least; /* log_of() the lowest decade */
};

static int start_y(const struct starts *s, uint64_t us) {
    uint64_t l = log_of(us);

    return chart_y(&s->chart, l > s->least ? l - s->least : 0);
}

static void find_decades(struct starts *s, const struct record *r, uint64_t *ret_low,
                         uint64_t *ret_high) {
    uint64_t low = 1000, high = 10000;

    for (size_t i = 0; i < r->n_turns; i++) {
        uint64_t v = r->turn[i].shown_us, w = r->turn[i].whole_us;
        if (v == RECORD_NONE)
            continue;
        while (low > 10 && v < low)
            low /= 10;
        while (w > high)
            high *= 10;
    }
    s->least = log_of(low);
    s->chart.most = log_of(high) - s->least;
    *ret_low = low;
    *ret_high = high;
}

static void put_start(const struct starts *s, const struct record *r, const struct record_turn *t) {
    struct str *out = s->chart.out;
    char shown[32], whole[32], at[32];
    int x = chart_x(&s->chart, t->at), y = start_y(s, t->shown_us), z = start_y(s, t->whole_us);
    bool hot = t->kind == TURN_HOT;

    (void) str_printf(out, "<g class=\"start %s\"><title>", hot ? "hot" : "cold");
    svg_text(out, record_short(r, t->app));
    (void) str_printf(out, " %s at %s\nits show after %s\nall its memory after %s</title>",
                      hot ? "hot" : "cold", format_duration(t->at / 10000 * 10000, at, sizeof at),
                      format_duration(t->shown_us, shown, sizeof shown),
                      format_duration(t->whole_us, whole, sizeof whole));
    chart_line(&s->chart, "whole", x, y, x, z);
    (void) str_puts(out, "<circle r=\"3.2\" cx=\"");
    svg_number(out, x);
    (void) str_puts(out, "\" cy=\"");
    svg_number(out, y);
    (void) str_puts(out, "\"/></g>\n");
}

void page_starts(const struct record *r, struct str *out) {
    struct starts s = { .chart = {
                            .out = out, .top = TOP, .height = STARTS_HIGH, .span = r->end } };
    uint64_t low, high;
    char name[32];

    find_decades(&s, r, &low, &high);
    chart_open(&s.chart, TOP + STARTS_HIGH + 250, "How long starts took, on a logarithmic scale");
    for (uint64_t v = low; v <= high; v *= 10) {
        int y = start_y(&s, v);
        chart_line(&s.chart, "grid", SVG_LEFT, y, SVG_WIDTH - SVG_RIGHT, y);
        chart_label(&s.chart, "tick end", SVG_LEFT - 80, y + 40, "%s",
                    format_duration(v, name, sizeof name));
    }
    chart_time_axis(&s.chart, TOP + STARTS_HIGH);
    /* Cold ones first: the hot ones are what one looks for. */
    for (int pass = 0; pass < 2; pass++)
        for (size_t i = 0; i < r->n_turns; i++) {
            const struct record_turn *t = &r->turn[i];
            if (t->shown_us != RECORD_NONE && t->kind == (pass ? TURN_HOT : TURN_COLD))
                put_start(&s, r, t);
        }
    chart_close(&s.chart);
}
