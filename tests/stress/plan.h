/* SPDX-License-Identifier: MIT
 * plan.h - what a run of miniprog-stress is to do: a named scenario, and options over it.
 * Layer: tests. Uses: base. Pure, but for what it prints. */
#ifndef STRESS_PLAN_H
#define STRESS_PLAN_H

#include <stdbool.h>
#include <stdint.h>

struct err;
struct str;

/* field (the option has '-' for '_'), kind, default, argument, help. */
#define PLAN_NUMBERS(X)                                                                            \
    X(time, SPAN, "60s", "SPAN", "the load lasts so long at most")                                 \
    X(turns, COUNT, "0", "N", "ends after so many turns (0: no limit)")                            \
    X(until_kills, COUNT, "0", "N", "ends after so many kills")                                    \
    X(until_warm, COUNT, "0", "N", "ends when so many apps are warm")                              \
    X(turn, SPAN, "1s", "SPAN", "an app stays in front so long")                                   \
    X(again, SHARE, "30%", "%", "turns that go back to one of the last five apps")                 \
    X(hide, SHARE, "0%", "%", "turns that hide the app in front instead")                          \
    X(end, SHARE, "0%", "%", "turns that close or kill an app instead")                            \
    X(seed, COUNT, "1", "N", "of the order of turns")                                              \
    X(sample, SPAN, "250ms", "SPAN", "figures are read so often")                                  \
    X(apps, COUNT, "16", "N", "apps, at most 500")                                                 \
    X(size, SIZE, "32M", "SIZE", "memory of each")                                                 \
    X(cache, SHARE, "0%", "%", "of it that is page cache")                                         \
    X(random, SHARE, "50%", "%", "of the rest that does not compress")                             \
    X(touch, SPAN, "100ms", "SPAN", "a running app touches all of it so often")                    \
    X(free, SHARE, "50%", "%", "an app that frees gives back so much when warned")                 \
    X(grow, SHARE, "10%", "%", "an app that grows takes so much more when warned")                 \
    X(leak, SIZE, "16M", "SIZE", "an app that leaks does so by so much a second")                  \
    X(need, SHARE, "0%", "%", "of its size that each declares as memory_need (0: none)")           \
    X(memory_high, SIZE, "0", "SIZE", "memory_high of each app (0: none)")                         \
    X(memory_max, SIZE, "0", "SIZE", "memory_max of each app (0: none)")                           \
    X(target, SHARE, "80%", "%", "density: share of what could be kept that must be")
#define PLAN_TEXTS(X)                                                                              \
    X(manners, TEXT, "free,keep", "LIST", "of the apps in turn: free, keep, grow, leak, …")        \
    X(socket, TEXT, "", "PATH", "the supervisor's control socket")                                 \
    X(miniprogd, TEXT, "", "PATH", "the program for --own and --baseline")                         \
    X(backend, TEXT, "auto", "NAME", "--backend of an own supervisor")                             \
    X(budget, TEXT, "auto", "SIZE", "[memory] budget of an own one: SIZE, none, auto")             \
    X(out, TEXT, "", "FOLDER", "where the results go (stress-SCENARIO)")                           \
    X(set, TEXT, "", "KEY=VALUE", "[section] key of an own one, as section.key; repeatable")
#define PLAN_FLAGS(X)                                                                              \
    X(own, FLAG, "", NULL, "starts a miniprogd of its own, and ends it")                           \
    X(baseline, FLAG, "", NULL, "the same again on an own one with policy=off")                    \
    X(quiet, FLAG, "", NULL, "no progress line")                                                   \
    X(tidy, FLAG, "", NULL, "removes what a killed run left in the supervisor")                    \
    X(help, FLAG, "", NULL, "this text")                                                           \
    X(version, FLAG, "", NULL, "prints the version")
#define PLAN_OPTIONS(X) PLAN_NUMBERS(X) PLAN_TEXTS(X) PLAN_FLAGS(X)

enum plan_kind { PLAN_SPAN, PLAN_COUNT, PLAN_SHARE, PLAN_SIZE, PLAN_TEXT, PLAN_FLAG };

#define PLAN_MANNERS(X)                                                                            \
    X(FREE, "free", "frees a share when it is warned")                                             \
    X(KEEP, "keep", "hears warnings and frees nothing")                                            \
    X(GROW, "grow", "takes more memory when it is warned")                                         \
    X(LEAK, "leak", "takes more all the time while it runs")                                       \
    X(FORK, "fork", "forks on, also while it is ended")                                            \
    X(DEAF, "deaf", "hears nothing, ignores SIGTERM")
#define X(id, name, help) MANNER_##id,
enum manner { PLAN_MANNERS(X) MANNER_COUNT };
#undef X

#define PLAN_APPS_MAX 500u
#define PLAN_SETS_MAX 32

enum scenario { SCENARIO_STORM, SCENARIO_LEAK, SCENARIO_DENSITY, SCENARIO_CHURN, SCENARIO_COUNT };

struct plan {
    enum scenario scenario;
#define X(name, kind, otherwise, argument, help) uint64_t name; /* usec, bytes, permille, N */
    PLAN_NUMBERS(X)
#undef X
#define X(name, kind, otherwise, argument, help) const char *name;
    PLAN_TEXTS(X)
#undef X
#define X(name, kind, otherwise, argument, help) bool name;
    PLAN_FLAGS(X)
#undef X
    const char *sets[PLAN_SETS_MAX]; /* every --set */
    unsigned n_sets;
    uint64_t budget_bytes; /* of an own supervisor; 0: none */
    enum manner order[PLAN_APPS_MAX];
};

/* Texts are borrowed from argv. With help, version or tidy no scenario is needed. Errors: -EINVAL
 * with a sentence. */
int plan_parse(int argc, char **argv, struct plan *ret, struct err *e);
void plan_help(struct str *out);
/* Every parameter that a scenario has, as "name value" lines for the report. */
void plan_print(const struct plan *p, void (*put)(const char *name, const char *value, void *data),
                void *data);

const char *scenario_name(enum scenario s);
const char *scenario_what(enum scenario s);
const char *scenario_promise(enum scenario s);
const char *manner_name(enum manner m);
const char *manner_help(enum manner m);

#endif
