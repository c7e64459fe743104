/* SPDX-License-Identifier: MIT
 * page_kills.c - each kill, what it was decided on, and who else was considered. */
#include "tests/stress/page.h"

#include <stdio.h>
#include <string.h>

#include "supervisor/base/parse.h"
#include "supervisor/base/str.h"
#include "tests/stress/record.h"
#include "tests/stress/svg.h"

#define ROWS_MOST 200u

static void put_duration(struct str *out, uint64_t us) {
    char text[32];

    (void) str_printf(out, "<td>%s</td>",
                      us == RECORD_NONE ? "\u2013" : format_duration(us, text, sizeof text));
}

/* The first line is the decision, each other one an app that was considered. */
static void put_text(const struct record_kill *k, struct str *out) {
    const char *text = k->text ? k->text : "";
    size_t first = strcspn(text, "\n");
    char line[512];

    (void) snprintf(line, sizeof line, "%.*s", (int) (first < 500 ? first : 500), text);
    if (!text[first]) {
        svg_text(out, line);
        return;
    }
    (void) str_puts(out, "<details><summary>");
    svg_text(out, line);
    (void) str_puts(out, "</summary>");
    for (const char *at = text + first; *at == '\n';) {
        size_t n = strcspn(++at, "\n");
        (void) snprintf(line, sizeof line, "%.*s", (int) (n < 500 ? n : 500), at);
        (void) str_puts(out, "<div>");
        svg_text(out, line);
        (void) str_puts(out, "</div>");
        at += n;
    }
    (void) str_puts(out, "</details>");
}

static void put_kill(const struct record *r, const struct record_kill *k, struct str *out) {
    bool first =
        k->from == STATE_FOREGROUND && k->bystander >= 0 && strcmp(k->reason, "memory_alarms") != 0;

    (void) str_printf(out, "<tr><td>%llu.%03llu s</td><td>", (unsigned long long) k->at / 1000000,
                      (unsigned long long) k->at / 1000 % 1000);
    svg_text(out, record_short(r, k->app));
    (void) str_printf(out, "</td><td>%s</td><td>", record_state_name(k->from));
    svg_text(out, k->by_kernel ? "the kernel" : k->reason);
    (void) str_puts(out, "</td>");
    put_duration(out, k->sigkill_us);
    put_duration(out, k->gone == RECORD_NONE ? RECORD_NONE : k->gone - k->at);
    (void) str_puts(out, "<td>");
    if (first) {
        (void) str_puts(out, "<b class=\"bad\">It was in front, and ");
        svg_text(out, record_short(r, k->bystander));
        (void) str_puts(out, " could have gone.</b> ");
    }
    if (k->beside)
        (void) str_puts(out, "<b class=\"bad\">The one before was not gone yet.</b> ");
    if (!k->explained)
        (void) str_puts(out, "<b class=\"bad\">It was not explained.</b> ");
    put_text(k, out);
    (void) str_puts(out, "</td></tr>\n");
}

void page_kills(const struct record *r, struct str *out) {
    if (r->n_kills == 0)
        return;
    (void) str_puts(out, "<section><h2>Kills</h2><p>Open one to see who was considered, in order."
                         "</p><div class=\"wide\"><table><thead><tr><th>at</th><th>app</th>"
                         "<th>it was</th><th>reason</th><th>to SIGKILL</th><th>gone after</th>"
                         "<th>why</th></tr></thead><tbody>\n");
    for (size_t i = 0; i < r->n_kills && i < ROWS_MOST; i++)
        put_kill(r, &r->kill[i], out);
    (void) str_puts(out, "</tbody></table></div>");
    if (r->n_kills > ROWS_MOST)
        (void) str_printf(out, "<p>And %zu more: see events.jsonl.</p>", r->n_kills - ROWS_MOST);
    (void) str_puts(out, "</section>\n");
}
