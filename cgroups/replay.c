/* SPDX-License-Identifier: MIT
 * replay.c - a trace read back and run through the policy: trace.h's second half. */
#include "cgroups/trace.h"

#include "supervisor/base/cleanup.h"
#include "supervisor/base/err.h"
#include "supervisor/base/parse.h"
#include "supervisor/base/str.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define LINE_MAX_BYTES 2048
#define WORDS          24
#define MADE_MAX       (1u << 20)
#define APPS_MAX       65536

struct cgrp_replay {
    struct cgrp_policy policy;
    struct cgrp_table table;
    unsigned line;     /* number of the one being read */
    bool begun;        /* the first line was there */
    struct str made;   /* decisions of the last `decide`, not yet compared */
    uint64_t made_at;  /* its time */
    bool has_recorded; /* the trace has decisions */
    unsigned differing, unrecorded;
};

/* What a line is made of; cut in place. */
struct words {
    char *word[WORDS];
    int n;
};

static int split(char *line, struct words *ret) {
    char *rest = line, *word;

    ret->n = 0;
    line[strcspn(line, "#")] = '\0';
    while ((word = strsep(&rest, " \t\r"))) {
        if (!*word)
            continue;
        if (ret->n == WORDS)
            return -E2BIG;
        ret->word[ret->n++] = word;
    }
    return 0;
}

/* The value of "key=value"; NULL: not there. */
static const char *value_of(const struct words *w, const char *key) {
    size_t n = strlen(key);

    for (int i = 1; i < w->n; i++)
        if (strncmp(w->word[i], key, n) == 0 && w->word[i][n] == '=')
            return w->word[i] + n + 1;
    return NULL;
}

static int wrong(const struct cgrp_replay *r, struct err *e, const char *what, const char *word) {
    return err_set(e, -EINVAL, "line %u: %s '%.80s'", r->line, what, word ? word : "");
}

/* Missing ones stay as they are. */
static int take_size(const struct cgrp_replay *r, const struct words *w, const char *key,
                     uint64_t *ret, struct err *e) {
    const char *value = value_of(w, key);

    return value && parse_size(value, ret) < 0 ? wrong(r, e, "not a number or size:", value) : 0;
}

static int take_time(const struct cgrp_replay *r, const struct words *w, const char *key,
                     uint64_t *ret, struct err *e) {
    const char *value = value_of(w, key);

    return value && parse_duration(value, ret) < 0 ? wrong(r, e, "not a time:", value) : 0;
}

static int take_permille(const struct cgrp_replay *r, const struct words *w, const char *key,
                         uint32_t *ret, struct err *e) {
    uint64_t value = *ret;

    int x = take_size(r, w, key, &value, e);
    if (x == 0)
        *ret = (uint32_t) value;
    return x;
}

static int take_level(const struct cgrp_replay *r, const struct words *w, const char *key, int *ret,
                      struct err *e) {
    uint64_t level = (uint64_t) *ret;

    int x = take_size(r, w, key, &level, e);
    if (x == 0 && (level > CGRP_CRITICAL || level % CGRP_MODERATE))
        return wrong(r, e, "a level is 0, 5, 10 or 15, not", value_of(w, key));
    if (x == 0)
        *ret = (int) level;
    return x;
}

static int find(const struct cgrp_replay *r, const char *id) {
    for (int i = 0; i < r->table.n; i++)
        if (r->table.app[i].state != CGRP_APP_NONE && strcmp(r->table.app[i].id, id) == 0)
            return i;
    return -1;
}

/* A free slot, or the table grown by one. */
static int make_slot(struct cgrp_replay *r, const char *id, struct err *e) {
    struct cgrp_table *t = &r->table;
    int slot = 0;

    if (strlen(id) >= sizeof t->app[0].id)
        return wrong(r, e, "too long an id:", id);
    while (slot < t->n && t->app[slot].state != CGRP_APP_NONE)
        slot++;
    if (slot == t->n) {
        struct cgrp_app *more =
            t->n < APPS_MAX ? reallocarray(t->app, (size_t) t->n + 1, sizeof *more) : NULL;
        if (!more)
            return err_set(e, -ENOMEM, "no memory for so many apps");
        t->app = more;
        t->n++;
    }
    t->app[slot] = (struct cgrp_app){ .state = CGRP_APP_NONE };
    (void) strcpy(t->app[slot].id, id);
    return slot;
}

static int read_config(struct cgrp_replay *r, const struct words *w, struct err *e) {
    struct cgrp_policy_config c = r->policy.config;
    uint64_t count = c.alarm_count;
    const char *off = value_of(w, "off");

    if (off && parse_bool(off, &c.off) < 0)
        return wrong(r, e, "neither yes nor no:", off);
    int x = take_size(r, w, "alarm_count", &count, e);
    if (x == 0)
        x = take_time(r, w, "alarm_window", &c.alarm_window, e);
    if (x == 0)
        x = take_permille(r, w, "available_low", &c.available.enter[0], e);
    if (x == 0)
        x = take_permille(r, w, "available_low_exit", &c.available.leave[0], e);
    if (x == 0)
        x = take_permille(r, w, "available_critical", &c.available.enter[1], e);
    if (x == 0)
        x = take_permille(r, w, "available_critical_exit", &c.available.leave[1], e);
    if (x < 0)
        return x;
    c.alarm_count = (unsigned) count;
    cgrp_policy_configure(&r->policy, &c);
    return 0;
}

static int read_app(struct cgrp_replay *r, const struct words *w, struct err *e) {
    struct cgrp_app app = { 0 };
    const char *state = value_of(w, "state"), *stuck = value_of(w, "stuck");

    int slot = find(r, w->word[2]);
    if (slot >= 0)
        app = r->table.app[slot];
    if (state && (cgrp_app_state_parse(state, &app.state) < 0 || app.state == CGRP_APP_NONE))
        return wrong(r, e, "no such state:", state);
    if (app.state == CGRP_APP_NONE)
        return wrong(r, e, "no state of the new app", w->word[2]);
    if (stuck && parse_bool(stuck, &app.kill.stuck) < 0)
        return wrong(r, e, "neither yes nor no:", stuck);
    app.warn.measured = app.warn.measured || value_of(w, "had");
    int x = take_level(r, w, "of", &app.warn.level, e);
    if (x == 0)
        x = take_time(r, w, "idle_since", &app.idle_since, e);
    if (x == 0)
        x = take_size(r, w, "bytes", &app.bytes, e);
    if (x == 0)
        x = take_size(r, w, "had", &app.warn.had, e);
    if (x == 0)
        x = take_size(r, w, "freed", &app.warn.freed, e);
    if (x == 0)
        x = take_time(r, w, "asked", &app.warn.at, e);
    if (x == 0)
        x = take_size(r, w, "before", &app.warn.before, e);
    if (x == 0)
        x = take_time(r, w, "killed", &app.kill.at, e);
    if (x == 0)
        x = take_size(r, w, "back", &app.kill.bytes, e);
    if (x == 0)
        x = take_time(r, w, "until", &app.kill.until, e);
    if (x == 0 && slot < 0)
        x = slot = make_slot(r, w->word[2], e);
    if (x < 0)
        return x;
    (void) strcpy(app.id, r->table.app[slot].id);
    r->table.app[slot] = app;
    return 0;
}

/* The level is what the figures say, unless the line has one. */
static int level_of(struct cgrp_replay *r, const struct words *w, struct cgrp_fact *f,
                    struct err *e) {
    if (f->kind == CGRP_FACT_BUDGET || f->kind == CGRP_FACT_LIMIT)
        f->level = cgrp_level_of_share(f, 0);
    else if (f->kind == CGRP_FACT_AVAILABLE)
        f->level = cgrp_level_of_available(f, &r->policy.config.available, 0);
    return take_level(r, w, "level", &f->level, e);
}

/* The level as it was told before the trace began, by the worst of the facts up to here. */
static int read_held(struct cgrp_replay *r, const struct words *w, struct err *e) {
    struct cgrp_policy *p = &r->policy;

    int x = take_level(r, w, "level", &p->level, e);
    if (x == 0)
        x = take_level(r, w, "warned", &p->warned, e);
    if (x == 0)
        x = take_time(r, w, "next", &p->warn_next, e);
    for (int i = 0; i < CGRP_FACT_SENSORS; i++)
        if (p->sensor[i].known && p->sensor[i].last.level > p->told.level)
            p->told = p->sensor[i].last;
    return x;
}

static int read_fact(struct cgrp_replay *r, const struct words *w, uint64_t at, struct err *e) {
    struct cgrp_fact f = { .slot = -1, .at = at };

    if (cgrp_fact_parse(w->word[2], &f.kind) < 0)
        return wrong(r, e, "no such fact:", w->word[2]);
    f.source = cgrp_fact_source(f.kind);
    if (w->n > 3 && !strchr(w->word[3], '=')) {
        f.slot = find(r, w->word[3]);
        if (f.slot < 0)
            return wrong(r, e, "no such app:", w->word[3]);
    } else if (cgrp_fact_is_of_app(f.kind)) {
        return wrong(r, e, "no app in this fact:", w->word[2]);
    }
    for (unsigned i = 0; i < CGRP_FIGURES && cgrp_fact_figure(f.kind, i); i++) {
        int x = take_size(r, w, cgrp_fact_figure(f.kind, i), &f.figure[i], e);
        if (x < 0)
            return x;
    }
    int x = level_of(r, w, &f, e);
    if (x == 0)
        cgrp_policy_fact(&r->policy, &r->table, &f, at);
    return x;
}

/* Each action at most once an app and a few for all: whatever came in, it ends. */
static int decide(struct cgrp_replay *r, uint64_t now, struct err *e) {
    struct cgrp_action a;

    for (int most = 8 * r->table.n + 8; cgrp_policy_next(&r->policy, &r->table, now, &a) > 0;) {
        if (most-- == 0)
            return err_set(e, -ELOOP, "line %u: decisions without end", r->line);
        cgrp_trace_action(&r->made, &r->table, now, &a);
    }
    r->made_at = now;
    return str_error(&r->made);
}

static int tell(struct str *out, uint64_t at, const char *mark, const char *line, size_t n) {
    return str_printf(out, "%3" PRIu64 ".%03" PRIu64 "s %s%.*s\n", at / 1000000, at / 1000 % 1000,
                      mark, (int) n, line);
}

/* What is decided now and no line of the trace says. */
static int flush(struct cgrp_replay *r, struct str *out) {
    while (r->made.len > 0) {
        size_t n = strcspn(r->made.data, "\n");
        r->unrecorded++;
        (void) tell(out, r->made_at, r->has_recorded ? "! not recorded: " : "", r->made.data, n);
        str_consume(&r->made, n + 1);
    }
    return str_error(out);
}

static int compare(struct cgrp_replay *r, const char *line, struct str *out) {
    size_t n = r->made.len ? strcspn(r->made.data, "\n") : 0;

    r->has_recorded = true;
    if (n > 0 && strlen(line) == n && memcmp(line, r->made.data, n) == 0) {
        (void) tell(out, r->made_at, "", line, n);
    } else {
        r->differing++;
        (void) tell(out, r->made_at, "! recorded: ", line, strlen(line));
        (void) tell(out, r->made_at, "! now:      ", n ? r->made.data : "nothing", n ? n : 7);
    }
    if (n > 0)
        str_consume(&r->made, n + 1);
    return str_error(out);
}

/* Lines "<verb> TIME [ID …]". */
static int read_event(struct cgrp_replay *r, const struct words *w, struct err *e) {
    const char *verb = w->word[0];
    uint64_t at, need;

    if (w->n < 2 || parse_duration(w->word[1], &at) < 0 || at == PARSE_FOREVER)
        return wrong(r, e, "no time in", verb);
    if (strcmp(verb, "decide") == 0)
        return decide(r, at, e);
    if (strcmp(verb, "reclaimed") == 0) {
        cgrp_policy_reclaimed(&r->policy, &r->table);
        return 0;
    }
    if (strcmp(verb, "held") == 0)
        return read_held(r, w, e);
    if (w->n < 3)
        return wrong(r, e, "too few words in", verb);
    if (strcmp(verb, "app") == 0)
        return read_app(r, w, e);
    if (strcmp(verb, "fact") == 0)
        return read_fact(r, w, at, e);
    int slot = find(r, w->word[2]);
    if (slot < 0)
        return wrong(r, e, "no such app:", w->word[2]);
    if (strcmp(verb, "empty") == 0) {
        (void) cgrp_policy_empty(&r->policy, &r->table, slot, at, NULL);
        return 0;
    }
    if (strcmp(verb, "admit") != 0)
        return wrong(r, e, "no such line:", verb);
    if (w->n < 4 || parse_size(w->word[3], &need) < 0)
        return wrong(r, e, "not a size:", w->n < 4 ? "" : w->word[3]);
    cgrp_policy_admit(&r->policy, &r->table, slot, need, at);
    return 0;
}

int cgrp_replay_line(struct cgrp_replay *r, const char *line, struct str *out, struct err *e) {
    char copy[LINE_MAX_BYTES];
    struct words w;

    r->line++;
    if (strlen(line) >= sizeof copy)
        return err_set(e, -EINVAL, "line %u: too long", r->line);
    if (line[0] == '>' && r->begun)
        return compare(r, line, out);
    (void) strcpy(copy, line);
    if (split(copy, &w) < 0)
        return err_set(e, -EINVAL, "line %u: too many words", r->line);
    if (w.n == 0)
        return 0;
    int x = flush(r, out);
    if (x < 0)
        return err_set(e, x, "line %u: no room for what is decided", r->line);
    if (!r->begun) {
        r->begun =
            w.n == 2 && strcmp(w.word[0], "miniprog-trace") == 0 && strcmp(w.word[1], "1") == 0;
        return r->begun ? 0 : wrong(r, e, "a trace begins with 'miniprog-trace 1', not", w.word[0]);
    }
    return strcmp(w.word[0], "config") == 0 ? read_config(r, &w, e) : read_event(r, &w, e);
}

int cgrp_replay_end(struct cgrp_replay *r, struct str *out, unsigned *ret_differs, struct err *e) {
    int x = flush(r, out);

    if (x < 0)
        return err_set(e, x, "no room for what is decided");
    if (!r->begun)
        return err_set(e, -EINVAL, "the trace is empty");
    *ret_differs = r->differing + (r->has_recorded ? r->unrecorded : 0);
    return 0;
}

int cgrp_replay_new(struct cgrp_replay **ret) {
    /* The defaults of the configuration. */
    static const struct cgrp_policy_config defaults = {
        .available = { .enter = { 80, 40 }, .leave = { 100, 60 } },
        .alarm_count = 2,
        .alarm_window = 5000000,
    };
    struct cgrp_replay *r = calloc(1, sizeof *r);

    if (!r)
        return -ENOMEM;
    cgrp_policy_init(&r->policy, &defaults);
    r->made.max = MADE_MAX;
    *ret = r;
    return 0;
}

struct cgrp_replay *cgrp_replay_free(struct cgrp_replay *r) {
    if (!r)
        return NULL;
    str_clear(&r->made);
    free(r->table.app);
    free(r);
    return NULL;
}
