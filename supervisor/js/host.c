/* SPDX-License-Identifier: MIT
 * host.c - wx functions about the host and the app's own life. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>

#include "supervisor/base/cleanup.h"
#include "supervisor/base/jsonw.h"
#include "supervisor/js/api.h"
#include "supervisor/js/js.h"
#include "supervisor/js/path.h"
#include "supervisor/sdk/miniprog.h"

#define INFO_MAX ((size_t) 4096)

/* "zh_CN.UTF-8" as WeChat's "zh_CN", "C" as "en". */
static void put_language(struct jsonw *w) {
    const char *lang = getenv("LANG");
    size_t n = lang ? strcspn(lang, ".@") : 0;

    if (n == 0 || (n == 1 && lang[0] == 'C') || (n == 5 && memcmp(lang, "POSIX", 5) == 0))
        jsonw_string(w, "language", "en");
    else
        jsonw_string_n(w, "language", lang, n);
}

/* Members about the host; without the braces. */
static void put_host(struct js *js, struct jsonw *w) {
    char version[32];

    (void) snprintf(version, sizeof version, "%lld", (long long) js->host_version);
    jsonw_string(w, "SDKVersion", js->base_library);
    jsonw_string(w, "version", version);
    put_language(w);
    jsonw_bool(w, "enableDebug", false);
    jsonw_object(w, "host");
    jsonw_string(w, "appId", "");
    jsonw_string(w, "env", "miniprogd");
    jsonw_end_object(w);
}

static void put_system(struct jsonw *w) {
    char system[sizeof(struct utsname)];
    struct utsname u;

    if (uname(&u) < 0)
        return;
    (void) snprintf(system, sizeof system, "%s %s", u.sysname, u.release);
    jsonw_string(w, "platform", "linux");
    jsonw_string(w, "system", system);
}

static JSValueRef info(struct js *js, bool with_system, JSValueRef *exc) {
    CLEANUP(str_clear_p) struct str json = STR_INIT(INFO_MAX);
    struct jsonw w = JSONW_INIT(&json);

    jsonw_object(&w, NULL);
    put_host(js, &w);
    if (with_system)
        put_system(&w);
    jsonw_end_object(&w);
    JSValueRef v = str_error(&json) ? NULL : value_json(js->ctx, str_text(&json));
    return v ? v : value_throw(js->ctx, exc, "out of memory");
}

API_SYNC_FUNCTION(getSystemInfoSync) {
    (void) n;
    (void) args;
    return info(js, true, exc);
}

API_SYNC_FUNCTION(getAppBaseInfo) {
    (void) n;
    (void) args;
    return info(js, false, exc);
}

API_ASYNC_FUNCTION(getSystemInfo) {
    CLEANUP(str_clear_p) struct str json = STR_INIT(INFO_MAX);
    struct jsonw w = JSONW_INIT(&json);

    (void) exc;
    put_host(js, &w);
    put_system(&w);
    if (str_error(&json))
        request_fail(q, "out of memory");
    else
        request_ok(q, str_text(&json));
}

API_SYNC_FUNCTION(getLaunchOptionsSync) {
    (void) n;
    (void) args;
    (void) exc;
    return js->launch ? value_json(js->ctx, js->launch) : JSValueMakeUndefined(js->ctx);
}

API_SYNC_FUNCTION(getEnterOptionsSync) {
    (void) n;
    (void) args;
    (void) exc;
    return js->enter ? value_json(js->ctx, js->enter) : JSValueMakeUndefined(js->ctx);
}

/* --- what the supervisor is asked --------------------------------------------------------- */

static void done(struct miniprog *m, int error, void *data) {
    (void) m;
    request_done(data, error);
}

/* The end comes with the answer, or before it: what was asked is told all the same. */
static void ended(struct miniprog *m, int error, void *data) {
    struct request *q = data;

    q->js->awaited--;
    done(m, error, q);
}

API_ASYNC_FUNCTION(exitMiniProgram) {
    (void) exc;
    js->awaited++;
    int r = miniprog_exit(js->m, ended, q);
    if (r < 0)
        ended(js->m, r, q);
}

API_ASYNC_FUNCTION(restartMiniProgram) {
    CLEANUP(str_clear_p) struct str path = STR_INIT(PATH_TEXT_MAX);
    int r = request_need_text(q, "path", &path, exc);

    if (r == -EINVAL || r == -EBADMSG)
        return;
    if (r < 0) {
        request_fail(q, "the path is too long");
        return;
    }
    const char *text = str_text(&path);
    text += strspn(text, "/");
    js->awaited++;
    r = miniprog_restart(js->m, text, ended, q);
    if (r < 0)
        ended(js->m, r, q);
}

API_ASYNC_FUNCTION(updateWeChatApp) {
    (void) exc;
    int r = miniprog_request_host_update(js->m, NULL, done, q);
    if (r < 0)
        request_done(q, r);
}
