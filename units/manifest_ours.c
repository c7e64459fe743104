/* SPDX-License-Identifier: MIT
 * manifest_ours.c - the members under "miniprog". Source: design.md §7. */
#include "units/manifest_read.h"

#include <stdio.h>
#include <string.h>

#include "supervisor/base/cleanup.h"
#include "supervisor/base/err.h"
#include "supervisor/base/json.h"
#include "supervisor/base/parse.h"
#include "supervisor/base/text.h"
#include "units/manifest.h"

#define COUNT(array) (sizeof(array) / sizeof(array)[0])

unsigned manifest_background_bit(const char *kind) {
    static const struct {
        const char *name;
        unsigned bit;
    } kinds[] = {
        { "audio", BACKGROUND_AUDIO },
        { "location", BACKGROUND_LOCATION },
        { "task", BACKGROUND_TASK },
    };
    for (size_t i = 0; i < COUNT(kinds); i++)
        if (strcmp(kinds[i].name, kind) == 0)
            return kinds[i].bit;
    return 0;
}

static int read_exec(const struct json *exec, struct manifest *m, struct err *e) {
    static const struct manifest_list_rule rule = { "miniprog.exec", MANIFEST_EXEC_MAX, NULL,
                                                    manifest_check_text };
    const char *program = NULL;
    int r;

    if (!exec)
        return 0;
    r = manifest_read_strings(exec, &rule, &m->exec, e);
    if (r < 0)
        return r;
    program = m->exec[0];
    if (!program)
        return err_set(e, -EINVAL, "'miniprog.exec' must name a program");
    /* An absolute program is the machine's, any other the package's or a command's name. */
    return manifest_check_path("miniprog.exec", program + strspn(program, "/"), e);
}

static bool is_environment_name(const char *name) {
    if (!(*name == '_' || (*name >= 'a' && *name <= 'z') || (*name >= 'A' && *name <= 'Z')))
        return false;
    return name[strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_")] ==
           '\0';
}

/* Those that the supervisor sets itself, and the dynamic linker's: they change what "the program
 * of the package" is. */
static bool is_reserved(const char *name) {
    static const char *const prefixes[] = { "MINIPROG_", "LD_", "MEMORY_PRESSURE_" };
    for (size_t i = 0; i < COUNT(prefixes); i++)
        if (strncmp(name, prefixes[i], strlen(prefixes[i])) == 0)
            return true;
    return strcmp(name, "NOTIFY_SOCKET") == 0;
}

static int read_environment(const struct json *environment, struct manifest *m, struct err *e) {
    size_t n = 0;
    int r;

    if (environment && (r = manifest_require_object(environment, "miniprog.environment", e)) < 0)
        return r;
    if (environment && json_count(environment) > MANIFEST_ENVIRONMENT_MAX)
        return err_set(e, -EINVAL, "'miniprog.environment' has more than %d members",
                       MANIFEST_ENVIRONMENT_MAX);
    m->environment =
        calloc((environment ? json_count(environment) : 0) + 1, sizeof *m->environment);
    if (!m->environment)
        return -ENOMEM;
    for (const struct json *v = environment ? json_first(environment) : NULL; v; v = json_next(v)) {
        const char *name = json_name(v);
        if (!is_environment_name(name))
            return err_set(e, -EINVAL,
                           "'miniprog.environment' has a name other than letters, digits and '_'");
        if (is_reserved(name))
            return err_set(e, -EINVAL, "'miniprog.environment' may not set %.60s", name);
        if (json_kind(v) != JSON_STRING)
            return err_set(e, -EINVAL, "'miniprog.environment.%.60s' must be a text, not %s", name,
                           json_kind_name(json_kind(v)));
        if (strlen(name) + 1 + strlen(json_string(v)) > MANIFEST_TEXT_MAX)
            return err_set(e, -EINVAL, "'miniprog.environment.%.60s' is longer than %d bytes", name,
                           MANIFEST_TEXT_MAX);
        if (asprintf(&m->environment[n], "%s=%s", name, json_string(v)) < 0) {
            m->environment[n] = NULL; /* its value is undefined after a failure: asprintf(3) */
            return -ENOMEM;
        }
        n++;
    }
    return 0;
}

static int read_ready(const struct json *ours, struct manifest *m, struct err *e) {
    const char *ready = NULL;
    int r = manifest_get_text(ours, "ready", "miniprog.ready", &ready, e);

    if (r < 0)
        return r;
    if (ready && strcmp(ready, "notify") != 0 && (!m->exec || strcmp(ready, "exec") != 0))
        return err_set(e, -EINVAL, "'miniprog.ready' must be %s",
                       m->exec ? "\"exec\" or \"notify\"" : "\"notify\" where there is no 'exec'");
    m->ready_notify = !m->exec || (ready && strcmp(ready, "notify") == 0);
    return 0;
}

static int read_background(const struct json *background, struct manifest *m, struct err *e) {
    int r;

    if (!background)
        return 0;
    r = manifest_check_array(background, "miniprog.background", MANIFEST_BACKGROUND_MAX, e);
    if (r < 0)
        return r;
    for (const struct json *v = json_first(background); v; v = json_next(v)) {
        unsigned bit = manifest_background_bit(json_string(v));
        if (bit == 0)
            return err_set(e, -EINVAL,
                           "'miniprog.background' knows \"audio\", \"location\" and \"task\"");
        m->background |= bit;
    }
    return 0;
}

static int read_update_url(const struct json *ours, struct manifest *m, struct err *e) {
    const char *url = NULL, *host = NULL;
    int r = manifest_get_text(ours, "update_url", "miniprog.update_url", &url, e);

    if (r < 0 || !url)
        return r;
    if (strncmp(url, "https://", 8) == 0)
        host = url + 8;
    else if (strncmp(url, "http://", 7) == 0)
        host = url + 7;
    if (!host || *host == '\0' || *host == '/' || strlen(url) > MANIFEST_TEXT_MAX ||
        strchr(url, ' ') || text_has_control(url, strlen(url)))
        return err_set(e, -EINVAL, "'miniprog.update_url' must be an http or https URL");
    m->update_url = strdup(url);
    return m->update_url ? 0 : -ENOMEM;
}

/* Sizes and spans: all texts of one form, none of them may be 0. */
static const struct amount {
    const char *name, *whole;
    size_t offset;
    int (*parse)(const char *text, uint64_t *ret);
    uint64_t max;
    const char *like;
} amounts[] = {
#define SIZE(field)                                                                                \
    {                                                                                              \
#field, "miniprog." #field, offsetof(struct manifest, field), parse_size, UINT64_MAX - 1,  \
            "a size above 0 such as \"48M\""                                                       \
    }
#define SPAN(field)                                                                                \
    {                                                                                              \
#field, "miniprog." #field, offsetof(struct manifest, field##_us), parse_duration,         \
            MANIFEST_TIMEOUT_MAX_US, "a time above 0 and up to an hour such as \"10s\""            \
    }
    SIZE(memory_high), SIZE(memory_max), SIZE(memory_need), SPAN(start_timeout), SPAN(stop_timeout),
#undef SIZE
#undef SPAN
};

static int read_amounts(const struct json *ours, struct manifest *m, struct err *e) {
    for (size_t i = 0; i < COUNT(amounts); i++) {
        const struct amount *a = &amounts[i];
        const char *text = NULL;
        uint64_t value = 0;
        int r = manifest_get_text(ours, a->name, a->whole, &text, e);

        if (r < 0)
            return r;
        if (!text)
            continue;
        if (a->parse(text, &value) < 0 || value == 0 || value > a->max)
            return err_set(e, -EINVAL, "'%s' must be %s", a->whole, a->like);
        memcpy((char *) m + a->offset, &value, sizeof value);
    }
    if (m->memory_high != MANIFEST_UNSET && m->memory_high > m->memory_max)
        return err_set(e, -EINVAL, "'miniprog.memory_high' is above 'miniprog.memory_max'");
    return 0;
}

static int read_pids_max(const struct json *pids_max, struct manifest *m, struct err *e) {
    if (!pids_max)
        return 0;
    if (json_kind(pids_max) != JSON_INT || json_int(pids_max) < 1 ||
        json_int(pids_max) > MANIFEST_PIDS_MAX)
        return err_set(e, -EINVAL, "'miniprog.pids_max' must be a whole number from 1 to %d",
                       MANIFEST_PIDS_MAX);
    m->pids_max = (uint64_t) json_int(pids_max);
    return 0;
}

int manifest_read_ours(const struct json *ours, struct manifest *m, struct err *e) {
    int r = 0;

    if (ours && (r = manifest_require_object(ours, "miniprog", e)) < 0)
        return r;
    if ((r = read_exec(json_get(ours, "exec"), m, e)) < 0 ||
        (r = read_environment(json_get(ours, "environment"), m, e)) < 0 ||
        (r = read_ready(ours, m, e)) < 0 || (r = read_amounts(ours, m, e)) < 0 ||
        (r = read_pids_max(json_get(ours, "pids_max"), m, e)) < 0 ||
        (r = read_background(json_get(ours, "background"), m, e)) < 0)
        return r;
    return read_update_url(ours, m, e);
}
