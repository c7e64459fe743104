/* SPDX-License-Identifier: MIT */
#include "tests/stress/svg.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "supervisor/base/str.h"
#include "supervisor/base/text.h"

#define SECOND     UINT64_C(1000000)
#define TICKS_MOST 12

static const char *entity(char c) {
    switch (c) {
    case '&':
        return "&amp;";
    case '<':
        return "&lt;";
    case '>':
        return "&gt;";
    case '"':
        return "&quot;";
    default:
        return NULL;
    }
}

void svg_text(struct str *out, const char *text) {
    size_t left = strlen(text), n;

    for (; left > 0; text += n, left -= n) {
        const char *e = entity(*text);
        n = text_utf8_char(text, left);
        if (e)
            (void) str_puts(out, e);
        else if (n == 0 || (text_has_control(text, n) && *text != '\n'))
            (void) str_putc(out, ' '); /* what no page may have */
        else
            (void) str_append(out, text, n);
        n = n ? n : 1;
    }
}

void svg_number(struct str *out, int tenths) {
    unsigned v = (unsigned) abs(tenths);

    (void) str_printf(out, v % 10 ? "%s%u.%u" : "%s%u", tenths < 0 ? "-" : "", v / 10, v % 10);
}

/* " name=\"12.5\"" */
static void attribute(struct str *out, const char *name, int tenths) {
    (void) str_printf(out, " %s=\"", name);
    svg_number(out, tenths);
    (void) str_putc(out, '"');
}

void chart_open(const struct chart *c, int full_height, const char *label) {
    (void) str_puts(c->out, "<div class=\"wide\"><svg role=\"img\" viewBox=\"0 0 ");
    svg_number(c->out, SVG_WIDTH);
    (void) str_putc(c->out, ' ');
    svg_number(c->out, full_height);
    (void) str_puts(c->out, "\" aria-label=\"");
    svg_text(c->out, label);
    (void) str_puts(c->out, "\">\n");
}

void chart_close(const struct chart *c) {
    (void) str_puts(c->out, "</svg></div>\n");
}

int chart_x(const struct chart *c, uint64_t at) {
    uint64_t x = c->span ? at * SVG_ACROSS / c->span : 0;

    return SVG_LEFT + (int) (x < SVG_ACROSS ? x : SVG_ACROSS);
}

int chart_y(const struct chart *c, uint64_t value) {
    uint64_t up = c->most ? value * (uint64_t) c->height / c->most : 0;

    return c->top + c->height - (int) (up < (uint64_t) c->height ? up : (uint64_t) c->height);
}

static void rect_open(const struct chart *c, const char *class, const int at[4]) {
    (void) str_printf(c->out, "<rect class=\"%s\"", class);
    attribute(c->out, "x", at[0]);
    attribute(c->out, "y", at[1]);
    attribute(c->out, "width", at[2]);
    attribute(c->out, "height", at[3]);
}

void chart_rect(const struct chart *c, const char *class, int x, int y, int width, int height) {
    rect_open(c, class, (const int[4]){ x, y, width, height });
    (void) str_puts(c->out, "/>\n");
}

void chart_rect_titled(const struct chart *c, const char *class, const int at[4],
                       const char *title) {
    rect_open(c, class, at);
    (void) str_puts(c->out, "><title>");
    svg_text(c->out, title);
    (void) str_puts(c->out, "</title></rect>\n");
}

void chart_line(const struct chart *c, const char *class, int x1, int y1, int x2, int y2) {
    (void) str_printf(c->out, "<line class=\"%s\"", class);
    attribute(c->out, "x1", x1);
    attribute(c->out, "y1", y1);
    attribute(c->out, "x2", x2);
    attribute(c->out, "y2", y2);
    (void) str_puts(c->out, "/>\n");
}

void chart_label(const struct chart *c, const char *class, int x, int y, const char *fmt, ...) {
    char text[256];
    va_list ap;

    va_start(ap, fmt);
    (void) vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    (void) str_printf(c->out, "<text class=\"%s\"", class);
    attribute(c->out, "x", x);
    attribute(c->out, "y", y);
    (void) str_putc(c->out, '>');
    svg_text(c->out, text);
    (void) str_puts(c->out, "</text>\n");
}

void chart_time_axis(const struct chart *c, int y) {
    static const unsigned steps[] = { 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 1800, 3600, 7200 };
    unsigned i = 0;

    while (i + 1 < sizeof steps / sizeof steps[0] && c->span / SECOND / steps[i] > TICKS_MOST)
        i++;
    for (uint64_t t = 0; t * SECOND <= c->span; t += steps[i]) {
        int x = chart_x(c, t * SECOND);
        chart_line(c, "grid", x, c->top, x, y);
        chart_label(c, "tick mid", x, y + 150, "%llu s", (unsigned long long) t);
    }
}

void chart_level(const struct chart *c, const char *class, uint64_t value, const char *name) {
    int y = chart_y(c, value);

    chart_line(c, class, SVG_LEFT, y, SVG_WIDTH - SVG_RIGHT, y);
    if (*name)
        chart_label(c, "tick end", SVG_LEFT - 80, y + 40, "%s", name);
}
