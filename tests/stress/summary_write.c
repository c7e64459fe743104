/* SPDX-License-Identifier: MIT
 * summary_write.c - the summary as rows, as text, as JSON. */
#include "tests/stress/summary.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "supervisor/base/jsonw.h"
#include "supervisor/base/parse.h"
#include "supervisor/base/str.h"
#include "tests/stress/plan.h"
#include "tests/stress/record.h"

/* --- rows --------------------------------------------------------------------------------- */

struct rows {
    struct summary_row *row;
    unsigned n;
};

static struct summary_row *put(struct rows *to, const char *name, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
static struct summary_row *put(struct rows *to, const char *name, const char *fmt, ...) {
    struct summary_row *row = &to->row[to->n++];
    va_list ap;

    *row = (struct summary_row){ .name = name };
    va_start(ap, fmt);
    (void) vsnprintf(row->value, sizeof row->value, fmt, ap);
    va_end(ap);
    return row;
}

static void put_times(struct rows *to, const char *name, const struct summary_times *t) {
    char p50[32], p99[32], most[32];

    if (t->n == 0) {
        (void) put(to, name, "%s", "");
        return;
    }
    (void) put(to, name, "p50 %s, p99 %s, most %s (of %u)", format_duration(t->p50, p50, 32),
               format_duration(t->p99, p99, 32), format_duration(t->most, most, 32), t->n);
}

static void put_bad(struct rows *to, const char *name, unsigned n) {
    put(to, name, "%u", n)->bad = n > 0;
}

static void put_warm(struct rows *to, const struct summary *s) {
    if (s->capacity)
        (void) put(to, "kept warm, front stalls < 5 %", "%u of %u that fit (%u %%)", s->warm,
                   s->capacity, s->warm * 100 / s->capacity);
    else
        (void) put(to, "kept warm, front stalls < 5 %", "%u", s->warm);
}

static void put_stall(struct rows *to, const struct record *r, const struct summary *s) {
    if (s->has_stall)
        (void) put(to, "the front one stalled", "%u.%u %% of its time, in %u of %u turns%s",
                   s->stall_permille / 10, s->stall_permille % 10, s->stalled, s->turns,
                   r->own_stall ? "" : " (the system's figure)");
    else
        (void) put(to, "the front one stalled", "%s", "");
}

static void put_ends(struct rows *to, const struct record *r) {
    struct summary_row *row = put(to, "ends by reason", "%s", r->n_ends ? "" : "none");
    size_t n = strlen(row->value);

    for (unsigned i = 0; i < r->n_ends && n < sizeof row->value; i++)
        n += (size_t) snprintf(row->value + n, sizeof row->value - n, "%s%s %u", i ? ", " : "",
                               r->ends[i].reason, r->ends[i].n);
}

/* Every outcome has the same rows in the same order. */
unsigned summary_rows(const struct outcome *it, struct summary_row ret[SUMMARY_ROWS_MAX]) {
    const struct record *r = it->record;
    const struct summary *s = it->summary;
    struct rows to = { ret, 0 };
    char a[32], b[32];

    (void) put(&to, "lasted", "%s, %u turns, %u refused, %u failed",
               format_duration(s->lasted_us / 100000 * 100000, a, 32), s->turns, s->refused,
               s->failed);
    put_warm(&to, s);
    (void) put(&to, "warm at most", "%u", s->warm_most);
    put_stall(&to, r, s);
    put_times(&to, "hot start, to its show", &s->hot);
    put_times(&to, "hot start, to all its memory", &s->hot_whole);
    put_times(&to, "cold start, to its show", &s->cold);
    (void) put(&to, "highest level", "%d", s->level);
    (void) put(&to, "kills for memory", "%u chosen, %u for alarms, %u by the kernel", s->pressure,
               s->alarms, s->kernel);
    put_bad(&to, "front killed, another one lived", s->front_first + s->front_by_kernel);
    put_bad(&to, "killed before the one before was gone", s->beside);
    put_bad(&to, "kills not explained", s->unexplained);
    put_times(&to, "from event to SIGKILL", &s->sigkill);
    put_times(&to, "from decision to its memory back", &s->gone);
    (void) put(&to, "warnings", "%u, %s freed", s->warnings, format_size(s->freed, a, 32));
    (void) put(&to, "reclaimed of suspended apps", "%s", format_size(s->reclaimed, a, 32));
    (void) put(&to, "all apps at most", "%s", format_size(s->current_most, a, 32));
    (void) put(&to, "machine: least available", "%s",
               s->available_least == RECORD_NONE ? "" : format_size(s->available_least, b, 32));
    (void) put(&to, "machine: stalled (PSI)", "some %u.%u %%, full %u.%u %%", s->some_permille / 10,
               s->some_permille % 10, s->full_permille / 10, s->full_permille % 10);
    (void) put(&to, "the supervisor itself at most", "%s",
               r->daemon_peak ? format_size(r->daemon_peak, a, 32) : "");
    put_ends(&to, r);
    return to.n;
}

/* --- text --------------------------------------------------------------------------------- */

void summary_text(const struct plan *p, const struct outcome *it, const struct outcome *base,
                  struct str *out) {
    struct summary_row rows[SUMMARY_ROWS_MAX], other[SUMMARY_ROWS_MAX];
    const struct summary *s = it->summary;
    unsigned n = summary_rows(it, rows);

    if (base)
        (void) summary_rows(base, other);
    (void) str_printf(out, "%s: %s\n", scenario_name(p->scenario), scenario_what(p->scenario));
    for (unsigned i = 0; i < n; i++) {
        (void) str_printf(out, "  %-38s %s\n", rows[i].name,
                          rows[i].value[0] ? rows[i].value : "not known");
        if (base && strcmp(rows[i].value, other[i].value) != 0)
            (void) str_printf(out, "  %38s %s\n",
                              "with policy=off:", other[i].value[0] ? other[i].value : "not known");
    }
    if (it->record->no_memory_method)
        (void) str_puts(out,
                        "The supervisor has no Memory method: levels come from events alone.\n");
    if (it->record->interrupted)
        (void) str_puts(out,
                        "It was interrupted: the promise was not held against the whole run.\n");
    if (s->held)
        (void) str_printf(out, "The promise held. %s\n", scenario_promise(p->scenario));
    for (unsigned i = 0; i < s->n_broken; i++)
        (void) str_printf(out, "Broken: %s\n", s->broken[i]);
    for (unsigned i = 0; base && i < base->summary->n_broken; i++)
        (void) str_printf(out, "With policy=off: %s\n", base->summary->broken[i]);
}

/* --- JSON --------------------------------------------------------------------------------- */

static void json_times(struct jsonw *w, const char *key, const struct summary_times *t) {
    jsonw_object(w, key);
    jsonw_u64(w, "n", t->n);
    if (t->n > 0) {
        jsonw_u64(w, "p50_us", t->p50);
        jsonw_u64(w, "p99_us", t->p99);
        jsonw_u64(w, "most_us", t->most);
    }
    jsonw_end_object(w);
}

static void json_kills(struct jsonw *w, const struct summary *s) {
    jsonw_object(w, "kills");
    jsonw_u64(w, "memory_pressure", s->pressure);
    jsonw_u64(w, "memory_alarms", s->alarms);
    jsonw_u64(w, "by_kernel", s->kernel);
    jsonw_u64(w, "front_while_another_lived", s->front_first);
    jsonw_u64(w, "front_by_kernel_while_another_lived", s->front_by_kernel);
    jsonw_u64(w, "before_the_last_was_gone", s->beside);
    jsonw_u64(w, "unexplained", s->unexplained);
    jsonw_u64(w, "stuck", s->stuck);
    json_times(w, "event_to_sigkill", &s->sigkill);
    json_times(w, "decision_to_gone", &s->gone);
    jsonw_end_object(w);
}

static void json_figures(struct jsonw *w, const struct summary *s) {
    jsonw_u64(w, "lasted_us", s->lasted_us);
    jsonw_u64(w, "turns", s->turns);
    jsonw_u64(w, "refused", s->refused);
    jsonw_u64(w, "failed", s->failed);
    jsonw_u64(w, "warm", s->warm);
    jsonw_u64(w, "warm_most", s->warm_most);
    jsonw_u64(w, "capacity", s->capacity);
    jsonw_u64(w, "stalled_turns", s->stalled);
    if (s->has_stall)
        jsonw_u64(w, "front_stall_permille", s->stall_permille);
    json_times(w, "hot", &s->hot);
    json_times(w, "hot_whole", &s->hot_whole);
    json_times(w, "cold", &s->cold);
    jsonw_int(w, "level", s->level);
    json_kills(w, s);
    jsonw_u64(w, "warnings", s->warnings);
    jsonw_u64(w, "freed", s->freed);
    jsonw_u64(w, "reclaimed", s->reclaimed);
    jsonw_u64(w, "current_most", s->current_most);
    if (s->available_least != RECORD_NONE)
        jsonw_u64(w, "available_least", s->available_least);
    jsonw_u64(w, "psi_some_permille", s->some_permille);
    jsonw_u64(w, "psi_full_permille", s->full_permille);
    jsonw_bool(w, "held", s->held);
    jsonw_array(w, "broken");
    for (unsigned i = 0; i < s->n_broken; i++)
        jsonw_string(w, NULL, s->broken[i]);
    jsonw_end_array(w);
}

static void put_parameter(const char *name, const char *value, void *data) {
    if (strcmp(name, "set") != 0) /* may come more than once */
        jsonw_string(data, name, value);
}

void summary_json(const struct plan *p, const struct outcome *it, const struct outcome *base,
                  struct str *out) {
    const struct record *r = it->record;
    struct jsonw w = JSONW_INIT(out);

    jsonw_object(&w, NULL);
    jsonw_string(&w, "scenario", scenario_name(p->scenario));
    jsonw_u64(&w, "began_usec", r->epoch);
    jsonw_bool(&w, "interrupted", r->interrupted);
    jsonw_bool(&w, "memory_method", !r->no_memory_method);
    jsonw_bool(&w, "stall_is_the_apps_own", r->own_stall);
    json_figures(&w, it->summary);
    jsonw_object(&w, "ends");
    for (unsigned i = 0; i < r->n_ends; i++)
        jsonw_u64(&w, r->ends[i].reason, r->ends[i].n);
    jsonw_end_object(&w);
    jsonw_object(&w, "parameters");
    plan_print(p, put_parameter, &w);
    jsonw_end_object(&w);
    if (base) {
        jsonw_object(&w, "baseline");
        json_figures(&w, base->summary);
        jsonw_end_object(&w);
    }
    jsonw_end_object(&w);
    (void) str_putc(out, '\n');
}
