/* SPDX-License-Identifier: MIT
 * js_kit.h - JavaScript mini-programs for a test: part of each it_js*.c that includes it. */
#ifndef TESTS_JS_KIT_H
#define TESTS_JS_KIT_H

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
#include <unistd.h>

#include <cmocka.h>

#include "supervisor/base/cleanup.h"
#include "supervisor/base/err.h"
#include "supervisor/base/fs.h"
#include "tests/lib/harness.h"

#define JS_TEST __attribute__((unused)) static

JS_TEST const char *js_program(void) {
    static char path[512];
    const char *build = getenv("MINIPROG_BUILD");
    (void) snprintf(path, sizeof path, "%s/miniprog-js", build ? build : "build/debug");
    return path;
}

/* Not everywhere is the engine installed. */
JS_TEST void js_start(struct harness *h, const char *config) {
    harness_need("javascript", access(js_program(), X_OK) == 0, "miniprog-js was not built");
    harness_start(h, config);
}

/* A folder of the source tree: "tests/integration/js/api". */
JS_TEST void js_install(struct harness *h, const char *folder) {
    const char *source = getenv("MINIPROG_SOURCE");
    harness_ok(h, "Install", "{\"source\":\"%s/%s\",\"unsigned\":true}", source ? source : ".",
               folder);
}

/* For a teardown: what the app said, where its test failed. */
JS_TEST void js_clean(struct harness *h, const char *id) {
    CLEANUP(free_p) char *text = NULL;
    char path[256];

    (void) snprintf(path, sizeof path, "%s/log/%s", h->state, id);
    if (h->daemon && fs_read(AT_FDCWD, path, 1 << 24, &text, NULL, NULL) == 0)
        (void) printf("--- what %s said:\n%s---\n", id, text);
    harness_clean(h);
}

struct js_file {
    const char *path, *text;
};

struct js_app {
    const char *id;
    int code;         /* 0 is 1 */
    const char *ours; /* members of "miniprog", or NULL */
    const char *app;  /* app.js */
    const char *page; /* pages/index.js; NULL: Page({}) */
    struct js_file more[4];
};

JS_TEST void js_put(const char *folder, const char *path, const char *text) {
    char whole[512];
    struct err e = { 0 };

    (void) snprintf(whole, sizeof whole, "%s/%s", folder, path);
    *strrchr(whole, '/') = '\0';
    assert_int_equal(fs_mkdirs(whole, 0755, NULL), 0);
    whole[strlen(whole)] = '/';
    if (fs_replace(AT_FDCWD, whole, text, strlen(text), 0644, FS_VOLATILE, &e) < 0)
        fail_msg("%s", e.text);
}

/* Makes the folder of an app. */
JS_TEST void js_make(struct harness *h, const struct js_app *app, char ret_folder[128]) {
    char manifest[2048];
    int code = app->code ? app->code : 1;

    (void) snprintf(ret_folder, 128, "%s/%s", h->packages, app->id);
    (void) fs_remove_tree(AT_FDCWD, ret_folder, NULL);
    (void) snprintf(
        manifest, sizeof manifest,
        "{\"app_id\":\"%s\",\"name\":\"%s\",\"version\":{\"code\":%d,\"name\":\"%d.0\"},"
        "\"platform_version\":{\"min_code\":1},\"pages\":[\"pages/index\",\"pages/two\"],"
        "\"icons\":[{\"src\":\"icon.png\"}],\"miniprog\":{%s}}",
        app->id, app->id, code, code, app->ours ? app->ours : "");
    js_put(ret_folder, "manifest.json", manifest);
    js_put(ret_folder, "app.css", "");
    js_put(ret_folder, "app.js", app->app);
    js_put(ret_folder, "pages/index.js", app->page ? app->page : "Page({})\n");
    js_put(ret_folder, "pages/two.js", "Page({})\n");
    for (size_t i = 0; i < 4 && app->more[i].path; i++)
        js_put(ret_folder, app->more[i].path, app->more[i].text);
}

JS_TEST void js_install_app(struct harness *h, const struct js_app *app) {
    char folder[128];
    js_make(h, app, folder);
    harness_ok(h, "Install", "{\"source\":\"%s\",\"unsigned\":true}", folder);
}

JS_TEST void js_open(struct harness *h, const char *id) {
    harness_ok(h, "Open", "{\"id\":\"%s\"}", id);
}

JS_TEST bool js_has_log(struct harness *h, const char *id, const char *text) {
    CLEANUP(free_p) char *log = harness_log(h, id);
    return strstr(log, text) != NULL;
}

/* The log has the text, or will: what an app wrote last is read after its end is known. */
JS_TEST void js_assert_log(struct harness *h, const char *id, const char *text) {
    const char *last = strrchr(text, '\n');

    if (js_has_log(h, id, text))
        return;
    harness_wait_log(h, id, last ? last + 1 : text);
    if (!js_has_log(h, id, text))
        fail_msg("'%s' is not in the log", text); /* which the teardown prints */
}

JS_TEST void js_assert_no_log(struct harness *h, const char *id, const char *text) {
    CLEANUP(free_p) char *log = harness_log(h, id);
    if (strstr(log, text))
        fail_msg("'%s' is in the log:\n%s", text, log);
}

/* The next dialog of the app, answered; its content is in ret. */
JS_TEST void js_answer(struct harness *h, const char *id, bool yes, char ret_content[2048]) {
    struct varlink_reply reply;
    const struct json *event = harness_wait_event(h, id, "dialog", &reply);
    const struct json *dialog = json_get(event, "dialog");
    int64_t number = json_get_int(dialog, "dialog", -1);

    (void) snprintf(ret_content, 2048, "%s|%s", json_get_string(dialog, "title", ""),
                    json_get_string(dialog, "content", ""));
    varlink_reply_clear(&reply);
    harness_ok(h, "Answer", "{\"dialog\":%lld,\"confirm\":%s}", (long long) number,
               yes ? "true" : "false");
}

#endif
