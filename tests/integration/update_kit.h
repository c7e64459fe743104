/* SPDX-License-Identifier: MIT
 * update_kit.h - an app whose versions come from a web server of ours (server.py): packages and
 * indexes made by the worker, signed with minisign. Part of each it_update*.c that includes it. */
#ifndef TESTS_UPDATE_KIT_H
#define TESTS_UPDATE_KIT_H

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "supervisor/base/cleanup.h"
#include "supervisor/base/fs.h"
#include "supervisor/base/err.h"
#include "supervisor/base/str.h"
#include "tests/lib/harness.h"
#include "tests/lib/raw.h"

#define UPDATE_TEST __attribute__((unused)) static

#define ONE "org.example.one"
#define ID  "{\"id\":\"" ONE "\"}"
/* The patience of starts is that of a loaded machine. */
#define CONFIG_PATIENT(sync)                                                                       \
    "[lifecycle]\nsuspend_after=1h\nstart_timeout=60s\nstop_timeout=2s\n"                          \
    "[update]\nhealthy_after=1h\nallow_http=yes\nsync_timeout=" sync "\n"
#define CONFIG CONFIG_PATIENT("15s")

static struct harness h;
static pid_t server;
static int server_in = -1; /* it ends when this is closed */
static int port;
static FILE *asked; /* a line for each request */
static struct str requests = STR_INIT(1 << 24);

/* Runs a shell command in the folder of packages; it must succeed. */
__attribute__((format(printf, 1, 2))) UPDATE_TEST void sh(const char *fmt, ...) {
    char command[3072], whole[3400];
    va_list ap;

    va_start(ap, fmt);
    (void) vsnprintf(command, sizeof command, fmt, ap);
    va_end(ap);
    (void) snprintf(whole, sizeof whole, "cd %s && { %s\n} >>log 2>&1", h.packages, command);
    if (system(whole) != 0) {
        (void) snprintf(whole, sizeof whole, "cat %s/log >&2", h.packages);
        (void) !system(whole);
        fail_msg("failed: %s", command);
    }
}

UPDATE_TEST const char *worker(void) {
    static char path[512];
    const char *build = getenv("MINIPROG_LIBEXEC");
    (void) snprintf(path, sizeof path, "%s/miniprog-worker", build ? build : "build/debug");
    return path;
}

UPDATE_TEST const char *source(const char *name) {
    static char path[512];
    const char *folder = getenv("MINIPROG_SOURCE");
    (void) snprintf(path, sizeof path, "%s/%s", folder ? folder : ".", name);
    return path;
}

/* Serves the folder "www" as the paths say; the port it got is what it says first. */
UPDATE_TEST void serve(void) {
    char folder[128], text[32];
    int in[2], out[2];

    (void) snprintf(folder, sizeof folder, "%s/www", h.packages);
    assert_int_equal(mkdir(folder, 0755), 0);
    assert_int_equal(pipe2(in, O_CLOEXEC), 0);
    assert_int_equal(pipe2(out, O_CLOEXEC), 0);
    server = fork();
    assert_true(server >= 0);
    if (server == 0) {
        (void) dup2(in[0], 0);
        (void) dup2(out[1], 1);
        (void) dup2(open("/dev/null", O_WRONLY), 2); /* a client that hangs up is no news */
        (void) execlp("python3", "python3", source("tests/integration/server.py"), folder,
                      (char *) NULL);
        _exit(127);
    }
    (void) close(in[0]);
    (void) close(out[1]);
    server_in = in[1];
    asked = fdopen(out[0], "r");
    assert_non_null(asked);
    (void) setvbuf(asked, NULL, _IONBF, 0);
    assert_non_null(fgets(text, sizeof text, asked));
    port = atoi(text);
    assert_true(port > 0);
    assert_int_equal(fcntl(fileno(asked), F_SETFL, O_NONBLOCK), 0);
}

/* All requests so far, a line each; a request is written down before it is answered. */
UPDATE_TEST const char *asked_for(void) {
    char bytes[4096];
    ssize_t n;

    while ((n = read(fileno(asked), bytes, sizeof bytes)) > 0)
        assert_int_equal(str_append(&requests, bytes, (size_t) n), 0);
    return str_text(&requests);
}

UPDATE_TEST unsigned count_of(const char *text, const char *part) {
    unsigned n = 0;
    for (; (text = strstr(text, part)); text += strlen(part))
        n++;
    return n;
}

UPDATE_TEST int start_with(const char *config) {
    harness_start(&h, config);
    serve();
    sh("minisign -G -W -p key.pub -s key.sec");
    sh("mkdir %s/trust && cp key.pub %s/trust/", h.state, h.state);
    return 0;
}

UPDATE_TEST int start(void **state) {
    (void) state;
    return start_with(CONFIG);
}

UPDATE_TEST int end(void **state) {
    (void) state;
    if (server > 0) {
        close_p(&server_in);
        (void) kill(server, SIGKILL); /* it may be in the middle of an endless answer */
        (void) waitpid(server, NULL, 0);
        (void) fclose(asked);
    }
    server = 0;
    str_clear(&requests);
    requests = (struct str) STR_INIT(1 << 24);
    harness_clean(&h);
    return 0;
}

UPDATE_TEST void finish(void) {
    raw_assert_sound(&h);
    harness_stop(&h);
}

/* --- publishing --------------------------------------------------------------------------- */

/* Packs a version into www/ as one-<code>.ma. script NULL: the probe, ready by its word. */
UPDATE_TEST void pack(int code, const char *script) {
    char folder[128], ours[256];

    (void) snprintf(ours, sizeof ours,
                    "\"ready\":\"notify\",\"update_url\":\"http://127.0.0.1:%d/as-told/index\"",
                    port);
    harness_make(&h,
                 &(struct harness_app){ .id = ONE,
                                        .code = code,
                                        .script = script,
                                        .program = script ? NULL : "probe",
                                        .ours = ours },
                 folder);
    sh("%s pack --output www/one-%d.ma %s", worker(), code, folder);
}

/* Signs index.json, whatever it is, and puts it where it is asked for. */
UPDATE_TEST void publish_json(const char *key) {
    sh("minisign -S -s %s -m index.json && cat index.json.minisig index.json >www/index.new && mv "
       "www/index.new www/index",
       key);
}

/* An index of these versions as index.json. options: more of its members, or "". */
UPDATE_TEST void make_index(unsigned long long sequence, const char *codes, const char *options) {
    const char *expires = strstr(options, "--expires") ? "" : "--expires 2099-01-01T00:00:00Z";
    char files[512] = "";
    const char *at = codes;
    int code, n;

    for (; sscanf(at, "%d%n", &code, &n) == 1; at += n)
        (void) snprintf(files + strlen(files), sizeof files - strlen(files), " www/one-%d.ma",
                        code);
    sh("%s make-index --output index.json --sequence %llu %s --base-url "
       "http://127.0.0.1:%d/plain/ %s %s",
       worker(), sequence, expires, port, options, files);
}

UPDATE_TEST void publish(unsigned sequence, const char *codes, const char *options) {
    make_index(sequence, codes, options);
    publish_json("key.sec");
}

/* --- asking ------------------------------------------------------------------------------- */

UPDATE_TEST void install_over_http(int code) {
    struct varlink_reply reply;
    harness_call(&h, &reply, "Install", "{\"source\":\"http://127.0.0.1:%d/as-told/index\"}", port);
    if (reply.error)
        fail_msg("%s: %s", reply.error, json_get_string(reply.parameters, "detail", ""));
    assert_string_equal(json_get_string(reply.parameters, "id", ""), ONE);
    assert_int_equal(json_get_int(reply.parameters, "version_code", 0), code);
    assert_false(json_get_bool(reply.parameters, "pending", true));
    varlink_reply_clear(&reply);
}

UPDATE_TEST void opens_as(int64_t code) {
    struct varlink_reply reply;
    harness_call(&h, &reply, "Open", ID);
    if (reply.error)
        fail_msg("%s: %s", reply.error, json_get_string(reply.parameters, "detail", ""));
    assert_int_equal(json_get_int(reply.parameters, "version_code", 0), code);
    varlink_reply_clear(&reply);
}

/* Passes over update events until this one; its reason must be that, if one is given. */
UPDATE_TEST void hears(const char *phase, int64_t code, const char *reason) {
    for (bool found = false; !found;) {
        struct varlink_reply reply;
        const struct json *u = json_get(harness_wait_event(&h, ONE, "update", &reply), "update");
        found = strcmp(json_get_string(u, "phase", ""), phase) == 0;
        if (found) {
            assert_int_equal(json_get_int(u, "version_code", -1), code);
            if (reason)
                assert_string_equal(json_get_string(u, "reason", ""), reason);
        }
        varlink_reply_clear(&reply);
    }
}

UPDATE_TEST void checks(bool has_update, int64_t code) {
    struct varlink_reply reply;
    harness_call(&h, &reply, "CheckUpdate", ID);
    if (reply.error)
        fail_msg("%s: %s", reply.error, json_get_string(reply.parameters, "detail", ""));
    assert_int_equal(json_get_bool(reply.parameters, "has_update", !has_update), has_update);
    assert_int_equal(json_get_int(reply.parameters, "version_code", -1), code);
    varlink_reply_clear(&reply);
}

UPDATE_TEST void check_is_refused(const char *reason) {
    struct varlink_reply reply;
    harness_call(&h, &reply, "CheckUpdate", ID);
    assert_non_null(reply.error);
    assert_string_equal(json_get_string(reply.parameters, "reason", ""), reason);
    varlink_reply_clear(&reply);
    hears("failed", -1, reason);
}

UPDATE_TEST void versions(int64_t current, int64_t pending, int64_t previous) {
    assert_int_equal(harness_number(&h, ONE, "version_code"), current);
    assert_int_equal(harness_number(&h, ONE, "pending_version"), pending);
    assert_int_equal(harness_number(&h, ONE, "previous_version"), previous);
}

UPDATE_TEST void restart(void) {
    harness_ok(&h, "Close", ID);
}

/* The last decision on record. */
UPDATE_TEST void why_says(const char *action, const char *text) {
    const struct json *last = NULL;
    struct varlink_reply reply;

    harness_call(&h, &reply, "Why", ID);
    for (const struct json *d = json_first(json_get(reply.parameters, "decisions")); d;
         d = json_next(d))
        last = d;
    if (!last || strcmp(json_get_string(last, "action", ""), action) != 0 ||
        !strstr(json_get_string(last, "text", ""), text))
        fail_msg("why: '%s: %s', not '%s: %s'", json_get_string(last, "action", ""),
                 json_get_string(last, "text", ""), action, text);
    varlink_reply_clear(&reply);
}

/* Begun so far; where an Open begins one, that is said before the Open is answered. */
UPDATE_TEST unsigned checks_begun(void) {
    CLEANUP(free_p) char *log = NULL;
    char path[64];
    (void) snprintf(path, sizeof path, "%s/daemon.log", h.base);
    assert_int_equal(fs_read(AT_FDCWD, path, 1 << 26, &log, NULL, NULL), 0);
    return count_of(log, "its update index is asked for");
}

#endif
