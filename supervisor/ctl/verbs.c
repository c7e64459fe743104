/* SPDX-License-Identifier: MIT
 * verbs.c - what each verb asks of the daemon. */
#include "supervisor/ctl/verbs.h"

#include <errno.h>
#include <inttypes.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "supervisor/base/cleanup.h"
#include "supervisor/base/parse.h"
#include "supervisor/ctl/call.h"
#include "supervisor/ctl/ctl.h"
#include "supervisor/ctl/progress.h"
#include "supervisor/ctl/run.h"
#include "supervisor/ctl/show.h"
#include "supervisor/ctl/tool.h"
#include "supervisor/ctl/top.h"
#include "supervisor/wire/interfaces.h"

#define BIT(option) (1u << OPT_##option)

static const char *arg(const struct ctl *c, size_t i) {
    return i < c->options.n_args ? c->options.args[i] : NULL;
}

/* Writes an option's number as that member, if it was given. CTL_DONE or CTL_USAGE, said. */
static int put_number(const struct ctl *c, struct request *q, enum option_id id,
                      const char *member) {
    int64_t n;

    if (!options_given(&c->options, id))
        return CTL_DONE;
    if (parse_i64(c->options.value[id], &n) < 0)
        return ctl_usage("--%s must be a whole number, not '%s'", option_name(id),
                         c->options.value[id]);
    jsonw_int(&q->w, member, n);
    return CTL_DONE;
}

/* A verb that only names an app. */
static int call_for_app(struct ctl *c, const char *method, page_fn show) {
    REQUEST(q);
    jsonw_string(&q.w, "id", arg(c, 0));
    return call(c, method, &q, show);
}

static int run_list(struct ctl *c) {
    REQUEST(q);
    return call(c, "List", &q, show_list);
}

static int run_status(struct ctl *c) {
    return call_for_app(c, "Status", show_status);
}

/* --query k=v … as an object. */
static int put_query(const struct ctl *c, struct request *q) {
    const struct options *o = &c->options;

    jsonw_object(&q->w, "query");
    for (size_t i = 0; i < o->n_query; i++) {
        const char *value = strchr(o->query[i], '=');
        size_t n = value ? (size_t) (value - o->query[i]) : 0;
        CLEANUP(free_p) char *key = strndup(o->query[i], n);

        if (!key)
            return ctl_fail(CTL_FAILED, "out of memory");
        if (n == 0)
            return ctl_usage("--query must be KEY=VALUE, not '%s'", o->query[i]);
        for (size_t k = 0; k < i; k++)
            if (strncmp(o->query[k], o->query[i], n + 1) == 0)
                return ctl_usage("--query names '%s' twice", key);
        jsonw_string(&q->w, key, value + 1);
    }
    jsonw_end_object(&q->w);
    return CTL_DONE;
}

static int run_open(struct ctl *c) {
    int r;
    REQUEST(q);

    jsonw_string(&q.w, "id", arg(c, 0));
    jsonw_string(&q.w, "path", arg(c, 1));
    if (options_given(&c->options, OPT_QUERY)) {
        r = put_query(c, &q);
        if (r != CTL_DONE)
            return r;
    }
    r = put_number(c, &q, OPT_SCENE, "scene");
    return r == CTL_DONE ? call(c, "Open", &q, show_start) : r;
}

static int run_hide(struct ctl *c) {
    int r;
    REQUEST(q);

    jsonw_string(&q.w, "id", arg(c, 0));
    r = put_number(c, &q, OPT_REASON, "reason");
    return r == CTL_DONE ? call(c, "Hide", &q, NULL) : r;
}

static int run_close(struct ctl *c) {
    return call_for_app(c, "Close", NULL);
}

static int run_kill(struct ctl *c) {
    return call_for_app(c, "Kill", NULL);
}

static int run_install(struct ctl *c) {
    const char *source = arg(c, 0);
    CLEANUP(free_p) char *absolute = NULL;
    REQUEST(q);

    /* The daemon has another working directory; a URL is the same everywhere. */
    if (!strstr(source, "://")) {
        absolute = realpath(source, NULL);
        if (!absolute)
            return ctl_fail(CTL_FAILED, "cannot install '%s': %s", source, strerror(errno));
        source = absolute;
    }
    jsonw_string(&q.w, "source", source);
    if (options_given(&c->options, OPT_UNSIGNED))
        jsonw_bool(&q.w, "unsigned", true);
    return progress_install(c, &q);
}

static int run_remove(struct ctl *c) {
    REQUEST(q);
    jsonw_string(&q.w, "id", arg(c, 0));
    if (options_given(&c->options, OPT_KEEP_DATA))
        jsonw_bool(&q.w, "keep_data", true);
    return call(c, "Remove", &q, NULL);
}

static int run_warn(struct ctl *c) {
    static const struct {
        int level;
        const char *number, *name;
    } levels[] = { { 5, "5", "moderate" }, { 10, "10", "low" }, { 15, "15", "critical" } };
    const char *word = arg(c, 0);
    REQUEST(q);

    for (size_t i = 0; i < sizeof levels / sizeof *levels; i++)
        if (strcmp(word, levels[i].number) == 0 || strcmp(word, levels[i].name) == 0) {
            jsonw_int(&q.w, "level", levels[i].level);
            jsonw_string(&q.w, "id", arg(c, 1));
            return call(c, "Warn", &q, show_delivered);
        }
    return ctl_usage("LEVEL must be 5, 10 or 15 (or moderate, low, critical), not '%s'", word);
}

/* Where apps print to the journal, journalctl reads it better than we could. */
static int run_journalctl(struct ctl *c, bool endless) {
    const char *argv[10] = { "journalctl", "--quiet", "--no-pager", "-t", arg(c, 0) };
    size_t n = 5;

    argv[n++] = "-o";
    argv[n++] = options_given(&c->options, OPT_JSON) ? "json" : "cat";
    if (endless)
        argv[n++] = "-f";
    (void) execvp(argv[0], (char **) (uintptr_t) argv);
    return ctl_fail(CTL_FAILED,
                    "the journal has what '%s' prints, but journalctl cannot be run: %s", arg(c, 0),
                    strerror(errno));
}

static int run_logs(struct ctl *c) {
    bool endless = options_given(&c->options, OPT_FOLLOW);
    REQUEST(q);

    jsonw_string(&q.w, "id", arg(c, 0));
    if (endless)
        jsonw_bool(&q.w, "follow", true);
    c->may_be_missing = WIRE_SUPERVISOR ".Logs";
    int r = call_stream(c, "Logs", &q, show_line, NULL, endless);
    return c->missing ? run_journalctl(c, endless) : r;
}

static int run_watch(struct ctl *c) {
    struct watch state = { 0 };
    REQUEST(q);

    jsonw_string(&q.w, "id", arg(c, 0));
    return call_stream(c, "Watch", &q, show_event, &state, true);
}

/* Without an app it is about a recorded trace, and no daemon is asked. */
static int run_why(struct ctl *c) {
    bool replay = options_given(&c->options, OPT_REPLAY);

    if (replay && arg(c, 0))
        return ctl_usage("'why' takes an ID or --replay, not both");
    if (replay)
        return tool_replay(c->options.value[OPT_REPLAY]);
    if (!arg(c, 0))
        return ctl_usage("'why' needs more: why ID, or why --replay FILE");
    return call_for_app(c, "Why", show_why);
}

static int run_memory(struct ctl *c) {
    REQUEST(q);
    return call(c, "Memory", &q, show_memory);
}

static int run_top(struct ctl *c) {
    if (options_given(&c->options, OPT_JSON))
        return ctl_usage("'top' draws a screen: for programs there are memory --json and "
                         "watch --json");
    return top_run(c);
}

static int run_check(struct ctl *c) {
    REQUEST(q);
    jsonw_string(&q.w, "id", arg(c, 0));
    return progress_check(c, &q, arg(c, 0));
}

static int run_apply(struct ctl *c) {
    return call_for_app(c, "ApplyUpdate", show_version);
}

static int run_rollback(struct ctl *c) {
    return call_for_app(c, "Rollback", show_version);
}

static int run_simulate_update(struct ctl *c) {
    const char *outcome = arg(c, 1);
    REQUEST(q);

    if (strcmp(outcome, "ready") != 0 && strcmp(outcome, "failed") != 0)
        return ctl_usage("the outcome must be ready or failed, not '%s'", outcome);
    jsonw_string(&q.w, "id", arg(c, 0));
    jsonw_string(&q.w, "outcome", outcome);
    return call(c, "SimulateUpdate", &q, NULL);
}

static int run_answer(struct ctl *c) {
    const char *word = arg(c, 1);
    bool yes = strcmp(word, "yes") == 0;
    int64_t n;
    REQUEST(q);

    if (parse_i64(arg(c, 0), &n) < 0)
        return ctl_usage("N must be a dialog's number, not '%s'", arg(c, 0));
    if (!yes && strcmp(word, "no") != 0)
        return ctl_usage("the answer must be yes or no, not '%s'", word);
    jsonw_int(&q.w, "dialog", n);
    jsonw_bool(&q.w, "confirm", yes);
    return call(c, "Answer", &q, NULL);
}

static int run_run(struct ctl *c) {
    return run_folder(c, arg(c, 0));
}

static int run_pack(struct ctl *c) {
    return tool_worker(&c->options, "pack");
}

static int run_index(struct ctl *c) {
    return tool_worker(&c->options, "make-index");
}

static const struct verb verbs[] = {
    { "list", "", "all apps and their states", 0, 0, 0, run_list },
    { "status", "ID", "everything about one app", 1, 1, 0, run_status },
    { "open", "ID [PATH] [--query K=V]... [--scene N]", "start it or bring it back", 1, 2,
      BIT(QUERY) | BIT(SCENE), run_open },
    { "hide", "ID [--reason N]", "send it to the background", 1, 1, BIT(REASON), run_hide },
    { "close", "ID", "end it in order", 1, 1, 0, run_close },
    { "kill", "ID", "end it at once", 1, 1, 0, run_kill },
    { "install", "SOURCE [--unsigned]", "a folder, a .ma file or a URL", 1, 1, BIT(UNSIGNED),
      run_install },
    { "remove", "ID [--keep-data]", "uninstall it", 1, 1, BIT(KEEP_DATA), run_remove },
    { "check", "ID", "is there an update?", 1, 1, 0, run_check },
    { "apply", "ID", "have its update take over", 1, 1, 0, run_apply },
    { "rollback", "ID", "back to the version before", 1, 1, 0, run_rollback },
    { "run", "FOLDER", "open it, anew at each change", 1, 1, 0, run_run },
    { "simulate-update", "ID ready|failed", "try what an app does then", 2, 2, 0,
      run_simulate_update },
    { "warn", "LEVEL [ID]", "try a warning: 5, 10 or 15", 1, 2, 0, run_warn },
    { "logs", "ID [-f]", "what it printed; -f follows", 1, 1, BIT(FOLLOW), run_logs },
    { "watch", "[ID]", "what happens, live", 0, 1, 0, run_watch },
    { "memory", "", "who has it, who would go next", 0, 0, 0, run_memory },
    { "top", "", "the same, live, with keys", 0, 0, 0, run_top },
    { "why", "ID | --replay FILE", "what was decided, and why", 0, 1, BIT(REPLAY), run_why },
    { "answer", "N yes|no", "answer an app's dialog", 2, 2, 0, run_answer },
    { "pack", "FOLDER [-o FILE]", "make a package file of it", 1, 1, BIT(OUTPUT), run_pack },
    { "index", "FILE... [OPTION]...", "an update index, to be signed", 1, SIZE_MAX,
      BIT(OUTPUT) | BIT(BASE_URL) | BIT(SEQUENCE) | BIT(EXPIRES) | BIT(MINIMUM_USABLE) |
          BIT(DOWNGRADE_TO) | BIT(NEXT_KEY) | BIT(ROLLOUT),
      run_index },
};

const struct verb *verb_find(const char *name) {
    for (size_t i = 0; i < sizeof verbs / sizeof *verbs; i++)
        if (strcmp(verbs[i].name, name) == 0)
            return &verbs[i];
    return NULL;
}

void verb_help(const struct verb *v, struct str *out) {
    size_t n = strlen(v->name);
    int room = n > 7 ? 38 + 7 - (int) n : 38;

    (void) str_printf(out, "  %-7s %-*s  %s\n", v->name, room, v->usage, v->help);
}

void verbs_help(struct str *out) {
    for (size_t i = 0; i < sizeof verbs / sizeof *verbs; i++)
        verb_help(&verbs[i], out);
}
