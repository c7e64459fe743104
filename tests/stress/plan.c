/* SPDX-License-Identifier: MIT
 * plan.c - one table of options; a scenario is a row of settings over their defaults. */
#include "tests/stress/plan.h"

#include <errno.h>
#include <getopt.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "supervisor/base/err.h"
#include "supervisor/base/parse.h"
#include "supervisor/base/str.h"

enum option_id {
#define X(name, kind, otherwise, argument, help) OPTION_##name,
    PLAN_OPTIONS(X)
#undef X
        OPTION_COUNT
};

static const struct row {
    const char *field;
    enum plan_kind kind;
    const char *otherwise, *argument, *help;
    size_t offset;
} rows[OPTION_COUNT] = {
#define X(name, kind, otherwise, argument, help)                                                   \
    { #name, PLAN_##kind, otherwise, argument, help, offsetof(struct plan, name) },
    PLAN_OPTIONS(X)
#undef X
};

#define SETTINGS_MAX 16
static const struct {
    const char *name, *what, *promise;
    const char *settings[SETTINGS_MAX]; /* "field=value" */
} scenarios[SCENARIO_COUNT] = {
    [SCENARIO_STORM] = { "storm",
                         "twice the memory there is, opened as fast as people tap",
                         "The app in front is never killed while another one lives, no second kill "
                         "comes before the first is done, and each is explained.",
                         { "apps=24", "turn=400ms", "sample=100ms",
                           "manners=free,keep,free,grow,keep,fork,free,deaf" } },
    [SCENARIO_LEAK] = { "leak",
                        "one app in front leaks until it is stopped",
                        "The leaking app ends for its memory, for a reason that is told, and all "
                        "others can be opened afterwards.",
                        { "apps=8", "size=16M", "turn=500ms", "sample=100ms", "leak=32M",
                          "touch=10ms", "again=0%",
                          "manners=free,keep,free,keep,free,keep,free,leak" } },
    [SCENARIO_DENSITY] = { "density",
                           "one app more, and one more, until no more fit",
                           "Nearly as many apps as fit are kept warm while the one in front stalls "
                           "for less than 5 % of its time.",
                           { "apps=40", "turn=2s", "time=180s", "manners=keep" } },
    [SCENARIO_CHURN] = { "churn",
                         "apps are opened, hidden, closed and killed at random",
                         "Whatever apps do, they end cleanly; nobody is killed who need not be.",
                         { "apps=16", "size=8M", "turn=150ms", "sample=100ms", "hide=15%",
                           "end=20%", "need=100%",
                           "manners=free,keep,grow,fork,deaf,free,leak,keep" } },
};

static const struct {
    const char *name, *help;
} manners[MANNER_COUNT] = {
#define X(id, name, help) [MANNER_##id] = { name, help },
    PLAN_MANNERS(X)
#undef X
};

const char *scenario_name(enum scenario s) {
    return scenarios[s].name;
}
const char *scenario_what(enum scenario s) {
    return scenarios[s].what;
}
const char *scenario_promise(enum scenario s) {
    return scenarios[s].promise;
}
const char *manner_name(enum manner m) {
    return manners[m].name;
}
const char *manner_help(enum manner m) {
    return manners[m].help;
}

/* --- values ------------------------------------------------------------------------------- */

static void option_of(const struct row *row, char buf[32]) {
    (void) snprintf(buf, 32, "%s", row->field);
    for (char *p = buf; *p; p++)
        if (*p == '_')
            *p = '-';
}

static int set_field(struct plan *p, const struct row *row, const char *text, struct err *e) {
    void *field = (char *) p + row->offset;
    uint32_t permille;
    char option[32];
    int r = 0;

    switch (row->kind) {
    case PLAN_SPAN:
        r = parse_duration(text, field);
        break;
    case PLAN_COUNT:
        r = parse_u64(text, field);
        break;
    case PLAN_SIZE:
        r = parse_size(text, field);
        break;
    case PLAN_SHARE:
        r = parse_percent(text, &permille);
        if (r == 0 && permille > 1000)
            r = -ERANGE;
        if (r == 0)
            *(uint64_t *) field = permille;
        break;
    case PLAN_TEXT:
        *(const char **) field = text;
        break;
    case PLAN_FLAG:
        *(bool *) field = true;
        break;
    }
    option_of(row, option);
    return r < 0 ? err_set(e, -EINVAL, "--%s=%.40s is not a %s", option, text, row->argument) : 0;
}

/* "apps=24" of a scenario's row. */
static int apply_setting(struct plan *p, const char *setting, struct err *e) {
    size_t n = strcspn(setting, "=");

    for (int i = 0; i < OPTION_COUNT; i++)
        if (strlen(rows[i].field) == n && strncmp(rows[i].field, setting, n) == 0)
            return set_field(p, &rows[i], setting + n + 1, e);
    return err_set(e, -EINVAL, "no option is named '%s'", setting);
}

static int parse_manner(const char *word, size_t n, enum manner *ret) {
    for (int m = 0; m < MANNER_COUNT; m++)
        if (strlen(manners[m].name) == n && strncmp(manners[m].name, word, n) == 0) {
            *ret = (enum manner) m;
            return 0;
        }
    return -EINVAL;
}

/* The list goes round until every app has one. */
static int parse_manners(struct plan *p, struct err *e) {
    const char *at = p->manners;

    for (uint64_t i = 0; i < p->apps; i++) {
        size_t n = strcspn(at, ",");
        if (parse_manner(at, n, &p->order[i]) < 0)
            return err_set(e, -EINVAL, "--manners: there is no manner '%.*s'",
                           n > 40 ? 40 : (int) n, at);
        at = at[n] ? at + n + 1 : p->manners;
    }
    if (p->scenario == SCENARIO_LEAK) /* the last one is who leaks in front */
        p->order[p->apps - 1] = MANNER_LEAK;
    return 0;
}

static int check(struct plan *p, struct err *e) {
    if (p->apps < 2 || p->apps > PLAN_APPS_MAX)
        return err_set(e, -EINVAL, "--apps must be 2 to %u", PLAN_APPS_MAX);
    if (p->size < 1024 * 1024)
        return err_set(e, -EINVAL, "--size must be 1M or more");
    if (p->sample < 10000 || p->turn < 10000)
        return err_set(e, -EINVAL, "--sample and --turn must be 10ms or more");
    if (p->time == PARSE_FOREVER && !p->turns && !p->until_kills && !p->until_warm)
        return err_set(e, -EINVAL, "it would never end: give --time, --turns or --until-…");
    if (strcmp(p->budget, "auto") == 0) /* one in front and one that starts must be no trouble */
        p->budget_bytes = (p->apps > 8 ? p->apps / 2 : 4) * p->size;
    else if (strcmp(p->budget, "none") == 0)
        p->budget_bytes = 0;
    else if (parse_size(p->budget, &p->budget_bytes) < 0)
        return err_set(e, -EINVAL, "--budget=%.40s is neither a SIZE nor none nor auto", p->budget);
    return parse_manners(p, e);
}

/* --- the command line --------------------------------------------------------------------- */

struct given {
    const char *value[OPTION_COUNT]; /* NULL: not given */
    const char *sets[PLAN_SETS_MAX];
    unsigned n_sets;
    char name[OPTION_COUNT][32];
};

static int read_options(int argc, char **argv, struct given *g, struct err *e) {
    struct option longs[OPTION_COUNT + 1] = { 0 };
    int got;

    for (int i = 0; i < OPTION_COUNT; i++) {
        option_of(&rows[i], g->name[i]);
        longs[i] = (struct option){ .name = g->name[i],
                                    .has_arg = rows[i].argument ? required_argument : no_argument,
                                    .val = 0x100 + i };
    }
    opterr = 0;
    while ((got = getopt_long(argc, argv, ":h", longs, NULL)) != -1) {
        int id = got == 'h' ? OPTION_help : got - 0x100;
        if (got == ':')
            return err_set(e, -EINVAL, "'%.60s' needs a value", argv[optind - 1]);
        if (got == '?')
            return err_set(e, -EINVAL, "there is no option '%.60s'", argv[optind - 1]);
        g->value[id] = optarg ? optarg : "";
        if (id == OPTION_set) {
            if (g->n_sets == PLAN_SETS_MAX)
                return err_set(e, -EINVAL, "--set: at most %d", PLAN_SETS_MAX);
            g->sets[g->n_sets++] = optarg;
        }
    }
    return 0;
}

static int find_scenario(struct plan *p, const char *name, struct err *e) {
    for (int s = 0; s < SCENARIO_COUNT; s++)
        if (strcmp(scenarios[s].name, name) == 0) {
            p->scenario = (enum scenario) s;
            return 0;
        }
    return err_set(e, -EINVAL, "there is no scenario '%.40s': storm, leak, density or churn", name);
}

int plan_parse(int argc, char **argv, struct plan *ret, struct err *e) {
    struct plan p = { 0 };
    struct given g = { 0 };
    int r = read_options(argc, argv, &g, e);

    for (int i = 0; i < OPTION_COUNT && r == 0; i++)
        if (rows[i].kind != PLAN_FLAG)
            r = set_field(&p, &rows[i], rows[i].otherwise, e);
    bool needs = !g.value[OPTION_help] && !g.value[OPTION_version] && !g.value[OPTION_tidy];
    if (r == 0 && optind < argc)
        r = find_scenario(&p, argv[optind], e);
    else if (r == 0 && needs)
        return err_set(e, -EINVAL, "say which scenario: storm, leak, density or churn");
    if (r == 0 && optind + 1 < argc)
        return err_set(e, -EINVAL, "one scenario is enough: '%.40s' is too much", argv[optind + 1]);
    for (int i = 0; i < SETTINGS_MAX && r == 0 && scenarios[p.scenario].settings[i]; i++)
        r = apply_setting(&p, scenarios[p.scenario].settings[i], e);
    for (int i = 0; i < OPTION_COUNT && r == 0; i++)
        if (g.value[i])
            r = set_field(&p, &rows[i], g.value[i], e);
    memcpy(p.sets, g.sets, sizeof p.sets);
    p.n_sets = g.n_sets;
    if (r == 0)
        r = check(&p, e);
    if (r == 0)
        *ret = p;
    return r;
}

/* --- words -------------------------------------------------------------------------------- */

void plan_help(struct str *out) {
    (void) str_puts(out,
                    "usage: miniprog-stress [OPTION]... SCENARIO\n"
                    "Loads a running miniprogd with memory-hungry apps, opens them in turn, and "
                    "draws what happened.\n\nScenarios:\n");
    for (int s = 0; s < SCENARIO_COUNT; s++)
        (void) str_printf(out, "  %-9s %s\n            %s\n", scenarios[s].name, scenarios[s].what,
                          scenarios[s].promise);
    (void) str_puts(out, "\nManners of apps:\n");
    for (int m = 0; m < MANNER_COUNT; m++)
        (void) str_printf(out, "  %-9s %s\n", manners[m].name, manners[m].help);
    (void) str_puts(out, "\nOptions (a scenario has defaults of its own):\n");
    for (int i = 0; i < OPTION_COUNT; i++) {
        char name[32], option[64];
        option_of(&rows[i], name);
        (void) snprintf(option, sizeof option, "--%s%s%s", name, rows[i].argument ? "=" : "",
                        rows[i].argument ? rows[i].argument : "");
        (void) str_printf(out, "  %-20s %s", option, rows[i].help);
        if (rows[i].otherwise[0])
            (void) str_printf(out, " [%s]", rows[i].otherwise);
        (void) str_putc(out, '\n');
    }
    (void) str_puts(
        out, "\nIn FOLDER: report.html, samples.csv, events.jsonl, summary.txt, summary.json.\n"
             "auto budget: room for half of the apps, four at least. The socket is --socket, else\n"
             "$MINIPROG_CONTROL, else /run/miniprogd/control. Apps, folders and an own supervisor\n"
             "are gone afterwards, also after SIGINT and SIGTERM.\n"
             "Exit status: 0 the promise held, 1 it did not or the run failed, 2 wrong usage,\n"
             "4 the supervisor cannot be reached; 128 + N: signal N ended it early.\n");
}

static const char *value_text(const struct plan *p, const struct row *row, char buf[40]) {
    const void *field = (const char *) p + row->offset;
    uint64_t n = row->kind == PLAN_TEXT || row->kind == PLAN_FLAG ? 0 : *(const uint64_t *) field;

    switch (row->kind) {
    case PLAN_SPAN:
        return format_duration(n, buf, 40);
    case PLAN_COUNT:
        (void) snprintf(buf, 40, "%llu", (unsigned long long) n);
        return buf;
    case PLAN_SIZE:
        return n ? format_size(n, buf, 40) : "none";
    case PLAN_SHARE:
        (void) snprintf(buf, 40, "%llu%%", (unsigned long long) n / 10);
        return buf;
    case PLAN_TEXT:
        return *(const char *const *) field;
    case PLAN_FLAG:
        return *(const bool *) field ? "yes" : "no";
    }
    return "";
}

void plan_print(const struct plan *p, void (*put)(const char *name, const char *value, void *data),
                void *data) {
    for (int i = 0; i < OPTION_COUNT; i++) {
        char buf[40], name[32];
        if (i == OPTION_help || i == OPTION_version || i == OPTION_tidy || i == OPTION_quiet ||
            i == OPTION_set)
            continue;
        const char *value = value_text(p, &rows[i], buf);
        option_of(&rows[i], name);
        if (*value)
            put(name, value, data);
    }
    for (unsigned i = 0; i < p->n_sets; i++)
        put("set", p->sets[i], data);
}
