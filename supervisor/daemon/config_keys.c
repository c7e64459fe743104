/* SPDX-License-Identifier: MIT
 * config_keys.c - the table of keys, and a reader for each kind of value.
 * Layer: 3, daemon. Uses: base. */
#include "supervisor/daemon/config_keys.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "supervisor/base/cleanup.h"
#include "supervisor/base/err.h"
#include "supervisor/base/parse.h"
#include "supervisor/base/text.h"
#include "supervisor/daemon/config.h"

#define SECOND     UINT64_C(1000000)
#define SPAN_MAX   (3650 * 24 * 3600 * SECOND) /* ten years: a sum with the clock never wraps */
#define GROUPS_MAX 32

enum kind {
    KIND_SPAN,     /* above 0 */
    KIND_SPAN_OFF, /* 0 and infinity are CONFIG_NEVER */
    KIND_COUNT,    /* unsigned, min..max */
    KIND_BOOL,
    KIND_SIZE,     /* min..max bytes */
    KIND_SIZE_OPT, /* the same, or empty: CONFIG_UNSET */
    KIND_TASKS,    /* a plain number, or empty: CONFIG_UNSET */
    KIND_SHARE,    /* permille */
    KIND_PSI,
    KIND_HOLD,
    KIND_APP,   /* an app id or empty; max: bytes of the member */
    KIND_WORD,  /* text; min 1: not empty; max: bytes of the member */
    KIND_UIDS,  /* uid_low and uid_high */
    KIND_NAMES, /* by spaces or commas */
};

struct key {
    const char *section, *name, *standard;
    enum kind kind;
    size_t offset;
    uint64_t min, max;
};

#define KEY(section, name, standard, kind, min, max)                                               \
    { #section, #name, standard, KIND_##kind, offsetof(struct config, section.name), min, max }
#define TEXT_KEY(section, name, standard, kind, min)                                               \
    KEY(section, name, standard, kind, min, sizeof(((struct config *) NULL)->section.name))

static const struct key keys[] = {
    KEY(lifecycle, suspend_after, "5s", SPAN_OFF, 1, SPAN_MAX),
    KEY(lifecycle, destroy_after, "30min", SPAN_OFF, 1, SPAN_MAX),
    KEY(lifecycle, background_grace, "20s", SPAN, 1, SPAN_MAX),
    KEY(lifecycle, max_foreground, "1", COUNT, 1, 10000),
    KEY(lifecycle, max_warm, "5", COUNT, 0, 100000),
    KEY(lifecycle, start_timeout, "10s", SPAN, 1, SPAN_MAX),
    KEY(lifecycle, stop_timeout, "5s", SPAN, 1, SPAN_MAX),
    KEY(lifecycle, suspend, "signal", HOLD, 0, 0),
    KEY(lifecycle, exit_state_expiry, "1d", SPAN, 1, SPAN_MAX),
    TEXT_KEY(lifecycle, home, "", APP, 0),

    KEY(memory, policy, "on", BOOL, 0, 0),
    KEY(memory, budget, "", SIZE_OPT, 1, INT64_MAX),
    KEY(memory, moderate, "some 70ms 1s", PSI, 0, 0),
    KEY(memory, low, "full 70ms 1s", PSI, 0, 0),
    KEY(memory, critical, "full 300ms 1s", PSI, 0, 0),
    KEY(memory, alarm_count, "2", COUNT, 1, 1000),
    KEY(memory, alarm_window, "5s", SPAN, 1, SPAN_MAX),
    KEY(memory, resume_budget, "150ms", SPAN, 1, SPAN_MAX),
    KEY(memory, available_low, "8%", SHARE, 0, 1000),
    KEY(memory, available_low_exit, "10%", SHARE, 0, 1000),
    KEY(memory, available_critical, "4%", SHARE, 0, 1000),
    KEY(memory, available_critical_exit, "6%", SHARE, 0, 1000),

    KEY(update, check_interval, "30min", SPAN, 1, SPAN_MAX),
    KEY(update, sync_timeout, "2s", SPAN, 1, SPAN_MAX),
    KEY(update, sync_after, "7d", SPAN, 1, SPAN_MAX),
    KEY(update, install_timeout, "60s", SPAN, 1, SPAN_MAX),
    KEY(update, allow_http, "no", BOOL, 0, 0),
    KEY(update, trials, "3", COUNT, 1, 100),
    KEY(update, healthy_after, "10s", SPAN, 1, SPAN_MAX),

    { "apps", "uid_range", "70000-89999", KIND_UIDS, 0, 1, UINT32_MAX - 1 },
    KEY(apps, groups, "", NAMES, 0, GROUPS_MAX),
    KEY(apps, memory_high, "", SIZE_OPT, 1, INT64_MAX),
    KEY(apps, memory_max, "", SIZE_OPT, 1, INT64_MAX),
    KEY(apps, pids_max, "256", TASKS, 1, INT32_MAX),
    KEY(apps, data_size, "", SIZE_OPT, 1, INT64_MAX),
    KEY(apps, log_size, "1M", SIZE, 16 * 1024, INT64_MAX),
    TEXT_KEY(apps, javascript, "miniprog-js", WORD, 1),
    TEXT_KEY(apps, base_library, "", WORD, 0),

    TEXT_KEY(control, group, "miniprog", WORD, 1),
    KEY(control, max_clients, "64", COUNT, 1, 100000),
    KEY(control, dialog_timeout, "60s", SPAN, 1, SPAN_MAX),
};
#define KEY_COUNT (sizeof keys / sizeof keys[0])
_Static_assert(KEY_COUNT <= CONFIG_KEYS_MAX, "callers have tables of CONFIG_KEYS_MAX");

static const struct config_pair pairs[] = {
    { "memory", "available_low", "available_low_exit" },
    { "memory", "available_critical", "available_critical_exit" },
};

size_t config_key_count(void) {
    return KEY_COUNT;
}
const char *config_key_section(size_t key) {
    return keys[key].section;
}
const char *config_key_name(size_t key) {
    return keys[key].name;
}

int config_key_find(const char *section, const char *name) {
    bool section_is_known = false;

    for (size_t i = 0; i < KEY_COUNT; i++) {
        if (strcmp(keys[i].section, section) != 0)
            continue;
        section_is_known = true;
        if (strcmp(keys[i].name, name) == 0)
            return (int) i;
    }
    return section_is_known ? -ENOENT : -ENOTDIR;
}

static int set_span(const struct key *k, const char *value, uint64_t *to, struct err *e) {
    uint64_t span;
    int r = parse_duration(value, &span);

    if (r == -EINVAL)
        return err_set(e, r, "'%.40s' is not a span of time like 500ms, 5s, 30min", value);
    if (r == 0 && k->kind == KIND_SPAN_OFF && (span == 0 || span == PARSE_FOREVER))
        span = CONFIG_NEVER;
    else if (r == 0 && span < k->min)
        return err_set(e, -EINVAL, "must be above 0");
    else if (r < 0 || span > k->max)
        return err_set(e, -EINVAL, "'%.40s' is too long a time", value);
    *to = span;
    return 0;
}

static int check_range(const struct key *k, const char *value, uint64_t n, struct err *e) {
    char low[16], high[16];

    if (n >= k->min && n <= k->max)
        return 0;
    if (k->kind == KIND_COUNT || k->kind == KIND_TASKS)
        return err_set(e, -EINVAL, "'%.40s' is not from %llu to %llu", value,
                       (unsigned long long) k->min, (unsigned long long) k->max);
    return err_set(e, -EINVAL, "'%.40s' is not from %s to %s", value,
                   format_size(k->min, low, sizeof low), format_size(k->max, high, sizeof high));
}

static int read_number(const struct key *k, const char *value, uint64_t *ret, struct err *e) {
    uint64_t n;
    int r = parse_u64(value, &n);

    if (r == -EINVAL)
        return err_set(e, r, "'%.40s' is not a number", value);
    r = check_range(k, value, r < 0 ? UINT64_MAX : n, e);
    if (r == 0)
        *ret = n;
    return r;
}

static int set_size(const struct key *k, const char *value, uint64_t *to, struct err *e) {
    uint64_t n;
    int r = parse_size(value, &n);

    if (r == -EINVAL)
        return err_set(e, r, "'%.40s' is not a size like 65536, 48M, 1G", value);
    r = check_range(k, value, r < 0 ? UINT64_MAX : n, e);
    if (r == 0)
        *to = n;
    return r;
}

static int set_bool(const char *value, bool *to, struct err *e) {
    if (parse_bool(value, to) < 0)
        return err_set(e, -EINVAL, "'%.40s' is neither yes nor no", value);
    return 0;
}

static int set_share(const char *value, uint32_t *to, struct err *e) {
    uint32_t permille;

    if (parse_percent(value, &permille) < 0 || permille > 1000)
        return err_set(e, -EINVAL, "'%.40s' is not a share from 0%% to 100%%", value);
    *to = permille;
    return 0;
}

/* The kernel's form with spans. Source of the window's bounds: Documentation/accounting/psi.rst. */
static int set_psi(const char *value, struct config_psi *to, struct err *e) {
    struct config_psi psi;
    char kind[8], stall[24], window[24], rest;

    if (sscanf(value, "%7s %23s %23s %c", kind, stall, window, &rest) != 3 ||
        (strcmp(kind, "some") != 0 && strcmp(kind, "full") != 0) ||
        parse_duration(stall, &psi.stall_us) < 0 || parse_duration(window, &psi.window_us) < 0)
        return err_set(e, -EINVAL, "'%.40s' is not of the form 'some|full STALL WINDOW'", value);
    psi.full = kind[0] == 'f';
    if (psi.window_us < SECOND / 2 || psi.window_us > 10 * SECOND)
        return err_set(e, -EINVAL, "the window '%s' is not from 500ms to 10s", window);
    if (psi.stall_us == 0 || psi.stall_us > psi.window_us)
        return err_set(e, -EINVAL, "the stall '%s' is not above 0 and within the window '%s'",
                       stall, window);
    *to = psi;
    return 0;
}

static int set_hold(const char *value, enum cgrp_hold *to, struct err *e) {
    if (strcmp(value, "signal") == 0)
        *to = CGRP_HOLD_SIGNAL;
    else if (strcmp(value, "cgroup") == 0)
        *to = CGRP_HOLD_FREEZE;
    else
        return err_set(e, -EINVAL, "'%.40s' is neither signal nor cgroup", value);
    return 0;
}

static int set_text(const struct key *k, const char *value, char *to, struct err *e) {
    size_t n = strlen(value);

    if (k->kind == KIND_APP && n > 0 && !text_is_app_id(value))
        return err_set(e, -EINVAL, "'%.70s' is not an app's id", value);
    if (n < k->min)
        return err_set(e, -EINVAL, "must not be empty");
    if (n >= k->max)
        return err_set(e, -EINVAL, "is longer than %zu bytes", (size_t) k->max - 1);
    if (!text_is_utf8(value, n) || text_has_control(value, n))
        return err_set(e, -EINVAL, "has bytes that are not text");
    memcpy(to, value, n + 1);
    return 0;
}

static int set_uids(const struct key *k, struct config *c, const char *value, struct err *e) {
    uint64_t low, high;

    if (parse_range(value, &low, &high) < 0)
        return err_set(e, -EINVAL, "'%.40s' is not a range like 70000-89999", value);
    if (low < k->min || high > k->max)
        return err_set(e, -EINVAL, "'%.40s' is not within %llu-%llu", value,
                       (unsigned long long) k->min, (unsigned long long) k->max);
    c->apps.uid_low = (uid_t) low;
    c->apps.uid_high = (uid_t) high;
    return 0;
}

/* One block: the pointers, then the names that they point to. */
static int set_names(const struct key *k, const char *value, char ***to, struct err *e) {
    size_t n = strlen(value), count = 0;
    char **names = malloc((k->max + 1) * sizeof *names + n + 1), *text, *save = NULL;

    if (!names)
        return err_set(e, -ENOMEM, "no memory for '%.40s'", value);
    text = memcpy((char *) (names + k->max + 1), value, n + 1);
    for (char *name = strtok_r(text, ", \t", &save); name; name = strtok_r(NULL, ", \t", &save)) {
        if (count == k->max || !text_is_utf8(name, strlen(name))) {
            free(names);
            return err_set(e, -EINVAL,
                           count == k->max ? "has more than %d names"
                                           : "has bytes that are not text",
                           GROUPS_MAX);
        }
        names[count++] = name;
    }
    names[count] = NULL;
    free(*to);
    *to = names;
    return 0;
}

int config_key_set(struct config *c, size_t key, const char *value, struct err *e) {
    const struct key *k = &keys[key];
    void *to = (char *) c + k->offset;
    uint64_t n = 0;
    int r;

    switch (k->kind) {
    case KIND_SPAN:
    case KIND_SPAN_OFF:
        return set_span(k, value, to, e);
    case KIND_COUNT:
        r = read_number(k, value, &n, e);
        if (r == 0)
            *(unsigned *) to = (unsigned) n;
        return r;
    case KIND_TASKS:
    case KIND_SIZE_OPT:
        if (value[0] == '\0') {
            *(uint64_t *) to = CONFIG_UNSET;
            return 0;
        }
        return k->kind == KIND_TASKS ? read_number(k, value, to, e) : set_size(k, value, to, e);
    case KIND_SIZE:
        return set_size(k, value, to, e);
    case KIND_BOOL:
        return set_bool(value, to, e);
    case KIND_SHARE:
        return set_share(value, to, e);
    case KIND_PSI:
        return set_psi(value, to, e);
    case KIND_HOLD:
        return set_hold(value, to, e);
    case KIND_APP:
    case KIND_WORD:
        return set_text(k, value, to, e);
    case KIND_UIDS:
        return set_uids(k, c, value, e);
    case KIND_NAMES:
        return set_names(k, value, to, e);
    }
    return err_set(e, -EINVAL, "is of no known kind");
}

void config_key_given(struct config *c, size_t key) {
    if (keys[key].kind == KIND_UIDS)
        c->apps.uid_range_given = true;
    else if (keys[key].offset == offsetof(struct config, control.group))
        c->control.group_given = true;
}

int config_keys_default(struct config *c) {
    for (size_t i = 0; i < KEY_COUNT; i++) {
        int r = config_key_set(c, i, keys[i].standard, NULL);
        if (r < 0)
            return r;
    }
    return 0;
}

static uint32_t share_of(const struct config *c, const char *section, const char *name) {
    return *(const uint32_t *) (const void *) ((const char *) c +
                                               keys[config_key_find(section, name)].offset);
}

int config_keys_check(const struct config *c, struct config_pair *ret) {
    for (size_t i = 0; i < sizeof pairs / sizeof pairs[0]; i++)
        if (share_of(c, pairs[i].section, pairs[i].higher) <
            share_of(c, pairs[i].section, pairs[i].lower)) {
            *ret = pairs[i];
            return 1;
        }
    return 0;
}
