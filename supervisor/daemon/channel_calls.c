/* SPDX-License-Identifier: MIT */
#include "supervisor/daemon/channel_calls.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "supervisor/base/json.h"
#include "supervisor/base/jsonw.h"
#include "supervisor/base/str.h"
#include "supervisor/daemon/app.h"
#include "supervisor/daemon/channel.h"
#include "supervisor/daemon/config.h"
#include "supervisor/daemon/daemon.h"
#include "supervisor/daemon/dialog.h"
#include "supervisor/daemon/log.h"
#include "supervisor/daemon/loop.h"
#include "supervisor/daemon/runstate.h"
#include "supervisor/daemon/server.h"
#include "supervisor/daemon/watch.h"
#include "units/exitstate.h"

/* What [apps] base_library says when it is empty: the newest of what miniprog-js has, which a test
 * holds against its table. */
#define BASE_LIBRARY "3.5.7"

int channel_on_ready(struct call *call) {
    struct app *app = call_userdata(call);
    struct run *run = app->run;

    call_reply(call);
    if (run->spawning)
        run->ready_early = true;
    else if (app->state == LIFE_STARTING)
        app_event(app, LIFE_EV_READY, "ready");
    return 0;
}

int channel_on_get_info(struct call *call) {
    struct app *app = call_userdata(call);
    struct run *run = app->run;
    const char *library = app->d->config->apps.base_library;
    struct jsonw *w = call_begin(call, false);

    jsonw_string(w, "id", app->id);
    jsonw_u64(w, "version_code", app->manifest->version_code);
    jsonw_int(w, "host_version_code", HOST_VERSION_CODE);
    jsonw_string(w, "base_library", library[0] ? library : BASE_LIBRARY);
    jsonw_string(w, "start", run->hot ? "hot" : "cold");
    launch_write(app, &run->launch, w, "launch");
    launch_write(app, &run->enter, w, "enter");
    if (run->exit_state)
        jsonw_raw(w, "exit_state", run->exit_state, strlen(run->exit_state));
    call_end(call);
    return 0;
}

int channel_on_save_exit_state(struct call *call) {
    struct app *app = call_userdata(call);
    const struct json *p = call_parameters(call);
    uint64_t now = loop_realtime();
    int64_t asked = json_get_int(p, "expires_at_usec", 0);
    struct str text = STR_INIT(EXITSTATE_MAX);

    int r = json_print(json_get(p, "data"), &text);
    if (r == -EMSGSIZE) {
        str_clear(&text);
        struct jsonw *w = call_begin_error(call, "TooLarge");
        jsonw_u64(w, "limit", EXITSTATE_MAX);
        call_end(call);
        return 0;
    }
    char *owned = r < 0 ? NULL : str_take(&text);
    str_clear(&text);
    if (!owned)
        return -ENOMEM;
    app_set_exit_state(app, owned,
                       asked > 0 ? (uint64_t) asked
                                 : now + app->d->config->lifecycle.exit_state_expiry);
    call_reply(call);
    return 0;
}

int channel_on_exit(struct call *call) {
    struct app *app = call_userdata(call);
    call_reply(call);
    app_end(app, EXIT_EXITED_REASON, LIFE_EV_CLOSE);
    return 0;
}

int channel_on_restart(struct call *call) {
    struct app *app = call_userdata(call);
    struct run *run = app->run;
    const char *path = json_get_string(call_parameters(call), "path", NULL);

    if (app->state != LIFE_STOPPING) {
        free(run->restart_path);
        run->restart_path = path ? strdup(path) : NULL;
        run->reopen = app->state == LIFE_FOREGROUND;
    }
    call_reply(call);
    app_end(app, EXIT_RESTART_REASON, LIFE_EV_CLOSE);
    return 0;
}

int channel_on_show_dialog(struct call *call) {
    return dialog_ask(call_userdata(call), call);
}

int channel_on_keep_running(struct call *call) {
    struct app *app = call_userdata(call);
    const struct json *p = call_parameters(call);
    const char *kind = json_get_string(p, "kind", "");
    bool on = json_get_bool(p, "on", false);
    unsigned bit = manifest_background_bit(kind);

    if (bit == 0) {
        call_invalid(call, "kind");
        return 0;
    }
    if (!(app->manifest->background & bit)) {
        struct jsonw *w = call_begin_error(call, "NotDeclared");
        jsonw_string(w, "kind", kind);
        call_end(call);
        return 0;
    }
    call_reply(call);
    app_keep_running(app, bit, on);
    return 0;
}

int channel_on_report_page(struct call *call) {
    struct app *app = call_userdata(call);
    const struct json *p = call_parameters(call);
    struct jsonw *w = watch_begin(app->d->watch, "page", app->id);

    if (w) {
        jsonw_object(w, "page");
        jsonw_string(w, "path", json_get_string(p, "path", ""));
        jsonw_json(w, "data", json_get(p, "data"));
        jsonw_end_object(w);
        watch_end(app->d->watch);
    }
    call_reply(call);
    return 0;
}

int channel_on_request_host_update(struct call *call) {
    struct app *app = call_userdata(call);
    struct jsonw *w = watch_begin(app->d->watch, "host_update", app->id);

    if (w) {
        jsonw_object(w, "host_update");
        jsonw_string(w, "reason", json_get_string(call_parameters(call), "reason", ""));
        jsonw_end_object(w);
        watch_end(app->d->watch);
    }
    call_reply(call);
    return 0;
}
