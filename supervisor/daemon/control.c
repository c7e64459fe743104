/* SPDX-License-Identifier: MIT
 * The handlers of org.miniprog.Supervisor. Each is decided by the state at its arrival; its reply
 * may come later. */
#include "supervisor/daemon/control.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "supervisor/base/err.h"
#include "supervisor/base/json.h"
#include "supervisor/base/jsonw.h"
#include "supervisor/base/map.h"
#include "supervisor/base/str.h"
#include "supervisor/daemon/app.h"
#include "supervisor/daemon/config.h"
#include "supervisor/daemon/daemon.h"
#include "supervisor/daemon/dialog.h"
#include "supervisor/daemon/gid.h"
#include "supervisor/daemon/install.h"
#include "supervisor/daemon/log.h"
#include "supervisor/daemon/logs.h"
#include "supervisor/daemon/loop.h"
#include "supervisor/daemon/memory.h"
#include "supervisor/daemon/server.h"
#include "supervisor/daemon/update.h"
#include "supervisor/daemon/update_calls.h"
#include "supervisor/daemon/watch.h"
#include "supervisor/daemon/why.h"
#include "supervisor/wire/frame.h"
#include "supervisor/wire/interfaces.h"

#define PER_UID_MAX 16                     /* Source: design.md §6 */
#define BEHIND_MAX  ((size_t) 1024 * 1024) /* Source: design.md §6 */
#define QUERY_MAX   ((size_t) 32 * 1024)

/* --- errors ------------------------------------------------------------------------------- */

void control_error_text(struct call *call, const char *error, const char *member,
                        const char *text) {
    jsonw_string(call_begin_error(call, error), member, text);
    call_end(call);
}

void control_no_such_app(struct call *call, const char *id) {
    control_error_text(call, "NoSuchApp", "id", id);
}

void control_bad_package(struct call *call, const char *reason, const char *detail) {
    struct jsonw *w = call_begin_error(call, "BadPackage");
    jsonw_string(w, "reason", reason);
    jsonw_string(w, "detail", detail);
    call_end(call);
}

void control_storage(struct call *call, const char *detail) {
    control_error_text(call, "Storage", "detail", detail);
}

void control_busy(struct call *call, const char *detail) {
    control_error_text(call, "Busy", "detail", detail);
}

/* What a handler could not do for want of memory or the like. */
static void failed(struct call *call, int error) {
    control_busy(call, strerror(-error));
}

static void bad_state(struct call *call, const struct app *app) {
    struct jsonw *w = call_begin_error(call, "BadState");
    jsonw_string(w, "id", app->id);
    jsonw_string(w, "state", life_state_name(app->state));
    call_end(call);
}

static void start_failed(struct call *call, const struct app *app, const struct start_failure *f) {
    struct jsonw *w = call_begin_error(call, "StartFailed");
    jsonw_string(w, "id", app->id);
    jsonw_string(w, "stage", f->stage);
    if (f->error)
        jsonw_int(w, "errno", f->error);
    jsonw_string(w, "detail", f->detail);
    call_end(call);
}

/* The app that a call names; NULL after the error reply: the call is gone then. */
static struct app *app_of(struct call *call) {
    const char *id = json_get_string(call_parameters(call), "id", "");
    struct app *app = daemon_app(call_userdata(call), id);
    if (!app)
        control_no_such_app(call, id);
    return app;
}

/* --- looking ------------------------------------------------------------------------------ */

static int on_list(struct call *call) {
    struct daemon *d = call_userdata(call);
    struct jsonw *w = call_begin(call, false);
    struct app *app;
    size_t at = 0;

    jsonw_array(w, "apps");
    while ((app = map_next(d->apps, &at)))
        app_write(app, w, NULL);
    jsonw_end_array(w);
    call_end(call);
    return 0;
}

static int on_status(struct call *call) {
    struct app *app = app_of(call);
    if (app) {
        app_write(app, call_begin(call, false), "app");
        call_end(call);
    }
    return 0;
}

static int on_why(struct call *call) {
    struct app *app = app_of(call);
    return app ? why_answer(app, call) : 0;
}

static int on_logs(struct call *call) {
    struct app *app = app_of(call);
    return app ? logs_answer(app, call) : 0;
}

static int on_watch(struct call *call) {
    struct daemon *d = call_userdata(call);
    const char *only = json_get_string(call_parameters(call), "id", NULL);

    if (only && !daemon_app(d, only)) {
        control_no_such_app(call, only);
        return 0;
    }
    return watch_add(d->watch, call, only);
}

/* --- life --------------------------------------------------------------------------------- */

static void opened(struct waiter *w, struct app *app, const struct start_failure *failure) {
    struct call *call = w->call;

    if (failure) {
        start_failed(call, app, failure);
    } else {
        struct jsonw *out = call_begin(call, false);
        jsonw_string(out, "start", w->start);
        jsonw_int(out, "pid", app->run->pid);
        jsonw_u64(out, "version_code", app->manifest->version_code);
        call_end(call);
    }
    waiter_free(w);
}

static int read_launch(const struct json *p, struct launch *l) {
    const char *path = json_get_string(p, "path", NULL);
    const struct json *query = json_get(p, "query");

    if (path && !(l->path = strdup(path)))
        return -ENOMEM;
    if (query) {
        struct str text = STR_INIT(QUERY_MAX);
        int r = json_print(query, &text);
        if (r == 0)
            l->query = str_take(&text);
        str_clear(&text);
        if (!l->query)
            return r < 0 ? r : -ENOMEM;
    }
    l->scene = json_get_int(p, "scene", LAUNCH_SCENE_DEFAULT);
    return 0;
}

static int on_open(struct call *call) {
    struct app *app = app_of(call);
    if (!app)
        return 0;
    struct waiter *w = waiter_new(call, opened);
    if (!w)
        return -ENOMEM;
    int r = read_launch(call_parameters(call), &w->launch);
    if (r < 0) {
        waiter_free(w);
        if (r != -EMSGSIZE)
            return r;
        call_invalid(call, "query");
        return 0;
    }
    app_open(app, w);
    return 0;
}

static int on_hide(struct call *call) {
    int64_t reason = json_get_int(call_parameters(call), "reason", 0);
    struct app *app = app_of(call);

    if (!app)
        return 0;
    if (reason < 0 || reason > 3) {
        call_invalid(call, "reason");
        return 0;
    }
    if (app->state != LIFE_FOREGROUND && !life_is_warm(app->state)) {
        bad_state(call, app);
        return 0;
    }
    if (app->state == LIFE_FOREGROUND)
        app_hide(app, reason, "hide");
    call_reply(call);
    return 0;
}

static void ended(struct waiter *w, struct app *app, const struct start_failure *failure) {
    (void) app;
    (void) failure;
    call_reply(w->call);
    waiter_free(w);
}

static int end_and_reply(struct call *call, enum exit_reason reason, enum life_event event) {
    struct app *app = app_of(call);
    if (!app)
        return 0;
    struct waiter *w = waiter_new(call, ended);
    if (!w)
        return -ENOMEM;
    app_end(app, reason, event);
    app_when_ended(app, w);
    return 0;
}

static int on_close(struct call *call) {
    return end_and_reply(call, EXIT_CLOSED_REASON, LIFE_EV_CLOSE);
}

static int on_kill(struct call *call) {
    return end_and_reply(call, EXIT_KILLED_REASON, LIFE_EV_KILL);
}

/* --- packages ----------------------------------------------------------------------------- */

static int on_install(struct call *call) {
    struct daemon *d = call_userdata(call);
    return install_request(d->installer, call);
}

static int on_remove(struct call *call) {
    bool keep = json_get_bool(call_parameters(call), "keep_data", false);
    struct app *app = app_of(call);
    return app ? install_remove(app, call, keep) : 0;
}

static int on_check_update(struct call *call) {
    struct app *app = app_of(call);
    return app ? update_on_check(app, call) : 0;
}

static int on_apply_update(struct call *call) {
    struct app *app = app_of(call);
    return app ? update_on_apply(app, call) : 0;
}

static int on_rollback(struct call *call) {
    struct app *app = app_of(call);
    return app ? update_on_rollback(app, call) : 0;
}

static int on_simulate_update(struct call *call) {
    struct app *app = app_of(call);
    return app ? update_on_simulate(app, call) : 0;
}

/* --- memory, dialogs ---------------------------------------------------------------------- */

static int on_memory(struct call *call) {
    return memory_answer(call_userdata(call), call);
}

static int on_warn(struct call *call) {
    struct daemon *d = call_userdata(call);
    const struct json *p = call_parameters(call);
    int64_t level = json_get_int(p, "level", 0);
    struct app *app = NULL;
    int delivered = 0;

    if (level != 5 && level != 10 && level != 15) {
        call_invalid(call, "level");
        return 0;
    }
    if (json_get(p, "id") && !(app = app_of(call)))
        return 0;
    if (!app || life_is_running(app->state))
        delivered = memory_warn(d, app, (int) level, false);
    jsonw_int(call_begin(call, false), "delivered", delivered);
    call_end(call);
    return 0;
}

static int on_answer(struct call *call) {
    struct daemon *d = call_userdata(call);
    const struct json *p = call_parameters(call);
    int64_t number = json_get_int(p, "dialog", 0);

    if (dialog_answer(d->dialogs, number, json_get_bool(p, "confirm", false)) < 0) {
        jsonw_int(call_begin_error(call, "NoSuchDialog"), "dialog", number);
        call_end(call);
        return 0;
    }
    call_reply(call);
    return 0;
}

/* --- the socket --------------------------------------------------------------------------- */

static const struct method methods[] = {
    { .name = "List", .handle = on_list },
    { .name = "Status", .handle = on_status },
    { .name = "Open", .handle = on_open },
    { .name = "Hide", .handle = on_hide },
    { .name = "Close", .handle = on_close },
    { .name = "Kill", .handle = on_kill },
    { .name = "Install", .handle = on_install },
    { .name = "Remove", .handle = on_remove },
    { .name = "CheckUpdate", .handle = on_check_update },
    { .name = "ApplyUpdate", .handle = on_apply_update },
    { .name = "Rollback", .handle = on_rollback },
    { .name = "SimulateUpdate", .handle = on_simulate_update },
    { .name = "Warn", .handle = on_warn },
    { .name = "Memory", .handle = on_memory },
    { .name = "Why", .handle = on_why },
    { .name = "Logs", .handle = on_logs, .needs_more = true },
    { .name = "Answer", .handle = on_answer },
    { .name = "Watch", .handle = on_watch, .needs_more = true },
    { .name = NULL },
};

struct gate {
    bool has_group;
    gid_t group;
};
static struct gate gate; /* who may come in besides root and ourselves */

static bool admit(void *userdata, const struct ucred *peer, const gid_t *gids, size_t n_gids) {
    (void) userdata;
    if (peer->uid == 0 || peer->uid == geteuid())
        return true;
    if (!gate.has_group)
        return false;
    if (peer->gid == gate.group)
        return true;
    for (size_t i = 0; i < n_gids; i++)
        if (gids[i] == gate.group)
            return true;
    return false;
}

/* A missing default group is no error: the socket is then the owner's alone. */
int control_resolve(struct daemon *d, struct err *e) {
    const struct config *c = d->config;
    gid_t group = (gid_t) -1;
    int r = d->options.user && !c->control.group_given ? 0 : gid_of(c->control.group, &group);

    if (r < 0)
        return err_set(e, r, "[control] group: cannot look for '%s': %s", c->control.group,
                       strerror(-r));
    gate = (struct gate){ .has_group = r == 1, .group = group };
    if (r == 1 || d->options.user)
        return 0;
    if (c->control.group_given)
        return err_set(e, -EINVAL, "[control] group: there is no group '%s' on this machine",
                       c->control.group);
    log_warning(NULL, "there is no group '%s': the control socket is for root alone",
                c->control.group);
    return 0;
}

int control_open(struct daemon *d, int handed_fd, struct err *e) {
    char path[PATH_MAX];
    const struct idl *idl = wire_supervisor();

    if (!idl)
        return err_set(e, -ENOMEM, "out of memory");
    (void) snprintf(path, sizeof path, "%s/control", d->options.runtime_dir);
    const struct server_config config = {
        .path = path,
        .fd = handed_fd,
        .mode = gate.has_group ? 0660 : 0600,
        .uid = (uid_t) -1,
        .gid = gate.has_group ? gate.group : (gid_t) -1,
        .idl = idl,
        .methods = methods,
        .message_max = FRAME_MAX_CLIENT,
        .queue_max = BEHIND_MAX,
        .max_connections = d->config->control.max_clients,
        .max_per_uid = PER_UID_MAX,
        .admit = admit,
        .failed = failed,
        .userdata = d,
    };
    return server_new(d->calls, &config, &d->control, e);
}
