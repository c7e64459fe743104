/* SPDX-License-Identifier: MIT
 * svg.h - charts over the time of a run: coordinates, axes, escaping.
 * Layer: tests. Uses: base. Pure.
 *
 * Coordinates are tenths of a pixel, in integers. Colours are classes; the page's style has them,
 * for light and for dark. */
#ifndef STRESS_SVG_H
#define STRESS_SVG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct str;

#define SVG_WIDTH  10800
#define SVG_LEFT   860
#define SVG_RIGHT  640
#define SVG_ACROSS (SVG_WIDTH - SVG_LEFT - SVG_RIGHT)

struct chart {
    struct str *out;
    int top, height; /* of the plot itself */
    uint64_t span;   /* us that are across */
    uint64_t most;   /* value at its top */
};

/* Text of HTML and of SVG, in an attribute too; controls become blanks. */
void svg_text(struct str *out, const char *text);
void svg_number(struct str *out, int tenths);

void chart_open(const struct chart *c, int full_height, const char *label);
void chart_close(const struct chart *c);
int chart_x(const struct chart *c, uint64_t at);
int chart_y(const struct chart *c, uint64_t value); /* clamped to the plot */
void chart_rect(const struct chart *c, const char *class, int x, int y, int width, int height);
/* The same with a title; no closing tag follows. */
void chart_rect_titled(const struct chart *c, const char *class, const int at[4],
                       const char *title);
void chart_line(const struct chart *c, const char *class, int x1, int y1, int x2, int y2);
void chart_label(const struct chart *c, const char *class, int x, int y, const char *fmt, ...)
    __attribute__((format(printf, 5, 6)));
/* Seconds below `y`, with lines up through the plot. */
void chart_time_axis(const struct chart *c, int y);
/* A line at a value, its name at the left. */
void chart_level(const struct chart *c, const char *class, uint64_t value, const char *name);

#endif
