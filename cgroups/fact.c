/* SPDX-License-Identifier: MIT */
#include "cgroups/fact.h"

#include "supervisor/base/parse.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

const uint32_t cgrp_share_entry[CGRP_STEPS] = { 850, 920, 970 };

static const struct {
    const char *name;
    enum cgrp_source source;
    bool of_app;
    const char *figure[CGRP_FIGURES];
} kinds[CGRP_FACT_COUNT] = {
#define X(id, name, source, of_app, a, b, c, d)                                                    \
    [CGRP_FACT_##id] = { name, CGRP_SOURCE_##source, of_app, { a, b, c, d } },
    CGRP_FACTS(X)
#undef X
};

static const char *const sources[CGRP_SOURCE_COUNT] = {
#define X(id, name) [CGRP_SOURCE_##id] = name,
    CGRP_SOURCES(X)
#undef X
};

const char *cgrp_source_name(enum cgrp_source source) {
    return (unsigned) source < CGRP_SOURCE_COUNT ? sources[source] : "?";
}

const char *cgrp_fact_name(enum cgrp_fact_kind kind) {
    return (unsigned) kind < CGRP_FACT_COUNT ? kinds[kind].name : "?";
}

int cgrp_fact_parse(const char *name, enum cgrp_fact_kind *ret) {
    for (int k = 0; k < CGRP_FACT_COUNT; k++)
        if (strcmp(kinds[k].name, name) == 0) {
            *ret = (enum cgrp_fact_kind) k;
            return 0;
        }
    return -EINVAL;
}

enum cgrp_source cgrp_fact_source(enum cgrp_fact_kind kind) {
    return kinds[kind].source;
}

bool cgrp_fact_is_of_app(enum cgrp_fact_kind kind) {
    return kinds[kind].of_app;
}

const char *cgrp_fact_figure(enum cgrp_fact_kind kind, unsigned i) {
    return i < CGRP_FIGURES ? kinds[kind].figure[i] : NULL;
}

/* part / whole in permille, without overflow for any 64-bit sizes. */
static uint32_t permille_of(uint64_t part, uint64_t whole) {
    if (whole == 0)
        return part ? 1000000 : 0;
    unsigned __int128 p = (unsigned __int128) part * 1000 / whole;
    return p > 1000000 ? 1000000 : (uint32_t) p;
}

uint32_t cgrp_share(uint64_t usage, uint64_t cache, uint64_t limit) {
    /* The two were not read in one instant: cache may be the greater. */
    return permille_of(usage > cache ? usage - cache : 0, limit);
}

int cgrp_level_by_share(uint32_t permille, int held) {
    for (int i = CGRP_STEPS - 1; i >= 0; i--)
        if (permille >= cgrp_share_entry[i] ||
            (held >= CGRP_LEVEL(i) && permille >= cgrp_share_entry[i] - CGRP_SHARE_HYSTERESIS))
            return CGRP_LEVEL(i);
    return 0;
}

int cgrp_level_by_available(uint32_t permille, const struct cgrp_available *limits, int held) {
    for (int i = 1; i >= 0; i--)
        if (permille < limits->enter[i] ||
            (held >= CGRP_LEVEL(i + 1) && permille < limits->leave[i]))
            return CGRP_LEVEL(i + 1);
    return 0;
}

int cgrp_level_of_share(const struct cgrp_fact *fact, int held) {
    return cgrp_level_by_share(cgrp_share(fact->figure[0], fact->figure[1], fact->figure[2]), held);
}

int cgrp_level_of_available(const struct cgrp_fact *fact, const struct cgrp_available *limits,
                            int held) {
    return cgrp_level_by_available(permille_of(fact->figure[0], fact->figure[1]), limits, held);
}

struct cgrp_fact cgrp_fact_of_share(enum cgrp_fact_kind kind, uint64_t usage, uint64_t cache,
                                    uint64_t limit) {
    return (struct cgrp_fact){
        .kind = kind,
        .source = cgrp_fact_source(kind),
        .level = cgrp_level_by_share(cgrp_share(usage, cache, limit), 0),
        .slot = -1,
        .figure = { usage, cache, limit },
    };
}

struct cgrp_fact cgrp_fact_of_available(uint64_t available, uint64_t total,
                                        const struct cgrp_available *limits) {
    return (struct cgrp_fact){
        .kind = CGRP_FACT_AVAILABLE,
        .source = CGRP_SOURCE_SYSTEM,
        .level = cgrp_level_by_available(permille_of(available, total), limits, 0),
        .slot = -1,
        .figure = { available, total },
    };
}

static const char *share_text(const struct cgrp_fact *f, char *buf, size_t size) {
    uint32_t share = cgrp_share(f->figure[0], f->figure[1], f->figure[2]);
    char limit[16], cache[16];

    (void) snprintf(buf, size, "%u.%u%% of %s in use, %s of cache that can go not counted",
                    share / 10, share % 10, format_size(f->figure[2], limit, sizeof limit),
                    format_size(f->figure[1], cache, sizeof cache));
    return buf;
}

static const char *available_text(const struct cgrp_fact *f, char *buf, size_t size) {
    uint32_t share = permille_of(f->figure[0], f->figure[1]);
    char available[16], total[16];

    (void) snprintf(buf, size, "%s of %s available, %u.%u%%",
                    format_size(f->figure[0], available, sizeof available),
                    format_size(f->figure[1], total, sizeof total), share / 10, share % 10);
    return buf;
}

static const char *psi_text(const struct cgrp_fact *f, char *buf, size_t size) {
    char stall[32], window[32];

    (void) snprintf(buf, size,
                    "%s waited for memory %s in %s%s, %" PRIu64 ".%02" PRIu64 "%% in the last 10 s",
                    f->level == CGRP_MODERATE ? "something" : "everything",
                    format_duration(f->figure[2], stall, sizeof stall),
                    format_duration(f->figure[3], window, sizeof window),
                    f->kind == CGRP_FACT_PSI_APPS ? " among the apps" : "", f->figure[0] / 100,
                    f->figure[0] % 100);
    return buf;
}

static const char *room_text(const struct cgrp_fact *f, char *buf, size_t size) {
    char need[16], room[16];

    (void) snprintf(buf, size, "it needs %s, there is room for %s",
                    format_size(f->figure[0], need, sizeof need),
                    format_size(f->figure[1], room, sizeof room));
    return buf;
}

const char *cgrp_fact_text(const struct cgrp_fact *fact, char *buf, size_t size) {
    switch (fact->kind) {
    case CGRP_FACT_BUDGET:
    case CGRP_FACT_LIMIT:
        return share_text(fact, buf, size);
    case CGRP_FACT_AVAILABLE:
        return available_text(fact, buf, size);
    case CGRP_FACT_PSI_SYSTEM:
    case CGRP_FACT_PSI_APPS:
        return psi_text(fact, buf, size);
    case CGRP_FACT_ROOM:
        return room_text(fact, buf, size);
    case CGRP_FACT_KILLED:
        (void) snprintf(buf, size, "the kernel killed in its group, %" PRIu64 " so far",
                        fact->figure[0]);
        return buf;
    case CGRP_FACT_SUSPEND:
        (void) snprintf(buf, size, "it is about to be suspended");
        return buf;
    case CGRP_FACT_TEST:
        (void) snprintf(buf, size, "asked for by Warn");
        return buf;
    case CGRP_FACT_COUNT:
        break;
    }
    (void) snprintf(buf, size, "?");
    return buf;
}
