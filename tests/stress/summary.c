/* SPDX-License-Identifier: MIT
 * summary.c - the figures, and the promises held against them. */
#include "tests/stress/summary.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "supervisor/base/parse.h"
#include "tests/stress/plan.h"
#include "tests/stress/record.h"

/* --- times -------------------------------------------------------------------------------- */

struct values {
    uint64_t *v;
    unsigned n;
};

static int by_value(const void *a, const void *b) {
    uint64_t x = *(const uint64_t *) a, y = *(const uint64_t *) b;
    return x < y ? -1 : x > y;
}

static void take(struct values *values, uint64_t v) {
    if (v != RECORD_NONE)
        values->v[values->n++] = v;
}

/* The smallest value that so many percent are not above. */
static uint64_t percentile(const struct values *v, unsigned percent) {
    return v->v[(v->n * percent + 99) / 100 - 1];
}

/* Sorts, and empties it for the next figure. */
static struct summary_times times_of(struct values *v) {
    struct summary_times t = { .n = v->n };

    if (v->n > 0) {
        qsort(v->v, v->n, sizeof *v->v, by_value);
        t.p50 = percentile(v, 50);
        t.p99 = percentile(v, 99);
        t.most = v->v[v->n - 1];
    }
    v->n = 0;
    return t;
}

static void make_times(const struct record *r, struct summary *s, struct values *v) {
    for (size_t i = 0; i < r->n_turns; i++)
        if (r->turn[i].kind == TURN_HOT)
            take(v, r->turn[i].shown_us);
    s->hot = times_of(v);
    for (size_t i = 0; i < r->n_turns; i++)
        if (r->turn[i].kind == TURN_HOT)
            take(v, r->turn[i].whole_us);
    s->hot_whole = times_of(v);
    for (size_t i = 0; i < r->n_turns; i++)
        if (r->turn[i].kind == TURN_COLD)
            take(v, r->turn[i].shown_us);
    s->cold = times_of(v);
    for (size_t i = 0; i < r->n_kills; i++)
        take(v, r->kill[i].sigkill_us);
    s->sigkill = times_of(v);
    for (size_t i = 0; i < r->n_kills; i++)
        if (!r->kill[i].by_kernel && r->kill[i].gone != RECORD_NONE)
            take(v, r->kill[i].gone - r->kill[i].at);
    s->gone = times_of(v);
}

/* --- turns: stalls and warm apps ---------------------------------------------------------- */

static bool stalls(const struct record_turn *t) {
    return t->stalled_us * 1000 >= t->front_us * SUMMARY_STALL_PERMILLE;
}

static void make_turns(const struct record *r, struct summary *s) {
    uint64_t stalled = 0, front = 0;
    unsigned before = 0; /* warm apps of the turn before, if it did not stall */

    for (size_t i = 0; i < r->n_turns; i++) {
        const struct record_turn *t = &r->turn[i];
        s->turns++;
        s->opened += t->kind <= TURN_CURRENT;
        s->refused += t->kind == TURN_REFUSED;
        s->failed += t->kind == TURN_FAILED;
        if (t->front_us == 0) /* nobody was in front, or it ended there */
            continue;
        stalled += t->stalled_us;
        front += t->front_us;
        s->stalled += stalls(t);
        unsigned now = stalls(t) ? 0 : t->warm, both = now < before ? now : before;
        s->warm = both > s->warm ? both : s->warm;
        before = now;
    }
    s->has_stall = front > 0;
    s->stall_permille = front ? (unsigned) (stalled * 1000 / front) : 0;
}

/* --- samples: what fits, and the extremes ------------------------------------------------- */

static unsigned suspended_in(const struct record *r, const struct record_sample *x,
                             uint64_t *ret_bytes) {
    unsigned n = 0;

    *ret_bytes = 0;
    for (unsigned i = 0; x->bytes && i < x->n; i++)
        if (r->app[i].manner && x->state[i] == STATE_SUSPENDED) {
            *ret_bytes += x->bytes[i];
            n++;
        }
    return n;
}

/* Bytes that a suspended app holds, compressed ones included, when most were warm. */
static uint64_t bytes_each(const struct record *r) {
    unsigned warm = 0;
    uint64_t each = 0;

    for (size_t i = 0; i < r->n_samples; i++) {
        const struct record_sample *x = &r->sample[i];
        uint64_t bytes, zram = x->zram > r->sample[0].zram ? x->zram - r->sample[0].zram : 0;
        unsigned n = suspended_in(r, x, &bytes);
        if (n == 0 || x->warm <= warm)
            continue;
        warm = x->warm;
        each = (bytes + zram) / n;
    }
    return each;
}

static void make_samples(const struct record *r, struct summary *s) {
    const struct record_sample *first = r->n_samples ? &r->sample[0] : NULL;
    const struct record_sample *last = r->n_samples ? &r->sample[r->n_samples - 1] : NULL;

    s->available_least = RECORD_NONE;
    for (size_t i = 0; i < r->n_samples; i++) {
        const struct record_sample *x = &r->sample[i];
        s->available_least = x->available < s->available_least ? x->available : s->available_least;
        s->current_most = x->current > s->current_most ? x->current : s->current_most;
        s->level = x->level > s->level ? x->level : s->level;
        s->warm_most = x->warm > s->warm_most ? x->warm : s->warm_most;
    }
    for (size_t i = 0; i < r->n_levels; i++)
        s->level = r->level[i].level > s->level ? r->level[i].level : s->level;
    if (first && last->at > first->at && first->some_us != RECORD_NONE) {
        uint64_t span = last->at - first->at;
        s->some_permille = (unsigned) ((last->some_us - first->some_us) * 1000 / span);
        s->full_permille = (unsigned) ((last->full_us - first->full_us) * 1000 / span);
    }
    uint64_t each = bytes_each(r);
    uint64_t room = last && last->budget                   ? last->budget
                    : last && last->total > r->used_before ? last->total - r->used_before
                                                           : 0;
    s->capacity = each ? (unsigned) (room / each) : 0;
}

/* --- kills and marks ---------------------------------------------------------------------- */

static void make_kills(const struct plan *p, const struct record *r, struct summary *s) {
    for (size_t i = 0; i < r->n_kills; i++) {
        const struct record_kill *k = &r->kill[i];
        bool alarms = strcmp(k->reason, "memory_alarms") == 0;
        bool before_others = k->from == STATE_FOREGROUND && k->bystander >= 0 && !alarms;
        s->kernel += k->by_kernel;
        s->alarms += alarms;
        s->pressure += !k->by_kernel && !alarms;
        s->front_first += before_others && !k->by_kernel;
        /* Over its own limit the kernel takes it whoever else lives. */
        s->front_by_kernel += before_others && k->by_kernel && !p->memory_max;
        s->beside += k->beside;
        s->unexplained += !k->explained;
        s->stuck += k->stuck;
    }
    for (size_t i = 0; i < r->n_marks; i++) {
        s->warnings += r->mark[i].kind == MARK_WARN;
        if (r->mark[i].kind == MARK_FREED)
            s->freed += r->mark[i].bytes;
        if (r->mark[i].kind == MARK_RECLAIM)
            s->reclaimed += r->mark[i].bytes;
    }
    if (r->reclaimed > s->reclaimed) /* at each suspension no decision is told */
        s->reclaimed = r->reclaimed;
}

/* --- promises ----------------------------------------------------------------------------- */

static void broken(struct summary *s, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static void broken(struct summary *s, const char *fmt, ...) {
    va_list ap;

    if (s->n_broken == SUMMARY_BROKEN_MAX)
        return;
    va_start(ap, fmt);
    (void) vsnprintf(s->broken[s->n_broken++], sizeof s->broken[0], fmt, ap);
    va_end(ap);
}

static const char *plural(unsigned n) {
    return n == 1 ? "" : "s";
}

static void hold_all(const struct record *r, struct summary *s) {
    if (r->died)
        broken(s, "The supervisor ended.");
    if (r->broken[0])
        broken(s, "%s.", r->broken);
    if (s->turns > 0 && s->opened == 0)
        broken(s, "No app could be opened: %s.",
               r->turn[0].text[0] ? r->turn[0].text : "none was answered");
    if (s->front_first)
        broken(s, "The app in front was killed %u time%s while another one could have gone.",
               s->front_first, plural(s->front_first));
    if (s->front_by_kernel)
        broken(s, "The kernel took the app in front %u time%s while another one could have gone.",
               s->front_by_kernel, plural(s->front_by_kernel));
    if (s->beside)
        broken(s, "%u kill%s came before the one before was done.", s->beside, plural(s->beside));
    if (s->unexplained)
        broken(s, "%u kill%s %s not explained.", s->unexplained, plural(s->unexplained),
               s->unexplained == 1 ? "was" : "were");
    for (unsigned i = 0; i < r->n_ends; i++)
        if (strcmp(r->ends[i].reason, "crashed") == 0 ||
            strcmp(r->ends[i].reason, "start_failed") == 0 ||
            strcmp(r->ends[i].reason, "unresponsive") == 0)
            broken(s, "%u app%s ended without a cause of memory: %s.", r->ends[i].n,
                   plural(r->ends[i].n), r->ends[i].reason);
}

/* Without pressure nothing was proved. */
static void hold_pressure(struct summary *s) {
    if (s->level < 10 && s->pressure + s->kernel + s->alarms == 0)
        broken(s, "Memory never got short (highest level %d): give more apps, or a smaller budget.",
               s->level);
}

static bool was_ended_for_memory(const struct record *r, int app, uint64_t *ret_at) {
    for (size_t i = 0; i < r->n_kills; i++)
        if (r->kill[i].app == app && r->kill[i].from != STATE_STARTING &&
            r->kill[i].gone != RECORD_NONE) {
            *ret_at = r->kill[i].gone;
            return true;
        }
    return false;
}

static bool was_opened_after(const struct record *r, int app, uint64_t at) {
    for (size_t i = 0; i < r->n_turns; i++)
        if (r->turn[i].app == app && r->turn[i].at >= at && r->turn[i].kind <= TURN_CURRENT)
            return true;
    return false;
}

static void hold_leak(const struct record *r, struct summary *s) {
    uint64_t at;

    if (r->leaker < 0 || !was_ended_for_memory(r, r->leaker, &at)) {
        broken(s, "The leaking app was not ended for its memory once it was open.");
        return;
    }
    for (size_t i = 0; i < r->n_apps; i++)
        if (r->app[i].manner && (int) i != r->leaker && !was_opened_after(r, (int) i, at))
            broken(s, "After the leaking app had ended, %s did not open.",
                   record_short(r, (int) i));
}

static void hold_density(const struct plan *p, const struct record *r, struct summary *s) {
    if (s->capacity == 0)
        broken(s, "What fits is not known: no app was suspended.");
    else if (s->warm_most == (unsigned) p->apps && s->pressure + s->kernel == 0)
        broken(s, "All %u apps fit: give more of them.", s->warm_most);
    else if (s->warm * 1000 < s->capacity * p->target)
        broken(s, "%u apps were kept warm of %u that fit, less than %u %%.", s->warm, s->capacity,
               (unsigned) p->target / 10);
    for (unsigned i = 0; i < r->n_ends; i++)
        if (strcmp(r->ends[i].reason, "warm_limit") == 0)
            broken(s, "The supervisor's max_warm ended apps, not memory: set it to 0.");
}

int summary_make(const struct plan *p, const struct record *r, struct summary *ret) {
    struct summary s = { 0 };
    struct values v = { calloc(r->n_turns + r->n_kills + 1, sizeof *v.v), 0 };

    if (!v.v)
        return -ENOMEM;
    s.lasted_us = r->end;
    make_times(r, &s, &v);
    free(v.v);
    make_turns(r, &s);
    make_samples(r, &s);
    make_kills(p, r, &s);
    hold_all(r, &s);
    switch (p->scenario) {
    case SCENARIO_STORM:
    case SCENARIO_CHURN:
        hold_pressure(&s);
        break;
    case SCENARIO_LEAK:
        hold_leak(r, &s);
        break;
    case SCENARIO_DENSITY:
        hold_density(p, r, &s);
        break;
    case SCENARIO_COUNT:
        break;
    }
    s.held = s.n_broken == 0;
    *ret = s;
    return 0;
}
