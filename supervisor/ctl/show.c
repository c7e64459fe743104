/* SPDX-License-Identifier: MIT
 * show.c - the short replies, and why: what was decided about an app. */
#include "supervisor/ctl/show.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "supervisor/base/parse.h"
#include "supervisor/base/str.h"
#include "supervisor/ctl/ctl.h"
#include "supervisor/ctl/look.h"

void show_start(struct ctl *c, struct page *p, const struct json *reply) {
    const char *start = look_string(&p->fault, reply, "start");
    int64_t pid = look_int(&p->fault, reply, "pid");
    int64_t code = look_int(&p->fault, reply, "version_code");
    char span[32];

    if (strcmp(start, "current") == 0) {
        term_put(&c->term, &p->out, GREEN, "already in front");
    } else {
        term_printf(&c->term, &p->out, strcmp(start, "hot") == 0 ? GREEN : CYAN, "%s start", start);
        (void) str_printf(&p->out, " in %s", format_duration(c->call_usec, span, sizeof span));
    }
    (void) str_printf(&p->out, ", pid %" PRId64 ", version %" PRId64 "\n", pid, code);
}

void show_checked(struct ctl *c, struct page *p, const struct json *reply) {
    int64_t code;

    (void) c;
    if (!look_bool(&p->fault, reply, "has_update"))
        (void) str_puts(&p->out, "there is no update\n");
    else if (look_maybe_int(&p->fault, reply, "version_code", &code))
        (void) str_printf(&p->out, "there is an update: version %" PRId64 "\n", code);
    else
        (void) str_puts(&p->out, "there is an update\n");
}

void show_version(struct ctl *c, struct page *p, const struct json *reply) {
    (void) c;
    (void) str_printf(&p->out, "its version is %" PRId64 " now\n",
                      look_int(&p->fault, reply, "version_code"));
}

void show_installed(struct ctl *c, struct page *p, const struct json *reply) {
    const char *id = look_string(&p->fault, reply, "id");
    int64_t code = look_int(&p->fault, reply, "version_code");

    term_put(&c->term, &p->out, BOLD, id);
    (void) str_printf(&p->out, " version %" PRId64 " is installed", code);
    if (look_bool(&p->fault, reply, "pending"))
        (void) str_puts(&p->out, "; it runs from the next cold start on");
    (void) str_putc(&p->out, '\n');
}

void show_delivered(struct ctl *c, struct page *p, const struct json *reply) {
    int64_t n = look_int(&p->fault, reply, "delivered");

    (void) c;
    if (n == 0)
        (void) str_puts(&p->out, "no running app has a channel open that it could hear it on\n");
    else
        (void) str_printf(&p->out, "%" PRId64 " %s warned\n", n, n == 1 ? "app was" : "apps were");
}

void show_line(struct ctl *c, struct page *p, const struct json *reply) {
    const char *line = look_string(&p->fault, reply, "line");

    /* A stream needs a reply to end with, and every reply has a line: an empty log is one empty
     * line. */
    if (p->replies == 0 && p->last && !*line)
        return;
    term_put(&c->term, &p->out, PLAIN, line);
    (void) str_putc(&p->out, '\n');
}

static void put_freed(struct page *p, const struct json *decision) {
    int64_t n;
    if (!look_maybe_int(&p->fault, decision, "freed", &n))
        return;
    (void) str_puts(&p->out, "  freed ");
    words_size(&p->out, n);
}

static void put_cause(struct ctl *c, struct page *p, const struct json *decision) {
    const char *source = look_maybe_string(&p->fault, decision, "source");
    int64_t level;

    if (look_maybe_int(&p->fault, decision, "level", &level)) {
        (void) str_puts(&p->out, "  ");
        words_level(&c->term, &p->out, level);
    }
    if (source) {
        (void) str_puts(&p->out, "  by ");
        term_put(&c->term, &p->out, PLAIN, source);
    }
}

static void why_candidates(struct ctl *c, struct page *p, const struct json *decision) {
    const struct json *all = look_array(&p->fault, decision, "candidates");

    for (const struct json *one = look_first(&p->fault, all); one;
         one = look_next(&p->fault, one)) {
        (void) str_puts(&p->out, "        ");
        term_put(&c->term, &p->out, BOLD, look_string(&p->fault, one, "id"));
        (void) str_puts(&p->out, "  ");
        term_put(&c->term, &p->out, PLAIN, look_string(&p->fault, one, "text"));
        (void) str_putc(&p->out, '\n');
    }
}

static void why_one(struct ctl *c, struct page *p, const struct json *decision) {
    const struct json *figures = look_object(&p->fault, decision, "figures");
    struct str when = STR_INIT(64);

    words_date(&when, look_int(&p->fault, decision, "at_usec"));
    term_put(&c->term, &p->out, DIM, str_text(&when));
    str_clear(&when);
    (void) str_puts(&p->out, "  ");
    term_put(&c->term, &p->out, BOLD, look_string(&p->fault, decision, "action"));
    put_cause(c, p, decision);
    put_freed(p, decision);
    (void) str_puts(&p->out, "\n    ");
    term_put(&c->term, &p->out, PLAIN, look_string(&p->fault, decision, "text"));
    (void) str_putc(&p->out, '\n');
    if (json_count(figures) > 0) {
        (void) str_puts(&p->out, "    ");
        words_figures(&c->term, &p->out, figures, &p->fault);
        (void) str_putc(&p->out, '\n');
    }
    why_candidates(c, p, decision);
}

/* The order of the answer decides where times are equal: qsort(3) need not be stable. */
struct dated {
    const struct json *decision;
    int64_t at_usec;
    size_t place;
};

static int by_time(const void *a, const void *b) {
    const struct dated *x = a, *y = b;
    if (x->at_usec != y->at_usec)
        return x->at_usec < y->at_usec ? -1 : 1;
    return x->place < y->place ? -1 : 1;
}

void show_why(struct ctl *c, struct page *p, const struct json *reply) {
    const struct json *decisions = look_array(&p->fault, reply, "decisions");
    size_t most = json_count(decisions), n = 0;
    CLEANUP(free_p) struct dated *sorted = calloc(most + 1, sizeof *sorted);

    if (!sorted) {
        p->out.error = -ENOMEM;
        return;
    }
    for (const struct json *d = look_first(&p->fault, decisions); d && n < most;
         d = look_next(&p->fault, d), n++)
        sorted[n] = (struct dated){ d, look_int(&p->fault, d, "at_usec"), n };
    qsort(sorted, n, sizeof *sorted, by_time);
    for (size_t i = 0; i < n; i++)
        why_one(c, p, sorted[i].decision);
    if (p->fault.code == 0 && n == 0)
        ctl_hint("nothing was decided about '%s' yet", c->options.args[0]);
}
