/* SPDX-License-Identifier: MIT */
#include "tests/stress/kit.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "supervisor/base/cleanup.h"
#include "supervisor/base/err.h"
#include "supervisor/base/fs.h"
#include "supervisor/base/json.h"
#include "supervisor/base/jsonw.h"
#include "supervisor/base/str.h"
#include "tests/stress/link.h"
#include "tests/stress/plan.h"

#define APP_PROGRAM "miniprog-stress-app"
#define PROGRAM_MAX ((size_t) 64 * 1024 * 1024)

void kit_id(char id[KIT_ID_SIZE], unsigned i) {
    (void) snprintf(id, KIT_ID_SIZE, KIT_PREFIX "a%02u", i + 1);
}

static bool try_path(char *ret, size_t size, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
static bool try_path(char *ret, size_t size, const char *fmt, ...) {
    va_list ap;

    va_start(ap, fmt);
    int n = vsnprintf(ret, size, fmt, ap);
    va_end(ap);
    return n > 0 && (size_t) n < size && access(ret, X_OK) == 0;
}

int kit_find(const char *program, const char *under, char *ret, size_t size, struct err *e) {
    const char *libexec = getenv("MINIPROG_LIBEXEC");
    char here[PATH_MAX], path[PATH_MAX + 64];
    ssize_t n = readlink("/proc/self/exe", here, sizeof here - 1);

    here[n > 0 ? n : 0] = '\0';
    char *slash = strrchr(here, '/');
    if (slash)
        *slash = '\0';
    if ((libexec && try_path(path, sizeof path, "%s/%s", libexec, program)) ||
        try_path(path, sizeof path, "%s/%s", here, program) ||
        try_path(path, sizeof path, "%s/../%s/%s", here, under, program) ||
        try_path(path, sizeof path, "%s/../../%s/%s", MINIPROG_LIBEXECDIR, under, program)) {
        if (strlen(path) < size) {
            (void) snprintf(ret, size, "%s", path);
            return 0;
        }
    }
    return err_set(e, -ENOENT, "cannot find the program '%s'", program);
}

/* --- a package ---------------------------------------------------------------------------- */

static void add_exec(struct jsonw *w, const struct plan *p, enum manner m) {
    char text[64];
    const struct {
        const char *name;
        uint64_t value;
        bool there;
        const char *unit;
    } arguments[] = {
        { "size", p->size, true, "" },
        { "cache", p->cache, p->cache > 0, "%" },
        { "random", p->random, true, "%" },
        { "touch", p->touch, true, "us" },
        { "free", p->free, m == MANNER_FREE, "%" },
        { "grow", p->grow, m == MANNER_GROW, "%" },
        { "leak", p->leak, m == MANNER_LEAK, "" },
    };

    jsonw_array(w, "exec");
    jsonw_string(w, NULL, "bin/" APP_PROGRAM);
    for (size_t i = 0; i < sizeof arguments / sizeof arguments[0]; i++) {
        unsigned long long v = arguments[i].value;
        if (!arguments[i].there)
            continue;
        if (arguments[i].unit[0] == '%')
            (void) snprintf(text, sizeof text, "--%s=%llu.%llu%%", arguments[i].name, v / 10,
                            v % 10);
        else
            (void) snprintf(text, sizeof text, "--%s=%llu%s", arguments[i].name, v,
                            arguments[i].unit);
        jsonw_string(w, NULL, text);
    }
    if (m == MANNER_FORK)
        jsonw_string(w, NULL, "--forks");
    if (m == MANNER_DEAF)
        jsonw_string(w, NULL, "--deaf");
    jsonw_end_array(w);
}

static void add_size(struct jsonw *w, const char *key, uint64_t bytes) {
    char text[32];

    if (bytes == 0)
        return;
    (void) snprintf(text, sizeof text, "%llu", (unsigned long long) bytes);
    jsonw_string(w, key, text);
}

static int write_manifest(int folder_fd, const struct plan *p, unsigned i, struct err *e) {
    CLEANUP(str_clear_p) struct str out = STR_INIT(16384);
    struct jsonw w = JSONW_INIT(&out);
    char id[KIT_ID_SIZE], name[64];

    kit_id(id, i);
    (void) snprintf(name, sizeof name, "Stress %u (%s)", i + 1, manner_name(p->order[i]));
    jsonw_object(&w, NULL);
    jsonw_string(&w, "app_id", id);
    jsonw_string(&w, "name", name);
    jsonw_object(&w, "version");
    jsonw_int(&w, "code", 1);
    jsonw_string(&w, "name", "1.0");
    jsonw_end_object(&w);
    jsonw_object(&w, "platform_version");
    jsonw_int(&w, "min_code", 1);
    jsonw_end_object(&w);
    jsonw_object(&w, "miniprog");
    add_exec(&w, p, p->order[i]);
    jsonw_string(&w, "ready", "notify");
    jsonw_string(&w, "start_timeout", "60s");
    add_size(&w, "memory_high", p->memory_high);
    add_size(&w, "memory_max", p->memory_max);
    add_size(&w, "memory_need", p->size / 1000 * p->need);
    jsonw_end_object(&w);
    jsonw_end_object(&w);
    if (str_error(&out) < 0)
        return err_set(e, str_error(&out), "cannot write a manifest");
    return fs_replace(folder_fd, "manifest.json", out.data, out.len, 0644, FS_VOLATILE, e);
}

/* The package holds the program itself: where it is may be hidden from an app's uid. */
static int write_program(int folder_fd, struct err *e) {
    CLEANUP(free_p) char *bytes = NULL;
    CLEANUP(close_p) int bin_fd = -1;
    char path[PATH_MAX];
    size_t n;
    int r = kit_find(APP_PROGRAM, "libexec/miniprog", path, sizeof path, e);

    if (r >= 0)
        r = fs_read(AT_FDCWD, path, PROGRAM_MAX, &bytes, &n, e);
    if (r >= 0)
        r = fs_mkdir(folder_fd, "bin", 0755, &bin_fd, e);
    if (r >= 0)
        r = fs_replace(bin_fd, APP_PROGRAM, bytes, n, 0755, FS_VOLATILE, e);
    return r;
}

/* --- all of them -------------------------------------------------------------------------- */

static bool is_ours(const char *id) {
    return strncmp(id, KIT_PREFIX, sizeof KIT_PREFIX - 1) == 0;
}

static int refuse_others(struct link *l, int stop_fd, struct err *e) {
    struct varlink_reply reply;
    int r = link_call(l->calls, stop_fd, &reply, e, "List", "{}");

    if (r < 0)
        return r;
    for (const struct json *a = json_first(json_get(reply.parameters, "apps")); a && r == 0;
         a = json_next(a))
        if (is_ours(json_get_string(a, "id", "")))
            r = err_set(e, -EEXIST,
                        "another run is at it, or was killed: %s is installed (--tidy removes it)",
                        json_get_string(a, "id", ""));
    varlink_reply_clear(&reply);
    return r;
}

/* An installation that was begun is waited for: else it would come about after all were removed. */
static int install_one(struct link *l, int stop_fd, const char *folder, struct err *e) {
    struct pollfd p = { .fd = stop_fd, .events = POLLIN };

    if (poll(&p, 1, 0) > 0)
        return err_set(e, -EINTR, "interrupted");
    return link_call(l->calls, -1, NULL, e, "Install", "{\"source\":\"%s\",\"unsigned\":true}",
                     folder);
}

int kit_install(struct link *l, int stop_fd, const struct plan *p, const char *folder,
                struct err *e) {
    CLEANUP(close_p) int folder_fd = -1;
    int r = refuse_others(l, stop_fd, e);

    if (r >= 0)
        r = fs_open_dir(AT_FDCWD, folder, &folder_fd, e);
    if (r >= 0)
        r = write_program(folder_fd, e);
    for (unsigned i = 0; i < p->apps && r >= 0; i++) {
        r = write_manifest(folder_fd, p, i, e);
        if (r >= 0)
            r = install_one(l, stop_fd, folder, e);
    }
    return r;
}

/* Killed first: an app that ignores everything would make Remove wait for stop_timeout. */
int kit_remove(struct link *l, unsigned *ret_n, struct err *e) {
    struct varlink_reply list;
    unsigned n = 0;
    int r = link_call(l->calls, -1, &list, e, "List", "{}"), result = 0;

    if (r < 0)
        return r;
    for (const struct json *a = json_first(json_get(list.parameters, "apps")); a;
         a = json_next(a)) {
        const char *id = json_get_string(a, "id", "");
        if (!is_ours(id))
            continue;
        n++;
        (void) link_call(l->calls, -1, NULL, NULL, "Kill", "{\"id\":\"%s\"}", id);
        r = link_call(l->calls, -1, NULL, e, "Remove", "{\"id\":\"%s\"}", id);
        if (r < 0)
            result = r;
    }
    varlink_reply_clear(&list);
    *ret_n = n;
    return result;
}
