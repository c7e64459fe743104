/* SPDX-License-Identifier: MIT
 * page.c - the report's frame: verdict, figures, charts with their keys, parameters. */
#include "tests/stress/page.h"

#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "supervisor/base/parse.h"
#include "supervisor/base/str.h"
#include "tests/stress/plan.h"
#include "tests/stress/record.h"
#include "tests/stress/summary.h"
#include "tests/stress/svg.h"

/* The style sheet's bytes; see supervisor/wire/interfaces.c. */
__asm__(".pushsection .rodata\n"
        ".global stress_style\n.hidden stress_style\nstress_style:\n"
        ".incbin \"tests/stress/page.css\"\n.byte 0\n"
        ".popsection\n");
extern const char stress_style[];

/* What marks look like; each is used by its name, so it is there once. */
static const char symbols[] =
    "<svg width=\"0\" height=\"0\" aria-hidden=\"true\" style=\"position:absolute\"><defs>\n"
    "<path id=\"m-warn\" d=\"M0 -4.5L4.5 3.5H-4.5Z\"/>\n"
    "<circle id=\"m-freed\" r=\"3.4\"/>\n"
    "<path id=\"m-reclaim\" d=\"M0 -4.6L4.6 0L0 4.6L-4.6 0Z\"/>\n"
    "<path id=\"m-kill\" d=\"M-4 -4L4 4M4 -4L-4 4\"/>\n"
    "<path id=\"m-refuse\" d=\"M-4 0H4M0 0m-4.4 0a4.4 4.4 0 1 0 8.8 0a4.4 4.4 0 1 0 -8.8 0\"/>\n"
    "<path id=\"m-end\" d=\"M0 -4V4\"/>\n"
    "</defs></svg>\n";

static const char memory_key[] =
    "<div class=\"key\"><span><i class=\"foreground\"></i>in front</span>"
    "<span><i class=\"background\"></i>background</span>"
    "<span><i class=\"suspended\"></i>suspended</span>"
    "<span><i class=\"starting\"></i>starting</span>"
    "<span><i class=\"stopping\"></i>stopping</span>"
    "<span><i class=\"l5\"></i>level 5</span><span><i class=\"l10\"></i>10</span>"
    "<span><i class=\"l15\"></i>15</span></div>\n";

static const char pressure_key[] =
    "<div class=\"key\"><span><i class=\"some\"></i>system, some (avg10)</span>"
    "<span><i class=\"full\"></i>system, full (avg10)</span>"
    "<span><i class=\"stall\"></i>the app in front, full, each turn</span></div>\n";

static const char starts_key[] =
    "<div class=\"key\"><span><i class=\"hot\"></i>hot start, to its show</span>"
    "<span><i class=\"cold\"></i>cold start</span><span>the line: until all its memory was "
    "touched once</span></div>\n";

/* --- head --------------------------------------------------------------------------------- */

static void put_when(const struct record *r, struct str *out) {
    time_t t = (time_t) (r->epoch / 1000000);
    struct tm tm;
    char text[64] = "";

    if (gmtime_r(&t, &tm))
        (void) strftime(text, sizeof text, "%Y-%m-%d %H:%M:%S UTC", &tm);
    (void) str_puts(out, text);
}

static void put_head(const struct plan *p, const struct record *r, struct str *out) {
    const char *name = scenario_name(p->scenario);

    (void) str_printf(out,
                      "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\n"
                      "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
                      "<title>miniprog-stress: %s</title>\n<style>\n%s</style></head><body>\n%s"
                      "<header><h1>%s</h1><p>",
                      name, stress_style, symbols, name);
    svg_text(out, scenario_what(p->scenario));
    (void) str_puts(out, ". ");
    put_when(r, out);
    (void) str_printf(out, "%s</p></header>\n", r->interrupted ? ", interrupted" : "");
}

static void put_broken(const struct summary *s, struct str *out) {
    (void) str_puts(out, "<ul>");
    for (unsigned i = 0; i < s->n_broken; i++) {
        (void) str_puts(out, "<li>");
        svg_text(out, s->broken[i]);
        (void) str_puts(out, "</li>");
    }
    (void) str_puts(out, "</ul>");
}

static void put_verdict(const struct plan *p, const struct summary *s, struct str *out) {
    (void) str_printf(out, "<div class=\"verdict %s\"><b>%s</b>", s->held ? "held" : "broken",
                      s->held ? "The promise held" : "The promise was broken");
    svg_text(out, scenario_promise(p->scenario));
    if (!s->held)
        put_broken(s, out);
    (void) str_puts(out, "</div>\n");
}

/* --- tiles -------------------------------------------------------------------------------- */

static void put_tile(struct str *out, const char *name, const char *figure, const char *below,
                     bool bad) {
    (void) str_printf(out, "<div class=\"tile\"><span>%s</span><strong%s>", name,
                      bad ? " class=\"bad\"" : "");
    svg_text(out, figure);
    (void) str_puts(out, "</strong><span>");
    svg_text(out, below);
    (void) str_puts(out, "</span></div>\n");
}

static void put_times_tile(struct str *out, const char *name, const struct summary_times *t) {
    char figure[32], below[64], p99[32];

    if (t->n == 0) {
        put_tile(out, name, "\u2013", "none was measured", false);
        return;
    }
    (void) snprintf(below, sizeof below, "median of %u; p99 %s", t->n,
                    format_duration(t->p99, p99, sizeof p99));
    put_tile(out, name, format_duration(t->p50, figure, sizeof figure), below, false);
}

static void put_tiles(const struct summary *s, struct str *out) {
    unsigned kills = s->pressure + s->alarms + s->kernel;
    unsigned wrong = s->front_first + s->front_by_kernel + s->beside + s->unexplained;
    char figure[64], below[96], size[16];

    (void) str_puts(out, "<div class=\"tiles\">\n");
    (void) snprintf(figure, sizeof figure, s->capacity ? "%u of %u" : "%u", s->warm, s->capacity);
    (void) snprintf(below, sizeof below, "while the front one stalls < 5 %%%s",
                    s->capacity ? "; of those that fit" : "");
    put_tile(out, "Kept warm", figure, below, false);
    put_times_tile(out, "Hot start", &s->hot);
    put_times_tile(out, "Cold start", &s->cold);
    (void) snprintf(figure, sizeof figure, "%u", kills);
    (void) snprintf(below, sizeof below, "%u of them wrong; %u by the kernel", wrong, s->kernel);
    put_tile(out, "Kills for memory", figure, below, wrong > 0);
    put_times_tile(out, "From event to SIGKILL", &s->sigkill);
    (void) snprintf(figure, sizeof figure, "%s", format_size(s->reclaimed, size, sizeof size));
    (void) snprintf(below, sizeof below, "and %s freed by %u warnings",
                    format_size(s->freed, size, sizeof size), s->warnings);
    put_tile(out, "Reclaimed", figure, below, false);
    (void) str_puts(out, "</div>\n");
}

/* --- charts and tables -------------------------------------------------------------------- */

static void put_charts(const struct record *r, const char *whose, struct str *out) {
    (void) str_printf(out,
                      "<section><h2>Memory%s</h2><p>Each band is an app. Hover over anything "
                      "for what it is.</p>\n%s",
                      whose, memory_key);
    page_memory(r, out);
    (void) str_printf(out, "</section>\n<section><h2>Pressure%s</h2>\n%s", whose, pressure_key);
    page_pressure(r, out);
    (void) str_printf(out, "</section>\n<section><h2>Starts%s</h2>\n%s", whose, starts_key);
    page_starts(r, out);
    (void) str_puts(out, "</section>\n");
}

static void put_cell(struct str *out, const struct summary_row *row) {
    (void) str_printf(out, "<td%s>", row->bad ? " class=\"bad\"" : "");
    svg_text(out, row->value[0] ? row->value : "not known");
    (void) str_puts(out, "</td>");
}

static void put_figures(const struct outcome *it, const struct outcome *base, struct str *out) {
    struct summary_row rows[SUMMARY_ROWS_MAX], other[SUMMARY_ROWS_MAX];
    unsigned n = summary_rows(it, rows);

    if (base)
        (void) summary_rows(base, other);
    (void) str_puts(out, "<section><h2>Figures</h2><table>");
    if (base)
        (void) str_puts(out, "<thead><tr><th></th><th>this run</th><th>the same load with "
                             "policy=off</th></tr></thead>");
    (void) str_puts(out, "<tbody>\n");
    for (unsigned i = 0; i < n; i++) {
        (void) str_puts(out, "<tr><th>");
        svg_text(out, rows[i].name);
        (void) str_puts(out, "</th>");
        put_cell(out, &rows[i]);
        if (base)
            put_cell(out, &other[i]);
        (void) str_puts(out, "</tr>\n");
    }
    (void) str_puts(out, "</tbody></table></section>\n");
}

static void put_parameter(const char *name, const char *value, void *data) {
    struct str *out = data;

    (void) str_puts(out, "<div><span>");
    svg_text(out, name);
    (void) str_puts(out, "</span> ");
    svg_text(out, value);
    (void) str_puts(out, "</div>\n");
}

void page_write(const struct plan *p, const struct outcome *it, const struct outcome *base,
                struct str *out) {
    put_head(p, it->record, out);
    put_verdict(p, it->summary, out);
    put_tiles(it->summary, out);
    put_charts(it->record, "", out);
    page_kills(it->record, out);
    put_figures(it, base, out);
    if (base) {
        put_charts(base->record, " with policy=off", out);
        if (!base->summary->held) {
            (void) str_puts(out, "<section><h2>What broke with policy=off</h2>");
            put_broken(base->summary, out);
            (void) str_puts(out, "</section>\n");
        }
    }
    (void) str_puts(out, "<section><h2>Parameters</h2><div class=\"parameters\">\n");
    plan_print(p, put_parameter, out);
    (void) str_printf(out,
                      "</div></section>\n<footer>miniprog-stress %s. Kept warm: in front, in "
                      "background or suspended, in two turns one after the other. Hot and cold: "
                      "from Open being sent to the app's own show.</footer>\n</body></html>\n",
                      MINIPROG_VERSION);
}
