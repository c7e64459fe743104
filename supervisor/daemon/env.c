/* SPDX-License-Identifier: MIT */
#include "supervisor/daemon/env.h"

#include <inttypes.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "supervisor/daemon/app.h"
#include "supervisor/daemon/daemon.h"

#define ENV_OURS 16 /* at least as many as env_build() sets */

const char *env_runtime_path(const struct app *app, const char *name, char *buf, size_t size) {
    (void) snprintf(buf, size, "%s/apps/%s%s%s", app->d->options.runtime_dir, app->id,
                    name ? "/" : "", name ? name : "");
    return buf;
}

char **env_free(char **env) {
    for (char **it = env; it && *it; it++)
        free(*it);
    free(env);
    return NULL;
}

struct builder {
    char **env;
    size_t n;
    bool failed;
};

static void set(struct builder *b, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static void set(struct builder *b, const char *fmt, ...) {
    va_list ap;
    va_start(ap, fmt);
    if (vasprintf(&b->env[b->n], fmt, ap) < 0) {
        b->env[b->n] = NULL;
        b->failed = true;
    } else {
        b->n++;
    }
    va_end(ap);
}

char **env_build(const struct app *app) {
    const struct manifest *m = app->manifest;
    const char *state = app->d->options.state_dir, *lang = getenv("LANG");
    char path[PATH_MAX];
    size_t own = 0;

    while (m->environment && m->environment[own])
        own++;
    struct builder b = { .env = calloc(ENV_OURS + own + 1, sizeof(char *)) };
    if (!b.env)
        return NULL;

    set(&b, "PATH=%s", ENV_PATH);
    set(&b, "LANG=%s", lang && *lang ? lang : "C.UTF-8");
    set(&b, "HOME=%s/apps/%s/data", state, app->id);
    set(&b, "MINIPROG_DATA=%s/apps/%s/data", state, app->id);
    set(&b, "MINIPROG_PACKAGE=%s/apps/%s/versions/%s/package", state, app->id,
        app->versions.current.name);
    set(&b, "MINIPROG_ID=%s", app->id);
    set(&b, "MINIPROG_VERSION=%" PRIu64, m->version_code);
    set(&b, "MINIPROG_ADDRESS=unix:%s", env_runtime_path(app, "socket", path, sizeof path));
    set(&b, "NOTIFY_SOCKET=%s", env_runtime_path(app, "notify", path, sizeof path));
    /* Something to write makes a program open the FIFO read-write, so that our going away is no
     * end of file to it: "-" in base64. sd-event reads it back as a first event, as it would hear
     * one from a PSI trigger that was just armed. Source: systemd's MEMORY_PRESSURE.md */
    set(&b, "MEMORY_PRESSURE_WATCH=%s", env_runtime_path(app, "pressure", path, sizeof path));
    set(&b, "MEMORY_PRESSURE_WRITE=LQ==");
    for (size_t i = 0; i < own; i++)
        set(&b, "%s", m->environment[i]);
    return b.failed ? env_free(b.env) : b.env;
}
