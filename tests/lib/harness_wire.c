/* SPDX-License-Identifier: MIT
 * harness_wire.c - calls, events and facts of the daemon under test. */
#include "tests/lib/harness.h"

#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "supervisor/base/cleanup.h"
#include "supervisor/base/err.h"
#include "supervisor/base/fs.h"
#include "supervisor/base/str.h"
#include "supervisor/wire/interfaces.h"

static uint64_t now_ms(void) {
    struct timespec ts;
    (void) clock_gettime(CLOCK_MONOTONIC, &ts);
    return (uint64_t) ts.tv_sec * 1000 + (uint64_t) ts.tv_nsec / 1000000;
}

__attribute__((format(printf, 4, 0))) static void call_v(struct client *c,
                                                         struct varlink_reply *ret,
                                                         const char *method, const char *fmt,
                                                         va_list ap) {
    char parameters[16384], name[128];
    struct err e = { 0 };

    (void) vsnprintf(parameters, sizeof parameters, fmt, ap);
    (void) snprintf(name, sizeof name, "%s%s", strchr(method, '.') ? "" : WIRE_SUPERVISOR ".",
                    method);
    if (client_send(c, name, parameters, false, false, &e) < 0 ||
        client_receive(c, HARNESS_PATIENCE_MS, ret, &e) < 0)
        fail_msg("%s %s: %s", method, parameters, e.text);
}

void harness_call(struct harness *h, struct varlink_reply *ret, const char *method, const char *fmt,
                  ...) {
    va_list ap;
    va_start(ap, fmt);
    call_v(h->client, ret, method, fmt, ap);
    va_end(ap);
}

static char *text_of(const struct json *v) {
    struct str out = STR_INIT(1 << 20);
    char *text = v && json_print(v, &out) == 0 ? str_take(&out) : strdup("{}");
    str_clear(&out);
    return text;
}

void harness_ok(struct harness *h, const char *method, const char *fmt, ...) {
    struct varlink_reply reply;
    va_list ap;
    va_start(ap, fmt);
    call_v(h->client, &reply, method, fmt, ap);
    va_end(ap);
    if (reply.error) {
        CLEANUP(free_p) char *text = text_of(reply.parameters);
        fail_msg("%s failed: %s %s", method, reply.error, text);
    }
    varlink_reply_clear(&reply);
}

void harness_error(struct harness *h, const char *error, const char *method, const char *fmt, ...) {
    struct varlink_reply reply;
    char name[128];
    va_list ap;

    va_start(ap, fmt);
    call_v(h->client, &reply, method, fmt, ap);
    va_end(ap);
    (void) snprintf(name, sizeof name, "%s%s", strchr(error, '.') ? "" : WIRE_SUPERVISOR ".",
                    error);
    if (!reply.error)
        fail_msg("%s succeeded, %s was expected", method, error);
    assert_string_equal(reply.error, name);
    varlink_reply_clear(&reply);
}

struct client *harness_connect(struct harness *h) {
    struct client *c = NULL;
    struct err e = { 0 };
    if (client_open(h->control, &c, &e) < 0)
        fail_msg("%s", e.text);
    return c;
}

struct client *harness_send(struct harness *h, const char *method, bool more, const char *fmt,
                            ...) {
    struct client *c = harness_connect(h);
    char parameters[16384], name[128];
    struct err e = { 0 };
    va_list ap;

    va_start(ap, fmt);
    (void) vsnprintf(parameters, sizeof parameters, fmt, ap);
    va_end(ap);
    (void) snprintf(name, sizeof name, WIRE_SUPERVISOR ".%s", method);
    if (client_send(c, name, parameters, more, false, &e) < 0)
        fail_msg("%s: %s", method, e.text);
    return c;
}

/* --- events ------------------------------------------------------------------------------- */

const struct json *harness_wait_event(struct harness *h, const char *id, const char *type,
                                      struct varlink_reply *ret) {
    uint64_t end = now_ms() + HARNESS_PATIENCE_MS;
    struct err e = { 0 };

    for (;;) {
        uint64_t now = now_ms();
        if (now >= end || client_receive(h->watcher, (int) (end - now), ret, &e) < 0)
            fail_msg("no event '%s' of '%s': %s", type, id ? id : "any app", e.text);
        if (ret->error)
            fail_msg("Watch failed: %s", ret->error);
        const struct json *ev = json_get(ret->parameters, "event");
        if (strcmp(json_get_string(ev, "type", ""), type) == 0 &&
            (!id || strcmp(json_get_string(ev, "app_id", ""), id) == 0))
            return ev;
        varlink_reply_clear(ret);
    }
}

void harness_wait_state(struct harness *h, const char *id, const char *to, const char *cause) {
    for (;;) {
        struct varlink_reply reply;
        const struct json *ev = harness_wait_event(h, id, "state", &reply);
        const struct json *state = json_get(ev, "state");
        bool there = strcmp(json_get_string(state, "to", ""), to) == 0;
        if (there && cause)
            assert_string_equal(json_get_string(state, "cause", ""), cause);
        varlink_reply_clear(&reply);
        if (there)
            return;
    }
}

void harness_wait_exit(struct harness *h, const char *id, const char *reason) {
    struct varlink_reply reply;
    const struct json *ev = harness_wait_event(h, id, "exit", &reply);
    if (reason)
        assert_string_equal(json_get_string(json_get(ev, "exit"), "reason", ""), reason);
    varlink_reply_clear(&reply);
}

/* --- facts -------------------------------------------------------------------------------- */

int64_t harness_number(struct harness *h, const char *id, const char *member) {
    struct varlink_reply reply;
    harness_call(h, &reply, "Status", "{\"id\":\"%s\"}", id);
    if (reply.error)
        fail_msg("Status of '%s' failed: %s", id, reply.error);
    int64_t n = json_get_int(json_get(reply.parameters, "app"), member, -1);
    varlink_reply_clear(&reply);
    return n;
}

pid_t harness_pid(struct harness *h, const char *id) {
    int64_t pid = harness_number(h, id, "pid");
    return pid > 0 ? (pid_t) pid : 0;
}

void harness_assert_state(struct harness *h, const char *id, const char *state) {
    struct varlink_reply reply;
    harness_call(h, &reply, "Status", "{\"id\":\"%s\"}", id);
    assert_null(reply.error);
    assert_string_equal(json_get_string(json_get(reply.parameters, "app"), "state", ""), state);
    varlink_reply_clear(&reply);
}

char harness_proc_state(pid_t pid) {
    char name[32], buf[512];
    (void) snprintf(name, sizeof name, "/proc/%d/stat", pid);
    if (fs_read_into(AT_FDCWD, name, buf, sizeof buf) <= 0)
        return 0;
    const char *end = strrchr(buf, ')');
    return end ? end[2] : 0;
}

/* The kernel offers no event for another's child being stopped: its file is looked at again. */
void harness_wait_proc_state(pid_t pid, const char *states) {
    uint64_t end = now_ms() + HARNESS_PATIENCE_MS;
    char state;
    while (!(state = harness_proc_state(pid)) || !strchr(states, state)) {
        if (now_ms() > end)
            fail_msg("process %d is '%c', not one of '%s'", pid, state ? state : '-', states);
        (void) poll(NULL, 0, 1);
    }
}

void harness_wait_gone(pid_t pid) {
    int fd = pidfd_open(pid, 0);
    struct pollfd p = { .fd = fd, .events = POLLIN };
    if (fd < 0)
        return;
    if (poll(&p, 1, HARNESS_PATIENCE_MS) <= 0)
        fail_msg("process %d does not end", pid);
    (void) close(fd);
}

static bool next_line(struct client *c, struct varlink_reply *reply, const char **ret) {
    struct err e = { 0 };
    if (client_receive(c, HARNESS_PATIENCE_MS, reply, &e) < 0)
        fail_msg("Logs: %s", e.text);
    if (reply->error)
        fail_msg("Logs failed: %s", reply->error);
    *ret = json_get_string(reply->parameters, "line", "");
    return reply->continues;
}

char *harness_log(struct harness *h, const char *id) {
    struct client *c = harness_send(h, "Logs", true, "{\"id\":\"%s\"}", id);
    struct str out = STR_INIT(1 << 26);
    bool more = true;

    while (more) {
        struct varlink_reply reply;
        const char *line;
        more = next_line(c, &reply, &line);
        (void) str_printf(&out, "%s\n", line);
        varlink_reply_clear(&reply);
    }
    client_close(c);
    return str_take(&out);
}

void harness_wait_log(struct harness *h, const char *id, const char *text) {
    struct client *c = harness_send(h, "Logs", true, "{\"id\":\"%s\",\"follow\":true}", id);
    for (;;) {
        struct varlink_reply reply;
        const char *line;
        (void) next_line(c, &reply, &line);
        bool found = strstr(line, text) != NULL;
        varlink_reply_clear(&reply);
        if (found)
            break;
    }
    client_close(c);
}

/* --- packages ----------------------------------------------------------------------------- */

static void write_at(const char *folder, const char *name, const char *text, mode_t mode) {
    char path[256];
    struct err e = { 0 };
    (void) snprintf(path, sizeof path, "%s/%s", folder, name);
    if (fs_replace(AT_FDCWD, path, text, strlen(text), mode, FS_VOLATILE, &e) < 0)
        fail_msg("%s", e.text);
}

static void copy_program(const char *folder, const char *program) {
    CLEANUP(free_p) char *bytes = NULL;
    char from[4096], to[256];
    size_t n;
    struct err e = { 0 };
    const char *build = getenv("MINIPROG_BUILD");

    (void) snprintf(from, sizeof from, "%s/tests/integration/app_%s", build ? build : "build/debug",
                    program);
    (void) snprintf(to, sizeof to, "%s/bin/run", folder);
    if (fs_read(AT_FDCWD, from, 1 << 26, &bytes, &n, &e) < 0 ||
        fs_replace(AT_FDCWD, to, bytes, n, 0755, FS_VOLATILE, &e) < 0)
        fail_msg("%s", e.text);
}

void harness_make(struct harness *h, const struct harness_app *app, char ret_folder[128]) {
    char text[8192];
    bool has_ours = app->ours && app->ours[0];

    (void) snprintf(ret_folder, 128, "%s/%s", h->packages, app->id);
    (void) fs_remove_tree(AT_FDCWD, ret_folder, NULL);
    (void) snprintf(text, sizeof text, "%s/bin", ret_folder);
    if (fs_mkdirs(text, 0755, NULL) < 0)
        fail_msg("cannot make '%s'", text);
    (void) snprintf(
        text, sizeof text,
        "{\"app_id\":\"%s\",\"name\":\"%s\",\"version\":{\"code\":%d,\"name\":\"%d.0\"},"
        "\"platform_version\":{\"min_code\":1},\"pages\":[\"pages/index\"],"
        "\"icons\":[{\"src\":\"icon.png\"}],\"miniprog\":{\"exec\":[\"bin/run\"%s%s%s]%s%s}}",
        app->id, app->id, app->code ? app->code : 1, app->code ? app->code : 1,
        app->argument ? ",\"" : "", app->argument ? app->argument : "", app->argument ? "\"" : "",
        has_ours ? "," : "", has_ours ? app->ours : "");
    write_at(ret_folder, "manifest.json", text, 0644);
    if (app->program) {
        copy_program(ret_folder, app->program);
    } else {
        (void) snprintf(text, sizeof text, "#!/bin/sh\n%s\n",
                        app->script ? app->script : "exec sleep 1000000");
        write_at(ret_folder, "bin/run", text, 0755);
    }
}

void harness_install(struct harness *h, const struct harness_app *app) {
    char folder[128];
    harness_make(h, app, folder);
    harness_ok(h, "Install", "{\"source\":\"%s\",\"unsigned\":true}", folder);
}
